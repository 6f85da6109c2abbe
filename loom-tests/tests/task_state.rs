//! M2: the word of a task, wakes against polls.
#![cfg(loom)]

use loom_tests::tasks::{Bed, Watched, result_of};
use loom_tests::{expect_failure, model};
use runtime_core::internals::{Fault, plant};
use runtime_core::primitive::atomic::{AtomicUsize, Ordering};
use runtime_core::primitive::{Arc, thread};
use std::future::poll_fn;
use std::sync::{Arc as StdArc, Mutex as StdMutex};
use std::task::{Poll, Waker};

/// Where the first poll leaves the task's waker. Not the seam's: no part of the model.
type Left = StdArc<StdMutex<Option<Waker>>>;

fn taken(left: &Left) -> Waker {
    left.lock().unwrap().take().expect("the task was polled")
}

/// Two threads set a flag each and wake; the task waits for both. The flags order nothing: that is the
/// wakes' part.
fn two_wakers_against_polls() {
    let flags = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let left = Left::default();
    let (seen, waker) = (flags.clone(), left.clone());
    let (bed, handle) = Bed::of(poll_fn(move |cx| {
        waker.lock().unwrap().get_or_insert_with(|| cx.waker().clone());
        let all = seen.iter().all(|flag| flag.load(Ordering::Relaxed) == 1);
        if all { Poll::Ready(()) } else { Poll::Pending }
    }));
    bed.run();
    let waker = taken(&left);
    let threads = [0, 1].map(|which| {
        let (flags, waker) = (flags.clone(), waker.clone());
        thread::spawn(move || {
            flags[which].store(1, Ordering::Relaxed);
            waker.wake();
        })
    });
    drop(waker);
    bed.run();
    bed.run();
    for thread in threads {
        thread.join().unwrap();
    }
    bed.run();
    result_of(handle).unwrap();
}

#[test]
fn two_wakers_meet_polls() {
    model(two_wakers_against_polls);
}

#[test]
fn twin_skips_a_wake() {
    expect_failure("twin_skips_a_wake", "a wake was lost", || {
        plant(Fault::WakeSkipped);
        two_wakers_against_polls();
    });
}

/// A thread starts in the course of the first poll, writes, and wakes. The second poll, which is because of
/// that wake, reads.
fn a_write_before_a_wake() {
    let payload = Watched::default();
    let writer = StdArc::new(StdMutex::new(None));
    let (written, started) = (payload.clone(), writer.clone());
    let mut is_first = true;
    let (bed, handle) = Bed::of(poll_fn(move |cx| {
        if std::mem::take(&mut is_first) {
            let (payload, waker) = (written.clone(), cx.waker().clone());
            let thread = thread::spawn(move || {
                payload.set(7);
                waker.wake();
            });
            *started.lock().unwrap() = Some(thread);
            return Poll::Pending;
        }
        Poll::Ready(written.get())
    }));
    bed.run();
    bed.run();
    let thread = writer.lock().unwrap().take().expect("the task was polled");
    thread.join().unwrap();
    bed.run();
    assert_eq!(result_of(handle).unwrap(), 7);
}

#[test]
fn a_poll_sees_what_came_before_its_wake() {
    model(a_write_before_a_wake);
}

#[test]
fn twin_wakes_without_order() {
    expect_failure("twin_wakes_without_order", "Causality violation", || {
        plant(Fault::WakeUnordered);
        a_write_before_a_wake();
    });
}

/// The last waker goes on one thread while the task ends on another: the cell is freed once, by whoever is last.
#[test]
fn a_waker_may_outlive_its_task() {
    model(|| {
        let left = Left::default();
        let (waker, owned) = (left.clone(), Watched::default());
        let watched = owned.clone();
        let (bed, handle) = Bed::of(poll_fn(move |cx| {
            owned.set(owned.get() + 1);
            let mut waker = waker.lock().unwrap();
            if waker.is_some() {
                return Poll::Ready(());
            }
            *waker = Some(cx.waker().clone());
            Poll::Pending
        }));
        drop(handle);
        bed.run();
        let waker = taken(&left);
        *left.lock().unwrap() = Some(Waker::noop().clone());
        let late = waker.clone();
        waker.wake();
        let runs = thread::spawn(move || bed.run());
        late.wake_by_ref();
        drop(late);
        runs.join().unwrap();
        assert_eq!(watched.get(), 2, "polls");
        assert_eq!(watched.holders(), 1, "the future was not dropped");
    });
}
