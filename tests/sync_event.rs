//! Events.

mod sync_support;

use futures::executor::block_on;
use runtime_core::sync;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Context;
use std::thread;
use sync_support::{Event, Polled, nosy_waker, within_bounds};

#[test]
fn while_it_is_set_nobody_waits() {
    let event = sync::Event::new();
    assert!(!event.is_set());
    let mut early = Polled::new(event.wait());
    early.pending();
    event.set();
    event.set();
    assert!(event.is_set());
    assert_eq!(early.wakes(), 1);
    early.ready();
    Polled::new(event.wait()).ready();
    event.clear();
    event.clear();
    assert!(!event.is_set());
    Polled::new(event.wait()).pending();
    assert_eq!(format!("{:?}", sync::Event::default()), "Event { is_set: false }");
}

/// asyncio's: `set(); clear()` lets all who wait at that moment go on. With a notification that looks at the flag
/// again, they would wait on.
#[test]
fn setting_wakes_all_who_wait_though_it_is_cleared_at_once() {
    let event = sync::Event::new();
    let mut waits: Vec<_> = (0..3).map(|_| Polled::new(event.wait())).collect();
    waits.iter_mut().for_each(Polled::pending);
    let mut unpolled = Polled::new(event.wait());
    event.set();
    event.clear();
    assert!(waits.iter().all(|wait| wait.wakes() == 1));
    waits.iter_mut().for_each(Polled::ready);
    unpolled.pending();
    event.set();
    unpolled.ready();
}

/// Promise 44.
#[test]
fn p44_a_dropped_wait_leaves_no_trace() {
    for polls in 0..=5 {
        let event = sync::Event::new();
        let (mut gives_up, mut stays) = (Polled::new(event.wait()), Polled::new(event.wait()));
        (0..polls).for_each(|_| gives_up.pending());
        stays.pending();
        drop(gives_up);
        event.set();
        stays.ready();
    }
    let event = sync::Event::new();
    let mut told = Polled::new(event.wait());
    told.pending();
    event.set();
    drop(told);
    assert!(event.is_set());
}

#[test]
fn wakers_are_called_without_a_lock_and_may_panic() {
    within_bounds(|| {
        let event = Arc::new(sync::Event::new());
        let inner = event.clone();
        let waker = nosy_waker(move |what| {
            inner.set();
            inner.clear();
            assert_ne!(what, Event::Woken, "a waker that panics");
        });
        let mut first = Box::pin(event.wait());
        let _ = first.as_mut().poll(&mut Context::from_waker(&waker));
        let mut second = Polled::new(event.wait());
        second.pending();
        event.set();
        assert_eq!(second.wakes(), 1);
        second.ready();
    });
}

/// What a consumer does who clears, looks, and waits: it misses nothing.
#[test]
fn clear_then_look_then_wait_misses_nothing() {
    const ALL: usize = 20_000;
    within_bounds(|| {
        let shared = Arc::new((sync::Event::new(), AtomicUsize::new(0)));
        let other = shared.clone();
        let producer = thread::spawn(move || {
            for _ in 0..ALL {
                other.1.fetch_add(1, Ordering::Relaxed);
                other.0.set();
            }
        });
        block_on(async {
            while shared.1.load(Ordering::Relaxed) < ALL {
                shared.0.wait().await;
                shared.0.clear();
            }
        });
        producer.join().unwrap();
    });
}
