//! How long a task waits for its turn: after a wake from outside, and beside tasks that block.

use super::echo;
use crate::load::{Client, MESSAGE};
use crate::measure::{Figures, Gate, Run, Usage, percentile};
use crate::rt::Rt;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// How long a task blocks its thread.
const BLOCK: Duration = Duration::from_millis(500);
/// Beat of the ticker beside blocked workers.
const TICK: Duration = Duration::from_millis(5);
/// Time for a runtime to come to rest before something is measured.
const SETTLE: Duration = Duration::from_millis(20);
/// Wakes from outside.
const WAKES: usize = 500;

/// A plain thread wakes a task every millisecond: from the wake to the poll.
pub fn wake_latency<R: Rt>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    let gate = Arc::new(Gate::default());
    let woken = Arc::new(Mutex::new(Instant::now()));
    let task = rt.spawn_outside({
        let (gate, woken) = (Arc::clone(&gate), Arc::clone(&woken));
        async move {
            let mut delays = Vec::new();
            for _ in 0..WAKES {
                gate.pass().await;
                let since = *woken.lock().unwrap();
                delays.push(since.elapsed());
            }
            delays
        }
    });
    let usage = Usage::now();
    for _ in 0..WAKES {
        thread::sleep(Duration::from_millis(1));
        *woken.lock().unwrap() = Instant::now();
        gate.open();
    }
    let delays = rt.block_on(async { R::join(task).await });
    delay_figures(&usage, delays)
}

/// The same between two plain threads.
pub fn wake_latency_limit(_: &Run) -> Figures {
    let (tx, rx) = std::sync::mpsc::channel::<Instant>();
    let usage = Usage::now();
    let sleeper = thread::spawn(move || rx.iter().map(|since| since.elapsed()).collect::<Vec<_>>());
    for _ in 0..WAKES {
        thread::sleep(Duration::from_millis(1));
        tx.send(Instant::now()).expect("the sleeper is gone");
    }
    drop(tx);
    delay_figures(&usage, sleeper.join().expect("the sleeper panicked"))
}

fn delay_figures(usage: &Usage, mut delays: Vec<Duration>) -> Figures {
    let mut figures = usage.cost().explain(WAKES as u64);
    delays.sort();
    figures.push(("p50", percentile(&delays, 0.5)));
    figures.push(("p99", percentile(&delays, 0.99)));
    figures
}

/// A task wakes another and then blocks its thread: when does the other run?
pub fn starvation_one<R: Rt>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    let delay = rt.on_worker(async {
        let gate = Arc::new(Gate::default());
        let woken = R::spawn({
            let gate = Arc::clone(&gate);
            async move {
                gate.pass().await;
                Instant::now()
            }
        });
        while !gate.is_awaited() {
            R::yield_now().await;
        }
        R::sleep(SETTLE).await;
        let since = Instant::now();
        gate.open();
        thread::sleep(BLOCK);
        R::join(woken).await - since
    });
    vec![("worst", delay.as_secs_f64())]
}

/// Every worker blocks: the worst beat of a ticker beside them.
pub fn starvation_all<R: Rt>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    let ticker = rt.spawn_outside(async {
        let (start, mut last, mut worst) = (Instant::now(), Instant::now(), Duration::ZERO);
        while start.elapsed() < SETTLE + BLOCK + SETTLE {
            R::sleep(TICK).await;
            worst = worst.max(last.elapsed());
            last = Instant::now();
        }
        worst.saturating_sub(TICK)
    });
    thread::sleep(SETTLE);
    let blockers: Vec<_> =
        (0..run.workers).map(|_| rt.spawn_outside(async { thread::sleep(BLOCK) })).collect();
    let worst = rt.block_on(async {
        for blocker in blockers {
            R::join(blocker).await;
        }
        R::join(ticker).await
    });
    vec![("worst", worst.as_secs_f64())]
}

/// The worker that polled for I/O blocks in the task that it found: the worst echo on another connection.
pub fn starvation_io<R: Rt>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    let server = echo::Server::start::<R>(&rt);
    let mut blocking = Client::connect(&server.address(), 1);
    let mut other = Client::connect(&server.address(), 1);
    blocking.round_trip(0);
    other.round_trip(0);
    thread::sleep(SETTLE);
    blocking.send(0, &[echo::BLOCK; MESSAGE]);
    let (start, mut worst) = (Instant::now(), Duration::ZERO);
    while start.elapsed() < BLOCK {
        thread::sleep(Duration::from_millis(1));
        worst = worst.max(other.round_trip(0));
    }
    vec![("worst", worst.as_secs_f64())]
}
