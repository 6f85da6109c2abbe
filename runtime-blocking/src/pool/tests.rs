//! The pool without tasks: what threads do, with jobs that are plain closures. What handles say is tested
//! in the root's `tests/blocking.rs`.

use super::options::{NewThread, Options};
use super::shared::{Shared, Work};
use runtime_core::primitive::Arc;
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// Longer than anything here takes, by far.
const LONG: Duration = Duration::from_secs(30);

type Pool = Arc<Shared<Probe>>;

/// A closure, and where to report what became of it.
struct Probe {
    body: Option<Box<dyn FnOnce() + Send>>,
    fate: Sender<Fate>,
}

#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Ran,
    Refused(io::ErrorKind),
    Cancelled,
}

impl Work for Probe {
    fn run(mut self) {
        (self.body.take().unwrap())();
        let _ = self.fate.send(Fate::Ran);
    }

    fn refuse(mut self, source: io::Error) {
        self.body = None;
        let _ = self.fate.send(Fate::Refused(source.kind()));
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if self.body.take().is_some() {
            let _ = self.fate.send(Fate::Cancelled);
        }
    }
}

fn pool(set: impl FnOnce(&mut Options)) -> Pool {
    let mut options = Options::default();
    set(&mut options);
    Arc::new(Shared::new(options).unwrap())
}

fn submit(pool: &Pool, body: impl FnOnce() + Send + 'static) -> Receiver<Fate> {
    let (fate, fates) = channel();
    if let Err((job, source)) = Shared::submit(pool, Probe { body: Some(Box::new(body)), fate }) {
        job.refuse(source);
    }
    fates
}

fn fate(fates: &Receiver<Fate>) -> Fate {
    fates.recv_timeout(LONG).expect("a job was left behind")
}

/// Waits, within reason, for what a thread does when nobody looks.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LONG, "not within {LONG:?}: {what}");
        std::thread::yield_now();
    }
}

/// A job that runs until the returned sender is dropped, and is running when this returns.
fn block_one(pool: &Pool) -> (Sender<()>, Receiver<Fate>) {
    let (release, gate) = channel::<()>();
    let (runs, running) = channel();
    let fates = submit(pool, move || {
        runs.send(()).unwrap();
        let _ = gate.recv();
    });
    running.recv_timeout(LONG).expect("the job got no thread");
    (release, fates)
}

#[test]
fn blocked_jobs_get_a_thread_each_up_to_the_cap() {
    let pool = pool(|options| options.max_threads = 5);
    let blocked: Vec<_> = (0..5).map(|_| block_one(&pool)).collect();
    let waiting = submit(&pool, || {});
    assert_eq!((pool.counts().threads, pool.counts().queued), (5, 1));
    assert!(waiting.try_recv().is_err(), "a sixth thread");
    for (release, fates) in blocked {
        drop(release);
        assert_eq!(fate(&fates), Fate::Ran);
    }
    assert_eq!(fate(&waiting), Fate::Ran);
    assert_eq!(pool.shutdown(LONG), 0);
}

#[test]
fn jobs_submitted_at_once_that_wait_for_each_other_all_get_a_thread() {
    const JOBS: usize = 64;
    let pool = pool(|options| options.max_threads = JOBS);
    let barrier = std::sync::Arc::new(std::sync::Barrier::new(JOBS));
    for _ in 0..3 {
        let fates: Vec<_> = (0..JOBS)
            .map(|_| {
                let barrier = barrier.clone();
                submit(&pool, move || {
                    barrier.wait();
                })
            })
            .collect();
        for fates in &fates {
            assert_eq!(fate(fates), Fate::Ran);
        }
    }
    assert_eq!(pool.counts().threads, JOBS);
    assert_eq!(pool.shutdown(LONG), 0);
}

#[test]
fn one_thread_serves_in_order() {
    let pool = pool(|options| options.max_threads = 1);
    let (order, ordered) = channel();
    let (release, first) = block_one(&pool);
    for number in 0..100 {
        let order = order.clone();
        submit(&pool, move || order.send(number).unwrap());
    }
    drop(release);
    assert_eq!(fate(&first), Fate::Ran);
    let seen: Vec<i32> = (0..100).map(|_| ordered.recv_timeout(LONG).unwrap()).collect();
    assert!(seen.is_sorted(), "{seen:?}");
}

#[test]
fn idle_threads_leave_and_come_back() {
    let pool = pool(|options| options.keep_alive = Duration::from_millis(1));
    for _ in 0..20 {
        assert_eq!(fate(&submit(&pool, || {})), Fate::Ran);
        eventually("the idle thread leaves", || pool.counts().threads == 0);
    }
    assert_eq!(pool.shutdown(LONG), 0);
}

