//! Promises 38 to 43 for pools of one's own, and what they have beyond `spawn_blocking`: room and order. How
//! they end is in `pool_own_ends.rs`.

mod own_pools;

use futures::executor::block_on;
use futures::future::{join_all, poll_immediate};
use own_pools::{LONG, OnDrop, assert_cancelled, block_one, flavors, pool};
use runtime::blocking::{Full, Pool, PoolMetrics, is_cancelled};
use runtime::task::yield_now;
use runtime::time::Instant;
use runtime::{Builder, Handle};
use runtime_blocking::NewThread;
use std::error::Error;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

const EAGAIN: i32 = 11;

#[test]
fn handles_go_everywhere() {
    fn everywhere<T: Send + Sync + Unpin + 'static>() {}
    fn is_static<T: Send + 'static>(value: T) -> T {
        value
    }
    everywhere::<Pool>();
    everywhere::<runtime::blocking::Builder>();
    everywhere::<runtime::blocking::PoolReport>();
    everywhere::<PoolMetrics>();
    everywhere::<runtime::blocking::RunningJob>();
    everywhere::<Full<fn()>>();
    let future = is_static(pool(1, 1).run(|| 42));
    // The future keeps the pool open.
    assert_eq!(block_on(future).unwrap(), 42);
}

/// Python's example: six jobs on three threads run in two rounds, and the results come in the order of the jobs.
#[test]
fn p42_six_jobs_on_three_threads_run_three_at_a_time() {
    for rt in flavors() {
        let pool = Pool::builder().threads(3).build().unwrap();
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        // Each round ends when three jobs have met: with fewer threads it never would.
        let round = Arc::new(Barrier::new(3));
        let jobs = (0..6_u32).map(|n| {
            let (now, most, round) = (now.clone(), most.clone(), round.clone());
            pool.run(move || {
                most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                round.wait();
                now.fetch_sub(1, SeqCst);
                n * n
            })
        });
        let squares = rt.block_on(join_all(jobs));
        let squares: Vec<u32> = squares.into_iter().map(Result::unwrap).collect();
        assert_eq!(squares, [0, 1, 4, 9, 16, 25]);
        assert_eq!(most.load(SeqCst), 3);
        assert_eq!(pool.metrics().threads, 3);
        assert_eq!(pool.metrics().completed, 6);
    }
}

#[test]
fn p42_jobs_start_in_order_and_runs_that_wait_have_their_turn_in_order() {
    for rt in flavors() {
        let pool = pool(1, 2);
        let (release, first) = block_one(&pool);
        let order = Arc::new(Mutex::new(Vec::new()));
        let job = |n| {
            let order = order.clone();
            move || order.lock().unwrap().push(n)
        };
        rt.block_on(async {
            // Two find room; the others wait, and among them one gives up.
            let mut waiting: Vec<_> = (0..10).map(|n| Box::pin(pool.run(job(n)))).collect();
            for run in &mut waiting {
                assert!(poll_immediate(run).await.is_none());
            }
            assert_eq!((pool.metrics().queued, pool.metrics().waiting), (2, 8));
            drop(waiting.remove(5));
            assert_eq!(pool.metrics().waiting, 7);
            // Nobody overtakes those who wait, but who must not wait.
            assert!(pool.try_spawn(job(98)).is_err());
            let beyond = pool.spawn(job(99));
            drop(release);
            for run in waiting {
                run.await.unwrap();
            }
            beyond.await.unwrap();
        });
        block_on(first).unwrap();
        assert_eq!(*order.lock().unwrap(), [0, 1, 99, 2, 3, 4, 6, 7, 8, 9]);
        assert_eq!(pool.metrics().waiting, 0);
    }
}

#[test]
fn p44_a_run_that_was_given_room_and_is_dropped_hands_it_on() {
    let pool = pool(1, 0);
    let (release, first) = block_one(&pool);
    let dropped = Arc::new(AtomicUsize::new(0));
    let held = OnDrop(dropped.clone());
    let mut given = Box::pin(pool.run(move || drop(held)));
    let mut next = Box::pin(pool.run(|| 42));
    assert!(block_on(poll_immediate(&mut given)).is_none());
    assert!(block_on(poll_immediate(&mut next)).is_none());
    drop(release);
    block_on(first).unwrap();
    // The room is that of `given`, which is polled no more.
    assert!(pool.try_spawn(|| ()).is_err());
    drop(given);
    assert_eq!(dropped.load(SeqCst), 1, "dropped unrun");
    assert_eq!(block_on(next).unwrap(), 42);
    assert_eq!(pool.metrics().completed, 2);
}

