//! Faults that a loom model can plant, to prove that it would see them.

use std::sync::atomic::{AtomicU8, Ordering};

/// One way to break the protocol of [`word`](super::word), or of an own pool's room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Fault {
    /// A thread whose keep-alive ran out leaves even if a submit has just called it.
    LeaveAlthoughCalled = 1,
    /// A thread that arrives takes its job and calls nobody for the jobs behind it.
    NoHandingOn,
    /// A submit looks whether the pool is closed first and counts its job afterwards.
    ClosedSeenEarly,
    /// A submit whose thread was refused answers for its own job alone.
    OthersForgotten,
    /// A job that leaves looks early whether others came without room.
    ExcessSeenEarly,
}

static PLANTED: AtomicU8 = AtomicU8::new(0);

/// Breaks the protocol in this process from now on.
pub fn plant(fault: Fault) {
    PLANTED.store(fault as u8, Ordering::Relaxed);
}

/// Whether `fault` was planted.
pub(crate) fn planted(fault: Fault) -> bool {
    PLANTED.load(Ordering::Relaxed) == fault as u8
}
