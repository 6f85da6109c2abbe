//! What tasks inherit from where they are spawned: contextvars.

use runtime::task::{self, JoinHandle};
use runtime::{Builder, Handle, spawn, spawn_blocking, spawn_local};
use std::cell::Cell;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

runtime::task_local! {
    #[inherit]
    static TRACE: String;
    #[inherit]
    static DEPTH: Cell<u32>;
    #[inherit]
    static GUARD: Counted;
    static OWN: u32;
}

/// Counts copies and drops.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Ordering::SeqCst);
        Counted(self.0.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn trace() -> Option<String> {
    TRACE.try_with(String::clone).ok()
}

#[runtime::test]
async fn every_kind_of_spawn_hands_the_value_on() {
    TRACE
        .scope("request 7".to_owned(), async {
            let expected = Some("request 7".to_owned());
            assert_eq!(spawn(async { trace() }).await.unwrap(), expected);
            assert_eq!(spawn_blocking(trace).await.unwrap(), expected);
            assert_eq!(Handle::current().spawn(async { trace() }).await.unwrap(), expected);
            let named = task::Builder::new().name("named").spawn(async { trace() }).unwrap();
            assert_eq!(named.await.unwrap(), expected);
            let set = task::LocalSet::new();
            let local = set.run_until(async { spawn_local(async { trace() }).await.unwrap() });
            assert_eq!(local.await, expected);
            let grandchild = spawn(async {
                task::yield_now().await;
                spawn(async { trace() }).await.unwrap()
            });
            assert_eq!(grandchild.await.unwrap(), expected);
            let gathered = task::gather([async { trace() }]).await;
            assert_eq!(gathered[0].as_ref().unwrap(), &expected);
        })
        .await;
    assert_eq!(trace(), None);
    assert_eq!(spawn(async { trace() }).await.unwrap(), None);
}

#[test]
fn local_tasks_of_a_current_thread_runtime_inherit() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let seen = runtime.block_on(TRACE.scope("local".to_owned(), async {
        let child: JoinHandle<Option<String>> = spawn_local(async { trace() });
        child.await.unwrap()
    }));
    assert_eq!(seen.as_deref(), Some("local"));
}

/// A copy: what the child changes does not show in the parent, and the child keeps its own over awaits.
#[runtime::test]
async fn changes_do_not_leak_back() {
    DEPTH
        .scope(Cell::new(1), async {
            let child = spawn(async {
                for n in 1..100 {
                    assert_eq!(DEPTH.with(Cell::get), n);
                    DEPTH.with(|depth| depth.set(n + 1));
                    task::yield_now().await;
                }
                DEPTH.with(Cell::get)
            });
            assert_eq!(child.await.unwrap(), 100);
            assert_eq!(DEPTH.with(Cell::get), 1);
        })
        .await;
}

/// What is in scope on the thread that polls a task, or ran one before, is not the task's.
#[test]
fn values_stay_with_their_tasks() {
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let tasks = (0..200u32).map(|i| {
            DEPTH.sync_scope(Cell::new(i), || {
                spawn(async move {
                    for _ in 0..20 {
                        assert_eq!(DEPTH.with(Cell::get), i);
                        task::yield_now().await;
                    }
                })
            })
        });
        let bare = (0..200).map(|_| {
            spawn(async {
                for _ in 0..20 {
                    assert!(DEPTH.try_with(Cell::get).is_err());
                    task::yield_now().await;
                }
            })
        });
        for task in tasks.collect::<Vec<_>>().into_iter().chain(bare.collect::<Vec<_>>()) {
            task.await.unwrap();
        }
    });
}

#[runtime::test]
async fn a_plain_key_is_not_inherited() {
    OWN.scope(7, async { assert!(spawn(async { OWN.try_with(|n| *n).is_err() }).await.unwrap()) }).await;
}

/// However a task ends, its copy is dropped once; at the latest when its handle answers.
#[test]
fn copies_are_dropped_with_their_tasks() {
    let copies = Arc::new(AtomicUsize::new(1));
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(GUARD.scope(Counted(copies.clone()), async {
        let count = || copies.load(Ordering::SeqCst);
        spawn(async {}).await.unwrap();
        assert_eq!(count(), 1, "finished");
        let panics: JoinHandle<()> = spawn(async { panic!("on purpose") });
        panics.await.unwrap_err();
        assert_eq!(count(), 1, "panicked");
        spawn(pending::<()>()).cancel().await.unwrap_err();
        assert_eq!(count(), 1, "cancelled");
        spawn_blocking(|| {}).await.unwrap();
        assert_eq!(count(), 1, "a job");
        drop(spawn(pending::<()>()));
        assert_eq!(count(), 2, "left to the shutdown");
    }));
    drop(runtime);
    assert_eq!(copies.load(Ordering::SeqCst), 0);
}

#[test]
fn a_spawn_into_a_closed_runtime_drops_the_copy() {
    let copies = Arc::new(AtomicUsize::new(1));
    let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let handle = runtime.handle().clone();
    drop(runtime);
    GUARD.sync_scope(Counted(copies.clone()), || {
        let refused = handle.spawn(async {});
        assert!(futures::executor::block_on(refused).unwrap_err().is_cancelled());
        let refused = handle.spawn_blocking(|| {});
        assert!(futures::executor::block_on(refused).unwrap_err().is_cancelled());
        assert_eq!(copies.load(Ordering::SeqCst), 1);
    });
}

/// asyncio's callbacks run in a copy of the context in which they were given.
#[runtime::test]
async fn callbacks_see_what_was_in_scope_where_they_were_given() {
    let (tell, mut told) = runtime::sync::mpsc::unbounded_channel();
    let tells = || {
        let tell = tell.clone();
        move || tell.send(trace()).unwrap()
    };
    let (promise, future) = runtime::sync::promise::<()>();
    let (ended, is_ended) = runtime::sync::oneshot::channel::<()>();
    let task = TRACE.sync_scope("task".to_owned(), || spawn(async move { is_ended.await.unwrap() }));
    TRACE.sync_scope("giver".to_owned(), || {
        Handle::current().call_soon(tells());
        Handle::current().call_later(std::time::Duration::from_millis(1), tells());
        let call = tells();
        task.on_finish(move |_| call());
        let call = tells();
        future.on_done(move |_| call());
    });
    TRACE.sync_scope("other".to_owned(), || {
        ended.send(()).unwrap();
        promise.set(()).unwrap();
    });
    for _ in 0..4 {
        assert_eq!(told.recv().await.unwrap().as_deref(), Some("giver"));
    }
    TRACE.sync_scope("other".to_owned(), || {
        let call = tells();
        spawn(async {}).on_finish(move |_| call());
    });
    assert_eq!(told.recv().await.unwrap().as_deref(), Some("other"));
    Handle::current().call_soon(tells());
    assert_eq!(told.recv().await.unwrap(), None);
}
