//! `call_soon`, `call_later`, and what comes from other threads.

use crate::{HOUR, Log, ms};
use runtime::time::{Instant, sleep};
use runtime::{Handle, Runtime};
use std::thread;

/// First in, first out; never inside of the call.
#[runtime::test(start_paused = true)]
async fn callbacks_run_soon_and_in_order() {
    let log = Log::default();
    let handle = Handle::current();
    for n in 0..4 {
        let log = log.clone();
        handle.call_soon(move || log.say(format!("{n}")));
    }
    assert!(log.said().is_empty());
    sleep(ms(1)).await;
    assert_eq!(log.said(), ["0", "1", "2", "3"]);
}

#[runtime::test(start_paused = true)]
async fn a_callback_can_be_called_off() {
    let log = Log::default();
    let handle = Handle::current();
    let (soon, later, ran) = (log.clone(), log.clone(), log.clone());
    let soon = handle.call_soon(move || soon.say("soon"));
    let later = handle.call_later(ms(100), move || later.say("later"));
    let ran = handle.call_later(ms(100), move || ran.say("ran"));
    assert!(soon.cancel() && later.cancel() && !later.cancel());
    sleep(ms(200)).await;
    assert_eq!(log.said(), ["ran"]);
    assert!(!ran.cancel());
}

#[runtime::test(start_paused = true)]
async fn later_callbacks_run_at_their_times() {
    let (start, log) = (Instant::now(), Log::default());
    let handle = Handle::current();
    for (n, time) in [(0, 300), (1, 100), (2, 200), (3, 100)] {
        let log = log.clone();
        handle.call_later(ms(time), move || log.say(format!("{n} at {:?}", start.elapsed())));
    }
    let log_never = log.clone();
    handle.call_later(HOUR, move || log_never.say("never"));
    sleep(ms(400)).await;
    assert_eq!(log.said(), ["1 at 100ms", "3 at 100ms", "2 at 200ms", "0 at 300ms"]);
}

/// `call_soon_threadsafe`.
#[runtime::test]
async fn callbacks_come_from_any_thread() {
    let (send, receive) = runtime::sync::oneshot::channel();
    let handle = Handle::current();
    thread::spawn(move || handle.call_soon(move || send.send(thread::current().id()).unwrap()));
    assert_eq!(receive.await.unwrap(), thread::current().id());
}

/// `run_coroutine_threadsafe(…).result()`.
#[test]
fn another_thread_waits_for_a_task() {
    let rt = Runtime::new().unwrap();
    let handle = rt.handle().clone();
    let thread = thread::spawn(move || {
        let fine = handle.spawn(async {
            sleep(ms(1)).await;
            42
        });
        let failing = handle.spawn(async { panic!("on purpose") });
        let failed: Result<(), _> = failing.join_blocking();
        (fine.join_blocking().unwrap(), failed.unwrap_err().is_panic())
    });
    assert_eq!(thread.join().unwrap(), (42, true));
}
