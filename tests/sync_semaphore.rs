//! Semaphores: permits in turn, none lost, none made.

mod sync_support;

use futures::executor::block_on;
use runtime_core::sync::{Semaphore, TryAcquireError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use sync_support::{Polled, within_bounds};

#[test]
fn permits_come_back_when_dropped() {
    let semaphore = Semaphore::new(3);
    let one = semaphore.try_acquire().unwrap();
    let two = semaphore.try_acquire_many(2).unwrap();
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    drop(one);
    assert_eq!(semaphore.available_permits(), 1);
    drop(two);
    assert_eq!(semaphore.available_permits(), 3);
}

#[test]
fn waiters_are_served_in_order() {
    let semaphore = Semaphore::new(0);
    let mut waits: Vec<_> = (0..3).map(|_| Polled::new(semaphore.acquire())).collect();
    waits.iter_mut().for_each(Polled::pending);
    for turn in 0..3 {
        semaphore.add_permits(1);
        let wakes: Vec<_> = waits.iter().map(Polled::wakes).collect();
        assert_eq!(wakes.iter().sum::<usize>(), turn + 1);
        waits[turn].ready().unwrap().forget();
    }
}

/// The one behind a large wait waits as well, although there would be enough for it.
#[test]
fn nobody_overtakes_a_large_wait() {
    let semaphore = Semaphore::new(2);
    let mut large = Polled::new(semaphore.acquire_many(3));
    large.pending();
    let mut small = Polled::new(semaphore.acquire());
    small.pending();
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    assert_eq!(semaphore.available_permits(), 0);
    semaphore.add_permits(1);
    let permit = large.ready().unwrap();
    small.pending();
    drop(permit);
    drop(small.ready().unwrap());
    assert_eq!(semaphore.available_permits(), 3);
}

/// Dropped in the queue: what had gathered goes to the next ones.
#[test]
fn a_dropped_large_wait_lets_the_others_through() {
    let semaphore = Semaphore::new(2);
    let mut large = Polled::new(semaphore.acquire_many(3));
    large.pending();
    let mut small = [Polled::new(semaphore.acquire()), Polled::new(semaphore.acquire())];
    small.iter_mut().for_each(Polled::pending);
    drop(large);
    for small in &mut small {
        assert_eq!(small.wakes(), 1);
        drop(small.ready().unwrap());
    }
    assert_eq!(semaphore.available_permits(), 2);
}

/// Granted and dropped before it was polled: the permits go on to the next.
#[test]
fn a_granted_wait_that_is_dropped_hands_on() {
    let semaphore = Semaphore::new(0);
    let (mut first, mut second) = (Polled::new(semaphore.acquire()), Polled::new(semaphore.acquire()));
    first.pending();
    second.pending();
    semaphore.add_permits(1);
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    drop(first);
    assert_eq!(second.wakes(), 1);
    drop(second.ready().unwrap());
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn the_last_waker_is_the_one_that_is_woken() {
    let semaphore = Semaphore::new(0);
    let mut wait = Polled::new(semaphore.acquire());
    wait.pending();
    let old = std::mem::take(&mut wait.wakes);
    wait.pending();
    semaphore.add_permits(1);
    assert_eq!((old.get(), wait.wakes()), (0, 1));
}

#[test]
fn close_refuses_those_who_wait_and_those_who_come() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.try_acquire().unwrap();
    let mut wait = Polled::new(semaphore.acquire());
    wait.pending();
    semaphore.close();
    assert!(semaphore.is_closed());
    assert!(wait.ready().is_err());
    assert!(block_on(semaphore.acquire()).is_err());
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    drop(held);
    assert_eq!(semaphore.available_permits(), 1);
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
}

/// As in tokio: permits are somebody's when a poll has said so, not when a waker was called.
#[test]
fn close_refuses_a_wait_that_was_granted_and_not_told() {
    let semaphore = Arc::new(Semaphore::new(0));
    let mut told = Polled::new(semaphore.acquire());
    let mut waits = Polled::new(semaphore.acquire_many(2));
    let mut owned = Polled::new(semaphore.clone().acquire_owned());
    let mut dropped = Polled::new(semaphore.acquire());
    told.pending();
    waits.pending();
    owned.pending();
    dropped.pending();
    semaphore.add_permits(5);
    let held = told.ready().unwrap();
    semaphore.close();
    assert!(waits.ready().is_err() && owned.ready().is_err());
    assert_eq!(semaphore.available_permits(), 3, "what was granted comes back once");
    drop((waits, owned));
    assert_eq!(semaphore.available_permits(), 3);
    drop(dropped);
    assert_eq!(semaphore.available_permits(), 4);
    drop(held);
    assert_eq!(semaphore.available_permits(), 5, "what is out stays good");
}

#[test]
fn forgotten_permits_are_gone() {
    let semaphore = Semaphore::new(5);
    semaphore.try_acquire_many(2).unwrap().forget();
    assert_eq!(semaphore.available_permits(), 3);
    assert_eq!(semaphore.forget_permits(2), 2);
    assert_eq!(semaphore.forget_permits(2), 1);
    assert_eq!(semaphore.forget_permits(2), 0);
    assert_eq!(semaphore.available_permits(), 0);
}

#[test]
fn permits_split_and_merge() {
    let semaphore = Arc::new(Semaphore::new(5));
    let mut whole = semaphore.try_acquire_many(4).unwrap();
    assert!(whole.split(5).is_none());
    let part = whole.split(3).unwrap();
    assert_eq!((whole.num_permits(), part.num_permits()), (1, 3));
    drop(part);
    assert_eq!(semaphore.available_permits(), 4);
    whole.merge(semaphore.try_acquire_many(2).unwrap());
    assert_eq!(whole.num_permits(), 3);
    drop(whole);
    assert_eq!(semaphore.available_permits(), 5);

    let mut owned = semaphore.clone().try_acquire_many_owned(3).unwrap();
    let part = owned.split(1).unwrap();
    owned.merge(part);
    assert_eq!((owned.num_permits(), semaphore.available_permits()), (3, 2));
    assert!(Arc::ptr_eq(owned.semaphore(), &semaphore));
    let stranger = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    let merged = catch_unwind(AssertUnwindSafe(|| owned.merge(stranger)));
    assert!(merged.is_err(), "permits of two semaphores were merged");
}

/// Promise 46: permits never exceed the maximum.
#[test]
fn too_many_permits_are_refused() {
    assert!(catch_unwind(|| Semaphore::new(Semaphore::MAX_PERMITS + 1)).is_err());
    let semaphore = Semaphore::new(Semaphore::MAX_PERMITS);
    for more in [1, Semaphore::MAX_PERMITS, usize::MAX] {
        assert!(catch_unwind(|| semaphore.add_permits(more)).is_err(), "{more} were added");
        assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
    }
    drop(semaphore.try_acquire().unwrap());
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
}

/// The same with somebody waiting: nothing is left locked behind the panic.
#[test]
fn too_many_permits_are_refused_while_someone_waits() {
    let semaphore = Semaphore::new(0);
    let mut wait = Polled::new(semaphore.acquire());
    wait.pending();
    assert!(catch_unwind(AssertUnwindSafe(|| semaphore.add_permits(usize::MAX))).is_err());
    wait.pending();
    semaphore.add_permits(1);
    drop(wait.ready().unwrap());
}

#[test]
fn nothing_needs_nothing() {
    let semaphore = Semaphore::new(0);
    let mut wait = Polled::new(semaphore.acquire());
    wait.pending();
    assert_eq!(block_on(semaphore.acquire_many(0)).unwrap().num_permits(), 0);
    assert!(semaphore.try_acquire_many(0).is_ok());
    semaphore.add_permits(0);
    wait.pending();
}

#[test]
fn a_plain_thread_waits() {
    within_bounds(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let other = semaphore.clone();
        let thread = thread::spawn(move || {
            other.blocking_acquire().unwrap().forget();
            other.blocking_acquire_owned().unwrap().num_permits()
        });
        semaphore.add_permits(2);
        assert_eq!(thread.join().unwrap(), 1);
    });
}

/// At most as many inside as there are permits, and all come through.
#[test]
fn threads_share_the_permits() {
    const SEATS: usize = 3;
    within_bounds(|| {
        let semaphore = Arc::new(Semaphore::new(SEATS));
        let inside = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..8)
            .map(|which| {
                let (semaphore, inside) = (semaphore.clone(), inside.clone());
                thread::spawn(move || {
                    for round in 0..500 {
                        let need = 1 + (which + round) % SEATS;
                        let permit = block_on(semaphore.acquire_many(need as u32)).unwrap();
                        let now = inside.fetch_add(need, Ordering::SeqCst) + need;
                        assert!(now <= SEATS, "{now} inside");
                        thread::yield_now();
                        inside.fetch_sub(need, Ordering::SeqCst);
                        drop(permit);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(semaphore.available_permits(), SEATS);
    });
}
