//! `task_local!`: scopes, and with `#[inherit]` what children get at their spawn.

mod sync_support;

use futures::executor::block_on;
use futures::future::{BoxFuture, poll_immediate};
use runtime::task::{AccessError, JoinSet, LocalKey, LocalSet, TaskLocalFuture, yield_now};
use runtime::{Builder, Runtime, task_local};
use std::cell::{Cell, RefCell};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use sync_support::within_bounds;

task_local! {
    /// An ordinary key.
    static PLAIN: u32;

    /// A key that children get a copy of.
    /// Its docs are long.
    #[inherit]
    #[allow(dead_code)]
    pub static TRACE: u32;

    #[allow(dead_code)]
    #[inherit]
    /// The order of attributes does not matter.
    pub(crate) static NAME: String;

    // Of a type that is neither Send nor Clone.
    #[allow(dead_code)] static LOCAL: Rc<Cell<u32>>;
    #[inherit] static SHARED: Arc<AtomicUsize>;
    #[inherit] static NOISY: Noisy;
    #[inherit] static CELL: Cell<u32>
}

task_local!(static LAST: u8);
task_local!();

fn flavors() -> [Runtime; 2] {
    [
        Builder::new_multi_thread().worker_threads(2).build().unwrap(),
        Builder::new_current_thread().build().unwrap(),
    ]
}

/// Counts its copies and drops, and may refuse to be copied.
struct Noisy {
    log: Arc<Mutex<Vec<&'static str>>>,
    refuses: bool,
}

impl Clone for Noisy {
    fn clone(&self) -> Self {
        assert!(!self.refuses, "on purpose");
        self.log.lock().unwrap().push("copied");
        Noisy { log: self.log.clone(), refuses: false }
    }
}

impl Drop for Noisy {
    fn drop(&mut self) {
        self.log.lock().unwrap().push("dropped");
    }
}

#[test]
fn a_scope_has_its_value_and_nobody_else_has() {
    block_on(async {
        assert_eq!(PLAIN.try_get(), TRACE.try_get());
        let error: AccessError = PLAIN.try_with(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "the task-local has no value here");
        for key in [&PLAIN, &TRACE] {
            let key: &'static LocalKey<u32> = key;
            let mut inside = pin!(key.scope(1, async {
                assert_eq!(key.get(), 1);
                yield_now_anywhere().await;
                let inner = key.scope(2, async {
                    yield_now_anywhere().await;
                    key.with(|value| *value)
                });
                assert_eq!(inner.await, 2);
                assert_eq!(key.sync_scope(3, || key.get()), 3);
                key.get()
            }));
            let mut output = None;
            while output.is_none() {
                output = poll_immediate(inside.as_mut()).await;
                assert!(key.try_get().is_err());
            }
            assert_eq!(output, Some(1));
        }
    });
}

/// Once pending, on any executor.
async fn yield_now_anywhere() {
    let mut is_first = true;
    std::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        if std::mem::take(&mut is_first) { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
    })
    .await;
}

#[test]
fn any_type_will_do_where_nothing_is_inherited() {
    let counter = Rc::new(Cell::new(0));
    block_on(LOCAL.scope(counter.clone(), async {
        LOCAL.with(|counter| counter.set(7));
        LAST.scope(1, async { assert_eq!(LAST.get(), 1) }).await;
    }));
    assert_eq!(counter.get(), 7);
    assert!(format!("{PLAIN:?} {TRACE:?}").starts_with("LocalKey"));
}

#[test]
#[should_panic(expected = "the task-local has no value here")]
fn with_panics_without_a_value() {
    TRACE.with(|_| ());
}

#[test]
fn a_value_can_be_taken_out_before_during_and_after() {
    for key in [&PLAIN, &TRACE] {
        let mut done = pin!(key.scope(5, async {}));
        assert!(format!("{done:?}").contains('5'));
        block_on(done.as_mut());
        assert_eq!((done.as_mut().take_value(), done.as_mut().take_value()), (Some(5), None));

        let outer = key.scope(1, async {
            let mut running = pin!(key.scope(2, async {
                assert_eq!(key.get(), 2);
                yield_now_anywhere().await;
                key.try_get()
            }));
            assert!(poll_immediate(running.as_mut()).await.is_none());
            assert_eq!(running.as_mut().take_value(), Some(2));
            assert!(running.await.is_err(), "not the outer scope's either");
            key.get()
        });
        assert_eq!(block_on(outer), 1);
    }
}

#[test]
fn polling_after_the_end_panics_and_leaves_no_value_behind() {
    for key in [&PLAIN, &TRACE] {
        let mut done = pin!(key.scope(5, async {}));
        block_on(done.as_mut());
        assert!(catch_unwind(AssertUnwindSafe(|| block_on(done.as_mut()))).is_err());
        assert!(key.try_get().is_err());
    }
}

