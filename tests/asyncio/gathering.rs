//! `gather`, with and without `return_exceptions`.

use crate::{HOUR, Log, ms, sleeps};
use runtime::task::{gather, try_gather};
use runtime::time::{Instant, sleep, timeout};

/// Fails after 0.1 s for 0, else sleeps that many times 0.1 s.
async fn fails_for_zero(n: u64, log: Log) -> Result<u64, String> {
    let _finally = log.on_drop("dropped");
    sleep(ms(100 * n.max(1))).await;
    log.say(format!("{n} ended"));
    if n == 0 { Err("zero".to_owned()) } else { Ok(n) }
}

#[runtime::test(start_paused = true)]
async fn results_come_in_the_order_of_the_arguments() {
    let (start, log) = (Instant::now(), Log::default());
    let results = gather([300, 100, 200].map(|time| sleeps(ms(time), log.clone()))).await;
    let results: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    assert_eq!(results, [300, 100, 200].map(ms));
    assert_eq!(start.elapsed(), ms(300));
    assert_eq!(log.said(), ["slept 100ms", "slept 200ms", "slept 300ms"]);
}

/// `return_exceptions=True`.
#[runtime::test(start_paused = true)]
async fn failures_stand_in_their_places() {
    let results = gather((0..3).map(|n| async move {
        sleep(ms(100 * n)).await;
        assert!(n != 1, "one is too much");
        n
    }));
    let results = results.await;
    assert_eq!(*results[0].as_ref().unwrap(), 0);
    assert!(results[1].as_ref().unwrap_err().is_panic());
    assert_eq!(*results[2].as_ref().unwrap(), 2);
}

/// asyncio's default, as nobody expects it: the siblings keep running. `try_join!`, which is all that tokio has,
/// drops them.
#[runtime::test(start_paused = true)]
async fn the_first_error_comes_out_at_once_and_the_siblings_go_on() {
    let (start, log) = (Instant::now(), Log::default());
    let error = try_gather([3, 0, 2].map(|n| fails_for_zero(n, log.clone()))).await.unwrap_err();
    assert_eq!(start.elapsed(), ms(100));
    assert!(error.to_string().contains("zero"), "{error}");
    assert_eq!(log.said(), ["0 ended", "dropped"]);
    sleep(ms(300)).await;
    assert_eq!(log.said(), ["0 ended", "dropped", "2 ended", "dropped", "3 ended", "dropped"]);
}

#[runtime::test(start_paused = true)]
async fn without_an_error_the_results_are_in_order() {
    let log = Log::default();
    let results = try_gather([3, 1, 2].map(|n| fails_for_zero(n, log.clone()))).await;
    assert_eq!(results.unwrap(), [3, 1, 2]);
}

#[runtime::test(start_paused = true)]
async fn the_rest_is_cancelled_on_request() {
    let (start, log) = (Instant::now(), Log::default());
    let all = try_gather([3, 0, 2].map(|n| fails_for_zero(n, log.clone()))).cancel_rest();
    assert!(all.await.is_err());
    assert_eq!(start.elapsed(), ms(100));
    // They have ended when the error comes out.
    assert_eq!(log.said(), ["0 ended", "dropped", "dropped", "dropped"]);
}

/// "If gather() is cancelled, all submitted awaitables are cancelled."
#[runtime::test(start_paused = true)]
async fn cancelling_the_gather_cancels_all() {
    let log = Log::default();
    let children = (0..3).map(|_| {
        let log = log.clone();
        async move {
            let _finally = log.on_drop("dropped");
            sleep(HOUR).await;
        }
    });
    assert!(timeout(ms(100), gather(children)).await.is_err());
    sleep(ms(1)).await;
    assert_eq!(log.said(), ["dropped"; 3]);
}

#[runtime::test(start_paused = true)]
async fn different_types_are_gathered() {
    let start = Instant::now();
    let (number, text) = runtime::gather!(
        async {
            sleep(ms(100)).await;
            1
        },
        async {
            sleep(ms(200)).await;
            "two"
        },
    )
    .await;
    assert_eq!((number.unwrap(), text.unwrap()), (1, "two"));
    assert_eq!(start.elapsed(), ms(200));
}
