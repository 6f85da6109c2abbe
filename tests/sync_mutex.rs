//! The async mutex.

mod sync_support;

use futures::executor::block_on;
use runtime_core::sync::{MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use sync_support::{Polled, within_bounds};

#[test]
fn unlocking_hands_the_lock_over() {
    let mutex = Mutex::new(0);
    let guard = mutex.try_lock().unwrap();
    let (mut first, mut second) = (Polled::new(mutex.lock()), Polled::new(mutex.lock()));
    first.pending();
    second.pending();
    drop(guard);
    assert!(mutex.try_lock().is_err(), "the lock was taken past those who wait");
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    second.pending();
    let mut guard = first.ready();
    *guard += 1;
    drop(guard);
    assert_eq!(*second.ready(), 1);
}

#[test]
fn a_dropped_wait_hands_the_lock_on() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let (mut first, mut second) = (Polled::new(mutex.lock()), Polled::new(mutex.lock()));
    first.pending();
    second.pending();
    drop(guard);
    drop(first);
    drop(second.ready());
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn a_panic_releases_the_lock_and_poisons_nothing() {
    let mutex = Mutex::new(1);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let mut guard = mutex.try_lock().unwrap();
        *guard = 2;
        panic!("while locked");
    }));
    assert!(caught.is_err());
    assert_eq!(*mutex.try_lock().unwrap(), 2);
}

#[test]
fn guards_narrow_to_parts() {
    let mutex = Mutex::new((1, Some("text".to_owned())));
    let mut number = MutexGuard::map(mutex.try_lock().unwrap(), |pair| &mut pair.0);
    *number += 1;
    assert!(mutex.try_lock().is_err());
    drop(number);
    let text = MutexGuard::try_map(mutex.try_lock().unwrap(), |pair| pair.1.as_mut()).unwrap();
    let mut bytes: MappedMutexGuard<'_, str> = MappedMutexGuard::map(text, |text| text.as_mut_str());
    bytes.make_ascii_uppercase();
    assert_eq!(format!("{bytes} {bytes:?}"), "TEXT \"TEXT\"");
    let bytes = MappedMutexGuard::try_map(bytes, |_| None::<&mut str>).unwrap_err();
    drop(bytes);
    mutex.try_lock().unwrap().1 = None;
    let guard = MutexGuard::try_map(mutex.try_lock().unwrap(), |pair| pair.1.as_mut()).unwrap_err();
    assert_eq!(guard.0, 2);
    assert!(std::ptr::eq(MutexGuard::mutex(&guard), &mutex));
}

#[test]
fn owned_guards_narrow_and_keep_the_mutex_alive() {
    let mutex = Arc::new(Mutex::new((1, Some(2))));
    let mut number = OwnedMutexGuard::map(mutex.clone().try_lock_owned().unwrap(), |pair| &mut pair.0);
    *number += 1;
    assert!(mutex.try_lock().is_err());
    let number = OwnedMappedMutexGuard::map(number, |number| number);
    assert_eq!(format!("{number:?} {number}"), "2 2");
    drop(number);
    let second = OwnedMutexGuard::try_map(mutex.clone().try_lock_owned().unwrap(), |pair| pair.1.as_mut());
    let second = OwnedMappedMutexGuard::try_map(second.unwrap(), |_| None::<&mut u8>).unwrap_err();
    drop(second);
    let guard = mutex.clone().try_lock_owned().unwrap();
    assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&guard), &mutex));
    let weak = Arc::downgrade(&mutex);
    drop(mutex);
    let part = OwnedMutexGuard::map(guard, |pair| &mut pair.0);
    assert_eq!((*part, weak.strong_count()), (2, 1));
    drop(part);
    assert_eq!(weak.strong_count(), 0);
}

#[test]
fn a_mutex_may_hold_what_has_no_size() {
    let mutex: Arc<Mutex<[u8]>> = Arc::new(Mutex::new([1, 2, 3]));
    block_on(mutex.clone().lock_owned()).reverse();
    assert_eq!(&*mutex.blocking_lock(), [3, 2, 1]);
    assert_eq!(format!("{:?}", &*mutex), "Mutex { data: [3, 2, 1] }");
    let _guard = mutex.try_lock().unwrap();
    assert_eq!(format!("{:?}", &*mutex), "Mutex { data: <locked> }");
}

#[test]
fn the_value_comes_out() {
    let mut mutex = Mutex::from(String::new());
    mutex.get_mut().push('x');
    assert_eq!(mutex.into_inner(), "x");
    assert_eq!(Mutex::<u8>::default().into_inner(), 0);
}

/// Promise 44 from several threads: half of the waits give up at some poll, and the count is right.
#[test]
fn threads_lock_and_give_up() {
    const ROUNDS: usize = 2000;
    within_bounds(|| {
        let mutex = Arc::new(Mutex::new(0));
        let threads: Vec<_> = (0..4)
            .map(|which| {
                let mutex = mutex.clone();
                thread::spawn(move || {
                    let mut locked = 0;
                    for round in 0..ROUNDS {
                        if (round + which) % 2 == 0 {
                            let mut guard = block_on(mutex.lock());
                            *guard += 1;
                            locked += 1;
                            if round % 8 == 0 {
                                thread::yield_now();
                            }
                        } else {
                            let mut wait = Polled::new(mutex.lock());
                            for _ in 0..round % 5 {
                                if let std::task::Poll::Ready(mut guard) = wait.poll() {
                                    *guard += 1;
                                    locked += 1;
                                    break;
                                }
                            }
                        }
                    }
                    locked
                })
            })
            .collect();
        let locked: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(*mutex.try_lock().unwrap(), locked);
        assert!(locked >= 4 * ROUNDS / 2);
    });
}

#[test]
fn blocking_locks_take_turns() {
    within_bounds(|| {
        let mutex = Arc::new(Mutex::new(0));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let mutex = mutex.clone();
                thread::spawn(move || {
                    for _ in 0..200 {
                        *mutex.blocking_lock() += 1;
                        *mutex.clone().blocking_lock_owned() += 1;
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*block_on(mutex.lock()), 1600);
    });
}
