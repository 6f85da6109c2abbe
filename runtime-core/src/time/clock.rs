//! Time that tests stop and move by hand.

#![forbid(unsafe_code)]

use crate::coop;
use crate::task::unpolled::must_await;
use crate::time::present;
use crate::timer::Timers;
use crate::util::wake_list::WakeList;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

const NO_RUNTIME: &str = "there is no runtime on this thread whose time could be paused: call this inside of \
                          `runtime::run`, `#[runtime::test]` or `Runtime::block_on`";
const RUNNING: &str = "the runtime's time is running: call `time::pause()` first";

/// Stops the runtime's time. [`Instant::now`](super::Instant::now) stands still; whenever the runtime has
/// nothing left to do (all tasks wait, nothing came from outside, no blocking job runs), the time jumps to
/// the next timer's deadline.
///
/// For tests, on both flavours of the runtime. It stops our time alone: what a blocking job or another
/// process does takes as long as ever.
///
/// # Panics
/// If the time stands still already, or outside of a runtime.
///
/// # Examples
/// ```
/// use runtime::time::{Duration, Instant, pause, sleep};
///
/// runtime::run(async {
///     pause();
///     let start = Instant::now();
///     sleep(Duration::from_secs(3600)).await; // takes no time at all
///     assert_eq!(start.elapsed(), Duration::from_secs(3600));
/// });
/// ```
#[track_caller]
pub fn pause() {
    with_timers(|timers| timers.pause()).expect("the runtime's time is paused already");
}

/// Lets the runtime's time run on from where it stands.
///
/// # Panics
/// If the time is running, or outside of a runtime.
///
/// # Examples
/// ```
/// use runtime::time::{Duration, Instant, pause, resume, sleep};
///
/// runtime::run(async {
///     pause();
///     sleep(Duration::from_secs(3600)).await;
///     resume();
///     let start = std::time::Instant::now();
///     sleep(Duration::from_millis(5)).await;
///     assert!(start.elapsed() >= Duration::from_millis(5));
/// });
/// ```
#[track_caller]
pub fn resume() {
    with_timers(|timers| timers.resume()).expect(RUNNING);
}

/// Moves the paused time by `duration`, in one jump, wakes the timers that are due then, and lets other
/// tasks run before it returns.
///
/// The sleeps that it wakes are those that were polled before: an unpolled `sleep` is ready when it is. A
/// task that waits for several timers one after the other sees the time after the jump when it makes the
/// second. On a runtime with several workers the tasks that were woken may still be running when this
/// returns. The time goes no further than 292 years.
///
/// # Cancel safety
/// Dropping the future after its first poll leaves the time where it is.
///
/// # Panics
/// If the time is running, or outside of a runtime.
///
/// # Examples
/// ```
/// use runtime::time::{Duration, Instant, advance, pause};
///
/// runtime::run(async {
///     pause();
///     let start = Instant::now();
///     advance(Duration::from_millis(7)).await;
///     assert_eq!(start.elapsed(), Duration::from_millis(7));
/// });
/// ```
#[track_caller]
pub fn advance(duration: Duration) -> impl Future<Output = ()> {
    must_await("time::advance", async move {
        let mut ready = WakeList::new();
        with_timers(|timers| timers.advance(duration, &mut ready)).expect(RUNNING);
        ready.wake_all();
        drop(ready);
        let mut yielded = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            coop::yield_now(cx);
            Poll::Pending
        })
        .await;
    })
}

#[track_caller]
fn with_timers<R>(f: impl FnOnce(&Timers) -> R) -> R {
    let result = present::with_timers(|timers| timers.map(|(timers, _shard)| f(timers)));
    result.expect(NO_RUNTIME)
}