#[test]
fn try_spawn_has_a_bound_and_spawn_has_none() {
    let pool = pool(2, 3);
    let blocked: Vec<_> = (0..2).map(|_| block_one(&pool)).collect();
    let queued: Vec<_> = (0..3).map(|n| pool.try_spawn(move || n).unwrap()).collect();
    for _ in 0..3 {
        let full = pool.try_spawn(|| 42).unwrap_err();
        assert!(!full.is_closed());
        assert_eq!(full.into_inner()(), 42);
    }
    let beyond: Vec<_> = (0..4).map(|n| pool.spawn(move || n)).collect();
    let metrics = pool.metrics();
    assert_eq!((metrics.running, metrics.queued, metrics.refused), (2, 7, 3));
    for (release, handle) in blocked {
        drop(release);
        block_on(handle).unwrap();
    }
    for (n, handle) in (0..3).chain(0..4).zip(queued.into_iter().chain(beyond)) {
        assert_eq!(block_on(handle).unwrap(), n);
    }
    // All of the room is back, and no more.
    let blocked: Vec<_> = (0..2).map(|_| block_one(&pool)).collect();
    let queued: Vec<_> = (0..4).map(|_| pool.try_spawn(|| ()).is_ok()).collect();
    assert_eq!(queued, [true, true, true, false]);
    drop(blocked);
}

#[test]
fn without_a_queue_a_job_needs_a_free_thread() {
    let pool = pool(1, 0);
    for _ in 0..100 {
        // Its end is told after its room is free.
        block_on(pool.try_spawn(|| ()).expect("nothing runs")).unwrap();
    }
    let (release, running) = block_one(&pool);
    assert!(pool.try_spawn(|| ()).is_err());
    drop(release);
    block_on(running).unwrap();
    block_on(pool.run(|| ())).unwrap();
}

#[test]
fn p41_a_queued_job_that_is_cancelled_goes_at_once_and_frees_its_room() {
    for rt in flavors() {
        let pool = pool(1, 1);
        let (release, running) = block_one(&pool);
        let dropped = Arc::new(AtomicUsize::new(0));
        let job = || {
            let held = OnDrop(dropped.clone());
            move || {
                drop(held);
                unreachable!("a cancelled job ran")
            }
        };
        for round in 0..3 {
            let aborted = pool.try_spawn(job()).unwrap();
            assert!(pool.try_spawn(|| ()).is_err());
            aborted.abort();
            assert_cancelled::<()>(rt.block_on(aborted));
            let cancelled = pool.try_spawn(job()).expect("the abort has freed the room");
            assert_cancelled::<()>(rt.block_on(cancelled.cancel()));
            let mut dropped_run = Box::pin(pool.run(job()));
            assert!(rt.block_on(poll_immediate(&mut dropped_run)).is_none());
            assert_eq!(pool.metrics().queued, 1);
            drop(dropped_run);
            assert_eq!(dropped.load(SeqCst), 3 * (round + 1));
            assert_eq!(pool.metrics().queued, 0);
        }
        // Somebody waits for the room of the queued one.
        let queued = pool.try_spawn(job()).unwrap();
        let mut waiting = Box::pin(pool.run(|| 42));
        assert!(rt.block_on(poll_immediate(&mut waiting)).is_none());
        queued.abort();
        assert!(rt.block_on(poll_immediate(&mut waiting)).is_none());
        assert_eq!((pool.metrics().waiting, pool.metrics().queued), (0, 1));
        drop(release);
        assert_eq!(rt.block_on(waiting).unwrap(), 42);
        rt.block_on(running).unwrap();
        assert_eq!(pool.metrics().cancelled, 10);
    }
}

/// A job that runs until it is asked for its end; it says that it was.
fn until_asked(runs: Sender<()>, told: Sender<bool>) -> impl FnOnce() + Send {
    move || {
        let before = is_cancelled();
        runs.send(()).unwrap();
        while !is_cancelled() {
            std::thread::yield_now();
        }
        told.send(before).unwrap();
    }
}

