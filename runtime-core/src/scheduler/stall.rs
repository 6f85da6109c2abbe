//! The report of a task that keeps its worker, and others waiting.

#![forbid(unsafe_code)]

use crate::primitive::doing::Doing;
use crate::task::Id;
use std::fmt;
use std::panic::Location;
use std::time::Duration;

/// The names of calls, which take a look at the debug information.
#[cfg(feature = "backtrace")]
#[path = "stall/names_on.rs"]
mod names;
#[cfg(not(feature = "backtrace"))]
#[path = "stall/names_off.rs"]
mod names;

/// A task whose poll keeps its worker for long, while others wait: see
/// [`RescueConfig::on_report`](super::RescueConfig::on_report).
///
/// Its `Display` is a sentence that names the task, where it was spawned, and what to do.
#[derive(Debug, Clone)]
pub struct StuckTask {
    pub(crate) id: Id,
    pub(crate) name: Option<String>,
    pub(crate) spawn_site: &'static Location<'static>,
    pub(crate) stuck_for: Duration,
    pub(crate) doing: Doing,
    pub(crate) stack: Vec<usize>,
}

impl StuckTask {
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

    /// For how long the poll has lasted, up to now, at least.
    pub fn stuck_for(&self) -> Duration {
        self.stuck_for
    }

    /// Whether the thread computes; `None` where the system does not say.
    pub fn is_computing(&self) -> Option<bool> {
        match self.doing {
            Doing::Computing => Some(true),
            Doing::Waiting(_) => Some(false),
            Doing::Unknown => None,
        }
    }

    /// The system call in which the thread waits, by its name, or by its number where we know no name for it. `None` if it
    /// computes, and where the system does not say.
    pub fn syscall(&self) -> Option<&str> {
        match &self.doing {
            Doing::Waiting(syscall) => syscall.as_deref(),
            Doing::Computing | Doing::Unknown => None,
        }
    }

    /// The calls that the thread waits in, as addresses of code, innermost first: what `backtrace::resolve` takes. Empty if
    /// the thread computes, and where the system does not say.
    ///
    /// They are found by looking at the thread's stack from outside, while it waits: some may be left there from calls that
    /// are over. With the feature `backtrace` the line on stderr has their names.
    pub fn stack(&self) -> &[usize] {
        &self.stack
    }

    pub(super) fn print(&self) {
        names::print(&self.stack, format!("runtime: {self}"));
    }
}

impl fmt::Display for StuckTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "task {name:?}")?,
            None => write!(f, "task {}", self.id)?,
        }
        let ms = self.stuck_for.as_millis();
        write!(f, " (spawned at {}) has kept its worker for {ms} ms while others wait", self.spawn_site)?;
        match &self.doing {
            Doing::Computing => f.write_str("; it is computing")?,
            Doing::Waiting(Some(syscall)) => write!(f, "; it waits in the system call {syscall}")?,
            Doing::Waiting(None) => f.write_str("; it waits in the kernel")?,
            Doing::Unknown => {}
        }
        f.write_str(
            ". Move what blocks to `spawn_blocking`, say `block_in_place`, or let others in with `yield_now`",
        )
    }
}
