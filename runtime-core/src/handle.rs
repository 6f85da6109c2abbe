//! The user's clone of a runtime: spawning on it.
//!
//! What needs to know which runtime a thread is inside of stands a step higher, in [`context`](crate::context).

#![forbid(unsafe_code)]

use crate::calls::Calls;
use crate::config::Config;
pub use crate::config::Flavor;
use crate::local_tasks::LocalTasks;
use crate::port::BlockingPool;
use crate::primitive::Arc;
use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::scheduler::{Homes, Shared, with_current};
use crate::task::{Debugger, Home, JoinHandle, Meta, Notified, Placed, Schedule};
use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

/// A handle to a runtime: spawns onto it from anywhere. Clones are cheap, and do not keep the runtime
/// running: after its end, what is spawned is cancelled at once.
///
/// # Examples
/// ```
/// runtime::run(async {
///     let handle = runtime::Handle::current();
///     let thread = std::thread::spawn(move || handle.block_on(handle.spawn(async { 42 })));
///     let answer = runtime::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
///     assert_eq!(answer.unwrap(), 42);
/// });
/// ```
#[derive(Clone)]
pub struct Handle {
    inner: Arc<Inner>,
}

// A panic of the user's never passes through a state of ours: what it meets behind a handle is whole.
impl UnwindSafe for Handle {}
impl RefUnwindSafe for Handle {}

pub(crate) struct Inner {
    pub(crate) shared: Arc<Shared>,
    pub(crate) homes: Homes,
    pub(crate) blocking: std::sync::Arc<dyn BlockingPool>,
    pub(crate) flavor: Flavor,
    /// For tasks that stay on one thread (current_thread runtimes).
    pub(crate) local: Option<LocalTasks>,
    pub(crate) calls: Calls,
    /// How long a task that was told to end may clean up.
    pub(crate) cancel_grace: Duration,
    /// In debug mode: who is told what the runtime's end shows.
    pub(crate) debugger: Option<std::sync::Arc<Debugger>>,
    /// Whether a spawn calls foreign code.
    pub(crate) has_task_hooks: bool,
    /// Takes turns among the homes for spawns from other threads.
    next_home: AtomicUsize,
}

impl Handle {
    pub(crate) fn new(
        shared: Arc<Shared>,
        homes: Homes,
        blocking: std::sync::Arc<dyn BlockingPool>,
        config: &Config,
        local: Option<LocalTasks>,
        debugger: Option<std::sync::Arc<Debugger>>,
    ) -> Self {
        let next_home = AtomicUsize::new(0);
        Handle {
            inner: Arc::new(Inner {
                shared,
                homes,
                blocking,
                flavor: config.flavor,
                local,
                calls: Calls::default(),
                cancel_grace: config.cancel_grace,
                debugger,
                has_task_hooks: config.task_hooks.has_hooks(),
                next_home,
            }),
        }
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.inner
    }

    /// How many others there are of this runtime.
    pub(crate) fn others(&self) -> usize {
        Arc::strong_count(&self.inner) - 1
    }

    /// Starts a task on this runtime. It runs whether or not the returned handle is awaited.
    ///
    /// Dropping the returned handle detaches the task. After the runtime's end the future is dropped at once
    /// and the handle answers that the task was cancelled.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_with(future, Meta::here())
    }

    /// As [`spawn`](Self::spawn), for a task whose `Err` is reported if nobody takes it: see
    /// [`spawn_checked`](crate::spawn::spawn_checked).
    #[track_caller]
    pub fn spawn_checked<F, T, E>(&self, future: F) -> JoinHandle<Result<T, E>>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: fmt::Debug + Send + 'static,
    {
        self.spawn_checked_with(future, Meta::here())
    }

    pub(crate) fn spawn_checked_with<F, T, E>(&self, future: F, meta: Meta) -> JoinHandle<Result<T, E>>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: fmt::Debug + Send + 'static,
    {
        let home = self.home();
        let (placed, join) = Home::place_checked(home, future, meta);
        match placed {
            Placed::Listed(task) => home.scheduler().schedule(task),
            Placed::Refused(task) => task.run(),
        }
        join
    }

    pub(crate) fn spawn_with<F>(&self, future: F, meta: Meta) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (refused, join) = self.spawn_or_refuse(future, meta);
        if let Some(refused) = refused {
            refused.run();
        }
        join
    }

    /// Runs no foreign code but hooks for spawns. The task that comes back was refused: running it drops its future.
    #[inline(always)]
    pub(crate) fn spawn_or_refuse<F>(
        &self,
        future: F,
        meta: Meta,
    ) -> (Option<Notified>, JoinHandle<F::Output>)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let home = self.home();
        match Home::place(home, future, meta) {
            (Placed::Listed(task), join) => {
                home.scheduler().schedule(task);
                (None, join)
            }
            (Placed::Refused(task), join) => (Some(task), join),
        }
    }

    /// The worker's own; for other threads one after the other.
    fn home(&self) -> &Arc<Home<Arc<Shared>>> {
        let Inner { shared, homes, .. } = &*self.inner;
        let index = with_current(shared, |worker| worker.map(|worker| worker.home()));
        let next = || self.inner.next_home.fetch_add(1, Ordering::Relaxed) % shared.seats.base();
        &homes[index.unwrap_or_else(next)]
    }

    /// No task is listed from here on, and the workers cancel those there are. Doing it again has no effect.
    pub(crate) fn close(&self) {
        let inner = self.inner();
        for home in inner.homes.iter() {
            home.close();
        }
        inner.shared.begin_close();
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
