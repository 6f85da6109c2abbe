//! Whether the driver sleeps, and whether it has been told not to: one word, so that an unpark of a
//! driver that is awake costs no system call.
//!
//! ```text
//!           begin (1)                  end (2)
//!   AWAKE ────────────▶ ASLEEP ───────────────────▶ AWAKE
//!     │                   │                           ▲
//!     │ notify (3)        │ notify (4): kick!         │ begin (1): do not sleep;
//!     ▼                   ▼                           │ end (2)
//!   NOTIFIED ◀────────────┘───────────────────────────┘
//! ```
//! 1, 2 are the sleeper's (one at a time, see [`Driver`](runtime_core::port::Driver)); 3, 4 anybody's.
//! A kick makes the wait that is going on return, or the next one if the sleeper has just left for
//! another reason: it returns early once, for nothing.
#![forbid(unsafe_code)]
#![allow(unreachable_pub)] // for the loom models, as in `readiness`

use runtime_core::primitive::atomic::{AtomicU32, Ordering};

const AWAKE: u32 = 0;
const ASLEEP: u32 = 1;
const NOTIFIED: u32 = 2;

/// The word.
#[derive(Debug)]
pub struct UnparkWord(AtomicU32);

/// What [`UnparkWord::begin`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Begin {
    /// Sleep; whoever has something to tell will kick.
    Sleep,
    /// Somebody has called already.
    Stay,
}

/// What [`UnparkWord::notify`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Notify {
    /// The driver sleeps: the caller must kick it.
    Kick,
    /// It will see the word before it sleeps, or another caller kicks.
    Nothing,
}

impl UnparkWord {
    /// Nobody sleeps, nobody has called.
    pub fn new() -> UnparkWord {
        UnparkWord(AtomicU32::new(AWAKE))
    }

    /// The driver is about to sleep. To be followed by [`end`](Self::end) either way.
    pub fn begin(&self) -> Begin {
        // ORDER: AcqRel; Acquire pairs with the Release in `notify`: what the caller did before is seen
        // by the sleeper after.
        match self.0.compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Begin::Sleep,
            Err(_) => Begin::Stay,
        }
    }

    /// The driver is awake and will look at everything.
    pub fn end(&self) {
        // ORDER: AcqRel, as in `begin`. A call that this swallows came before the sleeper goes on.
        self.0.swap(AWAKE, Ordering::AcqRel);
    }

    /// Calls the driver.
    pub fn notify(&self) -> Notify {
        // ORDER: AcqRel; Release pairs with the Acquire in `begin` and `end`. Always a write: a caller
        // that finds NOTIFIED must still publish what it did.
        match self.0.swap(NOTIFIED, Ordering::AcqRel) {
            ASLEEP => Notify::Kick,
            _ => Notify::Nothing,
        }
    }
}

impl Default for UnparkWord {
    fn default() -> Self {
        UnparkWord::new()
    }
}
