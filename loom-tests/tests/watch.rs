//! The watch channel: no change is missed by who waits, nobody looks at a value that is being changed, and
//! nobody waits for a lock that is free.
#![cfg(loom)]

use loom::future::block_on;
use loom_tests::{expect_failure, model};
use runtime_core::primitive::thread;
use runtime_core::sync::internals::{Fault, plant};
use runtime_core::sync::watch;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

fn noop() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn wait_against_send() {
    let (tx, mut rx) = watch::channel(0);
    let sender = thread::spawn(move || {
        tx.send(1).unwrap();
        tx
    });
    block_on(rx.changed()).unwrap();
    assert_eq!(*rx.borrow(), 1);
    drop(sender.join().unwrap());
}

#[test]
fn a_wait_meets_a_send() {
    model(wait_against_send);
}

#[test]
fn twin_queues_without_a_look() {
    expect_failure("twin_queues_without_a_look", "deadlock", || {
        plant(Fault::WatchUnchecked);
        wait_against_send();
    });
}

/// The first waiter sets the flag; the second one finds it set, or finds it cleared again.
fn second_wait_against_send() {
    let (tx, mut rx) = watch::channel(0);
    let mut first = rx.clone();
    let mut changed = Box::pin(async move { first.changed().await });
    assert!(changed.as_mut().poll(&mut noop()).is_pending());
    let sender = thread::spawn(move || {
        tx.send(1).unwrap();
        tx
    });
    block_on(rx.changed()).unwrap();
    let tx = sender.join().unwrap();
    block_on(changed).unwrap();
    drop(tx);
}

#[test]
fn a_second_wait_meets_a_send() {
    model(second_wait_against_send);
}

#[test]
fn twin_looks_before_the_lock() {
    expect_failure("twin_looks_before_the_lock", "deadlock", || {
        plant(Fault::WatchLooksEarly);
        second_wait_against_send();
    });
}

/// A sender that has to wake somebody for one version wakes who waits for the next one already: it waits on.
#[test]
fn a_wait_that_is_woken_for_nothing_waits_on() {
    model(|| {
        let (tx, mut rx) = watch::channel(0);
        let mut first = rx.clone();
        let mut changed = Box::pin(async move { first.changed().await });
        assert!(changed.as_mut().poll(&mut noop()).is_pending());
        let sender = thread::spawn(move || tx.send(1).unwrap());
        block_on(rx.changed()).unwrap();
        assert!(block_on(rx.changed()).is_err(), "there was no other version");
        sender.join().unwrap();
    });
}

#[test]
fn a_wait_meets_the_last_sender() {
    model(|| {
        let (tx, mut rx) = watch::channel(0);
        let other = tx.clone();
        let sender = thread::spawn(move || {
            other.send(1).unwrap();
            drop(other);
        });
        drop(tx);
        block_on(rx.changed()).unwrap();
        assert_eq!(*rx.borrow(), 1);
        assert!(block_on(rx.changed()).is_err());
        sender.join().unwrap();
    });
}

/// One waiter goes while all are woken; the other is woken all the same.
#[test]
fn a_dropped_wait_meets_a_send() {
    model(|| {
        let (tx, mut rx) = watch::channel(0);
        let mut goes = rx.clone();
        let leaver = thread::spawn(move || {
            let mut changed = pin!(goes.changed());
            let _ = changed.as_mut().poll(&mut noop());
        });
        let sender = thread::spawn(move || {
            tx.send(1).unwrap();
            tx
        });
        block_on(rx.changed()).unwrap();
        leaver.join().unwrap();
        drop(sender.join().unwrap());
    });
}

/// Two senders and one who waits until it has seen both.
#[test]
fn wait_for_meets_two_senders() {
    model(|| {
        let (tx, mut rx) = watch::channel(0);
        let other = tx.clone();
        let sender = thread::spawn(move || other.send_modify(|value| *value += 1));
        tx.send_modify(|value| *value += 1);
        assert_eq!(*block_on(rx.wait_for(|value| *value == 2)).unwrap(), 2);
        sender.join().unwrap();
    });
}

fn borrow_against_send() {
    let (tx, rx) = watch::channel(0);
    let sender = thread::spawn(move || tx.send_modify(|value| *value = 1));
    assert!(*rx.borrow() <= 1);
    sender.join().unwrap();
    assert_eq!(*rx.borrow(), 1);
}

#[test]
fn a_borrow_meets_a_send() {
    model(borrow_against_send);
}

#[test]
fn twin_looks_while_it_is_changed() {
    expect_failure("twin_looks_while_it_is_changed", "panicked", || {
        plant(Fault::WatchReadsWhileWritten);
        borrow_against_send();
    });
}

#[test]
fn twin_waits_in_silence() {
    expect_failure("twin_waits_in_silence", "deadlock", || {
        plant(Fault::WatchParksSilently);
        borrow_against_send();
    });
}

/// Two writers and a reader: each may have to wait for each.
#[test]
fn three_meet_at_the_lock() {
    model(|| {
        let (tx, rx) = watch::channel(0);
        let senders = [tx.clone(), tx].map(|tx| thread::spawn(move || tx.send_modify(|value| *value += 1)));
        assert!(*rx.borrow() <= 2);
        for sender in senders {
            sender.join().unwrap();
        }
        assert_eq!(*rx.borrow(), 2);
    });
}

/// A thread that holds a borrow takes another one while a sender waits for the first.
fn nested_borrow_against_send() {
    let (tx, rx) = watch::channel(0);
    let first = rx.borrow();
    let sender = thread::spawn(move || tx.send_modify(|value| *value = 1));
    let second = rx.borrow();
    assert_eq!((*first, *second), (0, 0));
    drop(first);
    drop(second);
    sender.join().unwrap();
}

#[test]
fn a_nested_borrow_meets_a_send() {
    model(nested_borrow_against_send);
}

#[test]
fn twin_lets_a_nested_borrow_queue() {
    expect_failure("twin_lets_a_nested_borrow_queue", "deadlock", || {
        plant(Fault::WatchQueuesNested);
        nested_borrow_against_send();
    });
}

#[test]
fn a_sender_that_waits_for_the_end_meets_the_last_receivers() {
    model(|| {
        let (tx, rx) = watch::channel(0);
        let other = rx.clone();
        let receiver = thread::spawn(move || drop(other));
        let last = thread::spawn(move || drop(rx));
        block_on(tx.closed());
        assert!(tx.is_closed() && tx.send(1).is_err());
        receiver.join().unwrap();
        last.join().unwrap();
    });
}
