//! `tokio::task_local!`.

use std::cell::Cell;
use tokio::task::LocalKey;
use tokio::task::futures::TaskLocalFuture;

tokio::task_local! {
    /// With docs and a visibility.
    pub static NUMBER: u32;
    static TEXT: Cell<&'static str>;
}

/// `task_local`.
/// `task::LocalKey`: `scope`, `with`, `get`, `try_with`, `try_get`.
#[tokio::test]
async fn scope() {
    tokio::task_local! {
        static INNER: u8
    }
    assert_eq!(INNER.scope(1, async { INNER.get() }).await, 1);
    let key: &'static LocalKey<u32> = &NUMBER;
    assert!(key.try_with(|_| ()).is_err() && key.try_get().is_err());
    let inner = async {
        assert_eq!((NUMBER.get(), NUMBER.try_get().unwrap()), (1, 1));
        NUMBER.scope(2, async { assert_eq!(NUMBER.with(|number| *number), 2) }).await;
        NUMBER.try_with(|number| number + 2).unwrap()
    };
    assert_eq!(tokio::spawn(NUMBER.scope(1, inner)).await.unwrap(), 3);
}

/// `task::LocalKey`: `sync_scope`.
#[test]
fn sync_scope() {
    let result = TEXT.sync_scope(Cell::new("one"), || {
        TEXT.with(|text| text.set("two"));
        TEXT.with(|text| text.get())
    });
    assert_eq!(result, "two");
}

/// `task::futures::TaskLocalFuture`: `take_value`.
#[tokio::test]
async fn take_value() {
    let future: TaskLocalFuture<u32, _> = NUMBER.scope(1, async { NUMBER.get() });
    tokio::pin!(future);
    assert_eq!(future.as_mut().await, 1);
    assert_eq!(future.as_mut().take_value(), Some(1));
    assert_eq!(future.as_mut().take_value(), None);
}
