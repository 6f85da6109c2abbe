//! What one system can do without waiting, and the others cannot.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

#[cfg(target_os = "linux")]
pub(super) use linux::*;
#[cfg(not(target_os = "linux"))]
pub(super) use other::*;

/// Why something was not had without waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missed {
    /// Not at once, or not at all: a thread that may wait finds out.
    Now,
    /// This file never does it.
    Here,
    /// This system never does it, or does not let us.
    Anywhere,
}
