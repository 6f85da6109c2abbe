//! Building a runtime: the one file that knows every crate.

use crate::{Flavor, RescueConfig, Runtime};
use runtime_blocking::{Options, Pool, STACK_MAX, STACK_MIN};
use runtime_core::config::Config;
use runtime_core::port::{Ports, SystemClock};
use runtime_core::runtime::Runtime as Core;
use runtime_core::task::{DebugReport, Reporter, TaskMeta, Unhandled, UnhandledPolicy, Watch};
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The most workers a runtime may have.
const WORKERS_MAX: usize = 4096;

/// How long a task that was told to end may clean up, unless the builder says otherwise.
const CANCEL_GRACE: Duration = Duration::from_secs(10);

/// The environment variable that says how many workers there are where the builder does not.
const WORKERS_VARIABLE: &str = "RUNTIME_WORKERS";

/// The environment variable that says whether debug mode is on where the builder does not.
const DEBUG_VARIABLE: &str = "RUNTIME_DEBUG";

/// Makes a [`Runtime`] with options. I/O and time are always there.
///
/// # Examples
/// ```
/// let runtime = runtime::Builder::new_multi_thread()
///     .worker_threads(2)
///     .thread_name("my-app")
///     .build()?;
/// assert_eq!(runtime.block_on(async { 42 }), 42);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Builder {
    config: Config,
    workers: Option<usize>,
    debug: Option<bool>,
    pool: Options,
    has_nul: bool,
}

impl Builder {
    /// A runtime whose worker threads steal tasks from each other.
    pub fn new_multi_thread() -> Self {
        Self::new(Flavor::MultiThread)
    }

    /// A runtime without worker threads: tasks run on the thread that is inside of
    /// [`block_on`](Runtime::block_on).
    pub fn new_current_thread() -> Self {
        Self::new(Flavor::CurrentThread)
    }

    fn new(flavor: Flavor) -> Self {
        let config = Config {
            flavor,
            workers: 1,
            thread_name: Arc::new(|| "runtime-worker".to_owned()),
            stack_size: None,
            on_thread_start: None,
            on_thread_stop: None,
            on_thread_park: None,
            on_thread_unpark: None,
            wrap_thread: None,
            task_hooks: Watch::default(),
            detailed_metrics: false,
            debug: false,
            on_debug_report: None,
            cancel_grace: CANCEL_GRACE,
            rescue: RescueConfig::default(),
            reporter: Reporter::default(),
            start_paused: false,
            seed: RandomState::new().hash_one(0),
        };
        Builder { config, workers: None, debug: None, pool: Options::default(), has_nul: false }
    }

    /// How many workers a multi_thread runtime has. Without it: `RUNTIME_WORKERS` from the environment, else
    /// one for each core that this process may use. A current_thread runtime takes no notice.
    pub fn worker_threads(&mut self, count: usize) -> &mut Self {
        self.workers = Some(count);
        self
    }

    /// Most threads of the blocking pool (512).
    pub fn max_blocking_threads(&mut self, count: usize) -> &mut Self {
        self.pool.max_threads = count;
        self
    }

    /// The name of the runtime's threads. Systems cut it: Linux to 15 bytes.
    pub fn thread_name(&mut self, name: impl Into<String>) -> &mut Self {
        let name = name.into();
        let has_nul = name.contains('\0');
        self.thread_name_fn(move || name.clone()).has_nul = has_nul;
        self
    }

    /// Called for the name of each new thread.
    pub fn thread_name_fn(&mut self, name: impl Fn() -> String + Send + Sync + 'static) -> &mut Self {
        let name = Arc::new(name);
        self.has_nul = false;
        self.config.thread_name = name.clone();
        self.pool.thread_name = name;
        self
    }

    /// The stack of each thread of the runtime, in bytes.
    pub fn thread_stack_size(&mut self, bytes: usize) -> &mut Self {
        self.config.stack_size = Some(bytes);
        self.pool.stack_size = Some(bytes);
        self
    }

    /// How long a thread of the blocking pool waits for a job before it ends (10 s).
    pub fn thread_keep_alive(&mut self, duration: Duration) -> &mut Self {
        self.pool.keep_alive = duration;
        self
    }

