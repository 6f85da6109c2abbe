//! Timers that never fire, and how late those are that do.

use crate::measure::{Figures, Run, Usage, percentile};
use crate::rt::Rt;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::{poll_fn, ready};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

/// Timers in a batch.
const BATCH: u64 = 10_000;
/// A deadline that is not reached.
const FAR: Duration = Duration::from_secs(1);
/// After so many operations a task gives way, before a budget of the runtime makes it.
const TURN: u64 = 32;
/// Timers that fire, and over which time.
const FIRING: u64 = 100_000;
const WINDOW: Duration = Duration::from_millis(500);

/// `count` time-outs around a future that is ready.
pub async fn timeouts<R: Rt>(count: u64) {
    for i in 0..count {
        assert!(R::timeout(FAR, ready(())).await.is_some());
        if i % TURN == 0 {
            R::yield_now().await;
        }
    }
}

/// Time-outs that never wait.
pub fn timeout_ready<R: Rt>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(BATCH, || rt.on_worker(timeouts::<R>(BATCH)))
}

/// `count` sleeps, polled once each and dropped.
pub async fn cancelled<R: Rt>(count: u64) {
    for i in 0..count {
        {
            let mut sleep = pin!(R::sleep(FAR));
            poll_fn(|cx| {
                assert!(sleep.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
        }
        if i % TURN == 0 {
            R::yield_now().await;
        }
    }
}

/// Sleeps that are polled once and dropped.
pub fn sleep_cancel<R: Rt>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(BATCH, || rt.on_worker(cancelled::<R>(BATCH)))
}

/// The `i`th of the delays of [`timers_fire`]: spread over the window, in no order.
fn delay(i: u64) -> Duration {
    // 7919 is a prime: the products modulo a round number go through every remainder.
    WINDOW.mul_f64((i * 7919 % FIRING) as f64 / FIRING as f64)
}

/// Tasks that sleep once each: how late they run.
pub fn timers_fire<R: Rt>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    rt.on_worker(async { R::sleep(Duration::from_millis(1)).await });
    let usage = Usage::now();
    let late = rt.on_worker(async {
        let sleeps = (0..FIRING).map(|i| {
            R::spawn(async move {
                let deadline = Instant::now() + delay(i);
                R::sleep(delay(i)).await;
                lateness(deadline)
            })
        });
        let mut late = Vec::new();
        for sleep in sleeps.collect::<Vec<_>>() {
            late.push(R::join(sleep).await);
        }
        late
    });
    overshoot(&usage, late)
}

/// The same with one thread and a heap.
pub fn timers_fire_limit(_: &Run) -> Figures {
    let usage = Usage::now();
    let mut heap: BinaryHeap<_> = (0..FIRING).map(|i| Reverse(Instant::now() + delay(i))).collect();
    let mut late = Vec::new();
    while let Some(&Reverse(deadline)) = heap.peek() {
        match deadline.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => std::thread::sleep(left),
            _ => {
                heap.pop();
                late.push(lateness(deadline));
            }
        }
    }
    overshoot(&usage, late)
}

fn lateness(deadline: Instant) -> Duration {
    Instant::now().checked_duration_since(deadline).expect("a timer fired early")
}

fn overshoot(usage: &Usage, mut late: Vec<Duration>) -> Figures {
    late.sort();
    let mut figures = usage.cost().explain(1);
    figures.push(("p50", percentile(&late, 0.5)));
    figures.push(("p99", percentile(&late, 0.99)));
    figures
}
