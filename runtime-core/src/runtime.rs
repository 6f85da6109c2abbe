//! Building a runtime, and ending it.
//!
//! The end: (1) the homes are closed, so a spawn is either listed before or answered with a cancelled handle;
//! (2) all workers are woken; (3) they cancel the tasks of all homes; (4) they run until all homes are empty,
//! and end; (5) the last one shuts timers and I/O down, which wakes whoever waits for them outside.

#![forbid(unsafe_code)]

use crate::config::Config;
use crate::context::{self, EnterGuard};
use crate::current_thread::CurrentThread;
use crate::handle::{Flavor, Handle, Inner};
use crate::local_set::LocalSet;
use crate::local_tasks::LocalTasks;
use crate::port::{Clock, Ports};
use crate::primitive::{Arc, Mutex, thread};
use crate::scheduler::seats::halves;
use crate::scheduler::{Homes, Options, Shared, Stamps, Worker, works_for};
use crate::shutdown::{self, Polls, ShutdownOptions, ShutdownReport};
use crate::supervise::exit::end_all_within;
use crate::task::{Debugger, Debugging, Home, JoinHandle, Watch, futurelock, keep_backtraces};
use crate::threads::{SpareStarter, start_monitor, start_worker};
use crate::timer::Timers;
use std::future::Future;
use std::io::{self, Write};
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// A runtime: workers, driver, timers, blocking pool. Dropping it ends all its tasks.
///
/// The drop waits for the polls that are going on, and for nothing else: running blocking jobs are asked for their end,
/// and left behind. Inside of async code it does not wait at all.
///
/// # Fork
/// A process that `fork`s takes none of the runtime's threads along, and shares its epoll instance with the child. The child
/// may `exec`, as children of `runtime::process` and of std do, and may `_exit`. It must not use the
/// runtime or drop it: what it spawns is never polled, and the drop waits for threads that are not there. The parent's
/// runtime goes on as before. Programs that fork and go on (daemons) do so before they build a runtime.
///
/// # Examples
/// ```
/// let runtime = runtime::Builder::new_multi_thread().worker_threads(2).build()?;
/// let sum = runtime.spawn(async { 40 + 2 });
/// assert_eq!(runtime.block_on(sum).unwrap(), 42);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Runtime {
    handle: Handle,
    kind: Kind,
    is_down: bool,
}

#[derive(Debug)]
enum Kind {
    MultiThread(Mutex<Vec<thread::JoinHandle<()>>>),
    CurrentThread(CurrentThread),
}

impl Runtime {
    /// Puts the parts together and starts the threads.
    ///
    /// # Errors
    /// The system's, when a thread cannot be had. Those already started have ended then. `InvalidInput` for a name with a NUL
    /// in it.
    pub fn build(config: &Config, ports: Ports) -> io::Result<Runtime> {
        keep_backtraces();
        let Ports { driver, driver_handle, blocking, clock } = ports;
        let is_current = config.flavor == Flavor::CurrentThread;
        let worker_count = if is_current { 1 } else { config.workers };
        let new_debugger = || {
            std::sync::Arc::new(Debugger::new(config.on_debug_report.clone(), std::sync::Arc::clone(&clock)))
        };
        let debugger = config.debug.then(new_debugger);
        if debugger.is_some() {
            futurelock::turn_on();
        }
        let watch = watch(config, &clock, &debugger);
        let unpark = std::sync::Arc::clone(&driver_handle);
        let timers = Arc::new(Timers::new(clock, worker_count, move || unpark.unpark()));
        if config.start_paused {
            timers.pause().expect("new timers run");
        }
        let (queues, seats): (Vec<_>, Vec<_>) = (0..worker_count).map(|_| halves()).unzip();
        let home_count = if is_current { 2 } else { worker_count };
        let options = Options {
            on_park: config.on_thread_park.clone(),
            on_unpark: config.on_thread_unpark.clone(),
            seed: config.seed,
            is_single: is_current,
            rescue: config.rescue.clone(),
            reporter: config.reporter.clone(),
            stamps: if config.detailed_metrics { Stamps::Always } else { Stamps::Sampled },
        };
        let shared = Arc::new(Shared::new(seats, home_count, timers, driver, driver_handle, options));
        let home = |_| Arc::new(Home::watched(Arc::clone(&shared), watch.clone()));
        let homes: Homes = (0..home_count).map(home).collect();
        let local = is_current.then(|| LocalTasks::new(Arc::clone(&homes[1])));
        let handle = Handle::new(Arc::clone(&shared), homes, blocking, config, local, debugger);
        shared.set_keeper(std::sync::Arc::new(handle.clone()));
        let mut workers =
            queues.into_iter().enumerate().map(|(i, queue)| Worker::new(Arc::clone(&shared), i, queue));
        let kind = match config.flavor {
            Flavor::CurrentThread => {
                Kind::CurrentThread(CurrentThread::new(workers.next().expect("there is one")))
            }
            Flavor::MultiThread => return start_threads(config, handle, workers.collect()),
        };
        Ok(Runtime { handle, kind, is_down: false })
    }

