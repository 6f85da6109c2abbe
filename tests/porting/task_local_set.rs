//! `tokio::task::LocalSet`.

use std::rc::Rc;
use tokio::runtime::Builder;
use tokio::task::{self, LocalEnterGuard, LocalSet};

/// `task`: `spawn_local`.
/// `task::LocalSet`: `new`, `run_until`, `spawn_local`.
#[tokio::test]
async fn run_until() {
    let local = LocalSet::new();
    let data = Rc::new(1);
    let clone = data.clone();
    let early = local.spawn_local(async move { *clone + 1 });
    let sum = local.run_until(async move {
        let late = task::spawn_local(async move { *data });
        late.await.unwrap() + early.await.unwrap()
    });
    assert_eq!(sum.await, 3);
    local.await;
}

/// `task::LocalSet`: `block_on`, `enter`.
/// `task::LocalEnterGuard`.
#[test]
fn block_on() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let local = LocalSet::new();
    let guard: LocalEnterGuard = local.enter();
    let handle = task::spawn_local(async { *Rc::new(1) });
    drop(guard);
    assert_eq!(local.block_on(&runtime, handle).unwrap(), 1);
}
