//! The debug mode of one runtime: who is told, how often, and which handles are still there.

#![forbid(unsafe_code)]

use super::debug_report::{DebugHook, DebugKind, DebugReport};
use super::error::Whose;
use super::hook::{self, Hook};
use super::id::Id;
use crate::primitive::Mutex;
use crate::timer::clock::Clock;
use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One report for each kind and place in this time.
const QUIET: Duration = Duration::from_secs(60);

/// Most reports of one kind about one runtime's end: a list for people.
const HELD_REPORTS_MAX: usize = 20;

/// What a report is about, for the count: its kind, and the spawn site, or where a future was made.
type Topic = (DebugKind, Option<&'static Location<'static>>);

/// See the module.
pub struct Debugger {
    hook: Option<DebugHook>,
    clock: Arc<dyn Clock>,
    /// When each topic was last reported. There are no more of them than such places in the program.
    told: Mutex<HashMap<Topic, Instant>>,
    /// The tasks whose `JoinHandle` is there.
    joined: Mutex<HashMap<Id, Joined>>,
}

/// A task whose handle is there.
struct Joined {
    name: Option<Box<str>>,
    spawn_site: &'static Location<'static>,
}

impl Debugger {
    pub(crate) fn new(hook: Option<DebugHook>, clock: Arc<dyn Clock>) -> Self {
        let (told, joined) = (Mutex::new(HashMap::new()), Mutex::new(HashMap::new()));
        Debugger { hook, clock, told, joined }
    }

    pub(super) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Whether nothing was said of this for a while.
    fn is_news(&self, topic: Topic) -> bool {
        let now = self.now();
        let mut told = self.told.lock();
        let is_news = told.get(&topic).is_none_or(|last| now.saturating_duration_since(*last) >= QUIET);
        if is_news {
            told.insert(topic, now);
        }
        is_news
    }

    /// Tells of a task. To be called outside of all locks.
    #[cold]
    pub(super) fn report(&self, kind: DebugKind, whose: &Whose<'_>, message: impl FnOnce() -> String) {
        self.report_of(kind, whose, whose.spawn_site, message);
    }

    /// The same, once for each `site`, whatever the task.
    #[cold]
    pub(super) fn report_of(
        &self,
        kind: DebugKind,
        whose: &Whose<'_>,
        site: &'static Location<'static>,
        message: impl FnOnce() -> String,
    ) {
        if self.is_news((kind, Some(site))) {
            self.tell(&DebugReport::of_task(kind, whose, message()));
        }
    }

    /// Tells the hook. A line on stderr, where there is none, where it panics, and inside of a hook: one that causes the next
    /// report would never end.
    fn tell(&self, report: &DebugReport) {
        let is_told = self.hook.as_ref().is_some_and(|hook| hook::call(Hook::Debug, || hook(report)));
        if !is_told {
            report.print();
        }
    }

    /// A task has a `JoinHandle`.
    pub(super) fn handle_made(&self, whose: &Whose<'_>) {
        let joined = Joined { name: whose.name.map(Box::from), spawn_site: whose.spawn_site };
        self.joined.lock().insert(whose.id, joined);
    }

    /// It has it no more.
    pub(super) fn handle_gone(&self, id: Id) {
        let gone = self.joined.lock().remove(&id);
        drop(gone);
    }

    /// The runtime has ended, and all its threads. `handles`: how many clones of its `Handle` are still there.
    pub(crate) fn ended(&self, handles: usize) {
        let mut sites: HashMap<_, (Id, Option<Box<str>>, usize)> = HashMap::new();
        for (id, joined) in &*self.joined.lock() {
            let first = sites.entry(joined.spawn_site).or_insert_with(|| (*id, joined.name.clone(), 0));
            first.2 += 1;
            if *id < first.0 {
                (first.0, first.1) = (*id, joined.name.clone());
            }
        }
        let mut sites: Vec<_> = sites.into_iter().collect();
        sites.sort_by_key(|(_, (id, ..))| *id);
        for (spawn_site, (id, name, count)) in sites.into_iter().take(HELD_REPORTS_MAX) {
            let whose = Whose { id, name: name.as_deref(), spawn_site };
            self.report(DebugKind::JoinHandleHeld, &whose, || match count {
                1 => "has a `JoinHandle` that is still there after the runtime's end".to_owned(),
                _ => format!(
                    "and {} more spawned there have `JoinHandle`s that are still there after the runtime's end",
                    count - 1
                ),
            });
        }
        if handles > 0 && self.is_news((DebugKind::HandleHeld, None)) {
            let message = format!(
                "{handles} of the runtime's `Handle`s (clones, or guards of `enter`) are still there after its end"
            );
            self.tell(&DebugReport::of_runtime(DebugKind::HandleHeld, message));
        }
    }
}

impl fmt::Debug for Debugger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Debugger").field("has_hook", &self.hook.is_some()).finish_non_exhaustive()
    }
}
