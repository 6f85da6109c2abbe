//! `tokio::sync::mpsc`, unbounded.

use std::future::poll_fn;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender, WeakUnboundedSender};

/// `sync::mpsc`: `unbounded_channel`.
/// `sync::mpsc::UnboundedSender`: `send`.
/// `sync::mpsc::UnboundedReceiver`: `recv`, `try_recv`.
#[tokio::test]
async fn send() {
    let (sender, mut receiver): (UnboundedSender<i32>, UnboundedReceiver<i32>) = mpsc::unbounded_channel();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    assert_eq!((receiver.recv().await, receiver.try_recv()), (Some(1), Ok(2)));
    drop(receiver);
    assert_eq!(sender.send(3).unwrap_err().0, 3);
}

/// `sync::mpsc::UnboundedSender`: `closed`, `is_closed`, `same_channel`.
/// `sync::mpsc::UnboundedReceiver`: `close`, `is_closed`, `is_empty`, `len`.
#[tokio::test]
async fn state() {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    assert!(receiver.is_empty() && !receiver.is_closed() && !sender.is_closed());
    assert!(sender.same_channel(&sender.clone()));
    sender.send(1).unwrap();
    assert_eq!(receiver.len(), 1);
    receiver.close();
    sender.closed().await;
    assert!(sender.is_closed() && receiver.is_closed());
}

/// `sync::mpsc::UnboundedReceiver`: `recv_many`, `poll_recv`, `poll_recv_many`.
#[tokio::test]
async fn many() {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    for number in 0..7 {
        sender.send(number).unwrap();
    }
    let mut numbers = vec![];
    assert_eq!(receiver.recv_many(&mut numbers, 3).await, 3);
    assert_eq!(poll_fn(|cx| receiver.poll_recv(cx)).await, Some(3));
    assert_eq!(poll_fn(|cx| receiver.poll_recv_many(cx, &mut numbers, 2)).await, 2);
    assert_eq!(numbers, [0, 1, 2, 4, 5]);
}

/// `sync::mpsc::UnboundedSender`: `downgrade`, `strong_count`, `weak_count`.
/// `sync::mpsc::WeakUnboundedSender`: `upgrade`, `strong_count`, `weak_count`.
/// `sync::mpsc::UnboundedReceiver`: `sender_strong_count`, `sender_weak_count`.
#[tokio::test]
async fn weak() {
    let (sender, mut receiver) = mpsc::unbounded_channel::<i32>();
    let weak: WeakUnboundedSender<i32> = sender.downgrade();
    assert_eq!((sender.strong_count(), sender.weak_count()), (1, 1));
    let again = weak.upgrade().unwrap();
    assert_eq!((weak.strong_count(), weak.weak_count()), (2, 1));
    assert_eq!((receiver.sender_strong_count(), receiver.sender_weak_count()), (2, 1));
    drop((sender, again));
    assert!(weak.upgrade().is_none());
    assert_eq!(receiver.recv().await, None);
}

/// `sync::mpsc::UnboundedReceiver`: `blocking_recv`, `blocking_recv_many`.
#[test]
fn blocking() {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let thread = std::thread::spawn(move || (0..4).try_for_each(|number| sender.send(number)));
    assert_eq!(receiver.blocking_recv(), Some(0));
    let mut numbers = vec![];
    while receiver.blocking_recv_many(&mut numbers, 9) > 0 {}
    assert_eq!(numbers, [1, 2, 3]);
    thread.join().unwrap().unwrap();
}
