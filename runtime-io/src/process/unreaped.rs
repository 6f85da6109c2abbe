//! What can be done with a child that is not reaped: by its descriptor, or by its number, which is its own until then.
#![forbid(unsafe_code)]

use crate::sys::PidFd;
use rustix::process::{Pid, Signal, WaitOptions, getpgid, kill_process, kill_process_group, waitpid};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// A child that nobody has reaped yet, as far as we know.
#[derive(Debug)]
pub(super) struct Unreaped<'a> {
    pub(super) pid: Pid,
    pub(super) fd: Option<&'a PidFd>,
}

impl Unreaped<'_> {
    /// Its status, if it has exited; it is reaped then.
    ///
    /// # Errors
    /// `ECHILD` if somebody else has reaped it.
    pub(super) fn try_reap(&self) -> io::Result<Option<ExitStatus>> {
        if let Some(fd) = self.fd {
            match fd.try_reap() {
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
                result => return result,
            }
        }
        let status = waitpid(Some(self.pid), WaitOptions::NOHANG)?;
        Ok(status.map(|(_, status)| ExitStatus::from_raw(status.as_raw())))
    }

    /// Sends it `signal`.
    ///
    /// # Errors
    /// As the system says.
    pub(super) fn send(&self, signal: Signal) -> io::Result<()> {
        if let Some(fd) = self.fd {
            match fd.send(signal) {
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
                result => return result,
            }
        }
        Ok(kill_process(self.pid, signal)?)
    }

    /// Sends SIGKILL to the group that it leads.
    ///
    /// # Errors
    /// Kind `InvalidInput` if it leads none.
    pub(super) fn kill_group(&self) -> io::Result<()> {
        // Of a child that has exited and is not reaped, too.
        if getpgid(Some(self.pid))? != self.pid {
            let what = "this child leads no process group: spawn it with `process_group(0)`";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        Ok(kill_process_group(self.pid, Signal::KILL)?)
    }
}
