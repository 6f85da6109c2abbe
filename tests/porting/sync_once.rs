//! `tokio::sync::{Barrier, OnceCell, SetOnce}`.

use std::sync::Arc;
use tokio::sync::{Barrier, BarrierWaitResult, OnceCell, SetError, SetOnce, SetOnceError};

/// `sync::Barrier`: `new`, `wait`.
/// `sync::BarrierWaitResult`: `is_leader`.
#[tokio::test]
async fn barrier() {
    let barrier = Arc::new(Barrier::new(3));
    let waits = [(); 3].map(|()| {
        let barrier = barrier.clone();
        tokio::spawn(async move { barrier.wait().await })
    });
    let mut leaders = 0;
    for wait in waits {
        let result: BarrierWaitResult = wait.await.unwrap();
        leaders += usize::from(result.is_leader());
    }
    assert_eq!(leaders, 1);
}

/// `sync::OnceCell`: `new`, `const_new`, `new_with`, `const_new_with`, `get_or_init`, `get_or_try_init`.
/// `sync::OnceCell`: `get`, `get_mut`, `initialized`, `into_inner`, `take`.
#[tokio::test]
async fn once_cell() {
    static FULL: OnceCell<u32> = OnceCell::const_new_with(7);
    static CELL: OnceCell<u32> = OnceCell::const_new();
    assert_eq!(CELL.get_or_init(async || 1).await, &1);
    assert_eq!(CELL.get_or_init(|| async { 2 }).await, &1);
    assert_eq!(FULL.get(), Some(&7));
    let mut cell = OnceCell::new();
    assert_eq!((cell.initialized(), cell.get()), (false, None));
    assert_eq!(cell.get_or_try_init(|| async { Err::<i32, _>("no") }).await, Err("no"));
    assert_eq!(cell.get_or_try_init(|| async { Ok::<_, ()>(4) }).await, Ok(&4));
    *cell.get_mut().unwrap() += 1;
    assert_eq!(cell.take(), Some(5));
    assert_eq!(cell.into_inner(), None);
    assert!(OnceCell::new_with(Some(1)).initialized());
}

/// `sync::OnceCell`: `set`.
/// `sync::SetError`: `AlreadyInitializedError`, `InitializingError`, `is_already_init_err`, `is_initializing_err`.
#[tokio::test]
async fn once_cell_set() {
    let cell = OnceCell::new();
    cell.set(1).unwrap();
    let error = cell.set(2).unwrap_err();
    assert!(error.is_already_init_err() && !error.is_initializing_err());
    assert_eq!(error, SetError::AlreadyInitializedError(2));
    let busy = OnceCell::new();
    busy.get_or_init(|| async {
        assert_eq!(busy.set(3), Err(SetError::InitializingError(3)));
        4
    })
    .await;
}

/// `sync::SetOnce`: `new`, `const_new`, `new_with`, `const_new_with`, `set`, `get`, `initialized`, `wait`, `into_inner`.
/// `sync::SetOnceError`: `0`.
#[tokio::test]
async fn set_once() {
    static SET: SetOnce<u32> = SetOnce::const_new_with(7);
    static ONCE: SetOnce<u32> = SetOnce::const_new();
    assert_eq!((ONCE.get(), SET.get()), (None, Some(&7)));
    let once = Arc::new(SetOnce::new());
    let waits = once.clone();
    let task = tokio::spawn(async move { *waits.wait().await });
    assert!(!once.initialized());
    once.set(1).unwrap();
    let SetOnceError(back) = once.set(2).unwrap_err();
    assert_eq!((back, task.await.unwrap()), (2, 1));
    assert_eq!(SetOnce::new_with(Some(3)).into_inner(), Some(3));
}
