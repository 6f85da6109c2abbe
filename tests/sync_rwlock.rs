//! The async reader-writer lock.

mod sync_support;

use futures::executor::block_on;
use runtime_core::sync::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockMappedWriteGuard,
    RwLockReadGuard, RwLockWriteGuard,
};
use runtime_core::util::rand::Rand;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::task::Poll;
use std::thread;
use sync_support::{Polled, within_bounds};

#[test]
fn readers_share_and_a_writer_is_alone() {
    let lock = RwLock::new(1);
    let (one, other) = (lock.try_read().unwrap(), lock.try_read().unwrap());
    assert_eq!(*one + *other, 2);
    assert!(lock.try_write().is_err());
    drop(one);
    assert!(lock.try_write().is_err());
    drop(other);
    let mut writing = lock.try_write().unwrap();
    *writing += 1;
    assert!(lock.try_read().is_err());
    assert!(lock.try_write().is_err());
    drop(writing);
    assert_eq!(*lock.try_read().unwrap(), 2);
}

#[test]
fn turns_are_taken_in_order_and_no_reader_overtakes_a_writer() {
    let lock = RwLock::new(Vec::new());
    let reading = lock.try_read().unwrap();
    let mut writer = Polled::new(lock.write());
    let (mut first, mut second) = (Polled::new(lock.read()), Polled::new(lock.read()));
    let mut last = Polled::new(lock.write());
    writer.pending();
    assert!(lock.try_read().is_err(), "a reader overtook a waiting writer");
    first.pending();
    second.pending();
    last.pending();
    drop(reading);
    assert_eq!((writer.wakes(), first.wakes(), second.wakes(), last.wakes()), (1, 0, 0, 0));
    let mut writing = writer.ready();
    writing.push(1);
    first.pending();
    drop(writing);
    // Both readers at once, and not the writer behind them.
    assert_eq!((first.wakes(), second.wakes(), last.wakes()), (1, 1, 0));
    let (first, second) = (first.ready(), second.ready());
    assert_eq!((first.len(), second.len()), (1, 1));
    drop(first);
    last.pending();
    drop(second);
    last.ready().push(2);
    assert_eq!(*lock.try_read().unwrap(), [1, 2]);
}

#[test]
fn a_dropped_writer_lets_those_behind_it_in() {
    for was_granted in [false, true] {
        let lock = RwLock::new(());
        let reading = lock.try_read().unwrap();
        let (mut writer, mut reader) = (Polled::new(lock.write()), Polled::new(lock.read()));
        writer.pending();
        reader.pending();
        let reading = if was_granted {
            drop(reading);
            assert_eq!(writer.wakes(), 1);
            None
        } else {
            Some(reading)
        };
        drop(writer);
        assert_eq!(reader.wakes(), 1, "granted: {was_granted}");
        let also_reading = reader.ready();
        drop((reading, also_reading));
        assert!(lock.try_write().is_ok(), "permits were lost; granted: {was_granted}");
    }
}

#[test]
fn a_dropped_reader_gives_its_turn_back() {
    let lock = RwLock::new(());
    let writing = lock.try_write().unwrap();
    let (mut reader, mut writer) = (Polled::new(lock.read()), Polled::new(lock.write()));
    reader.pending();
    writer.pending();
    drop(writing);
    assert_eq!(reader.wakes(), 1);
    drop(reader);
    drop(writer.ready());
    assert!(lock.try_write().is_ok());
}

#[test]
fn the_number_of_readers_can_be_bounded() {
    let lock = RwLock::with_max_readers(5, 2);
    let (one, _other) = (lock.try_read().unwrap(), lock.try_read().unwrap());
    assert!(lock.try_read().is_err());
    let mut third = Polled::new(lock.read());
    third.pending();
    drop(one);
    assert_eq!(*third.ready(), 5);
    let alone = RwLock::with_max_readers((), 1);
    let reading = alone.try_read().unwrap();
    assert!(alone.try_read().is_err() && alone.try_write().is_err());
    drop(reading);
    let reading = alone.try_write().unwrap().downgrade();
    assert!(alone.try_read().is_err());
    drop(reading);
    assert!(alone.try_write().is_ok());
}

#[test]
fn senseless_bounds_are_refused() {
    let made = |readers_max| catch_unwind(|| RwLock::with_max_readers((), readers_max)).map(drop);
    let message = |readers_max| *made(readers_max).unwrap_err().downcast::<&str>().unwrap();
    assert!(message(0).contains("at least one reader"), "{}", message(0));
    assert!(message(u32::MAX).contains("u32::MAX >> 3"), "{}", message(u32::MAX));
    assert!(made(u32::MAX >> 3).is_ok());
}

