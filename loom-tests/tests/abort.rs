//! M4: an abort against polls and wakes.
#![cfg(loom)]

use loom_tests::tasks::{Bed, Watched, result_of};
use loom_tests::{expect_failure, model};
use runtime_core::coop;
use runtime_core::internals::{Fault, plant};
use runtime_core::primitive::thread;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc as StdArc, Mutex as StdMutex};
use std::task::{Context, Poll, Waker};

/// Gives its waker away, asks for another poll, and then waits, or ends.
struct Yields {
    ends: bool,
    waker: StdArc<StdMutex<Option<Waker>>>,
    drops: StdArc<AtomicUsize>,
    /// Written at each poll and by the drop: loom sees two at a time.
    polls: Watched,
}

impl Yields {
    fn step(&self) -> usize {
        let step = self.polls.get() + 1;
        self.polls.set(step);
        step
    }
}

impl Future for Yields {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.step() {
            1 => *self.waker.lock().unwrap() = Some(cx.waker().clone()),
            2 => coop::yield_now(cx),
            _ if self.ends => return Poll::Ready(()),
            _ => {}
        }
        Poll::Pending
    }
}

impl Drop for Yields {
    fn drop(&mut self) {
        self.step();
        self.drops.fetch_add(1, Ordering::Relaxed);
    }
}

/// The task's third poll ends it, or it would wait for ever.
fn abort_against_wake_and_polls(ends: bool) {
    let waker = StdArc::new(StdMutex::new(None));
    let drops = StdArc::new(AtomicUsize::new(0));
    let polls = Watched::default();
    let (bed, handle) = Bed::of(Yields { ends, waker: waker.clone(), drops: drops.clone(), polls });
    bed.run();
    let waker = waker.lock().unwrap().take().expect("the task was polled");
    let abort = handle.abort_handle();
    let aborts = thread::spawn(move || abort.abort());
    let wakes = thread::spawn(move || waker.wake());
    bed.run();
    bed.run();
    aborts.join().unwrap();
    wakes.join().unwrap();
    bed.run();
    assert!(bed.is_empty(), "the abort was lost");
    assert_eq!(drops.load(Ordering::Relaxed), 1, "drops of the future");
    match result_of(handle) {
        Ok(()) => assert!(ends, "a task ended that never ends"),
        Err(error) => assert!(error.is_cancelled(), "{error}"),
    }
}

#[test]
fn an_abort_meets_a_wake_and_polls() {
    model(|| abort_against_wake_and_polls(false));
}

#[test]
fn an_abort_meets_the_end() {
    model(|| abort_against_wake_and_polls(true));
}

#[test]
fn twin_yields_blindly() {
    expect_failure("twin_yields_blindly", "polled without being scheduled", || {
        plant(Fault::YieldBlind);
        abort_against_wake_and_polls(false);
    });
}

/// Two abort while the task waits to be polled for the first time: its future is dropped once, unpolled or not.
#[test]
fn two_aborts_meet_the_start() {
    model(|| {
        let (waker, drops) = (StdArc::default(), StdArc::new(AtomicUsize::new(0)));
        let polls = Watched::default();
        let (bed, handle) = Bed::of(Yields { ends: false, waker, drops: drops.clone(), polls });
        let abort = handle.abort_handle();
        let aborts = thread::spawn(move || abort.abort());
        let runner = bed.clone();
        let runs = thread::spawn(move || runner.run());
        handle.abort();
        aborts.join().unwrap();
        runs.join().unwrap();
        bed.run();
        assert_eq!(drops.load(Ordering::Relaxed), 1, "drops of the future");
        assert!(result_of(handle).unwrap_err().is_cancelled());
    });
}
