//! The pool, and how a job goes through it.
//!
//! ```text
//! run ── waits for room ──┐            ┌─ a thread takes it: running ── its closure ends ─┐
//! try_spawn ── or Full ───┼─ queued ───┤                                                 ├─ its seat is dropped
//! spawn ── in any case ───┘            └─ cancelled, or no thread to be had ─────────────┘
//! ```
//!
//! Deliberately absent: a list of the queued jobs. A cancelled one has ended and left the room; what is left of it in
//! the channel is skipped by the next thread that gets there.

use super::full::Full;
use super::room::{Came, Drained, Room};
use crate::pool::options::Options;
use crate::pool::shared::Shared;
use runtime_core::context;
use runtime_core::port::{Refused, RunningJob};
use runtime_core::primitive::Arc;
use runtime_core::primitive::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use runtime_core::sync::Event;
use runtime_core::task::unpolled::must_await;
use runtime_core::task::{AbortOnDropHandle, Job, JoinError, JoinHandle};
use std::fmt;
use std::io;
use std::panic::Location;
use std::time::Duration;

/// A pool of threads of one's own for jobs that block: asyncio's `ThreadPoolExecutor`, with a bound on its queue.
///
/// Use one to limit what goes on at the same time, as for a database that takes three connections, or to keep jobs of
/// one kind from those of another. For the rest there is `spawn_blocking`.
///
/// Threads come when jobs wait for one, and leave when there is nothing to do. Jobs start in the order in which they
/// came. When the system refuses a thread, those that are there serve the queue; with none, the job fails with the
/// system's error. A panic in a job goes to its handle. Whoever waits in a job for another one of the same pool may wait
/// for ever, once all threads do so.
///
/// It needs no runtime: `run` works on any executor, `spawn` on any thread. A job that was spawned inside of a runtime
/// is inside of it as well (`Handle::current` is the spawner's, and its paused clock stands still meanwhile), and has
/// copies of the task-locals that are marked `#[inherit]`.
///
/// Clones are the same pool. Dropping the last one [`close`](Self::close)s it: jobs that run or are queued go on to
/// their end, then the threads leave. Nobody waits for that, the end of `main` neither, with which they are lost, and unlike
/// those of `spawn_blocking` not named; [`shutdown`](Self::shutdown) and [`wait_closed`](Self::wait_closed) do.
///
/// # Examples
/// ```
/// use runtime::blocking::Pool;
///
/// # fn main() -> std::io::Result<()> {
/// let pool = Pool::builder().threads(3).build()?;
/// let squares = runtime::run(async move {
///     let squares = (0..6_u64).map(|n| pool.run(move || n * n));
///     runtime::task::try_gather(squares).await
/// });
/// assert_eq!(squares.unwrap(), [0, 1, 4, 9, 16, 25]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Pool(Arc<Owner>);

/// What all clones of a [`Pool`] share, and its jobs do not.
struct Owner(Arc<Core>);

pub(crate) struct Core {
    name: String,
    pub(crate) room: Room,
    shared: Arc<Shared<Job>>,
    /// Set when the pool is closed and all jobs have ended.
    drained: Event,
    waiting: AtomicUsize,
    running: AtomicUsize,
    completed: AtomicU64,
    cancelled: AtomicU64,
    refused: AtomicU64,
}

/// How a [`Pool`] stands at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PoolMetrics {
    /// Threads that exist.
    pub threads: usize,
    /// Of these, asleep.
    pub idle: usize,
    /// Jobs that wait for a thread.
    pub queued: usize,
    /// Jobs that run.
    pub running: usize,
    /// Calls of [`Pool::run`] that wait for room.
    pub waiting: usize,
    /// Jobs that have run to their end, or panicked.
    pub completed: u64,
    /// Jobs that have ended without having started: cancelled, or failed for want of a thread.
    pub cancelled: u64,
    /// Jobs that [`Pool::try_spawn`] has handed back.
    pub refused: u64,
}

/// What [`Pool::shutdown`] had to leave behind.
#[derive(Debug, Clone)]
#[must_use = "it says which jobs still run"]
pub struct PoolReport {
    survivors: Vec<RunningJob>,
}

impl PoolReport {
    /// The jobs that still run: where they were spawned, on which thread, for how long.
    pub fn survivors(&self) -> &[RunningJob] {
        &self.survivors
    }
}

impl Pool {
    #[track_caller]
    pub(crate) fn new(name: String, jobs_max: usize, options: Options) -> io::Result<Pool> {
        let core = Core {
            name,
            room: Room::new(jobs_max),
            shared: Arc::new(Shared::new(options)?),
            drained: Event::new(),
            waiting: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            completed: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        };
        Ok(Pool(Arc::new(Owner(Arc::new(core)))))
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.0.0
    }

