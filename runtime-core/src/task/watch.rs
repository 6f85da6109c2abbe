//! Who watches the tasks of a runtime: the builder's hooks, and detailed metrics.
//!
//! A task that is watched has extras from the beginning, where its figures are; any other pays nothing for this:
//! whether it has extras is asked in any case.
//!
//! Hooks are foreign code: they are called outside of all locks, and a panic in one ends there.

#![forbid(unsafe_code)]

use super::debugged::{Debugged, Debugging};
use super::error::Whose;
use super::id::Id;
use crate::coop::{self, WaitsOn};
use crate::primitive::Count;
use crate::timer::clock::Clock;
use crate::util::wake_list::quietly;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// A hook of the builder, around a task's life.
pub type TaskHook = Arc<dyn Fn(&TaskMeta<'_>) + Send + Sync>;

/// Which task a hook is called for: tokio's `TaskMeta`, and the task's name.
///
/// # Examples
/// ```
/// use std::sync::{Arc, Mutex};
///
/// let spawned = Arc::new(Mutex::new(Vec::new()));
/// let seen = spawned.clone();
/// let runtime = runtime::Builder::new_current_thread()
///     .on_task_spawn(move |task| seen.lock().unwrap().push((task.id(), task.spawned_at().line())))
///     .build()?;
/// let task = runtime.spawn(async {});
/// assert_eq!(*spawned.lock().unwrap(), [(task.id(), line!() - 1)]);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct TaskMeta<'a> {
    whose: Whose<'a>,
}

impl TaskMeta<'_> {
    /// The task's id.
    pub fn id(&self) -> Id {
        self.whose.id
    }

    /// Where it was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.whose.spawn_site
    }

    /// Its name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.whose.name
    }
}

impl fmt::Debug for TaskMeta<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TaskMeta");
        debug.field("id", &self.id());
        if let Some(name) = self.name() {
            debug.field("name", &name);
        }
        debug.field("spawned_at", &format_args!("{}", self.spawned_at())).finish()
    }
}

/// What is called and measured for each task of a runtime.
#[derive(Clone, Default)]
pub struct Watch {
    /// Called when a task was made, by whoever spawns it.
    pub on_spawn: Option<TaskHook>,
    /// Called when a task has ended, by whoever ended it.
    pub on_terminate: Option<TaskHook>,
    /// Called before each poll.
    pub on_before_poll: Option<TaskHook>,
    /// Called after each poll.
    pub on_after_poll: Option<TaskHook>,
    /// By which clock polls are measured, if they are.
    pub clock: Option<Arc<dyn Clock>>,
    /// Who looks for what is suspicious, in debug mode.
    pub debugging: Option<Debugging>,
}

impl Watch {
    /// Whether there is anything to call or to measure.
    pub fn is_needed(&self) -> bool {
        self.clock.is_some() || self.debugging.is_some() || self.has_hooks()
    }

    /// Whether there is anything to call.
    pub fn has_hooks(&self) -> bool {
        [&self.on_spawn, &self.on_terminate, &self.on_before_poll, &self.on_after_poll]
            .into_iter()
            .any(Option::is_some)
    }

    /// A task was made. `true`: its end is to be told to its extras.
    #[must_use]
    pub(super) fn spawned<'a>(&self, whose: impl Fn() -> Whose<'a>) -> bool {
        call(&self.on_spawn, &whose);
        self.debugging.as_ref().is_some_and(|debugging| debugging.spawned(&whose()))
    }

    /// The same for tasks that the runtime has for itself.
    pub(super) fn for_own(this: &Arc<Watch>) -> Arc<Watch> {
        match &this.debugging {
            None => Arc::clone(this),
            Some(debugging) => Arc::new(Watch { debugging: Some(debugging.for_own()), ..Watch::clone(this) }),
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("has_hooks", &self.has_hooks())
            .field("measures", &self.clock.is_some())
            .field("debugs", &self.debugging.is_some())
            .finish()
    }
}

fn call<'a>(hook: &Option<TaskHook>, whose: impl Fn() -> Whose<'a>) {
    if let Some(hook) = hook {
        let whose = whose();
        quietly(|| hook(&TaskMeta { whose }));
    }
}

/// One task that is watched. The figures are written by the thread that polls it.
pub(super) struct Watched {
    watch: Arc<Watch>,
    polls: Count,
    busy_ns: Count,
    waits_on: Count,
    debugged: Option<Debugged>,
}

/// What was measured of a task.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    pub(super) polls: u64,
    pub(super) busy_time: Duration,
    pub(super) waits_on: Option<WaitsOn>,
}

impl Watched {
    pub(super) fn new(watch: Arc<Watch>) -> Self {
        let debugged = watch.debugging.is_some().then(Debugged::new);
        Watched { watch, polls: Count::new(), busy_ns: Count::new(), waits_on: Count::new(), debugged }
    }

    /// One poll. `is_woken` says whether the task is to be polled again already.
    pub(super) fn around<'a, R>(
        &self,
        whose: impl Fn() -> Whose<'a>,
        is_woken: impl Fn() -> bool,
        poll: impl FnOnce() -> R,
    ) -> R {
        call(&self.watch.on_before_poll, &whose);
        let result = match self.debug() {
            None => self.measured(poll),
            Some((debugged, by)) => debugged.around(by, &whose, is_woken, || self.measured(poll)),
        };
        call(&self.watch.on_after_poll, &whose);
        result
    }

    /// In debug mode.
    pub(super) fn debug(&self) -> Option<(&Debugged, &Debugging)> {
        self.debugged.as_ref().zip(self.watch.debugging.as_ref())
    }

    fn measured<R>(&self, poll: impl FnOnce() -> R) -> R {
        let Some(clock) = &self.watch.clock else { return poll() };
        self.polls.add(1);
        let _ = coop::take_wait();
        let begin = clock.now();
        let result = poll();
        let took = clock.now().saturating_duration_since(begin);
        self.busy_ns.add(took.as_nanos() as u64);
        self.waits_on.set(WaitsOn::encode(coop::take_wait()));
        result
    }

    /// The end.
    pub(super) fn terminated<'a>(&self, whose: impl Fn() -> Whose<'a>) {
        call(&self.watch.on_terminate, &whose);
        if let Some((debugged, by)) = self.debug() {
            debugged.ended(by, &whose());
        }
    }

    /// The handle goes.
    pub(super) fn handle_gone(&self, id: Id) {
        if let Some(by) = &self.watch.debugging {
            Debugged::handle_gone(by, id);
        }
    }

    /// The handle went after the end, and left a value unread.
    pub(super) fn unread<'a>(&self, whose: impl Fn() -> Whose<'a>) {
        if let Some((debugged, by)) = self.debug() {
            debugged.unread(by, &whose());
        }
    }

    /// Nobody wants its value any more.
    pub(super) fn waive(&self) {
        if let Some((debugged, _)) = self.debug() {
            debugged.waive();
        }
    }

    /// What was measured, if anything was.
    pub(super) fn figures(&self) -> Option<Figures> {
        self.watch.clock.as_ref()?;
        Some(Figures {
            polls: self.polls.get(),
            busy_time: Duration::from_nanos(self.busy_ns.get()),
            waits_on: WaitsOn::decode(self.waits_on.get()),
        })
    }
}