#[test]
fn the_last_to_sleep_is_called_first() {
    let pool = pool(|_| {});
    let blocked: Vec<_> = (0..3).map(|_| block_one(&pool)).collect();
    for (release, fates) in blocked {
        drop(release);
        assert_eq!(fate(&fates), Fate::Ran);
    }
    eventually("all three sleep", || pool.counts().idle == 3);
    let mut served = HashMap::new();
    for _ in 0..30 {
        let (id, ids) = channel();
        submit(&pool, move || id.send(std::thread::current().id()).unwrap());
        *served.entry(ids.recv_timeout(LONG).unwrap()).or_insert(0) += 1;
        eventually("all three sleep again", || pool.counts().idle == 3);
    }
    // In turn it would be 10 each. Not all 30: a thread is counted as asleep a moment before it is.
    let most = served.values().max().unwrap();
    assert!(*most > 20, "sleepers take turns, so none would ever leave: {served:?}");
}

#[test]
fn a_shutdown_cancels_what_is_queued_and_waits_for_what_runs() {
    let pool = pool(|options| options.max_threads = 1);
    let (release, running) = block_one(&pool);
    let queued: Vec<_> = (0..10).map(|_| submit(&pool, || {})).collect();
    assert_eq!(pool.shutdown(Duration::from_millis(1)), 1);
    for fates in &queued {
        assert_eq!(fate(fates), Fate::Cancelled);
    }
    assert_eq!(fate(&submit(&pool, || {})), Fate::Refused(io::ErrorKind::BrokenPipe));
    drop(release);
    assert_eq!(pool.shutdown(LONG), 0);
    assert_eq!(fate(&running), Fate::Ran);
    assert_eq!(pool.counts().threads, 0);
}

#[test]
fn a_shutdown_without_time_still_sends_the_idle_home() {
    let clean = (0..20).any(|_| {
        let pool = pool(|_| {});
        for (release, fates) in (0..4).map(|_| block_one(&pool)).collect::<Vec<_>>() {
            drop(release);
            assert_eq!(fate(&fates), Fate::Ran);
        }
        eventually("all four sleep", || pool.counts().idle == 4);
        pool.shutdown(Duration::ZERO) == 0
    });
    // A busy machine may let some sleep longer than the pool waits; never 20 times.
    assert!(clean, "a shutdown does not wait for idle threads");
}

#[test]
fn a_job_may_shut_its_own_pool_down() {
    let pool = pool(|_| {});
    let (left, lefts) = channel();
    let own = pool.clone();
    let fates = submit(&pool, move || left.send(own.shutdown(LONG)).unwrap());
    assert_eq!(lefts.recv_timeout(LONG).expect("the pool waits for itself"), 1, "itself");
    assert_eq!(fate(&fates), Fate::Ran);
    assert_eq!(pool.shutdown(LONG), 0);
}

#[test]
fn panics_of_jobs_and_hooks_cost_nothing() {
    let pool = pool(|options| {
        options.max_threads = 1;
        options.on_thread_start = Some(std::sync::Arc::new(|| panic!("planted: start hook")));
        options.on_thread_stop = Some(std::sync::Arc::new(|| panic!("planted: stop hook")));
        options.wrap_thread = Some(std::sync::Arc::new(|run| {
            run();
            panic!("planted: wrap hook");
        }));
    });
    for _ in 0..10 {
        // A real job keeps its panic for its handle; this one lets it out.
        submit(&pool, || panic!("planted: job"));
    }
    assert_eq!(fate(&submit(&pool, || {})), Fate::Ran);
    assert_eq!(pool.counts().threads, 1);
    assert_eq!(pool.shutdown(LONG), 0);
    assert_eq!(pool.counts().threads, 0);
}

#[test]
fn a_thread_that_its_wrapper_does_not_run_refuses_its_job() {
    for panics in [false, true] {
        let pool = pool(|options| {
            options.wrap_thread = Some(std::sync::Arc::new(move |_| assert!(!panics, "planted: wrap hook")));
        });
        let fates: Vec<_> = (0..10).map(|_| submit(&pool, || {})).collect();
        for fates in &fates {
            assert_eq!(fate(fates), Fate::Refused(io::ErrorKind::Other));
        }
        assert_eq!(pool.shutdown(LONG), 0);
        assert_eq!(pool.counts().threads, 0);
    }
}

#[test]
fn a_name_that_panics_is_a_refusal_and_a_nul_is_replaced() {
    let naming_panics = pool(|options| {
        options.thread_name = std::sync::Arc::new(|| panic!("planted: name"));
    });
    assert_eq!(fate(&submit(&naming_panics, || {})), Fate::Refused(io::ErrorKind::Other));
    assert_eq!(naming_panics.counts().threads, 0);

    let pool = pool(|options| options.thread_name = std::sync::Arc::new(|| "db\0pool".to_owned()));
    let (name, names) = channel();
    submit(&pool, move || name.send(std::thread::current().name().map(str::to_owned)).unwrap());
    assert_eq!(names.recv_timeout(LONG).unwrap().as_deref(), Some("db?pool"));
}

