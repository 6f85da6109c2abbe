//! `tokio::sync::Notify` and its futures.

use std::sync::Arc;
use tokio::sync::Notify;
use tokio::sync::futures::{Notified, OwnedNotified};

/// `sync::Notify`: `new`, `const_new`, `notify_one`, `notified`.
#[tokio::test]
async fn notify_one() {
    static NEWS: Notify = Notify::const_new();
    NEWS.notify_one();
    NEWS.notified().await;
    let notify = Arc::new(Notify::new());
    let waits = notify.clone();
    let task = tokio::spawn(async move { waits.notified().await });
    notify.notify_one();
    task.await.unwrap();
}

/// `sync::Notify`: `notify_waiters`, `notify_last`, `notified_owned`.
/// `sync::futures::Notified`: `enable`.
/// `sync::futures::OwnedNotified`: `enable`.
#[tokio::test]
async fn notify_waiters() {
    let notify = Arc::new(Notify::new());
    let first: Notified<'_> = notify.notified();
    let second: OwnedNotified = notify.clone().notified_owned();
    tokio::pin!(first, second);
    assert!(!first.as_mut().enable());
    assert!(!second.as_mut().enable());
    notify.notify_last();
    assert!(second.as_mut().enable());
    assert!(!first.as_mut().enable());
    notify.notify_waiters();
    first.await;
    second.await;
}
