//! What a task drops, it drops as itself.

use runtime::sync::oneshot;
use runtime::task::{self, Id};
use std::future::{pending, ready};
use std::sync::mpsc;

/// Says which task drops it.
struct Tells(mpsc::Sender<Option<Id>>);

impl Drop for Tells {
    fn drop(&mut self) {
        assert_eq!(task::try_current().map(|task| task.id()), task::try_id());
        self.0.send(task::try_id()).unwrap();
    }
}

fn tells() -> (Tells, mpsc::Receiver<Option<Id>>) {
    let (tell, told) = mpsc::channel();
    (Tells(tell), told)
}

async fn first(told: mpsc::Receiver<Option<Id>>) -> Option<Id> {
    runtime::spawn_blocking(move || told.recv().unwrap()).await.unwrap()
}

/// At its end, where it waits, and before its start.
#[runtime::test]
async fn a_future_is_dropped_by_its_task() {
    let (owned, told) = tells();
    let task = runtime::spawn(async move { drop(owned) });
    let id = task.id();
    task.await.unwrap();
    assert_eq!(first(told).await, Some(id));

    let (owned, told) = tells();
    let (ready, is_ready) = oneshot::channel();
    let task = runtime::spawn(async move {
        let _owned = owned;
        ready.send(()).unwrap();
        pending::<()>().await;
    });
    let id = task.id();
    is_ready.await.unwrap();
    assert!(task.cancel().await.unwrap_err().is_cancelled());
    assert_eq!(first(told).await, Some(id));

    let (owned, told) = tells();
    let task = runtime::spawn(async move {
        let _owned = owned;
        pending::<()>().await;
    });
    let id = task.id();
    task.abort();
    let _ = task.await;
    assert_eq!(first(told).await, Some(id));

    let (owned, told) = tells();
    let job = runtime::spawn_blocking(move || drop(owned));
    let id = job.id();
    job.await.unwrap();
    assert_eq!(first(told).await, Some(id));
}

/// By the task that ends, if the handle has gone, else by who drops the handle.
#[runtime::test]
async fn an_output_is_dropped_by_its_task() {
    let (owned, told) = tells();
    let task = runtime::spawn(ready(owned));
    let id = task.id();
    drop(task);
    assert_eq!(first(told).await, Some(id));

    let (owned, told) = tells();
    let task = runtime::spawn(ready(owned));
    let id = task.id();
    while !task.is_finished() {
        task::yield_now().await;
    }
    let own = task::try_id();
    drop(task);
    assert_eq!(task::try_id(), own);
    assert_eq!(first(told).await, Some(id));
}

/// What is dropped may keep the task.
#[runtime::test]
async fn an_output_that_nobody_takes_may_keep_its_task() {
    struct Keeps(mpsc::Sender<task::Cancelled>);
    impl Drop for Keeps {
        fn drop(&mut self) {
            self.0.send(task::cancelled()).unwrap();
        }
    }
    let (tell, told) = mpsc::channel();
    drop(runtime::spawn(ready(Keeps(tell))));
    let kept = runtime::spawn_blocking(move || told.recv().unwrap()).await.unwrap();
    assert!(format!("{kept:?}").starts_with("Cancelled"));
}
