//! Promises 38 to 43: blocking jobs, from the pool through the task cell to the handle.

mod jobs;

use futures::executor::block_on;
use jobs::Jobs;
use runtime_blocking::NewThread;
use runtime_core::port::BlockingPool;
use runtime_core::task::{JoinError, JoinHandle};
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

/// Longer than anything here takes, by far.
const LONG: Duration = Duration::from_secs(30);
const EAGAIN: i32 = 11;

/// With at most so many threads.
fn capped(max_threads: usize) -> Jobs {
    Jobs::new(|options| options.max_threads = max_threads)
}

/// With so many threads granted by the system, and no more.
fn granted(threads: usize) -> Jobs {
    let left = AtomicUsize::new(threads);
    Jobs::new(|options| {
        options.start_thread = Arc::new(move |thread: NewThread| {
            match left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) {
                Ok(_) => thread.start(),
                Err(_) => Err(io::Error::from_raw_os_error(EAGAIN)),
            }
        });
    })
}

/// A job that runs until its gate is dropped, and is running when this returns.
fn block_one(jobs: &Jobs) -> (Sender<()>, JoinHandle<()>) {
    let (release, gate) = channel::<()>();
    let (runs, running) = channel();
    let handle = jobs.spawn(move || {
        runs.send(()).unwrap();
        let _ = gate.recv();
    });
    running.recv_timeout(LONG).expect("the job got no thread");
    (release, handle)
}

/// Counts how often it was called, and how often what it holds was dropped.
#[derive(Clone, Default)]
struct Tally {
    calls: Arc<AtomicUsize>,
    drops: Arc<AtomicUsize>,
}

struct OnDrop(Arc<AtomicUsize>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Tally {
    fn job(&self) -> impl FnOnce() + Send + 'static {
        let (calls, held) = (self.calls.clone(), OnDrop(self.drops.clone()));
        move || {
            let _held = held;
            calls.fetch_add(1, SeqCst);
        }
    }

    fn counts(&self) -> (usize, usize) {
        (self.calls.load(SeqCst), self.drops.load(SeqCst))
    }
}

/// Waits, within reason, for what happens behind our back.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LONG, "not within {LONG:?}: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn p38_a_job_runs_once_and_gives_its_result() {
    let jobs = capped(4);
    let tally = Tally::default();
    let handles: Vec<_> = (0..1000)
        .map(|number| {
            let job = tally.job();
            jobs.spawn(move || {
                job();
                number
            })
        })
        .collect();
    let results: Vec<i32> = handles.into_iter().map(|handle| block_on(handle).unwrap()).collect();
    assert!(results.into_iter().eq(0..1000));
    assert_eq!(tally.counts(), (1000, 1000));
}

#[test]
fn p38_a_shutdown_before_the_start_is_reported() {
    let jobs = capped(1);
    let (release, running) = block_one(&jobs);
    let tally = Tally::default();
    let queued: Vec<_> = (0..100).map(|_| jobs.spawn(tally.job())).collect();
    assert_eq!(jobs.0.shutdown(Duration::ZERO), 1);
    for handle in queued {
        assert!(block_on(handle).unwrap_err().is_cancelled());
    }
    assert_eq!(tally.counts(), (0, 100));
    assert!(block_on(jobs.spawn(tally.job())).unwrap_err().is_cancelled());
    assert_eq!(tally.counts(), (0, 101));
    drop(release);
    block_on(running).unwrap();
    assert_eq!(jobs.0.shutdown(LONG), 0);
}

