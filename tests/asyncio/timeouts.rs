//! `wait_for`, `timeout`, `sleep(0)`.

use crate::{HOUR, Log, cleans_up, ms};
use runtime::sync::Mutex;
use runtime::time::{Instant, sleep, timeout, timeout_at};
use runtime::{spawn, task};
use std::future::pending;
use std::sync::Arc;

/// 0.1 s and 0.3 s of cleanup are 0.4 s. tokio's time-out is over after 0.1 s, and the task runs on.
#[runtime::test(start_paused = true)]
async fn wait_for_waits_until_the_task_has_cleaned_up() {
    let (start, log) = (Instant::now(), Log::default());
    let task = spawn(cleans_up(ms(300), log.clone()));
    let end = task.timeout(ms(100)).await;
    assert_eq!(start.elapsed(), ms(400));
    assert_eq!(log.said(), ["told", "cleaned up"]);
    // As in asyncio, a value that comes out of the cleanup is the result.
    assert_eq!(end.unwrap().unwrap(), "clean");
}

/// What the task held is free when the time-out is reported.
#[runtime::test(start_paused = true)]
async fn wait_for_ends_a_task_that_does_not_listen() {
    let (start, log) = (Instant::now(), Log::default());
    let resource = Arc::new(Mutex::new(()));
    let (held, finally) = (resource.clone(), log.on_drop("finally"));
    let task = spawn(async move {
        let _held = held.lock().await;
        let _finally = finally;
        pending::<()>().await;
    });
    assert!(task.timeout(ms(100)).await.is_err());
    assert_eq!(start.elapsed(), ms(100));
    assert_eq!(log.said(), ["finally"]);
    assert!(resource.try_lock().is_ok());
}

#[runtime::test(start_paused = true)]
async fn wait_for_gives_the_result_of_what_ends_in_time() {
    let start = Instant::now();
    let task = spawn(async {
        sleep(ms(100)).await;
        42
    });
    assert_eq!(task.timeout(HOUR).await.unwrap().unwrap(), 42);
    assert_eq!(start.elapsed(), ms(100));
}

/// What is dropped while it waits takes the task along: nothing runs on unseen.
#[runtime::test(start_paused = true)]
async fn a_cancelled_wait_for_cancels_its_task() {
    let log = Log::default();
    let task = spawn(cleans_up(ms(100), log.clone()));
    assert!(timeout(ms(100), task.timeout(HOUR)).await.is_err());
    sleep(ms(200)).await;
    assert_eq!(log.said(), ["told", "cleaned up"]);
}

#[runtime::test(start_paused = true)]
async fn time_outs_nest() {
    let start = Instant::now();
    let outer = timeout(ms(100), timeout(ms(300), pending::<()>())).await;
    assert!(outer.is_err());
    let inner = timeout(ms(300), timeout(ms(100), pending::<()>())).await;
    assert!(inner.unwrap().is_err());
    assert_eq!(start.elapsed(), ms(200));
    assert!(timeout_at(start + ms(250), pending::<()>()).await.is_err());
    assert_eq!(start.elapsed(), ms(250));
}

/// `Timeout.reschedule`.
#[runtime::test(start_paused = true)]
async fn a_time_out_can_be_moved() {
    let start = Instant::now();
    let limit = sleep(ms(100));
    runtime::pin!(limit);
    limit.as_mut().reset(start + ms(300));
    let work = async {
        sleep(ms(200)).await;
        "in time"
    };
    let ended = runtime::select! {
        result = work => result,
        () = &mut limit => "too late",
    };
    assert_eq!((ended, start.elapsed()), ("in time", ms(200)));
    limit.await;
    assert_eq!(start.elapsed(), ms(300));
}

/// `sleep(0)` lets others run, each time. Under tokio's, a sleep whose time has come does not.
#[runtime::test(start_paused = true)]
async fn a_sleep_of_zero_yields() {
    let (start, log) = (Instant::now(), Log::default());
    let tasks = ["a", "b"].map(|name| {
        let log = log.clone();
        spawn(async move {
            for _ in 0..3 {
                log.say(name);
                sleep(ms(0)).await;
            }
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
    let said = log.said();
    assert!(said.len() == 6 && said.windows(2).all(|turns| turns[0] != turns[1]), "{said:?}");
    assert_eq!(start.elapsed(), ms(0));
}

#[runtime::test]
async fn yield_now_yields() {
    let log = Log::default();
    let inner = log.clone();
    let other = spawn(async move { inner.say("other") });
    task::yield_now().await;
    log.say("main");
    other.await.unwrap();
    assert_eq!(log.said(), ["other", "main"]);
}
