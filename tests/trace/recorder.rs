//! A subscriber that writes down what it is told, by span.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::panic::resume_unwind;
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
}

#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) target: &'static str,
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
        assert!(self.is_root, "{self:?}");
        let (mut is_inside, mut is_closed) = (false, false);
        for what in &self.what {
            match what {
                What::Entered => assert!(!std::mem::replace(&mut is_inside, true), "{self:?}"),
                What::Exited => assert!(std::mem::replace(&mut is_inside, false), "{self:?}"),
                What::Closed => is_closed = true,
                What::Waker(..) | What::Event => continue,
            }
            assert!(!is_closed || (!is_inside && *what == What::Closed), "{self:?}");
        }
        assert!(!is_inside, "{self:?}");
    }
}

static SEEN: Mutex<BTreeMap<u64, Seen>> = Mutex::new(BTreeMap::new());

thread_local! {
    static INSIDE: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

fn seen() -> MutexGuard<'static, BTreeMap<u64, Seen>> {
    SEEN.lock().unwrap()
}

/// Listens from here on, on all threads.
pub(crate) fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| tracing::subscriber::set_global_default(Recorder).unwrap());
}

/// The spans of which `is_it` is true.
pub(crate) fn spans(is_it: impl Fn(&Seen) -> bool) -> Vec<Seen> {
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
    only(spans(|span| span.field("loc.line") == Some(&line.to_string())))
}

#[track_caller]
fn only(mut spans: Vec<Seen>) -> Seen {
    assert_eq!(spans.len(), 1, "{spans:?}");
    spans.pop().unwrap()
}

/// A task whose name begins so has a subscriber that panics, whatever it is told of.
pub(crate) const PANICS: &str = "panics";
thread_local! {
    static CALLED_BACK: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Runs `spawns` with a subscriber that uses the runtime whenever it is told of a spawn on this thread: how often it could.
pub(crate) fn calling_back(spawns: impl FnOnce()) -> usize {
    CALLED_BACK.set(Some(0));
    spawns();
    CALLED_BACK.take().unwrap()
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
        let mut seen = seen();
        let span = seen.get_mut(&id).expect("a span that was opened");
        span.what.push(what);
        let panics = span.field("task.name").is_some_and(|name| name.starts_with(PANICS));
        drop(seen);
        if panics {
            // Without the hook's message.
            resume_unwind(Box::new("a subscriber that panics"));
        }
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = Fields::default();
        span.record(&mut fields);
        let name = fields.0.get("task.name").cloned().unwrap_or_default();
        let is_root = span.is_root();
        let new = Seen { target: span.metadata().target(), is_root, fields: fields.0, what: Vec::new() };
        assert_eq!(span.metadata().name(), "runtime.spawn");
        call_back();
        if name == format!("{PANICS} at once") {
            resume_unwind(Box::new("a subscriber that panics"));
        }
        let mut seen = seen();
        let id = seen.len() as u64 + 1;
        seen.insert(id, new);
        Id::from_u64(id)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let inside = INSIDE.with_borrow(Vec::clone);
        if event.metadata().target() == "tokio::task::waker" {
            let id = fields.0["task.id"].parse().unwrap();
            self.tell(id, What::Waker(fields.0["op"].clone(), inside.contains(&id)));
        } else if let Some(id) = inside.last() {
            self.tell(*id, What::Event);
        }
    }

    fn enter(&self, span: &Id) {
        let id = span.into_u64();
        INSIDE.with_borrow_mut(|inside| inside.push(id));
        self.tell(id, What::Entered);
    }

    fn exit(&self, span: &Id) {
        let id = span.into_u64();
        assert_eq!(INSIDE.with_borrow_mut(Vec::pop), Some(id), "left in another order");
        self.tell(id, What::Exited);
    }

    fn try_close(&self, id: Id) -> bool {
        self.tell(id.into_u64(), What::Closed);
        true
    }
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}
