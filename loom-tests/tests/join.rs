//! M3: the handle of a task against the task's end.
#![cfg(loom)]

use loom::future::block_on;
use loom_tests::tasks::Bed;
use loom_tests::{expect_failure, model};
use runtime_core::internals::{Fault, plant};
use runtime_core::primitive::{Arc, thread};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc as StdArc, Mutex as StdMutex};
use std::task::{Context, Poll, Wake, Waker};

/// Counts its drops, and loom finds it if it has none.
struct Output {
    drops: StdArc<AtomicUsize>,
    _watched: Arc<()>,
}

impl Output {
    fn new() -> (Output, StdArc<AtomicUsize>) {
        let drops = StdArc::new(AtomicUsize::new(0));
        (Output { drops: drops.clone(), _watched: Arc::new(()) }, drops)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Ordering::Relaxed);
    }
}

/// A join waker that loom finds if it is left.
struct Asks(#[expect(dead_code, reason = "loom looks whether it is dropped")] Arc<()>);

impl Wake for Asks {
    fn wake(self: StdArc<Self>) {}
}

fn poll<T>(handle: &mut (impl Future<Output = T> + Unpin), waker: &Waker) -> Poll<T> {
    Pin::new(handle).poll(&mut Context::from_waker(waker))
}

/// The task ends on one thread while its handle, which has been awaited, goes on another, and the last of its
/// wakers on a third.
fn all_go_at_once() {
    let (output, drops) = Output::new();
    let left = StdArc::new(StdMutex::new(None::<Waker>));
    let (waker, mut output) = (left.clone(), Some(output));
    let (bed, mut handle) = Bed::of(poll_fn(move |cx| {
        let mut waker = waker.lock().unwrap();
        if waker.is_none() {
            *waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(output.take())
    }));
    bed.run();
    let waker = left.lock().unwrap().clone().unwrap();
    waker.wake_by_ref();
    // The task keeps a cell with its waker: a circle, until it ends.
    drop(left);
    let asks = StdArc::new(Asks(Arc::new(())));
    assert!(poll(&mut handle, &Waker::from(asks.clone())).is_pending());
    let runs = thread::spawn(move || bed.run());
    let forgets = thread::spawn(move || drop(waker));
    drop(handle);
    runs.join().unwrap();
    forgets.join().unwrap();
    assert_eq!(drops.load(Ordering::Relaxed), 1, "drops of the output");
    assert_eq!(StdArc::strong_count(&asks), 1, "the join waker is left");
}

#[test]
fn task_handle_and_waker_go_at_once() {
    model(all_go_at_once);
}

#[test]
fn twin_drops_the_join_waker_under_the_completer() {
    expect_failure("twin_drops_the_join_waker_under_the_completer", "Causality violation", || {
        plant(Fault::WakerDroppedLate);
        all_go_at_once();
    });
}

/// The handle is awaited while the task ends.
fn await_against_end() {
    let (output, drops) = Output::new();
    let (bed, handle) = Bed::of(async move { output });
    let runs = thread::spawn(move || bed.run());
    let output = block_on(handle).unwrap();
    assert_eq!(drops.load(Ordering::Relaxed), 0);
    drop(output);
    runs.join().unwrap();
    assert_eq!(drops.load(Ordering::Relaxed), 1, "drops of the output");
}

#[test]
fn an_await_meets_the_end() {
    model(await_against_end);
}

#[test]
fn twin_overlooks_the_end_when_it_leaves_its_waker() {
    expect_failure("twin_overlooks_the_end_when_it_leaves_its_waker", "deadlock", || {
        plant(Fault::EndUnseenBySet);
        await_against_end();
    });
}

/// The handle changes its waker while the task ends: the last one is woken.
fn another_waker_against_end() {
    let (bed, mut handle) = Bed::of(async { 7 });
    let asks = Waker::from(StdArc::new(Asks(Arc::new(()))));
    assert!(poll(&mut handle, &asks).is_pending());
    let runs = thread::spawn(move || bed.run());
    assert_eq!(block_on(handle).unwrap(), 7);
    runs.join().unwrap();
}

#[test]
fn another_waker_meets_the_end() {
    model(another_waker_against_end);
}

#[test]
fn twin_overlooks_the_end_when_it_takes_its_waker_back() {
    expect_failure("twin_overlooks_the_end_when_it_takes_its_waker_back", "Causality violation", || {
        plant(Fault::EndUnseenByUnset);
        another_waker_against_end();
    });
}

/// The handle goes while the task starts and ends: either of them drops the output, and one frees the cell.
#[test]
fn a_drop_meets_the_start() {
    model(|| {
        let (output, drops) = Output::new();
        let (bed, handle) = Bed::of(async move { output });
        let runs = thread::spawn(move || bed.run());
        drop(handle);
        runs.join().unwrap();
        assert_eq!(drops.load(Ordering::Relaxed), 1, "drops of the output");
    });
}
