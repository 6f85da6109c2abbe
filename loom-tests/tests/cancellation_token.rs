//! Cancellation tokens: nobody who waits, and no child, misses a cancellation.
#![cfg(loom)]

use loom::future::block_on;
use loom_tests::{expect_failure, model};
use runtime_core::primitive::atomic::{AtomicBool, Ordering};
use runtime_core::primitive::{Arc, thread};
use runtime_core::sync::CancellationToken;
use runtime_core::sync::internals::{Fault, plant};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

/// One waits for a child while the parent is cancelled, and sees what was done before.
fn wait_against_cancel() {
    let token = CancellationToken::new();
    let child = token.child_token();
    let said = Arc::new(AtomicBool::new(false));
    let saying = said.clone();
    let canceller = thread::spawn(move || {
        saying.store(true, Ordering::Relaxed);
        token.cancel();
    });
    block_on(child.cancelled());
    assert!(said.load(Ordering::Relaxed), "the cancellation came without what was done before it");
    canceller.join().unwrap();
}

#[test]
fn a_wait_meets_a_cancellation() {
    model(wait_against_cancel);
}

#[test]
fn twin_does_not_look_again() {
    expect_failure("twin_does_not_look_again", "deadlock", || {
        plant(Fault::CancelUnseen);
        wait_against_cancel();
    });
}

/// A child that is made while its parent is cancelled is cancelled too.
fn child_against_cancel() {
    let token = CancellationToken::new();
    let parent = token.clone();
    let canceller = thread::spawn(move || token.cancel());
    let grandchild = parent.child_token().child_token();
    canceller.join().unwrap();
    assert!(grandchild.is_cancelled(), "a child was forgotten");
}

#[test]
fn a_child_meets_a_cancellation() {
    model(child_against_cancel);
}

#[test]
fn twin_does_not_look_for_the_parent() {
    expect_failure("twin_does_not_look_for_the_parent", "a child was forgotten", || {
        plant(Fault::ParentUnseen);
        child_against_cancel();
    });
}

/// The token in between goes while the root is cancelled: who waits below hears of it.
#[test]
fn a_drop_meets_a_cancellation() {
    model(|| {
        let root = CancellationToken::new();
        let middle = root.child_token();
        let leaf = middle.child_token();
        let drops = thread::spawn(move || drop(middle));
        let cancels = thread::spawn(move || root.cancel());
        block_on(leaf.cancelled());
        drops.join().unwrap();
        cancels.join().unwrap();
    });
}

/// A wait that is given up while it is told leaves nothing behind, and another one hears of it.
#[test]
fn a_wait_given_up_meets_a_cancellation() {
    model(|| {
        let token = CancellationToken::new();
        let (first, second) = (token.clone(), token.clone());
        let gives_up = thread::spawn(move || {
            let _ = pin!(first.cancelled_owned()).poll(&mut Context::from_waker(Waker::noop()));
        });
        let cancels = thread::spawn(move || second.cancel());
        block_on(token.cancelled());
        gives_up.join().unwrap();
        cancels.join().unwrap();
    });
}
