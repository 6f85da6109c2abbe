//! `tokio::sync::watch`.

use tokio::sync::watch::error::{RecvError, SendError};
use tokio::sync::watch::{self, Receiver, Ref, Sender};

/// `sync::watch`: `channel`.
/// `sync::watch::Sender`: `send`, `new`.
/// `sync::watch::Receiver`: `changed`, `borrow`, `borrow_and_update`, `has_changed`.
/// `sync::watch::Ref`: `has_changed`.
/// `sync::watch::error::RecvError`.
/// `sync::watch::error::SendError`: `0`.
#[tokio::test]
async fn send() {
    let (sender, mut receiver): (Sender<i32>, Receiver<i32>) = watch::channel(0);
    assert!(!receiver.has_changed().unwrap());
    let mut waits = receiver.clone();
    let task = tokio::spawn(async move {
        waits.changed().await.unwrap();
        *waits.borrow_and_update()
    });
    sender.send(1).unwrap();
    assert_eq!(task.await.unwrap(), 1);
    assert!(receiver.has_changed().unwrap());
    {
        let value: Ref<'_, i32> = receiver.borrow();
        assert!(value.has_changed() && *value == 1);
    }
    assert!(receiver.borrow_and_update().has_changed());
    assert!(!receiver.borrow().has_changed());
    drop(sender);
    let error: RecvError = receiver.changed().await.unwrap_err();
    assert!(!error.to_string().is_empty());
    let SendError(back) = Sender::new(1).send(2).unwrap_err();
    assert_eq!(back, 2);
}

/// `sync::watch::Sender`: `send_modify`, `send_if_modified`, `send_replace`, `borrow`.
#[tokio::test]
async fn modify() {
    let (sender, mut receiver) = watch::channel(1);
    sender.send_modify(|number| *number += 1);
    assert_eq!(*receiver.borrow_and_update(), 2);
    assert!(!sender.send_if_modified(|number| *number > 5));
    assert!(!receiver.has_changed().unwrap());
    assert!(sender.send_if_modified(|number| {
        *number = 6;
        true
    }));
    assert_eq!(sender.send_replace(7), 6);
    assert_eq!(*sender.borrow(), 7);
    assert_eq!(*receiver.borrow_and_update(), 7);
}

/// `sync::watch::Receiver`: `wait_for`, `mark_changed`, `mark_unchanged`.
#[tokio::test]
async fn wait_for() {
    let (sender, mut receiver) = watch::channel(1);
    receiver.mark_changed();
    assert!(receiver.has_changed().unwrap());
    receiver.mark_unchanged();
    assert!(!receiver.has_changed().unwrap());
    let task =
        tokio::spawn(async move { receiver.wait_for(|number| *number >= 3).await.map(|value| *value) });
    for number in 2..=3 {
        sender.send(number).unwrap();
    }
    assert_eq!(task.await.unwrap().unwrap(), 3);
}

/// `sync::watch::Sender`: `subscribe`, `closed`, `is_closed`, `receiver_count`, `sender_count`, `same_channel`.
/// `sync::watch::Receiver`: `is_closed`, `same_channel`.
#[tokio::test]
async fn state() {
    let (sender, receiver) = watch::channel(());
    let second = sender.subscribe();
    assert!(receiver.same_channel(&second) && sender.same_channel(&sender.clone()));
    assert_eq!((sender.receiver_count(), sender.sender_count()), (2, 1));
    assert!(!sender.is_closed() && !receiver.is_closed());
    drop((receiver, second));
    sender.closed().await;
    assert!(sender.is_closed());
    let receiver = sender.subscribe();
    drop(sender);
    assert!(receiver.is_closed());
}
