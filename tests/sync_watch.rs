//! The watch channel.

mod sync_support;

use futures::executor::block_on;
use runtime_core::sync::watch::error::SendError;
use runtime_core::sync::watch::{self, Receiver, Sender};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;
use sync_support::{Polled, within_bounds};

#[test]
fn receivers_see_the_latest_value() {
    let (tx, mut rx) = watch::channel(0);
    assert_eq!((*rx.borrow(), *tx.borrow()), (0, 0));
    assert_eq!(rx.has_changed(), Ok(false), "the first value counts as seen");
    for value in 1..=3 {
        tx.send(value).unwrap();
    }
    assert_eq!(rx.has_changed(), Ok(true));
    assert_eq!(*rx.borrow(), 3);
    assert!(rx.borrow().has_changed(), "a borrow marks nothing seen");
    assert!(!tx.borrow().has_changed());
    let seen = rx.borrow_and_update();
    assert!(*seen == 3 && seen.has_changed());
    drop(seen);
    assert_eq!(rx.has_changed(), Ok(false));
    assert!(!rx.borrow_and_update().has_changed());
    Polled::new(rx.changed()).pending();
}

#[test]
fn changed_waits_for_another_version() {
    let (tx, mut rx) = watch::channel(0);
    let mut other = rx.clone();
    let mut changed = Polled::new(rx.changed());
    changed.pending();
    changed.pending();
    tx.send(1).unwrap();
    assert_eq!(changed.wakes(), 1);
    changed.ready().unwrap();
    drop(changed);
    assert_eq!(rx.has_changed(), Ok(false), "changed marks it seen");
    // It was there before: no wait.
    Polled::new(other.changed()).ready().unwrap();
    // The same value again is a change all the same.
    tx.send(1).unwrap();
    Polled::new(other.changed()).ready().unwrap();
}

#[test]
fn all_waiters_are_woken_by_one_send() {
    let (tx, rx) = watch::channel(0);
    let mut receivers: Vec<_> = (0..40).map(|_| rx.clone()).collect();
    let mut waits: Vec<_> = receivers.iter_mut().map(|rx| Polled::new(rx.changed())).collect();
    waits.iter_mut().for_each(Polled::pending);
    drop(waits.drain(10..20));
    tx.send(1).unwrap();
    for wait in &mut waits {
        assert_eq!(wait.wakes(), 1);
        wait.ready().unwrap();
    }
}

/// Promise 44: in whatever state a wait is dropped, the change is there for the next one.
#[test]
fn a_dropped_wait_misses_no_change() {
    for polls_before in 0..=3 {
        for polls_after in 0..=1 {
            let (tx, mut rx) = watch::channel(0);
            let mut bystander = rx.clone();
            let mut changed = Polled::new(rx.changed());
            let mut stays = Polled::new(bystander.changed());
            for _ in 0..polls_before {
                changed.pending();
            }
            stays.pending();
            if polls_after == 0 {
                drop(changed);
                tx.send(1).unwrap();
                assert_eq!(rx.has_changed(), Ok(true));
            } else {
                tx.send(1).unwrap();
                drop(changed);
            }
            Polled::new(rx.changed()).ready().unwrap();
            assert_eq!(stays.wakes(), 1);
            stays.ready().unwrap();
        }
    }
}

/// The last waiter that leaves takes the flag with it: nobody is called for nothing afterwards, and the next is.
#[test]
fn waits_that_come_and_go_leave_the_channel_as_it_was() {
    let (tx, mut rx) = watch::channel(0);
    for value in 1..5 {
        let mut first = Polled::new(rx.changed());
        first.pending();
        drop(first);
        let mut second = Polled::new(rx.changed());
        second.pending();
        tx.send(value).unwrap();
        assert_eq!(second.wakes(), 1);
        second.ready().unwrap();
    }
}

#[test]
fn the_end_comes_after_the_last_version() {
    let (tx, mut rx) = watch::channel(0);
    let other = tx.clone();
    assert_eq!(tx.sender_count(), 2);
    assert!(tx.same_channel(&other) && !tx.same_channel(&Sender::new(0)));
    drop(tx);
    other.send(1).unwrap();
    assert!(!rx.is_closed());
    drop(other);
    assert!(rx.is_closed());
    assert!(rx.has_changed().is_err(), "as tokio: the end is told at once here");
    Polled::new(rx.changed()).ready().unwrap();
    let error = Polled::new(rx.changed()).ready().unwrap_err();
    assert_eq!(error.to_string(), "channel closed");
    assert_eq!(*rx.borrow_and_update(), 1, "the last value stays");

    let (tx, mut rx) = watch::channel(0);
    let mut changed = Polled::new(rx.changed());
    changed.pending();
    drop(tx);
    assert_eq!(changed.wakes(), 1);
    assert!(changed.ready().is_err());
}

