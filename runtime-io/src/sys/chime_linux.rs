//! An eventfd that is never read: each write is a new edge in every epoll instance that watches it.
#![forbid(unsafe_code)]

use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What a signal handler strikes, and any number of drivers hear.
#[derive(Debug)]
pub(crate) struct Chime(OwnedFd);

impl Chime {
    /// A new one.
    ///
    /// # Errors
    /// As `eventfd`.
    pub(crate) fn new() -> io::Result<Chime> {
        Ok(Chime(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Wakes every driver that watches it. Async-signal-safe: one system call.
    pub(crate) fn strike(&self) {
        // The only error is EAGAIN of a full counter, after 2^64 strikes.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }
}

impl AsFd for Chime {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
