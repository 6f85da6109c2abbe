//! `tokio::time`.

use std::future::poll_fn;
use std::time::Duration;
use tokio::time::{self, Instant, MissedTickBehavior};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// `time`: `sleep`, `sleep_until`, `Duration`.
#[tokio::test]
async fn sleep() {
    let start = Instant::now();
    time::sleep(time::Duration::from_millis(2)).await;
    time::sleep_until(start + ms(4)).await;
    assert!(start.elapsed() >= ms(4));
}

/// `time::Sleep`: `deadline`, `is_elapsed`, `reset`.
#[tokio::test(start_paused = true)]
async fn sleep_reset() {
    let start = Instant::now();
    let sleep = time::sleep(ms(10));
    tokio::pin!(sleep);
    assert_eq!(sleep.deadline(), start + ms(10));
    sleep.as_mut().reset(start + ms(20));
    assert!(!sleep.is_elapsed());
    sleep.as_mut().await;
    assert!(sleep.is_elapsed());
    assert_eq!(start.elapsed(), ms(20));
}

/// `time`: `timeout`, `timeout_at`.
/// `time::error::Elapsed`.
#[tokio::test]
async fn timeout() {
    assert_eq!(time::timeout(ms(10_000), async { 1 }).await.unwrap(), 1);
    let elapsed: time::error::Elapsed = time::timeout(ms(1), std::future::pending::<()>()).await.unwrap_err();
    assert_eq!(elapsed.to_string(), "deadline has elapsed");
    let deadline = Instant::now() + ms(1);
    assert!(time::timeout_at(deadline, std::future::pending::<()>()).await.is_err());
    let error: std::io::Error = elapsed.into();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
}

/// `time::Timeout`: `get_ref`, `get_mut`, `into_inner`.
#[tokio::test]
async fn timeout_parts() {
    let mut timeout: time::Timeout<_> = time::timeout(ms(10), std::future::ready(1));
    let _: &std::future::Ready<i32> = timeout.get_ref();
    *timeout.get_mut() = std::future::ready(2);
    assert_eq!(timeout.into_inner().await, 2);
}

/// `time`: `interval`, `interval_at`.
/// `time::Interval`: `tick`, `poll_tick`, `period`.
#[tokio::test(start_paused = true)]
async fn interval() {
    let mut interval = time::interval(ms(10));
    let start = interval.tick().await;
    assert_eq!(interval.tick().await - start, ms(10));
    let mut interval: time::Interval = time::interval_at(start + ms(15), ms(7));
    assert_eq!(interval.period(), ms(7));
    assert_eq!(poll_fn(|cx| interval.poll_tick(cx)).await, start + ms(15));
}

/// `time::Interval`: `missed_tick_behavior`, `set_missed_tick_behavior`.
/// `time::MissedTickBehavior`: `Burst`, `Delay`, `Skip`.
#[tokio::test(start_paused = true)]
async fn missed_ticks() {
    for (behavior, third) in
        [(MissedTickBehavior::Burst, 100), (MissedTickBehavior::Delay, 175), (MissedTickBehavior::Skip, 150)]
    {
        let start = Instant::now();
        let mut interval = time::interval(ms(50));
        interval.set_missed_tick_behavior(behavior);
        assert_eq!(interval.missed_tick_behavior(), behavior);
        interval.tick().await;
        time::advance(ms(125)).await;
        assert_eq!(interval.tick().await, start + ms(50));
        // The clock's grain apart.
        let third_tick = interval.tick().await - start;
        assert!((ms(third)..=ms(third + 2)).contains(&third_tick), "{behavior:?}: {third_tick:?}");
    }
}

/// `time::Interval`: `reset`, `reset_immediately`, `reset_after`, `reset_at`.
#[tokio::test(start_paused = true)]
async fn interval_resets() {
    let mut interval = time::interval(ms(100));
    interval.tick().await;
    let now = Instant::now();
    interval.reset();
    assert_eq!(interval.tick().await, now + ms(100));
    interval.reset_immediately();
    assert_eq!(interval.tick().await, now + ms(100));
    interval.reset_after(ms(20));
    assert_eq!(interval.tick().await, now + ms(120));
    interval.reset_at(now + ms(130));
    assert_eq!(interval.tick().await, now + ms(130));
}

/// `time`: `pause`, `advance`, `resume`.
#[tokio::test]
async fn paused_time() {
    time::pause();
    let start = Instant::now();
    time::advance(ms(3_600_000)).await;
    assert_eq!(start.elapsed(), ms(3_600_000));
    time::resume();
    assert!(start.elapsed() >= ms(3_600_000));
}

/// `time::Instant`: `now`, `from_std`, `into_std`, `duration_since`, `checked_duration_since`.
/// `time::Instant`: `saturating_duration_since`, `elapsed`, `checked_add`, `checked_sub`.
#[tokio::test]
async fn instant() {
    let now = Instant::now();
    assert_eq!(Instant::from_std(now.into_std()), now);
    let later = now.checked_add(ms(5)).unwrap();
    assert_eq!(later.checked_sub(ms(5)), Some(now));
    assert_eq!(later.duration_since(now), ms(5));
    assert_eq!(now.checked_duration_since(later), None);
    assert_eq!(now.saturating_duration_since(later), Duration::ZERO);
    assert!(now.elapsed() <= now.elapsed());
    let mut moved = now + ms(3);
    moved += ms(2);
    assert_eq!(moved - now, ms(5));
    moved -= ms(5);
    assert_eq!(moved - ms(0), now);
    let std: std::time::Instant = now.into();
    assert!(Instant::from(std) == now && later > now);
}

/// `time::error::Error`: `shutdown`, `is_shutdown`, `at_capacity`, `is_at_capacity`, `invalid`, `is_invalid`.
#[test]
fn error() {
    use tokio::time::error::Error;

    assert!(Error::shutdown().is_shutdown());
    assert!(Error::at_capacity().is_at_capacity());
    assert!(Error::invalid().is_invalid());
}
