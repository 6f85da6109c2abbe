//! M10: condition variables. No notification falls between the lock and the queue, and one given to a wait that is
//! dropped reaches another one.
#![cfg(loom)]

use loom::future::block_on;
use loom_tests::{expect_failure, model};
use runtime_core::primitive::{Arc, thread};
use runtime_core::sync::internals::{Fault, plant};
use runtime_core::sync::{Condvar, Mutex};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

/// What is there to be taken, and the news of it.
type Shared = Arc<(Mutex<u32>, Condvar)>;

fn put(shared: &Shared) {
    *block_on(shared.0.lock()) += 1;
    shared.1.notify_one();
}

fn take(shared: &Shared) {
    block_on(async {
        let mut there = shared.1.wait_while(shared.0.lock().await, |there| *there == 0).await;
        *there -= 1;
    });
}

/// One puts, one takes. Whoever looked before it was put there is told.
fn put_against_take() {
    let shared = Shared::default();
    let other = shared.clone();
    let puts = thread::spawn(move || put(&other));
    take(&shared);
    puts.join().unwrap();
}

#[test]
fn a_wait_meets_a_notification() {
    model(put_against_take);
}

#[test]
fn twin_queues_up_after_it_has_released_the_lock() {
    expect_failure("twin_queues_up_after_it_has_released_the_lock", "deadlock", || {
        plant(Fault::ConditionQueuedLate);
        put_against_take();
    });
}

/// One waits and gives up at some point, one takes; one thing is put there.
fn give_up_against_put() {
    let shared = Shared::default();
    let (first, second) = (shared.clone(), shared.clone());
    let gives_up = thread::spawn(move || {
        let guard = block_on(first.0.lock());
        let mut wait = pin!(first.1.wait(guard));
        let mut cx = Context::from_waker(Waker::noop());
        if wait.as_mut().poll(&mut cx).is_ready() || wait.poll(&mut cx).is_ready() {
            // Received, and given on by hand.
            first.1.notify_one();
        }
    });
    let takes = thread::spawn(move || take(&second));
    put(&shared);
    gives_up.join().unwrap();
    takes.join().unwrap();
}

#[test]
fn a_dropped_wait_meets_a_notification() {
    model(give_up_against_put);
}

#[test]
fn twin_keeps_a_notification() {
    expect_failure("twin_keeps_a_notification", "deadlock", || {
        plant(Fault::ConditionKept);
        give_up_against_put();
    });
}
