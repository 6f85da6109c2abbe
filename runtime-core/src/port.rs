//! The only doors into the core: what the other crates implement, and what they promise by it.
//!
//! Core knows no epoll and no thread pool. The facade's builder makes the parts and hands them in as
//! [`Ports`]; afterwards nobody but the scheduler calls them.

use crate::task::{Id, Job};
pub use crate::timer::clock::{Clock, SystemClock};
use crate::util::wake_list::WakeList;
use std::any::Any;
use std::fmt;
use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

/// Where **one** worker sleeps while the others sleep on condition variables.
///
/// The scheduler keeps it behind a try-lock: at any time at most one thread is inside, and never while
/// user code runs.
pub trait Driver: Send {
    /// Waits for events, for [`DriverHandle::unpark`], or for `timeout` (`None`: for ever; zero: does
    /// not wait), and adds the wakers of everything that became ready to `ready`. It wakes none itself.
    ///
    /// An `unpark` that came before the call makes it return at once. It may return early for no reason.
    ///
    /// # Errors
    /// When waiting itself failed for a reason other than a signal. The scheduler reports it and goes on.
    fn park(&mut self, timeout: Option<Duration>, ready: &mut WakeList) -> io::Result<()>;

    /// Marks every source as shut down and adds all their wakers: each operation on them answers with
    /// an error from now on.
    fn shutdown(&mut self, ready: &mut WakeList);
}

/// The half of the driver that everyone may hold. A socket finds it once, when it is made, and
/// downcasts it to the type it knows.
pub trait DriverHandle: Any + Send + Sync {
    /// Makes the current or the next [`Driver::park`] return. Callable from any thread, any time.
    fn unpark(&self);

    /// Whether there is anything to poll for: a driver without sources is not polled at round ends.
    fn has_sources(&self) -> bool;

    /// How many sources there are, and how many events they have had. For metrics.
    fn counts(&self) -> DriverCounts {
        DriverCounts::default()
    }

    /// Itself as `Any`, for the downcast.
    fn as_any(&self) -> &dyn Any;
}

/// Where blocking jobs run.
pub trait BlockingPool: Send + Sync {
    /// Queues `job`, starting a thread for it if none is free and the pool may grow.
    ///
    /// # Errors
    /// [`Refused`] gives the job back when the pool is shutting down, or when no thread at all exists
    /// and none could be started. The caller then answers the job's handle.
    fn run(&self, job: Job) -> Result<(), Refused>;

    /// Asks the jobs that run for their end: they may look whether they were
    /// ([`job_is_cancelled`](crate::task::job_is_cancelled)).
    fn ask_running(&self) {}

    /// Refuses new jobs, cancels the queued ones, asks those that run for their end, lets idle threads leave, and waits up to
    /// `timeout` for running jobs. Returns how many threads are still running.
    fn shutdown(&self, timeout: Duration) -> usize;

    /// The jobs that run at this moment: after a shutdown, those that were left behind.
    fn running(&self) -> Vec<RunningJob>;

    /// How it stands. For metrics.
    fn counts(&self) -> PoolCounts {
        PoolCounts::default()
    }
}

/// A blocking job while it runs.
#[derive(Clone)]
#[non_exhaustive]
pub struct RunningJob {
    /// The job's id, as its handle has it.
    pub id: Id,
    /// Where it was spawned.
    pub spawn_site: &'static Location<'static>,
    /// The name of its thread.
    pub thread: Arc<str>,
    /// How long it has been running. A job right behind many very short ones may be said to have begun some of them too
    /// early: the clock is not read for each.
    pub elapsed: Duration,
}

impl RunningJob {
    /// What `thread` is at.
    pub fn new(id: Id, spawn_site: &'static Location<'static>, thread: Arc<str>, elapsed: Duration) -> Self {
        RunningJob { id, spawn_site, thread, elapsed }
    }
}

impl fmt::Display for RunningJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RunningJob { id, spawn_site, thread, elapsed } = self;
        write!(f, "job {id}, spawned at {spawn_site}, has been running on {thread} for {elapsed:.1?}")
    }
}

impl fmt::Debug for RunningJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunningJob({self})")
    }
}

/// How a driver stands at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DriverCounts {
    /// Sources that are registered.
    pub sources: usize,
    /// Events that sources have had.
    pub events: u64,
}

/// How a pool stands at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolCounts {
    /// Threads that exist.
    pub threads: usize,
    /// Of these, asleep.
    pub idle: usize,
    /// Jobs that no thread has taken yet.
    pub queued: usize,
}

/// A job that the pool could not take.
#[derive(Debug)]
pub struct Refused {
    /// The job, unharmed.
    pub job: Job,
    /// Why. Of kind `BrokenPipe`, the pool is shutting down: the job counts as cancelled, not as failed.
    pub source: io::Error,
}

impl Refused {
    /// Tells the job's handle.
    pub fn answer(self) {
        if self.source.kind() == io::ErrorKind::BrokenPipe {
            drop(self.job);
        } else {
            self.job.refuse(self.source);
        }
    }
}

/// The parts that the facade's builder puts in.
pub struct Ports {
    /// The driver.
    pub driver: Box<dyn Driver>,
    /// Its shared half.
    pub driver_handle: Arc<dyn DriverHandle>,
    /// The pool behind `spawn_blocking`.
    pub blocking: Arc<dyn BlockingPool>,
    /// The source of time (paused time is laid over it).
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").finish_non_exhaustive()
    }
}
