//! `tokio::sync::Semaphore` and its permits.

use std::sync::Arc;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError};

/// `sync::Semaphore`: `new`, `const_new`, `MAX_PERMITS`, `acquire`, `acquire_many`, `available_permits`, `add_permits`.
#[tokio::test]
async fn acquire() {
    static ONE: Semaphore = Semaphore::const_new(1);
    let _only: SemaphorePermit<'_> = ONE.acquire().await.unwrap();
    assert_eq!(ONE.available_permits(), 0);
    let semaphore = Semaphore::new(3);
    let two = semaphore.acquire_many(2).await.unwrap();
    assert_eq!(semaphore.available_permits(), 1);
    semaphore.add_permits(4);
    drop(two);
    assert_eq!(semaphore.available_permits(), 7);
    const { assert!(Semaphore::MAX_PERMITS >= usize::MAX >> 4) };
}

/// `sync::Semaphore`: `try_acquire`, `try_acquire_many`, `close`, `is_closed`, `forget_permits`.
/// `sync::TryAcquireError`: `Closed`, `NoPermits`.
/// `sync::AcquireError`.
#[tokio::test]
async fn try_acquire() {
    let semaphore = Semaphore::new(3);
    let one = semaphore.try_acquire().unwrap();
    assert_eq!(semaphore.try_acquire_many(3).unwrap_err(), TryAcquireError::NoPermits);
    assert!(semaphore.try_acquire_many(2).is_ok());
    drop(one);
    assert_eq!(semaphore.forget_permits(5), 3);
    assert!(!semaphore.is_closed());
    semaphore.close();
    assert!(semaphore.is_closed());
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    let error: AcquireError = semaphore.acquire().await.unwrap_err();
    assert!(!error.to_string().is_empty());
}

/// `sync::Semaphore`: `acquire_owned`, `acquire_many_owned`, `try_acquire_owned`, `try_acquire_many_owned`.
#[tokio::test]
async fn owned() {
    let semaphore = Arc::new(Semaphore::new(6));
    let permits: [OwnedSemaphorePermit; 4] = [
        semaphore.clone().acquire_owned().await.unwrap(),
        semaphore.clone().acquire_many_owned(2).await.unwrap(),
        semaphore.clone().try_acquire_owned().unwrap(),
        semaphore.clone().try_acquire_many_owned(2).unwrap(),
    ];
    assert_eq!(semaphore.available_permits(), 0);
    tokio::spawn(async move { drop(permits) }).await.unwrap();
    assert_eq!(semaphore.available_permits(), 6);
}

/// `sync::Semaphore`: `blocking_acquire`, `blocking_acquire_many`, `blocking_acquire_owned`, `blocking_acquire_many_owned`.
#[test]
fn blocking() {
    let semaphore = Arc::new(Semaphore::new(6));
    let _one = semaphore.blocking_acquire().unwrap();
    let _two = semaphore.blocking_acquire_many(2).unwrap();
    let _owned = semaphore.clone().blocking_acquire_owned().unwrap();
    let _owned_two = semaphore.clone().blocking_acquire_many_owned(2).unwrap();
    assert_eq!(semaphore.available_permits(), 0);
}

/// `sync::SemaphorePermit`: `forget`, `merge`, `split`, `num_permits`, `semaphore`.
#[tokio::test]
async fn permit() {
    let semaphore = Semaphore::new(5);
    let mut many = semaphore.acquire_many(3).await.unwrap();
    assert!(std::ptr::eq(many.semaphore(), &semaphore));
    let two = many.split(2).unwrap();
    assert_eq!((many.num_permits(), two.num_permits()), (1, 2));
    assert!(many.split(2).is_none());
    many.merge(two);
    many.forget();
    assert_eq!(semaphore.available_permits(), 2);
}

/// `sync::OwnedSemaphorePermit`: `forget`, `merge`, `split`, `num_permits`, `semaphore`.
#[tokio::test]
async fn owned_permit() {
    let semaphore = Arc::new(Semaphore::new(5));
    let mut many = semaphore.clone().acquire_many_owned(3).await.unwrap();
    assert!(Arc::ptr_eq(many.semaphore(), &semaphore));
    let two = many.split(2).unwrap();
    assert_eq!((many.num_permits(), two.num_permits()), (1, 2));
    many.merge(two);
    many.forget();
    assert_eq!(semaphore.available_permits(), 2);
}
