//! The fault that a model has planted.

// std's, not loom's: which fault is planted is no part of the model.
#![allow(clippy::disallowed_types)]

use super::Fault;
use std::sync::atomic::{AtomicU8, Ordering};

static PLANTED: AtomicU8 = AtomicU8::new(0);

/// Breaks the protocol in this process from now on.
pub fn plant(fault: Fault) {
    PLANTED.store(fault as u8, Ordering::Relaxed);
}

/// Whether `fault` was planted.
pub(crate) fn planted(fault: Fault) -> bool {
    PLANTED.load(Ordering::Relaxed) == fault as u8
}
