//! Until when the thread in the driver sleeps: one word, so that a new timer knows whether to unpark it.
//!
//! | word | meaning |
//! |---|---|
//! | `NOBODY` (0) | nobody sleeps in the driver, or who does has been told to get up: a timer says nothing |
//! | a moment | sleeps at most until then: an earlier timer must unpark |
//! | `ANNOUNCED` (the maximum) | about to sleep, still adding up how long, or sleeps without an end |
//!
//! # Why no timer is lost
//!
//! The sleeper *announces*, then reads each shard's earliest deadline under that shard's lock, then
//! *publishes* the minimum, then sleeps. A timer is filed under its shard's lock, and then *claims*.
//!
//! Take one timer and the sleeper's reading of its shard. (a) The filing came first: the sleeper read it,
//! and sleeps no longer than that. (b) The reading came first: the announcement comes before it, and the
//! lock puts both before the claim, which therefore reads the announcement or what came after it in this
//! word: the published moment (if the timer is earlier, it unparks), or `NOBODY`: then the sleeper has
//! been unparked already, or has got up, and before it sleeps again it announces and reads again.
//!
//! Reading before announcing loses a timer that is filed in between: `loom-tests/tests/timer.rs` has it.

#![forbid(unsafe_code)]

use crate::primitive::atomic::{AtomicU64, Ordering};

/// See the table above.
const NOBODY: u64 = 0;
/// See the table above.
const ANNOUNCED: u64 = u64::MAX;

/// The word. All accesses are Relaxed: the shards' locks order them (see the proof above).
#[derive(Debug)]
pub struct Parking {
    until_ns: AtomicU64,
}

impl Default for Parking {
    fn default() -> Self {
        Self::new()
    }
}

impl Parking {
    /// Nobody sleeps.
    pub fn new() -> Self {
        Parking { until_ns: AtomicU64::new(NOBODY) }
    }

    /// The sleeper's first step.
    pub fn announce(&self) {
        self.until_ns.store(ANNOUNCED, Ordering::Relaxed);
    }

    /// The sleeper's last step: it will sleep until `deadline_ns`. If a timer has claimed the announcement
    /// meanwhile, nothing is published: the unpark is on its way, and the next sleep reads again.
    pub fn publish(&self, deadline_ns: u64) {
        let _ = self.until_ns.compare_exchange(ANNOUNCED, deadline_ns, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The sleeper has got up.
    pub fn clear(&self) {
        self.until_ns.store(NOBODY, Ordering::Relaxed);
    }

    /// After a timer was filed: whether the caller must unpark the sleeper. Of several timers one is told so.
    #[must_use]
    #[inline]
    pub fn claim(&self, deadline_ns: u64) -> bool {
        let mut until_ns = self.until_ns.load(Ordering::Relaxed);
        while deadline_ns < until_ns {
            match self.until_ns.compare_exchange_weak(until_ns, NOBODY, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(changed) => until_ns = changed,
            }
        }
        false
    }
}
