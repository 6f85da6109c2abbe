//! Workers that block at random among very many tasks: nothing is lost, and the spares go when they are not needed.

mod stress;

use runtime::{Builder, Handle, RescueConfig, Runtime, task, time};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};
use stress::{Held, Watchdog, alone, factor};

const WORKERS: usize = 2;
/// Tasks that live at the same time.
const BATCH: usize = 10_000;
/// One task in so many blocks in some way.
const BLOCKS_EVERY: usize = 500;
/// The longest time that one blocks.
const BLOCK_MS_MAX: u64 = 50;
/// Spares end after 10 s.
const LEAVE_MAX: Duration = Duration::from_secs(15);

fn runtime() -> Runtime {
    let rescue = RescueConfig::default().on_report(|_| {});
    Builder::new_multi_thread().worker_threads(WORKERS).rescue(rescue).build().unwrap()
}

/// The next of a sequence that looks random (Knuth's multiplier).
fn next(seed: &AtomicU64) -> u64 {
    let step =
        |x: u64| Some(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    seed.fetch_update(Relaxed, Relaxed, step).unwrap() >> 33
}

async fn one(number: usize, ran: Arc<[AtomicU32]>, seed: Arc<AtomicU64>) {
    task::yield_now().await;
    let pause = Duration::from_millis(next(&seed) % BLOCK_MS_MAX);
    match number % BLOCKS_EVERY {
        0 => thread::sleep(pause),
        1 => task::block_in_place(|| thread::sleep(pause)),
        2 => Handle::current().block_on(async {
            let inner = runtime::spawn(time::sleep(pause));
            inner.await.unwrap();
        }),
        3 => time::sleep(pause).await,
        4 => runtime::spawn_blocking(move || thread::sleep(pause)).await.unwrap(),
        _ => task::yield_now().await,
    }
    ran[number % BATCH].fetch_add(1, Relaxed);
}

#[test]
fn p18_blockers_among_many_tasks_lose_nothing_and_their_stand_ins_leave() {
    alone("p18_blockers_among_many_tasks_lose_nothing_and_their_stand_ins_leave", || {
        let before = Held::now().threads;
        let runtime = runtime();
        let seed = Arc::new(AtomicU64::new(1));
        let batches = 10 * factor();
        let progress = Arc::new(AtomicU64::new(0));
        let seen = progress.clone();
        let watchdog = Watchdog::watch(move || format!("{} of {batches} batches", seen.load(Relaxed)));
        for _ in 0..batches {
            let ran: Arc<[AtomicU32]> = (0..BATCH).map(|_| AtomicU32::new(0)).collect();
            runtime.block_on(async {
                let tasks: Vec<_> =
                    (0..BATCH).map(|i| runtime::spawn(one(i, ran.clone(), seed.clone()))).collect();
                for task in tasks {
                    task.await.unwrap();
                }
            });
            let wrong = ran.iter().filter(|count| count.load(Relaxed) != 1).count();
            assert_eq!(wrong, 0, "tasks did not run exactly once");
            progress.fetch_add(1, Relaxed);
        }
        drop(watchdog);
        let metrics = runtime.metrics();
        assert!(metrics.spares_count() > 0, "nobody stood in for anybody: {metrics:?}");
        // The workers and the monitor; the blocking threads end after 10 s, too.
        let rest = before + WORKERS as u64 + 1;
        let start = Instant::now();
        while Held::now().threads > rest {
            assert!(start.elapsed() < LEAVE_MAX, "{} threads, {rest} expected", Held::now().threads);
            thread::sleep(Duration::from_millis(50));
        }
    });
}

#[test]
fn runtimes_end_while_workers_block() {
    alone("runtimes_end_while_workers_block", || {
        let seed = Arc::new(AtomicU64::new(7));
        let progress = Arc::new(AtomicU64::new(0));
        let seen = progress.clone();
        let _watchdog = Watchdog::watch(move || format!("{} runtimes", seen.load(Relaxed)));
        for _ in 0..100 * factor() {
            let runtime = runtime();
            for number in 0..20 {
                let pause = Duration::from_millis(next(&seed) % 6);
                drop(runtime.spawn(async move {
                    loop {
                        match number % 4 {
                            0 => thread::sleep(pause),
                            1 => task::block_in_place(|| thread::sleep(pause)),
                            2 => {
                                let inner = runtime::spawn(std::future::pending::<()>());
                                let cancelled = Handle::current().block_on(async {
                                    time::sleep(pause).await;
                                    inner.abort();
                                    inner.await
                                });
                                assert!(cancelled.is_err());
                            }
                            _ => std::future::pending().await,
                        }
                        task::yield_now().await;
                    }
                }));
            }
            thread::sleep(Duration::from_millis(next(&seed) % 12));
            drop(runtime);
            progress.fetch_add(1, Relaxed);
        }
        // Detached threads may take a moment to be gone.
        let start = Instant::now();
        while Held::now().threads > 3 && start.elapsed() < Duration::from_secs(5) {
            thread::sleep(Duration::from_millis(10));
        }
        assert!(Held::now().threads <= 3, "{:?}", Held::now());
    });
}