/// Promise 45.
#[test]
fn a_value_for_nobody_comes_back() {
    let (tx, rx) = watch::channel("first");
    drop(rx);
    assert!(tx.is_closed());
    assert_eq!(tx.send("second"), Err(SendError("second")));
    assert_eq!(*tx.borrow(), "first");
    assert_eq!(tx.send_replace("third"), "first");
    let mut rx = tx.subscribe();
    assert_eq!(*rx.borrow_and_update(), "third");
    assert_eq!(rx.has_changed(), Ok(false));
    tx.send("fourth").unwrap();
    assert_eq!(format!("{:?}", SendError(1)), "SendError { .. }");
}

#[test]
fn receivers_mark_what_they_have_seen() {
    let (tx, mut rx) = watch::channel(1);
    rx.mark_changed();
    assert_eq!(rx.has_changed(), Ok(true));
    rx.mark_changed();
    assert!(rx.borrow().has_changed());
    Polled::new(rx.changed()).ready().unwrap();
    assert_eq!(rx.has_changed(), Ok(false));
    tx.send(2).unwrap();
    rx.mark_unchanged();
    assert_eq!(rx.has_changed(), Ok(false));
    tx.send(3).unwrap();
    rx.mark_changed();
    tx.send(4).unwrap();
    assert_eq!(rx.has_changed(), Ok(true));
    let clone = rx.clone();
    assert!(clone.same_channel(&rx));
    assert!(!clone.same_channel(&watch::channel(0).1));
    assert_eq!(clone.has_changed(), Ok(true), "a clone has seen what the original has");
    assert_eq!(tx.receiver_count(), 2);
}

#[test]
fn a_change_in_place_is_told_if_the_closure_says_so() {
    let (tx, mut rx) = watch::channel(vec![1]);
    let mut changed = Polled::new(rx.changed());
    changed.pending();
    assert!(!tx.send_if_modified(|list| {
        list.push(2);
        false
    }));
    assert_eq!(changed.wakes(), 0);
    changed.pending();
    tx.send_modify(|list| list.push(3));
    assert_eq!(changed.wakes(), 1);
    changed.ready().unwrap();
    drop(changed);
    assert_eq!(*rx.borrow(), [1, 2, 3]);
    assert!(tx.send_if_modified(|_| true));
    assert_eq!(rx.has_changed(), Ok(true));
}

#[test]
fn a_closure_that_panics_unlocks_and_tells_nobody() {
    let (tx, mut rx) = watch::channel(0);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        tx.send_modify(|value| {
            *value = 1;
            panic!("half way");
        });
    }));
    assert!(panicked.is_err());
    assert_eq!(rx.has_changed(), Ok(false));
    assert_eq!(*rx.borrow(), 1, "it stays as the closure left it");
    tx.send(2).unwrap();
    Polled::new(rx.changed()).ready().unwrap();

    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _ = Polled::new(rx.wait_for(|_| panic!("no"))).poll();
    }));
    assert!(panicked.is_err());
    tx.send(3).unwrap();
    assert_eq!(*rx.borrow(), 3);
}

#[test]
fn wait_for_looks_at_what_is_there_first() {
    let (tx, mut rx) = watch::channel(1);
    let value = block_on(rx.wait_for(|value| *value == 1)).unwrap();
    assert!(*value == 1 && !value.has_changed());
    drop(value);
    let mut wait = Polled::new(rx.wait_for(|value| *value >= 3));
    wait.pending();
    tx.send(2).unwrap();
    assert_eq!(wait.wakes(), 1);
    wait.pending();
    tx.send(3).unwrap();
    assert_eq!(wait.wakes(), 2);
    let value = wait.ready().unwrap();
    assert!(*value == 3 && value.has_changed());
    drop((value, wait));
    assert_eq!(rx.has_changed(), Ok(false), "what was given counts as seen");

    tx.send(4).unwrap();
    drop(tx);
    assert_eq!(*block_on(rx.wait_for(|value| *value == 4)).unwrap(), 4);
    assert!(block_on(rx.wait_for(|value| *value == 5)).is_err());
    assert_eq!(*block_on(rx.wait_for(|value| *value == 4)).unwrap(), 4, "what is there still counts");
}

/// Promise 44: what a condition said no to is seen, the next value is not lost.
#[test]
fn a_dropped_wait_for_loses_no_later_value() {
    for polls in 0..=3 {
        let (tx, mut rx) = watch::channel(0);
        let mut wait = Polled::new(rx.wait_for(|value| *value == 9));
        for value in 1..=polls {
            wait.pending();
            tx.send(value).unwrap();
        }
        drop(wait);
        tx.send(9).unwrap();
        assert_eq!(*Polled::new(rx.wait_for(|value| *value == 9)).ready().unwrap(), 9);
    }
}

