//! The semaphore that can't be given more than was taken.

mod sync_support;

use runtime_core::sync::{BoundedSemaphore, OverRelease, Permit, Semaphore, TryAcquireError};
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use sync_support::{Polled, within_bounds};

#[test]
fn permits_are_taken_and_given_back_in_turn() {
    let seats = BoundedSemaphore::new(1);
    let permit = seats.try_acquire().unwrap();
    assert_eq!(seats.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    let (mut first, mut second) = (Polled::new(seats.acquire()), Polled::new(seats.acquire()));
    first.pending();
    second.pending();
    drop(permit);
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    drop(first.ready());
    second.ready().forget();
    assert_eq!(seats.available_permits(), 0);
    assert_eq!(seats.release(), Ok(()));
    assert_eq!(seats.available_permits(), 1);
    assert_eq!(format!("{seats:?}"), "BoundedSemaphore { permits: 1, bound: 1 }");
}

/// asyncio's: `release` without `acquire` is a `ValueError`, and changes nothing.
#[test]
fn releasing_more_than_was_forgotten_is_an_error_and_changes_nothing() {
    let seats = Arc::new(BoundedSemaphore::new(2));
    let error = seats.release().unwrap_err();
    assert!(error.to_string().contains("bounded semaphore of 2"), "{error}");
    assert_eq!(seats.available_permits(), 2);
    // A permit that is held comes back by itself: to release it by hand as well would be one too many.
    let held = seats.clone().try_acquire_owned().unwrap();
    let lost = seats.clone().try_acquire_owned().unwrap();
    lost.forget();
    assert!(seats.release().is_ok());
    assert_eq!(seats.release(), Err(error));
    assert_eq!(seats.available_permits(), 1);
    drop(held);
    assert_eq!(seats.available_permits(), 2);
    assert!(seats.release().is_err());
}

#[test]
fn a_forgotten_owned_permit_keeps_nothing_alive() {
    let seats = Arc::new(BoundedSemaphore::new(1));
    seats.clone().try_acquire_owned().unwrap().forget();
    assert_eq!(Arc::strong_count(&seats), 1);
}

#[test]
fn a_release_goes_to_who_waits() {
    let seats = BoundedSemaphore::new(1);
    seats.try_acquire().unwrap().forget();
    let mut wait = Polled::new(seats.acquire());
    wait.pending();
    seats.release().unwrap();
    assert_eq!(wait.wakes(), 1);
    assert!(seats.try_acquire().is_err(), "somebody overtook");
    drop(wait);
    assert_eq!(seats.available_permits(), 1);
}

/// Promise 44.
#[test]
fn p44_waits_dropped_at_any_poll_lose_no_permit() {
    for polls in 0..=5 {
        let seats = Arc::new(BoundedSemaphore::new(1));
        let permit = seats.try_acquire().unwrap();
        let mut gives_up = Polled::new(seats.clone().acquire_owned());
        (0..polls).for_each(|_| gives_up.pending());
        let mut stays = Polled::new(seats.acquire());
        stays.pending();
        drop(permit);
        drop(gives_up);
        drop(stays.ready());
        assert_eq!(seats.available_permits(), 1);
    }
}

#[test]
fn senseless_bounds_are_refused() {
    let message =
        |permits| *catch_unwind(|| BoundedSemaphore::new(permits)).unwrap_err().downcast::<&str>().unwrap();
    assert!(message(usize::MAX).contains("MAX_PERMITS"), "{}", message(usize::MAX));
    static LARGEST: BoundedSemaphore = BoundedSemaphore::const_new(Semaphore::MAX_PERMITS);
    assert!(LARGEST.release().is_err());
}

/// asyncio takes 0 as well: a semaphore that lets nobody in.
#[test]
fn none_is_a_bound() {
    static NONE: BoundedSemaphore = BoundedSemaphore::const_new(0);
    let seats = BoundedSemaphore::new(0);
    assert!(seats.try_acquire().is_err() && NONE.try_acquire().is_err());
    let mut wait = Polled::new(seats.acquire());
    wait.pending();
    assert!(seats.release().is_err());
    wait.pending();
    drop(wait);
    assert_eq!((seats.available_permits(), seats.release().is_err()), (0, true));
}

/// The contract calls the type `Permit`.
#[test]
fn a_permit_has_a_short_name() {
    let seats = BoundedSemaphore::new(1);
    let permit: Permit<'_> = seats.try_acquire().unwrap();
    drop(permit);
}

#[test]
fn threads_never_find_more_than_the_bound() {
    within_bounds(|| {
        let seats = Arc::new(BoundedSemaphore::new(2));
        let inside = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..4)
            .map(|which| {
                let (seats, inside) = (seats.clone(), inside.clone());
                thread::spawn(move || {
                    for round in 0..1000 {
                        let permit = futures::executor::block_on(seats.acquire());
                        assert!(inside.fetch_add(1, Ordering::SeqCst) < 2, "too many inside");
                        inside.fetch_sub(1, Ordering::SeqCst);
                        if (round + which) % 2 == 0 {
                            permit.forget();
                            seats.release().unwrap();
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!((seats.available_permits(), seats.release().is_err()), (2, true));
    });
    fn is_error<T: std::error::Error + Send + Sync>() {}
    is_error::<OverRelease>();
}
