//! `AbortOnDropHandle`: a task that ends with its handle.

use runtime::sync::oneshot;
use runtime::task::{AbortOnDropHandle, yield_now};
use runtime::{Builder, Runtime};
use std::cell::Cell;
use std::future::pending;

fn flavors() -> [Runtime; 2] {
    [
        Builder::new_multi_thread().worker_threads(2).build().unwrap(),
        Builder::new_current_thread().build().unwrap(),
    ]
}

#[test]
fn an_abort_on_drop_handle_takes_its_task_along() {
    for rt in flavors() {
        rt.block_on(async {
            let spawn = || AbortOnDropHandle::new(runtime::spawn(pending::<u8>()));
            let dropped = spawn();
            let watcher = dropped.abort_handle();
            assert!(!dropped.is_finished());
            drop(dropped);
            while !watcher.is_finished() {
                yield_now().await;
            }
            // An await that is dropped takes it along too, but not one of a reference.
            let mut kept = spawn();
            let watcher = kept.abort_handle();
            assert!(futures::future::poll_immediate(&mut kept).await.is_none());
            yield_now().await;
            assert!(!watcher.is_finished());
            assert!(futures::future::poll_immediate(kept).await.is_none());
            while !watcher.is_finished() {
                yield_now().await;
            }
            let aborted = spawn();
            aborted.abort();
            assert!(aborted.await.unwrap_err().is_cancelled());
            // Detached, it is on its own.
            let (go, gate) = oneshot::channel::<u8>();
            let detached = AbortOnDropHandle::new(runtime::spawn(async move { gate.await.unwrap() }));
            let (shown, id) = (format!("{detached:?}"), detached.as_ref().id());
            assert!(shown.contains("AbortOnDropHandle") && shown.contains(&id.to_string()), "{shown}");
            let handle = detached.detach();
            yield_now().await;
            go.send(7).unwrap();
            assert_eq!(handle.await.unwrap(), 7);
        });
    }
}

#[test]
fn a_result_that_came_first_is_kept() {
    for rt in flavors() {
        rt.block_on(async {
            let task = AbortOnDropHandle::new(runtime::spawn(async { 7 }));
            while !task.is_finished() {
                yield_now().await;
            }
            task.abort();
            assert_eq!(task.await.unwrap(), 7);
        });
    }
}

#[test]
fn it_goes_where_its_result_may_go() {
    fn check<T: Send + Sync + Unpin + std::panic::UnwindSafe>() {}
    check::<AbortOnDropHandle<Cell<u8>>>();
    check::<AbortOnDropHandle<Option<Cell<u8>>>>();
    fn unpin<T: Unpin>() {}
    unpin::<AbortOnDropHandle<std::marker::PhantomPinned>>();
}
