//! The tasks of a current_thread runtime that are not `Send`.
//!
//! They stay on the thread that spawned the first of them, for as long as one lives: they are polled and
//! dropped nowhere else. Every way in checks that; and should one be missing, the future itself knows its
//! thread, and does nothing on another.
//!
//! # Invariants
//! - L1: the future inside of a [`Bound`] is touched on the thread that made it, and nowhere else.
//! - L2: it is pinned when the `Bound` is, and dropped in place.

use crate::primitive::{Arc, Mutex};
use crate::scheduler::Shared;
use crate::task::{Home, JoinHandle, Meta, Schedule};
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll};
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

    /// How many of them live.
    pub(crate) fn count(&self) -> usize {
        self.home.count()
    }

    /// Spawns on this thread. The caller has seen that it is this runtime's worker, so that no local tasks of
    /// another thread live.
    pub(crate) fn spawn<F>(&self, future: F, meta: Meta) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        debug_assert!(!self.are_elsewhere());
        let thread = std::thread::current().id();
        *self.thread.lock() = Some(thread);
        let bound = Bound { thread, future: ManuallyDrop::new(future) };
        let (task, join) = Home::bind_unsend(&self.home, bound, meta);
        if let Some(task) = task {
            self.home.scheduler().schedule(task);
        }
        join
    }
}

/// A future that knows its thread.
struct Bound<F> {
    thread: ThreadId,
    future: ManuallyDrop<F>,
}

impl<F> Bound<F> {
    fn is_here(&self) -> bool {
        self.thread == std::thread::current().id()
    }
}

impl<F: Future> Future for Bound<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if !self.is_here() {
            return Poll::Pending;
        }
        // SAFETY: L2: the future is not moved out, and L1 was checked.
        let future = unsafe { self.map_unchecked_mut(|bound| &mut *bound.future) };
        future.poll(cx)
    }
}

impl<F> Drop for Bound<F> {
    /// On another thread the future leaks: that is safe, and dropping it would not be.
    fn drop(&mut self) {
        if self.is_here() {
            // SAFETY: L1 was checked, and the future is not used again.
            unsafe { ManuallyDrop::drop(&mut self.future) };
        }
    }
}
