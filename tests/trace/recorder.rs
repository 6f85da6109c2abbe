//! A subscriber that writes down what it is told, by span.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::panic::{Location, resume_unwind};
use std::sync::{Mutex, MutexGuard, Once};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// What became of a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    Entered,
    Exited,
    Closed,
    /// An event about its task's waker, and whether it came inside of the span.
    Waker(String, bool),
    /// An event of somebody else, inside of it.
    Event,
    /// How a resource, or a wait for it, stands: `name=value`, `.op`s and `.unit`s too.
    State(String),
    /// A poll of a wait: its name, whether it was ready, and the span of the task that polled.
    Polled(String, bool, Option<u64>),
}

#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) id: u64,
    pub(crate) name: &'static str,
    pub(crate) target: &'static str,
    pub(crate) parent: Option<u64>,
    pub(crate) is_root: bool,
    pub(crate) fields: BTreeMap<&'static str, String>,
    pub(crate) what: Vec<What>,
}

/// How often something happened to a span.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) entered: usize,
    pub(crate) wakes: usize,
    pub(crate) wakes_by_ref: usize,
    pub(crate) clones: usize,
    pub(crate) drops: usize,
}

impl Seen {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.what.last() == Some(&What::Closed)
    }

    fn count(&self, is_it: impl Fn(&What) -> bool) -> usize {
        self.what.iter().filter(|what| is_it(what)).count()
    }

    fn waker(&self, op: &str) -> usize {
        self.count(|what| matches!(what, What::Waker(is, _) if is == op))
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            entered: self.count(|what| *what == What::Entered),
            wakes: self.waker("waker.wake"),
            wakes_by_ref: self.waker("waker.wake_by_ref"),
            clones: self.waker("waker.clone"),
            drops: self.waker("waker.drop"),
        }
    }

    /// Entered and left in turns, closed once, after that; and no waker is lost or dropped twice.
    #[track_caller]
    pub(crate) fn check_ended(&self) -> Counts {
        self.check_turns();
        assert_eq!(self.count(|what| *what == What::Closed), 1, "{self:?}");
        let counts = self.counts();
        assert_eq!(counts.clones, counts.drops + counts.wakes, "{self:?}");
        counts
    }

    #[track_caller]
    fn check_turns(&self) {
        assert_eq!(self.is_root, matches!(self.name, TASK | RESOURCE), "{self:?}");
        let (mut is_inside, mut is_closed) = (false, false);
        for what in &self.what {
            match what {
                What::Entered => assert!(!std::mem::replace(&mut is_inside, true), "{self:?}"),
                What::Exited => assert!(std::mem::replace(&mut is_inside, false), "{self:?}"),
                What::Closed => is_closed = true,
                What::Waker(..) | What::Event | What::State(_) | What::Polled(..) => continue,
            }
            assert!(!is_closed || (!is_inside && *what == What::Closed), "{self:?}");
        }
        assert!(!is_inside, "{self:?}");
    }
}

pub(crate) const TASK: &str = "runtime.spawn";
pub(crate) const RESOURCE: &str = "runtime.resource";
pub(crate) const WAIT: &str = "runtime.resource.async_op";
pub(crate) const POLL: &str = "runtime.resource.async_op.poll";

static SEEN: Mutex<BTreeMap<u64, Seen>> = Mutex::new(BTreeMap::new());

thread_local! {
    static INSIDE: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// What should not be, as the subscriber saw it: a panic there would be lost.
static WRONG: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn expect(is_so: bool, what: impl FnOnce() -> String) {
    if !is_so {
        WRONG.lock().unwrap().push(what());
    }
}

fn seen() -> MutexGuard<'static, BTreeMap<u64, Seen>> {
    SEEN.lock().unwrap()
}

/// Listens from here on, on all threads.
pub(crate) fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| tracing::subscriber::set_global_default(Recorder).unwrap());
}

/// The spans of tasks of which `is_it` is true.
pub(crate) fn spans(is_it: impl Fn(&Seen) -> bool) -> Vec<Seen> {
    all(|span| span.name == TASK && is_it(span))
}

/// All spans of which `is_it` is true.
pub(crate) fn all(is_it: impl Fn(&Seen) -> bool) -> Vec<Seen> {
    assert!(WRONG.lock().unwrap().is_empty(), "{WRONG:?}");
    seen().values().filter(|span| is_it(span)).cloned().collect()
}

/// The only span of that name.
#[track_caller]
pub(crate) fn named(name: &str) -> Seen {
    only(spans(|span| span.field("task.name") == Some(name)))
}

/// The only span that was spawned on that line of a test.
#[track_caller]
pub(crate) fn on_line(line: u32) -> Seen {
    only(all_on_line(TASK, line))
}

/// The spans of that name whose place is that line of the caller's file, in order.
#[track_caller]
pub(crate) fn all_on_line(name: &str, line: u32) -> Vec<Seen> {
    let (file, line) = (Location::caller().file(), line.to_string());
    let is_there =
        |span: &Seen| span.field("loc.file") == Some(file) && span.field("loc.line") == Some(&line);
    all(|span| span.name == name && is_there(span))
}

#[track_caller]
pub(crate) fn only(mut spans: Vec<Seen>) -> Seen {
    assert_eq!(spans.len(), 1, "{spans:?}");
    spans.pop().unwrap()
}

