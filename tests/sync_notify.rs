//! Notifications.

mod sync_support;

use runtime_core::sync::Notify;
use std::pin::pin;
use std::sync::Arc;
use sync_support::Polled;

#[test]
fn one_is_stored_and_no_more() {
    let notify = Notify::new();
    notify.notify_one();
    notify.notify_one();
    Polled::new(notify.notified()).ready();
    Polled::new(notify.notified()).pending();
}

#[test]
fn one_wakes_the_first_and_last_the_last() {
    let notify = Notify::new();
    let mut waits: Vec<_> = (0..3).map(|_| Polled::new(notify.notified())).collect();
    waits.iter_mut().for_each(Polled::pending);
    notify.notify_one();
    assert_eq!(waits.iter().map(Polled::wakes).collect::<Vec<_>>(), [1, 0, 0]);
    notify.notify_last();
    assert_eq!(waits.iter().map(Polled::wakes).collect::<Vec<_>>(), [1, 0, 1]);
    waits[0].ready();
    waits[2].ready();
    waits[1].pending();
}

#[test]
fn all_wakes_those_who_exist_and_stores_nothing() {
    let notify = Notify::new();
    let mut queued = Polled::new(notify.notified());
    queued.pending();
    let mut unpolled = Polled::new(notify.notified());
    notify.notify_waiters();
    let mut late = Polled::new(notify.notified());
    late.pending();
    queued.ready();
    unpolled.ready();
    late.pending();
    notify.notify_waiters();
    late.ready();
}

#[test]
fn all_without_a_queue_reaches_those_who_were_not_polled() {
    let notify = Notify::new();
    let mut unpolled = Polled::new(notify.notified());
    notify.notify_waiters();
    unpolled.ready();
}

#[test]
fn a_dropped_wait_hands_its_notification_on() {
    for notify_next in [Notify::notify_one, Notify::notify_last] {
        let notify = Notify::new();
        let mut waits: Vec<_> = (0..3).map(|_| Some(Polled::new(notify.notified()))).collect();
        waits.iter_mut().flatten().for_each(Polled::pending);
        notify_next(&notify);
        let chosen = waits.iter().flatten().position(|wait| wait.wakes() == 1).unwrap();
        waits[chosen] = None;
        let mut next: Vec<_> = waits.into_iter().flatten().filter(|wait| wait.wakes() == 1).collect();
        assert_eq!(next.len(), 1);
        next[0].ready();
    }
}

#[test]
fn a_dropped_wait_without_others_stores_its_notification() {
    let notify = Notify::new();
    let mut wait = Polled::new(notify.notified());
    wait.pending();
    notify.notify_one();
    drop(wait);
    Polled::new(notify.notified()).ready();
}

#[test]
fn a_notification_for_all_is_not_handed_on() {
    let notify = Notify::new();
    let mut wait = Polled::new(notify.notified());
    wait.pending();
    notify.notify_waiters();
    drop(wait);
    Polled::new(notify.notified()).pending();
}

#[test]
fn a_wait_that_leaves_the_queue_leaves_it_clean() {
    let notify = Notify::new();
    let (mut first, mut second) = (Polled::new(notify.notified()), Polled::new(notify.notified()));
    first.pending();
    second.pending();
    drop(first);
    notify.notify_one();
    second.ready();
    notify.notify_one();
    Polled::new(notify.notified()).ready();
}

#[test]
fn enable_takes_a_place_without_a_waker() {
    let notify = Arc::new(Notify::new());
    let mut owned = pin!(notify.clone().notified_owned());
    assert!(!owned.as_mut().enable());
    assert!(!owned.as_mut().enable());
    let mut behind = Polled::new(notify.notified());
    behind.pending();
    notify.notify_one();
    assert_eq!(behind.wakes(), 0);
    assert!(owned.as_mut().enable());
    futures::executor::block_on(owned);
    notify.notify_one();
    behind.ready();

    notify.notify_one();
    let mut borrowed = pin!(notify.notified());
    assert!(borrowed.as_mut().enable());
    futures::executor::block_on(borrowed);
}

#[test]
fn a_finished_wait_stays_finished() {
    let notify = Notify::new();
    notify.notify_one();
    let mut wait = Polled::new(notify.notified());
    wait.ready();
    wait.ready();
}

#[test]
fn owned_waits_hand_on_too() {
    let notify = Arc::new(Notify::new());
    let mut owned = Polled::new(notify.clone().notified_owned());
    owned.pending();
    notify.notify_one();
    assert_eq!(owned.wakes(), 1);
    drop(owned);
    Polled::new(notify.notified()).ready();
}

/// As in tokio: who is told by `notify_waiters` leaves what is stored to another one, though it was
/// stored first.
#[test]
fn who_all_reaches_takes_nothing_that_is_stored() {
    for stored_first in [false, true] {
        let notify = Arc::new(Notify::new());
        let (mut early, mut owned) =
            (Polled::new(notify.notified()), Polled::new(notify.clone().notified_owned()));
        if stored_first {
            notify.notify_one();
        }
        notify.notify_waiters();
        if !stored_first {
            notify.notify_one();
        }
        early.ready();
        owned.ready();
        Polled::new(notify.notified()).ready();
        Polled::new(notify.notified()).pending();
    }
}

/// Enabling takes what is stored, once, and a place in the queue otherwise; also for owned waits.
#[test]
fn enabling_is_a_poll_without_a_waker() {
    let notify = Arc::new(Notify::new());
    notify.notify_one();
    let mut taken = pin!(notify.clone().notified_owned());
    assert!(taken.as_mut().enable());
    assert!(taken.as_mut().enable(), "what was taken stays taken");
    let mut queued = pin!(notify.clone().notified_owned());
    assert!(!queued.as_mut().enable());
    let mut behind = Polled::new(notify.notified());
    behind.pending();
    notify.notify_one();
    assert!(queued.as_mut().enable());
    behind.pending();
    notify.notify_last();
    behind.ready();
}
