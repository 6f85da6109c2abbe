//! M10: channels. Every value that was sent is received once or dropped once, and nobody sleeps while there
//! is something to do. Blocks have three slots here, so that a few values cross from one to the next.
#![cfg(loom)]

use loom::future::block_on;
use loom_tests::{expect_failure, model};
use runtime_core::primitive::{Arc, thread};
use runtime_core::sync::internals::{Fault, plant};
use runtime_core::sync::mpsc;
use std::future::Future;
use std::task::{Context, Waker};

/// A value that loom misses if it is leaked.
type Value = Arc<usize>;

fn receive_against_send() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    let sender = {
        let tx = tx.clone();
        thread::spawn(move || tx.send(Value::new(1)).unwrap())
    };
    assert_eq!(block_on(rx.recv()).as_deref(), Some(&1));
    sender.join().unwrap();
    drop(tx);
    assert!(block_on(rx.recv()).is_none());
}

#[test]
fn a_receive_meets_a_send() {
    model(receive_against_send);
}

#[test]
fn twin_does_not_mark_its_slot() {
    expect_failure("twin_does_not_mark_its_slot", "deadlock", || {
        plant(Fault::SlotUnmarked);
        receive_against_send();
    });
}

fn receive_against_last_sender() {
    let (tx, mut rx) = mpsc::unbounded_channel::<Value>();
    let sender = thread::spawn(move || drop(tx));
    assert!(block_on(rx.recv()).is_none());
    sender.join().unwrap();
}

#[test]
fn a_receive_meets_the_last_sender() {
    model(receive_against_last_sender);
}

#[test]
fn twin_looks_for_senders_too_early() {
    expect_failure("twin_looks_for_senders_too_early", "deadlock", || {
        plant(Fault::SendersSeenEarly);
        receive_against_last_sender();
    });
}

/// The last value and the end come together.
#[test]
fn a_receive_meets_a_value_and_the_end() {
    model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let sender = thread::spawn(move || tx.send(Value::new(1)).unwrap());
        assert_eq!(block_on(rx.recv()).as_deref(), Some(&1));
        assert!(block_on(rx.recv()).is_none());
        sender.join().unwrap();
    });
}

/// Two senders fill a block, link the next one, and go on; the order of each is kept.
#[test]
fn two_senders_cross_blocks() {
    model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        tx.send(Value::new(0)).unwrap();
        let other = tx.clone();
        let sender = thread::spawn(move || {
            other.send(Value::new(1)).unwrap();
            other.send(Value::new(2)).unwrap();
        });
        tx.send(Value::new(3)).unwrap();
        tx.send(Value::new(4)).unwrap();
        drop(tx);
        let mut received = Vec::new();
        while let Some(value) = block_on(rx.recv()) {
            received.push(*value);
        }
        sender.join().unwrap();
        let place = |wanted| received.iter().position(|value| *value == wanted).expect("lost");
        assert_eq!(received.len(), 5);
        assert!(place(1) < place(2) && place(3) < place(4), "{received:?}");
    });
}

/// The receiver recycles a block while senders need one.
#[test]
fn blocks_are_used_again() {
    model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        for value in 0..3 {
            tx.send(Value::new(value)).unwrap();
        }
        let sender = thread::spawn(move || {
            for value in 3..7 {
                tx.send(Value::new(value)).unwrap();
            }
        });
        for expected in 0..7 {
            assert_eq!(block_on(rx.recv()).as_deref(), Some(&expected));
        }
        sender.join().unwrap();
    });
}

fn room_against_sleep() {
    let (tx, mut rx) = mpsc::channel(1);
    let sender = thread::spawn(move || {
        for value in 0..2 {
            block_on(tx.send(Value::new(value))).unwrap();
        }
    });
    for expected in 0..2 {
        assert_eq!(block_on(rx.recv()).as_deref(), Some(&expected));
    }
    sender.join().unwrap();
}

#[test]
fn room_meets_a_sender_going_to_sleep() {
    model(room_against_sleep);
}

