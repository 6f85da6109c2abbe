//! `tokio::sync::RwLock` and its guards.

use std::sync::Arc;
use tokio::sync::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockMappedWriteGuard,
    RwLockReadGuard, RwLockWriteGuard,
};

/// `sync::RwLock`: `new`, `read`, `write`, `try_read`, `try_write`, `get_mut`, `into_inner`.
#[tokio::test]
async fn lock() {
    let mut lock = RwLock::new(5);
    {
        let (first, second): (RwLockReadGuard<'_, i32>, _) = (lock.read().await, lock.read().await);
        assert_eq!(*first + *second, 10);
        assert!(lock.try_write().is_err());
    }
    {
        let mut write: RwLockWriteGuard<'_, i32> = lock.write().await;
        *write += 1;
        assert!(lock.try_read().is_err());
    }
    assert_eq!(*lock.try_read().unwrap(), 6);
    *lock.try_write().unwrap() += 1;
    *lock.get_mut() += 1;
    assert_eq!(lock.into_inner(), 8);
}

/// `sync::RwLock`: `const_new`, `with_max_readers`, `const_with_max_readers`.
#[tokio::test]
async fn max_readers() {
    static COUNT: RwLock<u32> = RwLock::const_new(0);
    static FEW: RwLock<u32> = RwLock::const_with_max_readers(0, 2);
    *COUNT.write().await += 1;
    let lock = RwLock::with_max_readers(5, 2);
    for lock in [&lock, &RwLock::with_max_readers(5, 2)] {
        let _readers = (lock.read().await, lock.read().await);
        assert!(lock.try_read().is_err());
    }
    let _readers = (FEW.read().await, FEW.read().await);
    assert!(FEW.try_read().is_err());
}

/// `sync::RwLock`: `blocking_read`, `blocking_write`.
#[test]
fn blocking() {
    let lock = RwLock::new(1);
    *lock.blocking_write() += 1;
    assert_eq!(*lock.blocking_read(), 2);
}

/// `sync::RwLock`: `read_owned`, `write_owned`, `try_read_owned`, `try_write_owned`.
/// `sync::OwnedRwLockReadGuard`: `rwlock`.
/// `sync::OwnedRwLockWriteGuard`: `rwlock`.
#[tokio::test]
async fn owned() {
    let lock = Arc::new(RwLock::new(1));
    let mut write: OwnedRwLockWriteGuard<i32> = lock.clone().write_owned().await;
    assert!(Arc::ptr_eq(OwnedRwLockWriteGuard::rwlock(&write), &lock));
    assert!(lock.clone().try_read_owned().is_err());
    let task = tokio::spawn(async move { *write += 1 });
    task.await.unwrap();
    let read: OwnedRwLockReadGuard<i32> = lock.clone().read_owned().await;
    assert!(Arc::ptr_eq(OwnedRwLockReadGuard::rwlock(&read), &lock));
    assert_eq!(*read, *lock.clone().try_read_owned().unwrap());
    assert!(lock.clone().try_write_owned().is_err());
}

/// `sync::RwLockReadGuard`: `map`, `try_map`.
#[tokio::test]
async fn read_mapped() {
    let lock = RwLock::new((1, "two"));
    let read = RwLockReadGuard::map(lock.read().await, |pair| &pair.0);
    let read = RwLockReadGuard::try_map(read, |_| None::<&i32>).unwrap_err();
    assert_eq!(*RwLockReadGuard::try_map(read, |number| (*number == 1).then_some(number)).unwrap(), 1);
}

/// `sync::RwLockWriteGuard`: `downgrade`, `downgrade_map`, `try_downgrade_map`, `into_mapped`, `map`, `try_map`.
/// `sync::RwLockMappedWriteGuard`: `map`, `try_map`.
#[tokio::test]
async fn write_mapped() {
    let lock = RwLock::new((1, "two"));
    let read = RwLockWriteGuard::downgrade(lock.write().await);
    assert_eq!((read.0, lock.read().await.0), (1, 1));
    drop(read);
    assert_eq!(*RwLockWriteGuard::downgrade_map(lock.write().await, |pair| &pair.1), "two");
    let write = RwLockWriteGuard::try_downgrade_map(lock.write().await, |_| None::<&i32>).unwrap_err();
    assert_eq!(*RwLockWriteGuard::try_downgrade_map(write, |pair| Some(&pair.0)).unwrap(), 1);
    let whole: RwLockMappedWriteGuard<'_, (i32, &str)> = RwLockWriteGuard::into_mapped(lock.write().await);
    let mut number = RwLockMappedWriteGuard::map(whole, |pair| &mut pair.0);
    *number += 1;
    let number = RwLockMappedWriteGuard::try_map(number, |_| None::<&mut i32>).unwrap_err();
    assert_eq!(
        *RwLockMappedWriteGuard::try_map(number, |number| (*number == 2).then_some(number)).unwrap(),
        2
    );
    *RwLockWriteGuard::map(lock.write().await, |pair| &mut pair.1) = "three";
    let write = RwLockWriteGuard::try_map(lock.write().await, |_| None::<&mut i32>).unwrap_err();
    assert_eq!(*RwLockWriteGuard::try_map(write, |pair| Some(&mut pair.1)).unwrap(), "three");
}

/// `sync::OwnedRwLockReadGuard`: `map`, `try_map`.
#[tokio::test]
async fn owned_read_mapped() {
    let lock = Arc::new(RwLock::new((1, "two")));
    let read = OwnedRwLockReadGuard::map(lock.clone().read_owned().await, |pair| &pair.0);
    let read = OwnedRwLockReadGuard::try_map(read, |_| None::<&i32>).unwrap_err();
    assert_eq!(*OwnedRwLockReadGuard::try_map(read, |number| (*number == 1).then_some(number)).unwrap(), 1);
}

/// `sync::OwnedRwLockWriteGuard`: `downgrade`, `downgrade_map`, `try_downgrade_map`.
/// `sync::OwnedRwLockWriteGuard`: `into_mapped`, `map`, `try_map`.
/// `sync::OwnedRwLockMappedWriteGuard`: `map`, `try_map`, `rwlock`.
#[tokio::test]
async fn owned_write_mapped() {
    let lock = Arc::new(RwLock::new((1, "two")));
    let write = async || lock.clone().write_owned().await;
    assert_eq!(OwnedRwLockWriteGuard::downgrade(write().await).0, 1);
    assert_eq!(*OwnedRwLockWriteGuard::downgrade_map(write().await, |pair| &pair.1), "two");
    let back = OwnedRwLockWriteGuard::try_downgrade_map(write().await, |_| None::<&i32>).unwrap_err();
    assert_eq!(*OwnedRwLockWriteGuard::try_downgrade_map(back, |pair| Some(&pair.0)).unwrap(), 1);
    let whole: OwnedRwLockMappedWriteGuard<_, _> = OwnedRwLockWriteGuard::into_mapped(write().await);
    assert!(Arc::ptr_eq(OwnedRwLockMappedWriteGuard::rwlock(&whole), &lock));
    let mut number = OwnedRwLockMappedWriteGuard::map(whole, |pair: &mut (i32, &str)| &mut pair.0);
    *number += 1;
    let number = OwnedRwLockMappedWriteGuard::try_map(number, |_| None::<&mut i32>).unwrap_err();
    assert_eq!(
        *OwnedRwLockMappedWriteGuard::try_map(number, |number| (*number == 2).then_some(number)).unwrap(),
        2
    );
    *OwnedRwLockWriteGuard::map(write().await, |pair| &mut pair.1) = "three";
    let back = OwnedRwLockWriteGuard::try_map(write().await, |_| None::<&mut i32>).unwrap_err();
    assert_eq!(*OwnedRwLockWriteGuard::try_map(back, |pair| Some(&mut pair.1)).unwrap(), "three");
}
