//! The oneshot channel.

mod sync_support;

use futures::executor::block_on;
use runtime_core::sync::oneshot::{self, error::RecvError, error::TryRecvError};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use sync_support::{Polled, within_bounds};

#[test]
fn a_value_arrives() {
    let (tx, rx) = oneshot::channel();
    let mut rx = Polled::new(rx);
    rx.pending();
    tx.send(1).unwrap();
    assert_eq!(rx.wakes(), 1);
    assert_eq!(rx.ready(), Ok(1));

    let (tx, rx) = oneshot::channel();
    tx.send(2).unwrap();
    assert_eq!(block_on(rx), Ok(2));
}

#[test]
fn a_dropped_sender_says_so() {
    let (tx, rx) = oneshot::channel::<()>();
    let mut rx = Polled::new(rx);
    rx.pending();
    drop(tx);
    assert_eq!(rx.wakes(), 1);
    let error = rx.ready().unwrap_err();
    assert_eq!(error.to_string(), "channel closed");
}

#[test]
fn try_recv_looks_without_waiting() {
    let (tx, mut rx) = oneshot::channel();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert!(rx.is_empty() && !rx.is_terminated());
    tx.send(1).unwrap();
    assert!(!rx.is_empty());
    assert_eq!(rx.try_recv(), Ok(1));
    assert!(rx.is_empty() && rx.is_terminated());
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));

    let (tx, mut rx) = oneshot::channel::<()>();
    drop(tx);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn a_finished_receiver_panics_when_polled() {
    let (tx, rx) = oneshot::channel();
    tx.send(()).unwrap();
    let mut rx = Polled::new(rx);
    rx.ready().unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| rx.poll())).is_err());
}

/// Promise 45.
#[test]
fn a_value_for_nobody_comes_back() {
    let (tx, mut rx) = oneshot::channel();
    rx.close();
    assert!(tx.is_closed());
    assert_eq!(tx.send(1), Err(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));

    let (tx, rx) = oneshot::channel();
    drop(rx);
    assert_eq!(tx.send(2), Err(2));
}

#[test]
fn a_close_after_the_value_takes_nothing_away() {
    let (tx, mut rx) = oneshot::channel();
    tx.send(1).unwrap();
    rx.close();
    assert_eq!(block_on(rx), Ok(1));

    let (tx, mut rx) = oneshot::channel::<()>();
    rx.close();
    rx.close();
    assert_eq!(block_on(&mut rx), Err(RecvErrorProbe::get()));
    drop(tx);
}

/// The only way to a `RecvError` from outside.
struct RecvErrorProbe;

impl RecvErrorProbe {
    fn get() -> RecvError {
        let (tx, rx) = oneshot::channel::<()>();
        drop(tx);
        block_on(rx).unwrap_err()
    }
}

#[test]
fn the_sender_learns_that_nobody_waits() {
    let (mut tx, rx) = oneshot::channel::<()>();
    let mut closed = Polled::new(tx.closed());
    closed.pending();
    closed.pending();
    drop(rx);
    assert_eq!(closed.wakes(), 1);
    closed.ready();
    drop(closed);
    block_on(tx.closed());

    let (mut tx, mut rx) = oneshot::channel::<()>();
    let mut first = Polled::new(poll_fn(|cx| tx.poll_closed(cx)));
    first.pending();
    let old = first.wakes.clone();
    drop(first);
    let mut second = Polled::new(tx.closed());
    second.pending();
    rx.close();
    assert_eq!((old.get(), second.wakes()), (0, 1));
    second.ready();
}

#[test]
fn what_is_not_received_is_dropped_once() {
    let value = Arc::new(());
    let (tx, rx) = oneshot::channel();
    tx.send(value.clone()).unwrap();
    drop(rx);
    assert_eq!(Arc::strong_count(&value), 1);

    let (tx, mut rx) = oneshot::channel();
    tx.send(value.clone()).unwrap();
    rx.close();
    drop(rx);
    assert_eq!(Arc::strong_count(&value), 1);
}

/// A value whose destructor panics takes nothing with it: the receiver's drop goes through.
#[test]
fn a_panic_in_the_values_destructor_stays_there() {
    struct Bomb(#[expect(dead_code, reason = "held, not read")] Arc<()>);
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("bomb");
        }
    }
    let held = Arc::new(());
    let (tx, rx) = oneshot::channel();
    assert!(tx.send(Bomb(held.clone())).is_ok());
    drop(rx);
    assert_eq!(Arc::strong_count(&held), 1);
}

/// Two tasks that hold each other's wakers must not live for ever: each end lets go of its own.
#[test]
fn a_dropped_receiver_drops_its_waker() {
    let (tx, rx) = oneshot::channel::<()>();
    let mut rx = Polled::new(rx);
    rx.pending();
    let wakes = rx.wakes.clone();
    drop(rx);
    assert_eq!(Arc::strong_count(&wakes), 1, "the sender keeps the waker of a receiver that is gone");
    drop(tx);
}

#[test]
fn threads_send_and_receive() {
    within_bounds(|| {
        for round in 0..2000 {
            let (tx, rx) = oneshot::channel();
            let sender = thread::spawn(move || tx.send(round).is_ok());
            if round % 3 == 0 {
                drop(rx);
                let _ = sender.join().unwrap();
            } else {
                assert_eq!(rx.blocking_recv(), Ok(round));
                assert!(sender.join().unwrap());
            }
        }
    });
}
