//! A deadline that comes again and again.

#![forbid(unsafe_code)]

use crate::coop;
use crate::task::resource::Resource;
use crate::task::unpolled::must_await;
use crate::time::instant::Instant;
use crate::time::sleep::{Sleep, part_sleep_until};
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// A tick that is taken later than this was missed: the behaviour decides about the next one. Less is the
/// ordinary lateness of timers and schedulers, also where it is several periods.
const LATENESS_MAX: Duration = Duration::from_millis(5);
const PERIOD_ZERO: &str = "the period of an interval is zero, so it would tick without end: `period` must be non-zero. \
                           To let others run in a loop, use `task::yield_now`";

/// Ticks every `period`; the first tick comes at once.
///
/// Unlike a `sleep` in a loop, the time that is spent between two ticks is no part of the wait for the next.
/// With `Duration::MAX` there is the first tick and no other.
///
/// # Panics
/// If `period` is zero.
///
/// # Examples
/// ```
/// use runtime::time::{Duration, Instant, interval};
///
/// runtime::run(async {
///     let start = Instant::now();
///     let mut ticks = interval(Duration::from_millis(10));
///     for _ in 0..3 {
///         ticks.tick().await; // after 0, 10, 20 ms
///     }
///     assert!(start.elapsed() >= Duration::from_millis(20));
/// });
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now(), period)
}

/// Ticks every `period`, for the first time at `start`. A start in the past means ticks that were missed.
///
/// # Panics
/// If `period` is zero.
///
/// # Examples
/// ```
/// use runtime::time::{Duration, Instant, interval_at};
///
/// runtime::run(async {
///     let start = Instant::now() + Duration::from_millis(5);
///     let mut ticks = interval_at(start, Duration::from_millis(10));
///     assert_eq!(ticks.tick().await, start);
///     assert_eq!(ticks.tick().await, start + Duration::from_millis(10));
/// });
/// ```
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(!period.is_zero(), "{PERIOD_ZERO}");
    let resource = Resource::timer("Interval");
    resource.period(period);
    Interval {
        delay: Box::pin(part_sleep_until(start)),
        period,
        missed_tick_behavior: MissedTickBehavior::default(),
        resource,
    }
}

/// What an [`Interval`] does when a tick was taken late, by more than 5 ms. Less counts as punctual: the next
/// tick is due one period after the one that was due.
///
/// # Examples
/// ```
/// use runtime::time::{Duration, MissedTickBehavior, advance, interval};
///
/// # #[runtime::main(flavor = "current_thread")]
/// # async fn main() {
/// # runtime::time::pause();
/// let mut ticks = interval(Duration::from_millis(50));
/// ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
/// let start = ticks.tick().await;
/// advance(Duration::from_millis(120)).await; // work that takes too long
/// assert_eq!(ticks.tick().await, start + Duration::from_millis(50)); // at once, 70 ms late
/// assert_eq!(ticks.tick().await, start + Duration::from_millis(150)); // that of 100 ms is lost
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissedTickBehavior {
    /// Ticks without waiting until it has caught up: no tick is lost, and later ones come when they would
    /// have come anyway.
    ///
    /// ```text
    /// Expected: |     1     |     2     |     3     |     4     |     5     |
    /// Actual:   | work -----|          work          | work | work -| work -|
    /// ```
    #[default]
    Burst,
    /// The next tick comes one period after the late one, and so on from there.
    ///
    /// ```text
    /// Expected: |     1     |     2     |     3     |     4     |     5     |
    /// Actual:   | work -----|          work          | work -----| work -----|
    /// ```
    Delay,
    /// The next tick comes at the next multiple of the period since the start: those between are lost.
    ///
    /// ```text
    /// Expected: |     1     |     2     |     3     |     4     |     5     |
    /// Actual:   | work -----|          work          |     work --| work -----|
    /// ```
    Skip,
}

impl MissedTickBehavior {
    /// When the tick after the one that was due at `due` and was taken, late, at `now` comes.
    fn next(self, due: Instant, now: Instant, period: Duration) -> Instant {
        match self {
            MissedTickBehavior::Burst => due + period,
            MissedTickBehavior::Delay => now + period,
            MissedTickBehavior::Skip => {
                let into_period = (now - due).as_nanos() % period.as_nanos();
                now + (period - from_nanos(into_period))
            }
        }
    }
}

/// `Duration::from_nanos` beyond 584 years; `nanos` comes from a `Duration`, so it fits into one.
fn from_nanos(nanos: u128) -> Duration {
    const SECOND: u128 = 1_000_000_000;
    let secs = u64::try_from(nanos / SECOND).unwrap_or(u64::MAX);
    Duration::new(secs, (nanos % SECOND) as u32)
}

/// What [`interval`] and [`interval_at`] return. It ticks without end, until it is dropped.
#[must_use = "an interval does nothing unless its ticks are awaited"]
pub struct Interval {
    /// Boxed: an interval can be moved between ticks.
    delay: Pin<Box<Sleep>>,
    period: Duration,
    missed_tick_behavior: MissedTickBehavior,
    resource: Resource,
}

