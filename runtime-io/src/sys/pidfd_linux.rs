//! A child process as a descriptor: readable when it has exited, and never another process' that got its number.
#![forbid(unsafe_code)]

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// What the status of a child says besides the signal that killed it.
const CORE_DUMPED: i32 = 0x80;

/// A child that nobody has reaped.
#[derive(Debug)]
pub(crate) struct PidFd(OwnedFd);

impl PidFd {
    /// Of the child `pid`.
    ///
    /// # Errors
    /// As `pidfd_open`: `ENOSYS` before Linux 5.3, `EPERM` in some sandboxes, `EMFILE`.
    pub(crate) fn open(pid: Pid) -> io::Result<PidFd> {
        Ok(PidFd(pidfd_open(pid, PidfdFlags::empty())?))
    }

    /// Its status, if it has exited; it is reaped then. `Err(Unsupported)` where the kernel waits for numbers only.
    ///
    /// # Errors
    /// As `waitid`: `ECHILD` if somebody else has reaped it.
    pub(crate) fn try_reap(&self) -> io::Result<Option<ExitStatus>> {
        match waitid(WaitId::PidFd(self.0.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
            Ok(None) => Ok(None),
            Ok(Some(status)) => {
                // As `waitpid` has it: the code is one byte.
                let code = status.exit_status().map(|code| (code & 0xff) << 8);
                let signal = status.terminating_signal().unwrap_or(0);
                let core = if status.dumped() { CORE_DUMPED } else { 0 };
                Ok(Some(ExitStatus::from_raw(code.unwrap_or(signal | core))))
            }
            // Linux 5.3 has the descriptors, and 5.4 this wait.
            Err(Errno::INVAL) => Err(io::ErrorKind::Unsupported.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends it `signal`. `Err(Unsupported)` where a sandbox does not know the call.
    ///
    /// # Errors
    /// As `pidfd_send_signal`: `ESRCH` if somebody else has reaped it.
    pub(crate) fn send(&self, signal: Signal) -> io::Result<()> {
        match pidfd_send_signal(&self.0, signal) {
            Err(Errno::NOSYS | Errno::PERM) => Err(io::ErrorKind::Unsupported.into()),
            result => Ok(result?),
        }
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
