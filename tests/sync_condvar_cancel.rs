//! Condition variables in tasks that are asked for their end: asyncio's `Condition` takes the lock again also when the
//! wait is cancelled. On one thread: `settle` lets every task run until it waits.

use runtime::spawn;
use runtime::sync::{Condvar, Mutex};
use runtime::task::{cancel_requested, cancelled, yield_now};
use std::sync::Arc;

type Shared = Arc<(Mutex<Vec<&'static str>>, Condvar)>;

async fn settle() {
    for _ in 0..10 {
        yield_now().await;
    }
}

/// Waits until there is something, as a task that listens.
async fn take(shared: Shared) -> (Vec<&'static str>, bool) {
    let _listens = cancelled();
    let (there, added) = &*shared;
    let mut there = added.wait_while(there.lock().await, |there| there.is_empty()).await;
    assert!(shared.0.try_lock().is_err(), "the wait has ended without the lock");
    (std::mem::take(&mut *there), cancel_requested())
}

#[runtime::test(flavor = "current_thread")]
async fn a_cancel_ends_the_wait_with_the_lock_held() {
    let shared = Shared::default();
    let task = spawn(take(shared.clone()));
    settle().await;
    assert_eq!(task.cancel().await.unwrap(), (vec![], true));
    assert!(shared.0.try_lock().is_ok());
    assert_eq!(format!("{:?}", shared.1), "Condvar { has_waiters: false }");
}

#[runtime::test(flavor = "current_thread")]
async fn the_cleanup_may_wait_under_the_lock() {
    let shared = Shared::default();
    let other = shared.clone();
    let task = spawn(async move {
        let _listens = cancelled();
        let mut there = other.1.wait(other.0.lock().await).await;
        there.push("cleaned");
        settle().await;
        there.push("up");
    });
    settle().await;
    task.cancel().await.unwrap();
    assert_eq!(*shared.0.try_lock().unwrap(), ["cleaned", "up"]);
}

#[runtime::test(flavor = "current_thread")]
async fn who_holds_the_lock_is_waited_for() {
    let shared = Shared::default();
    let task = spawn(take(shared.clone()));
    settle().await;
    let mut guard = shared.0.lock().await;
    let cancel = spawn(task.cancel());
    settle().await;
    assert!(!cancel.is_finished(), "the wait has ended without the lock");
    guard.push("late");
    drop(guard);
    assert_eq!(cancel.await.unwrap().unwrap(), (vec!["late"], true));
}

/// The request stays: whoever waits after it does not wait.
#[runtime::test(flavor = "current_thread")]
async fn a_wait_after_the_request_does_not_wait() {
    let shared = Shared::default();
    let other = shared.clone();
    let task = spawn(async move {
        cancelled().await;
        let guard = other.1.wait(other.0.lock().await).await;
        drop(other.1.wait_while(guard, |_| true).await);
        take(other.clone()).await
    });
    settle().await;
    assert_eq!(task.cancel().await.unwrap(), (vec![], true));
}

#[runtime::test(flavor = "current_thread")]
async fn who_left_is_not_notified_any_more() {
    let shared = Shared::default();
    let first = spawn(take(shared.clone()));
    settle().await;
    let second = spawn(take(shared.clone()));
    settle().await;
    first.cancel().await.unwrap();
    shared.0.lock().await.push("one");
    shared.1.notify_one();
    assert_eq!(second.await.unwrap(), (vec!["one"], false));
}

/// asyncio since 3.13: notified and cancelled at the same time, it hands the notification on.
#[runtime::test(flavor = "current_thread")]
async fn who_was_notified_and_is_cancelled_hands_on() {
    for listens in [true, false] {
        let shared = Shared::default();
        let other = shared.clone();
        let first = spawn(async move {
            let _listens = listens.then(cancelled);
            drop(other.1.wait(other.0.lock().await).await);
        });
        settle().await;
        let second = spawn(take(shared.clone()));
        settle().await;
        let mut guard = shared.0.lock().await;
        shared.1.notify_one();
        // The first one has its notification and waits for the lock.
        settle().await;
        guard.push("one");
        let cancel = spawn(first.cancel());
        settle().await;
        drop(guard);
        assert_eq!(cancel.await.unwrap().is_ok(), listens);
        assert_eq!(second.await.unwrap(), (vec!["one"], false), "listens: {listens}");
    }
}

/// A task that does not listen is dropped in its wait, and leaves the lock released.
#[runtime::test(flavor = "current_thread")]
async fn who_does_not_listen_is_dropped_with_the_lock_released() {
    let shared = Shared::default();
    let other = shared.clone();
    let task = spawn(async move {
        drop(other.1.wait(other.0.lock().await).await);
        unreachable!("the wait has ended");
    });
    settle().await;
    assert!(task.cancel().await.unwrap_err().is_cancelled());
    assert!(shared.0.try_lock().is_ok());
}

/// On many threads: waits are cancelled while others notify. Nothing that was put there is lost.
#[runtime::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancels_and_notifications_meet() {
    for _ in 0..200 {
        let shared = Shared::default();
        let (gives_up, takes) = (spawn(take(shared.clone())), spawn(take(shared.clone())));
        let other = shared.clone();
        let puts = spawn(async move {
            other.0.lock().await.push("one");
            other.1.notify_one();
        });
        let gave_up = gives_up.cancel().await;
        puts.await.unwrap();
        match gave_up {
            // It came first: put another one there for the other one.
            Ok((taken, _)) if !taken.is_empty() => {
                shared.0.lock().await.push("two");
                shared.1.notify_one();
                assert_eq!(takes.await.unwrap().0, ["two"]);
            }
            _ => assert_eq!(takes.await.unwrap().0, ["one"]),
        }
    }
}