#[test]
fn twin_does_not_look_for_room_again() {
    expect_failure("twin_does_not_look_for_room_again", "deadlock", || {
        plant(Fault::RoomUnchecked);
        room_against_sleep();
    });
}

/// A receiver that takes one value and then never looks again has made room all the same.
#[test]
fn room_is_made_by_the_last_receive() {
    model(|| {
        let (tx, mut rx) = mpsc::channel(1);
        tx.try_send(Value::new(0)).unwrap();
        let sender = thread::spawn(move || block_on(tx.send(Value::new(1))).unwrap());
        assert!(rx.try_recv().is_ok());
        sender.join().unwrap();
        assert_eq!(rx.len(), 1);
    });
}

/// A reservation that is waiting is dropped while the receiver makes room: the room is the next one's.
#[test]
fn a_dropped_reserve_hands_its_room_on() {
    model(|| {
        let (tx, mut rx) = mpsc::channel(1);
        tx.try_send(Value::new(0)).unwrap();
        let mut waits = Box::pin(tx.clone().reserve_owned());
        assert!(waits.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let gives_up = thread::spawn(move || drop(waits));
        let sender = thread::spawn(move || block_on(tx.send(Value::new(1))).unwrap());
        for expected in 0..2 {
            assert_eq!(block_on(rx.recv()).as_deref(), Some(&expected));
        }
        gives_up.join().unwrap();
        sender.join().unwrap();
    });
}

fn close_against_permit() {
    let (tx, mut rx) = mpsc::channel::<Value>(1);
    let holder = tx.clone();
    let permit = holder.try_reserve_owned().unwrap();
    rx.close();
    let thread = thread::spawn(move || drop(permit));
    assert!(block_on(rx.recv()).is_none());
    thread.join().unwrap();
    drop(tx);
}

#[test]
fn a_closed_channel_waits_for_its_permits() {
    model(close_against_permit);
}

#[test]
fn twin_gives_its_permit_back_silently() {
    expect_failure("twin_gives_its_permit_back_silently", "deadlock", || {
        plant(Fault::LastPermitSilent);
        close_against_permit();
    });
}

/// A send that has got room while it waited, and is polled after the close: it has sent nothing, and the receiver,
/// which waits for that room, is told that it is over.
fn close_against_granted_send() {
    let (tx, mut rx) = mpsc::channel(1);
    tx.try_send(Value::new(0)).unwrap();
    let other = tx.clone();
    let mut send = Box::pin(async move { other.send(Value::new(1)).await });
    assert!(send.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(rx.try_recv().is_ok());
    rx.close();
    let sender = thread::spawn(move || block_on(send).is_ok());
    let received = block_on(rx.recv()).is_some();
    assert!(!received, "sent into a closed channel");
    assert!(!sender.join().unwrap());
    drop(tx);
}

#[test]
fn a_granted_send_meets_a_closed_channel() {
    model(close_against_granted_send);
}

#[test]
fn twin_sends_into_a_closed_channel() {
    expect_failure("twin_sends_into_a_closed_channel", "sent into a closed channel", || {
        plant(Fault::CloseOverlooked);
        close_against_granted_send();
    });
}

#[test]
fn twin_gives_its_room_back_silently() {
    expect_failure("twin_gives_its_room_back_silently", "deadlock", || {
        plant(Fault::LastPermitSilent);
        close_against_granted_send();
    });
}

/// The same, and the close comes at any moment: what was sent is received, and what was not comes back.
#[test]
fn a_granted_send_meets_the_close() {
    model(|| {
        let (tx, mut rx) = mpsc::channel(1);
        tx.try_send(Value::new(0)).unwrap();
        let other = tx.clone();
        let mut send = Box::pin(async move { other.send(Value::new(1)).await });
        assert!(send.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert!(rx.try_recv().is_ok());
        let sender = thread::spawn(move || block_on(send).is_ok());
        rx.close();
        let received = block_on(rx.recv()).is_some();
        assert_eq!(received, sender.join().unwrap(), "sent and received are not the same");
        drop(tx);
    });
}

/// After a close, what was sent is received, and what was not comes back: nothing in between.
#[test]
fn a_close_meets_a_send() {
    model(|| {
        let (tx, mut rx) = mpsc::channel(1);
        let other = tx.clone();
        let sender = thread::spawn(move || block_on(other.send(Value::new(0))).is_ok());
        rx.close();
        let received = block_on(rx.recv()).is_some();
        assert_eq!(received, sender.join().unwrap(), "sent and received are not the same");
        drop(tx);
    });
}

#[test]
fn an_unbounded_close_meets_a_send() {
    model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let other = tx.clone();
        let sender = thread::spawn(move || other.send(Value::new(0)).is_ok());
        rx.close();
        let received = block_on(rx.recv()).is_some();
        assert_eq!(received, sender.join().unwrap(), "sent and received are not the same");
        drop(tx);
    });
}

/// The receiver goes with values inside, while one is being sent and one sender waits.
#[test]
fn a_dropped_receiver_meets_sends() {
    model(|| {
        let (tx, rx) = mpsc::channel(1);
        let other = tx.clone();
        let sender = thread::spawn(move || drop(block_on(other.send(Value::new(0)))));
        let waiting = thread::spawn(move || {
            let _ = block_on(tx.send(Value::new(1)));
            block_on(tx.closed());
            assert!(tx.is_closed());
        });
        drop(rx);
        sender.join().unwrap();
        waiting.join().unwrap();
    });
}

#[test]
fn an_upgrade_meets_the_last_sender() {
    model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let weak = tx.downgrade();
        let thread =
            thread::spawn(move || weak.upgrade().map(|tx| tx.send(Value::new(0)).unwrap()).is_some());
        drop(tx);
        let received = block_on(rx.recv()).is_some();
        assert_eq!(received, thread.join().unwrap());
    });
}

