//! M10: barriers. All go on, one of them leads, and who gives up does not count.
#![cfg(loom)]

use loom::future::block_on;
use loom_tests::{expect_failure, model};
use runtime_core::primitive::atomic::{AtomicUsize, Ordering};
use runtime_core::primitive::{Arc, thread};
use runtime_core::sync::Barrier;
use runtime_core::sync::internals::{Fault, plant};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

/// Two go round twice: what one did before a round is seen by the other after it.
#[test]
fn two_go_round_twice() {
    model(|| {
        let shared = Arc::new((Barrier::new(2), AtomicUsize::new(0)));
        let go = |shared: &(Barrier, AtomicUsize)| {
            let mut leads = 0;
            for round in 1..=2 {
                shared.1.fetch_add(1, Ordering::Relaxed);
                leads += usize::from(block_on(shared.0.wait()).is_leader());
                assert!(shared.1.load(Ordering::Relaxed) >= 2 * round, "one went on too early");
            }
            leads
        };
        let other = shared.clone();
        let thread = thread::spawn(move || go(&other));
        let leads = go(&shared);
        assert_eq!(leads + thread.join().unwrap(), 2);
    });
}

/// Two come and give up, one comes and stays.
fn come_and_go() {
    let barrier = Arc::new(Barrier::new(4));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let barrier = barrier.clone();
            thread::spawn(move || {
                assert!(pin!(barrier.wait()).poll(&mut Context::from_waker(Waker::noop())).is_pending());
            })
        })
        .collect();
    let mut stays = pin!(barrier.wait());
    assert!(stays.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(
        format!("{:?}", *barrier),
        "Barrier { parties: 4, arrived: 1 }",
        "who is here was counted wrongly"
    );
}

#[test]
fn waits_are_dropped_while_others_come() {
    model(come_and_go);
}

#[test]
fn twin_counts_who_gave_up() {
    expect_failure("twin_counts_who_gave_up", "counted wrongly", || {
        plant(Fault::PlaceKept);
        come_and_go();
    });
}

/// One is dropped while the other comes: it was in the round, or it was not, and then its place is free.
#[test]
fn a_dropped_wait_meets_the_last_to_come() {
    model(|| {
        let barrier = Arc::new(Barrier::new(2));
        let other = barrier.clone();
        let goes = thread::spawn(move || {
            pin!(other.wait()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
        });
        let mut stays = pin!(barrier.wait());
        let passes = stays.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        let leads_there = goes.join().unwrap();
        if passes {
            return;
        }
        // Still here: the other one came and passed, or it was gone before.
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(stays.poll(&mut cx).is_ready(), leads_there);
    });
}

#[test]
fn an_abort_meets_a_wait() {
    model(|| {
        let barrier = Arc::new(Barrier::new(2));
        let other = barrier.clone();
        let aborts = thread::spawn(move || other.abort());
        assert!(block_on(barrier.wait()).is_broken());
        aborts.join().unwrap();
        assert!(block_on(barrier.wait()).is_broken());
    });
}
