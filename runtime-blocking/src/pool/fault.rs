//! Faults that a loom model can plant, to prove that it would see them. An ordinary build has none:
//! [`planted`] is a constant there, and the branches behind it are gone.

/// One way to break the protocol of [`word`](super::word), or of an own pool's room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A thread whose keep-alive ran out leaves even if a submit has just called it.
    LeaveAlthoughCalled,
    /// A thread that arrives takes its job and calls nobody for the jobs behind it.
    NoHandingOn,
    /// A submit looks whether the pool is closed first and counts its job afterwards.
    ClosedSeenEarly,
    /// A submit whose thread was refused answers for its own job alone.
    OthersForgotten,
    /// A job that leaves looks early whether others came without room.
    ExcessSeenEarly,
}

/// Whether `fault` is in the build: never.
#[inline(always)]
pub(crate) const fn planted(_: Fault) -> bool {
    false
}
