//! Runtimes made by hand: the names of `tokio::runtime`, which are at the root of this crate too.

#[doc(no_inline)]
pub use crate::metrics::RuntimeMetrics;
#[doc(no_inline)]
pub use crate::{Builder, EnterGuard, Flavor as RuntimeFlavor, Handle, TryCurrentError};

pub use runtime_core::task::TaskMeta;

use crate::{JoinHandle, ShutdownOptions, ShutdownReport};
use runtime_core::runtime::{AsRuntime, Runtime as Core};
use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

/// A runtime: workers, driver, timers, blocking pool. Dropping it ends all its tasks.
///
/// The drop cancels every task at its await, waits for the polls that are going on, and for nothing else:
/// running blocking jobs are asked for their end, and left behind. Inside of async code it does not wait at all.
///
/// # Examples
/// ```
/// let runtime = runtime::Runtime::new()?;
/// let task = runtime.spawn(async { 40 });
/// assert_eq!(runtime.block_on(async { task.await.unwrap() + 2 }), 42);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Runtime(Core);

// As its handle.
impl UnwindSafe for Runtime {}
impl RefUnwindSafe for Runtime {}

/// For [`LocalSet::block_on`](crate::task::LocalSet::block_on).
#[doc(hidden)]
impl AsRuntime for Runtime {
    fn as_runtime(&self) -> &Core {
        &self.0
    }
}

impl Runtime {
    /// A multi_thread runtime with the default options.
    ///
    /// # Errors
    /// As [`Builder::build`].
    pub fn new() -> io::Result<Runtime> {
        Builder::new_multi_thread().build()
    }

    pub(crate) fn from_core(core: Core) -> Runtime {
        Runtime(core)
    }

    /// The handle of this runtime.
    pub fn handle(&self) -> &Handle {
        self.0.handle()
    }

    /// What the runtime's figures are now: see [`Handle::metrics`].
    ///
    /// # Examples
    /// ```
    /// let runtime = runtime::Runtime::new()?;
    /// assert_eq!(runtime.metrics().num_alive_tasks(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn metrics(&self) -> RuntimeMetrics {
        self.handle().metrics()
    }

    /// Starts a task on this runtime: see [`spawn`](crate::spawn()).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.0.spawn(future)
    }

    /// Runs a blocking job on this runtime's pool: see [`spawn_blocking`](crate::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, job: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.0.spawn_blocking(job)
    }

    /// Makes this the current thread's runtime until the guard is dropped: `spawn` and sockets find it.
    pub fn enter(&self) -> EnterGuard {
        self.0.enter()
    }

    /// Runs a future to its end on the current thread. On a current_thread runtime the tasks run meanwhile,
    /// on this thread; on a multi_thread runtime the workers run them.
    ///
    /// Inside of a task of a multi_thread runtime this blocks the task, and nobody else: another worker takes over at once.
    ///
    /// # Panics
    /// If the future panics; on a thread that runs the tasks of a current_thread runtime, or of a `LocalSet`, which nobody else
    /// could run meanwhile; and if a failure that nobody took shuts the runtime down, or has
    /// ([`UnhandledPolicy::Shutdown`](crate::UnhandledPolicy::Shutdown)).
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    /// Ends the runtime, and waits up to `timeout` for running polls and blocking jobs. What has not ended
    /// then is left behind. Jobs that run are asked for their end
    /// ([`task::cancel_requested`](crate::task::cancel_requested)): one that takes long may look.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let runtime = runtime::Runtime::new()?;
    /// runtime.spawn_blocking(|| std::thread::sleep(Duration::from_secs(3600)));
    /// runtime.shutdown_timeout(Duration::from_millis(10));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn shutdown_timeout(self, timeout: Duration) {
        self.0.shutdown_timeout(timeout);
    }

    /// Ends the runtime in phases, and says what it had to leave behind: asks all tasks for their end, as
    /// [`JoinHandle::cancel`] does, and waits until they have ended, for those that listen as long as the grace; then drops
    /// what is left, asks the blocking jobs that run for their end ([`task::cancel_requested`](crate::task::cancel_requested)),
    /// and waits for them, and for polls that go on, as long as the options say. So it takes no longer than both times
    /// together, and a second.
    ///
    /// Inside of async code, and on a worker of this runtime, it waits for nothing: tasks are dropped in the background, and
    /// the report has those that are being polled (the calling one, too) and the jobs that run at this moment. A job
    /// that shuts its own runtime down waits for itself as long as it may.
    ///
    /// On a current_thread runtime tasks run inside of this call: one that blocks the thread while it cleans up holds
    /// it up for as long.
    ///
    /// # Examples
    /// ```
    /// use runtime::{Runtime, ShutdownOptions};
    /// use std::time::Duration;
    ///
    /// let runtime = Runtime::new()?;
    /// runtime.spawn(std::future::pending::<()>());
    /// let options = ShutdownOptions::default().grace(Duration::from_secs(1)).blocking(Duration::from_secs(1));
    /// let report = runtime.shutdown(options);
    /// assert!(report.is_clean(), "left behind:\n{report}");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn shutdown(self, options: ShutdownOptions) -> ShutdownReport {
        self.0.shutdown(options)
    }

    /// Ends the runtime without waiting for anything.
    pub fn shutdown_background(self) {
        self.0.shutdown_background();
    }
}
