//! What the facade's builder has found out, checked.

#![forbid(unsafe_code)]

use crate::scheduler::RescueConfig;
use crate::task::{DebugHook, Reporter, Watch};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What kind of runtime it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavor {
    /// Worker threads that steal from each other.
    MultiThread,
    /// All tasks on the thread that is inside `block_on`.
    CurrentThread,
}

/// A hook around a thread's life.
pub type Hook = Arc<dyn Fn() + Send + Sync>;
/// Gives each new thread its name.
pub type ThreadName = Arc<dyn Fn() -> String + Send + Sync>;
/// Runs the whole life of a thread, which it is given to call exactly once.
pub type WrapThread = Arc<dyn for<'a> Fn(Box<dyn FnOnce() + 'a>) + Send + Sync>;

/// The configuration of a runtime.
#[derive(Clone)]
pub struct Config {
    /// The kind of runtime.
    pub flavor: Flavor,
    /// How many workers a multi_thread runtime has.
    pub workers: usize,
    /// The names of its threads.
    pub thread_name: ThreadName,
    /// The stack of each worker thread in bytes; `None` is the platform's default.
    pub stack_size: Option<usize>,
    /// Called on each worker thread first.
    pub on_thread_start: Option<Hook>,
    /// Called on each worker thread last.
    pub on_thread_stop: Option<Hook>,
    /// Called before a worker sleeps.
    pub on_thread_park: Option<Hook>,
    /// Called after a worker has slept.
    pub on_thread_unpark: Option<Hook>,
    /// Called around each worker thread.
    pub wrap_thread: Option<WrapThread>,
    /// What is called around each task's life.
    pub task_hooks: Watch,
    /// Whether each poll is measured, instead of some.
    pub detailed_metrics: bool,
    /// Whether it is in debug mode.
    pub debug: bool,
    /// Who is told in debug mode, instead of stderr.
    pub on_debug_report: Option<DebugHook>,
    /// How long a task that was told to end may clean up before it is dropped.
    pub cancel_grace: Duration,
    /// What is done about polls that block their worker.
    pub rescue: RescueConfig,
    /// Who is told of failures that nobody took, and what follows.
    pub reporter: Reporter,
    /// Whether time stands still from the beginning.
    pub start_paused: bool,
    /// The seed of everything that is left to chance.
    pub seed: u64,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("flavor", &self.flavor)
            .field("workers", &self.workers)
            .field("stack_size", &self.stack_size)
            .field("debug", &self.debug)
            .field("rescue", &self.rescue)
            .field("reporter", &self.reporter)
            .field("start_paused", &self.start_paused)
            .finish_non_exhaustive()
    }
}
