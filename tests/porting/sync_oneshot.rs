//! `tokio::sync::oneshot`.

use std::future::poll_fn;
use tokio::sync::oneshot::error::{RecvError, TryRecvError};
use tokio::sync::oneshot::{self, Receiver, Sender};

/// `sync::oneshot`: `channel`.
/// `sync::oneshot::Sender`: `send`.
/// `sync::oneshot::error::RecvError`.
#[tokio::test]
async fn send() {
    let (sender, receiver): (Sender<i32>, Receiver<i32>) = oneshot::channel();
    tokio::spawn(async move { sender.send(3).unwrap() });
    assert_eq!(receiver.await, Ok(3));
    let (sender, receiver) = oneshot::channel::<i32>();
    drop(sender);
    let error: RecvError = receiver.await.unwrap_err();
    assert_eq!(error.to_string(), "channel closed");
}

/// `sync::oneshot::Receiver`: `try_recv`, `close`, `is_empty`, `is_terminated`.
/// `sync::oneshot::error::TryRecvError`: `Empty`, `Closed`.
#[tokio::test]
async fn receiver() {
    let (sender, mut receiver) = oneshot::channel();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    assert!(receiver.is_empty() && !receiver.is_terminated());
    sender.send(1).unwrap();
    assert!(!receiver.is_empty());
    assert_eq!(receiver.try_recv(), Ok(1));
    assert!(receiver.is_terminated());
    let (sender, mut receiver) = oneshot::channel();
    receiver.close();
    assert_eq!(sender.send(2), Err(2));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
}

/// `sync::oneshot::Sender`: `closed`, `poll_closed`, `is_closed`.
#[tokio::test]
async fn closed() {
    let (mut sender, receiver) = oneshot::channel::<()>();
    assert!(!sender.is_closed());
    drop(receiver);
    sender.closed().await;
    poll_fn(|cx| sender.poll_closed(cx)).await;
    assert!(sender.is_closed());
}

/// `sync::oneshot::Receiver`: `blocking_recv`.
#[test]
fn blocking() {
    let (sender, receiver) = oneshot::channel();
    let thread = std::thread::spawn(move || receiver.blocking_recv());
    sender.send(5).unwrap();
    assert_eq!(thread.join().unwrap(), Ok(5));
}
