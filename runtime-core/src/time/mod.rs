//! The futures of time: [`sleep`], [`timeout`], [`interval`]; and time that tests stop and move by hand.
//!
//! Nothing here fires early. On an idle machine a timer is late by less than 2 ms: deadlines within the
//! same 131 µs fire together. The system's wall clock plays no role.
//!
//! Any [`Duration`] is fine, up to `Duration::MAX`: a moment that lies beyond what a
//! machine can count, 584 years from the runtime's start, does not come.
//!
//! These futures are made anywhere; they need a runtime when they are polled and must wait.

mod clock;
pub mod error;
mod instant;
mod interval;
mod present;
mod send_timeout;
mod sleep;
mod timeout;

#[cfg(test)]
mod hand_driven;
#[cfg(test)]
mod tests;

pub use self::clock::{advance, pause, resume};
pub use self::instant::Instant;
pub use self::interval::{Interval, MissedTickBehavior, interval, interval_at};
pub use self::sleep::{Sleep, sleep, sleep_until};
pub(crate) use self::sleep::{part_sleep, part_sleep_until};
pub use self::timeout::{Timeout, timeout, timeout_at};
pub use std::time::Duration;
