//! Promises: who waits, who looks, who decides.

mod sync_support;

use runtime_core::sync::promise::Cancelled;
use runtime_core::sync::{PromiseFuture, promise};
use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use sync_support::{Event, Polled, nosy_waker, within_bounds};

#[test]
fn everybody_gets_the_value() {
    let (promise, future) = promise();
    let mut waits: Vec<_> = (0..3).map(|_| Polled::new(future.clone())).collect();
    waits.iter_mut().for_each(Polled::pending);
    assert!(!future.is_done());
    assert_eq!(future.try_get(), None);
    assert_eq!(promise.set("value".to_owned()), Ok(()));
    assert!(future.is_done());
    for wait in &mut waits {
        assert_eq!(wait.wakes(), 1);
        assert_eq!(wait.ready().unwrap(), "value");
        // As often as one likes.
        assert_eq!(wait.ready().unwrap(), "value");
    }
    assert_eq!(Polled::new(future.clone()).ready().unwrap(), "value");
    assert_eq!(future.try_get().unwrap().unwrap(), "value");
}

#[test]
fn it_is_decided_once() {
    let (first, future) = promise();
    assert_eq!((first.set(1), first.set(2), first.cancel()), (Ok(()), Err(2), false));
    assert_eq!(future.try_get(), Some(Ok(1)));

    let (second, future) = promise();
    assert_eq!((second.cancel(), second.cancel(), second.set(1)), (true, false, Err(1)));
    assert_eq!(future.try_get().unwrap().unwrap_err().to_string(), "promise cancelled");
    drop(second);
    assert!(future.is_done());
}

#[test]
fn a_promise_dropped_undecided_is_cancelled() {
    let (promise, future) = promise::<u8>();
    let mut wait = Polled::new(future);
    wait.pending();
    drop(promise);
    assert_eq!(wait.wakes(), 1);
    let _: Cancelled = wait.ready().unwrap_err();
}

/// What is dropped is the wait, not the promise.
#[test]
fn who_gives_up_waiting_takes_nothing_from_others() {
    let (promise, future) = promise();
    let (mut first, mut second) = (Polled::new(future.clone()), Polled::new(future));
    first.pending();
    second.pending();
    drop(first);
    promise.set(1).unwrap();
    assert_eq!(second.wakes(), 1);
    assert_eq!(second.ready(), Ok(1));
}

#[test]
fn a_future_moves_to_another_task_while_it_waits() {
    let (promise, mut future) = promise();
    let count = Arc::<sync_support::Count>::default();
    let waker = Waker::from(count.clone());
    assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_pending());
    // Another place, another waker.
    let mut moved = Polled::new(future);
    moved.pending();
    promise.set(1).unwrap();
    assert_eq!((count.get(), moved.wakes()), (0, 1));
    assert_eq!(moved.ready(), Ok(1));
}

/// A value that looks at its own promise when it is cloned, and panics at the third clone.
struct Copied {
    clones: Arc<AtomicUsize>,
    looks: Arc<Mutex<Option<PromiseFuture<Copied>>>>,
}

impl Clone for Copied {
    fn clone(&self) -> Self {
        assert!(self.clones.fetch_add(1, SeqCst) < 2, "a third clone");
        let future = self.looks.lock().unwrap().clone().unwrap();
        assert!(future.is_done());
        Copied { clones: self.clones.clone(), looks: self.looks.clone() }
    }
}

#[test]
fn values_are_cloned_without_a_lock_and_may_panic() {
    within_bounds(|| {
        let (promise, future) = promise();
        let clones = Arc::<AtomicUsize>::default();
        let looks = Arc::new(Mutex::new(Some(future.clone())));
        let mut waits = [Polled::new(future.clone()), Polled::new(future.clone())];
        waits.iter_mut().for_each(Polled::pending);
        assert!(promise.set(Copied { clones: clones.clone(), looks: looks.clone() }).is_ok());
        assert_eq!(clones.load(SeqCst), 0, "cloned before anybody asked");
        let [mut first, mut second] = waits;
        assert!(first.ready().is_ok());
        assert!(future.try_get().unwrap().is_ok());
        assert!(catch_unwind(AssertUnwindSafe(|| second.ready().is_ok())).is_err());
        // It is where it was.
        clones.store(0, SeqCst);
        assert!(second.ready().is_ok());
        *looks.lock().unwrap() = None;
    });
}

#[test]
fn wakers_use_the_promise_that_wakes_them() {
    within_bounds(|| {
        let (promise, future) = promise();
        let promise = Arc::new(promise);
        let woken = Arc::<AtomicUsize>::default();
        let (count, used, looks) = (woken.clone(), promise.clone(), future.clone());
        let waker = nosy_waker(move |event| {
            if event == Event::Woken {
                count.fetch_add(1, SeqCst);
                assert_eq!(used.set(2), Err(2));
                assert_eq!(looks.try_get(), Some(Ok(1)));
            }
            drop(looks.clone());
        });
        let mut cx = Context::from_waker(&waker);
        let mut waits = [future.clone(), future.clone(), future];
        for wait in &mut waits {
            assert!(pin!(wait).poll(&mut cx).is_pending());
        }
        let [first, ..] = waits;
        drop(first);
        promise.set(1).unwrap();
        assert!(woken.load(SeqCst) >= 1);
    });
}

