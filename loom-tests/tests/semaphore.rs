//! M10: permits. Nobody waits for a permit that is free, whatever is dropped when.
#![cfg(loom)]

use loom::future::block_on;
use loom_tests::{expect_failure, model};
use runtime_core::primitive::{Arc, UnsafeCell, thread};
use runtime_core::sync::internals::{Fault, plant};
use runtime_core::sync::{Mutex, Semaphore, TryAcquireError};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

/// Polls once, then drops.
fn give_up<F: Future>(future: F) {
    let _ = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
}

/// One waits and gives up, one waits to the end, one permit is given back.
fn cancel_against_grant() {
    let semaphore = Arc::new(Semaphore::new(0));
    let (first, second) = (semaphore.clone(), semaphore.clone());
    let gives_up = thread::spawn(move || give_up(first.acquire()));
    let waits = thread::spawn(move || drop(block_on(second.acquire()).unwrap()));
    semaphore.add_permits(1);
    gives_up.join().unwrap();
    waits.join().unwrap();
    assert_eq!(semaphore.available_permits(), 1, "a permit was lost");
}

#[test]
fn a_cancel_meets_a_grant() {
    model(cancel_against_grant);
}

#[test]
fn twin_keeps_what_it_was_granted() {
    // Loom meets the lost permit before it meets the waiter that waits for it for ever.
    expect_failure("twin_keeps_what_it_was_granted", "a permit was lost", || {
        plant(Fault::GrantKept);
        cancel_against_grant();
    });
}

/// The first waits for more than there will be, and gives up: those behind it can go on.
fn large_wait_gives_up() {
    let semaphore = Arc::new(Semaphore::new(0));
    let other = semaphore.clone();
    let waits = {
        let mut large = Box::pin(semaphore.acquire_many(2));
        assert!(large.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let waits = thread::spawn(move || drop(block_on(other.acquire()).unwrap()));
        semaphore.add_permits(1);
        waits
    };
    waits.join().unwrap();
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn a_large_wait_gives_up() {
    model(large_wait_gives_up);
}

#[test]
fn twin_keeps_what_had_gathered() {
    expect_failure("twin_keeps_what_had_gathered", "deadlock", || {
        plant(Fault::HeadKept);
        large_wait_gives_up();
    });
}

/// The value is a cell whose accesses loom checks: two holders at once would be a race.
#[test]
fn one_holds_a_mutex_at_a_time() {
    model(|| {
        let mutex = Arc::new(Mutex::new(UnsafeCell::new(0)));
        let add = |mutex: &Mutex<UnsafeCell<i32>>| {
            let guard = block_on(mutex.lock());
            // SAFETY: the guard is exclusive, which is what is tested.
            guard.with_mut(|value| unsafe { *value += 1 });
        };
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let mutex = mutex.clone();
                thread::spawn(move || add(&mutex))
            })
            .collect();
        add(&mutex);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let guard = block_on(mutex.lock());
        // SAFETY: as above.
        assert_eq!(guard.with(|value| unsafe { *value }), 3);
    });
}

/// What a holder wrote is seen by who takes the lock without waiting.
#[test]
fn a_try_lock_sees_what_was_written() {
    model(|| {
        let mutex = Arc::new(Mutex::new(UnsafeCell::new(0)));
        let other = mutex.clone();
        let writer = thread::spawn(move || {
            let guard = other.try_lock();
            if let Ok(guard) = guard {
                // SAFETY: the guard is exclusive.
                guard.with_mut(|value| unsafe { *value += 1 });
            }
        });
        if let Ok(guard) = mutex.try_lock() {
            // SAFETY: the guard is exclusive.
            guard.with_mut(|value| unsafe { *value += 1 });
        }
        writer.join().unwrap();
    });
}

#[test]
fn a_close_meets_a_wait_and_a_release() {
    model(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let (closing, waiting) = (semaphore.clone(), semaphore.clone());
        let closer = thread::spawn(move || closing.close());
        // Granted or refused, but not left waiting.
        let waiter = thread::spawn(move || block_on(waiting.acquire()).map(|permit| permit.forget()).is_ok());
        semaphore.add_permits(1);
        closer.join().unwrap();
        let granted = waiter.join().unwrap();
        assert_eq!(semaphore.available_permits(), usize::from(!granted));
        assert!(matches!(semaphore.try_acquire(), Err(TryAcquireError::Closed)));
    });
}

/// The permits of one that waits are given back, and the semaphore is closed, in either order, before it is polled:
/// it is refused, and what it was granted is free again.
fn close_against_grant() {
    let semaphore = Arc::new(Semaphore::new(0));
    let giving = semaphore.clone();
    let mut wait = Box::pin(semaphore.acquire());
    assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let giver = thread::spawn(move || giving.add_permits(1));
    semaphore.close();
    let refused = block_on(wait).is_err();
    assert!(refused, "permits of a closed semaphore");
    giver.join().unwrap();
    assert_eq!(semaphore.available_permits(), 1, "a permit was lost");
}

#[test]
fn a_close_meets_a_grant() {
    model(close_against_grant);
}

#[test]
fn twin_overlooks_the_close() {
    expect_failure("twin_overlooks_the_close", "permits of a closed semaphore", || {
        plant(Fault::CloseOverlooked);
        close_against_grant();
    });
}

/// Takers and givers without waiting: no permit is lost or made.
#[test]
fn tries_meet_releases() {
    model(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let other = semaphore.clone();
        let thread = thread::spawn(move || drop(other.try_acquire()));
        drop(semaphore.try_acquire());
        thread.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}
