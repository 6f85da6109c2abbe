//! A pipe that only its writer reads, and only when it is full: each write is a new edge in every queue that
//! watches it.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What a signal handler strikes, and any number of drivers hear.
#[derive(Debug)]
pub(crate) struct Chime {
    read: OwnedFd,
    write: OwnedFd,
}

impl Chime {
    /// A new one.
    ///
    /// # Errors
    /// As `pipe`.
    pub(crate) fn new() -> io::Result<Chime> {
        let (read, write) = super::pipe()?;
        Ok(Chime { read, write })
    }

    /// Wakes every driver that watches it. Async-signal-safe: three system calls at most.
    pub(crate) fn strike(&self) {
        if rustix::io::write(&self.write, &[1]).is_err() {
            let _ = rustix::io::read(&self.read, &mut [0; 4096]);
            let _ = rustix::io::write(&self.write, &[1]);
        }
    }
}

impl AsFd for Chime {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}
