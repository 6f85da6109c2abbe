//! `errno`, for what runs in a signal handler and may not disturb whom it interrupted.
//!
//! # Invariants
//! - I1: the system's function returns a pointer to the calling thread's own `errno`, valid while the thread lives.

#[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
use libc::__errno as location;
#[cfg(target_os = "linux")]
use libc::__errno_location as location;
#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
use libc::__error as location;

/// Keeps `errno` as it was, until it is dropped.
pub(crate) struct SavedErrno(i32);

impl SavedErrno {
    /// As it is now.
    pub(crate) fn now() -> SavedErrno {
        // SAFETY: I1; it takes nothing.
        let errno = unsafe { location() };
        // SAFETY: I1.
        SavedErrno(unsafe { *errno })
    }
}

impl Drop for SavedErrno {
    fn drop(&mut self) {
        // SAFETY: I1; it takes nothing.
        let errno = unsafe { location() };
        // SAFETY: I1.
        unsafe { *errno = self.0 };
    }
}