    /// Runs `job` on the pool and waits for its result: asyncio's `run_in_executor`.
    ///
    /// With a bounded [`queue`](super::Builder::queue), it first waits for room: first come, first served. The job
    /// belongs to whoever awaits: to that runtime, with the task-locals that are inherited there. The future keeps the
    /// pool open until the job is queued.
    ///
    /// # Cancel safety
    /// Dropping the future before there was room drops the job, and the next one has its turn. After that, the job is
    /// removed if it has not started; if it has, it runs on, and [`is_cancelled`](super::is_cancelled) tells it.
    ///
    /// # Errors
    /// As with `spawn_blocking`: the job panicked, no thread was to be had for it, or it was cancelled because the pool
    /// is shut down or closed.
    ///
    /// # Examples
    /// ```
    /// use runtime::blocking::Pool;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let files = Pool::builder().threads(2).queue(10).build()?;
    /// runtime::run(async move {
    ///     let len = files.run(|| "what a file says".len()).await.unwrap();
    ///     assert_eq!(len, 16);
    /// });
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn run<F, R>(&self, job: F) -> impl Future<Output = Result<R, JoinError>> + Send + use<F, R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let (pool, site) = (self.clone(), Location::caller());
        async move {
            let came = match pool.core().room.look() {
                Came::InExcess => {
                    let _waiting = Waiting::new(&pool.core().waiting);
                    pool.core().room.wait().await
                }
                came => came,
            };
            let handle = Core::submit(Core::admit(pool.core(), came), job, site);
            drop(pool);
            AbortOnDropHandle::new(handle).await
        }
    }

    /// Queues `job` if there is room for it and nobody waits for that room. Does not wait.
    ///
    /// # Errors
    /// [`Full`], with the job, if there is no room, or the pool is closed or shut down.
    ///
    /// # Examples
    /// ```
    /// use runtime::blocking::Pool;
    /// use std::sync::mpsc::channel;
    ///
    /// let pool = Pool::builder().threads(1).queue(0).build()?;
    /// let (release, gate) = channel::<()>();
    /// let first = pool.try_spawn(move || gate.recv().is_err()).unwrap();
    /// let full = pool.try_spawn(|| 42).unwrap_err();
    /// assert_eq!(full.to_string(), "the pool has no room for another job");
    ///
    /// drop(release);
    /// assert!(first.join_blocking().unwrap());
    /// let second = pool.try_spawn(full.into_inner()).unwrap();
    /// assert_eq!(second.join_blocking().unwrap(), 42);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn try_spawn<F, R>(&self, job: F) -> Result<JoinHandle<R>, Full<F>>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let core = self.core();
        let came = core.room.look();
        let seat = if came == Came::InRoom { Core::admit(core, came) } else { None };
        match seat {
            Some(seat) => Ok(Core::submit(Some(seat), job, Location::caller())),
            None => {
                core.refused.fetch_add(1, Relaxed);
                Err(Full::new(job, came != Came::InExcess))
            }
        }
    }

    /// Queues `job` in any case: it takes room if there is some, and goes beyond the bound if there is none, ahead of
    /// those who wait in [`run`](Self::run). While the pool has more jobs than it has room for, nobody else comes in.
    ///
    /// The handle is that of `spawn_blocking`: dropping it detaches the job; aborting or cancelling it removes a job
    /// that has not started and asks one that runs ([`is_cancelled`](super::is_cancelled)). If the pool is closed or
    /// shut down, the job is dropped and the handle says that it was cancelled.
    ///
    /// # Examples
    /// ```
    /// use runtime::blocking::Pool;
    ///
    /// let pool = Pool::builder().threads(1).queue(1).build()?;
    /// let handles: Vec<_> = (0..10).map(|n| pool.spawn(move || n)).collect();
    /// let sum: i32 = handles.into_iter().map(|handle| handle.join_blocking().unwrap()).sum();
    /// assert_eq!(sum, 45);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn spawn<F, R>(&self, job: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let core = self.core();
        Core::submit(Core::admit(core, core.room.look()), job, Location::caller())
    }

    /// Takes no more jobs: who comes, or waits for room, is answered that the job was cancelled. Jobs that are queued
    /// or run go on to their end, then the threads leave. Returns at once; [`wait_closed`](Self::wait_closed) waits.
    ///
    /// # Examples
    /// ```
    /// use runtime::blocking::Pool;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let pool = Pool::builder().threads(1).build()?;
    /// runtime::run(async move {
    ///     let queued: Vec<_> = (0..3).map(|n| pool.spawn(move || n)).collect();
    ///     pool.close();
    ///     assert!(pool.run(|| ()).await.unwrap_err().is_cancelled());
    ///     pool.wait_closed().await;
    ///     let mut sum = 0;
    ///     for handle in queued {
    ///         sum += handle.await.unwrap();
    ///     }
    ///     assert_eq!(sum, 3);
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn close(&self) {
        self.core().close();
    }

    /// Whether the pool takes no more jobs.
    pub fn is_closed(&self) -> bool {
        self.core().room.is_closed()
    }

    /// Waits until the pool is closed, by [`close`](Self::close) or [`shutdown`](Self::shutdown), and nothing of its
    /// jobs runs any more. Their threads may take a moment longer, and with them the last handles.
    ///
    /// # Cancel safety
    /// Dropping the wait loses nothing.
    #[track_caller]
    pub fn wait_closed(&self) -> impl Future<Output = ()> {
        must_await("Pool::wait_closed", async move {
            self.core().drained.wait().await;
        })
    }

    /// Ends the pool: takes no more jobs, cancels those that are queued, and blocks this thread until those that run
    /// have ended and the threads have left, for `timeout` at most. What runs then is left behind, and in the report.
    ///
    /// Jobs that run are asked for their end: one that looks at [`is_cancelled`](super::is_cancelled) between its steps need
    /// not be left behind. In async code prefer [`close`](Self::close), which asks nobody, and
    /// [`wait_closed`](Self::wait_closed), or call this in `spawn_blocking`. A job that shuts
    /// its own pool down is not waited for, and is in the report.
    ///
    /// # Examples
    /// ```
    /// use runtime::blocking::Pool;
    /// use std::sync::mpsc::channel;
    /// use std::time::Duration;
    ///
    /// let pool = Pool::builder().name("slow").build()?;
    /// let (release, gate) = channel::<()>();
    /// let (start, started) = channel();
    /// let job = pool.spawn(move || {
    ///     start.send(()).unwrap();
    ///     gate.recv().is_err()
    /// });
    /// started.recv().unwrap();
    /// let report = pool.shutdown(Duration::from_millis(1));
    /// assert_eq!(&*report.survivors()[0].thread, "slow-1");
    ///
    /// drop(release);
    /// assert!(job.join_blocking().unwrap());
    /// assert!(pool.shutdown(Duration::MAX).survivors().is_empty());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn shutdown(&self, timeout: Duration) -> PoolReport {
        let core = self.core();
        core.close();
        core.shared.shutdown(timeout);
        PoolReport { survivors: core.shared.roster.running() }
    }

    /// The jobs that run at this moment.
    pub fn running(&self) -> Vec<RunningJob> {
        self.core().shared.roster.running()
    }

    /// How the pool stands. Outdated at once, and the numbers need not all be of the same moment.
    ///
    /// # Examples
    /// ```
    /// let pool = runtime::blocking::Pool::builder().build()?;
    /// pool.spawn(|| ()).join_blocking().unwrap();
    /// assert_eq!(pool.metrics().completed, 1);
    /// assert_eq!(pool.metrics().queued, 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn metrics(&self) -> PoolMetrics {
        let core = self.core();
        let counts = core.shared.counts();
        let running = core.running.load(Relaxed);
        PoolMetrics {
            threads: counts.threads,
            idle: counts.idle,
            queued: core.room.inside().saturating_sub(running),
            running,
            waiting: core.waiting.load(Relaxed),
            completed: core.completed.load(Relaxed),
            cancelled: core.cancelled.load(Relaxed),
            refused: core.refused.load(Relaxed),
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PoolMetrics { threads, queued, running, .. } = self.metrics();
        f.debug_struct("Pool")
            .field("name", &self.core().name)
            .field("threads", &threads)
            .field("queued", &queued)
            .field("running", &running)
            .finish_non_exhaustive()
    }
}