fn closed_against_drop() {
    let (tx, rx) = mpsc::channel::<Value>(1);
    let receiver = thread::spawn(move || drop(rx));
    block_on(tx.closed());
    assert!(tx.is_closed());
    receiver.join().unwrap();
}

#[test]
fn closed_meets_a_drop() {
    model(closed_against_drop);
}

#[test]
fn twin_looks_before_it_can_be_told() {
    expect_failure("twin_looks_before_it_can_be_told", "deadlock", || {
        plant(Fault::ClosedSeenEarly);
        closed_against_drop();
    });
}

/// A permit outlives the receiver: what is sent into it is dropped with the channel.
#[test]
fn a_permit_meets_a_dropped_receiver() {
    model(|| {
        let (tx, rx) = mpsc::channel(1);
        let permit = tx.try_reserve_owned().unwrap();
        let sender = thread::spawn(move || drop(permit.send(Value::new(0))));
        drop(rx);
        sender.join().unwrap();
    });
}

/// The channel closes while a sender waits for room and another one has some: the first is refused, the second
/// arrives.
#[test]
fn a_close_meets_a_waiting_send_and_a_permit() {
    model(|| {
        let (tx, mut rx) = mpsc::channel(1);
        let permit = tx.clone().try_reserve_owned().unwrap();
        let waiting = thread::spawn(move || block_on(tx.send(Value::new(1))).is_err());
        rx.close();
        drop(permit.send(Value::new(0)));
        assert_eq!(block_on(rx.recv()).as_deref(), Some(&0));
        assert!(block_on(rx.recv()).is_none());
        assert!(waiting.join().unwrap(), "sent into a closed channel");
    });
}

/// Many at once, while they come, and the end behind them.
#[test]
fn a_batch_meets_sends_and_the_end() {
    model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let sender = thread::spawn(move || {
            tx.send(Value::new(0)).unwrap();
            tx.send(Value::new(1)).unwrap();
        });
        let mut all = Vec::new();
        while block_on(rx.recv_many(&mut all, 2)) > 0 {}
        assert!(all.iter().map(|value| **value).eq(0..2));
        sender.join().unwrap();
    });
}
