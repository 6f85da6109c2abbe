//! The broadcast channel: every receiver gets every value or is told what it missed, one thread at a time is in a
//! value, every value is dropped once, and nobody sleeps while there is something for it.
#![cfg(loom)]

use loom::future::block_on;
use loom_tests::{expect_failure, model};
use runtime_core::primitive::{Arc, UnsafeCell, thread};
use runtime_core::sync::broadcast::error::{RecvError, TryRecvError};
use runtime_core::sync::broadcast::{self, Receiver};
use runtime_core::sync::internals::{Fault, plant};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

/// A value that loom misses if it is leaked, and in which it sees two threads at a time.
struct Value {
    number: usize,
    touched: UnsafeCell<()>,
    _leaks: Arc<()>,
}

fn value(number: usize) -> Value {
    Value { number, touched: UnsafeCell::new(()), _leaks: Arc::new(()) }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        // As a write, although there is nothing to be written: loom sees who else is here.
        self.touched.with_mut(|_| ());
        Value { number: self.number, touched: UnsafeCell::new(()), _leaks: self._leaks.clone() }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.touched.with_mut(|_| ());
    }
}

fn number(value: Value) -> usize {
    value.number
}

/// What a receiver gets until the end; misses count as what they are.
fn listen(mut rx: Receiver<Value>) -> (Vec<usize>, u64) {
    let (mut got, mut missed) = (Vec::new(), 0);
    loop {
        match block_on(rx.recv()) {
            Ok(value) => got.push(value.number),
            Err(RecvError::Lagged(count)) => missed += count,
            Err(RecvError::Closed) => return (got, missed),
        }
    }
}

fn receive_against_send() {
    let (tx, mut rx) = broadcast::channel(2);
    let sender = thread::spawn(move || {
        assert!(tx.send(value(1)).is_ok());
        tx
    });
    assert_eq!(block_on(rx.recv()).map(number), Ok(1));
    drop(sender.join().unwrap());
}

#[test]
fn a_receive_meets_a_send() {
    model(receive_against_send);
}

#[test]
fn twin_queues_late() {
    expect_failure("twin_queues_late", "deadlock", || {
        plant(Fault::BroadcastQueuesLate);
        receive_against_send();
    });
}

#[test]
fn a_receive_meets_a_value_and_the_end() {
    model(|| {
        let (tx, rx) = broadcast::channel(2);
        let sender = thread::spawn(move || assert!(tx.send(value(1)).is_ok()));
        assert_eq!(listen(rx), (vec![1], 0));
        sender.join().unwrap();
    });
}

fn two_clones_of_a_value() {
    let (tx, mut rx) = broadcast::channel(2);
    // A third one, so that both have to clone.
    let (mut other, third) = (tx.subscribe(), tx.subscribe());
    assert!(tx.send(value(1)).is_ok());
    let receiver = thread::spawn(move || other.try_recv().map(number));
    assert_eq!(rx.try_recv().map(number), Ok(1));
    assert_eq!(receiver.join().unwrap(), Ok(1));
    drop(third);
}

#[test]
fn two_receivers_meet_in_a_value() {
    model(two_clones_of_a_value);
}

#[test]
fn twin_locks_no_slot() {
    expect_failure("twin_locks_no_slot", "panicked", || {
        plant(Fault::BroadcastUnlocked);
        two_clones_of_a_value();
    });
}

/// The last two receivers of a value: one clones it, the other one gets it.
#[test]
fn the_last_receiver_meets_the_one_before() {
    model(|| {
        let (tx, mut rx) = broadcast::channel(2);
        let mut other = tx.subscribe();
        assert!(tx.send(value(1)).is_ok());
        let receiver = thread::spawn(move || other.try_recv().map(number));
        assert_eq!(rx.try_recv().map(number), Ok(1));
        assert_eq!(receiver.join().unwrap(), Ok(1));
        assert!(tx.is_empty());
    });
}

/// The sender comes around while a receiver is at the oldest value.
fn overwrite_against_receive() {
    let (tx, mut rx) = broadcast::channel(1);
    assert!(tx.send(value(1)).is_ok());
    let sender = thread::spawn(move || {
        assert!(tx.send(value(2)).is_ok());
        tx
    });
    match rx.try_recv().map(number) {
        Ok(first) => {
            assert_eq!(first, 1, "the wrong value");
            assert_eq!(block_on(rx.recv()).map(number), Ok(2));
        }
        Err(missed) => {
            assert_eq!(missed, TryRecvError::Lagged(1));
            assert_eq!(rx.try_recv().map(number), Ok(2));
        }
    }
    drop(sender.join().unwrap());
}