#[test]
fn a_panic_releases_the_lock_and_poisons_nothing() {
    let lock = RwLock::new(1);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let mut writing = lock.try_write().unwrap();
        *writing = 2;
        let _ = RwLockWriteGuard::map(writing, |_| -> &mut i32 { panic!("in a closure") });
    }));
    assert!(caught.is_err());
    assert_eq!(*lock.try_write().unwrap(), 2);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _ = RwLockWriteGuard::downgrade_map(lock.try_write().unwrap(), |_| -> &i32 {
            panic!("in a closure")
        });
    }));
    assert!(caught.is_err());
    assert!(lock.try_write().is_ok());
}

#[test]
fn guards_narrow_to_parts() {
    let lock = RwLock::new((1, Some("text".to_owned())));
    let number = RwLockReadGuard::map(lock.try_read().unwrap(), |pair| &pair.0);
    assert_eq!(format!("{number} {number:?}"), "1 1");
    let number = RwLockReadGuard::try_map(number, |_| None::<&u8>).unwrap_err();
    assert!(lock.try_write().is_err());
    drop(number);

    let writing = RwLockWriteGuard::try_map(lock.try_write().unwrap(), |pair| pair.1.as_mut()).unwrap();
    let mut text: RwLockMappedWriteGuard<'_, str> =
        RwLockMappedWriteGuard::map(writing, |text| text.as_mut_str());
    text.make_ascii_uppercase();
    assert_eq!(format!("{text} {text:?}"), "TEXT \"TEXT\"");
    let text = RwLockMappedWriteGuard::try_map(text, |_| None::<&mut u8>).unwrap_err();
    assert!(lock.try_read().is_err());
    drop(text);
    lock.try_write().unwrap().1 = None;
    let writing = RwLockWriteGuard::try_map(lock.try_write().unwrap(), |pair| pair.1.as_mut()).unwrap_err();
    let mut mapped = RwLockWriteGuard::into_mapped(writing);
    mapped.0 = 3;
    drop(mapped);
    assert_eq!(lock.try_read().unwrap().0, 3);
}

#[test]
fn a_writer_becomes_a_reader_and_lets_readers_in_but_no_writer() {
    let lock = RwLock::new((1, None::<u8>));
    let mut writing = lock.try_write().unwrap();
    let (mut reader, mut writer) = (Polled::new(lock.read()), Polled::new(lock.write()));
    reader.pending();
    writer.pending();
    writing.0 = 2;
    let writing = RwLockWriteGuard::try_downgrade_map(writing, |pair| pair.1.as_ref()).unwrap_err();
    reader.pending();
    let number = RwLockWriteGuard::downgrade_map(writing, |pair| &pair.0);
    assert_eq!((*number, reader.ready().0), (2, 2));
    writer.pending();
    drop(number);
    let some = writer.ready();
    let whole = some.downgrade();
    assert_eq!(whole.0, 2);
    drop(whole);
    assert!(lock.try_write().is_ok(), "permits were lost");
}

#[test]
fn owned_guards_narrow_and_keep_the_lock_alive() {
    let lock = Arc::new(RwLock::new((1, Some(2))));
    let mut writing = lock.clone().try_write_owned().unwrap();
    assert!(Arc::ptr_eq(OwnedRwLockWriteGuard::rwlock(&writing), &lock));
    writing.0 += 1;
    let writing = OwnedRwLockWriteGuard::try_map(writing, |pair| pair.1.as_mut()).unwrap();
    let mut number = OwnedRwLockMappedWriteGuard::map(writing, |number| number);
    *number += 1;
    assert!(Arc::ptr_eq(OwnedRwLockMappedWriteGuard::rwlock(&number), &lock));
    let number = OwnedRwLockMappedWriteGuard::try_map(number, |_| None::<&mut u8>).unwrap_err();
    assert_eq!(format!("{number} {number:?}"), "3 3");
    assert!(lock.try_read().is_err());
    drop(number);

    let writing = OwnedRwLockWriteGuard::map(lock.clone().try_write_owned().unwrap(), |pair| &mut pair.0);
    drop(writing);
    drop(OwnedRwLockWriteGuard::into_mapped(lock.clone().try_write_owned().unwrap()));
    let writing = lock.clone().try_write_owned().unwrap();
    let writing = OwnedRwLockWriteGuard::try_downgrade_map(writing, |_| None::<&u8>).unwrap_err();
    assert!(lock.try_read().is_err());
    let reading = OwnedRwLockWriteGuard::downgrade_map(writing, |pair| &pair.1);
    assert!(lock.try_read().is_ok() && lock.try_write().is_err());
    let number = OwnedRwLockReadGuard::try_map(reading, |number| number.as_ref()).unwrap();
    let number = OwnedRwLockReadGuard::try_map(number, |_| None::<&u8>).unwrap_err();
    assert!(Arc::ptr_eq(OwnedRwLockReadGuard::rwlock(&number), &lock));
    drop(OwnedRwLockReadGuard::map(number, |number| number));
    drop(lock.clone().try_write_owned().unwrap().downgrade());

    let reading = block_on(lock.clone().read_owned());
    assert!(lock.clone().try_read_owned().is_ok() && lock.clone().try_write_owned().is_err());
    let weak = Arc::downgrade(&lock);
    drop(lock);
    assert_eq!((reading.0, weak.strong_count()), (2, 1));
    drop(reading);
    assert_eq!(weak.strong_count(), 0);
}

