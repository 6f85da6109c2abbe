//! How a task ended.

#![forbid(unsafe_code)]

use super::error::Whose;
use super::id::Id;
use std::fmt;
use std::panic::Location;

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

/// What is known of a task from outside.
#[derive(Clone)]
pub struct TaskInfo {
    id: Id,
    name: Option<Box<str>>,
    spawn_site: &'static Location<'static>,
}

/// How, without which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Finished,
    Panicked,
    Cancelled,
}

impl Outcome {
    pub(super) fn new(how: How, whose: Whose<'_>) -> Self {
        let task = TaskInfo::new(whose);
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
    pub(super) fn new(whose: Whose<'_>) -> Self {
        TaskInfo { id: whose.id, name: whose.name.map(Box::from), spawn_site: whose.spawn_site }
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

    fn debug(&self, f: &mut fmt::Formatter<'_>, what: &str) -> fmt::Result {
        let mut debug = f.debug_struct(what);
        debug.field("id", &self.id);
        if let Some(name) = &self.name {
            debug.field("name", name);
        }
        debug.field("spawn_site", &format_args!("{}", self.spawn_site)).finish()
    }
}

impl fmt::Debug for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.debug(f, "TaskInfo")
    }
}