#[test]
fn a_receive_meets_an_overwriting_send() {
    model(overwrite_against_receive);
}

#[test]
fn twin_does_not_look_what_it_is_in() {
    expect_failure("twin_does_not_look_what_it_is_in", "panicked", || {
        plant(Fault::BroadcastUnchecked);
        overwrite_against_receive();
    });
}

/// One slot: it is filled after its value was received, or over it.
#[test]
fn a_slot_is_used_again() {
    model(|| {
        let (tx, mut rx) = broadcast::channel(1);
        let sender = thread::spawn(move || {
            assert!(tx.send(value(1)).is_ok());
            assert!(tx.send(value(2)).is_ok());
            tx
        });
        let first = rx.try_recv().map(number);
        let tx = sender.join().unwrap();
        match first {
            Ok(first) => assert!(first == 1 && rx.try_recv().map(number) == Ok(2)),
            Err(TryRecvError::Lagged(1)) => assert_eq!(rx.try_recv().map(number), Ok(2)),
            Err(other) => {
                assert_eq!(other, TryRecvError::Empty);
                assert_eq!(rx.try_recv().map(number), Err(TryRecvError::Lagged(1)));
            }
        }
        drop(tx);
    });
}

/// A receiver goes with a value unread that is just being overwritten.
#[test]
fn a_leaving_receiver_meets_an_overwriting_send() {
    model(|| {
        let (tx, mut rx) = broadcast::channel(1);
        let goes = tx.subscribe();
        assert!(tx.send(value(1)).is_ok());
        let leaver = thread::spawn(move || drop(goes));
        assert!(tx.send(value(2)).is_ok());
        assert_eq!(rx.try_recv().map(number), Err(TryRecvError::Lagged(1)));
        assert_eq!(rx.try_recv().map(number), Ok(2));
        leaver.join().unwrap();
        assert!(tx.is_empty());
    });
}

#[test]
fn two_senders_meet_a_receiver() {
    model(|| {
        let (tx, rx) = broadcast::channel(2);
        let senders = [(tx.clone(), 1), (tx, 2)]
            .map(|(tx, number)| thread::spawn(move || assert!(tx.send(value(number)).is_ok())));
        let (mut got, missed) = listen(rx);
        got.sort_unstable();
        assert_eq!((got, missed), (vec![1, 2], 0));
        for sender in senders {
            sender.join().unwrap();
        }
    });
}

#[test]
fn a_dropped_wait_meets_a_send() {
    model(|| {
        let (tx, mut rx) = broadcast::channel(2);
        let sender = thread::spawn(move || {
            assert!(tx.send(value(1)).is_ok());
            tx
        });
        let got = {
            let mut recv = pin!(rx.recv());
            recv.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
        };
        if !got {
            assert_eq!(block_on(rx.recv()).map(number), Ok(1));
        }
        drop(sender.join().unwrap());
    });
}

/// Who subscribes while something is sent gets it, or does not count for it.
#[test]
fn a_subscription_meets_a_send() {
    model(|| {
        let (tx, rx) = broadcast::channel(2);
        let sender = tx.clone();
        let sending = thread::spawn(move || sender.send(value(1)).map_err(|_| ()).unwrap());
        let late = tx.subscribe();
        drop(tx);
        let count = sending.join().unwrap();
        assert_eq!(listen(late).0.len(), count - 1);
        assert_eq!(listen(rx).0.len(), 1);
    });
}

#[test]
fn a_sender_that_waits_for_the_end_meets_the_last_receiver() {
    model(|| {
        let (tx, rx) = broadcast::channel(1);
        assert!(tx.send(value(1)).is_ok());
        let receiver = thread::spawn(move || drop(rx));
        block_on(tx.closed());
        assert!(tx.send(value(2)).is_err());
        receiver.join().unwrap();
    });
}

#[test]
fn an_upgrade_meets_the_last_sender() {
    model(|| {
        let (tx, rx) = broadcast::channel(1);
        let weak = tx.downgrade();
        let upgrade =
            thread::spawn(move || weak.upgrade().map(|tx| assert!(tx.send(value(1)).is_ok())).is_some());
        drop(tx);
        let (got, _) = listen(rx);
        assert_eq!(!got.is_empty(), upgrade.join().unwrap());
    });
}
