//! `tokio::sync::mpsc`, bounded.

use std::future::poll_fn;
use std::time::Duration;
use tokio::sync::mpsc::error::{SendError, SendTimeoutError, TryRecvError, TrySendError};
use tokio::sync::mpsc::{self, OwnedPermit, Permit, PermitIterator, Receiver, Sender, WeakSender};

/// `sync::mpsc`: `channel`.
/// `sync::mpsc::Sender`: `send`.
/// `sync::mpsc::Receiver`: `recv`.
/// `sync::mpsc::error::SendError`: `0`.
#[tokio::test]
async fn send() {
    let (sender, mut receiver): (Sender<i32>, Receiver<i32>) = mpsc::channel(2);
    tokio::spawn(async move {
        for number in 0..5 {
            sender.send(number).await.unwrap();
        }
    });
    for number in 0..5 {
        assert_eq!(receiver.recv().await, Some(number));
    }
    assert_eq!(receiver.recv().await, None);
    let (sender, receiver) = mpsc::channel(2);
    drop(receiver);
    let SendError(back) = sender.send(7).await.unwrap_err();
    assert_eq!(back, 7);
}

/// `sync::mpsc::Sender`: `try_send`, `send_timeout`.
/// `sync::mpsc::Receiver`: `try_recv`.
/// `sync::mpsc::error::TrySendError`: `Full`, `Closed`, `into_inner`.
/// `sync::mpsc::error::SendTimeoutError`: `Timeout`, `Closed`, `into_inner`.
/// `sync::mpsc::error::TryRecvError`: `Empty`, `Disconnected`.
#[tokio::test]
async fn try_send() {
    let (sender, mut receiver) = mpsc::channel(1);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    sender.try_send(1).unwrap();
    assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    assert_eq!(sender.try_send(2).unwrap_err().into_inner(), 2);
    let late = sender.send_timeout(3, Duration::from_millis(1)).await.unwrap_err();
    assert_eq!(late, SendTimeoutError::Timeout(3));
    assert_eq!(late.into_inner(), 3);
    assert_eq!(receiver.try_recv(), Ok(1));
    sender.send_timeout(4, Duration::from_secs(60)).await.unwrap();
    receiver.close();
    assert_eq!(sender.try_send(5), Err(TrySendError::Closed(5)));
    let closed = sender.send_timeout(6, Duration::from_secs(60)).await;
    assert_eq!(closed, Err(SendTimeoutError::Closed(6)));
    drop(sender);
    assert_eq!(receiver.recv().await, Some(4));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
}

/// `sync::mpsc::Sender`: `reserve`, `reserve_many`, `try_reserve`, `try_reserve_many`.
/// `sync::mpsc::Permit`: `send`.
/// `sync::mpsc::PermitIterator`.
#[tokio::test]
async fn permits() {
    let (sender, mut receiver) = mpsc::channel(3);
    let permit: Permit<'_, i32> = sender.reserve().await.unwrap();
    assert_eq!(sender.capacity(), 2);
    permit.send(1);
    sender.try_reserve().unwrap().send(2);
    assert!(sender.try_reserve_many(2).is_err());
    assert_eq!(receiver.recv().await, Some(1));
    let mut permits: PermitIterator<'_, i32> = sender.try_reserve_many(2).unwrap();
    assert_eq!(permits.len(), 2);
    permits.next().unwrap().send(3);
    drop(permits);
    assert_eq!((receiver.recv().await, receiver.recv().await), (Some(2), Some(3)));
    for (permit, number) in sender.reserve_many(3).await.unwrap().zip(4..) {
        permit.send(number);
    }
    assert_eq!((receiver.recv().await, receiver.len()), (Some(4), 2));
}

/// `sync::mpsc::Sender`: `reserve_owned`, `try_reserve_owned`.
/// `sync::mpsc::OwnedPermit`: `send`, `release`, `same_channel`, `same_channel_as_sender`.
#[tokio::test]
async fn owned_permits() {
    let (sender, mut receiver) = mpsc::channel(2);
    let permit: OwnedPermit<i32> = sender.clone().reserve_owned().await.unwrap();
    let other = sender.clone().try_reserve_owned().unwrap();
    assert!(permit.same_channel(&other) && permit.same_channel_as_sender(&sender));
    let full = sender.clone().try_reserve_owned().unwrap_err().into_inner();
    assert!(full.same_channel(&sender));
    let back: Sender<i32> = permit.send(1);
    assert!(other.release().same_channel(&back));
    assert_eq!(receiver.recv().await, Some(1));
}

/// `sync::mpsc::Sender`: `closed`, `is_closed`, `capacity`, `max_capacity`, `same_channel`.
/// `sync::mpsc::Receiver`: `close`, `is_closed`, `is_empty`, `len`, `capacity`, `max_capacity`.
#[tokio::test]
async fn state() {
    let (sender, mut receiver) = mpsc::channel(3);
    assert!(sender.same_channel(&sender.clone()));
    assert!(receiver.is_empty() && !sender.is_closed() && !receiver.is_closed());
    sender.send(1).await.unwrap();
    assert_eq!((receiver.len(), receiver.capacity(), receiver.max_capacity()), (1, 2, 3));
    assert_eq!((sender.capacity(), sender.max_capacity()), (2, 3));
    receiver.close();
    sender.closed().await;
    assert!(sender.is_closed() && receiver.is_closed());
}

/// `sync::mpsc::Receiver`: `recv_many`, `poll_recv`, `poll_recv_many`.
#[tokio::test]
async fn many() {
    let (sender, mut receiver) = mpsc::channel(9);
    for number in 0..7 {
        sender.send(number).await.unwrap();
    }
    let mut numbers = vec![];
    assert_eq!(receiver.recv_many(&mut numbers, 3).await, 3);
    assert_eq!(poll_fn(|cx| receiver.poll_recv(cx)).await, Some(3));
    assert_eq!(poll_fn(|cx| receiver.poll_recv_many(cx, &mut numbers, 2)).await, 2);
    assert_eq!(numbers, [0, 1, 2, 4, 5]);
}

/// `sync::mpsc::Sender`: `downgrade`, `strong_count`, `weak_count`.
/// `sync::mpsc::WeakSender`: `upgrade`, `strong_count`, `weak_count`.
/// `sync::mpsc::Receiver`: `sender_strong_count`, `sender_weak_count`.
#[tokio::test]
async fn weak() {
    let (sender, mut receiver) = mpsc::channel::<i32>(1);
    let weak: WeakSender<i32> = sender.downgrade();
    assert_eq!((sender.strong_count(), sender.weak_count()), (1, 1));
    let again = weak.upgrade().unwrap();
    assert_eq!((weak.strong_count(), weak.weak_count()), (2, 1));
    assert_eq!((receiver.sender_strong_count(), receiver.sender_weak_count()), (2, 1));
    drop((sender, again));
    assert!(weak.upgrade().is_none());
    assert_eq!(receiver.recv().await, None);
}

/// `sync::mpsc::Sender`: `blocking_send`.
/// `sync::mpsc::Receiver`: `blocking_recv`, `blocking_recv_many`.
#[test]
fn blocking() {
    let (sender, mut receiver) = mpsc::channel(1);
    let thread = std::thread::spawn(move || {
        for number in 0..4 {
            sender.blocking_send(number).unwrap();
        }
    });
    assert_eq!(receiver.blocking_recv(), Some(0));
    let mut numbers = vec![];
    while receiver.blocking_recv_many(&mut numbers, 9) > 0 {}
    assert_eq!(numbers, [1, 2, 3]);
    thread.join().unwrap();
}