#[test]
fn p38_a_shutdown_at_any_moment_answers_every_handle() {
    for round in 0..200 {
        let jobs = capped(2);
        let tally = Tally::default();
        let submitter = {
            let (jobs, tally) = (jobs.clone(), tally.clone());
            std::thread::spawn(move || (0..50).map(|_| jobs.spawn(tally.job())).collect::<Vec<_>>())
        };
        // Somewhere among the fifty.
        for _ in 0..round {
            std::thread::yield_now();
        }
        assert_eq!(jobs.0.shutdown(LONG), 0);
        let answers: Vec<_> = submitter.join().unwrap().into_iter().map(block_on).collect();
        let ran = answers.iter().filter(|answer| answer.is_ok()).count();
        let mut errors = answers.iter().filter_map(|answer| answer.as_ref().err());
        assert!(errors.all(JoinError::is_cancelled));
        assert_eq!(tally.counts(), (ran, 50));
    }
}

#[test]
fn p38_a_detached_job_runs() {
    let jobs = capped(1);
    let (done, dones) = channel();
    drop(jobs.spawn(move || done.send(()).unwrap()));
    dones.recv_timeout(LONG).unwrap();
}

/// That a job found no thread, and the system's reason.
fn assert_refused(error: &JoinError) {
    assert!(!error.is_cancelled() && !error.is_panic(), "{error}");
    let cause: Option<&io::Error> = error.source().and_then(|source| source.downcast_ref());
    assert_eq!(cause.and_then(io::Error::raw_os_error), Some(EAGAIN), "{error}");
}

#[test]
fn p39_with_no_thread_the_handle_has_the_cause() {
    let jobs = granted(0);
    let tally = Tally::default();
    for _ in 0..10 {
        assert_refused(&block_on(jobs.spawn(tally.job())).unwrap_err());
    }
    assert_eq!(tally.counts(), (0, 10));
    assert_eq!(jobs.0.shutdown(LONG), 0);
}

#[test]
fn p39_with_some_threads_refused_the_others_drain_the_queue() {
    let jobs = granted(2);
    let blocked: Vec<_> = (0..2).map(|_| block_one(&jobs)).collect();
    let queued: Vec<_> = (0..100).map(|number| jobs.spawn(move || number)).collect();
    drop(blocked);
    let results: Vec<i32> = queued.into_iter().map(|handle| block_on(handle).unwrap()).collect();
    assert!(results.into_iter().eq(0..100));
}

#[test]
fn p39_refused_from_many_sides_at_once_nobody_is_forgotten() {
    for threads in 0..3 {
        let jobs = granted(threads);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        match block_on(jobs.spawn(|| {})) {
                            Ok(()) => assert_ne!(threads, 0),
                            Err(error) => {
                                assert_eq!(threads, 0, "refused although there is a thread: {error}");
                                assert_refused(&error);
                            }
                        }
                    }
                });
            }
        });
        assert_eq!(jobs.0.counts().queued, 0);
        assert_eq!(jobs.0.shutdown(LONG), 0);
    }
}

#[test]
fn p40_a_panic_goes_to_the_handle_and_the_thread_serves_on() {
    let jobs = capped(1);
    let id = || std::thread::current().id();
    let before = block_on(jobs.spawn(id)).unwrap();
    for _ in 0..10 {
        let error = block_on(jobs.spawn(|| std::panic::panic_any("planted"))).unwrap_err();
        assert!(error.is_panic());
        assert_eq!(error.into_panic().downcast_ref(), Some(&"planted"));
    }
    assert_eq!(block_on(jobs.spawn(id)).unwrap(), before, "the thread was lost");
    assert_eq!(jobs.0.shutdown(LONG), 0);
}

#[test]
fn p40_a_panic_in_the_drop_of_a_cancelled_closure_stays_there() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("planted: in the drop of a closure");
        }
    }
    let jobs = capped(1);
    let (release, running) = block_one(&jobs);
    let queued: Vec<_> = [Bomb, Bomb].into_iter().map(|bomb| jobs.spawn(move || drop(bomb))).collect();
    assert_eq!(jobs.0.shutdown(Duration::ZERO), 1);
    for handle in queued {
        // Cancelled, or the panic that came with it; but an answer.
        assert!(block_on(handle).is_err());
    }
    drop(release);
    block_on(running).unwrap();
    assert_eq!(jobs.0.shutdown(LONG), 0);
}