#[test]
fn a_panic_ends_the_scope() {
    for key in [&PLAIN, &TRACE] {
        key.sync_scope(1, || {
            let panics = || key.sync_scope(2, || panic!("on purpose"));
            assert!(catch_unwind(panics).is_err());
            let panics = || block_on(key.scope(3, async { panic!("on purpose") }));
            assert!(catch_unwind(panics).is_err());
            assert_eq!(key.get(), 1);
        });
        assert!(key.try_get().is_err());
    }
}

#[test]
fn a_future_dropped_unfinished_is_dropped_in_its_scope() {
    struct Look(&'static LocalKey<u32>, Rc<RefCell<Vec<Result<u32, AccessError>>>>);
    impl Drop for Look {
        fn drop(&mut self) {
            self.1.borrow_mut().push(self.0.try_get());
        }
    }
    for key in [&PLAIN, &TRACE] {
        let seen = Rc::default();
        let look = Look(key, Rc::clone(&seen));
        drop(key.scope(1, async move {
            let _look = look;
            pending::<()>().await;
        }));
        let look = Look(key, Rc::clone(&seen));
        block_on(key.scope(2, async move { drop(look) }));
        assert_eq!(*seen.borrow(), [Ok(1), Ok(2)]);
    }
}

/// An ordinary key's cell is borrowed meanwhile, as in tokio. What is inherited is shared.
#[test]
fn a_scope_inside_of_with() {
    let inner = || PLAIN.sync_scope(2, || ());
    let nested = catch_unwind(AssertUnwindSafe(|| PLAIN.sync_scope(1, || PLAIN.with(|_| inner()))));
    let message = nested.unwrap_err();
    assert!(message.downcast_ref::<String>().unwrap().contains("leave `with` first"));
    assert!(PLAIN.try_get().is_err());

    TRACE.sync_scope(1, || {
        TRACE.with(|outer| {
            assert_eq!(TRACE.sync_scope(2, || TRACE.get()), 2);
            // Even a whole runtime in between.
            for rt in flavors() {
                rt.block_on(async { runtime::spawn(async { TRACE.get() }).await.unwrap() });
            }
            assert_eq!((*outer, TRACE.get()), (1, 1));
        });
    });
}

#[test]
fn children_of_every_kind_inherit() {
    within_bounds(|| {
        for rt in flavors() {
            let handle = rt.handle().clone();
            rt.block_on(TRACE.scope(
                7,
                PLAIN.scope(8, async {
                    let both = || (TRACE.try_get().ok(), PLAIN.try_get().ok());
                    assert_eq!(both(), (Some(7), Some(8)));
                    let expected = (Some(7), None);
                    assert_eq!(runtime::spawn(async move { both() }).await.unwrap(), expected);
                    assert_eq!(handle.spawn(async move { both() }).await.unwrap(), expected);
                    assert_eq!(runtime::spawn_blocking(both).await.unwrap(), expected);
                    assert_eq!(handle.spawn_blocking(both).await.unwrap(), expected);
                    let named = runtime::task::Builder::new().name("named").spawn(async move { both() });
                    assert_eq!(named.unwrap().await.unwrap(), expected);
                    let mut set = JoinSet::new();
                    set.spawn(async move { both() });
                    set.spawn_on(async move { both() }, &handle);
                    set.spawn_blocking(both);
                    set.build_task().name("named").spawn(async move { both() }).unwrap();
                    assert_eq!(set.join_all().await, [expected; 4]);
                }),
            ));
        }
        // On another runtime's threads, and from a thread of nobody's.
        let rt = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let child = TRACE.sync_scope(9, || rt.spawn(async { TRACE.get() }));
        assert_eq!(block_on(child).unwrap(), 9);
        let child = TRACE.sync_scope(9, || rt.spawn_blocking(|| TRACE.get()));
        assert_eq!(block_on(child).unwrap(), 9);
    });
}

#[test]
fn local_children_inherit() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let child = TRACE.sync_scope(1, || runtime::spawn_local(async { TRACE.get() }));
        let other = runtime::spawn_local(async { TRACE.try_get() });
        assert_eq!((child.await.unwrap(), other.await.unwrap().is_err()), (1, true));
    });
    runtime::run(async {
        let set = LocalSet::new();
        let early = set.spawn_local(async { TRACE.try_get() });
        let child = TRACE.sync_scope(1, || set.spawn_local(async { TRACE.get() }));
        let inside = TRACE.scope(
            2,
            set.run_until(async {
                let late = runtime::task::spawn_local(async { TRACE.get() });
                (early.await.unwrap().is_err(), child.await.unwrap(), late.await.unwrap())
            }),
        );
        assert_eq!(inside.await, (true, 1, 2));
    });
}

