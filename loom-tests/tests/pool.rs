//! M9: the blocking pool. Every job submitted is run, refused or dropped, exactly once, whatever a
//! keep-alive, a shutdown or the system's refusal of a thread comes in between.
//!
//! Time-outs do not fire under loom. A keep-alive of zero stands for them: every thread that falls asleep
//! times out at once, and loom tries every moment at which a submit may come in between.
#![cfg(loom)]

use loom_tests::{expect_failure, model};
use runtime_blocking::Options;
use runtime_blocking::internals::{Fault, Shared, Work, plant};
use runtime_core::primitive::{Arc, Condvar, Mutex, thread};
use std::io;
use std::time::Duration;

/// What became of the jobs of one execution.
#[derive(Debug, Default)]
struct Fates {
    counts: Mutex<Counts>,
    changed: Condvar,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    ran: usize,
    refused: usize,
    cancelled: usize,
}

impl Fates {
    fn note(&self, note: impl FnOnce(&mut Counts)) {
        note(&mut self.counts.lock());
        self.changed.notify_all();
    }

    fn wait_until(&self, enough: impl Fn(&Counts) -> bool) -> Counts {
        let mut counts = self.counts.lock();
        while !enough(&counts) {
            counts = self.changed.wait(counts);
        }
        *counts
    }

    fn all(&self) -> usize {
        let counts = self.counts.lock();
        counts.ran + counts.refused + counts.cancelled
    }
}

/// A job: notes what becomes of it, and may wait for another one first.
struct Probe {
    fates: Option<Arc<Fates>>,
    waits_for: usize,
}

impl Work for Probe {
    fn run(mut self) {
        let fates = self.fates.take().unwrap();
        fates.note(|counts| counts.ran += 1);
        fates.wait_until(|counts| counts.ran >= self.waits_for);
    }

    fn refuse(mut self, _: io::Error) {
        self.fates.take().unwrap().note(|counts| counts.refused += 1);
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if let Some(fates) = self.fates.take() {
            fates.note(|counts| counts.cancelled += 1);
        }
    }
}

type Pool = Arc<Shared<Probe>>;

/// A pool of at most `max_threads` threads, of which the system grants only the first `granted`.
fn pool(max_threads: usize, granted: usize, keep_alive: Duration) -> Pool {
    let mut options = Options::default();
    options.max_threads = max_threads;
    options.keep_alive = keep_alive;
    options.spins = 0;
    let start = options.start_thread.clone();
    let left = Mutex::new(granted);
    options.start_thread = std::sync::Arc::new(move |thread| {
        let granted = {
            let mut left = left.lock();
            let granted = *left > 0;
            *left = left.saturating_sub(1);
            granted
        };
        if granted { start(thread) } else { Err(io::ErrorKind::WouldBlock.into()) }
    });
    Arc::new(Shared::new(options).unwrap())
}

fn submit(pool: &Pool, fates: &Arc<Fates>, waits_for: usize) {
    let job = Probe { fates: Some(fates.clone()), waits_for };
    if let Err((job, source)) = Shared::submit(pool, job) {
        job.refuse(source);
    }
}

fn submit_elsewhere(pool: &Pool, fates: &Arc<Fates>) -> thread::JoinHandle<()> {
    let (pool, fates) = (pool.clone(), fates.clone());
    thread::spawn(move || submit(&pool, &fates, 0))
}

const FOR_EVER: Duration = Duration::MAX;

/// The second job comes while the only thread ends its first one, falls asleep, times out, leaves.
fn submit_against_time_out() {
    let (pool, fates) = (pool(1, 2, Duration::ZERO), Arc::new(Fates::default()));
    submit(&pool, &fates, 0);
    submit(&pool, &fates, 0);
    fates.wait_until(|counts| counts.ran == 2);
    assert_eq!(pool.shutdown(FOR_EVER), 0);
    assert_eq!(pool.counts().threads, 0, "a thread is left after the shutdown");
}

#[test]
fn a_submit_meets_the_time_out_of_the_last_thread() {
    model(submit_against_time_out);
}

#[test]
fn twin_leaves_although_called() {
    expect_failure("twin_leaves_although_called", "deadlock", || {
        plant(Fault::LeaveAlthoughCalled);
        submit_against_time_out();
    });
}

