//! Promises: what is decided reaches everybody who waits.
#![cfg(loom)]

use loom::future::block_on;
use loom_tests::tasks::Watched;
use loom_tests::{expect_failure, model};
use runtime_core::primitive::{Arc, thread};
use runtime_core::sync::internals::{Fault, plant};
use runtime_core::sync::promise;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};

/// One decides, one waits and one looks once.
fn set_against_waits() {
    let (promise, future) = promise();
    let mut looks = future.clone();
    let waits = thread::spawn(move || block_on(future));
    let looks = thread::spawn(move || {
        let _ = Pin::new(&mut looks).poll(&mut Context::from_waker(Waker::noop()));
    });
    let value = Watched::default();
    value.set(1);
    assert!(promise.set(value).is_ok());
    let got = waits.join().unwrap().unwrap();
    assert_eq!(got.get(), 1);
    looks.join().unwrap();
}

#[test]
fn a_decision_meets_waits() {
    model(set_against_waits);
}

#[test]
fn twin_queues_without_looking_again() {
    expect_failure("twin_queues_without_looking_again", "deadlock", || {
        plant(Fault::PromiseUnchecked);
        set_against_waits();
    });
}

/// Two want to decide, the one with a value and the other without; all see the same, and nothing leaks.
#[test]
fn a_decision_meets_a_cancel() {
    model(|| {
        let (promise, future) = promise();
        let waits = thread::spawn(move || block_on(future.clone()) == block_on(future));
        let decides = Arc::new(promise);
        let other = decides.clone();
        let cancels = thread::spawn(move || other.cancel());
        let was_set = decides.set(1).is_ok();
        assert!(was_set != cancels.join().unwrap(), "both or neither decided");
        assert!(waits.join().unwrap(), "one saw another decision than the other");
    });
}