#[test]
fn the_value_lives_as_long_as_somebody_may_ask() {
    let value = Arc::new(());
    let (promise, future) = promise();
    promise.set(value.clone()).unwrap();
    drop(promise);
    assert_eq!(Arc::strong_count(&value), 2);
    assert_eq!(Arc::strong_count(&future.try_get().unwrap().unwrap()), 3);
    drop(future);
    assert_eq!(Arc::strong_count(&value), 1);
    // Nobody will ask: the value goes with the promise.
    let (promise, future) = runtime_core::sync::promise();
    drop(future);
    promise.set(value.clone()).unwrap();
    drop(promise);
    assert_eq!(Arc::strong_count(&value), 1);
}

/// One value for one task, which is no business of other threads: it need not be `Sync`.
#[test]
fn on_one_thread_the_value_may_be_any() {
    let (promise, future) = promise();
    let mut wait = Polled::new(future);
    wait.pending();
    promise.set(Cell::new(1)).unwrap();
    assert_eq!(wait.ready().unwrap().get(), 1);
}

#[test]
fn debug_says_whether_it_is_decided() {
    let (promise, future) = promise();
    assert_eq!(
        format!("{promise:?} {future:?}"),
        "Promise { is_done: false, .. } PromiseFuture { is_done: false, .. }"
    );
    promise.set(1).unwrap();
    assert_eq!(
        format!("{promise:?} {future:?}"),
        "Promise { is_done: true, .. } PromiseFuture { is_done: true, .. }"
    );
}

#[test]
fn waiting_uses_up_the_budget() {
    runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        let (promise, future) = promise();
        promise.set(()).unwrap();
        let (mut polls, mut pending) = (0, 0);
        std::future::poll_fn(|cx| {
            for _ in 0..1000 {
                polls += 1;
                if Pin::new(&mut future.clone()).poll(cx).is_pending() {
                    pending += 1;
                    return Poll::Ready(());
                }
            }
            Poll::Ready(())
        })
        .await;
        assert!(pending == 1 && polls < 1000, "a task that only asks keeps its worker for ever");
    });
}

/// Callbacks, as asyncio's: later, in order, also those that come late.
#[test]
fn callbacks_run_later_and_in_order() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let note = |what: &'static str| {
        let log = log.clone();
        move |decided: &Result<u8, Cancelled>| log.lock().unwrap().push((what, decided.unwrap()))
    };
    // One thread, so that nothing runs before this waits.
    runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        let (promise, future) = promise();
        future.on_done(note("first"));
        future.clone().on_done(note("second"));
        let (inner, third, fourth) = (future.clone(), note("third"), note("from the third"));
        let (done, is_done) = runtime::sync::oneshot::channel();
        future.on_done(move |decided| {
            third(decided);
            inner.on_done(fourth);
            inner.on_done(move |_| done.send(()).unwrap());
        });
        promise.set(1).unwrap();
        future.on_done(note("late"));
        assert!(log.lock().unwrap().is_empty(), "inside of whoever decides, or registers");
        is_done.await.unwrap();
    });
    let expected = ["first", "second", "third", "late", "from the third"].map(|what| (what, 1));
    assert_eq!(*log.lock().unwrap(), expected);
}

/// A callback that comes while somebody decides, and before he got to the callbacks, waits its turn.
#[test]
fn callbacks_keep_their_order_while_somebody_decides() {
    within_bounds(|| {
        runtime::run(async {
            let (promise, future) = promise();
            let (seen, sees) = mpsc::channel();
            let note = move |what: &'static str| {
                let seen = seen.clone();
                move |_: &Result<(), Cancelled>| seen.send(what).unwrap()
            };
            future.on_done(note("early"));
            let (late, other) = (note("late"), future.clone());
            let waker = nosy_waker(move |event| {
                if event == Event::Woken {
                    other.on_done(late.clone());
                }
            });
            let mut wait = future.clone();
            assert!(Pin::new(&mut wait).poll(&mut Context::from_waker(&waker)).is_pending());
            drop(waker);
            promise.set(()).unwrap();
            let (done, is_done) = runtime::sync::oneshot::channel();
            future.on_done(move |_| done.send(()).unwrap());
            is_done.await.unwrap();
            assert_eq!(sees.try_iter().collect::<Vec<_>>(), ["early", "late"]);
        });
    });
}

#[test]
fn a_callback_learns_of_the_cancel_and_may_panic() {
    runtime::run(async {
        let (promise, future) = promise::<u8>();
        let (tell, told) = runtime::sync::oneshot::channel();
        future.on_done(|_| panic!("in a callback"));
        future.on_done(move |decided| tell.send(*decided).unwrap());
        drop((promise, future));
        assert!(told.await.unwrap().is_err());
    });
}

#[test]
fn a_callback_outside_of_a_runtime_is_refused() {
    let (_promise, future) = promise::<u8>();
    let panic = catch_unwind(AssertUnwindSafe(|| future.on_done(|_| {}))).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("runtime"), "{message}");
}

/// Threads that wait, give up and decide: one decision, which all see.
#[test]
fn threads_wait_give_up_and_decide() {
    within_bounds(|| {
        for _ in 0..300 {
            let (promise, future) = promise();
            let promise = Arc::new(promise);
            let waits: Vec<_> = (0..2)
                .map(|_| {
                    let future = future.clone();
                    thread::spawn(move || {
                        let _ = Polled::new(future.clone()).poll();
                        futures::executor::block_on(future)
                    })
                })
                .collect();
            let other = promise.clone();
            let decides = thread::spawn(move || other.set(1).is_ok());
            let cancelled = promise.cancel();
            let set = decides.join().unwrap();
            assert!(set != cancelled);
            for wait in waits {
                assert_eq!(wait.join().unwrap().is_ok(), set);
            }
        }
    });
}