    /// Called on each thread of the runtime when it starts, before it takes up any work. A panic in it is printed and ends there.
    ///
    /// It had better be short, and must not wait for a task: a thread that was started because another one is blocked is of no
    /// help before this ends, and no further one is started for that.
    pub fn on_thread_start(&mut self, f: impl Fn() + Send + Sync + 'static) -> &mut Self {
        let f = Arc::new(f);
        self.config.on_thread_start = Some(f.clone());
        self.pool.on_thread_start = Some(f);
        self
    }

    /// Called on each thread of the runtime before it ends.
    pub fn on_thread_stop(&mut self, f: impl Fn() + Send + Sync + 'static) -> &mut Self {
        let f = Arc::new(f);
        self.config.on_thread_stop = Some(f.clone());
        self.pool.on_thread_stop = Some(f);
        self
    }

    /// Called on a worker before it sleeps for want of work.
    pub fn on_thread_park(&mut self, f: impl Fn() + Send + Sync + 'static) -> &mut Self {
        self.config.on_thread_park = Some(Arc::new(f));
        self
    }

    /// Called on a worker after it has slept.
    pub fn on_thread_unpark(&mut self, f: impl Fn() + Send + Sync + 'static) -> &mut Self {
        self.config.on_thread_unpark = Some(Arc::new(f));
        self
    }

