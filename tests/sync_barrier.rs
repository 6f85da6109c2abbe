//! Barriers.

mod sync_support;

use runtime_core::sync::{Barrier, BarrierWaitResult};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::thread;
use sync_support::{Event, Polled, nosy_waker, within_bounds};

fn is_follower(result: &BarrierWaitResult) -> bool {
    !result.is_leader() && !result.is_broken()
}

#[test]
fn all_go_on_when_the_last_has_come_and_that_one_leads() {
    let barrier = Barrier::new(3);
    for _ in 0..3 {
        let mut waits: Vec<_> = (0..3).map(|_| Polled::new(barrier.wait())).collect();
        waits[0].pending();
        waits[1].pending();
        assert_eq!(format!("{barrier:?}"), "Barrier { parties: 3, arrived: 2 }");
        let leader = waits[2].ready();
        assert!(leader.is_leader() && !leader.is_broken());
        assert_eq!((waits[0].wakes(), waits[1].wakes()), (1, 1));
        // Somebody is here for the next round before those of this one have noticed.
        let mut next = Polled::new(barrier.wait());
        next.pending();
        assert!(is_follower(&waits[0].ready()) && is_follower(&waits[1].ready()));
        next.pending();
    }
}

#[test]
fn zero_and_one_do_not_wait() {
    for parties in [0, 1] {
        let barrier = Barrier::new(parties);
        for _ in 0..2 {
            assert!(Polled::new(barrier.wait()).ready().is_leader());
        }
    }
    Polled::new(Barrier::new(usize::MAX).wait()).pending();
}

/// In tokio a dropped wait still counts, and the barrier opens one too early.
#[test]
fn a_dropped_wait_gives_its_place_back() {
    let barrier = Barrier::new(2);
    let mut gives_up = Polled::new(barrier.wait());
    gives_up.pending();
    drop(gives_up);
    let mut first = Polled::new(barrier.wait());
    first.pending();
    assert!(Polled::new(barrier.wait()).ready().is_leader());
    // This one is dropped after all have come: nobody else is held up by that.
    drop(first);
    let mut first = Polled::new(barrier.wait());
    first.pending();
    Polled::new(barrier.wait()).ready();
    first.ready();
}

/// Promise 44: dropped after the k-th poll.
#[test]
fn p44_waits_dropped_at_any_poll_leave_no_trace() {
    for polls in 0..=5 {
        let barrier = Barrier::new(2);
        let mut gives_up = Polled::new(barrier.wait());
        (0..polls).for_each(|_| gives_up.pending());
        drop(gives_up);
        assert_eq!(format!("{barrier:?}"), "Barrier { parties: 2, arrived: 0 }");
    }
}

#[test]
fn abort_breaks_all_who_wait_and_all_who_come() {
    let barrier = Barrier::new(3);
    let (mut first, mut second) = (Polled::new(barrier.wait()), Polled::new(barrier.wait()));
    first.pending();
    second.pending();
    barrier.abort();
    assert_eq!((first.wakes(), second.wakes()), (1, 1));
    assert!(first.ready().is_broken());
    let result = second.ready();
    assert!(result.is_broken() && !result.is_leader());
    for _ in 0..5 {
        assert!(Polled::new(barrier.wait()).ready().is_broken());
    }
    barrier.abort();
    assert_eq!(format!("{barrier:?}"), "Barrier { parties: 3, state: broken }");
}

#[test]
fn those_who_had_passed_are_not_broken() {
    let barrier = Barrier::new(2);
    let mut first = Polled::new(barrier.wait());
    first.pending();
    Polled::new(barrier.wait()).ready();
    barrier.abort();
    assert!(is_follower(&first.ready()));
}

/// Promises 10 and 11: wakers use the barrier, and panic.
#[test]
fn wakers_are_called_without_a_lock_and_may_panic() {
    within_bounds(|| {
        let barrier = Arc::new(Barrier::new(3));
        let inner = barrier.clone();
        let waker = nosy_waker(move |event| {
            let _ = format!("{inner:?}");
            drop(Polled::new(inner.wait()).poll());
            assert_ne!(event, Event::Woken, "a waker that panics");
        });
        let mut first = Box::pin(barrier.wait());
        assert!(first.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        let mut second = Polled::new(barrier.wait());
        second.pending();
        let third = catch_unwind(AssertUnwindSafe(|| Polled::new(barrier.wait()).ready()));
        assert!(third.unwrap().is_leader());
        assert_eq!(second.wakes(), 1, "the panic of one waker kept another from being woken");
        second.ready();
        assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    });
}

#[test]
fn threads_go_round_by_round() {
    const ROUNDS: usize = 500;
    within_bounds(|| {
        let barrier = Arc::new(Barrier::new(3));
        let (arrived, leaders) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let (barrier, arrived, leaders) = (barrier.clone(), arrived.clone(), leaders.clone());
                thread::spawn(move || {
                    for round in 1..=ROUNDS {
                        arrived.fetch_add(1, Ordering::SeqCst);
                        let result = futures::executor::block_on(barrier.wait());
                        assert!(arrived.load(Ordering::SeqCst) >= 3 * round, "one went on too early");
                        leaders.fetch_add(usize::from(result.is_leader()), Ordering::SeqCst);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(leaders.load(Ordering::SeqCst), ROUNDS);
    });
}