#[test]
fn p41_abort_before_the_start_cancels_and_drops_the_closure_at_once() {
    let jobs = capped(1);
    let (release, running) = block_one(&jobs);
    let tally = Tally::default();
    let queued = jobs.spawn(tally.job());
    queued.abort();
    // The only thread is still busy: nobody but the canceller can have answered.
    assert!(block_on(queued).unwrap_err().is_cancelled());
    assert_eq!(tally.counts(), (0, 1));
    drop(release);
    block_on(running).unwrap();
    block_on(jobs.spawn(|| {})).unwrap();
    assert_eq!(tally.counts(), (0, 1));
}

#[test]
fn p41_abort_after_the_start_changes_nothing() {
    let jobs = capped(1);
    let (release, running) = block_one(&jobs);
    running.abort();
    running.abort();
    drop(release);
    block_on(running).unwrap();
}

#[test]
fn p42_the_cap_holds_and_is_reached() {
    let jobs = capped(5);
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let handles: Vec<_> = (0..2000)
        .map(|_| {
            let (now, most) = (now.clone(), most.clone());
            jobs.spawn(move || {
                most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                std::thread::yield_now();
                now.fetch_sub(1, SeqCst);
            })
        })
        .collect();
    for handle in handles {
        block_on(handle).unwrap();
    }
    assert!(most.load(SeqCst) <= 5, "{most:?} jobs at once");

    let blocked: Vec<_> = (0..5).map(|_| block_one(&jobs)).collect();
    let sixth = jobs.spawn(|| {});
    assert_eq!((jobs.0.counts().threads, jobs.0.counts().queued), (5, 1));
    assert!(!sixth.is_finished());
    drop(blocked);
    block_on(sixth).unwrap();
}

#[test]
fn p42_jobs_start_in_order() {
    let jobs = capped(1);
    let (release, running) = block_one(&jobs);
    let (order, ordered) = channel();
    for number in 0..100 {
        let order = order.clone();
        jobs.spawn(move || order.send(number).unwrap());
    }
    drop((release, order));
    block_on(running).unwrap();
    assert!(ordered.iter().eq(0..100));
}

#[test]
fn p42_idle_threads_leave_and_others_come() {
    let jobs = Jobs::new(|options| options.keep_alive = Duration::from_millis(1));
    for _ in 0..3 {
        let blocked: Vec<_> = (0..8).map(|_| block_one(&jobs)).collect();
        assert_eq!(jobs.0.counts().threads, 8);
        drop(blocked);
        eventually("all eight leave", || jobs.0.counts().threads == 0);
    }
}

#[test]
fn p43_a_job_may_spawn_at_the_cap_as_long_as_it_does_not_wait() {
    let jobs = capped(1);
    let again = jobs.clone();
    let inner = block_on(jobs.spawn(move || again.spawn(|| 42))).unwrap();
    assert_eq!(block_on(inner).unwrap(), 42);
}

#[test]
fn p43_jobs_may_wait_for_jobs_below_the_cap() {
    fn nested(jobs: &Jobs, depth: usize) -> usize {
        if depth == 0 {
            return 0;
        }
        let again = jobs.clone();
        block_on(jobs.spawn(move || nested(&again, depth - 1))).unwrap() + 1
    }
    assert_eq!(nested(&capped(16), 16), 16);
}

#[test]
fn p52_the_last_owner_may_be_a_job() {
    for _ in 0..50 {
        let jobs = capped(2);
        let last = jobs.clone();
        let (go, gone) = channel::<()>();
        let handle = jobs.spawn(move || {
            let _ = gone.recv();
            // Shuts the pool down, on a thread of the pool.
            drop(last);
            42
        });
        drop(jobs);
        drop(go);
        assert_eq!(block_on(handle).unwrap(), 42);
    }
}
