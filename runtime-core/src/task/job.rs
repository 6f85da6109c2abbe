//! Jobs of the blocking pool: task cells whose future runs a closure.

#![forbid(unsafe_code)]

use super::asked::{self, RunningHere};
use super::error::Whose;
use super::extras::Given;
use super::id::Id;
use super::join::JoinHandle;
use super::raw::RawTask;
use super::trace::Traced;
use super::{Keeper, Notified, Owner, Unhandled, harness, with_current};
use crate::coop;
use crate::util::inherited::Captured;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A blocking job on its way to a pool thread. Dropping it cancels it: the handle answers that it was
/// cancelled. It owns a reference of its task, because the handle may cancel it while it is queued.
pub struct Job {
    raw: RawTask,
    done: bool,
}

impl Job {
    /// A job that runs `f` with what it has `inherited`, and its handle.
    pub fn new<F, R>(
        f: F,
        site: &'static Location<'static>,
        inherited: Option<Captured>,
        owner: impl JobOwner,
    ) -> (Job, JoinHandle<R>)
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let id = Id::next();
        let traced = Traced::job::<F>(Whose { id, name: None, spawn_site: site });
        let given = Given { inherited, watch: None, traced };
        let raw = harness::new_job(Closure(Some(f)), Owned(owner), id, site, given);
        (Job { raw, done: false }, JoinHandle::new(raw))
    }

    /// Which job it is.
    pub fn id(&self) -> Id {
        self.raw.id()
    }

    /// Where it was spawned.
    pub fn spawn_site(&self) -> &'static Location<'static> {
        self.raw.spawn_site()
    }

    /// Runs the job; a panic of the closure goes to its handle, never to the caller. One that was
    /// cancelled while it waited is skipped.
    pub fn run(mut self) {
        self.done = true;
        Notified::new(self.raw).run();
    }

    /// The pool could not take the job: the handle answers with an error that carries `source`.
    pub fn refuse(self, source: std::io::Error) {
        self.raw.refuse(source);
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if !self.done {
            self.raw.abort();
            self.raw.unref();
        }
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("id", &self.raw.id()).finish_non_exhaustive()
    }
}

/// A closure as a future that is ready at once.
struct Closure<F>(Option<F>);

impl<F> Unpin for Closure<F> {}

impl<F: FnOnce() -> R, R> Future for Closure<F> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<R> {
        let f = self.0.take().expect("a job is polled once");
        let _running = RunningHere::new(with_current(|raw| raw));
        Poll::Ready(coop::unlimited(f))
    }
}

/// Whether the blocking job that runs on this thread was asked for its end: its handle was cancelled or aborted,
/// the future of [`Pool::run`] that waits for it was dropped, or the runtime or pool that runs it is shutting down. A job
/// that takes long looks at this between its steps, since nobody can stop it. `false` where no job runs.
///
/// A job that has not started need not look: it is removed.
///
/// # Examples
/// ```
/// use runtime::blocking;
///
/// runtime::run(async {
///     let search = runtime::spawn_blocking(|| {
///         let mut steps = 0_u64;
///         while !blocking::is_cancelled() {
///             steps += 1;
///         }
///         steps
///     });
///     // Removed, if it has not started yet.
///     let _ = search.cancel().await;
///     assert!(!blocking::is_cancelled());
/// });
/// ```
///
/// [`Pool::run`]: https://docs.rs/runtime/latest/runtime/blocking/struct.Pool.html#method.run
pub fn is_cancelled() -> bool {
    asked::is_job_asked()
}

/// Who gave a job to the pool.
pub trait JobOwner: Send + Sync + 'static {
    /// The job has ended, one way or another. Called once.
    fn released(&self);

    /// The runtime that it belongs to, as long as that runs.
    fn keeper(&self) -> Option<Arc<dyn Keeper>> {
        None
    }

    /// The job panicked, and nobody took its result.
    fn unhandled(&self, unhandled: &Unhandled) {
        unhandled.print();
    }
}

impl<F: Fn() + Send + Sync + 'static> JobOwner for F {
    fn released(&self) {
        self();
    }
}

/// A job is in no list and in no queue of a scheduler; its end is told.
struct Owned<O>(O);

impl<O: JobOwner> Owner for Owned<O> {
    fn schedule(&self, _task: Notified) {}

    fn reschedule(&self, _task: Notified) {}

    fn release(&self, _raw: RawTask) {
        self.0.released();
    }

    fn keeper(&self) -> Option<Arc<dyn Keeper>> {
        self.0.keeper()
    }

    fn unhandled(&self, unhandled: &Unhandled) {
        self.0.unhandled(unhandled);
    }
}
