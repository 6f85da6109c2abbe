//! `create_task`, `Task`, and what they say about themselves.

use crate::{HOUR, Log, ms};
use runtime::time::{Instant, sleep};
use runtime::{spawn, task};

/// "Starts soon": never inside of the call.
#[runtime::test]
async fn a_task_starts_soon() {
    let log = Log::default();
    let inner = log.clone();
    let task = spawn(async move { inner.say("began") });
    log.say("spawned");
    task.await.unwrap();
    assert_eq!(log.said(), ["spawned", "began"]);
}

/// asyncio keeps weak references: a task nobody holds may vanish. Ours lives on.
#[runtime::test(start_paused = true)]
async fn a_task_whose_handle_is_dropped_goes_on() {
    let log = Log::default();
    let inner = log.clone();
    drop(spawn(async move {
        sleep(ms(100)).await;
        inner.say("ended");
    }));
    sleep(ms(200)).await;
    assert_eq!(log.said(), ["ended"]);
}

#[runtime::test(start_paused = true)]
async fn two_tasks_take_the_time_of_the_longer() {
    let start = Instant::now();
    let (one, two) = (spawn(sleep(ms(100))), spawn(sleep(ms(200))));
    one.await.unwrap();
    two.await.unwrap();
    assert_eq!(start.elapsed(), ms(200));
}

#[runtime::test]
async fn a_task_knows_its_name_and_so_does_its_error() {
    let named = task::Builder::new().name("fetch").spawn(async {
        let me = task::current();
        (me.name().map(str::to_owned), me.id())
    });
    let named = named.unwrap();
    let id = named.id();
    assert_eq!(named.await.unwrap(), (Some("fetch".to_owned()), id));

    let line = line!() + 1;
    let failing = task::Builder::new().name("parse").spawn(async { panic!("no number") }).unwrap();
    let error: runtime::JoinError = failing.await.unwrap_err();
    assert_eq!(error.task_name(), Some("parse"));
    assert_eq!((error.spawn_site().file(), error.spawn_site().line()), (file!(), line));
    let text = error.to_string();
    assert!(text.contains("parse") && text.contains("no number") && text.contains(file!()), "{text}");
}

/// `done()`, `result()`: neither waits, and before the end there is no result.
#[runtime::test(start_paused = true)]
async fn a_result_can_be_asked_for_without_waiting() {
    let mut task = spawn(async {
        sleep(ms(100)).await;
        42
    });
    assert!(!task.is_finished() && task.try_result().is_none());
    sleep(ms(200)).await;
    assert!(task.is_finished());
    assert_eq!(task.try_result().unwrap().unwrap(), 42);

    let mut failing = spawn(async { panic!("on purpose") });
    let mut cancelled = spawn(sleep(HOUR));
    cancelled.abort();
    sleep(ms(1)).await;
    let failed: Result<(), _> = failing.try_result().unwrap();
    assert!(failed.unwrap_err().is_panic());
    assert!(cancelled.try_result().unwrap().unwrap_err().is_cancelled());
}

/// Any number of awaiters get a task's result.
#[runtime::test(start_paused = true)]
async fn a_shared_task_can_be_awaited_by_many() {
    let shared = spawn(async {
        sleep(ms(100)).await;
        "result".to_owned()
    });
    let shared = shared.shared();
    let waiting = [(); 3].map(|()| spawn(shared.clone()));
    for awaiter in waiting {
        assert_eq!(awaiter.await.unwrap().unwrap(), "result");
    }
    // Also after the end.
    assert_eq!(shared.await.unwrap(), "result");
}

/// `add_done_callback`: later on the loop, in order, also when added after the end.
#[runtime::test(start_paused = true)]
async fn callbacks_of_the_end_run_later_and_in_order() {
    let log = Log::default();
    let task = spawn(sleep(ms(100)));
    for what in ["first", "second"] {
        let log = log.clone();
        task.on_finish(move |outcome| log.say(format!("{what}: finished {}", outcome.is_finished())));
    }
    sleep(ms(200)).await;
    assert!(task.is_finished());
    let late = log.clone();
    task.on_finish(move |_| late.say("third"));
    // Not inside of the call.
    log.say("added");
    sleep(ms(1)).await;
    assert_eq!(log.said(), ["first: finished true", "second: finished true", "added", "third"]);
}

#[runtime::test(start_paused = true)]
async fn callbacks_of_the_end_are_told_how_it_ended() {
    let log = Log::default();
    let say = |what: &'static str| {
        let log = log.clone();
        move |outcome: &task::Outcome| {
            let (panicked, cancelled) = (outcome.is_panicked(), outcome.is_cancelled());
            log.say(format!("{what}: panicked {panicked}, cancelled {cancelled}"));
        }
    };
    let failing = spawn(async { panic!("on purpose") });
    let _: &runtime::JoinHandle<()> = &failing;
    failing.on_finish(say("failing"));
    sleep(ms(1)).await;
    let endless = spawn(sleep(HOUR));
    endless.on_finish(say("endless"));
    endless.abort();
    sleep(ms(1)).await;
    assert_eq!(
        log.said(),
        ["failing: panicked true, cancelled false", "endless: panicked false, cancelled true"]
    );
    // A callback has not retrieved it.
    assert!(failing.await.unwrap_err().is_panic());
}

/// asyncio gives it to the exception handler of the loop, and goes on with the next.
#[runtime::test(start_paused = true)]
async fn a_callback_that_fails_holds_up_no_other() {
    let log = Log::default();
    let task = spawn(sleep(ms(100)));
    task.on_finish(|_| panic!("on purpose"));
    let inner = log.clone();
    task.on_finish(move |_| inner.say("second"));
    sleep(ms(200)).await;
    assert_eq!(log.said(), ["second"]);
}
