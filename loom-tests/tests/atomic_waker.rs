//! M12: one waker that is left on one side and called on the other.
#![cfg(loom)]

use loom::future::block_on;
use loom_tests::{expect_failure, model};
use runtime_core::primitive::atomic::{AtomicUsize, Ordering};
use runtime_core::primitive::{Arc, thread};
use runtime_core::sync::internals::{AtomicWaker, Fault, plant};
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

#[derive(Default)]
struct Shared {
    waker: AtomicWaker,
    events: AtomicUsize,
}

impl Shared {
    /// Waits until `count` events have happened. Nothing but the waker's word orders them.
    fn wait_for(&self, count: usize) {
        block_on(poll_fn(|cx| {
            self.waker.register(cx.waker());
            if self.events.load(Ordering::Relaxed) >= count { Poll::Ready(()) } else { Poll::Pending }
        }));
    }

    fn happen(&self) {
        self.events.fetch_add(1, Ordering::Relaxed);
        self.waker.wake();
    }
}

fn register_against_wake() {
    let shared = Arc::new(Shared::default());
    let other = shared.clone();
    let waking = thread::spawn(move || other.happen());
    shared.wait_for(1);
    waking.join().unwrap();
}

#[test]
fn a_wake_meets_a_registration() {
    model(register_against_wake);
}

#[test]
fn twin_misses_a_registration() {
    expect_failure("twin_misses_a_registration", "deadlock", || {
        plant(Fault::WakeMissesRegistration);
        register_against_wake();
    });
}

/// Two wake at the same time: one of them may find the cell in use, and must not be lost for that.
#[test]
fn two_wakes_meet_a_registration() {
    model(|| {
        let shared = Arc::new(Shared::default());
        let waking: Vec<_> = (0..2)
            .map(|_| {
                let other = shared.clone();
                thread::spawn(move || other.happen())
            })
            .collect();
        shared.wait_for(2);
        waking.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// The owner moves to another task: the waker that counts is the last one.
#[test]
fn a_wake_meets_a_change_of_wakers() {
    model(|| {
        let shared = Arc::new(Shared::default());
        shared.waker.register(Context::from_waker(Waker::noop()).waker());
        let other = shared.clone();
        let waking = thread::spawn(move || other.happen());
        shared.wait_for(1);
        waking.join().unwrap();
    });
}

/// Somebody takes the waker instead of waking it (as a receiver does when it goes) while another one wakes.
#[test]
fn a_take_meets_a_wake() {
    model(|| {
        let shared = Arc::new(Shared::default());
        shared.waker.register(Waker::noop());
        let other = shared.clone();
        let waking = thread::spawn(move || other.happen());
        drop(shared.waker.take());
        waking.join().unwrap();
        assert!(shared.waker.take().is_none(), "a waker was left twice");
    });
}
