//! A deadline that comes again and again.

#![forbid(unsafe_code)]

use crate::coop;
use crate::time::instant::Instant;
use crate::time::sleep::{Sleep, sleep_until};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// A tick that comes later than this (or than a whole period) was missed: the behaviour decides about the
/// next one. Less is the ordinary lateness of timers and schedulers.
const LATENESS_MAX: Duration = Duration::from_millis(5);

/// Ticks every `period`; the first tick comes at once.
///
/// # Panics
/// If `period` is zero.
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now(), period)
}

/// Ticks every `period`, for the first time at `start`.
///
/// # Panics
/// If `period` is zero.
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(!period.is_zero(), "`period` must be non-zero.");
    Interval {
        delay: Box::pin(sleep_until(start)),
        period,
        missed_tick_behavior: MissedTickBehavior::default(),
    }
}

/// What an [`Interval`] does when a tick was taken late, by more than 5 ms or a period.
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

/// What [`interval`] and [`interval_at`] return.
#[derive(Debug)]
pub struct Interval {
    /// Boxed: an interval can be moved between ticks.
    delay: Pin<Box<Sleep>>,
    period: Duration,
    missed_tick_behavior: MissedTickBehavior,
}

impl Interval {
    /// Waits for the next tick, and returns the moment for which it was due.
    ///
    /// # Cancel safety
    /// A tick is taken when this is ready. If it is dropped before, the next call waits for the same tick.
    ///
    /// # Panics
    /// When it must wait, but not inside of a runtime, or the runtime has shut down.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// Ready with the moment for which the tick was due.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        let unit = ready!(coop::poll_proceed(cx));
        ready!(self.delay.as_mut().poll_deadline(cx));
        unit.made_progress();

        let due = self.delay.deadline();
        let now = Instant::now();
        let missed = now - due > LATENESS_MAX.min(self.period);
        let next =
            if missed { self.missed_tick_behavior.next(due, now, self.period) } else { due + self.period };
        self.delay.as_mut().reset_at(next, now);
        Poll::Ready(due)
    }

    /// The next tick comes one period from now.
    pub fn reset(&mut self) {
        self.reset_after(self.period);
    }

    /// The next tick comes at once.
    pub fn reset_immediately(&mut self) {
        self.reset_at(Instant::now());
    }

    /// The next tick comes after `after`, and the others from there.
    pub fn reset_after(&mut self, after: Duration) {
        self.reset_at(Instant::now() + after);
    }

    /// The next tick comes at `deadline`, and the others from there.
    pub fn reset_at(&mut self, deadline: Instant) {
        self.delay.as_mut().reset(deadline);
    }

    /// What happens after a tick that was taken late.
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed_tick_behavior
    }

    /// Says what shall happen after a tick that was taken late.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.missed_tick_behavior = behavior;
    }

    /// The time between two ticks.
    pub fn period(&self) -> Duration {
        self.period
    }
}
