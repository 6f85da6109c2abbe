//! `Task.cancel`: asked at once, and waited for until it has ended.

use crate::{HOUR, Log, cleans_up, ms};
use runtime::task::{self, AbortOnDropHandle};
use runtime::time::{Instant, sleep};
use runtime::{JoinHandle, spawn};
use std::future::pending;

/// Under tokio's semantics, where `abort` is all there is, it ends after 0.1 s and has cleaned up nothing.
#[runtime::test(start_paused = true)]
async fn cancel_waits_for_the_cleanup() {
    let (start, log) = (Instant::now(), Log::default());
    let task = spawn(cleans_up(ms(300), log.clone()));
    sleep(ms(100)).await;
    assert_eq!(task.cancel().await.unwrap(), "clean");
    assert_eq!(start.elapsed(), ms(400));
    assert_eq!(log.said(), ["told", "cleaned up"]);
}

#[runtime::test(start_paused = true, flavor = "multi_thread", worker_threads = 2)]
async fn cancel_waits_for_the_cleanup_on_other_workers() {
    let (start, log) = (Instant::now(), Log::default());
    let tasks: Vec<_> = (0..10).map(|n| spawn(cleans_up(ms(30 * n), log.clone()))).collect();
    sleep(ms(100)).await;
    // All are asked at once, and so clean up at once.
    let ends: Vec<_> = tasks.into_iter().map(JoinHandle::cancel).collect();
    for end in ends {
        assert_eq!(end.await.unwrap(), "clean");
    }
    assert_eq!(start.elapsed(), ms(100 + 270));
}

/// asyncio's `cancel()` asks, whether or not anybody awaits the task afterwards.
#[runtime::test(start_paused = true)]
async fn cancel_asks_at_the_call() {
    let log = Log::default();
    let task = spawn(cleans_up(ms(300), log.clone()));
    sleep(ms(100)).await;
    drop(task.cancel());
    sleep(ms(200)).await;
    assert_eq!(log.said(), ["told"]);
    sleep(ms(200)).await;
    assert_eq!(log.said(), ["told", "cleaned up"]);
}

#[runtime::test]
async fn a_task_that_is_cancelled_before_it_began_never_begins() {
    let log = Log::default();
    let (inner, finally) = (log.clone(), log.on_drop("dropped"));
    let task = spawn(async move {
        let _finally = finally;
        inner.say("began");
    });
    let error = task.cancel().await.unwrap_err();
    assert!(error.is_cancelled());
    assert_eq!(log.said(), ["dropped"]);
}

/// asyncio's `cancel()` is False then, and the result is kept.
#[runtime::test]
async fn cancelling_a_task_that_has_ended_gives_its_result() {
    let task = spawn(async { 42 });
    while !task.is_finished() {
        task::yield_now().await;
    }
    assert_eq!(task.cancel().await.unwrap(), 42);
}

/// The default for a task that does not listen, as tokio's `abort`: its destructors are its `finally`.
#[runtime::test(start_paused = true)]
async fn a_task_that_does_not_listen_is_dropped_where_it_waits() {
    let (start, log) = (Instant::now(), Log::default());
    let finally = log.on_drop("finally");
    let task: JoinHandle<()> = spawn(async move {
        let _finally = finally;
        pending().await
    });
    sleep(ms(100)).await;
    assert!(task.cancel().await.unwrap_err().is_cancelled());
    assert_eq!(start.elapsed(), ms(100));
    assert_eq!(log.said(), ["finally"]);
}

#[runtime::test(start_paused = true)]
async fn a_cleanup_that_takes_too_long_is_dropped_at_the_end_of_its_grace() {
    let (start, log) = (Instant::now(), Log::default());
    let task = spawn(cleans_up(HOUR, log.clone()));
    sleep(ms(100)).await;
    assert!(task.cancel_within(ms(250)).await.unwrap_err().is_cancelled());
    assert_eq!(start.elapsed(), ms(350));
    assert_eq!(log.said(), ["told"]);

    let (start, task) = (Instant::now(), spawn(cleans_up(HOUR, log)));
    sleep(ms(100)).await;
    assert!(task.cancel().await.is_err());
    assert_eq!(start.elapsed(), ms(100 + 10_000));
}

/// Who asked once need not ask again at every `await`, and cannot miss it.
#[runtime::test(start_paused = true)]
async fn the_request_stays() {
    let task = spawn(async {
        assert!(!task::cancel_requested());
        task::cancelled().await;
        assert!(task::cancel_requested());
        let start = Instant::now();
        task::cancelled().await;
        start.elapsed()
    });
    sleep(ms(100)).await;
    assert_eq!(task.cancel().await.unwrap(), ms(0));
}

/// asyncio cancels what a cancelled task awaits. Here a plain handle leaves the child running, and the parent says
/// that it wants the child to go with it.
#[runtime::test(start_paused = true)]
async fn a_cancelled_task_takes_the_child_along_that_it_holds() {
    let log = Log::default();
    let child = |time, finally| async move {
        let _finally = finally;
        sleep(time).await;
    };
    let left = child(ms(200), log.on_drop("left dropped"));
    let held = child(HOUR, log.on_drop("held dropped"));
    let gathered = child(HOUR, log.on_drop("gathered dropped"));
    let parent = spawn(async move {
        runtime::join!(spawn(left), AbortOnDropHandle::new(spawn(held)), task::gather([gathered]))
    });
    sleep(ms(100)).await;
    assert!(parent.cancel().await.unwrap_err().is_cancelled());
    sleep(ms(1)).await;
    let mut said = log.said();
    said.sort_unstable();
    assert_eq!(said, ["gathered dropped", "held dropped"]);
    sleep(ms(200)).await;
    assert_eq!(log.said()[2..], ["left dropped"]);
}
