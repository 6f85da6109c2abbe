//! How one worker sleeps: on a condition variable, or in the driver.
//!
//! ```text
//!            park                  unpark
//!   EMPTY ─────────▶ ASLEEP    ─────────▶ NOTIFIED (notifies the condition variable)
//!     │ ───────────▶ IN_DRIVER ─────────▶ NOTIFIED (unparks the driver)
//!     │ ──────────────────────────────▶ NOTIFIED (a token: the next park returns at once)
//! ```

#![forbid(unsafe_code)]

use crate::port::DriverHandle;
use crate::primitive::atomic::{AtomicU32, Ordering};
use crate::primitive::{Condvar, Mutex};
use crate::util::fault::{Fault, planted};
use std::time::{Duration, Instant};

const EMPTY: u32 = 0;
const ASLEEP: u32 = 1;
const IN_DRIVER: u32 = 2;
const NOTIFIED: u32 = 3;

/// The place where one worker sleeps. Everyone may unpark it; only the worker parks.
#[derive(Debug)]
pub struct Parker {
    state: AtomicU32,
    lock: Mutex<()>,
    condvar: Condvar,
}

impl Default for Parker {
    fn default() -> Self {
        Self::new()
    }
}

impl Parker {
    /// Awake, without a token.
    pub fn new() -> Self {
        Parker { state: AtomicU32::new(EMPTY), lock: Mutex::new(()), condvar: Condvar::new() }
    }

    /// Sleeps until unparked; returns at once if that happened before.
    pub fn park(&self) {
        if !self.enter(ASLEEP) {
            return;
        }
        let mut guard = self.lock.lock();
        // ORDER: Acquire: what came before the unpark is visible after it.
        while self.state.load(Ordering::Acquire) != NOTIFIED {
            guard = self.condvar.wait(guard);
        }
        self.leave();
    }

    /// [`park`](Self::park), for `at_most` so long.
    pub fn park_timeout(&self, at_most: Duration) {
        if !self.enter(ASLEEP) {
            return;
        }
        let start = Instant::now();
        let mut guard = self.lock.lock();
        // ORDER: as `park`.
        while self.state.load(Ordering::Acquire) != NOTIFIED {
            let left = at_most.saturating_sub(start.elapsed());
            if left.is_zero() {
                break;
            }
            guard = self.condvar.wait_timeout(guard, left).0;
        }
        // Who unparks us from here on leaves a token.
        self.leave();
    }

    /// The worker is about to sleep in the driver. `false`: there was a token, which is taken.
    #[must_use]
    pub fn enter_driver(&self) -> bool {
        self.enter(IN_DRIVER)
    }

    fn enter(&self, state: u32) -> bool {
        if planted(Fault::TokenLost) {
            self.state.swap(state, Ordering::AcqRel);
            return true;
        }
        // ORDER: Acquire on failure: the token's giver is visible. Release: our state before sleeping is.
        match self.state.compare_exchange(EMPTY, state, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => true,
            Err(_) => {
                self.leave();
                false
            }
        }
    }

    /// The worker is back from the driver: takes the token, if there is one.
    pub fn leave(&self) {
        // ORDER: AcqRel: an RMW, so that the giver of the token we take is visible.
        self.state.swap(EMPTY, Ordering::AcqRel);
    }

    /// Whether the worker sleeps in the driver.
    pub fn is_in_driver(&self) -> bool {
        self.state.load(Ordering::Relaxed) == IN_DRIVER
    }

    /// Whether a token waits.
    pub fn is_notified(&self) -> bool {
        // ORDER: Acquire: as taking it.
        self.state.load(Ordering::Acquire) == NOTIFIED
    }

    /// Makes the current or the next park return.
    pub fn unpark(&self, driver: &dyn DriverHandle) {
        // ORDER: AcqRel: Release hands on what we did before; an RMW even if a token is there already.
        match self.state.swap(NOTIFIED, Ordering::AcqRel) {
            ASLEEP => {
                // The worker is between its check and its wait, or waits: the lock tells which.
                if !planted(Fault::SleeperOverlooked) {
                    drop(self.lock.lock());
                }
                self.condvar.notify_one();
            }
            IN_DRIVER => driver.unpark(),
            _ => {}
        }
    }
}