impl Core {
    /// A seat for a job that came; `None` if the door is closed.
    fn admit(this: &Arc<Self>, came: Came) -> Option<Seat> {
        this.room.enter(came).then(|| Seat { core: this.clone(), is_running: false })
    }

    /// Queues a job that has a seat; cancels one that has none.
    fn submit<F, R>(seat: Option<Seat>, f: F, site: &'static Location<'static>) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let core = seat.as_ref().map(|seat| seat.core.clone());
        let body = move || {
            let seat = seat.map(Seat::start);
            let output = f();
            // With all that `f` held gone, and before the handle is told: who waits for it finds room.
            drop(seat);
            output
        };
        let (job, handle) = context::new_job(body, site);
        match core {
            Some(core) => {
                if let Err((job, source)) = Shared::submit(&core.shared, job) {
                    Refused { job, source }.answer();
                }
            }
            None => drop(job),
        }
        handle
    }

    fn close(&self) {
        let drained = self.room.close();
        self.after(drained);
    }

    fn after(&self, drained: Drained) {
        if drained == Drained::Now {
            let _ = self.shared.close();
            self.drained.set();
        }
    }
}

/// A job's place in the room. It lies in the job's closure.
struct Seat {
    core: Arc<Core>,
    is_running: bool,
}

impl Seat {
    fn start(mut self) -> Self {
        self.is_running = true;
        self.core.running.fetch_add(1, Relaxed);
        self
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let core = &*self.core;
        if self.is_running {
            core.completed.fetch_add(1, Relaxed);
            core.running.fetch_sub(1, Relaxed);
        } else {
            core.cancelled.fetch_add(1, Relaxed);
        }
        let drained = core.room.leave();
        core.after(drained);
    }
}

/// Counts who waits.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Relaxed);
        Waiting(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