/// A pool to which the system grants only the first `granted` threads.
fn stingy(granted: usize) -> Pool {
    let left = AtomicUsize::new(granted);
    pool(|options| {
        options.start_thread = std::sync::Arc::new(move |thread: NewThread| {
            match left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) {
                Ok(_) => thread.start(),
                Err(_) => Err(io::Error::from_raw_os_error(11)),
            }
        });
    })
}

#[test]
fn with_no_thread_at_all_a_job_is_refused_with_the_cause() {
    let pool = stingy(0);
    for _ in 0..10 {
        // EAGAIN
        assert_eq!(fate(&submit(&pool, || {})), Fate::Refused(io::ErrorKind::WouldBlock));
    }
    assert_eq!((pool.counts().threads, pool.counts().queued), (0, 0));
    assert_eq!(pool.shutdown(LONG), 0);
}

#[test]
fn with_some_threads_refused_the_others_drain_the_queue() {
    let pool = stingy(2);
    let blocked: Vec<_> = (0..2).map(|_| block_one(&pool)).collect();
    let queued: Vec<_> = (0..100).map(|_| submit(&pool, || {})).collect();
    assert_eq!(pool.counts().queued, 100);
    for (release, fates) in blocked {
        drop(release);
        assert_eq!(fate(&fates), Fate::Ran);
    }
    for fates in &queued {
        assert_eq!(fate(fates), Fate::Ran);
    }
    assert_eq!(pool.shutdown(LONG), 0);
}

#[test]
fn a_slow_start_hook_holds_up_only_its_own_thread() {
    let (release, gate) = channel::<()>();
    let gate = std::sync::Mutex::new(Some(gate));
    let pool = pool(|options| {
        options.on_thread_start = Some(std::sync::Arc::new(move || {
            let first = gate.lock().unwrap().take();
            if let Some(gate) = first {
                let _ = gate.recv();
            }
        }));
    });
    let (first, second) = (submit(&pool, || {}), submit(&pool, || {}));
    // One of the two threads sits in its hook with one job granted to it; the other job runs.
    eventually("one job runs", || first.try_recv().is_ok() || second.try_recv().is_ok());
    drop(release);
    assert_eq!(pool.shutdown(LONG), 0);
}

#[test]
fn options_without_sense_are_an_error_that_names_them() {
    let refused = |set: fn(&mut Options)| {
        let mut options = Options::default();
        set(&mut options);
        let error = Shared::<Probe>::new(options).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        error.to_string()
    };
    assert!(refused(|options| options.max_threads = 0).contains("max_threads"));
    assert!(refused(|options| options.max_threads = 1 << 20).contains("max_threads"));
    assert!(refused(|options| options.stack_size = Some(0)).contains("stack_size"));
}

/// Submitters on four threads against threads that leave at once, with a shutdown somewhere in between:
/// every job has exactly one fate, there are never too many threads, and none is left.
#[test]
fn every_job_has_one_fate_whatever_comes_and_goes() {
    const SUBMITTERS: usize = 4;
    const JOBS: usize = 500;
    for round in 0..40 {
        let cap = 1 + round % 3;
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (starting, stopping, at_once) = (now.clone(), now.clone(), most.clone());
        let pool = pool(|options| {
            options.on_thread_start = Some(std::sync::Arc::new(move || {
                at_once.fetch_max(starting.fetch_add(1, SeqCst) + 1, SeqCst);
            }));
            options.on_thread_stop = Some(std::sync::Arc::new(move || {
                stopping.fetch_sub(1, SeqCst);
            }));
            options.max_threads = cap;
            options.keep_alive = Duration::from_micros(round as u64 % 5 * 10);
        });
        let submitted = AtomicUsize::new(0);
        let submit_one = || {
            let fates = submit(&pool, || {});
            submitted.fetch_add(1, SeqCst);
            fates
        };
        let fates: Vec<Receiver<Fate>> = std::thread::scope(|scope| {
            let submitters: Vec<_> = (0..SUBMITTERS)
                .map(|_| scope.spawn(|| (0..JOBS).map(|_| submit_one()).collect::<Vec<_>>()))
                .collect();
            // Every other round is shut down while jobs come in.
            if round % 2 == 1 {
                eventually("a job comes in", || submitted.load(SeqCst) > 0);
                assert_eq!(pool.shutdown(LONG), 0);
            }
            submitters.into_iter().flat_map(|submitter| submitter.join().unwrap()).collect()
        });
        for fates in &fates {
            let first = fate(fates);
            assert!(round % 2 == 1 || first == Fate::Ran, "{first:?} without a shutdown");
            assert!(fates.recv_timeout(LONG).is_err(), "a second fate after {first:?}");
        }
        assert_eq!(pool.shutdown(LONG), 0);
        assert_eq!((pool.counts().threads, pool.counts().queued), (0, 0));
        assert!(most.load(SeqCst) <= cap, "{} threads at once, at most {cap}", most.load(SeqCst));
        assert_eq!(now.load(SeqCst), 0, "a thread did not stop");
    }
}
