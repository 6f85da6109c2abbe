//! Foreign wakers that panic or come back in, and what may cross threads.

use runtime::task::{AbortHandle, LocalSet};
use runtime::{Builder, Flavor, Handle, JoinError, JoinHandle, Runtime};
use std::cell::Cell;
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

fn flavors() -> [Runtime; 2] {
    [
        Builder::new_multi_thread().worker_threads(2).build().unwrap(),
        Builder::new_current_thread().build().unwrap(),
    ]
}

/// Panics when woken, and when dropped.
struct Bomb(Arc<AtomicUsize>);

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
        panic!("in a wake, on purpose");
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
        if !std::thread::panicking() {
            panic!("in a waker's drop, on purpose");
        }
    }
}

/// Polls once with a waker that nobody else holds then.
fn poll_with<F: Future + Unpin>(
    future: &mut F,
    wake: Arc<impl Wake + Send + Sync + 'static>,
) -> Poll<F::Output> {
    let waker = Waker::from(wake);
    pin!(future).poll(&mut Context::from_waker(&waker))
}

#[test]
fn p10_a_waker_that_panics_harms_nobody() {
    for rt in flavors() {
        let booms = Arc::new(AtomicUsize::new(0));
        rt.block_on(async {
            // The handle's waker: woken by the completer, replaced, dropped with the handle.
            let (send, receive) = runtime::sync::oneshot::channel::<()>();
            let mut task = runtime::spawn(async move { receive.await.unwrap() });
            assert!(poll_with(&mut task, Arc::new(Bomb(booms.clone()))).is_pending());
            let dropped = catch_unwind(AssertUnwindSafe(|| {
                poll_with(&mut task, Arc::new(Bomb(booms.clone()))).is_pending()
            }));
            assert!(dropped.unwrap());
            send.send(()).unwrap();
            while !task.is_finished() {
                runtime::task::yield_now().await;
            }
            task.await.unwrap();
            let mut task = runtime::spawn(pending::<()>());
            assert!(poll_with(&mut task, Arc::new(Bomb(booms.clone()))).is_pending());
            task.abort();
            drop(task);
            // A timer's, beside one of ours that must be woken all the same.
            let mut nap = Box::pin(runtime::time::sleep(Duration::from_millis(5)));
            assert!(poll_with(&mut nap, Arc::new(Bomb(booms.clone()))).is_pending());
            runtime::time::sleep(Duration::from_millis(10)).await;
            assert!(nap.is_elapsed());
            assert_eq!(runtime::spawn(async { 1 }).await.unwrap(), 1);
        });
        assert!(booms.load(SeqCst) >= 4, "{}", booms.load(SeqCst));
        drop(rt);
    }
}

/// Does, when it is woken, whatever a waker may do.
struct Reenter {
    handle: Handle,
    task: AbortHandle,
    wakes: Arc<AtomicUsize>,
}

impl Wake for Reenter {
    fn wake(self: Arc<Self>) {
        let _entered = self.handle.enter();
        drop(runtime::spawn(async {}));
        drop(self.handle.spawn_blocking(|| ()));
        self.task.abort();
        assert_eq!(futures::executor::block_on(async { 1 }), 1);
        self.wakes.fetch_add(1, SeqCst);
    }
}

#[test]
fn p11_no_lock_of_ours_is_held_while_wakers_are_called() {
    for rt in flavors() {
        let wakes = Arc::new(AtomicUsize::new(0));
        let victims = rt.block_on(async {
            let victims: Vec<JoinHandle<()>> = (0..3).map(|_| runtime::spawn(pending())).collect();
            let reenter = |victim: &JoinHandle<()>| {
                let (handle, task) = (Handle::current(), victim.abort_handle());
                Arc::new(Reenter { handle, task, wakes: wakes.clone() })
            };
            // By the end of a task, by a timer, by the aborted task's own handle.
            let mut ended = runtime::spawn(runtime::task::yield_now());
            let mut nap = Box::pin(runtime::time::sleep(Duration::from_millis(5)));
            let _ = poll_with(&mut ended, reenter(&victims[0]));
            assert!(poll_with(&mut nap, reenter(&victims[1])).is_pending());
            let mut aborted = runtime::spawn(pending::<()>());
            assert!(poll_with(&mut aborted, reenter(&victims[2])).is_pending());
            aborted.abort();
            runtime::time::sleep(Duration::from_millis(10)).await;
            while !(aborted.is_finished() && ended.is_finished()) {
                runtime::task::yield_now().await;
            }
            victims
        });
        for victim in victims.into_iter().skip(1) {
            assert!(rt.block_on(victim).unwrap_err().is_cancelled());
        }
        assert!(wakes.load(SeqCst) >= 2);
    }
}

/// Compiles only where `T` is `Send` and `Sync`.
fn is_send_and_sync<T: Send + Sync>() {}

/// `true` where `$type` is `$auto`: the inherent constant hides the trait's.
macro_rules! is {
    ($auto:ident, $type:ty) => {{
        #[allow(dead_code)]
        trait Otherwise {
            const IS: bool = false;
        }
        impl<T> Otherwise for Probe<T> {}
        struct Probe<T>(std::marker::PhantomData<T>);
        #[allow(dead_code)]
        impl<T: $auto> Probe<T> {
            const IS: bool = true;
        }
        Probe::<$type>::IS
    }};
}

#[test]
fn p12_handles_cross_threads_exactly_when_their_output_may() {
    is_send_and_sync::<Runtime>();
    is_send_and_sync::<Handle>();
    is_send_and_sync::<Builder>();
    is_send_and_sync::<JoinError>();
    is_send_and_sync::<AbortHandle>();
    is_send_and_sync::<runtime::time::Sleep>();
    is_send_and_sync::<JoinHandle<u8>>();
    // Only the value is reached through it, and only by moving it out.
    is_send_and_sync::<JoinHandle<Cell<u8>>>();
    assert!(!is!(Send, JoinHandle<Rc<u8>>));
    assert!(!is!(Sync, JoinHandle<Rc<u8>>));
    assert!(!is!(Send, LocalSet));
    assert!(!is!(Sync, LocalSet));
    assert!(!is!(Send, runtime::EnterGuard));
    // The probe itself can tell.
    assert!(is!(Send, u8) && !is!(Send, Rc<u8>));
}

#[test]
fn p21_block_on_inside_of_async_code_works_or_panics_with_the_remedy() {
    for outer in flavors() {
        for inner in flavors() {
            let is_single = outer.handle().runtime_flavor() == Flavor::CurrentThread;
            let nested = move |rt: &Runtime| {
                if !is_single {
                    return assert_eq!(rt.block_on(async { 6 }), 6);
                }
                let panic = catch_unwind(AssertUnwindSafe(|| rt.block_on(async {}))).unwrap_err();
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                assert!(text.unwrap().contains("`spawn_blocking`"));
            };
            let inner = Arc::new(inner);
            let own = inner.clone();
            outer.block_on(async {
                nested(&inner);
                nested(&outer);
                runtime::spawn(async move { nested(&own) }).await.unwrap();
                // The remedy.
                let own = inner.clone();
                let job = runtime::spawn_blocking(move || own.block_on(async { 7 }));
                assert_eq!(job.await.unwrap(), 7);
                assert_eq!(runtime::spawn(async { 8 }).await.unwrap(), 8);
            });
        }
    }
}
