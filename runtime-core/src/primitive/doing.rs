//! What a thread of this process is doing, as far as the system says.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;
#[cfg(target_os = "linux")]
mod stack;

#[cfg(target_os = "linux")]
pub(crate) use linux::{doing, thread_number};
#[cfg(not(target_os = "linux"))]
pub(crate) use other::{doing, stack, thread_number};
#[cfg(target_os = "linux")]
pub(crate) use stack::stack;

/// What a thread is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doing {
    /// It runs, or could.
    Computing,
    /// It sleeps: in a system call, if that is known.
    Waiting(Option<String>),
    /// The system does not say.
    Unknown,
}