#[test]
fn senders_learn_that_nobody_watches() {
    let (tx, rx) = watch::channel(0);
    let other = rx.clone();
    let mut closed = Polled::new(tx.closed());
    closed.pending();
    drop(rx);
    closed.pending();
    drop(other);
    assert_eq!(closed.wakes(), 1);
    let late = tx.subscribe();
    closed.pending();
    drop(late);
    closed.ready();
    Polled::new(Sender::new(0).closed()).ready();
}

#[test]
fn old_values_are_dropped_once_and_outside_of_the_lock() {
    struct Looks(Arc<AtomicUsize>, Option<Receiver<Option<Looks>>>);
    impl Drop for Looks {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
            if let Some(rx) = &self.1 {
                // Would wait for itself if the lock were still held.
                assert!(rx.borrow().is_some());
            }
        }
    }
    within_bounds(|| {
        let drops = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = watch::channel(None);
        for _ in 0..3 {
            tx.send(Some(Looks(drops.clone(), Some(rx.clone())))).unwrap();
        }
        assert_eq!(drops.load(Ordering::SeqCst), 2);
        // The receivers inside of the value keep the channel alive: a circle of the user's making.
        tx.send_replace(Some(Looks(drops.clone(), None)));
        assert_eq!(drops.load(Ordering::SeqCst), 3);
        drop((tx, rx));
        assert_eq!(drops.load(Ordering::SeqCst), 4);
    });
}

/// With std's lock this would deadlock: the second borrow would wait for the writer, which waits for the first.
#[test]
fn a_thread_borrows_twice_while_a_sender_waits() {
    within_bounds(|| {
        let (tx, rx) = watch::channel(0);
        let first = rx.borrow();
        let sender = thread::spawn(move || tx.send(1).unwrap());
        // Until it waits: others are kept out, which a new thread notices.
        let blocked = Arc::new(AtomicBool::new(false));
        while !blocked.load(Ordering::SeqCst) {
            let (rx, blocked) = (rx.clone(), blocked.clone());
            let debug = thread::spawn(move || format!("{rx:?}")).join().unwrap();
            blocked.store(debug.contains("<locked>"), Ordering::SeqCst);
        }
        let second = rx.borrow();
        assert_eq!((*first, *second), (0, 0));
        drop(first);
        assert_eq!(*second, 0, "the sender waits for all borrows");
        drop(second);
        sender.join().unwrap();
        assert_eq!(*rx.borrow(), 1);
    });
}

/// A reader that comes after a waiting sender sees what that sends: readers that follow each other starve nobody.
#[test]
fn a_waiting_sender_goes_before_new_readers() {
    within_bounds(|| {
        let (tx, rx) = watch::channel(0);
        let first = rx.borrow();
        let sender = thread::spawn(move || tx.send(1).unwrap());
        while !format!("{rx:?}").contains("<locked>") {
            thread::yield_now();
        }
        let late = rx.clone();
        let reader = thread::spawn(move || *late.borrow());
        // Time for the reader to do the wrong thing: it must wait, however long this takes.
        thread::sleep(Duration::from_millis(50));
        assert!(!reader.is_finished());
        drop(first);
        assert_eq!(reader.join().unwrap(), 1);
        sender.join().unwrap();
    });
}

#[test]
fn waiting_for_oneself_panics_with_the_remedy() {
    fn message(f: impl FnOnce()) -> String {
        let payload = catch_unwind(AssertUnwindSafe(f)).unwrap_err();
        payload
            .downcast_ref::<String>()
            .cloned()
            .or(payload.downcast_ref::<&str>().map(|s| s.to_string()))
            .unwrap()
    }
    within_bounds(|| {
        let (tx, rx) = watch::channel(0);
        let borrowed = rx.borrow();
        let again = tx.borrow();
        assert!(message(|| tx.send(1).unwrap()).contains("holds a `watch::Ref`"));
        drop((borrowed, again));
        tx.send(1).unwrap();
        assert!(message(|| tx.send_modify(|_| drop(rx.borrow()))).contains("borrows it from the channel"));
        assert!(message(|| tx.send_modify(|_| tx.send(2).unwrap())).contains("sends into the channel"));
        // Another channel is no problem, from inside and beside.
        let (other_tx, other_rx) = watch::channel(0);
        let borrowed = rx.borrow();
        other_tx.send_modify(|value| *value = *borrowed);
        assert_eq!(*other_rx.borrow(), 1);
        drop(borrowed);
        tx.send_modify(|value| *value = 2 + *other_rx.borrow());
        assert_eq!(*rx.borrow(), 3);
    });
}