#[test]
fn p41_a_running_job_is_asked() {
    for rt in flavors() {
        let pool = pool(1, 1);
        assert!(!is_cancelled());
        for how in 0..3 {
            let ((runs, running), (tell, told)) = (channel(), channel());
            let job = until_asked(runs, tell);
            match how {
                0 => {
                    let job = pool.spawn(job);
                    running.recv_timeout(LONG).unwrap();
                    job.abort();
                    rt.block_on(job).unwrap();
                }
                1 => {
                    let job = pool.spawn(job);
                    running.recv_timeout(LONG).unwrap();
                    rt.block_on(job.cancel()).unwrap();
                }
                _ => {
                    let mut run = Box::pin(pool.run(job));
                    assert!(rt.block_on(poll_immediate(&mut run)).is_none());
                    running.recv_timeout(LONG).unwrap();
                    drop(run);
                }
            }
            assert!(!told.recv_timeout(LONG).expect("the job was not asked"), "asked before it was");
        }
        // The next job on the thread is not asked because another one was.
        assert!(!rt.block_on(pool.run(is_cancelled)).unwrap());
    }
}

#[test]
fn a_shutdown_asks_the_jobs_that_run_and_a_close_does_not() {
    let pool = pool(2, 0);
    let ((runs, running), (tell, told)) = (channel(), channel());
    let jobs = [(); 2].map(|()| pool.spawn(until_asked(runs.clone(), tell.clone())));
    let _ = [running.recv_timeout(LONG).unwrap(), running.recv_timeout(LONG).unwrap()];
    pool.close();
    // A job of another pool is not asked either, whenever it comes.
    let other = own_pools::pool(1, 0);
    assert!(!block_on(other.run(is_cancelled)).unwrap());
    assert!(told.try_recv().is_err(), "asked by the close");
    assert!(pool.shutdown(LONG).survivors().is_empty());
    for job in jobs {
        job.join_blocking().unwrap();
        assert!(!told.try_recv().unwrap(), "asked before it was");
    }
    assert!(!block_on(other.run(is_cancelled)).unwrap());
}

#[test]
fn is_cancelled_asks_about_the_job_whatever_runs_inside_of_it() {
    let rt = Builder::new_current_thread().build().unwrap();
    let pool = pool(1, 1);
    let ((runs, running), (tell, told)) = (channel(), channel());
    let job = pool.spawn(move || {
        rt.block_on(async {
            // A task of another runtime, on the job's thread.
            let asked = runtime::spawn(async move {
                runs.send(()).unwrap();
                while !is_cancelled() {
                    yield_now().await;
                }
            });
            asked.await.unwrap();
        });
        tell.send(()).unwrap();
    });
    running.recv_timeout(LONG).unwrap();
    drop(job.cancel());
    told.recv_timeout(LONG).unwrap();
    // A task is no job.
    let rt = Builder::new_current_thread().build().unwrap();
    rt.block_on(async {
        let task = runtime::spawn(async {
            runtime::task::cancelled().await;
            (runtime::task::cancel_requested(), is_cancelled())
        });
        yield_now().await;
        assert_eq!(task.cancel().await.unwrap(), (true, false));
        let job = runtime::spawn_blocking(|| while !is_cancelled() {});
        let _ = job.cancel().await;
    });
}

#[test]
fn p40_a_panic_goes_to_the_handle_and_costs_neither_thread_nor_room() {
    let pool = pool(1, 0);
    let thread = block_on(pool.run(|| std::thread::current().id())).unwrap();
    for _ in 0..10 {
        let error = block_on(pool.run(|| std::panic::panic_any("planted"))).unwrap_err();
        assert_eq!(error.into_panic().downcast_ref(), Some(&"planted"));
    }
    assert_eq!(block_on(pool.try_spawn(|| std::thread::current().id()).unwrap()).unwrap(), thread);
    assert_eq!(pool.metrics().completed, 12);
}

/// A pool to which the system grants so many threads and no more.
fn granted(threads: usize) -> Pool {
    let left = AtomicUsize::new(threads);
    let start = move |thread: NewThread| match left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)) {
        Ok(_) => thread.start(),
        Err(_) => Err(io::Error::from_raw_os_error(EAGAIN)),
    };
    Pool::builder().threads(4).queue(4).start_thread(Arc::new(start)).build().unwrap()
}