/// A task whose name begins so has a subscriber that panics, whatever it is told of, or in.
pub(crate) const PANICS: &str = "panics";
/// In this task it panics when it is told of a new resource, or of a wait.
pub(crate) const REFUSES: &str = "panics at new spans";
thread_local! {
    static CALLED_BACK: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Runs `spawns` with a subscriber that uses the runtime whenever it is told of a spawn on this thread: how often it could.
pub(crate) fn calling_back(spawns: impl FnOnce()) -> usize {
    CALLED_BACK.set(Some(0));
    spawns();
    CALLED_BACK.take().unwrap()
}

thread_local! {
    static HEARS: RefCell<Option<Box<dyn Fn()>>> = const { RefCell::new(None) };
}

/// From here on `hear` is called when this thread tells how a resource stands.
pub(crate) fn hear_states(hear: impl Fn() + 'static) {
    HEARS.set(Some(Box::new(hear)));
}

/// Nothing of the runtime may be borrowed here.
fn call_back() {
    let Some(times) = CALLED_BACK.take() else { return };
    let handle = runtime::Handle::current();
    drop(handle.enter());
    drop(handle.spawn(async {}));
    CALLED_BACK.set(Some(times + 1));
}

struct Recorder;

impl Recorder {
    /// What is told of a span goes into the list; some of them have us panic.
    fn tell(&self, id: u64, what: What) {
        let inside = INSIDE.with_borrow(Vec::clone);
        let mut seen = seen();
        seen.get_mut(&id).expect("a span that was opened").what.push(what);
        let panics = inside.iter().chain([&id]).any(|id| is_named(&seen, *id, PANICS));
        drop(seen);
        if panics {
            // Without the hook's message.
            resume_unwind(Box::new("a subscriber that panics"));
        }
    }

    fn tell_innermost(&self, name: &str, what: What) {
        match self.inside(name) {
            Some(id) => self.tell(id, what),
            None => expect(false, || format!("{what:?} outside of any {name}")),
        }
    }

    /// The innermost of the spans in which this thread is that is called so.
    fn inside(&self, name: &str) -> Option<u64> {
        let inside = INSIDE.with_borrow(Vec::clone);
        let seen = seen();
        inside.into_iter().rev().find(|id| seen[id].name == name)
    }
}

fn is_named(seen: &BTreeMap<u64, Seen>, id: u64, begin: &str) -> bool {
    seen[&id].field("task.name").is_some_and(|name| name.starts_with(begin))
}

impl Subscriber for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields::default();
        span.record(&mut fields);
        let name = fields.0.get("task.name").cloned().unwrap_or_default();
        let inside = INSIDE.with_borrow(Vec::clone);
        let contextual = inside.last().copied().filter(|_| span.is_contextual());
        let new = Seen {
            id: 0,
            name: span.metadata().name(),
            target: span.metadata().target(),
            parent: span.parent().map(Id::into_u64).or(contextual),
            is_root: span.is_root(),
            fields: fields.0,
            what: Vec::new(),
        };
        expect(matches!(new.name, TASK | RESOURCE | WAIT | POLL), || format!("{new:?}"));
        call_back();
        let mut seen = seen();
        let refuses = inside.iter().any(|id| is_named(&seen, *id, REFUSES));
        if refuses || name == format!("{PANICS} at once") {
            drop(seen);
            resume_unwind(Box::new("a subscriber that panics"));
        }
        let id = seen.len() as u64 + 1;
        seen.insert(id, Seen { id, ..new });
        Id::from_u64(id)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let inside = INSIDE.with_borrow(Vec::clone);
        match event.metadata().target() {
            "tokio::task::waker" => {
                let id = fields.0["task.id"].parse().unwrap();
                self.tell(id, What::Waker(fields.0["op"].clone(), inside.contains(&id)));
            }
            "runtime::resource::state_update" => {
                HEARS.with_borrow(|hears| hears.iter().for_each(|hear| hear()));
                self.tell_innermost(RESOURCE, What::State(fields.text()));
            }
            "runtime::resource::async_op::state_update" => {
                self.tell_innermost(WAIT, What::State(fields.text()));
            }
            "runtime::resource::poll_op" => {
                let parent = self.inside(WAIT).and_then(|id| seen()[&id].parent);
                expect(parent.is_some() && parent == self.inside(RESOURCE), || {
                    "in another resource".to_owned()
                });
                let (name, is_ready) = (fields.0["op_name"].clone(), fields.0["is_ready"] == "true");
                self.tell_innermost(WAIT, What::Polled(name, is_ready, self.inside(TASK)));
            }
            _ => inside.last().into_iter().for_each(|id| self.tell(*id, What::Event)),
        }
    }

    fn enter(&self, span: &Id) {
        let id = span.into_u64();
        INSIDE.with_borrow_mut(|inside| inside.push(id));
        self.tell(id, What::Entered);
    }

    fn exit(&self, span: &Id) {
        let id = span.into_u64();
        let left = INSIDE.with_borrow_mut(Vec::pop);
        expect(left == Some(id), || format!("{id} is left, and {left:?} was entered last"));
        self.tell(id, What::Exited);
    }

    fn try_close(&self, id: Id) -> bool {
        self.tell(id.into_u64(), What::Closed);
        true
    }
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Fields {
    fn text(&self) -> String {
        let fields: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        fields.join(" ")
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}
