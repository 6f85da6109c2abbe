//! Promises 10 and 11: wakers are foreign code. They may use the very primitive that they wait for when they
//! are cloned, woken or dropped, and they may panic. If any of that happened under a lock of ours, these
//! tests would not end.

mod sync_support;

use runtime_core::sync::internals::AtomicWaker;
use runtime_core::sync::{
    self, Barrier, CancellationToken, Mutex, Notify, Queue, Semaphore, broadcast, mpsc, oneshot, promise,
    watch,
};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as StdMutex};
use std::task::{Context, Poll, Waker};
use sync_support::{Event, Polled, nosy_waker, within_bounds};

/// Polls with one waker twice, then with another, then lets `finish` end the wait, before or after the future
/// is dropped. The wakers run `hook` whenever anything happens to them.
fn pester(
    future: impl Future,
    hook: impl Fn() + Clone + Send + Sync + 'static,
    finish: impl FnOnce(),
    dropped_early: bool,
) {
    let waker = || {
        let hook = hook.clone();
        nosy_waker(move |_| hook())
    };
    let (first, second) = (waker(), waker());
    let mut future = Box::pin(future);
    for waker in [&first, &first, &second] {
        assert!(future.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
    }
    if dropped_early {
        drop(future);
        finish();
    } else {
        finish();
        drop(future);
    }
}

#[test]
fn a_semaphores_waker_uses_the_semaphore() {
    within_bounds(|| {
        for (dropped_early, closes) in [(false, false), (false, true), (true, false)] {
            let semaphore = Arc::new(Semaphore::new(0));
            let inner = semaphore.clone();
            let hook = move || {
                drop(inner.try_acquire());
                inner.add_permits(0);
                // Queues behind the others and leaves.
                let _ = Polled::new(inner.acquire_many(100)).poll();
            };
            let finish = || if closes { semaphore.close() } else { semaphore.add_permits(1) };
            pester(semaphore.acquire(), hook, finish, dropped_early);
            assert_eq!(semaphore.available_permits(), usize::from(!closes));
        }
    });
}

#[test]
fn a_mutexs_waker_uses_the_mutex() {
    within_bounds(|| {
        for dropped_early in [false, true] {
            let mutex = Arc::new(Mutex::new(()));
            let guard = mutex.try_lock().unwrap();
            let inner = mutex.clone();
            let hook = move || {
                drop(inner.try_lock());
                drop(Polled::new(inner.lock()).poll());
            };
            pester(mutex.lock(), hook, || drop(guard), dropped_early);
            assert!(mutex.try_lock().is_ok());
        }
    });
}

#[test]
fn a_notifys_waker_uses_the_notify() {
    within_bounds(|| {
        for finish in [Notify::notify_one as fn(&Notify), Notify::notify_last, Notify::notify_waiters] {
            for dropped_early in [false, true] {
                let notify = Arc::new(Notify::new());
                let inner = notify.clone();
                let hook = move || {
                    // Takes what is stored, if something is; else queues and leaves.
                    let _ = Polled::new(inner.notified()).poll();
                    let _ = Polled::new(inner.notified()).poll();
                };
                pester(notify.notified(), hook, || finish(&notify), dropped_early);
            }
        }
    });
}

#[test]
fn a_channels_wakers_use_the_channel() {
    within_bounds(|| {
        let (tx, mut rx) = mpsc::channel(1);
        tx.try_send(()).unwrap();
        let inner = tx.clone();
        let waker = nosy_waker(move |_| {
            let _ = inner.try_send(());
            let _ = Polled::new(inner.send(())).poll();
        });
        let mut send = Box::pin(tx.send(()));
        assert!(send.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert!(rx.try_recv().is_ok());
        drop(send);
        while rx.try_recv().is_ok() {}

        let inner = tx.clone();
        let waker = nosy_waker(move |event| {
            assert!(inner.capacity() <= 1);
            if event != Event::Cloned {
                let _ = inner.try_send(());
            }
        });
        for _ in 0..3 {
            let mut recv = Box::pin(rx.recv());
            assert!(recv.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            drop(recv);
            tx.try_send(()).unwrap();
            while rx.try_recv().is_ok() {}
        }
    });
}

#[test]
fn a_watchs_wakers_use_the_channel() {
    within_bounds(|| {
        for dropped_early in [false, true] {
            let (tx, mut rx) = watch::channel(0);
            let (inner_tx, inner_rx) = (tx.clone(), rx.clone());
            let hook = move || {
                let _ = Polled::new(inner_rx.clone().changed()).poll();
                assert!(*inner_rx.borrow() <= 1);
                inner_tx.send_if_modified(|_| false);
            };
            pester(rx.changed(), hook, || tx.send(1).unwrap(), dropped_early);
            assert_eq!(*rx.borrow(), 1);
        }
    });
}

#[test]
fn a_broadcasts_wakers_use_the_channel() {
    within_bounds(|| {
        for dropped_early in [false, true] {
            let (tx, mut rx) = broadcast::channel(4);
            let inner = tx.clone();
            let hook = move || {
                let _ = Polled::new(inner.subscribe().recv()).poll();
                assert!(inner.len() <= 1 && inner.receiver_count() == 1);
            };
            pester(rx.recv(), hook, || assert!(tx.send(1).is_ok()), dropped_early);
            assert_eq!(rx.try_recv(), Ok(1));
        }
    });
}

/// A panic in a waker ends there: the operation that woke it succeeds, and others who wait are woken.
#[test]
fn a_waker_that_panics_keeps_nobody_from_being_woken() {
    let bomb = || nosy_waker(|event| assert!(event != Event::Woken, "bomb"));
    let semaphore = Semaphore::new(0);
    let mut first = pin!(semaphore.acquire());
    assert!(first.as_mut().poll(&mut Context::from_waker(&bomb())).is_pending());
    let mut second = Polled::new(semaphore.acquire());
    second.pending();
    semaphore.add_permits(2);
    assert_eq!(second.wakes(), 1);
    drop(second.ready().unwrap());

    let notify = Notify::new();
    let mut first = pin!(notify.notified());
    assert!(first.as_mut().poll(&mut Context::from_waker(&bomb())).is_pending());
    let mut second = Polled::new(notify.notified());
    second.pending();
    notify.notify_waiters();
    second.ready();

    let (tx, mut rx) = oneshot::channel();
    assert!(Pin::new(&mut rx).poll(&mut Context::from_waker(&bomb())).is_pending());
    tx.send(1).unwrap();
    assert_eq!(rx.try_recv(), Ok(1));

    let (tx, mut rx) = mpsc::unbounded_channel();
    assert!(rx.poll_recv(&mut Context::from_waker(&bomb())).is_pending());
    tx.send(1).unwrap();
    assert_eq!(rx.try_recv(), Ok(1));

    let (tx, mut rx) = watch::channel(0);
    let mut other = rx.clone();
    let mut first = Box::pin(rx.changed());
    assert!(first.as_mut().poll(&mut Context::from_waker(&bomb())).is_pending());
    let mut second = Polled::new(other.changed());
    second.pending();
    tx.send(1).unwrap();
    assert_eq!(second.wakes(), 1);
    second.ready().unwrap();

    let (tx, mut rx) = broadcast::channel(1);
    let mut other = tx.subscribe();
    let mut first = Box::pin(rx.recv());
    assert!(first.as_mut().poll(&mut Context::from_waker(&bomb())).is_pending());
    let mut second = Polled::new(other.recv());
    second.pending();
    assert_eq!(tx.send(1), Ok(2));
    assert_eq!(second.wakes(), 1);
    assert_eq!(second.ready(), Ok(1));
}

/// A panic while a waker is cloned leaves the primitive as it was.
#[test]
fn a_waker_that_cannot_be_cloned_breaks_nothing() {
    let bomb = nosy_waker(|event| assert!(event != Event::Cloned, "bomb"));
    let mut cx = Context::from_waker(&bomb);

    let semaphore = Semaphore::new(0);
    let mut wait = Box::pin(semaphore.acquire());
    assert!(catch_unwind(AssertUnwindSafe(|| wait.as_mut().poll(&mut cx).is_ready())).is_err());
    drop(wait);
    semaphore.add_permits(1);
    assert!(semaphore.try_acquire().is_ok());

    let notify = Notify::new();
    let mut wait = Box::pin(notify.notified());
    assert!(catch_unwind(AssertUnwindSafe(|| wait.as_mut().poll(&mut cx).is_ready())).is_err());
    drop(wait);
    notify.notify_one();
    Polled::new(notify.notified()).ready();

    let (tx, mut rx) = oneshot::channel();
    assert!(catch_unwind(AssertUnwindSafe(|| Pin::new(&mut rx).poll(&mut cx).is_ready())).is_err());
    tx.send(1).unwrap();
    assert_eq!(rx.try_recv(), Ok(1));

    let (tx, mut rx) = mpsc::unbounded_channel();
    assert!(catch_unwind(AssertUnwindSafe(|| rx.poll_recv(&mut cx).is_ready())).is_err());
    let mut recv = Polled::new(rx.recv());
    recv.pending();
    tx.send(1).unwrap();
    assert_eq!(recv.wakes(), 1);
    assert_eq!(recv.ready(), Some(1));

    let (tx, mut rx) = watch::channel(0);
    let mut wait = Box::pin(rx.changed());
    assert!(catch_unwind(AssertUnwindSafe(|| wait.as_mut().poll(&mut cx).is_ready())).is_err());
    drop(wait);
    let mut changed = Polled::new(rx.changed());
    changed.pending();
    tx.send(1).unwrap();
    assert_eq!(changed.wakes(), 1);
    changed.ready().unwrap();

    let (tx, mut rx) = broadcast::channel(1);
    let mut wait = Box::pin(rx.recv());
    assert!(catch_unwind(AssertUnwindSafe(|| wait.as_mut().poll(&mut cx).is_ready())).is_err());
    drop(wait);
    let mut recv = Polled::new(rx.recv());
    recv.pending();
    assert_eq!(tx.send(1), Ok(1));
    assert_eq!(recv.wakes(), 1);
    assert_eq!(recv.ready(), Ok(1));
}

/// Polls once, with a waker whose clone makes come true what is waited for, and whose drop panics.
#[track_caller]
fn come_true_while_cloned<F: Future>(future: F, come_true: impl Fn() + Send + Sync + 'static) -> F::Output {
    let armed = Arc::new(AtomicBool::new(true));
    let bomb = armed.clone();
    let waker = nosy_waker(move |event| match event {
        Event::Cloned => come_true(),
        Event::Woken => {}
        Event::Dropped => assert!(!bomb.load(Ordering::SeqCst), "bomb"),
    });
    let mut future = Box::pin(future);
    let poll = || future.as_mut().poll(&mut Context::from_waker(&waker));
    let polled = catch_unwind(AssertUnwindSafe(poll));
    armed.store(false, Ordering::SeqCst);
    match polled {
        Ok(Poll::Ready(output)) => output,
        Ok(Poll::Pending) => panic!("waits for what is there"),
        Err(_) => panic!("the waker's panic has cost what was taken"),
    }
}

/// Promises 10 and 44: a waker is cloned in case that there is a wait. If there is none after all, it is dropped,
/// and a panic in that must not take with it what was taken.
#[test]
fn a_waker_that_cannot_be_dropped_costs_nothing_that_came_while_it_was_cloned() {
    let semaphore = Arc::new(Semaphore::new(0));
    let inner = semaphore.clone();
    drop(come_true_while_cloned(semaphore.acquire(), move || inner.add_permits(1)).unwrap());
    assert_eq!(semaphore.available_permits(), 1);
    let inner = semaphore.clone();
    assert!(come_true_while_cloned(semaphore.acquire_many(2), move || inner.close()).is_err());

    let mutex = Arc::new(Mutex::new(()));
    let guard = StdMutex::new(Some(mutex.clone().try_lock_owned().unwrap()));
    drop(come_true_while_cloned(mutex.lock(), move || drop(guard.lock().unwrap().take())));
    assert!(mutex.try_lock().is_ok());

    let notify = Arc::new(Notify::new());
    let inner = notify.clone();
    come_true_while_cloned(notify.notified(), move || inner.notify_one());
    Polled::new(notify.notified()).pending();

    let event = Arc::new(sync::Event::new());
    let inner = event.clone();
    come_true_while_cloned(event.wait(), move || inner.set());

    let barrier = Arc::new(Barrier::new(2));
    let other = Arc::new(StdMutex::new(None));
    let (inner, comes) = (barrier.clone(), other.clone());
    let come_true = move || {
        let inner = inner.clone();
        let mut wait = Polled::new(async move { inner.wait().await });
        wait.pending();
        *comes.lock().unwrap() =
            Some(Box::new(move || wait.ready().is_leader()) as Box<dyn FnOnce() -> bool + Send>);
    };
    assert!(come_true_while_cloned(barrier.wait(), come_true).is_leader());
    let other = other.lock().unwrap().take().unwrap();
    assert!(!other());
}

/// The same, where values come.
#[test]
fn a_waker_that_cannot_be_dropped_costs_no_value_that_came_while_it_was_cloned() {
    let (tx, mut rx) = broadcast::channel(4);
    let inner = tx.clone();
    assert_eq!(come_true_while_cloned(rx.recv(), move || assert!(inner.send(7).is_ok())), Ok(7));

    let (tx, mut rx) = watch::channel(0);
    let _open = tx.clone();
    come_true_while_cloned(rx.changed(), move || assert!(tx.send(1).is_ok())).unwrap();
    assert_eq!(rx.has_changed().ok(), Some(false), "the change is marked seen");

    let (tx, mut rx) = mpsc::unbounded_channel();
    assert_eq!(come_true_while_cloned(rx.recv(), move || assert!(tx.send(7).is_ok())), Some(7));

    let (tx, rx) = mpsc::channel(1);
    tx.try_send(1).unwrap();
    let rx = StdMutex::new(rx);
    come_true_while_cloned(tx.send(2), move || assert!(rx.lock().unwrap().try_recv().is_ok())).unwrap();

    let (tx, rx) = oneshot::channel();
    let tx = StdMutex::new(Some(tx));
    let sends = move || assert!(tx.lock().unwrap().take().is_none_or(|tx| tx.send(7).is_ok()));
    assert_eq!(come_true_while_cloned(rx, sends), Ok(7));

    let (promise, future) = promise();
    let sets = move || assert!(promise.set(7).is_ok());
    assert_eq!(come_true_while_cloned(future, sets), Ok(7));

    let queue = Queue::unbounded();
    let inner = queue.clone();
    let item = come_true_while_cloned(queue.get(), move || assert!(inner.try_put(7).is_ok()));
    assert_eq!(*item.unwrap(), 7);

    let token = CancellationToken::new();
    let inner = token.clone();
    come_true_while_cloned(token.cancelled(), move || inner.cancel());
}

#[test]
fn an_atomic_waker_survives_a_panic_and_keeps_the_last() {
    let cell = AtomicWaker::new();
    let bomb = nosy_waker(|event| assert!(event != Event::Cloned, "bomb"));
    assert!(catch_unwind(AssertUnwindSafe(|| cell.register(&bomb))).is_err());
    let count = Arc::<sync_support::Count>::default();
    cell.register(&Waker::from(count.clone()));
    cell.register(&Waker::from(count.clone()));
    cell.wake();
    cell.wake();
    assert_eq!(count.get(), 1);
    assert!(cell.take().is_none());
}