#[test]
fn a_lock_may_hold_what_has_no_size() {
    let lock: Arc<RwLock<[u8]>> = Arc::new(RwLock::new([1, 2, 3]));
    block_on(lock.clone().write_owned()).reverse();
    assert_eq!(&*lock.blocking_read(), [3, 2, 1]);
    lock.blocking_write()[0] = 0;
    assert_eq!(format!("{:?}", &*lock), "RwLock { data: [0, 2, 1] }");
    let _writing = lock.try_write().unwrap();
    assert_eq!(format!("{:?}", &*lock), "RwLock { data: <locked> }");
}

#[test]
fn the_value_comes_out() {
    static LOCK: RwLock<u8> = RwLock::const_with_max_readers(3, 1);
    assert_eq!(*LOCK.try_read().unwrap(), 3);
    let mut lock = RwLock::from(String::new());
    lock.get_mut().push('x');
    assert_eq!(lock.into_inner(), "x");
    assert_eq!(RwLock::<u8>::default().into_inner(), 0);
}

enum Guard<'a> {
    Read { _guard: RwLockReadGuard<'a, ()> },
    Write(RwLockWriteGuard<'a, ()>),
}

/// A wait, and after how many polls it gives up.
type Wait<'a> = (Polled<Pin<Box<dyn Future<Output = Guard<'a>> + 'a>>>, u32);

/// Promise 44 against a model: random locking, giving up after the k-th poll, downgrades; in the end nothing is lost.
#[test]
fn p44_random_waits_that_give_up_lose_nothing() {
    for seed in 0..300 {
        let rand = Rand::new(seed);
        let lock = RwLock::with_max_readers((), 3);
        let mut waits: Vec<Wait<'_>> = Vec::new();
        let mut guards = Vec::new();
        for _ in 0..200 {
            match rand.below(6) {
                0 | 1 => {
                    let lock = &lock;
                    let future: Pin<Box<dyn Future<Output = Guard<'_>>>> = if rand.below(2) == 0 {
                        Box::pin(async { Guard::Read { _guard: lock.read().await } })
                    } else {
                        Box::pin(async { Guard::Write(lock.write().await) })
                    };
                    waits.push((Polled::new(future), rand.below(6)));
                }
                2 | 3 if !waits.is_empty() => {
                    let at = rand.below(waits.len() as u32) as usize;
                    let (wait, polls_left) = &mut waits[at];
                    if *polls_left == 0 {
                        waits.remove(at);
                    } else if let Poll::Ready(guard) = wait.poll() {
                        waits.remove(at);
                        guards.push(guard);
                    } else {
                        *polls_left -= 1;
                    }
                }
                4 if !guards.is_empty() => {
                    let guard = guards.swap_remove(rand.below(guards.len() as u32) as usize);
                    if let (Guard::Write(guard), 0) = (guard, rand.below(2)) {
                        guards.push(Guard::Read { _guard: guard.downgrade() });
                    }
                }
                _ => {}
            }
            let writers = guards.iter().filter(|guard| matches!(guard, Guard::Write(_))).count();
            assert!(guards.len() <= if writers > 0 { 1 } else { 3 }, "seed {seed}: {writers} writers");
        }
        drop((waits, guards));
        assert!(lock.try_write().is_ok(), "seed {seed}: permits were lost");
        assert_eq!(
            std::iter::from_fn(|| lock.try_read().ok().map(std::mem::forget)).count(),
            3,
            "seed {seed}"
        );
    }
}

#[test]
fn threads_read_and_write() {
    within_bounds(|| {
        let lock = Arc::new(RwLock::new(0));
        let inside = Arc::new(AtomicIsize::new(0));
        let threads: Vec<_> = (0..4)
            .map(|which| {
                let (lock, inside) = (lock.clone(), inside.clone());
                thread::spawn(move || {
                    for round in 0..1000 {
                        if (round + which) % 3 == 0 {
                            let mut writing = lock.blocking_write();
                            assert_eq!(inside.swap(-1, Ordering::SeqCst), 0, "a writer was not alone");
                            *writing += 1;
                            inside.store(0, Ordering::SeqCst);
                        } else {
                            let _reading = lock.blocking_read();
                            assert!(inside.fetch_add(1, Ordering::SeqCst) >= 0, "a reader met a writer");
                            inside.fetch_sub(1, Ordering::SeqCst);
                        }
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let writes: usize =
            (0..4).map(|which| (0..1000).filter(|round| (round + which) % 3 == 0).count()).sum();
        assert_eq!(*lock.try_read().unwrap(), writes);
    });
}
