//! The two system calls that wait for an epoll instance.
//!
//! rustix's version cannot choose between them at run time (and its event buffer is not `Send`).
//!
//! # Invariants
//! - I1: libc's `epoll_event` is the kernel's, and any bits are a valid one; the kernel writes at most
//!   as many as it is told there is room for, and the buffer is borrowed mutably for the whole call.

use libc::epoll_event;
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::time::Duration;

/// The kernel's `struct __kernel_timespec`: 64 bits everywhere.
#[repr(C)]
struct KernelTimespec {
    tv_sec: i64,
    tv_nsec: i64,
}

/// `epoll_pwait2`, since Linux 5.11: a time-out in nanoseconds. Fills the front of `events` and says
/// how many.
///
/// # Errors
/// As the call.
pub(super) fn wait_ns(
    epoll: BorrowedFd<'_>,
    events: &mut [epoll_event],
    timeout: Duration,
) -> Result<usize, Errno> {
    let timeout = KernelTimespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    // SAFETY: I1; the time-out outlives the call, and no signal mask is given.
    let count = unsafe {
        libc::syscall(
            libc::SYS_epoll_pwait2,
            epoll.as_raw_fd(),
            events.as_mut_ptr(),
            room(events),
            &raw const timeout,
            ptr::null::<libc::sigset_t>(),
            0usize,
        )
    };
    usize::try_from(count).map_err(|_| last_error())
}

/// `epoll_wait`: a time-out in milliseconds, rounded up; `None` waits for ever. Fills the front of
/// `events` and says how many.
///
/// # Errors
/// As the call.
pub(super) fn wait_ms(
    epoll: BorrowedFd<'_>,
    events: &mut [epoll_event],
    timeout: Option<Duration>,
) -> Result<usize, Errno> {
    let timeout_ms = match timeout {
        Some(timeout) => i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX),
        None => -1,
    };
    // SAFETY: I1.
    let count = unsafe { libc::epoll_wait(epoll.as_raw_fd(), events.as_mut_ptr(), room(events), timeout_ms) };
    usize::try_from(count).map_err(|_| last_error())
}

fn room(events: &[epoll_event]) -> i32 {
    i32::try_from(events.len()).unwrap_or(i32::MAX)
}

fn last_error() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::INVAL)
}
