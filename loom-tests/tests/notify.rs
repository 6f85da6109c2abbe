//! M10: notifications. One given to a waiter that goes away reaches another one.
#![cfg(loom)]

use loom::future::block_on;
use loom_tests::{expect_failure, model};
use runtime_core::primitive::atomic::{AtomicBool, Ordering};
use runtime_core::primitive::{Arc, thread};
use runtime_core::sync::Notify;
use runtime_core::sync::internals::{Fault, plant};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

/// One waits and gives up, one waits to the end, one notification comes.
fn cancel_against_notify() {
    let notify = Arc::new(Notify::new());
    let (first, second) = (notify.clone(), notify.clone());
    let gives_up = thread::spawn(move || {
        let taken = pin!(first.notified()).poll(&mut Context::from_waker(Waker::noop())).is_ready();
        if taken {
            // It was there before the poll, so it was received, and is given on by hand.
            first.notify_one();
        }
    });
    let waits = thread::spawn(move || block_on(second.notified()));
    notify.notify_one();
    gives_up.join().unwrap();
    waits.join().unwrap();
}

#[test]
fn a_cancel_meets_a_notification() {
    model(cancel_against_notify);
}

#[test]
fn twin_keeps_a_notification() {
    expect_failure("twin_keeps_a_notification", "deadlock", || {
        plant(Fault::NotificationKept);
        cancel_against_notify();
    });
}

/// The condition is looked at after the place was taken: nothing is missed, and what was written before the
/// notification is seen.
#[test]
fn enable_then_look() {
    model(|| {
        let shared = Arc::new((Notify::new(), AtomicBool::new(false)));
        let other = shared.clone();
        let thread = thread::spawn(move || {
            other.1.store(true, Ordering::Relaxed);
            other.0.notify_waiters();
        });
        let mut notified = pin!(shared.0.notified());
        notified.as_mut().enable();
        if !shared.1.load(Ordering::Relaxed) {
            block_on(notified);
            assert!(shared.1.load(Ordering::Relaxed), "the notification came without what it was about");
        }
        thread.join().unwrap();
    });
}

/// All who exist before `notify_waiters` get it, polled or not; the stored one goes to one only.
#[test]
fn all_meet_one() {
    model(|| {
        let notify = Arc::new(Notify::new());
        let notified = notify.notified();
        let (all, one) = (notify.clone(), notify.clone());
        let all = thread::spawn(move || all.notify_waiters());
        let one = thread::spawn(move || one.notify_one());
        block_on(notified);
        all.join().unwrap();
        one.join().unwrap();
    });
}

/// The only waiter goes away while all are being woken, and a notification is stored: the list that is found
/// empty does not take it along.
fn round_against_stored() {
    let notify = Arc::new(Notify::new());
    let all = notify.clone();
    let mut waits = Box::pin(notify.notified());
    assert!(!waits.as_mut().enable());
    let all = thread::spawn(move || all.notify_waiters());
    drop(waits);
    notify.notify_one();
    all.join().unwrap();
    assert!(pin!(notify.notified()).enable(), "the stored notification is gone");
}

#[test]
fn a_round_meets_a_stored_notification() {
    model(round_against_stored);
}

#[test]
fn twin_overwrites_a_stored_notification() {
    expect_failure("twin_overwrites_a_stored_notification", "the stored notification is gone", || {
        plant(Fault::NotifyWordOverwritten);
        round_against_stored();
    });
}
