//! A moment on the runtime's clock.

#![forbid(unsafe_code)]

use crate::time::present;
use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::{Duration, Instant as StdInstant};

/// A moment, as [`std::time::Instant`]; [`now`](Self::now) obeys the runtime's paused time.
///
/// The operators do not panic: a sum or difference that cannot be represented is the most distant moment
/// that can.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    std: StdInstant,
}

impl Instant {
    /// The present moment: on a thread of a runtime whose time was paused, that runtime's; else the system's.
    #[inline]
    pub fn now() -> Instant {
        let std = present::with_timers(|timers| match timers {
            Some((timers, _shard)) => timers.source().now(),
            None => StdInstant::now(),
        });
        Instant { std }
    }

    /// The same moment of the standard library's type.
    pub fn from_std(std: StdInstant) -> Instant {
        Instant { std }
    }

    /// The same moment as the standard library's type.
    pub fn into_std(self) -> StdInstant {
        self.std
    }

    /// How much later this is than `earlier`; zero if it is not.
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        self.std.saturating_duration_since(earlier.std)
    }

    /// How much later this is than `earlier`; `None` if it comes before.
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.std.checked_duration_since(earlier.std)
    }

    /// How much later this is than `earlier`; zero if it is not.
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.std.saturating_duration_since(earlier.std)
    }

    /// How long ago this was; zero if it lies ahead.
    pub fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(*self)
    }

    /// The moment `duration` later, if it can be represented.
    pub fn checked_add(&self, duration: Duration) -> Option<Instant> {
        self.std.checked_add(duration).map(Instant::from_std)
    }

    /// The moment `duration` earlier, if it can be represented.
    pub fn checked_sub(&self, duration: Duration) -> Option<Instant> {
        self.std.checked_sub(duration).map(Instant::from_std)
    }

    /// Moves by whole steps of a power of two seconds, largest first, as far as `step` can go.
    #[cold]
    fn saturate(self, step: fn(&StdInstant, Duration) -> Option<StdInstant>) -> Instant {
        let mut std = self.std;
        for bit in (0..u64::BITS).rev() {
            std = step(&std, Duration::from_secs(1 << bit)).unwrap_or(std);
        }
        Instant { std }
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    #[inline]
    fn add(self, duration: Duration) -> Instant {
        self.checked_add(duration).unwrap_or_else(|| self.saturate(StdInstant::checked_add))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    fn sub(self, duration: Duration) -> Instant {
        self.checked_sub(duration).unwrap_or_else(|| self.saturate(StdInstant::checked_sub))
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl From<StdInstant> for Instant {
    fn from(std: StdInstant) -> Instant {
        Instant::from_std(std)
    }
}

impl From<Instant> for StdInstant {
    fn from(instant: Instant) -> StdInstant {
        instant.into_std()
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.std.fmt(f)
    }
}