/// Through several generations, each with its own value on top.
#[test]
fn grandchildren_inherit_what_their_parents_had() {
    fn descend(depth: u32) -> BoxFuture<'static, Vec<(u32, String)>> {
        Box::pin(async move {
            let mut seen = vec![(TRACE.get(), NAME.get())];
            if depth > 0 {
                let child = TRACE.scope(depth, async move { runtime::spawn(descend(depth - 1)).await });
                seen.extend(child.await.unwrap());
                assert_eq!(seen[0], (TRACE.get(), NAME.get()));
            }
            seen
        })
    }
    for rt in flavors() {
        let seen = rt.block_on(NAME.scope("root".into(), TRACE.scope(9, descend(3))));
        assert_eq!(seen, [9, 3, 2, 1].map(|trace| (trace, "root".to_owned())));
    }
}

#[test]
fn changes_do_not_leak_back_and_later_ones_are_not_seen() {
    for rt in flavors() {
        rt.block_on(CELL.scope(Cell::new(1), async {
            let (go, gate) = runtime::sync::oneshot::channel::<()>();
            let child = runtime::spawn(async move {
                gate.await.unwrap();
                let seen = CELL.with(Cell::get);
                CELL.with(|cell| cell.set(3));
                yield_now().await;
                (seen, CELL.with(Cell::get))
            });
            CELL.with(|cell| cell.set(2));
            go.send(()).unwrap();
            assert_eq!(child.await.unwrap(), (1, 3), "copied at the spawn, and its own from then on");
            assert_eq!(CELL.with(Cell::get), 2);
        }));
    }
}

/// A task sees what it was given, and not what is in scope where it happens to be polled.
#[test]
fn what_is_in_scope_around_the_poll_is_not_seen() {
    let rt = Builder::new_current_thread().build().unwrap();
    let outside = rt.spawn(async { (TRACE.try_get().ok(), NAME.try_get().ok()) });
    let given = TRACE.sync_scope(1, || rt.spawn(async { (TRACE.try_get().ok(), NAME.try_get().ok()) }));
    TRACE.sync_scope(5, || {
        NAME.sync_scope("around".into(), || {
            rt.block_on(async {
                assert_eq!((TRACE.get(), &*NAME.get()), (5, "around"), "the main future is of the caller's");
                assert_eq!(outside.await.unwrap(), (None, None));
                assert_eq!(given.await.unwrap(), (Some(1), None));
                assert_eq!(TRACE.get(), 5);
            });
            assert_eq!((TRACE.get(), &*NAME.get()), (5, "around"));
        });
    });
    // What shutdown drops began outside, too.
    struct Look(Arc<Mutex<Option<Option<u32>>>>);
    impl Drop for Look {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = Some(TRACE.try_get().ok());
        }
    }
    for given in [None, Some(3)] {
        let seen = Arc::default();
        let look = Look(Arc::clone(&seen));
        let rt = Builder::new_current_thread().build().unwrap();
        let spawn = move || {
            drop(rt.spawn(async move {
                let _look = look;
                pending::<()>().await;
            }));
            rt
        };
        let rt = match given {
            Some(value) => TRACE.sync_scope(value, spawn),
            None => spawn(),
        };
        rt.block_on(yield_now());
        TRACE.sync_scope(8, || drop(rt));
        assert_eq!(*seen.lock().unwrap(), Some(given));
    }
}

/// A task that is cancelled is dropped with its values in scope, whoever cancels it.
#[test]
fn a_cancelled_task_is_dropped_in_scope() {
    struct Look(Arc<Mutex<Vec<Option<u32>>>>);
    impl Drop for Look {
        fn drop(&mut self) {
            self.0.lock().unwrap().push(TRACE.try_get().ok());
        }
    }
    for rt in flavors() {
        let seen = Arc::default();
        rt.block_on(async {
            for polled in [false, true] {
                let look = Look(Arc::clone(&seen));
                let task = TRACE.sync_scope(4, || {
                    runtime::spawn(async move {
                        let _look = look;
                        pending::<()>().await;
                    })
                });
                if polled {
                    yield_now().await;
                }
                task.abort();
                assert!(task.await.unwrap_err().is_cancelled());
            }
        });
        assert_eq!(*seen.lock().unwrap(), [Some(4), Some(4)]);
    }
}

