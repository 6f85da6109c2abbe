//! Coroutines, and `asyncio.run`.

use crate::{HOUR, Log, ms};
use runtime::time::{Instant, sleep};
use runtime::{Builder, Runtime, run, spawn, spawn_blocking, task};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

#[runtime::test]
async fn nothing_runs_until_it_is_awaited_or_spawned() {
    async fn say(log: Log, what: &'static str) {
        log.say(what);
    }
    let log = Log::default();
    let (awaited, spawned, dropped) =
        (say(log.clone(), "awaited"), say(log.clone(), "spawned"), say(log.clone(), "dropped"));
    assert!(log.said().is_empty());
    awaited.await;
    spawn(spawned).await.unwrap();
    drop(dropped);
    assert_eq!(log.said(), ["awaited", "spawned"]);
}

/// asyncio's `run` cancels every task that is left and waits until its `finally` has run, with its awaits.
/// tokio's drops them where they wait.
#[test]
fn run_returns_when_the_tasks_that_are_left_have_ended() {
    let log = Log::default();
    let inner = log.clone();
    let answer = run(async move {
        let (started, has_started) = runtime::sync::oneshot::channel();
        let finally = inner.on_drop("finally");
        spawn(async move {
            let _finally = finally;
            let asked = task::cancelled();
            started.send(()).unwrap();
            asked.await;
            sleep(ms(20)).await;
            inner.say("cleaned up");
        });
        has_started.await.unwrap();
        42
    });
    assert_eq!(answer, 42);
    assert_eq!(log.said(), ["cleaned up", "finally"]);
}

/// So it does when main fails, and then raises what main has raised.
#[test]
fn run_lets_tasks_clean_up_when_main_fails() {
    let log = Log::default();
    let inner = log.clone();
    let failing = || {
        run(async move {
            let (started, has_started) = runtime::sync::oneshot::channel();
            spawn(async move {
                let asked = task::cancelled();
                started.send(()).unwrap();
                asked.await;
                sleep(ms(20)).await;
                inner.say("cleaned up");
            });
            has_started.await.unwrap();
            panic!("on purpose");
        })
    };
    let panic = catch_unwind(AssertUnwindSafe(failing)).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"on purpose"));
    assert_eq!(log.said(), ["cleaned up"]);
}

/// As `shutdown_default_executor` does at the end of `asyncio.run`.
#[test]
fn run_waits_for_running_blocking_jobs() {
    let log = Log::default();
    let inner = log.clone();
    run(async move {
        let (started, has_started) = runtime::sync::oneshot::channel();
        spawn_blocking(move || {
            started.send(()).unwrap();
            // At its end the runtime asks the jobs that run for theirs.
            while !runtime::task::cancel_requested() {
                thread::yield_now();
            }
            inner.say("ended");
        });
        has_started.await.unwrap();
    });
    assert_eq!(log.said(), ["ended"]);
}

#[test]
fn the_end_of_a_runtime_waits_for_blocking_jobs_up_to_a_limit() {
    let rt = Runtime::new().unwrap();
    let (release, released) = mpsc::channel::<()>();
    let (started, has_started) = mpsc::channel();
    rt.spawn_blocking(move || {
        started.send(()).unwrap();
        let _ = released.recv();
    });
    has_started.recv().unwrap();
    let start = std::time::Instant::now();
    rt.shutdown_timeout(ms(50));
    let waited = start.elapsed();
    // The job would go on for ever.
    assert!(waited >= ms(50) && waited < Duration::from_secs(60), "{waited:?}");
    drop(release);
}

/// `loop.run_until_complete` may be called again: the loop goes on where it was.
#[test]
fn block_on_can_be_called_again_and_tasks_live_on_between() {
    for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
        let rt = builder.start_paused(true).build().unwrap();
        let (start, task) = rt.block_on(async { (Instant::now(), spawn(sleep(HOUR))) });
        let slept = rt.block_on(async {
            task.await.unwrap();
            start.elapsed()
        });
        assert_eq!(slept, HOUR);
    }
}
