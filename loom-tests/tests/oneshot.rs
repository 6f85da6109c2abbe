//! The oneshot channel: the value is received once, or comes back, or is dropped with the channel.
#![cfg(loom)]

use loom::future::block_on;
use loom_tests::{expect_failure, model};
use runtime_core::primitive::{Arc, thread};
use runtime_core::sync::internals::{Fault, plant};
use runtime_core::sync::oneshot;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Waker};

/// A value that loom misses if it is leaked, and that panics if it is dropped twice.
type Value = Arc<()>;

fn noop() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn receive_against_send() {
    let (tx, rx) = oneshot::channel();
    let sender = thread::spawn(move || tx.send(Value::new(())).unwrap());
    assert!(block_on(rx).is_ok());
    sender.join().unwrap();
}

#[test]
fn a_receive_meets_a_send() {
    model(receive_against_send);
}

#[test]
fn twin_does_not_look_again() {
    expect_failure("twin_does_not_look_again", "deadlock", || {
        plant(Fault::OneshotUnchecked);
        receive_against_send();
    });
}

/// RUSTSEC-2021-0124: the receiver polls, closes and looks once more, while the sender asks whether the
/// channel was closed, and sends.
fn close_against_send() {
    let (mut tx, mut rx) = oneshot::channel();
    let sender = thread::spawn(move || {
        let _ = tx.poll_closed(&mut noop());
        tx.send(Value::new(())).is_err()
    });
    let mut received = usize::from(Pin::new(&mut rx).poll(&mut noop()).is_ready());
    if received == 0 {
        rx.close();
        received = usize::from(rx.try_recv().is_ok());
    }
    let came_back = usize::from(sender.join().unwrap());
    assert_eq!(received + came_back, 1, "a value was lost or doubled");
}

#[test]
fn a_close_meets_a_send() {
    model(close_against_send);
}

#[test]
fn twin_sends_into_a_closed_channel() {
    // Caught as a lost value, or as both ends in one cell.
    expect_failure("twin_sends_into_a_closed_channel", "panicked", || {
        plant(Fault::OneshotSendsClosed);
        close_against_send();
    });
}

#[test]
fn a_drop_meets_a_send() {
    model(|| {
        let (tx, rx) = oneshot::channel();
        let sender = thread::spawn(move || drop(tx.send(Value::new(()))));
        drop(rx);
        sender.join().unwrap();
    });
}

/// The receiver has left its waker, and goes while the sender comes to wake it.
#[test]
fn a_polled_receiver_is_dropped_while_it_is_woken() {
    model(|| {
        let (tx, mut rx) = oneshot::channel();
        let _ = Pin::new(&mut rx).poll(&mut noop());
        let sender = thread::spawn(move || drop(tx.send(Value::new(()))));
        drop(rx);
        sender.join().unwrap();
    });
}

#[test]
fn both_ends_are_dropped() {
    model(|| {
        let (mut tx, rx) = oneshot::channel::<Value>();
        let sender = thread::spawn(move || {
            let _ = tx.poll_closed(&mut noop());
        });
        drop(rx);
        sender.join().unwrap();
    });
}

/// The receiver moves to another task while the sender sends.
#[test]
fn a_change_of_wakers_meets_a_send() {
    model(|| {
        let (tx, mut rx) = oneshot::channel();
        let _ = Pin::new(&mut rx).poll(&mut noop());
        let sender = thread::spawn(move || tx.send(Value::new(())).unwrap());
        assert!(block_on(rx).is_ok());
        sender.join().unwrap();
    });
}

/// The sender waits for the receiver to go; it moves between tasks meanwhile.
fn closed_against_drop() {
    let (mut tx, rx) = oneshot::channel::<Value>();
    let _ = tx.poll_closed(&mut noop());
    let receiver = thread::spawn(move || drop(rx));
    block_on(poll_fn(|cx| tx.poll_closed(cx)));
    receiver.join().unwrap();
    assert!(tx.send(Value::new(())).is_err());
}

#[test]
fn closed_meets_a_drop() {
    model(closed_against_drop);
}

#[test]
fn twin_does_not_look_again_for_the_end() {
    expect_failure("twin_does_not_look_again_for_the_end", "deadlock", || {
        plant(Fault::OneshotClosedUnchecked);
        closed_against_drop();
    });
}

/// The receiver closes and goes while the sender, which had left its waker, sends: the value comes back, or goes with
/// the channel.
#[test]
fn a_closing_receiver_goes_while_a_polled_sender_sends() {
    model(|| {
        let (mut tx, mut rx) = oneshot::channel();
        let _ = tx.poll_closed(&mut noop());
        let sender = thread::spawn(move || drop(tx.send(Value::new(()))));
        rx.close();
        drop(rx);
        sender.join().unwrap();
    });
}

/// The value is asked for without waiting while it comes: it is seen sooner or later, once.
#[test]
fn looks_meet_a_send() {
    model(|| {
        let (tx, mut rx) = oneshot::channel();
        let sender = thread::spawn(move || tx.send(Value::new(())).unwrap());
        let early = rx.try_recv().is_ok();
        assert_eq!(rx.is_terminated(), early);
        sender.join().unwrap();
        assert_eq!(rx.is_empty(), early);
        assert_eq!(rx.try_recv().is_ok(), !early);
    });
}

/// Three actors: the sender is dropped without a word while its waker and the receiver's are in place.
#[test]
fn a_silent_sender_meets_a_closing_receiver() {
    model(|| {
        let (mut tx, mut rx) = oneshot::channel::<Value>();
        let _ = Pin::new(&mut rx).poll(&mut noop());
        let _ = tx.poll_closed(&mut noop());
        let sender = thread::spawn(move || drop(tx));
        rx.close();
        assert!(block_on(rx).is_err());
        sender.join().unwrap();
    });
}