#[test]
fn each_child_has_one_copy_which_goes_with_it() {
    for rt in flavors() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let noisy = Noisy { log: log.clone(), refuses: false };
        rt.block_on(NOISY.scope(noisy, async {
            for _ in 0..3 {
                let child = runtime::spawn(async {
                    for _ in 0..5 {
                        NOISY.with(|_| ());
                        yield_now().await;
                    }
                });
                child.await.unwrap();
            }
            runtime::spawn_blocking(|| NOISY.with(|_| ())).await.unwrap();
            // Aborted before it is polled.
            let child = runtime::spawn(async {});
            child.abort();
            let _ = child.await;
        }));
        let log = log.lock().unwrap();
        let count = |what| log.iter().filter(|entry| **entry == what).count();
        assert_eq!((count("copied"), count("dropped")), (5, 6));
    }
}

/// What an inner scope hides is of no use to children.
#[test]
fn only_the_innermost_value_is_copied() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let noisy = || Noisy { log: log.clone(), refuses: false };
    runtime::run(NOISY.scope(
        noisy(),
        NOISY.scope(noisy(), async {
            runtime::spawn(async { NOISY.with(|_| ()) }).await.unwrap();
        }),
    ));
    assert_eq!(*log.lock().unwrap(), ["copied", "dropped", "dropped", "dropped"]);
}

/// After a shutdown the copy of a refused child goes at once.
#[test]
fn refused_children_drop_their_copies() {
    let log = Arc::new(Mutex::new(Vec::new()));
    for rt in flavors() {
        let handle = rt.handle().clone();
        drop(rt);
        let noisy = Noisy { log: log.clone(), refuses: false };
        NOISY.sync_scope(noisy, || {
            assert!(block_on(handle.spawn(async {})).unwrap_err().is_cancelled());
            assert!(block_on(handle.spawn_blocking(|| ())).unwrap_err().is_cancelled());
        });
        let seen: Vec<_> = std::mem::take(&mut log.lock().unwrap());
        assert_eq!(seen.iter().filter(|entry| **entry == "dropped").count(), 3, "{seen:?}");
    }
}

/// Its panic is the spawner's, nothing is spawned, and the runtime goes on.
#[test]
fn a_value_that_refuses_to_be_copied() {
    for rt in flavors() {
        let log = Arc::new(Mutex::new(Vec::new()));
        let runs = Arc::new(AtomicUsize::new(0));
        rt.block_on(async {
            let noisy = Noisy { log: log.clone(), refuses: true };
            let count = runs.clone();
            let spawn =
                || NOISY.sync_scope(noisy, || runtime::spawn(async move { count.fetch_add(1, SeqCst) }));
            assert!(catch_unwind(AssertUnwindSafe(spawn)).is_err());
            assert!(NOISY.try_with(|_| ()).is_err());
            assert_eq!(runtime::spawn(async { 1 }).await.unwrap(), 1);
        });
        assert_eq!(runs.load(SeqCst), 0);
    }
}

/// Thousands of tasks on several threads: each sees its own values at every poll.
#[test]
fn tasks_that_move_between_threads_keep_their_values() {
    within_bounds(|| {
        let rt = Builder::new_multi_thread().worker_threads(4).build().unwrap();
        rt.block_on(async {
            let total = Arc::new(AtomicUsize::new(0));
            let mut set = JoinSet::new();
            for index in 0..1000 {
                let own = TRACE.scope(
                    index,
                    SHARED.scope(total.clone(), async move {
                        runtime::spawn(async move {
                            for _ in 0..10 {
                                assert_eq!(TRACE.get(), index);
                                yield_now().await;
                                SHARED.with(|total| total.fetch_add(1, SeqCst));
                            }
                            TRACE
                                .scope(index + 1, async move { runtime::spawn(async { TRACE.get() }).await })
                                .await
                        })
                        .await
                    }),
                );
                set.spawn(async move { assert_eq!(own.await.unwrap().unwrap(), index + 1) });
            }
            set.join_all().await;
            assert_eq!(total.load(SeqCst), 10_000);
        });
    });
}

/// In a thread-local's destructor there may be nothing left to stand in: no abort, and no value.
#[test]
fn a_thread_that_ends_has_no_values() {
    struct Look;
    impl Drop for Look {
        fn drop(&mut self) {
            assert!(TRACE.try_get().is_err());
            assert!(PLAIN.try_get().is_err());
        }
    }
    thread_local!(static LOOK: Look = const { Look });
    thread::spawn(|| {
        LOOK.with(|_| ());
        TRACE.sync_scope(1, || PLAIN.sync_scope(1, || LOOK.with(|_| ())));
    })
    .join()
    .unwrap();
}

#[test]
fn scopes_are_send_where_their_values_are() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    send::<TaskLocalFuture<u32, std::future::Ready<()>>>();
    sync::<TaskLocalFuture<u32, std::future::Ready<()>>>();
    send::<TaskLocalFuture<Cell<u32>, std::future::Ready<()>>>();
    send::<LocalKey<Rc<u8>>>();
    sync::<LocalKey<Rc<u8>>>();
}
