//! The primitives between the runtime's own tasks: workers that steal, tasks that are aborted while they wait.

mod sync_support;

use runtime::sync::broadcast::error::RecvError;
use runtime::sync::{
    Barrier, BoundedSemaphore, Event, Mutex, Notify, RwLock, Semaphore, broadcast, mpsc, oneshot, watch,
};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use sync_support::within_bounds;

/// Promise 44 with real tasks: half of those that wait are aborted, at whatever point they are.
#[test]
fn aborted_tasks_hand_their_turn_on() {
    within_bounds(|| {
        runtime::run(async {
            for round in 0..200 {
                let mutex = Arc::new(Mutex::new(0));
                let semaphore = Arc::new(Semaphore::new(1));
                let tasks: Vec<_> = (0..16)
                    .map(|_| {
                        let (mutex, semaphore) = (mutex.clone(), semaphore.clone());
                        runtime::spawn(async move {
                            let _permit = semaphore.acquire().await.unwrap();
                            let mut guard = mutex.lock().await;
                            runtime::task::yield_now().await;
                            *guard += 1;
                        })
                    })
                    .collect();
                tasks.iter().skip(round % 2).step_by(2).for_each(|task| task.abort());
                let mut finished = 0;
                for task in tasks {
                    finished += usize::from(task.await.is_ok());
                }
                assert!(finished >= 8);
                assert_eq!(*mutex.lock().await, finished);
                assert_eq!(semaphore.available_permits(), 1);
            }
        });
    });
}

#[test]
fn tasks_fan_in() {
    const COUNT: usize = 2_000;
    within_bounds(|| {
        runtime::run(async {
            for capacity in [1, 100] {
                let (tx, mut rx) = mpsc::channel(capacity);
                for which in 0..8 {
                    let tx = tx.clone();
                    runtime::spawn(async move {
                        for value in 0..COUNT {
                            tx.send((which, value)).await.unwrap();
                        }
                    });
                }
                drop(tx);
                let mut next = [0; 8];
                while let Some((which, value)) = rx.recv().await {
                    assert_eq!(value, next[which]);
                    next[which] += 1;
                }
                assert_eq!(next, [COUNT; 8]);
            }
        });
    });
}

#[test]
fn tasks_play_ping_pong() {
    within_bounds(|| {
        runtime::run(async {
            let games: Vec<_> = (0..1000)
                .map(|game| {
                    runtime::spawn(async move {
                        let ((ping, pinged), (pong, ponged)) = (oneshot::channel(), oneshot::channel());
                        runtime::spawn(async move { pong.send(pinged.await.unwrap()).unwrap() });
                        ping.send(game).unwrap();
                        assert_eq!(ponged.await, Ok(game));
                    })
                })
                .collect();
            for game in games {
                game.await.unwrap();
            }
        });
    });
}

/// A ready channel does not let its receiver run for ever: the budget ends the poll, and others get on.
#[test]
fn a_busy_receiver_lets_others_run() {
    within_bounds(|| {
        let runtime = runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (tx, mut rx) = mpsc::unbounded_channel();
            let noticed = Arc::new(Notify::new());
            (0..10_000).for_each(|value| tx.send(value).unwrap());
            let notify = noticed.clone();
            runtime::spawn(async move { notify.notify_one() });
            let receiver = runtime::spawn(async move {
                let mut before = 0;
                let mut notified = std::pin::pin!(noticed.notified());
                loop {
                    if futures::future::poll_immediate(&mut notified).await.is_some() {
                        return before;
                    }
                    before += 1;
                    rx.recv().await.unwrap();
                }
            });
            let before = receiver.await.unwrap();
            assert!(before < 1000, "{before} values were received before the other task ran");
        });
    });
}

/// Whoever never has to wait lets others run all the same: every operation takes a unit of the budget.
#[test]
fn operations_that_never_wait_let_others_run() {
    fn lets_others_run<F: Future<Output = ()>>(name: &str, operation: impl Fn() -> F) {
        let runtime = runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let has_run = Arc::new(AtomicBool::new(false));
            let other = has_run.clone();
            runtime::spawn(async move { other.store(true, Ordering::SeqCst) });
            for _ in 0..10_000 {
                operation().await;
                if has_run.load(Ordering::SeqCst) {
                    return;
                }
            }
            panic!("{name} did not let the other task run");
        });
    }
    let (mutex, lock, semaphore, seats) =
        (Mutex::new(()), RwLock::new(()), Semaphore::new(1), BoundedSemaphore::new(1));
    lets_others_run("Mutex::lock", || async { drop(mutex.lock().await) });
    lets_others_run("RwLock::read", || async { drop(lock.read().await) });
    lets_others_run("RwLock::write", || async { drop(lock.write().await) });
    lets_others_run("Semaphore::acquire", || async { drop(semaphore.acquire().await) });
    lets_others_run("BoundedSemaphore::acquire", || async { drop(seats.acquire().await) });
    let (barrier, event, notify) = (Barrier::new(1), Event::new(), Notify::new());
    event.set();
    lets_others_run("Barrier::wait", || async { assert!(barrier.wait().await.is_leader()) });
    lets_others_run("Event::wait", || event.wait());
    lets_others_run("Notify::notified", || async {
        notify.notify_one();
        notify.notified().await;
    });
}

