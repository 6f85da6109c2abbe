//! The blocking pool under load: every job has an id and runs exactly once, whatever threads come and go.
//! A watchdog ends a run that hangs and says which. `STRESS_SECONDS` says how long each scenario is
//! repeated; without it, it runs once.

mod jobs;

use futures::executor::block_on;
use jobs::Jobs;
use runtime_core::port::BlockingPool;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// Jobs of one burst.
const BURST: usize = 10_000;
/// A scenario takes a second or two; on a machine that does other things as well, a few more.
const WATCHDOG: Duration = Duration::from_secs(120);

/// Aborts the process unless dropped in time.
struct Watchdog {
    _alive: Sender<()>,
}

impl Watchdog {
    fn over(what: &'static str) -> Self {
        let (alive, end) = channel::<()>();
        std::thread::spawn(move || {
            if end.recv_timeout(WATCHDOG) == Err(RecvTimeoutError::Timeout) {
                eprintln!("WATCHDOG: {what}: not over after {WATCHDOG:?}");
                std::process::abort();
            }
        });
        Watchdog { _alive: alive }
    }
}

/// Runs `scenario` again and again for `STRESS_SECONDS`, at least once.
fn repeat(what: &'static str, mut scenario: impl FnMut()) {
    let seconds = std::env::var("STRESS_SECONDS").map_or(0, |seconds| seconds.parse().unwrap());
    let start = Instant::now();
    loop {
        let _watchdog = Watchdog::over(what);
        scenario();
        if start.elapsed() >= Duration::from_secs(seconds) {
            break;
        }
    }
}

fn pool(threads: usize, keep_alive: Duration) -> Jobs {
    Jobs::new(|options| {
        options.max_threads = threads;
        options.keep_alive = keep_alive;
    })
}

/// How often each of `count` jobs ran.
fn ledger(count: usize) -> Arc<[AtomicU32]> {
    (0..count).map(|_| AtomicU32::new(0)).collect()
}

fn assert_once_each(ledger: &[AtomicU32]) {
    let wrong: Vec<_> =
        ledger.iter().map(|count| count.load(Relaxed)).enumerate().filter(|(_, count)| *count != 1).collect();
    assert!(
        wrong.is_empty(),
        "(id, times run), the first of {}: {:?}",
        wrong.len(),
        &wrong[..wrong.len().min(10)]
    );
}

#[test]
fn bursts_from_outside_with_threads_that_come_and_go() {
    repeat("bursts from outside", || {
        const SUBMITTERS: usize = 4;
        for (threads, keep_alive) in [(1, 10_000), (3, 0), (64, 1), (512, 10_000)] {
            let jobs = pool(threads, Duration::from_millis(keep_alive));
            let ledger = ledger(BURST);
            std::thread::scope(|scope| {
                for submitter in 0..SUBMITTERS {
                    let (jobs, ledger) = (&jobs, &ledger);
                    scope.spawn(move || {
                        let handles: Vec<_> = (submitter..BURST)
                            .step_by(SUBMITTERS)
                            .map(|id| {
                                let ledger = ledger.clone();
                                jobs.spawn(move || {
                                    ledger[id].fetch_add(1, Relaxed);
                                    id
                                })
                            })
                            .collect();
                        let ids = handles.into_iter().map(|handle| block_on(handle).unwrap());
                        assert!(ids.eq((submitter..BURST).step_by(SUBMITTERS)));
                    });
                }
            });
            assert_once_each(&ledger);
        }
    });
}

#[test]
fn round_trips_against_the_keep_alive() {
    repeat("round trips against the keep-alive", || {
        // Each thread is about to leave whenever a job comes.
        let jobs = pool(2, Duration::ZERO);
        let ledger = ledger(BURST);
        for id in 0..BURST {
            let ledger = ledger.clone();
            block_on(jobs.spawn(move || ledger[id].fetch_add(1, Relaxed))).unwrap();
        }
        assert_once_each(&ledger);
    });
}

/// Awaits, aborts and drops handles while the jobs come, run and go.
#[test]
fn bursts_with_jobs_that_abort_and_detach() {
    repeat("bursts with jobs that abort and detach", || {
        let jobs = pool(16, Duration::from_millis(1));
        let (ran, ended) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let ran = Arc::new(ran);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for id in 0..BURST / 4 {
                        let (ran, counted) = (ran.clone(), OnDrop(ended.clone()));
                        let handle = jobs.spawn(move || {
                            let _counted = counted;
                            ran.fetch_add(1, Relaxed);
                        });
                        match id % 4 {
                            0 => block_on(handle).unwrap(),
                            1 => handle.abort(),
                            2 => drop(handle),
                            _ => {
                                handle.abort();
                                // Ran or cancelled: whichever came first, but one of them.
                                let answer = block_on(handle);
                                assert!(answer.is_ok() || answer.unwrap_err().is_cancelled());
                            }
                        }
                    }
                });
            }
        });
        assert_eq!(jobs.0.shutdown(WATCHDOG), 0);
        assert_eq!(ended.load(Relaxed), BURST, "a closure was dropped not at all, or twice");
        assert!(ran.load(Relaxed) >= BURST / 4, "awaited jobs did not run");
    });
}

struct OnDrop(Arc<AtomicUsize>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn jobs_that_all_wait_for_each_other() {
    repeat("jobs that wait for each other", || {
        const JOBS: usize = 128;
        let jobs = pool(JOBS, Duration::from_millis(1));
        for _ in 0..BURST / JOBS {
            let barrier = Arc::new(std::sync::Barrier::new(JOBS));
            let handles: Vec<_> = (0..JOBS)
                .map(|_| {
                    let barrier = barrier.clone();
                    jobs.spawn(move || barrier.wait().is_leader())
                })
                .collect();
            let leaders = handles.into_iter().map(|handle| block_on(handle).unwrap());
            assert_eq!(leaders.filter(|leads| *leads).count(), 1);
        }
    });
}