/// Other locks that the thread holds or has held meanwhile hide nothing, up to 8 of them, in whatever order.
#[test]
fn waiting_for_oneself_panics_whatever_else_is_locked() {
    fn panics(f: impl FnOnce()) -> bool {
        catch_unwind(AssertUnwindSafe(f)).is_err()
    }
    within_bounds(|| {
        let ((a, ra), (b, rb), (c, _rc)) = (watch::channel(0), watch::channel(0), watch::channel(0));
        // Closures inside of closures.
        assert!(panics(|| a.send_modify(|_| b.send_modify(|_| drop(a.borrow())))));
        assert!(panics(|| a.send_modify(|_| b.send_modify(|_| c.send_modify(|_| a.send(1).unwrap())))));
        a.send_modify(|_| b.send_modify(|_| c.send_modify(|_| ())));
        // Two channels are borrowed.
        {
            let _both = (ra.borrow(), rb.borrow());
            assert!(panics(|| a.send(1).unwrap()) && panics(|| b.send(1).unwrap()));
            c.send_replace(1);
        }
        // The first one is let go of.
        {
            let (first, _second) = (rb.borrow(), ra.borrow());
            drop(first);
            assert!(panics(|| a.send(1).unwrap()));
            b.send_replace(1);
        }
        // One channel twice, and once again after other ones.
        {
            let (one, _other, two) = (ra.borrow(), rb.borrow(), ra.borrow());
            drop(one);
            assert!(panics(|| a.send(1).unwrap()));
            drop(two);
            a.send_replace(1);
            assert!(panics(|| b.send(1).unwrap()));
        }
        // Borrowed inside of a closure of another channel.
        c.send_modify(|_| {
            let _borrowed = ra.borrow();
            assert!(panics(|| a.send(1).unwrap()));
        });
        assert!(a.send(2).is_ok() && b.send(2).is_ok(), "what panicked has left something locked");
        // As many as are remembered, let go of from the middle.
        let channels: Vec<_> = (0..8).map(watch::channel).collect();
        let mut borrowed: Vec<_> = channels.iter().map(|(_, rx)| rx.borrow()).collect();
        drop(borrowed.remove(3));
        for (which, (tx, _)) in channels.iter().enumerate() {
            assert_eq!(panics(|| tx.send(9).unwrap()), which != 3);
        }
        drop(borrowed);
        // More than that: they can all be borrowed, and afterwards all is as before.
        let channels: Vec<_> = (0..20).map(watch::channel).collect();
        let borrowed: Vec<_> = channels.iter().map(|(_, rx)| rx.borrow()).collect();
        assert!(panics(|| channels[0].0.send(9).unwrap()));
        drop(borrowed);
        channels.iter().for_each(|(tx, _)| tx.send(1).unwrap());
        let _borrowed = ra.borrow();
        assert!(panics(|| a.send(3).unwrap()));
    });
}

#[test]
fn debug_says_something() {
    let (tx, rx) = watch::channel(7);
    assert_eq!(format!("{tx:?}"), "Sender { value: 7, receiver_count: 1 }");
    assert_eq!(format!("{rx:?}"), "Receiver { value: 7, is_closed: false }");
    assert_eq!(format!("{:?}", rx.borrow()), "Ref { value: 7, has_changed: false }");
    tx.send_modify(|_| assert!(format!("{rx:?}").contains("<locked>")));
    assert_eq!(*Sender::<u8>::default().borrow(), 0);
}

/// Writers, readers and waiters at once: versions never go back, values are never torn, and everybody sees the last.
#[test]
fn threads_send_look_and_wait() {
    const SENDERS: usize = 3;
    const CHANGES: usize = 3000;
    within_bounds(|| {
        let (tx, rx) = watch::channel([0; 8]);
        let start = Arc::new(Barrier::new(SENDERS + 4));
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                let (tx, start) = (tx.clone(), start.clone());
                thread::spawn(move || {
                    start.wait();
                    for _ in 0..CHANGES {
                        tx.send_modify(|value| value.iter_mut().for_each(|part| *part += 1));
                    }
                })
            })
            .collect();
        drop(tx);
        let watchers: Vec<_> = (0..4)
            .map(|which| {
                let (mut rx, start) = (rx.clone(), start.clone());
                thread::spawn(move || {
                    start.wait();
                    let mut last = 0;
                    let mut look = |rx: &mut Receiver<[usize; 8]>| {
                        let value = rx.borrow_and_update();
                        assert!(value.iter().all(|part| *part == value[0]), "torn: {value:?}");
                        assert!(last <= value[0], "went back");
                        last = value[0];
                    };
                    if which % 2 == 0 {
                        while block_on(rx.changed()).is_ok() {
                            look(&mut rx);
                        }
                    } else {
                        block_on(rx.wait_for(|value| value[0] == SENDERS * CHANGES)).unwrap();
                    }
                    look(&mut rx);
                    assert_eq!(last, SENDERS * CHANGES);
                })
            })
            .collect();
        senders.into_iter().chain(watchers).for_each(|thread| thread.join().unwrap());
    });
}
