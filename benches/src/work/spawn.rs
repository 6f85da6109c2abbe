//! What it costs to make a task, run it and hear of its end.

use crate::measure::{Figures, Gate, Run};
use crate::rt::Spawn;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

/// Tasks in a batch.
const BATCH: usize = 10_000;
/// Length of a chain.
const DEPTH: u64 = 1_000;
/// What [`fork_join`] computes.
pub const FIB: u32 = 20;
/// Up to here [`fib`] makes no tasks.
pub const FIB_PLAIN: u32 = 5;
/// fib(20).
pub const FIB_RESULT: u64 = 6765;
/// Tasks sent in from outside before the sender waits for them.
const OUTSIDE: usize = 1_000;

/// Spawns `count` tasks that do nothing and awaits them all.
pub async fn batch<R: Spawn>(count: usize) {
    let tasks: Vec<_> = (0..count).map(|_| R::spawn(async {})).collect();
    for task in tasks {
        R::join(task).await;
    }
}

/// A batch of tasks spawned from `block_on`.
pub fn spawn_many<R: Spawn>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(BATCH as u64, || rt.block_on(batch::<R>(BATCH)))
}

/// A batch of tasks spawned by a task.
pub fn spawn_local<R: Spawn>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(BATCH as u64, || rt.on_worker(batch::<R>(BATCH)))
}

/// A task that spawns one, awaits it, and so on.
pub async fn one_by_one<R: Spawn>(count: usize) {
    for _ in 0..count {
        R::join(R::spawn(async {})).await;
    }
}

/// Spawn one, await it, repeat.
pub fn spawn_join<R: Spawn>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(BATCH as u64, || rt.on_worker(one_by_one::<R>(BATCH)))
}

/// Spawns the first of `left` tasks, each of which spawns the next; the last one opens the gate.
fn link<R: Spawn>(left: u64, done: Arc<Gate>) {
    if left == 0 {
        done.open();
    } else {
        R::detach(R::spawn(async move { link::<R>(left - 1, done) }));
    }
}

/// Runs one chain of tasks.
pub async fn chain<R: Spawn>(depth: u64) {
    let done = Arc::new(Gate::default());
    link::<R>(depth, Arc::clone(&done));
    done.pass().await;
}

/// Each task spawns the next.
pub fn chained_spawn<R: Spawn>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(10 * DEPTH, || {
        rt.on_worker(async {
            for _ in 0..10 {
                chain::<R>(DEPTH).await;
            }
        });
    })
}

/// fib(n) without tasks.
pub fn fib_plain(n: u32) -> u64 {
    if n < 2 { u64::from(n) } else { fib_plain(n - 1) + fib_plain(n - 2) }
}

/// fib(n), with a task for one branch of each two above 5.
pub fn fib<R: Spawn>(n: u32) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if n <= FIB_PLAIN {
            return fib_plain(n);
        }
        let left = R::spawn(fib::<R>(n - 1));
        let right = fib::<R>(n - 2).await;
        R::join(left).await + right
    })
}

/// fib(20) by forking and joining; one operation is the whole of it.
pub fn fork_join<R: Spawn>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(1, || assert_eq!(rt.on_worker(fib::<R>(FIB)), FIB_RESULT))
}

/// Wakes itself for as long as `busy` is set.
async fn spin(busy: Arc<AtomicBool>) {
    poll_fn(|cx| {
        if busy.load(Ordering::Relaxed) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}

/// Spawns from a foreign thread, which then waits for the batch, while `spinners` tasks wake themselves.
pub fn spawn_remote_busy<R: Spawn>(run: &Run, spinners: usize) -> Figures {
    let rt = R::new(run.workers);
    let busy = Arc::new(AtomicBool::new(true));
    let tasks: Vec<_> = (0..spinners).map(|_| rt.spawn_outside(spin(Arc::clone(&busy)))).collect();
    let left = Arc::new(AtomicUsize::new(0));
    let figures = run.repeat(OUTSIDE as u64, || {
        left.store(OUTSIDE, Ordering::Relaxed);
        let caller = std::thread::current();
        for _ in 0..OUTSIDE {
            let (left, caller) = (Arc::clone(&left), caller.clone());
            R::detach(rt.spawn_outside(async move {
                if left.fetch_sub(1, Ordering::AcqRel) == 1 {
                    caller.unpark();
                }
            }));
        }
        while left.load(Ordering::Acquire) > 0 {
            std::thread::park();
        }
    });
    busy.store(false, Ordering::Relaxed);
    rt.block_on(async {
        for task in tasks {
            R::join(task).await;
        }
    });
    figures
}

/// The same beside as many self-waking tasks as there are workers.
pub fn spawn_remote_busy_all<R: Spawn>(run: &Run) -> Figures {
    spawn_remote_busy::<R>(run, run.workers)
}
