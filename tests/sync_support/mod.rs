//! What the tests of `sync` share: wakers that count or misbehave, futures polled by hand, a watchdog.
#![allow(dead_code)]

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::thread;
use std::time::Duration;

/// Counts its wake-ups.
#[derive(Default)]
pub(crate) struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// A future with a waker of its own, polled by hand.
pub(crate) struct Polled<F> {
    future: Pin<Box<F>>,
    pub(crate) wakes: Arc<Count>,
}

impl<F: Future> Polled<F> {
    pub(crate) fn new(future: F) -> Self {
        Polled { future: Box::pin(future), wakes: Arc::default() }
    }

    pub(crate) fn poll(&mut self) -> Poll<F::Output> {
        let waker = Waker::from(self.wakes.clone());
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    /// How often it was woken.
    pub(crate) fn wakes(&self) -> usize {
        self.wakes.get()
    }

    #[track_caller]
    pub(crate) fn pending(&mut self) {
        assert!(self.poll().is_pending(), "ready, and should wait");
    }

    #[track_caller]
    pub(crate) fn ready(&mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("waits, and should be ready"),
        }
    }
}

/// Runs `body` on a thread of its own and fails if that takes too long: a deadlock is a failure, not a hang.
#[track_caller]
pub(crate) fn within_bounds(body: impl FnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    let thread = thread::spawn(move || {
        body();
        let _ = done.send(());
    });
    match is_done.recv_timeout(Duration::from_secs(30)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("deadlock: no end within 30 s"),
        _ => thread.join().unwrap(),
    }
}

/// A waker that runs `hook` whenever it is cloned, woken or dropped: what foreign code may do at worst.
pub(crate) fn nosy_waker(hook: impl Fn(Event) + Send + Sync + 'static) -> Waker {
    let hook: Arc<Hook> = Arc::new(Box::new(hook));
    // SAFETY: the vtable below treats the data as what it is, an `Arc<Hook>` turned into a pointer.
    unsafe { Waker::from_raw(raw(hook)) }
}

/// What happened to a waker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Cloned,
    Woken,
    Dropped,
}

type Hook = Box<dyn Fn(Event) + Send + Sync>;

const NOSY: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, release);

fn raw(hook: Arc<Hook>) -> RawWaker {
    RawWaker::new(Arc::into_raw(hook).cast(), &NOSY)
}

/// The hook behind `data`, without its count.
fn borrow(data: *const ()) -> std::mem::ManuallyDrop<Arc<Hook>> {
    // SAFETY: `raw` made `data` from such an `Arc`, and the waker holds one count while it lives.
    std::mem::ManuallyDrop::new(unsafe { Arc::from_raw(data.cast()) })
}

fn clone(data: *const ()) -> RawWaker {
    let hook = borrow(data);
    hook(Event::Cloned);
    raw(Arc::clone(&hook))
}

fn wake(data: *const ()) {
    struct Release(*const ());
    impl Drop for Release {
        fn drop(&mut self) {
            release(self.0);
        }
    }
    // Also when the hook panics.
    let _release = Release(data);
    wake_by_ref(data);
}

fn wake_by_ref(data: *const ()) {
    borrow(data)(Event::Woken);
}

fn release(data: *const ()) {
    // The waker is gone, and its count goes with it, also when the hook panics.
    let hook = std::mem::ManuallyDrop::into_inner(borrow(data));
    hook(Event::Dropped);
}
