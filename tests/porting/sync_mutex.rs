//! `tokio::sync::Mutex` and its guards.

use std::sync::Arc;
use tokio::sync::{
    MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard, TryLockError,
};

/// `sync::Mutex`: `new`, `const_new`, `lock`, `try_lock`, `get_mut`, `into_inner`.
/// `sync::MutexGuard`.
/// `sync::TryLockError`.
#[tokio::test]
async fn lock() {
    static COUNT: Mutex<u32> = Mutex::const_new(0);
    *COUNT.lock().await += 1;
    let mut mutex = Mutex::new(1);
    {
        let mut guard: MutexGuard<'_, i32> = mutex.lock().await;
        *guard += 1;
        let error: TryLockError = mutex.try_lock().unwrap_err();
        assert!(!error.to_string().is_empty());
    }
    assert_eq!(*mutex.try_lock().unwrap(), 2);
    *mutex.get_mut() = 3;
    assert_eq!(mutex.into_inner(), 3);
}

/// `sync::Mutex`: `lock_owned`, `try_lock_owned`.
/// `sync::OwnedMutexGuard`: `mutex`.
#[tokio::test]
async fn owned() {
    let mutex = Arc::new(Mutex::new(vec![1]));
    let mut guard: OwnedMutexGuard<Vec<i32>> = mutex.clone().lock_owned().await;
    let task = tokio::spawn(async move {
        guard.push(2);
        assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&guard), &Arc::clone(OwnedMutexGuard::mutex(&guard))));
    });
    task.await.unwrap();
    let guard = mutex.clone().try_lock_owned().unwrap();
    assert!(mutex.clone().try_lock_owned().is_err());
    assert_eq!(*guard, [1, 2]);
}

/// `sync::Mutex`: `blocking_lock`, `blocking_lock_owned`.
#[test]
fn blocking() {
    let mutex = Arc::new(Mutex::new(1));
    *mutex.blocking_lock() += 1;
    assert_eq!(*mutex.clone().blocking_lock_owned(), 2);
}

/// `sync::MutexGuard`: `mutex`, `map`, `try_map`.
/// `sync::MappedMutexGuard`: `map`, `try_map`.
#[tokio::test]
async fn mapped() {
    let mutex = Mutex::new((1, (2, "three")));
    let guard = mutex.lock().await;
    assert!(std::ptr::eq(MutexGuard::mutex(&guard), &mutex));
    let mut inner: MappedMutexGuard<'_, (i32, &str)> = MutexGuard::map(guard, |pair| &mut pair.1);
    inner.0 = 20;
    let number = MappedMutexGuard::map(inner, |pair| &mut pair.0);
    let same = MappedMutexGuard::try_map(number, |number| (*number < 9).then_some(number)).unwrap_err();
    let even = MappedMutexGuard::try_map(same, |number| (*number % 2 == 0).then_some(number)).unwrap();
    assert_eq!(*even, 20);
    drop(even);
    let guard =
        MutexGuard::try_map(mutex.lock().await, |pair| pair.0.eq(&9).then_some(&mut pair.0)).unwrap_err();
    assert_eq!(guard.0, 1);
}

/// `sync::OwnedMutexGuard`: `map`, `try_map`.
/// `sync::OwnedMappedMutexGuard`: `map`, `try_map`.
#[tokio::test]
async fn owned_mapped() {
    let mutex = Arc::new(Mutex::new((1, (2, "three"))));
    let guard = mutex.clone().lock_owned().await;
    let inner: OwnedMappedMutexGuard<_, (i32, &str)> = OwnedMutexGuard::map(guard, |pair| &mut pair.1);
    let mut number = OwnedMappedMutexGuard::map(inner, |pair| &mut pair.0);
    *number = 20;
    let same = OwnedMappedMutexGuard::try_map(number, |_| None::<&mut i32>).unwrap_err();
    assert_eq!(
        *OwnedMappedMutexGuard::try_map(same, |number| (*number == 20).then_some(number)).unwrap(),
        20
    );
    let guard = mutex.lock_owned().await;
    let guard = OwnedMutexGuard::try_map(guard, |_| None::<&mut i32>).unwrap_err();
    assert_eq!(*OwnedMutexGuard::try_map(guard, |pair| Some(&mut pair.0)).unwrap(), 1);
}
