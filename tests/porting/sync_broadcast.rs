//! `tokio::sync::broadcast`.

use tokio::sync::broadcast::error::{RecvError, SendError, TryRecvError};
use tokio::sync::broadcast::{self, Receiver, Sender, WeakSender};

/// `sync::broadcast`: `channel`.
/// `sync::broadcast::Sender`: `send`, `subscribe`, `new`.
/// `sync::broadcast::Receiver`: `recv`, `resubscribe`.
/// `sync::broadcast::error::SendError`: `0`.
#[tokio::test]
async fn send() {
    let (sender, mut first): (Sender<i32>, Receiver<i32>) = broadcast::channel(4);
    let mut second = sender.subscribe();
    let task = tokio::spawn(async move { (first.recv().await, first.recv().await) });
    assert_eq!(sender.send(1).unwrap(), 2);
    let mut late = second.resubscribe();
    sender.send(2).unwrap();
    assert_eq!(task.await.unwrap(), (Ok(1), Ok(2)));
    assert_eq!((second.recv().await, late.recv().await), (Ok(1), Ok(2)));
    drop((second, late));
    let SendError(back) = Sender::new(4).send(3).unwrap_err();
    assert_eq!(back, 3);
}

/// `sync::broadcast::Receiver`: `try_recv`.
/// `sync::broadcast::error::RecvError`: `Lagged`, `Closed`.
/// `sync::broadcast::error::TryRecvError`: `Empty`, `Lagged`, `Closed`.
#[tokio::test]
async fn lagging() {
    let (sender, mut receiver) = broadcast::channel(2);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    let mut other = receiver.resubscribe();
    for number in 1..=4 {
        sender.send(number).unwrap();
    }
    assert_eq!(receiver.recv().await, Err(RecvError::Lagged(2)));
    assert_eq!((receiver.recv().await, receiver.try_recv()), (Ok(3), Ok(4)));
    assert_eq!(other.try_recv(), Err(TryRecvError::Lagged(2)));
    drop(sender);
    assert_eq!(receiver.recv().await, Err(RecvError::Closed));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
}

/// `sync::broadcast::Sender`: `len`, `is_empty`, `receiver_count`, `same_channel`, `closed`.
/// `sync::broadcast::Receiver`: `len`, `is_empty`, `is_closed`, `same_channel`.
#[tokio::test]
async fn state() {
    let (sender, receiver) = broadcast::channel(4);
    assert!(sender.is_empty() && receiver.is_empty() && !receiver.is_closed());
    sender.send(1).unwrap();
    assert_eq!((sender.len(), receiver.len(), sender.receiver_count()), (1, 1, 1));
    assert!(sender.same_channel(&sender.clone()) && receiver.same_channel(&sender.subscribe()));
    drop(receiver);
    sender.closed().await;
    let receiver = sender.subscribe();
    drop(sender);
    assert!(receiver.is_closed());
}

/// `sync::broadcast::Sender`: `downgrade`, `strong_count`, `weak_count`.
/// `sync::broadcast::WeakSender`: `upgrade`, `strong_count`, `weak_count`.
/// `sync::broadcast::Receiver`: `sender_strong_count`, `sender_weak_count`.
#[tokio::test]
async fn weak() {
    let (sender, mut receiver) = broadcast::channel::<i32>(1);
    let weak: WeakSender<i32> = sender.downgrade();
    assert_eq!((sender.strong_count(), sender.weak_count()), (1, 1));
    let again = weak.upgrade().unwrap();
    assert_eq!((weak.strong_count(), weak.weak_count()), (2, 1));
    assert_eq!((receiver.sender_strong_count(), receiver.sender_weak_count()), (2, 1));
    drop((sender, again));
    assert!(weak.upgrade().is_none());
    assert_eq!(receiver.recv().await, Err(RecvError::Closed));
}

/// `sync::broadcast::Receiver`: `blocking_recv`.
#[test]
fn blocking() {
    let (sender, mut receiver) = broadcast::channel(1);
    let thread = std::thread::spawn(move || (receiver.blocking_recv(), receiver.blocking_recv()));
    sender.send(5).unwrap();
    drop(sender);
    assert_eq!(thread.join().unwrap(), (Ok(5), Err(RecvError::Closed)));
}
