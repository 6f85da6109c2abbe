//! `shield`: who waits may be cancelled, what it waits for goes on.

use crate::{Log, ms, sleeps};
use runtime::spawn;
use runtime::task::shield;
use runtime::time::{Instant, sleep, timeout};

#[runtime::test(start_paused = true)]
async fn the_outer_is_cancelled_and_the_inner_goes_on() {
    let log = Log::default();
    let outer = spawn(shield(sleeps(ms(300), log.clone())));
    sleep(ms(100)).await;
    assert!(outer.cancel().await.unwrap_err().is_cancelled());
    assert!(log.said().is_empty());
    sleep(ms(300)).await;
    assert_eq!(log.said(), ["slept 300ms"]);
}

/// A time-out drops what it has waited for: without the shield, nothing would be said.
#[runtime::test(start_paused = true)]
async fn a_time_out_leaves_the_inner_alone() {
    let (start, log) = (Instant::now(), Log::default());
    assert!(timeout(ms(100), shield(sleeps(ms(300), log.clone()))).await.is_err());
    assert_eq!(start.elapsed(), ms(100));
    sleep(ms(300)).await;
    assert_eq!(log.said(), ["slept 300ms"]);
}

#[runtime::test(start_paused = true)]
async fn a_shield_gives_the_result() {
    let result = shield(sleeps(ms(300), Log::default())).await;
    assert_eq!(result.unwrap(), ms(300));
}
