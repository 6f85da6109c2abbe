//! The pool as the rest of the workspace sees it.
//!
//! One decision, one place: [`word`] decides who is called, [`sleepers`] and [`roster`] keep the threads
//! that sleep and those that must be joined, [`shared`] carries decisions out, [`thread`] is what a thread
//! does. It deliberately knows nothing of tasks: a job runs, is refused, or is dropped, and answers its
//! handle by itself.

mod desk;
#[cfg(not(loom))]
pub(crate) mod fault;
#[cfg(loom)]
#[path = "pool/fault_loom.rs"]
pub(crate) mod fault;
mod guard;
pub(crate) mod options;
pub(crate) mod roster;
pub(crate) mod shared;
mod sleepers;
mod thread;
mod word;

use crate::owed;
use desk::Site;
use options::Options;
use runtime_core::port::{BlockingPool, PoolCounts, Refused, RunningJob};
use runtime_core::primitive::Arc;
use runtime_core::task::{Id, Job};
use shared::{Shared, Work};
use std::fmt;
use std::io;
use std::time::Duration;

/// A pool of threads for jobs that block.
///
/// Threads come when jobs wait, up to [`Options::max_threads`], and leave when there was nothing to do for
/// [`Options::keep_alive`]. Jobs start in the order in which they were submitted. A job that waits for
/// another one of the same pool may wait for ever once all threads do so.
///
/// Dropping the pool shuts it down without waiting for running jobs.
pub struct Pool {
    shared: Arc<Shared<Job>>,
}

/// How a pool stands at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Threads that exist.
    pub threads: usize,
    /// Of these, asleep.
    pub idle: usize,
    /// Jobs that no thread has taken yet.
    pub queued: usize,
}

impl Pool {
    /// A pool. It has no threads until it has jobs.
    ///
    /// # Errors
    /// `InvalidInput`, naming the option, for options that make no sense.
    ///
    /// # Examples
    /// ```
    /// use runtime_blocking::{Options, Pool};
    ///
    /// let pool = Pool::new(Options::default())?;
    /// assert_eq!(pool.counts().threads, 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new(options: Options) -> io::Result<Pool> {
        Ok(Pool { shared: Arc::new(Shared::new(options)?) })
    }

    /// How the pool stands. Outdated at once, and good for metrics.
    pub fn counts(&self) -> Counts {
        self.shared.counts()
    }
}

impl<W: Work> Shared<W> {
    /// A pool without threads.
    ///
    /// # Errors
    /// `InvalidInput` for options that make no sense.
    pub fn new(options: Options) -> io::Result<Self> {
        // Handed in, so that `shared`, which starts threads, need not know what they do.
        Shared::with_main(options, thread::main::<W>)
    }

    /// See [`Pool::counts`].
    pub fn counts(&self) -> Counts {
        let word = self.word.load();
        let (threads, idle) = (usize::from(word.threads), usize::from(word.idle));
        Counts { threads, idle, queued: word.queued as usize }
    }
}

impl Work for Job {
    fn run(self) {
        Job::run(self);
    }

    fn refuse(self, source: io::Error) {
        Job::refuse(self, source);
    }

    fn whose(&self) -> Option<(Id, Site)> {
        Some((self.id(), self.spawn_site()))
    }
}

/// A refusal after the shutdown is of the kind `BrokenPipe`; one for want of a thread has the system's error.
impl BlockingPool for Pool {
    fn counts(&self) -> PoolCounts {
        let Counts { threads, idle, queued } = self.shared.counts();
        PoolCounts { threads, idle, queued }
    }

    fn run(&self, job: Job) -> Result<(), Refused> {
        Shared::submit(&self.shared, job).map_err(|(job, source)| Refused { job, source })
    }

    fn ask_running(&self) {
        self.shared.ask_running();
    }

    fn shutdown(&self, timeout: Duration) -> usize {
        let left = self.shared.shutdown(timeout);
        if left > 0 {
            owed::wait();
        }
        left
    }

    fn running(&self) -> Vec<RunningJob> {
        self.shared.roster.running()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.shutdown(Duration::ZERO);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
