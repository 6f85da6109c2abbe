//! What it costs to go from one task to another: yields, channels, locks, blocking jobs.

use crate::measure::{Figures, Run};
use crate::rt::{Rt, Spawn};
use std::sync::Arc;

/// Pairs of tasks in one go of ping-pong.
const PAIRS: u64 = 1_000;
/// Tasks that yield, and how often each does.
const YIELDERS: u64 = 200;
const YIELDS: u64 = 1_000;
/// Senders into one channel, its room, and what each sends.
pub const SENDERS: u64 = 8;
/// Room in the channel.
pub const ROOM: usize = 1_000;
/// Values that each sender sends.
pub const VALUES: u64 = 50_000;
/// Tasks at one lock, and how often each takes it.
const LOCKERS: u64 = 100;
const LOCKS: u64 = 2_000;
/// Blocking jobs one after the other, and at the same time.
const JOBS: u64 = 1_000;
const BURST: u64 = 20_000;

/// `pairs` pairs of tasks, each of which sends one value there and one back.
pub async fn ping_pong_pairs<R: Rt>(pairs: u64) {
    let pairs = (0..pairs).map(|_| {
        R::spawn(async {
            let (there, ping) = R::oneshot();
            let (back, pong) = R::oneshot();
            R::detach(R::spawn(async move { R::send_one(back, R::recv_one(ping).await) }));
            R::send_one(there, 1);
            assert_eq!(R::recv_one(pong).await, 1);
        })
    });
    for pair in pairs.collect::<Vec<_>>() {
        R::join(pair).await;
    }
}

/// Pairs over channels for one value; one operation is a pair.
pub fn ping_pong<R: Rt>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(PAIRS, || rt.on_worker(ping_pong_pairs::<R>(PAIRS)))
}

/// Runs `tasks` tasks made by `make` and waits for them all.
pub async fn all<R: Spawn, F>(tasks: u64, mut make: impl FnMut(u64) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    for task in (0..tasks).map(|i| R::spawn(make(i))).collect::<Vec<_>>() {
        R::join(task).await;
    }
}

/// Many tasks that yield.
pub fn yield_many<R: Spawn>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(YIELDERS * YIELDS, || {
        rt.on_worker(async {
            let yields = |_| async {
                for _ in 0..YIELDS {
                    R::yield_now().await;
                }
            };
            all::<R, _>(YIELDERS, yields).await;
        });
    })
}

/// Many senders into the runtime's own bounded channel.
pub fn mpsc_fan_in<R: Rt>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(SENDERS * VALUES, || {
        rt.on_worker(async {
            let (tx, mut rx) = R::channel(ROOM);
            for _ in 0..SENDERS {
                let mut tx = tx.clone();
                R::detach(R::spawn(async move {
                    for value in 0..VALUES {
                        R::send(&mut tx, value).await;
                    }
                }));
            }
            drop(tx);
            let mut sum = 0;
            while let Some(value) = R::recv(&mut rx).await {
                sum += value;
            }
            assert_eq!(sum, SENDERS * (VALUES * (VALUES - 1) / 2));
        });
    })
}

/// The same over one foreign channel for all.
pub fn mpsc_fan_in_shared<R: Spawn>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(SENDERS * VALUES, || {
        rt.on_worker(async {
            let (tx, rx) = async_channel::bounded(ROOM);
            for _ in 0..SENDERS {
                let tx = tx.clone();
                R::detach(R::spawn(async move {
                    for value in 0..VALUES {
                        tx.send(value).await.expect("the receiver is gone");
                    }
                }));
            }
            drop(tx);
            let mut sum = 0;
            while let Ok(value) = rx.recv().await {
                sum += value;
            }
            assert_eq!(sum, SENDERS * (VALUES * (VALUES - 1) / 2));
        });
    })
}

/// Many tasks that take one lock and yield while they hold it.
pub fn mutex_contended<R: Rt>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(LOCKERS * LOCKS, || {
        rt.on_worker(async {
            let mutex = Arc::new(R::mutex());
            let lock = |_| {
                let mutex = Arc::clone(&mutex);
                async move {
                    for _ in 0..LOCKS {
                        let mut guard = R::lock(&mutex).await;
                        *guard += 1;
                        R::yield_now().await;
                    }
                }
            };
            all::<R, _>(LOCKERS, lock).await;
            assert_eq!(*R::lock(&mutex).await, LOCKERS * LOCKS);
        });
    })
}

/// One blocking job after the other.
pub fn blocking_roundtrip<R: Rt>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(JOBS, || {
        rt.on_worker(async {
            for _ in 0..JOBS {
                R::spawn_blocking(|| ()).await;
            }
        });
    })
}

/// Many blocking jobs at the same time.
pub fn blocking_burst<R: Rt>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(BURST, || rt.on_worker(burst::<R>(BURST)))
}

/// Has `jobs` blocking jobs in flight and waits for them all.
pub async fn burst<R: Rt>(jobs: u64) {
    for job in (0..jobs).map(|_| R::spawn_blocking(|| ())).collect::<Vec<_>>() {
        job.await;
    }
}