    /// The handle of this runtime.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// As [`Handle::spawn`].
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
    }

    /// As [`Handle::spawn_blocking`].
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, job: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.handle.spawn_blocking(job)
    }

    /// As [`Handle::enter`].
    pub fn enter(&self) -> EnterGuard {
        self.handle.enter()
    }

    /// Runs a future to its end on the current thread. On a current_thread runtime the tasks run
    /// meanwhile, on this thread; on a multi_thread runtime the workers run them. Tasks that are not done when
    /// the future is wait for the next call on a current_thread runtime.
    ///
    /// # Panics
    /// If the future panics; and as [`Handle::block_on`]; if a failure that nobody took
    /// shuts the runtime down, or has before ([`UnhandledPolicy::Shutdown`](crate::task::UnhandledPolicy::Shutdown)). On
    /// a current_thread runtime also if tasks of [`spawn_local`](crate::spawn::spawn_local) live on another thread.
    ///
    /// # Examples
    /// ```
    /// let runtime = runtime::Builder::new_current_thread().build()?;
    /// let local = String::from("borrowed");
    /// let len = runtime.block_on(async { local.len() });
    /// assert_eq!(len, local.len());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match &self.kind {
            Kind::MultiThread(_) => self.handle.block_on(future),
            Kind::CurrentThread(current) => current.block_on(&self.handle, future),
        }
    }

    /// Ends the runtime, and waits up to `timeout` for running polls and blocking jobs. What has not ended
    /// then is left behind. Tasks are cancelled at their next await; blocking jobs that wait for a thread are
    /// cancelled, and those that run are asked for their end ([`task::cancel_requested`](crate::task::cancel_requested)).
    ///
    /// Inside of async code it does not wait.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let runtime = runtime::Builder::new_multi_thread().worker_threads(1).build()?;
    /// let endless = runtime.spawn(std::future::pending::<()>());
    /// runtime.shutdown_timeout(Duration::from_secs(1));
    /// assert!(futures::executor::block_on(endless).unwrap_err().is_cancelled());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn shutdown_timeout(mut self, timeout: Duration) {
        self.shut_down(Some(timeout));
    }

    /// Ends the runtime in phases, and says what it had to leave behind: asks all tasks for their end, as
    /// [`JoinHandle::cancel`] does, and waits until they have ended, for those that listen as long as the grace; then drops
    /// what is left, asks the blocking jobs that run for their end ([`task::cancel_requested`](crate::task::cancel_requested)),
    /// and waits for them, and for polls that go on, as long as the options say. So it takes no longer than both times
    /// together, and a second.
    ///
    /// Inside of async code, and on a worker of this runtime, it waits for nothing: tasks are dropped in the background, and
    /// the report has those that were being polled (the calling one, too) and the jobs that run at this moment. A job
    /// that shuts its own runtime down waits for itself as long as it may.
    ///
    /// On a current_thread runtime tasks run inside of this call: one that blocks the thread while it cleans up holds
    /// it up for as long.
    ///
    /// # Examples
    /// ```
    /// use runtime::{Runtime, ShutdownOptions, task};
    ///
    /// let runtime = Runtime::new()?;
    /// let (ready, is_ready) = runtime::sync::oneshot::channel();
    /// let task = runtime.spawn(async move {
    ///     let cancelled = task::cancelled();
    ///     ready.send(()).unwrap();
    ///     cancelled.await;
    ///     "flushed"
    /// });
    /// runtime.block_on(is_ready).unwrap();
    /// let report = runtime.shutdown(ShutdownOptions::default());
    /// assert!(report.is_clean(), "{report}");
    /// assert_eq!(task.join_blocking().unwrap(), "flushed");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn shutdown(mut self, options: ShutdownOptions) -> ShutdownReport {
        let ShutdownOptions { grace, blocking } = options;
        let polls = Polls::now(&self.handle);
        let may_wait = !self.must_not_wait();
        if may_wait && !grace.is_zero() && self.runs_tasks_here() {
            let ask = || self.block_on(end_all_within(&self.handle, grace));
            // A failure that nobody took may end it early: it was reported.
            let _ = catch_unwind(AssertUnwindSafe(ask));
        }
        self.shut_down(Some(blocking));
        shutdown::report(&self.handle, &polls, may_wait)
    }

    /// Inside of async code, and on a worker of the runtime: a worker that has stepped aside may wait, but not for itself.
    fn must_not_wait(&self) -> bool {
        context::must_not_wait() || works_for(&self.handle.inner().shared)
    }

    /// Whether a `block_on` on this thread would go well.
    fn runs_tasks_here(&self) -> bool {
        let Inner { shared, local, .. } = self.handle.inner();
        !shared.has_failed() && !local.as_ref().is_some_and(LocalTasks::are_elsewhere)
    }

    /// Ends the runtime without waiting for anything: tasks end at their next await, on their workers.
    pub fn shutdown_background(self) {
        self.shutdown_timeout(Duration::ZERO);
    }

    /// `None`: waits for polls, however long, but not for blocking jobs.
    fn shut_down(&mut self, timeout: Option<Duration>) {
        if std::mem::replace(&mut self.is_down, true) {
            return;
        }
        let inner = self.handle.inner();
        let timeout = if self.must_not_wait() { Some(Duration::ZERO) } else { timeout };
        let deadline = timeout.map(far_deadline);
        // First: a poll that goes on may be waiting for one of them.
        inner.blocking.ask_running();
        let mut has_ended;
        match &self.kind {
            Kind::MultiThread(threads) => {
                self.handle.close();
                has_ended = inner.shared.wait_for_threads(deadline) == 0;
                if has_ended {
                    for thread in threads.lock().drain(..) {
                        // A worker does not panic; a user's `wrap_thread` may, and has been printed.
                        let _ = thread.join();
                    }
                }
            }
            Kind::CurrentThread(current) => {
                let left = current.shut_down(&self.handle);
                has_ended = left == 0;
                if left > 0 {
                    let _ = writeln!(
                        io::stderr(),
                        "runtime: {left} tasks from `spawn_local` were left undropped: their current_thread \
                         runtime was dropped on another thread than theirs"
                    );
                }
            }
        }
        let left = deadline.map_or(Duration::ZERO, |end| end.saturating_duration_since(Instant::now()));
        inner.blocking.shutdown(left);
        // What still runs would count as a handle that is held, and may hold some.
        has_ended &= inner.shared.activity.is_none();
        if let Some(debugger) = inner.debugger.as_ref().filter(|_| has_ended) {
            debugger.ended(self.handle.others());
        }
    }
}

