//! The one seam to the system's way of waiting for many file descriptors.
//!
//! Both versions have the same names: `Selector` (shared: add, delete, kick) and `Events` (the
//! driver's: wait, iterate).

#[cfg(any(target_os = "linux", target_os = "android"))]
mod epoll;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod portable;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod wait;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use epoll::{Events, Selector};
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) use portable::{Events, Selector};

/// How many events one wait takes at most. The others stay in the kernel until the next wait.
const EVENTS_MAX: usize = 1024;

/// The longest wait, about a year: a longer one ends early once a year, and no conversion overflows.
const WAIT_MAX: std::time::Duration = std::time::Duration::from_secs(1 << 25);
