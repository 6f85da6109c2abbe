//! How a task ended, and how it stands until then.

#![forbid(unsafe_code)]

use super::error::Whose;
use super::id::Id;
use super::watch::Figures;
use crate::coop::WaitsOn;
use std::fmt;
use std::panic::Location;
use std::time::Duration;

/// How a task ended, and which: what callbacks of `JoinHandle::on_finish` are given. The output itself belongs to
/// the handle.
#[derive(Clone)]
#[non_exhaustive]
pub enum Outcome {
    /// The future gave its output.
    #[non_exhaustive]
    Finished {
        /// Which task.
        task: TaskInfo,
    },
    /// It panicked.
    #[non_exhaustive]
    Panicked {
        /// Which task.
        task: TaskInfo,
    },
    /// It was cancelled, or could not start.
    #[non_exhaustive]
    Cancelled {
        /// Which task.
        task: TaskInfo,
    },
}

/// What is known of a task from outside, at one moment: of [`task::current`](super::current), of each task in a
/// runtime's list, of one that has ended.
///
/// # Examples
/// ```
/// use runtime::task::TaskState;
///
/// let runtime = runtime::Builder::new_current_thread().detailed_metrics(true).build()?;
/// runtime.block_on(async {
///     let (_keep, never) = runtime::sync::oneshot::channel::<()>();
///     runtime::task::Builder::new().name("waiter").spawn(never).unwrap();
///     runtime::task::yield_now().await;
///     let tasks = runtime::Handle::current().tasks();
///     let waiter = tasks.iter().find(|task| task.name() == Some("waiter")).unwrap();
///     assert_eq!(waiter.state(), TaskState::Idle);
///     assert_eq!(waiter.polls(), Some(1));
///     assert_eq!(waiter.waits_on(), Some(runtime::metrics::WaitsOn::Channel));
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct TaskInfo {
    id: Id,
    name: Option<Box<str>>,
    spawn_site: &'static Location<'static>,
    state: TaskState,
    figures: Option<Figures>,
}

/// What a task is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskState {
    /// It is being polled.
    Running,
    /// It waits in a queue to be polled.
    Scheduled,
    /// It waits for somebody to wake it.
    Idle,
    /// It has ended.
    Finished,
}

/// How, without which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Finished,
    Panicked,
    Cancelled,
}

impl Outcome {
    pub(super) fn new(how: How, task: TaskInfo) -> Self {
        match how {
            How::Finished => Outcome::Finished { task },
            How::Panicked => Outcome::Panicked { task },
            How::Cancelled => Outcome::Cancelled { task },
        }
    }

    /// Whether the future gave its output.
    pub fn is_finished(&self) -> bool {
        matches!(self, Outcome::Finished { .. })
    }

    /// Whether the task panicked.
    pub fn is_panicked(&self) -> bool {
        matches!(self, Outcome::Panicked { .. })
    }

    /// Whether the task was cancelled before it could give its output.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Outcome::Cancelled { .. })
    }

    /// Which task ended.
    pub fn task(&self) -> &TaskInfo {
        let (Outcome::Finished { task } | Outcome::Panicked { task } | Outcome::Cancelled { task }) = self;
        task
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        self.task().id
    }

    /// The task's name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.task().name()
    }

    /// Where the task was spawned.
    pub fn spawn_site(&self) -> &'static Location<'static> {
        self.task().spawn_site
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Outcome::Finished { .. } => "Finished",
            Outcome::Panicked { .. } => "Panicked",
            Outcome::Cancelled { .. } => "Cancelled",
        };
        self.task().debug(f, name)
    }
}

impl TaskInfo {
    pub(super) fn new(whose: Whose<'_>, state: TaskState, figures: Option<Figures>) -> Self {
        let Whose { id, name, spawn_site } = whose;
        TaskInfo { id, name: name.map(Box::from), spawn_site, state, figures }
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        self.id
    }

    /// The task's name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where the task was spawned.
    pub fn spawn_site(&self) -> &'static Location<'static> {
        self.spawn_site
    }

    /// What it was doing.
    pub fn state(&self) -> TaskState {
        self.state
    }

    /// How often it was polled. Counted for runtimes with `Builder::detailed_metrics`: a count for each task costs
    /// memory.
    pub fn polls(&self) -> Option<u64> {
        self.figures.map(|figures| figures.polls)
    }

    /// How long its polls took, without one that is going on. Measured for runtimes with
    /// `Builder::detailed_metrics`.
    pub fn busy_time(&self) -> Option<Duration> {
        self.figures.map(|figures| figures.busy_time)
    }

    /// What it waits for, if it is [idle](TaskState::Idle): the kind of the last future of this runtime that its last
    /// poll left pending. Not known of foreign futures, of those inside of `unconstrained`, and without
    /// `Builder::detailed_metrics`.
    pub fn waits_on(&self) -> Option<WaitsOn> {
        let is_idle = self.state == TaskState::Idle;
        self.figures.filter(|_| is_idle).and_then(|figures| figures.waits_on)
    }

    fn debug(&self, f: &mut fmt::Formatter<'_>, what: &str) -> fmt::Result {
        let mut debug = f.debug_struct(what);
        debug.field("id", &self.id);
        if let Some(name) = &self.name {
            debug.field("name", name);
        }
        debug.field("spawn_site", &format_args!("{}", self.spawn_site));
        if self.state != TaskState::Finished {
            debug.field("state", &self.state);
        }
        if let Some(Figures { polls, busy_time, .. }) = self.figures {
            debug.field("polls", &polls).field("busy_time", &busy_time);
        }
        if let Some(waits_on) = self.waits_on() {
            debug.field("waits_on", &waits_on);
        }
        debug.finish()
    }
}

impl fmt::Debug for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.debug(f, "TaskInfo")
    }
}