/// The same from two sides: the sleeper is called by one, and the other counts on that call.
#[test]
fn two_submits_meet_a_sleeper() {
    model(|| {
        let (pool, fates) = (pool(1, 1, FOR_EVER), Arc::new(Fates::default()));
        let other = submit_elsewhere(&pool, &fates);
        submit(&pool, &fates, 0);
        fates.wait_until(|counts| counts.ran == 2);
        other.join().unwrap();
        assert_eq!(pool.shutdown(FOR_EVER), 0);
    });
}

/// A shutdown at any moment of a submit: the job is run, refused or dropped before both are over.
fn submit_against_shutdown() {
    let (pool, fates) = (pool(1, 1, FOR_EVER), Arc::new(Fates::default()));
    let other = submit_elsewhere(&pool, &fates);
    assert_eq!(pool.shutdown(FOR_EVER), 0);
    other.join().unwrap();
    assert_eq!(fates.all(), 1, "a job was left behind by a shutdown");
    assert_eq!(pool.counts().queued, 0);
}

#[test]
fn a_submit_meets_a_shutdown() {
    model(submit_against_shutdown);
}

#[test]
fn twin_sees_the_closing_early() {
    expect_failure("twin_sees_the_closing_early", "a job was left behind by a shutdown", || {
        plant(Fault::ClosedSeenEarly);
        submit_against_shutdown();
    });
}

/// A shutdown with one job running or queued, another one just being submitted, and a sleeper.
#[test]
fn a_shutdown_meets_queued_jobs_and_a_sleeper() {
    model(|| {
        let (pool, fates) = (pool(1, 1, FOR_EVER), Arc::new(Fates::default()));
        submit(&pool, &fates, 0);
        let other = submit_elsewhere(&pool, &fates);
        assert_eq!(pool.shutdown(FOR_EVER), 0);
        other.join().unwrap();
        assert_eq!(fates.all(), 2, "a job was left behind by a shutdown");
        assert_eq!(pool.counts().threads, 0, "a thread is left after the shutdown");
    });
}

/// The system has no thread at all: both jobs are answered, also the one whose submit counted on the
/// other's thread.
fn refused_with_none_left() {
    let (pool, fates) = (pool(2, 0, FOR_EVER), Arc::new(Fates::default()));
    let other = submit_elsewhere(&pool, &fates);
    submit(&pool, &fates, 0);
    other.join().unwrap();
    assert_eq!(fates.all(), 2, "a job was orphaned by a refusal");
    assert_eq!(fates.wait_until(|_| true).refused, 2);
    assert_eq!(pool.counts().threads, 0);
}

#[test]
fn every_thread_is_refused() {
    model(refused_with_none_left);
}

#[test]
fn twin_forgets_the_others_jobs() {
    expect_failure("twin_forgets_the_others_jobs", "a job was orphaned by a refusal", || {
        plant(Fault::OthersForgotten);
        refused_with_none_left();
    });
}

/// The second thread is refused while the first one runs, falls asleep or leaves: it drains the queue, or
/// the jobs are refused, but nobody waits for ever.
#[test]
fn the_second_thread_is_refused() {
    model(|| {
        let (pool, fates) = (pool(2, 1, Duration::ZERO), Arc::new(Fates::default()));
        let other = submit_elsewhere(&pool, &fates);
        submit(&pool, &fates, 0);
        other.join().unwrap();
        let counts = fates.wait_until(|counts| counts.ran + counts.refused == 2);
        assert!(counts.ran >= 1, "the thread that was granted ran nothing");
        assert_eq!(pool.shutdown(FOR_EVER), 0);
    });
}

/// Two jobs that wait for each other: each needs a thread, though only one is on its way at a time.
fn jobs_that_need_each_other() {
    let (pool, fates) = (pool(2, 2, FOR_EVER), Arc::new(Fates::default()));
    submit(&pool, &fates, 2);
    submit(&pool, &fates, 2);
    fates.wait_until(|counts| counts.ran == 2);
    assert_eq!(pool.shutdown(FOR_EVER), 0);
}

#[test]
fn a_job_may_wait_for_the_next() {
    model(jobs_that_need_each_other);
}

#[test]
fn twin_does_not_hand_on() {
    expect_failure("twin_does_not_hand_on", "deadlock", || {
        plant(Fault::NoHandingOn);
        jobs_that_need_each_other();
    });
}
