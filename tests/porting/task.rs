//! `tokio::task`: spawning, handles, and the same names at the root of the crate.

use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::{self, AbortHandle, Id, JoinError, JoinHandle};

/// `task`: `spawn`, `yield_now`.
/// `task::JoinHandle`: `is_finished`, `abort`.
/// `task::JoinError`: `is_cancelled`, `is_panic`.
#[tokio::test]
async fn spawn() {
    let handle: JoinHandle<i32> = task::spawn(async {
        task::yield_now().await;
        1
    });
    assert_eq!(handle.await.unwrap(), 1);
    let handle = tokio::spawn(std::future::pending::<()>());
    assert!(!handle.is_finished());
    handle.abort();
    let error: JoinError = handle.await.unwrap_err();
    assert!(error.is_cancelled() && !error.is_panic());
    let error: std::io::Error = error.into();
    assert!(!error.to_string().is_empty());
}

/// `spawn`.
/// `select`, `join`, `try_join`, `pin`.
#[tokio::test]
async fn root() {
    let (first, second) = tokio::join!(tokio::spawn(async { 1 }), async { 2 });
    assert_eq!((first.unwrap(), second), (1, 2));
    assert_eq!(tokio::try_join!(async { Ok::<_, &str>(1) }, async { Ok(2) }), Ok((1, 2)));
    assert_eq!(tokio::try_join!(async { Ok::<i32, _>(1) }, async { Err::<i32, _>("no") }), Err("no"));
    tokio::pin! {
        let late = tokio::time::sleep(Duration::from_secs(3600));
    }
    tokio::select! {
        biased;
        () = &mut late => panic!("too early"),
        number = async { 3 }, if first_is_enabled() => assert_eq!(number, 3),
        else => panic!("nothing left"),
    }
}

fn first_is_enabled() -> bool {
    true
}

/// `main`.
#[test]
fn main() {
    #[tokio::main]
    async fn main() -> i32 {
        tokio::spawn(async { 1 }).await.unwrap()
    }

    #[tokio::main(flavor = "current_thread")]
    async fn main_of_one_thread() -> i32 {
        tokio::spawn(async { 1 }).await.unwrap()
    }

    assert_eq!(main() + main_of_one_thread(), 2);
}

/// `test`.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn test() {
    tokio::spawn(async {}).await.unwrap();
}

/// `task::JoinError`: `into_panic`, `try_into_panic`, `id`.
#[tokio::test]
async fn panics() {
    let handle = tokio::spawn(async { std::panic::panic_any(7) });
    let id = handle.id();
    let error = handle.await.unwrap_err();
    assert!(error.is_panic() && error.id() == id);
    assert_eq!(error.into_panic().downcast_ref::<i32>(), Some(&7));
    let handle = tokio::spawn(std::future::pending::<()>());
    handle.abort();
    let same = handle.await.unwrap_err().try_into_panic().unwrap_err();
    assert!(same.is_cancelled());
}

/// `task::JoinHandle`: `abort_handle`, `id`.
/// `task::AbortHandle`: `abort`, `is_finished`, `id`.
#[tokio::test]
async fn abort_handle() {
    let handle = tokio::spawn(std::future::pending::<()>());
    let abort: AbortHandle = handle.abort_handle();
    assert!(!abort.is_finished() && abort.id() == handle.id());
    abort.abort();
    assert!(handle.await.unwrap_err().is_cancelled());
    assert!(abort.is_finished());
}

/// `task`: `id`, `try_id`.
/// `task::Id`.
#[tokio::test]
async fn id() {
    let handle = tokio::spawn(async { (task::id(), task::try_id()) });
    let expected: Id = handle.id();
    assert_eq!(handle.await.unwrap(), (expected, Some(expected)));
    assert!(!expected.to_string().is_empty());
}

/// `task`: `block_in_place`.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn in_place() {
    let sum = tokio::spawn(async {
        let behind = tokio::spawn(async { 2 });
        1 + task::block_in_place(|| Handle::current().block_on(behind)).unwrap()
    });
    assert_eq!(sum.await.unwrap(), 3);
}

/// `task`: `spawn_blocking`.
#[tokio::test]
async fn blocking() {
    assert_eq!(task::spawn_blocking(|| 1).await.unwrap(), 1);
}
