//! What goes on outside of the workers: `block_on` futures being polled, blocking jobs. While there is any,
//! a paused clock must not jump.

#![forbid(unsafe_code)]

use crate::primitive::atomic::{AtomicUsize, Ordering};

/// How much goes on.
#[derive(Debug)]
pub struct Activity(AtomicUsize);

impl Default for Activity {
    fn default() -> Self {
        Activity(AtomicUsize::new(0))
    }
}

impl Activity {
    /// Something begins.
    pub fn enter(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Something has ended, after it woke whom it had to wake. `true`: it was the last.
    pub fn leave(&self) -> bool {
        // ORDER: Release: who sees the count at 0 sees the wakes before it.
        self.0.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Whether nothing goes on.
    pub fn is_none(&self) -> bool {
        // ORDER: Acquire: pairs with `leave`.
        self.0.load(Ordering::Acquire) == 0
    }
}
