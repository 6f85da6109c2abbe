//! `tokio_util::sync::CancellationToken` and `tokio_util::task::AbortOnDropHandle`.

use crate::tokio_util::sync::{
    CancellationToken, DropGuard, DropGuardRef, WaitForCancellationFuture, WaitForCancellationFutureOwned,
};
use crate::tokio_util::task::AbortOnDropHandle;
use std::future::pending;

/// `tokio_util::sync::CancellationToken`: `new`, `child_token`, `cancel`, `is_cancelled`, `cancelled`, `cancelled_owned`.
/// `tokio_util::sync::WaitForCancellationFuture`.
/// `tokio_util::sync::WaitForCancellationFutureOwned`.
#[tokio::test]
async fn token() {
    let token = CancellationToken::new();
    let child = token.child_token();
    let waits: WaitForCancellationFutureOwned = child.clone().cancelled_owned();
    let task = tokio::spawn(waits);
    child.child_token().cancel();
    assert!(!child.is_cancelled());
    token.cancel();
    let cancelled: WaitForCancellationFuture<'_> = child.cancelled();
    cancelled.await;
    task.await.unwrap();
    assert!(token.is_cancelled() && child.is_cancelled() && token.child_token().is_cancelled());
}

/// `tokio_util::sync::CancellationToken`: `drop_guard`, `drop_guard_ref`.
/// `tokio_util::sync::DropGuard`: `disarm`, `token`.
/// `tokio_util::sync::DropGuardRef`: `disarm`, `token`.
#[tokio::test]
async fn guards() {
    let token = CancellationToken::new();
    let guard: DropGuard = token.clone().drop_guard();
    assert!(!guard.token().is_cancelled());
    assert!(!guard.disarm().is_cancelled());
    let guard: DropGuardRef<'_> = token.drop_guard_ref();
    assert!(!guard.token().is_cancelled());
    assert!(!guard.disarm().is_cancelled());
    drop(token.drop_guard_ref());
    assert!(token.is_cancelled());
    let token = CancellationToken::new();
    drop(token.clone().drop_guard());
    assert!(token.is_cancelled());
}

/// `tokio_util::sync::CancellationToken`: `run_until_cancelled`, `run_until_cancelled_owned`.
#[tokio::test]
async fn run_until_cancelled() {
    let token = CancellationToken::new();
    assert_eq!(token.run_until_cancelled(async { 1 }).await, Some(1));
    assert_eq!(token.clone().run_until_cancelled_owned(async { 2 }).await, Some(2));
    token.cancel();
    assert_eq!(token.run_until_cancelled(pending::<()>()).await, None);
    assert_eq!(token.run_until_cancelled_owned(pending::<()>()).await, None);
}

/// `tokio_util::task::AbortOnDropHandle`: `new`, `abort`, `abort_handle`, `is_finished`, `detach`.
#[tokio::test]
async fn abort_on_drop() {
    let handle = tokio::spawn(pending::<()>());
    let abort = handle.abort_handle();
    drop(AbortOnDropHandle::new(handle));
    while !abort.is_finished() {
        tokio::task::yield_now().await;
    }
    let handle = AbortOnDropHandle::new(tokio::spawn(pending::<()>()));
    assert!(!handle.is_finished());
    assert_eq!(handle.abort_handle().id(), handle.as_ref().id());
    handle.abort();
    assert!(handle.await.unwrap_err().is_cancelled());
    let detached = AbortOnDropHandle::new(tokio::spawn(async { 1 })).detach();
    assert_eq!(detached.await.unwrap(), 1);
}