#[test]
fn p39_refused_threads_hang_no_job_and_keep_no_room() {
    let none = granted(0);
    for _ in 0..20 {
        let error = block_on(none.run(|| ())).unwrap_err();
        let cause: Option<&io::Error> = error.source().and_then(|source| source.downcast_ref());
        assert_eq!(cause.and_then(io::Error::raw_os_error), Some(EAGAIN), "{error}");
    }
    assert_eq!((none.metrics().queued, none.metrics().cancelled), (0, 20));

    let some = granted(2);
    let blocked: Vec<_> = (0..2).map(|_| block_one(&some)).collect();
    let mut waiting: Vec<_> = (0..100).map(|n| Box::pin(some.run(move || n))).collect();
    for run in &mut waiting {
        assert!(block_on(poll_immediate(run)).is_none());
    }
    drop(blocked);
    for (n, run) in waiting.into_iter().enumerate() {
        assert_eq!(block_on(run).unwrap(), n);
    }
    assert_eq!(some.metrics().threads, 2);
}

#[test]
fn p43_jobs_may_spawn_jobs_beyond_the_bound() {
    let outer = pool(1, 0);
    let again = outer.clone();
    let inner = outer.spawn(move || (0..10).map(|n| again.spawn(move || n)).collect::<Vec<_>>());
    let sum: i32 = block_on(inner).unwrap().into_iter().map(|job| block_on(job).unwrap()).sum();
    assert_eq!(sum, 45);
}

runtime::task_local! {
    static PLAIN: u32;
    #[inherit]
    static INHERITED: u32;
}

#[test]
fn a_job_belongs_to_the_runtime_of_its_spawner_if_there_is_one() {
    let pool = pool(2, 10);
    let outside = || Handle::try_current().is_err();
    assert!(block_on(pool.run(outside)).unwrap());
    assert!(block_on(pool.spawn(outside)).unwrap());
    for rt in flavors() {
        let id = rt.block_on(async {
            let inside = || {
                let handle = Handle::current();
                (handle.runtime_flavor(), runtime::spawn(async { 1 }))
            };
            let (flavor, task) = pool.run(inside).await.unwrap();
            assert_eq!(flavor, Handle::current().runtime_flavor());
            task.await.unwrap();
            let (_, task) = pool.try_spawn(inside).unwrap().await.unwrap();
            task.await.unwrap();
            let looks = || (PLAIN.try_with(|n| *n).is_ok(), INHERITED.try_with(|n| *n).ok());
            // Made outside of the scope, awaited inside.
            let run = pool.run(looks);
            let scoped = PLAIN.scope(1, INHERITED.scope(2, async { (run.await, pool.spawn(looks).await) }));
            let (run, spawned) = scoped.await;
            assert_eq!((run.unwrap(), spawned.unwrap()), ((false, Some(2)), (false, Some(2))));
            pool.spawn(looks).await.unwrap()
        });
        assert_eq!(id, (false, None));
    }
}

#[test]
fn a_paused_clock_does_not_jump_while_a_job_runs_or_is_queued() {
    let rt = Builder::new_current_thread().start_paused(true).build().unwrap();
    let pool = pool(1, 1);
    rt.block_on(async {
        let start = Instant::now();
        let (tell, told) = channel::<()>();
        let queued_behind = pool.spawn(move || told.recv().is_err());
        let job = pool.run(|| 42);
        let mut job = pin!(job);
        assert!(poll_immediate(&mut job).await.is_none());
        let hour = Duration::from_secs(3600);
        let asleep = runtime::spawn(runtime::time::sleep(hour));
        // A jump would be over long before a job has run on its thread.
        std::thread::spawn(move || drop(tell));
        assert!(queued_behind.await.unwrap());
        assert_eq!(job.await.unwrap(), 42);
        assert_eq!(start.elapsed(), Duration::ZERO, "the clock jumped");
        asleep.await.unwrap();
        assert_eq!(start.elapsed(), hour);
    });
}

#[test]
fn a_job_that_was_not_taken_shows_why() {
    let pool = pool(1, 0);
    let (release, running) = block_one(&pool);
    // A job need not be `Debug` for that, nor the error for `?`.
    let full: Box<dyn Error> = Box::new(pool.try_spawn(|| ()).unwrap_err());
    assert_eq!(full.to_string(), "the pool has no room for another job");
    assert_eq!(format!("{full:?}"), "Full { is_closed: false, .. }");
    drop(release);
    block_on(running).unwrap();
}
