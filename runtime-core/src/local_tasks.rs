//! The tasks of a current_thread runtime that are not `Send`.
//!
//! They stay on the thread that spawned the first of them, for as long as one lives: they are polled and
//! dropped nowhere else.

#![forbid(unsafe_code)]

use crate::primitive::{Arc, Mutex};
use crate::scheduler::Shared;
use crate::task::{Home, JoinHandle, Meta, Notified, Schedule};
use std::future::Future;
use std::thread::ThreadId;

/// The home of tasks that stay on one thread.
pub(crate) struct LocalTasks {
    home: Arc<Home<Arc<Shared>>>,
    thread: Mutex<Option<ThreadId>>,
}

impl LocalTasks {
    pub(crate) fn new(home: Arc<Home<Arc<Shared>>>) -> Self {
        LocalTasks { home, thread: Mutex::new(None) }
    }

    /// Whether local tasks live that belong to another thread.
    pub(crate) fn are_elsewhere(&self) -> bool {
        let here = std::thread::current().id();
        self.home.count() > 0 && self.thread.lock().is_some_and(|thread| thread != here)
    }

    /// From now on, what is spawned is cancelled at once.
    pub(crate) fn close(&self) {
        self.home.close();
    }

    /// Whether `task` is one of them.
    pub(crate) fn has(&self, task: &Notified) -> bool {
        self.home.has(task)
    }

    /// How many of them live.
    pub(crate) fn count(&self) -> usize {
        self.home.count()
    }

    /// Spawns on this thread. The caller has seen that it is inside of this runtime's `block_on`.
    pub(crate) fn spawn<F>(&self, future: F, meta: Meta) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        *self.thread.lock() = Some(std::thread::current().id());
        let (task, join) = Home::bind_unsend(&self.home, future, meta);
        if let Ok(task) = task {
            self.home.scheduler().schedule(task);
        }
        join
    }
}
