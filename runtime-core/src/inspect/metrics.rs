//! A runtime's figures at one moment.

use crate::handle::Handle;
use crate::port::{DriverCounts, PoolCounts};
use crate::scheduler::Shared;
use crate::util::histogram::Histogram;
use std::ops::Range;
use std::time::Duration;

/// A runtime's figures at one moment: what `Handle::metrics` gives. Methods that tokio's `RuntimeMetrics` has are
/// called as there; but this is a copy, which does not go on counting.
///
/// The parts are read one after the other while the runtime runs: each is right, and they need not add up.
///
/// # Cost
/// Workers count for themselves, each on its own cache line. Of polls one in a few hundred is measured, of each
/// worker the first one for sure; all are if `Builder::detailed_metrics` says so.
///
/// # Examples
/// ```
/// let runtime = runtime::Builder::new_current_thread().build()?;
/// let before = runtime.metrics();
/// runtime.block_on(async {
///     for _ in 0..10 {
///         runtime::spawn(runtime::task::yield_now()).await.unwrap();
///     }
/// });
/// let after = runtime.metrics();
/// assert_eq!(after.spawned_tasks_count() - before.spawned_tasks_count(), 10);
/// assert_eq!(after.polls_count() - before.polls_count(), 20);
/// assert_eq!(after.num_alive_tasks(), 0);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RuntimeMetrics {
    workers: Vec<WorkerMetrics>,
    alive: usize,
    spawned: u64,
    injected: usize,
    timers: usize,
    driver: DriverCounts,
    pool: PoolCounts,
    base: usize,
    rescues: u64,
    spares: u64,
    spares_now: usize,
}

/// One worker's figures at one moment: part of [`RuntimeMetrics`].
///
/// # Examples
/// ```
/// let runtime = runtime::Builder::new_multi_thread().worker_threads(2).build()?;
/// runtime.block_on(runtime.spawn(runtime::task::yield_now())).unwrap();
/// let metrics = runtime.metrics();
/// let polls: u64 = metrics.workers().iter().map(|worker| worker.poll_count()).sum();
/// assert_eq!(polls, 2);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct WorkerMetrics {
    polls: u64,
    parks: u64,
    steals: u64,
    stolen: u64,
    queued: usize,
    busy: Duration,
    waits: Histogram,
    poll_times: Histogram,
}

impl RuntimeMetrics {
    pub(super) fn new(handle: &Handle) -> Self {
        let inner = handle.inner();
        let shared = &*inner.shared;
        let (mut alive, mut spawned) = (0, 0);
        for home in inner.homes.iter() {
            let (alive_here, spawned_here) = home.counts();
            alive += alive_here;
            spawned += spawned_here;
        }
        RuntimeMetrics {
            workers: (0..shared.seats.len()).map(|index| WorkerMetrics::new(shared, index)).collect(),
            alive,
            spawned,
            injected: shared.injector.len(),
            timers: shared.timers.count(),
            driver: shared.driver_handle().counts(),
            pool: inner.blocking.counts(),
            rescues: shared.rescues.get(),
            base: shared.seats.base(),
            spares: shared.spares.calls.get(),
            spares_now: shared.spares.working(),
        }
    }

    /// Each worker's own figures. Behind those that the runtime has from the beginning come the places of spares, as far as
    /// any has ever been needed.
    pub fn workers(&self) -> &[WorkerMetrics] {
        &self.workers
    }

    /// How many workers there are without spares; 1 on a current_thread runtime.
    pub fn num_workers(&self) -> usize {
        self.base
    }

    /// Tasks that live: spawned, and not ended.
    pub fn num_alive_tasks(&self) -> usize {
        self.alive
    }

    /// Tasks that were ever spawned.
    pub fn spawned_tasks_count(&self) -> u64 {
        self.spawned
    }

    /// Tasks taken out of a queue: to be polled, or to be dropped because their end was asked for.
    pub fn polls_count(&self) -> u64 {
        self.workers.iter().map(|worker| worker.polls).sum()
    }

    /// Tasks from other threads that no worker has taken yet.
    pub fn global_queue_depth(&self) -> usize {
        self.injected
    }

    /// Timers that wait: of sleeps, time-outs and intervals that were polled.
    pub fn timers_count(&self) -> usize {
        self.timers
    }

    /// Sockets and other descriptors that are registered.
    pub fn io_driver_source_count(&self) -> usize {
        self.driver.sources
    }

    /// Events that they have had.
    pub fn io_driver_ready_count(&self) -> u64 {
        self.driver.events
    }

    /// Threads of the blocking pool.
    pub fn num_blocking_threads(&self) -> usize {
        self.pool.threads
    }

    /// Of these, those that wait for a job.
    pub fn num_idle_blocking_threads(&self) -> usize {
        self.pool.idle
    }

    /// Blocking jobs that no thread has taken yet.
    pub fn blocking_queue_depth(&self) -> usize {
        self.pool.queued
    }

    /// Polls that kept others waiting for so long that somebody else stepped in: another worker, or a spare.
    pub fn rescues_count(&self) -> u64 {
        self.rescues
    }

