//! `Lock`, `Event`, `Condition`, `Semaphore`, `BoundedSemaphore`, `Barrier`.

use crate::{Log, ms};
use runtime::sync::{Barrier, BoundedSemaphore, Condvar, Event, Mutex, Semaphore};
use runtime::time::{Instant, sleep, timeout};
use runtime::{JoinHandle, spawn, task};
use std::sync::Arc;

#[runtime::test(start_paused = true)]
async fn a_lock_is_fair() {
    let (lock, log) = (Arc::new(Mutex::new(())), Log::default());
    let held = lock.lock().await;
    let mut waiting = Vec::new();
    for name in ["first", "second", "third"] {
        let (lock, log) = (lock.clone(), log.clone());
        waiting.push(spawn(async move {
            let _held = lock.lock().await;
            log.say(name);
            sleep(ms(100)).await;
        }));
        sleep(ms(1)).await;
    }
    // One that gives up hands its turn on.
    waiting.remove(1).cancel().await.unwrap_err();
    drop(held);
    // The lock is promised to the first: who comes now is last.
    drop(lock.lock().await);
    log.say("last");
    assert_eq!(log.said(), ["first", "third", "last"]);
}

#[runtime::test(start_paused = true)]
async fn a_semaphore_is_fair() {
    let (semaphore, log) = (Arc::new(Semaphore::new(2)), Log::default());
    let start = Instant::now();
    let mut tasks = Vec::new();
    for n in 0..5 {
        let (semaphore, log) = (semaphore.clone(), log.clone());
        tasks.push(spawn(async move {
            let _permit = semaphore.acquire().await.unwrap();
            log.say(format!("{n} at {:?}", start.elapsed()));
            sleep(ms(100)).await;
        }));
        sleep(ms(1)).await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(log.said(), ["0 at 0ns", "1 at 1ms", "2 at 100ms", "3 at 101ms", "4 at 200ms"]);
}

#[runtime::test(start_paused = true)]
async fn an_event_wakes_all_and_stays_until_it_is_cleared() {
    let event = Arc::new(Event::new());
    let waiting = [(); 3].map(|()| {
        let event = event.clone();
        spawn(async move { event.wait().await })
    });
    sleep(ms(1)).await;
    assert!(!event.is_set() && waiting.iter().all(|task| !task.is_finished()));
    event.set();
    for task in waiting {
        task.await.unwrap();
    }
    event.wait().await;
    assert!(event.is_set());
    event.clear();
    assert!(!event.is_set());
    assert!(timeout(ms(100), event.wait()).await.is_err());
}

/// Who was waiting when it was set has seen it, also if it is cleared before it runs.
#[runtime::test]
async fn an_event_that_is_set_and_cleared_at_once_wakes_who_waited() {
    let event = Arc::new(Event::new());
    let waiter = event.clone();
    let waiting = spawn(async move { waiter.wait().await });
    task::yield_now().await;
    event.set();
    event.clear();
    waiting.await.unwrap();
}

type Shared = Arc<(Mutex<Vec<u32>>, Condvar)>;

fn shared() -> Shared {
    Arc::new((Mutex::new(Vec::new()), Condvar::new()))
}

#[runtime::test(start_paused = true)]
async fn a_condition_wakes_one_or_all() {
    let shared = shared();
    let mut takers: Vec<JoinHandle<u32>> = Vec::new();
    for _ in 0..3 {
        let shared = shared.clone();
        takers.push(spawn(async move {
            let (lock, condition) = &*shared;
            let mut items = condition.wait_while(lock.lock().await, |items| items.is_empty()).await;
            items.remove(0)
        }));
        sleep(ms(1)).await;
    }
    let (lock, condition) = &*shared;
    lock.lock().await.push(1);
    condition.notify_one();
    sleep(ms(1)).await;
    // The one that has waited longest.
    assert!(takers[0].is_finished() && !takers[1].is_finished() && !takers[2].is_finished());
    lock.lock().await.extend([2, 3]);
    condition.notify_all();
    let mut taken = Vec::new();
    for taker in takers {
        taken.push(taker.await.unwrap());
    }
    // Who of those that are woken at once gets the lock first, is not said.
    taken.sort_unstable();
    assert_eq!(taken, [1, 2, 3]);
}

/// `Condition.wait` re-acquires the lock before the `CancelledError` comes out of it, so that the `finally` of
/// who waits runs under the lock.
#[runtime::test(start_paused = true)]
async fn a_cancelled_wait_ends_with_the_lock_held() {
    let (shared, start) = (shared(), Instant::now());
    let inner = shared.clone();
    let waiting = spawn(async move {
        let (lock, condition) = &*inner;
        let _listening = task::cancelled();
        let mut items = condition.wait(lock.lock().await).await;
        assert!(task::cancel_requested());
        items.push(start.elapsed().as_millis() as u32);
    });
    sleep(ms(100)).await;
    let held = shared.0.lock().await;
    let cancelling = waiting.cancel();
    sleep(ms(100)).await;
    // It has to wait for us.
    assert!(held.is_empty());
    drop(held);
    cancelling.await.unwrap();
    assert_eq!(*shared.0.lock().await, [200]);
}

/// A dropped wait leaves the lock released, and hands on the notification that it was given.
#[runtime::test(start_paused = true)]
async fn a_dropped_wait_hands_its_notification_on() {
    let shared = shared();
    let waiting = [(); 2].map(|()| {
        let shared = shared.clone();
        spawn(async move { drop(shared.1.wait(shared.0.lock().await).await) })
    });
    sleep(ms(1)).await;
    let held = shared.0.lock().await;
    shared.1.notify_one();
    let [first, second] = waiting;
    first.abort();
    sleep(ms(1)).await;
    drop(held);
    assert!(first.await.unwrap_err().is_cancelled());
    second.await.unwrap();
}

/// `ValueError: BoundedSemaphore released too many times`. tokio's `add_permits` counts on.
#[runtime::test]
async fn a_release_too_many_is_an_error() {
    let semaphore = BoundedSemaphore::new(2);
    assert!(semaphore.release().is_err());
    drop(semaphore.acquire().await);
    assert!(semaphore.release().is_err());
    assert_eq!(semaphore.available_permits(), 2);
}

#[runtime::test(start_paused = true)]
async fn a_barrier_lets_all_go_when_all_are_there() {
    let (barrier, start) = (Arc::new(Barrier::new(3)), Instant::now());
    let tasks = [100, 300, 200].map(|time| {
        let barrier = barrier.clone();
        spawn(async move {
            sleep(ms(time)).await;
            let result = barrier.wait().await;
            assert!(!result.is_broken());
            (result.is_leader(), start.elapsed())
        })
    });
    let mut leaders = 0;
    for task in tasks {
        let (is_leader, at) = task.await.unwrap();
        leaders += usize::from(is_leader);
        assert_eq!(at, ms(300));
    }
    assert_eq!(leaders, 1);
}

/// `Barrier.abort`: tokio's barrier has nothing like it, and its waiters wait for ever.
#[runtime::test(start_paused = true)]
async fn an_aborted_barrier_breaks_all_waiters() {
    let barrier = Arc::new(Barrier::new(3));
    let waiting = [(); 2].map(|()| {
        let barrier = barrier.clone();
        spawn(async move { barrier.wait().await.is_broken() })
    });
    sleep(ms(100)).await;
    barrier.abort();
    for task in waiting {
        assert!(task.await.unwrap());
    }
    assert!(barrier.wait().await.is_broken());
}
