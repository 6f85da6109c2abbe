//! Processes have numbers only.
#![forbid(unsafe_code)]

use rustix::process::{Pid, Signal};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::ExitStatus;

/// There is none.
#[derive(Debug)]
pub(crate) enum PidFd {}

impl PidFd {
    /// Refused.
    ///
    /// # Errors
    /// Always: kind `Unsupported`.
    pub(crate) fn open(_: Pid) -> io::Result<PidFd> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Nobody can call it.
    ///
    /// # Errors
    /// None.
    pub(crate) fn try_reap(&self) -> io::Result<Option<ExitStatus>> {
        match *self {}
    }

    /// Nobody can call it.
    ///
    /// # Errors
    /// None.
    pub(crate) fn send(&self, _: Signal) -> io::Result<()> {
        match *self {}
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match *self {}
    }
}