/// Promise 44 with real tasks: readers and writers, half of which are aborted.
#[test]
fn aborted_readers_and_writers_hand_their_turn_on() {
    within_bounds(|| {
        runtime::run(async {
            for round in 0..200 {
                let lock = Arc::new(RwLock::new(0));
                let tasks: Vec<_> = (0..16)
                    .map(|which| {
                        let lock = lock.clone();
                        runtime::spawn(async move {
                            if which % 4 < 2 {
                                let reading = lock.read().await;
                                runtime::task::yield_now().await;
                                drop(reading);
                                return 0;
                            }
                            let mut writing = lock.write().await;
                            *writing += 1;
                            let reading = writing.downgrade();
                            runtime::task::yield_now().await;
                            drop(reading);
                            1
                        })
                    })
                    .collect();
                tasks.iter().skip(round % 2).step_by(2).for_each(|task| task.abort());
                let mut written = 0;
                for task in tasks {
                    written += task.await.unwrap_or(0);
                }
                // One that is aborted after it has written counts there and not here.
                assert!((written..=8).contains(&*lock.read().await));
                assert!(lock.try_write().is_ok(), "permits were lost");
            }
        });
    });
}

/// Tasks that listen, half of which are aborted at whatever point they are: the others get everything.
#[test]
fn aborted_listeners_take_nothing_from_the_others() {
    const VALUES: usize = 500;
    within_bounds(|| {
        runtime::run(async {
            for round in 0..20 {
                let (tx, rx) = broadcast::channel(VALUES);
                let (changed, seen) = watch::channel(0);
                drop(rx);
                let tasks: Vec<_> = (0..8)
                    .map(|_| (tx.subscribe(), seen.clone()))
                    .map(|(mut rx, mut seen)| {
                        runtime::spawn(async move {
                            for expected in 0..VALUES {
                                assert_eq!(rx.recv().await, Ok(expected));
                            }
                            assert_eq!(rx.recv().await, Err(RecvError::Closed));
                            seen.wait_for(|value| *value == VALUES).await.map(|value| *value).unwrap()
                        })
                    })
                    .collect();
                for value in 0..VALUES {
                    tx.send(value).unwrap();
                    changed.send_replace(value + 1);
                    if value == VALUES / 2 {
                        tasks.iter().skip(round % 2).step_by(2).for_each(|task| task.abort());
                    }
                    if value % 50 == round {
                        runtime::task::yield_now().await;
                    }
                }
                drop(tx);
                for (which, task) in tasks.into_iter().enumerate() {
                    match task.await {
                        Ok(last) => assert_eq!(last, VALUES),
                        Err(error) => assert!(error.is_cancelled() && which % 2 == round % 2),
                    }
                }
            }
        });
    });
}

/// Runs a task that could go on for ever beside one that stops it; says how often it went round before that.
async fn rounds_until_stopped<F>(busy: impl FnOnce(watch::Receiver<bool>, Arc<Notify>) -> F) -> usize
where
    F: Future<Output = usize> + Send + 'static,
{
    let (stop, stopped) = watch::channel(false);
    let started = Arc::new(Notify::new());
    let busy = runtime::spawn(busy(stopped, started.clone()));
    let stopper = runtime::spawn(async move {
        // Only the busy task says so: then this one has to get its turn.
        started.notified().await;
        stop.send(true).unwrap();
    });
    let rounds = busy.await.unwrap();
    stopper.await.unwrap();
    rounds
}

/// As above, for channels with many receivers.
#[test]
fn busy_listeners_let_others_run() {
    within_bounds(|| {
        let runtime = runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (tx, mut rx) = broadcast::channel(16_384);
            (0..16_384).for_each(|value| assert!(tx.send(value).is_ok()));
            let received = rounds_until_stopped(|stopped, started| async move {
                started.notify_one();
                while !*stopped.borrow() {
                    rx.recv().await.unwrap();
                }
                16_384 - rx.len()
            });
            assert!(received.await < 1000, "much was received before the other task ran");

            let held = rounds_until_stopped(|mut stopped, started| async move {
                started.notify_one();
                let mut rounds = 0;
                while !*stopped.wait_for(|_| true).await.unwrap() {
                    rounds += 1;
                }
                rounds
            });
            assert!(held.await < 1000, "a condition held often before the other task ran");

            let changed = rounds_until_stopped(|mut stopped, started| async move {
                started.notify_one();
                let mut rounds = 0;
                while !*stopped.borrow() {
                    stopped.mark_changed();
                    stopped.changed().await.unwrap();
                    rounds += 1;
                }
                rounds
            });
            assert!(changed.await < 1000, "much changed before the other task ran");
        });
    });
}