impl Interval {
    /// Waits for the next tick, and returns the moment for which it was due.
    ///
    /// # Cancel safety
    /// A tick is taken when this is ready. If it is dropped before, the next call waits for the same tick.
    ///
    /// # Panics
    /// When it must wait, but not inside of a runtime, or the runtime has shut down.
    ///
    /// # Examples
    /// ```
    /// use runtime::time::{Duration, interval};
    ///
    /// runtime::run(async {
    ///     let mut ticks = interval(Duration::from_millis(10));
    ///     let first = ticks.tick().await; // at once
    ///     let second = ticks.tick().await;
    ///     assert_eq!(second - first, Duration::from_millis(10));
    /// });
    /// ```
    #[track_caller]
    pub fn tick(&mut self) -> impl Future<Output = Instant> {
        must_await("Interval::tick", async move {
            let op = self.resource.start("Interval::tick");
            op.around("poll_tick", poll_fn(|cx| self.poll_tick(cx))).await
        })
    }

    /// Ready with the moment for which the tick was due; else the task of the last call is woken at the tick.
    ///
    /// # Panics
    /// As [`tick`](Self::tick).
    ///
    /// # Examples
    /// ```
    /// use runtime::time::{Duration, interval};
    /// use std::future::poll_fn;
    ///
    /// runtime::run(async {
    ///     let mut ticks = interval(Duration::from_millis(10));
    ///     poll_fn(|cx| ticks.poll_tick(cx)).await;
    /// });
    /// ```
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        let unit = ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Time));
        ready!(self.delay.as_mut().poll_deadline(cx));
        unit.made_progress();

        let due = self.delay.deadline();
        let now = Instant::now();
        let missed = now - due > LATENESS_MAX;
        let next =
            if missed { self.missed_tick_behavior.next(due, now, self.period) } else { due + self.period };
        self.delay.as_mut().reset_at(next, now);
        Poll::Ready(due)
    }

    /// The next tick comes one period from now, whatever the [`MissedTickBehavior`].
    ///
    /// # Examples
    /// ```
    /// use runtime::time::{Duration, Instant, interval, sleep};
    ///
    /// runtime::run(async {
    ///     let mut ticks = interval(Duration::from_millis(10));
    ///     ticks.tick().await;
    ///     sleep(Duration::from_millis(5)).await;
    ///     let now = Instant::now();
    ///     ticks.reset();
    ///     assert!(ticks.tick().await >= now + Duration::from_millis(10));
    /// });
    /// ```
    pub fn reset(&mut self) {
        self.reset_after(self.period);
    }

    /// The next tick comes at once, the others one period after it.
    ///
    /// # Examples
    /// ```
    /// use runtime::time::{Duration, interval};
    ///
    /// runtime::run(async {
    ///     let mut ticks = interval(Duration::MAX);
    ///     ticks.tick().await;
    ///     ticks.reset_immediately();
    ///     ticks.tick().await;
    /// });
    /// ```
    pub fn reset_immediately(&mut self) {
        self.reset_at(Instant::now());
    }

    /// The next tick comes after `after`, the others one period after it.
    ///
    /// # Examples
    /// ```
    /// use runtime::time::{Duration, interval};
    ///
    /// runtime::run(async {
    ///     let mut ticks = interval(Duration::MAX);
    ///     ticks.tick().await;
    ///     ticks.reset_after(Duration::from_millis(5));
    ///     ticks.tick().await;
    /// });
    /// ```
    pub fn reset_after(&mut self, after: Duration) {
        self.reset_at(Instant::now() + after);
    }

    /// The next tick comes at `deadline`, the others one period after it. Ticks that were missed before are
    /// forgotten; with a deadline in the past, the [`MissedTickBehavior`] decides about those since then.
    ///
    /// # Examples
    /// ```
    /// use runtime::time::{Duration, Instant, interval};
    ///
    /// runtime::run(async {
    ///     let mut ticks = interval(Duration::from_secs(3600));
    ///     ticks.tick().await;
    ///     let deadline = Instant::now() + Duration::from_millis(5);
    ///     ticks.reset_at(deadline);
    ///     assert_eq!(ticks.tick().await, deadline);
    /// });
    /// ```
    pub fn reset_at(&mut self, deadline: Instant) {
        self.delay.as_mut().reset(deadline);
    }

    /// What happens after a tick that was taken late.
    ///
    /// # Examples
    /// ```
    /// use runtime::time::{Duration, MissedTickBehavior, interval};
    ///
    /// let ticks = interval(Duration::from_secs(1));
    /// assert_eq!(ticks.missed_tick_behavior(), MissedTickBehavior::Burst);
    /// ```
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed_tick_behavior
    }

    /// Says what shall happen after a tick that was taken late.
    ///
    /// # Examples
    /// ```
    /// use runtime::time::{Duration, MissedTickBehavior, interval};
    ///
    /// let mut ticks = interval(Duration::from_secs(1));
    /// ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    /// assert_eq!(ticks.missed_tick_behavior(), MissedTickBehavior::Delay);
    /// ```
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed_tick_behavior = behavior;
    }

    /// The time between two ticks.
    ///
    /// # Examples
    /// ```
    /// use runtime::time::{Duration, interval};
    ///
    /// assert_eq!(interval(Duration::from_secs(1)).period(), Duration::from_secs(1));
    /// ```
    pub fn period(&self) -> Duration {
        self.period
    }
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interval")
            .field("delay", &self.delay)
            .field("period", &self.period)
            .field("missed_tick_behavior", &self.missed_tick_behavior)
            .finish()
    }
}
