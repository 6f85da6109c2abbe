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
///
/// # Examples
/// ```
/// use runtime::time::{Duration, Instant};
///
/// let start = Instant::now();
/// let end = start + Duration::from_millis(5);
/// assert_eq!(end - start, Duration::from_millis(5));
/// assert_eq!(start - end, Duration::ZERO);
/// assert!(start + Duration::MAX > end);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    std: StdInstant,
}

impl Instant {
    /// The present moment: on a thread of a runtime whose time was paused, that runtime's; else the system's.
    ///
    /// # Examples
    /// ```
    /// use runtime::time::Instant;
    ///
    /// assert!(Instant::now() <= Instant::now());
    /// ```
    #[inline]
    pub fn now() -> Instant {
        let std = present::with_timers(|timers| match timers {
            Some((timers, _shard)) => timers.source().now(),
            None => StdInstant::now(),
        });
        Instant { std }
    }

    /// The same moment of the standard library's type.
    ///
    /// # Examples
    /// ```
    /// use runtime::time::Instant;
    ///
    /// let now = std::time::Instant::now();
    /// assert_eq!(Instant::from_std(now).into_std(), now);
    /// ```
    pub fn from_std(std: StdInstant) -> Instant {
        Instant { std }
    }

    /// The same moment as the standard library's type.
    ///
    /// # Examples
    /// As [`from_std`](Self::from_std).
    pub fn into_std(self) -> StdInstant {
        self.std
    }

    /// How much later this is than `earlier`; zero if it is not.
    ///
    /// # Examples
    /// ```
    /// use runtime::time::{Duration, Instant};
    ///
    /// let now = Instant::now();
    /// assert_eq!((now + Duration::from_secs(1)).duration_since(now), Duration::from_secs(1));
    /// assert_eq!(now.duration_since(now + Duration::from_secs(1)), Duration::ZERO);
    /// ```
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        self.std.saturating_duration_since(earlier.std)
    }

    /// How much later this is than `earlier`; `None` if it comes before.
    ///
    /// # Examples
    /// ```
    /// use runtime::time::{Duration, Instant};
    ///
    /// let now = Instant::now();
    /// assert_eq!(now.checked_duration_since(now), Some(Duration::ZERO));
    /// assert_eq!(now.checked_duration_since(now + Duration::from_secs(1)), None);
    /// ```
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.std.checked_duration_since(earlier.std)
    }

    /// How much later this is than `earlier`; zero if it is not: as [`duration_since`](Self::duration_since).
    ///
    /// # Examples
    /// ```
    /// use runtime::time::{Duration, Instant};
    ///
    /// let now = Instant::now();
    /// assert_eq!(now.saturating_duration_since(now + Duration::from_secs(1)), Duration::ZERO);
    /// ```
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.std.saturating_duration_since(earlier.std)
    }

    /// How long ago this was; zero if it lies ahead.
    ///
    /// # Examples
    /// ```
    /// use runtime::time::{Duration, Instant, sleep};
    ///
    /// runtime::run(async {
    ///     let start = Instant::now();
    ///     sleep(Duration::from_millis(5)).await;
    ///     assert!(start.elapsed() >= Duration::from_millis(5));
    /// });
    /// ```
    pub fn elapsed(&self) -> Duration {
        Instant::now().saturating_duration_since(*self)
    }

    /// The moment `duration` later, if it can be represented.
    ///
    /// # Examples
    /// ```
    /// use runtime::time::{Duration, Instant};
    ///
    /// let now = Instant::now();
    /// assert_eq!(now.checked_add(Duration::from_secs(1)), Some(now + Duration::from_secs(1)));
    /// assert_eq!(now.checked_add(Duration::MAX), None);
    /// ```
    pub fn checked_add(&self, duration: Duration) -> Option<Instant> {
        self.std.checked_add(duration).map(Instant::from_std)
    }

    /// The moment `duration` earlier, if it can be represented.
    ///
    /// # Examples
    /// ```
    /// use runtime::time::{Duration, Instant};
    ///
    /// let now = Instant::now();
    /// assert_eq!(now.checked_sub(Duration::ZERO), Some(now));
    /// assert_eq!(now.checked_sub(Duration::MAX), None);
    /// ```
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
