//! The primitives between the runtime's own tasks: workers that steal, tasks that are aborted while they wait.

mod sync_support;

use runtime::sync::{Mutex, Notify, Semaphore, mpsc, oneshot};
use std::sync::Arc;
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
