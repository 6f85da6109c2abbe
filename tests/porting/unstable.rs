//! What tokio has with `--cfg tokio_unstable` only. Real tokio would need that flag for the whole build, so
//! these programs are compiled with this crate alone.

use std::fmt::Debug;
use std::rc::Rc;
use tokio::runtime::Handle;
use tokio::task::{self, JoinSet, LocalSet};

/// `task::Builder`: `new`, `name`, `spawn`, `spawn_on`, `spawn_local`, `spawn_local_on`.
#[tokio::test]
async fn builder() {
    let task = task::Builder::new().name("one").spawn(async { 1 }).unwrap();
    let on = task::Builder::new().spawn_on(async { 2 }, &Handle::current()).unwrap();
    assert_eq!(task.await.unwrap() + on.await.unwrap(), 3);
    let local = LocalSet::new();
    let later = task::Builder::new().spawn_local_on(async { *Rc::new(5) }, &local).unwrap();
    let output = local
        .run_until(async { task::Builder::new().spawn_local(async { *Rc::new(4) }).unwrap().await.unwrap() });
    assert_eq!(output.await, 4);
    assert_eq!(local.run_until(later).await.unwrap(), 5);
}

/// `task::JoinSet`: `build_task`.
/// `task::join_set::Builder`: `name`, `spawn`, `spawn_on`, `spawn_local`, `spawn_local_on`.
#[tokio::test]
async fn build_task() {
    let mut set = JoinSet::new();
    set.build_task().name("one").spawn(async { 1 }).unwrap();
    set.build_task().name("two").spawn_on(async { 2 }, &Handle::current()).unwrap();
    let local = LocalSet::new();
    set.build_task().name("four").spawn_local_on(async { *Rc::new(4) }, &local).unwrap();
    let sum = local.run_until(async move {
        set.build_task().name("three").spawn_local(async { *Rc::new(3) }).unwrap();
        set.join_all().await.into_iter().sum::<i32>()
    });
    assert_eq!(sum.await, 10);
}

implements!("task::Builder", task::Builder<'static>: Debug + Default);
implements!("task::join_set::Builder", task::join_set::Builder<'static, ()>: Debug);
