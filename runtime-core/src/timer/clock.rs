//! Where time comes from: one source per runtime, which tests may stop and move by hand.
//!
//! A moment inside the runtime is a `u64`: nanoseconds since the runtime's start, enough for 584 years.
//! What lies further away is [`NEVER`]: a timer of 600 years does not fire, rather than fire early.
//!
//! While nobody has paused the time, reading it costs one relaxed load beside the clock itself. After
//! the first pause every read goes through a lock: that is for tests.

use crate::primitive::Mutex;
use crate::primitive::atomic::{AtomicBool, Ordering};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The moment that does not come.
pub const NEVER: u64 = u64::MAX;

/// As far as [`TimeSource::advance`] moves the paused time: 292 years. There must be room behind it for
/// deadlines that still come.
const ADVANCE_MAX_NS: u64 = u64::MAX / 2;

/// A source of time. The core reads no other.
pub trait Clock: Send + Sync {
    /// The present moment. Never goes back.
    fn now(&self) -> Instant;
}

/// The system's monotonic clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }
}

/// The time of one runtime: a [`Clock`], over which paused time is laid.
pub struct TimeSource {
    base: Arc<dyn Clock>,
    /// The moment 0.
    start: Instant,
    /// Whether the time was ever paused: from then on `shift` must be asked.
    shifted: AtomicBool,
    shift: Mutex<Shift>,
}

/// How the runtime's time relates to the base clock's.
#[derive(Debug, Clone, Copy)]
enum Shift {
    /// It runs, and is `ahead_ns` (or behind, if negative) of the base.
    Running { ahead_ns: i128 },
    /// It stands still.
    Frozen { at_ns: u64 },
}

/// The time was not in the state that the call asks for: paused already, or not paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongState;

impl TimeSource {
    /// A source whose moment 0 is now.
    pub fn new(base: Arc<dyn Clock>) -> Self {
        let start = base.now();
        TimeSource {
            base,
            start,
            shifted: AtomicBool::new(false),
            shift: Mutex::new(Shift::Running { ahead_ns: 0 }),
        }
    }

    /// The present moment, in nanoseconds since the runtime's start.
    #[inline]
    pub fn now_ns(&self) -> u64 {
        if self.is_shifted() { self.shifted_ns() } else { self.base_ns() }
    }

    /// The present moment as an instant: the base clock's own, or what the paused time makes of it.
    #[inline]
    pub fn now(&self) -> Instant {
        if self.is_shifted() { self.start + Duration::from_nanos(self.shifted_ns()) } else { self.base.now() }
    }

    /// `instant` in nanoseconds since the runtime's start: 0 if it lies before, [`NEVER`] if it lies too
    /// far ahead.
    #[inline]
    pub fn ns_of(&self, instant: Instant) -> u64 {
        let since = instant.saturating_duration_since(self.start);
        u64::try_from(since.as_nanos()).unwrap_or(NEVER)
    }

    /// Whether the time was ever paused.
    #[inline]
    pub fn is_shifted(&self) -> bool {
        // ORDER: Relaxed; a thread that pauses the time sees its own store, and whoever hears of the
        // pause from that thread has synchronised with it. Others may read the running clock once more.
        self.shifted.load(Ordering::Relaxed)
    }

    /// Whether the time stands still.
    #[inline]
    pub fn is_paused(&self) -> bool {
        self.is_shifted() && matches!(*self.shift.lock(), Shift::Frozen { .. })
    }

    /// Stops the time at the present moment.
    ///
    /// # Errors
    /// When it stands still already.
    pub fn pause(&self) -> Result<(), WrongState> {
        let mut shift = self.shift.lock();
        let Shift::Running { ahead_ns } = *shift else { return Err(WrongState) };
        *shift = Shift::Frozen { at_ns: add_signed(self.base_ns(), ahead_ns) };
        // ORDER: Relaxed; `shift` itself is read under its lock.
        self.shifted.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Lets the time run on from where it stands.
    ///
    /// # Errors
    /// When it is running.
    pub fn resume(&self) -> Result<(), WrongState> {
        let mut shift = self.shift.lock();
        let Shift::Frozen { at_ns } = *shift else { return Err(WrongState) };
        *shift = Shift::Running { ahead_ns: i128::from(at_ns) - i128::from(self.base_ns()) };
        Ok(())
    }

    /// Moves the paused time ahead by `duration`, at most to its 292nd year, and returns the new moment.
    ///
    /// # Errors
    /// When the time is running.
    pub fn advance(&self, duration: Duration) -> Result<u64, WrongState> {
        let step_ns = u64::try_from(duration.as_nanos()).unwrap_or(NEVER);
        let mut shift = self.shift.lock();
        let Shift::Frozen { at_ns } = &mut *shift else { return Err(WrongState) };
        *at_ns = at_ns.saturating_add(step_ns).min(ADVANCE_MAX_NS.max(*at_ns));
        Ok(*at_ns)
    }

    /// Moves the paused time to `moment_ns`, never back, and returns the new moment.
    ///
    /// # Errors
    /// When the time is running.
    pub fn advance_to(&self, moment_ns: u64) -> Result<u64, WrongState> {
        let mut shift = self.shift.lock();
        let Shift::Frozen { at_ns } = &mut *shift else { return Err(WrongState) };
        *at_ns = moment_ns.max(*at_ns);
        Ok(*at_ns)
    }

    /// The moment by the base clock, which no pause stops.
    pub fn real_ns(&self) -> u64 {
        self.base_ns()
    }

    fn base_ns(&self) -> u64 {
        self.ns_of(self.base.now())
    }

    #[cold]
    fn shifted_ns(&self) -> u64 {
        match *self.shift.lock() {
            Shift::Frozen { at_ns } => at_ns,
            Shift::Running { ahead_ns } => add_signed(self.base_ns(), ahead_ns),
        }
    }
}

/// `ns + ahead_ns`, kept between 0 and [`NEVER`].
fn add_signed(ns: u64, ahead_ns: i128) -> u64 {
    let sum = i128::from(ns).saturating_add(ahead_ns);
    u64::try_from(sum.max(0)).unwrap_or(NEVER)
}

impl fmt::Debug for TimeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeSource")
            .field("now_ns", &self.now_ns())
            .field("paused", &self.is_paused())
            .finish()
    }
}