    /// How often a spare worker was called, to stand in for one that was stuck in a poll, or had said that it blocks.
    pub fn spares_count(&self) -> u64 {
        self.spares
    }

    /// Spare workers at this moment.
    pub fn num_spares(&self) -> usize {
        self.spares_now
    }

    /// How long tasks waited in queues, of all workers: from the wake, or from the spawn, until the poll.
    pub fn schedule_latency(&self) -> Histogram {
        self.sum(|worker| &worker.waits)
    }

    /// How long polls took, of all workers.
    pub fn poll_time(&self) -> Histogram {
        self.sum(|worker| &worker.poll_times)
    }

    fn sum(&self, of: impl Fn(&WorkerMetrics) -> &Histogram) -> Histogram {
        let mut sum = Histogram::default();
        for worker in &self.workers {
            sum.add(of(worker));
        }
        sum
    }
}

/// Tokio's names for parts of [`workers`](RuntimeMetrics::workers).
///
/// # Panics
/// All of these do if there is no worker, or no bucket, of this number.
impl RuntimeMetrics {
    /// As [`WorkerMetrics::park_count`].
    pub fn worker_park_count(&self, worker: usize) -> u64 {
        self.workers[worker].park_count()
    }

    /// As [`WorkerMetrics::park_unpark_count`].
    pub fn worker_park_unpark_count(&self, worker: usize) -> u64 {
        self.workers[worker].park_unpark_count()
    }

    /// As [`WorkerMetrics::stolen_tasks`].
    pub fn worker_steal_count(&self, worker: usize) -> u64 {
        self.workers[worker].stolen_tasks()
    }

    /// As [`WorkerMetrics::steal_operations`].
    pub fn worker_steal_operations(&self, worker: usize) -> u64 {
        self.workers[worker].steal_operations()
    }

    /// As [`WorkerMetrics::poll_count`].
    pub fn worker_poll_count(&self, worker: usize) -> u64 {
        self.workers[worker].poll_count()
    }

    /// As [`WorkerMetrics::local_queue_depth`].
    pub fn worker_local_queue_depth(&self, worker: usize) -> usize {
        self.workers[worker].local_queue_depth()
    }

    /// As [`WorkerMetrics::busy_duration`].
    pub fn worker_total_busy_duration(&self, worker: usize) -> Duration {
        self.workers[worker].busy_duration()
    }

    /// The mean of what is in the worker's [poll times](WorkerMetrics::poll_time).
    pub fn worker_mean_poll_time(&self, worker: usize) -> Duration {
        self.workers[worker].poll_time().mean()
    }

    /// Always: there is nothing to enable.
    pub fn poll_time_histogram_enabled(&self) -> bool {
        true
    }

    /// How many buckets histograms have.
    pub fn poll_time_histogram_num_buckets(&self) -> usize {
        Histogram::default().num_buckets()
    }

    /// Which durations a bucket of a histogram counts.
    pub fn poll_time_histogram_bucket_range(&self, bucket: usize) -> Range<Duration> {
        Histogram::default().bucket_range(bucket)
    }

    /// How many of a worker's measured polls are in a bucket.
    pub fn poll_time_histogram_bucket_count(&self, worker: usize, bucket: usize) -> u64 {
        self.workers[worker].poll_time().bucket_count(bucket)
    }
}

impl WorkerMetrics {
    fn new(shared: &Shared, index: usize) -> Self {
        let remote = shared.seats.get(index);
        let stats = &remote.stats;
        WorkerMetrics {
            polls: stats.polls.get(),
            parks: stats.parks.get(),
            steals: stats.steals.get(),
            stolen: stats.stolen.get(),
            queued: remote.stealer.len() + usize::from(!remote.slot.is_empty()),
            busy: Duration::from_nanos(stats.busy_ns(shared.timers.source().real_ns())),
            waits: stats.waits.snapshot(),
            poll_times: stats.poll_times.snapshot(),
        }
    }

    /// Tasks that it took out of a queue: to be polled, or to be dropped because their end was asked for.
    pub fn poll_count(&self) -> u64 {
        self.polls
    }

    /// How often it fell asleep for want of work.
    pub fn park_count(&self) -> u64 {
        self.parks.div_ceil(2)
    }

    /// How often it fell asleep or woke up: odd while it sleeps.
    pub fn park_unpark_count(&self) -> u64 {
        self.parks
    }

    /// How often it took something from another worker.
    pub fn steal_operations(&self) -> u64 {
        self.steals
    }

    /// How many tasks it took from other workers.
    pub fn stolen_tasks(&self) -> u64 {
        self.stolen
    }

    /// Tasks that wait in its own queue, and in its next slot.
    pub fn local_queue_depth(&self) -> usize {
        self.queued
    }

    /// How long it has worked, looking for work included: all of its time but sleep. On a current_thread runtime, of
    /// the time inside of `block_on`.
    pub fn busy_duration(&self) -> Duration {
        self.busy
    }

    /// How long tasks that it polled had waited in queues: from the wake, or from the spawn, until the poll.
    pub fn schedule_latency(&self) -> &Histogram {
        &self.waits
    }

    /// How long polls took.
    pub fn poll_time(&self) -> &Histogram {
        &self.poll_times
    }
}
