//! Condition variables.

mod sync_support;

use futures::executor::block_on;
use runtime_core::sync::{Condvar, Mutex, MutexGuard};
use runtime_core::util::rand::Rand;
use std::cell::Cell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Context;
use std::thread;
use sync_support::{Event, Polled, nosy_waker, within_bounds};

/// A wait that has released the lock.
fn waiting<'a, T>(
    condvar: &'a Condvar,
    mutex: &'a Mutex<T>,
) -> Polled<impl Future<Output = MutexGuard<'a, T>> + use<'a, T>> {
    let mut wait = Polled::new(condvar.wait(mutex.try_lock().unwrap()));
    wait.pending();
    wait
}

#[test]
fn a_wait_releases_the_lock_and_takes_it_again() {
    let (mutex, condvar) = (Mutex::new(1), Condvar::new());
    let mut wait = waiting(&condvar, &mutex);
    let mut guard = mutex.try_lock().expect("the wait holds the lock");
    condvar.notify_one();
    assert_eq!(wait.wakes(), 1);
    wait.pending();
    *guard = 2;
    drop(guard);
    assert_eq!(*wait.ready(), 2);
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn nothing_happens_before_the_first_poll() {
    let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    let wait = condvar.wait(mutex.try_lock().unwrap());
    assert!(mutex.try_lock().is_err());
    condvar.notify_all();
    let mut wait = Polled::new(wait);
    wait.pending();
    drop(wait);
    drop(condvar.wait(mutex.try_lock().unwrap()));
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn notifications_go_first_in_first_out_and_so_does_the_lock() {
    let (mutex, condvar) = (Mutex::new(Vec::new()), Condvar::new());
    let mut waits: Vec<_> = (0..4).map(|_| waiting(&condvar, &mutex)).collect();
    condvar.notify_one();
    assert_eq!(waits.iter().map(Polled::wakes).collect::<Vec<_>>(), [1, 0, 0, 0]);
    waits[0].ready().push(0);
    condvar.notify_all();
    condvar.notify_one();
    assert_eq!(waits.iter().map(Polled::wakes).collect::<Vec<_>>(), [1, 1, 1, 1]);
    let guard = waits[1].ready();
    waits[2].pending();
    waits[3].pending();
    drop(guard);
    waits[3].pending();
    waits[2].ready().push(2);
    waits[3].ready().push(3);
    // Nobody waited any more when the last notification came: it is not stored.
    waiting(&condvar, &mutex).pending();
    assert_eq!(*mutex.try_lock().unwrap(), [0, 2, 3]);
}

#[test]
fn waiting_while_looks_before_and_after_under_the_lock() {
    let (mutex, condvar) = (Mutex::new(0), Condvar::new());
    let looked = Cell::new(0);
    let below_two = |value: &mut i32| {
        looked.set(looked.get() + 1);
        assert!(mutex.try_lock().is_err(), "not under the lock");
        *value < 2
    };
    let mut wait = Polled::new(condvar.wait_while(mutex.try_lock().unwrap(), below_two));
    wait.pending();
    for value in [1, 2] {
        *mutex.try_lock().unwrap() = value;
        condvar.notify_one();
        if value == 1 {
            wait.pending();
        }
    }
    let guard = wait.ready();
    assert_eq!((*guard, looked.get()), (2, 3));
    drop(wait);
    // It holds not: no wait.
    let guard = Polled::new(condvar.wait_while(guard, |value| *value < 2)).ready();
    assert_eq!(*guard, 2);
}

#[test]
fn a_condition_that_panics_releases_the_lock() {
    let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    let mut looked = false;
    let mut wait = Polled::new(condvar.wait_while(mutex.try_lock().unwrap(), |()| {
        assert!(!std::mem::replace(&mut looked, true), "the second look panics");
        true
    }));
    wait.pending();
    condvar.notify_one();
    assert!(catch_unwind(AssertUnwindSafe(|| wait.poll())).is_err());
    assert!(mutex.try_lock().is_ok());
}

/// asyncio's since 3.13, and promise 44: whoever was notified and is dropped hands on, before it has noticed and
/// while it waits for the lock.
#[test]
fn p44_a_dropped_wait_leaves_the_lock_released_and_hands_its_notification_on() {
    for waits_for_the_lock in [false, true] {
        let (mutex, condvar) = (Mutex::new(()), Condvar::new());
        let (mut first, mut second) = (waiting(&condvar, &mutex), waiting(&condvar, &mutex));
        let guard = mutex.try_lock().unwrap();
        condvar.notify_one();
        if waits_for_the_lock {
            first.pending();
        }
        drop(first);
        assert_eq!(second.wakes(), 1, "waits for the lock: {waits_for_the_lock}");
        drop(guard);
        drop(second.ready());
        assert!(mutex.try_lock().is_ok());
    }
}

#[test]
fn what_was_given_to_all_is_not_handed_on() {
    let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    let first = waiting(&condvar, &mutex);
    condvar.notify_all();
    let mut late = waiting(&condvar, &mutex);
    drop(first);
    assert_eq!(late.wakes(), 0);
    late.pending();
}

#[test]
fn a_finished_wait_hands_nothing_on() {
    let (mutex, condvar) = (Mutex::new(()), Condvar::new());
    let (mut first, mut second) = (waiting(&condvar, &mutex), waiting(&condvar, &mutex));
    condvar.notify_one();
    drop(first.ready());
    drop(first);
    second.pending();
    assert_eq!(second.wakes(), 0);
}

#[test]
fn p44_waits_dropped_at_any_poll_leave_no_trace() {
    for polls in 0..=5 {
        let (mutex, condvar) = (Mutex::new(()), Condvar::new());
        let mut gives_up = Polled::new(condvar.wait(mutex.try_lock().unwrap()));
        (0..polls).for_each(|_| gives_up.pending());
        drop(gives_up);
        assert!(mutex.try_lock().is_ok());
        assert_eq!(format!("{condvar:?}"), "Condvar { has_waiters: false }");
    }
}

/// Each gets the lock back that it gave, in the order in which they came.
#[test]
fn one_condvar_may_serve_two_mutexes() {
    let (one, other, condvar) = (Mutex::new(1), Mutex::new(2), Condvar::default());
    let (mut first, mut second) = (waiting(&condvar, &one), waiting(&condvar, &other));
    condvar.notify_one();
    assert_eq!(*first.ready(), 1);
    second.pending();
    condvar.notify_one();
    let guard = second.ready();
    assert_eq!(*guard, 2);
    assert!(std::ptr::eq(MutexGuard::mutex(&guard), &other) && one.try_lock().is_ok());
}

/// Promises 10 and 11.
#[test]
fn wakers_are_called_without_a_lock_and_may_panic() {
    within_bounds(|| {
        let shared = Arc::new((Mutex::new(()), Condvar::new()));
        let inner = shared.clone();
        let waker = nosy_waker(move |event| {
            drop(inner.0.try_lock());
            let _ = format!("{:?}", inner.1);
            inner.1.notify_one();
            assert_ne!(event, Event::Woken, "a waker that panics");
        });
        let (mutex, condvar) = &*shared;
        for is_dropped_early in [false, true] {
            let mut first = Box::pin(condvar.wait(mutex.try_lock().unwrap()));
            assert!(first.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            let mut second = waiting(condvar, mutex);
            if is_dropped_early {
                drop(first);
                condvar.notify_one();
            } else {
                condvar.notify_all();
            }
            assert_eq!(second.wakes(), 1);
            drop(second.ready());
        }
    });
}

/// A wait, after how many polls it gives up, and how often it had been woken when it was last polled.
struct Take<F> {
    future: Polled<F>,
    polls_left: u32,
    wakes_seen: Option<usize>,
}

impl<F: Future<Output = ()>> Take<F> {
    fn poll(&mut self) -> bool {
        self.wakes_seen = Some(self.future.wakes());
        self.future.poll().is_ready()
    }

    fn is_woken(&self) -> bool {
        self.wakes_seen.is_some_and(|seen| self.future.wakes() > seen)
    }
}

/// Promise 44 against a model: takers that give up at some poll, or are dropped at any time, and things that are put
/// there. When all who were woken have run, nobody waits while something is there.
#[test]
fn p44_random_waits_that_give_up_lose_no_notification() {
    for seed in 0..300 {
        let rand = Rand::new(seed);
        let (there, added) = (Mutex::new(0), Condvar::new());
        let put = async || {
            *there.lock().await += 1;
            added.notify_one();
        };
        let take = async || *added.wait_while(there.lock().await, |there| *there == 0).await -= 1;
        let (mut puts, mut takes) = (Vec::new(), Vec::new());
        let (mut put_count, mut take_count) = (0, 0);
        for step in 0..200 {
            let at = rand.below(takes.len().max(1) as u32) as usize;
            match rand.below(8) {
                0 => puts.push(Polled::new(put())),
                1 | 2 => takes.push(Take {
                    future: Polled::new(take()),
                    polls_left: rand.below(6),
                    wakes_seen: None,
                }),
                3 | 4 if !takes.is_empty() => {
                    if takes[at].polls_left == 0 {
                        takes.remove(at);
                    } else if takes[at].poll() {
                        takes.remove(at);
                        take_count += 1;
                    } else {
                        takes[at].polls_left -= 1;
                    }
                }
                5 if !takes.is_empty() => drop(takes.remove(at)),
                _ => puts.retain_mut(|put| {
                    let is_done = put.poll().is_ready();
                    put_count += i32::from(is_done);
                    !is_done
                }),
            }
            if step % 10 < 9 {
                continue;
            }
            while !puts.is_empty() || takes.iter().any(Take::is_woken) {
                puts.retain_mut(|put| {
                    let is_done = put.poll().is_ready();
                    put_count += i32::from(is_done);
                    !is_done
                });
                takes.retain_mut(|take| {
                    let is_done = take.is_woken() && take.poll();
                    take_count += i32::from(is_done);
                    !is_done
                });
            }
            let left = *there.try_lock().unwrap();
            assert_eq!(left + take_count, put_count, "seed {seed}");
            let sleeps = takes.iter().any(|take| take.wakes_seen.is_some());
            assert!(left == 0 || !sleeps, "seed {seed}: {left} there, and somebody waits");
        }
    }
}

/// A bounded buffer of one, as in the textbooks; every third wait gives up.
#[test]
fn threads_hand_values_over() {
    const EACH: usize = 1000;
    within_bounds(|| {
        let shared = Arc::new((Mutex::new(None), Condvar::new(), Condvar::new()));
        let producers = (0..2).map(|which| {
            let shared = shared.clone();
            thread::spawn(move || {
                let (place, emptied, filled) = &*shared;
                for round in 0..EACH {
                    let mut place = block_on(async {
                        emptied.wait_while(place.lock().await, |place| place.is_some()).await
                    });
                    *place = Some(which * EACH + round);
                    filled.notify_one();
                }
                0
            })
        });
        let consumers = (0..2).map(|_| {
            let shared = shared.clone();
            thread::spawn(move || {
                let (place, emptied, filled) = &*shared;
                let mut sum = 0;
                for round in 0..EACH {
                    if round % 3 == 0 {
                        let mut gives_up = Polled::new(filled.wait(block_on(place.lock())));
                        // One that is ready is done: its value is looked for below.
                        let _ = (0..round % 5).any(|_| gives_up.poll().is_ready());
                    }
                    let value = block_on(async {
                        filled.wait_while(place.lock().await, |place| place.is_none()).await.take()
                    });
                    sum += value.unwrap();
                    emptied.notify_one();
                }
                sum
            })
        });
        let threads: Vec<_> = producers.chain(consumers.collect::<Vec<_>>()).collect();
        let sum: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(sum, (0..2 * EACH).sum());
    });
}
