//! `Future`: set by hand, once, for any number of awaiters.

use crate::{Log, ms};
use runtime::spawn;
use runtime::sync::promise;
use runtime::time::{Instant, sleep};

/// A second `set_result` raises `InvalidStateError`.
#[runtime::test]
async fn a_future_is_set_once() {
    let (promise, future) = promise();
    assert!(!future.is_done());
    assert!(future.try_get().is_none());
    assert_eq!(promise.set(1), Ok(()));
    assert_eq!(promise.set(2), Err(2));
    assert!(!promise.cancel());
    assert!(future.is_done());
    assert_eq!(future.try_get(), Some(Ok(1)));
    assert_eq!(future.await, Ok(1));
}

/// tokio's oneshot has one receiver.
#[runtime::test(start_paused = true)]
async fn any_number_of_awaiters_get_the_result() {
    let start = Instant::now();
    let (promise, future) = promise::<String>();
    let awaiters = [(); 3].map(|()| spawn(future.clone()));
    sleep(ms(100)).await;
    promise.set("result".to_owned()).unwrap();
    for awaiter in awaiters {
        assert_eq!(awaiter.await.unwrap().unwrap(), "result");
    }
    // Also one that comes when it is over, and when the promise is gone.
    drop(promise);
    assert_eq!(future.await.unwrap(), "result");
    assert_eq!(start.elapsed(), ms(100));
}

#[runtime::test(start_paused = true)]
async fn callbacks_run_later_and_in_order_also_when_added_after_the_end() {
    let log = Log::default();
    let (promise, future) = promise::<u32>();
    for what in ["first", "second"] {
        let log = log.clone();
        future.on_done(move |result| log.say(format!("{what}: {result:?}")));
    }
    promise.set(42).unwrap();
    // Not inside of the completer.
    log.say("set");
    sleep(ms(1)).await;
    let late = log.clone();
    future.on_done(move |result| late.say(format!("third: {result:?}")));
    log.say("added");
    sleep(ms(1)).await;
    assert_eq!(log.said(), ["set", "first: Ok(42)", "second: Ok(42)", "added", "third: Ok(42)"]);
}

/// Nobody waits for ever: a promise that cannot be kept any more is cancelled.
#[runtime::test]
async fn a_cancelled_or_forgotten_promise_is_an_error() {
    let (cancelled, future) = promise::<u32>();
    let waiting = spawn(future.clone());
    assert!(cancelled.cancel());
    assert!(!cancelled.cancel());
    assert_eq!(cancelled.set(1), Err(1));
    assert!(waiting.await.unwrap().is_err() && future.try_get().unwrap().is_err());

    let (forgotten, future) = promise::<u32>();
    drop(forgotten);
    assert!(future.await.is_err());
}