/// A runtime, or what points to one.
pub trait AsRuntime {
    /// The runtime.
    fn as_runtime(&self) -> &Runtime;
}

impl AsRuntime for Runtime {
    fn as_runtime(&self) -> &Runtime {
        self
    }
}

impl<P: Deref<Target: AsRuntime>> AsRuntime for P {
    fn as_runtime(&self) -> &Runtime {
        (**self).as_runtime()
    }
}

/// Here because it needs a runtime, which sets of local tasks know nothing of.
impl LocalSet {
    /// Runs `future` on `runtime`, and the set's tasks beside it, until `future` is ready: as
    /// `runtime.block_on(set.run_until(future))`.
    ///
    /// # Panics
    /// As the runtime's `block_on`.
    ///
    /// # Examples
    /// ```
    /// use runtime::task::{LocalSet, spawn_local};
    /// use std::rc::Rc;
    ///
    /// let runtime = runtime::Runtime::new()?;
    /// let set = LocalSet::new();
    /// let answer = set.block_on(&runtime, async { spawn_local(async { *Rc::new(42) }).await.unwrap() });
    /// assert_eq!(answer, 42);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn block_on<F: Future>(&self, runtime: &impl AsRuntime, future: F) -> F::Output {
        runtime.as_runtime().block_on(self.run_until(future))
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.shut_down(None);
    }
}

/// What is to be called and measured for each task.
fn watch(
    config: &Config,
    clock: &std::sync::Arc<dyn Clock>,
    debugger: &Option<std::sync::Arc<Debugger>>,
) -> Option<std::sync::Arc<Watch>> {
    let clock = config.detailed_metrics.then(|| std::sync::Arc::clone(clock));
    let debugging = debugger.clone().map(Debugging::new);
    let watch = Watch { clock, debugging, ..config.task_hooks.clone() };
    watch.is_needed().then(|| std::sync::Arc::new(watch))
}

/// A century is as good as for ever, and does not overflow.
fn far_deadline(timeout: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(timeout).unwrap_or_else(|| now + Duration::from_secs(100 * 365 * 24 * 3600))
}

fn start_threads(config: &Config, handle: Handle, workers: Vec<Worker>) -> io::Result<Runtime> {
    let kind = Kind::MultiThread(Mutex::new(Vec::with_capacity(workers.len() + 1)));
    // From here on a drop, also by `?`, ends the threads started so far.
    let runtime = Runtime { handle, kind, is_down: false };
    let Kind::MultiThread(threads) = &runtime.kind else { unreachable!("made above") };
    let mut threads = threads.lock();
    threads.extend(start_monitor(config, &runtime.handle)?);
    for worker in workers {
        threads.push(start_worker(config, &runtime.handle, worker)?);
    }
    drop(threads);
    let shared = &runtime.handle.inner().shared;
    shared.set_starter(std::sync::Arc::new(SpareStarter::new(config, &runtime.handle)));
    Ok(runtime)
}