    /// Called on each thread of the runtime, around its whole life, with the closure that is this life. It
    /// must call the closure once: a guard made before and dropped after is there for everything that
    /// runs on the thread. A worker whose wrapper does not call it runs unwrapped; a blocking thread serves
    /// nobody then.
    pub fn wrap_thread(
        &mut self,
        f: impl for<'a> Fn(Box<dyn FnOnce() + 'a>) + Send + Sync + 'static,
    ) -> &mut Self {
        let f = Arc::new(f);
        self.config.wrap_thread = Some(f.clone());
        self.pool.wrap_thread = Some(f);
        self
    }

    /// Whether the runtime's time stands still from the beginning: see [`time::pause`](crate::time::pause).
    pub fn start_paused(&mut self, paused: bool) -> &mut Self {
        self.config.start_paused = paused;
        self
    }

    /// How long a task that listens ([`task::cancelled`](crate::task::cancelled)) may clean up when it is asked for its
    /// end by [`JoinHandle::cancel`](crate::JoinHandle::cancel): 10 s, unless this says otherwise. Then it is dropped.
    pub fn cancel_grace(&mut self, grace: Duration) -> &mut Self {
        self.config.cancel_grace = grace;
        self
    }

    /// What is done about polls that block their worker: see [`RescueConfig`]. A current_thread runtime takes no notice.
    pub fn rescue(&mut self, config: RescueConfig) -> &mut Self {
        self.config.rescue = config;
        self
    }

    /// Called for each panic of a task or blocking job that nobody took: the [`JoinHandle`](crate::JoinHandle) was dropped,
    /// before or after the end. The same for each `Err` of a task from [`task::spawn_checked`](crate::task::spawn_checked).
    /// Without a hook each is a line on stderr, and where backtraces are enabled (`RUST_BACKTRACE`) that of the panic is
    /// behind it: [`Unhandled::backtrace`].
    ///
    /// A result that was awaited, or taken in another way, is not reported, whatever became of it, and neither is a task
    /// that was cancelled. Each failure is reported once, when it is certain: when the task ends, if its handle is gone, or
    /// when the handle goes. The hook runs there and then, on that thread, and no lock of the runtime is held; it shall not
    /// block. Inside of it the runtime is the current one, so that it may spawn, unless that has ended. If it panics, the
    /// line is written all the same; so it is for a failure that the hook causes itself by dropping a handle.
    ///
    /// A handle that outlives its runtime still reports to the hook; one of a task of a
    /// [`LocalSet`](crate::task::LocalSet) writes the line then.
    ///
    /// A hook that holds a [`Handle`](crate::Handle) of its own runtime keeps that in memory.
    ///
    /// # Examples
    /// ```
    /// use std::sync::mpsc;
    /// use runtime::UnhandledKind;
    ///
    /// let (tell, told) = mpsc::channel();
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .on_unhandled(move |unhandled| tell.send((unhandled.kind(), unhandled.message().to_owned())).unwrap())
    ///     .build()?;
    /// drop(runtime.spawn_blocking(|| panic!("no more data")));
    /// assert_eq!(told.recv().unwrap(), (UnhandledKind::Panic, "no more data".to_owned()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn on_unhandled(&mut self, f: impl Fn(&Unhandled) + Send + Sync + 'static) -> &mut Self {
        self.config.reporter.hook = Some(Arc::new(f));
        self
    }

    /// What follows a failure that nobody took, after it was reported: nothing ([`UnhandledPolicy::Log`], the default), the
    /// end of the runtime, or of the process.
    ///
    /// # Examples
    /// ```
    /// use runtime::UnhandledPolicy;
    ///
    /// let result = std::panic::catch_unwind(|| {
    ///     let runtime = runtime::Builder::new_current_thread()
    ///         .unhandled_policy(UnhandledPolicy::Shutdown)
    ///         .build()
    ///         .unwrap();
    ///     runtime.block_on(async {
    ///         drop(runtime::spawn(async { panic!("no more data") }));
    ///         std::future::pending::<()>().await // does not hang
    ///     })
    /// });
    /// let text = result.unwrap_err().downcast::<String>().unwrap();
    /// assert!(text.starts_with("the runtime was shut down: task "), "{text}");
    /// assert!(text.ends_with(" panicked and nobody took the result: no more data"), "{text}");
    /// ```
    pub fn unhandled_policy(&mut self, policy: UnhandledPolicy) -> &mut Self {
        self.config.reporter.policy = policy;
        self
    }

    /// Whether every poll is measured (not): [`metrics`](crate::metrics) then have each poll and each wait in their
    /// histograms, and [`TaskInfo`](crate::task::TaskInfo) has a task's polls, its busy time, and what it waits for.
    /// Otherwise one poll in a few hundred is measured, and nothing for a single task. It costs each poll some
    /// readings of the clock, and each task some memory.
    pub fn detailed_metrics(&mut self, detailed: bool) -> &mut Self {
        self.config.detailed_metrics = detailed;
        self
    }

    /// Whether the runtime is in debug mode, asyncio's: it looks for what is suspicious, and says so. Without this:
    /// `RUNTIME_DEBUG` from the environment (`1` or `0`), else not.
    ///
    /// A report is a line on stderr that begins with `runtime: debug:`, or goes to [`on_debug_report`](Self::on_debug_report).
    /// It names the task and where it was spawned; of each kind and spawn site (or place where a future was made) there is one a
    /// minute. What is looked for:
    ///
    /// - a poll that takes more than 100 ms: by two readings of the clock for each poll, so in real time, and also where
    ///   nobody waits for that worker. What it spends in [`block_in_place`](crate::task::block_in_place) or `block_on` while
    ///   others do its worker's work does not count;
    /// - a task that was aborted, or whose runtime ended, before its first poll;
    /// - a result that nobody has read: the handle was dropped, but after the task had given a value (other than `()`). A handle
    ///   that is dropped before detaches its task, which is no fault; and who has asked for the task's end by it (`abort`,
    ///   `cancel`, a `gather` that is dropped) does not want the value;
    /// - a task that wakes itself all the time: it was woken during each of more than 1000 polls in a row, within a second,
    ///   and got nothing done that takes budget. [`yield_now`](crate::task::yield_now) does not count as waking oneself, nor
    ///   does it inside of a `FuturesUnordered` or the like;
    /// - a future of this crate that a task drops before its first poll: an `.await` is missing, as in
    ///   `let _guard = mutex.lock()`. Timers, locks and permits, what sends and receives, `JoinHandle::timeout`, `gather` and
    ///   the like, `JoinSet`'s; not those that do something without a poll, such as `Notify::notified` and
    ///   `JoinHandle::cancel`, and none from `net`. What `select!`, `try_join!` and `run_until_cancelled`
    ///   leave, and a group of its body, and what a task drops that is cancelled, does not count; what a combinator of another
    ///   crate leaves does. Only in builds with debug assertions: in others futures do not know whether they were polled, and
    ///   are no larger for it;
    /// - a *futurelock*: a lock, a permit, room or an item of a queue that was given to a task in a future that it has not polled
    ///   for a second (of the runtime's clock), although it was polled itself: as when a `select!` over `&mut future` was
    ///   left, and the task waits for something else while it keeps that future. All others wait for that lock meanwhile;
    /// - handles that are still there when the runtime has ended: those of its tasks, and its own
    ///   [`Handle`](crate::Handle)s. Not where threads or blocking jobs of the runtime were left running.
    ///
    /// Blocking jobs, the future of `block_on`, and tasks of a [`LocalSet`](crate::task::LocalSet) are not looked at. In debug
    /// mode each task takes some more memory, and a spawn, a handle's drop and a wait for permits each a lock that all tasks
    /// share. Where it is off, tasks pay nothing for it.
    ///
    /// # Examples
    /// ```
    /// use runtime::DebugKind;
    /// use std::sync::mpsc;
    /// use std::time::Duration;
    ///
    /// let (tell, told) = mpsc::channel();
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .debug(true)
    ///     .on_debug_report(move |report| tell.send((report.kind(), report.spawn_site().unwrap().line())).unwrap())
    ///     .build()?;
    /// let task = runtime.spawn(async { std::thread::sleep(Duration::from_millis(150)) });
    /// runtime.block_on(task).unwrap();
    /// assert_eq!(told.recv().unwrap(), (DebugKind::SlowPoll, line!() - 2));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn debug(&mut self, debug: bool) -> &mut Self {
        self.debug = Some(debug);
        self
    }

    /// Called for each report of [debug mode](Self::debug), instead of the line on stderr. It does not turn debug mode on.
    ///
    /// It runs where the matter was noticed: on a worker, in the middle of a spawn or of the drop of a handle, at the runtime's
    /// end; no lock of the runtime is held. It shall not block. If it panics, the line is written all the same; so it is
    /// for a report that the hook causes itself.
    pub fn on_debug_report(&mut self, f: impl Fn(&DebugReport) + Send + Sync + 'static) -> &mut Self {
        self.config.on_debug_report = Some(Arc::new(f));
        self
    }

    /// Called for each task when it was made, by whoever spawns it, before anybody polls it.
    ///
    /// Of this and the other three hooks: they are called outside of all locks; a panic in one is printed and ends
    /// there; together they come in the order spawn, before and after each poll, terminate, with one spawn and one
    /// terminate for each task, however it ends. Tasks that the runtime starts for itself (callbacks, graces) count;
    /// blocking jobs, the future of `block_on` and tasks of a [`LocalSet`](crate::task::LocalSet) do not. Without hooks
    /// a poll pays nothing for them.
    ///
    /// # Examples
    /// ```
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    /// use std::sync::Arc;
    ///
    /// let alive = Arc::new(AtomicUsize::new(0));
    /// let (up, down) = (alive.clone(), alive.clone());
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .on_task_spawn(move |_| _ = up.fetch_add(1, Ordering::Relaxed))
    ///     .on_task_terminate(move |_| _ = down.fetch_sub(1, Ordering::Relaxed))
    ///     .build()?;
    /// runtime.block_on(runtime.spawn(async {})).unwrap();
    /// assert_eq!(alive.load(Ordering::Relaxed), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn on_task_spawn(&mut self, f: impl Fn(&TaskMeta<'_>) + Send + Sync + 'static) -> &mut Self {
        self.config.task_hooks.on_spawn = Some(Arc::new(f));
        self
    }

    /// Called for each task when it has ended, by whoever ended it: its future is dropped, and who awaits it is woken
    /// after this. See [`on_task_spawn`](Self::on_task_spawn).
    pub fn on_task_terminate(&mut self, f: impl Fn(&TaskMeta<'_>) + Send + Sync + 'static) -> &mut Self {
        self.config.task_hooks.on_terminate = Some(Arc::new(f));
        self
    }

    /// Called before each poll of a task, on the thread that polls it. A task that is dropped unpolled has none. See
    /// [`on_task_spawn`](Self::on_task_spawn).
    pub fn on_before_task_poll(&mut self, f: impl Fn(&TaskMeta<'_>) + Send + Sync + 'static) -> &mut Self {
        self.config.task_hooks.on_before_poll = Some(Arc::new(f));
        self
    }

    /// Called after each poll of a task, also one that panicked, on the thread that polled it. See
    /// [`on_task_spawn`](Self::on_task_spawn).
    pub fn on_after_task_poll(&mut self, f: impl Fn(&TaskMeta<'_>) + Send + Sync + 'static) -> &mut Self {
        self.config.task_hooks.on_after_poll = Some(Arc::new(f));
        self
    }

    /// The seed of what the runtime leaves to chance: whom a thief asks first, which branch of `select!` goes
    /// first. Without it each runtime has another.
    pub fn rng_seed(&mut self, seed: u64) -> &mut Self {
        self.config.seed = seed;
        self
    }

    /// Builds the runtime and starts its threads.
    ///
    /// # Errors
    /// `InvalidInput`, naming the option (or the environment variable), when one makes no sense. The
    /// system's error when it has no thread, no epoll instance or no event descriptor to give; what was started
    /// until then has ended.
    pub fn build(&mut self) -> io::Result<Runtime> {
        let mut config = self.config.clone();
        if config.flavor == Flavor::MultiThread {
            config.workers = self.worker_count()?;
        }
        self.check()?;
        config.debug = self.is_debugging()?;
        let (driver, driver_handle) = runtime_io::driver()?;
        let blocking = Arc::new(Pool::new(self.pool.clone()).map_err(name_option)?);
        let ports = Ports { driver, driver_handle, blocking, clock: Arc::new(SystemClock) };
        Core::build(&config, ports).map(Runtime::from_core)
    }

    fn worker_count(&self) -> io::Result<usize> {
        let (count, option) = match self.workers {
            Some(count) => (count, "worker_threads"),
            None => match std::env::var_os(WORKERS_VARIABLE) {
                None => (num_cpus::get().min(WORKERS_MAX), "num_cpus"),
                Some(value) => (parse_workers(&value)?, WORKERS_VARIABLE),
            },
        };
        if count == 0 || count > WORKERS_MAX {
            return invalid(format!("{option} is {count}: a runtime has 1 to {WORKERS_MAX} workers"));
        }
        Ok(count)
    }

    fn is_debugging(&self) -> io::Result<bool> {
        match (self.debug, std::env::var_os(DEBUG_VARIABLE)) {
            (Some(debug), _) => Ok(debug),
            (None, None) => Ok(false),
            (None, Some(value)) => parse_debug(&value),
        }
    }

    fn check(&self) -> io::Result<()> {
        if self.has_nul {
            return invalid("thread_name contains a NUL, which no thread's name may".to_owned());
        }
        if self.pool.max_threads == 0 {
            return invalid("max_blocking_threads is 0: a pool without threads runs nothing".to_owned());
        }
        self.config.rescue.check().or_else(invalid)?;
        match self.config.stack_size {
            Some(size) if !(STACK_MIN..=STACK_MAX).contains(&size) => invalid(format!(
                "thread_stack_size is {size} bytes: it must be between {STACK_MIN} and {STACK_MAX}"
            )),
            _ => Ok(()),
        }
    }
}

fn parse_workers(value: &std::ffi::OsStr) -> io::Result<usize> {
    let number = value.to_str().and_then(|text| text.trim().parse().ok());
    match number {
        Some(number) => Ok(number),
        None => invalid(format!("the environment variable {WORKERS_VARIABLE} is {value:?}: not a number")),
    }
}

fn parse_debug(value: &std::ffi::OsStr) -> io::Result<bool> {
    match value.to_str().map(str::trim) {
        Some("1") => Ok(true),
        Some("0") => Ok(false),
        _ => invalid(format!("the environment variable {DEBUG_VARIABLE} is {value:?}: neither 1 nor 0")),
    }
}

/// The pool's options have shorter names than ours.
fn name_option(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string().replace("max_threads", "max_blocking_threads"))
}

fn invalid<T>(what: String) -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::InvalidInput, what))
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("config", &self.config)
            .field("workers", &self.workers)
            .field("debug", &self.debug)
            .field("pool", &self.pool)
            .finish()
    }
}
