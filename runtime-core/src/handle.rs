//! The user's clone of a runtime.

#![forbid(unsafe_code)]

use crate::block_on;
use crate::context::{self, EnterGuard};
use crate::port::BlockingPool;
use crate::primitive::Arc;
use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::scheduler::{Homes, Shared, with_current};
use crate::task::{Home, Job, JoinHandle, Meta, Schedule, Stillborn};
use std::fmt;
use std::future::Future;
use std::panic::Location;

/// What kind of runtime it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavor {
    /// Worker threads that steal from each other.
    MultiThread,
    /// All tasks on the thread that is inside `block_on`.
    CurrentThread,
}

/// A handle to a runtime: spawns onto it from anywhere. Clones are cheap, and do not keep the runtime
/// running: after its end, what is spawned is cancelled at once.
#[derive(Clone)]
pub struct Handle {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) shared: Arc<Shared>,
    pub(crate) homes: Homes,
    pub(crate) blocking: std::sync::Arc<dyn BlockingPool>,
    pub(crate) flavor: Flavor,
    /// For tasks that stay on one thread (current_thread runtimes).
    pub(crate) local: Option<crate::current_thread::LocalTasks>,
    /// Takes turns among the homes for spawns from other threads.
    next_home: AtomicUsize,
}

impl Handle {
    pub(crate) fn new(
        shared: Arc<Shared>,
        homes: Homes,
        blocking: std::sync::Arc<dyn BlockingPool>,
        flavor: Flavor,
        local: Option<crate::current_thread::LocalTasks>,
    ) -> Self {
        let next_home = AtomicUsize::new(0);
        Handle { inner: Arc::new(Inner { shared, homes, blocking, flavor, local, next_home }) }
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }

    /// The runtime that this thread is inside of.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn current() -> Handle {
        match Self::try_current() {
            Ok(handle) => handle,
            Err(error) => panic!("{error}"),
        }
    }

    /// The runtime that this thread is inside of.
    ///
    /// # Errors
    /// Outside of a runtime, and on a thread whose locals are gone.
    pub fn try_current() -> Result<Handle, TryCurrentError> {
        context::with_handle(|handle| handle.cloned()).ok_or(TryCurrentError(()))
    }

    /// Starts a task on this runtime. It runs whether or not the returned handle is awaited.
    ///
    /// After the runtime's end the future is dropped at once and the handle answers that the task was
    /// cancelled.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_with(future, Meta::here()).0
    }

    /// What comes beside the handle is to be dropped where user code may run.
    pub(crate) fn spawn_with<F>(&self, future: F, meta: Meta) -> (JoinHandle<F::Output>, Option<Stillborn>)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let home = self.home();
        let (task, join) = Home::bind(home, future, meta);
        match task {
            Ok(task) => {
                home.scheduler().schedule(task);
                (join, None)
            }
            Err(stillborn) => (join, Some(stillborn)),
        }
    }

    /// The worker's own; for other threads one after the other.
    fn home(&self) -> &Arc<Home<Arc<Shared>>> {
        let Inner { shared, homes, .. } = &*self.inner;
        let index = with_current(shared, |worker| worker.map(|worker| worker.index()));
        &homes[index
            .unwrap_or_else(|| self.inner.next_home.fetch_add(1, Ordering::Relaxed) % shared.remotes.len())]
    }

    /// Runs a blocking job on this runtime's pool. See the crate's `spawn_blocking`.
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, job: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let site = Location::caller();
        let handle = self.clone();
        let shared = Arc::clone(&self.inner.shared);
        shared.activity.enter();
        let body = move || {
            let _entered = handle.enter();
            job()
        };
        let (job, join) = Job::new(body, site, move || shared.leave_activity());
        if let Err(refused) = self.inner.blocking.run(job) {
            if refused.source.kind() == std::io::ErrorKind::BrokenPipe {
                drop(refused.job);
            } else {
                refused.job.refuse(refused.source);
            }
        }
        join
    }

    /// Runs a future to its end on the current thread, inside of this runtime.
    ///
    /// On a multi_thread runtime the workers go on as ever. On a current_thread runtime this does not drive
    /// other tasks: only `Runtime::block_on` does.
    ///
    /// # Panics
    /// If the future panics, or if this thread is already running a runtime's tasks.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _entered = context::enter_block_on(self);
        block_on::block_on(&self.inner.shared, future)
    }

    /// Makes this the current thread's runtime until the guard is dropped: `spawn` and sockets find it.
    pub fn enter(&self) -> EnterGuard {
        context::enter(self)
    }

    /// Which kind of runtime it is.
    pub fn runtime_flavor(&self) -> Flavor {
        self.inner.flavor
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("flavor", &self.inner.flavor).finish_non_exhaustive()
    }
}

/// [`Handle::try_current`] was called outside of a runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TryCurrentError(());

impl fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(context::NO_RUNTIME)
    }
}

impl std::error::Error for TryCurrentError {}
