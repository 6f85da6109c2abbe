//! `run_in_executor`, `to_thread`.

use crate::{Log, ms};
use runtime::{Builder, Runtime, spawn_blocking};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};

/// A runtime with `ThreadPoolExecutor(threads)`.
fn pool(threads: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(1).max_blocking_threads(threads).build().unwrap()
}

#[test]
fn three_threads_run_three_jobs_at_a_time() {
    let running = Arc::new(AtomicUsize::new(0));
    // Two rounds, of three jobs each that wait for each other.
    let three = Arc::new(Barrier::new(3));
    let squares = pool(3).block_on(async {
        let jobs = (0..6).map(|n| {
            let (running, three) = (running.clone(), three.clone());
            spawn_blocking(move || {
                assert!(running.fetch_add(1, Ordering::SeqCst) < 3);
                three.wait();
                running.fetch_sub(1, Ordering::SeqCst);
                n * n
            })
        });
        let mut squares = Vec::new();
        for job in jobs.collect::<Vec<_>>() {
            squares.push(job.await.unwrap());
        }
        squares
    });
    assert_eq!(squares, [0, 1, 4, 9, 16, 25]);
}

/// A job that runs cannot be stopped: its result comes all the same. One that waits is removed at once.
#[test]
fn cancelling_removes_a_queued_job_and_leaves_a_running_one_alone() {
    let log = Log::default();
    let (started, has_started) = mpsc::channel();
    let (release, released) = mpsc::channel();
    let rt = pool(1);
    rt.block_on(async {
        let running = spawn_blocking(move || {
            started.send(()).unwrap();
            released.recv().unwrap();
            42
        });
        has_started.recv().unwrap();
        let (inner, finally) = (log.clone(), log.on_drop("queued dropped"));
        let queued = spawn_blocking(move || {
            let _finally = finally;
            inner.say("queued ran");
        });
        // While the only thread is busy.
        assert!(
            {
                queued.abort();
                queued.await
            }
            .unwrap_err()
            .is_cancelled()
        );
        assert_eq!(log.said(), ["queued dropped"]);
        running.abort();
        release.send(()).unwrap();
        assert_eq!(running.await.unwrap(), 42);
    });
    drop(rt);
    assert_eq!(log.said(), ["queued dropped"]);
}

/// The queue is unbounded, and no job is refused.
#[test]
fn a_thousand_jobs_wait_for_one_thread() {
    pool(1).block_on(async {
        let jobs: Vec<_> = (0..1000).map(|n| spawn_blocking(move || n)).collect();
        let mut sum = 0;
        for job in jobs {
            sum += job.await.unwrap();
        }
        assert_eq!(sum, 499_500);
    });
}

/// The loop goes on while a job blocks.
#[runtime::test]
async fn tasks_run_beside_a_blocked_thread() {
    let (release, released) = mpsc::channel();
    let blocked = spawn_blocking(move || released.recv().unwrap());
    let ticks = runtime::spawn(async move {
        for _ in 0..10 {
            runtime::time::sleep(ms(1)).await;
        }
        release.send("released").unwrap();
    });
    assert_eq!(blocked.await.unwrap(), "released");
    ticks.await.unwrap();
}
