//! One child process, from its start until it is reaped.
//!
//! The number of a process belongs to it until it is reaped, and then to any other. So a child is reaped once ([`Fate`]), and
//! nothing is sent to its number afterwards. Where the system has descriptors of processes these do not even depend on
//! others keeping to that.
#![forbid(unsafe_code)]

use super::orphans;
use super::unreaped::Unreaped;
use crate::interest::Interest;
use crate::reactor::Reactor;
use crate::readiness::Initial;
use crate::ready::Ready;
use crate::registration::Registered;
use crate::signal::unix::{Signal, SignalKind};
use crate::source::Direction;
use crate::sys::PidFd;
use rustix::process::{Pid, Signal as SignalNumber};
use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// How it is found out that a child has exited.
#[derive(Debug)]
enum Watch {
    /// Its descriptor becomes readable.
    PidFd(Registered<PidFd>),
    /// One child or another did.
    Children(Box<Signal>),
}

impl Watch {
    fn new(reactor: Arc<Reactor>, pid: Pid) -> io::Result<Watch> {
        let fd = PidFd::open(pid).and_then(|fd| {
            let reactor = Arc::clone(&reactor);
            Registered::with_interest(reactor, fd, Interest::READABLE, Initial::Unknown)
                .map_err(|(_, error)| error)
        });
        match fd {
            Ok(fd) => Ok(Watch::PidFd(fd)),
            Err(_) => Ok(Watch::Children(Box::new(Signal::new_in(reactor, SignalKind::child())?))),
        }
    }
}

#[derive(Debug)]
enum Fate {
    Unreaped,
    Exited(ExitStatus),
    /// Somebody else has reaped it.
    Lost,
}

/// A child of ours.
#[derive(Debug)]
pub(super) struct Process {
    pid: Pid,
    fate: Fate,
    /// `None` when it is reaped.
    watch: Option<Watch>,
    kill_on_drop: bool,
}

impl Process {
    /// Watches the child `pid`, which nobody else waits for.
    ///
    /// # Errors
    /// When the system refuses whatever it could be watched with. The child is killed then, and reaped.
    pub(super) fn new(reactor: Arc<Reactor>, pid: Pid) -> io::Result<Process> {
        // Until its caller says otherwise: what could not be handed out shall not run unseen.
        let mut process = Process { pid, fate: Fate::Unreaped, watch: None, kill_on_drop: true };
        process.watch = Some(Watch::new(reactor, pid)?);
        Ok(process)
    }

    /// Whether its drop kills it.
    pub(super) fn set_kill_on_drop(&mut self, on: bool) {
        self.kill_on_drop = on;
    }

    /// Its number, until it is reaped.
    pub(super) fn id(&self) -> Option<u32> {
        match self.fate {
            Fate::Unreaped => Some(self.pid.as_raw_pid().unsigned_abs()),
            Fate::Exited(_) | Fate::Lost => None,
        }
    }

    fn unreaped(&self) -> Unreaped<'_> {
        let fd = match &self.watch {
            Some(Watch::PidFd(fd)) => Some(fd.get()),
            _ => None,
        };
        Unreaped { pid: self.pid, fd }
    }

    /// Its status, if it has exited.
    ///
    /// # Errors
    /// `ECHILD` if somebody else has taken the status.
    pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        match self.fate {
            Fate::Exited(status) => return Ok(Some(status)),
            Fate::Lost => return Err(self.lost()),
            Fate::Unreaped => {}
        }
        match self.unreaped().try_reap() {
            Ok(None) => Ok(None),
            Ok(Some(status)) => {
                self.end(Fate::Exited(status));
                Ok(Some(status))
            }
            Err(error) if error.raw_os_error() == Some(libc::ECHILD) => {
                self.end(Fate::Lost);
                Err(self.lost())
            }
            Err(error) => Err(error),
        }
    }

    fn end(&mut self, fate: Fate) {
        self.fate = fate;
        self.watch = None;
    }

    fn lost(&self) -> io::Error {
        let pid = self.pid;
        let what = format!(
            "the exit status of child {pid} is lost: SIGCHLD is ignored, or somebody else in this process waited for it"
        );
        io::Error::other(what)
    }

    /// Waits for its end.
    pub(super) fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        loop {
            let seen = match &mut self.watch {
                None => None,
                Some(Watch::PidFd(fd)) => match ready!(fd.poll_ready(cx, Direction::Read)) {
                    Ok(seen) => Some(seen),
                    // The runtime has ended; the child may have, too.
                    Err(error) => return Poll::Ready(self.try_wait()?.ok_or(error)),
                },
                // It may have exited before there was a listener.
                Some(Watch::Children(_)) => None,
            };
            if let Some(status) = self.try_wait()? {
                return Poll::Ready(Ok(status));
            }
            match (&mut self.watch, seen) {
                (Some(Watch::PidFd(fd)), Some(seen)) => fd.clear_ready(seen, Ready::READABLE),
                (Some(Watch::Children(exits)), _) => {
                    if ready!(exits.poll_recv(cx)).is_none() {
                        return Poll::Ready(self.try_wait()?.ok_or_else(shut_down_error));
                    }
                }
                _ => return Poll::Ready(Err(shut_down_error())),
            }
        }
    }

    /// Kills it, unless it is reaped.
    ///
    /// # Errors
    /// As the system says.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        match self.fate {
            Fate::Unreaped => self.unreaped().send(SignalNumber::KILL),
            Fate::Exited(_) | Fate::Lost => Ok(()),
        }
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// Kind `InvalidInput` if it is reaped, or if there is no such signal with a name.
    pub(super) fn send_signal(&mut self, kind: SignalKind) -> io::Result<()> {
        let number = kind.as_raw_value();
        let signal = SignalNumber::from_named_raw(number).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("there is no signal {number} with a name"))
        })?;
        self.check_unreaped()?;
        self.unreaped().send(signal)
    }

    fn check_unreaped(&self) -> io::Result<()> {
        if matches!(self.fate, Fate::Unreaped) {
            return Ok(());
        }
        let what = "this child has been waited for: its number may be another's by now";
        Err(io::Error::new(io::ErrorKind::InvalidInput, what))
    }

    /// Kills the process group that it leads.
    ///
    /// # Errors
    /// Kind `InvalidInput` if it leads none, or is reaped.
    pub(super) fn kill_group(&mut self) -> io::Result<()> {
        self.check_unreaped()?;
        self.unreaped().kill_group()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !matches!(self.fate, Fate::Unreaped) {
            return;
        }
        if self.kill_on_drop {
            let _ = self.kill();
        }
        if let Ok(None) = self.try_wait() {
            let fd = match self.watch.take() {
                Some(Watch::PidFd(fd)) => Some(fd.into_inner()),
                _ => None,
            };
            orphans::adopt(self.pid, fd);
        }
    }
}

#[cold]
fn shut_down_error() -> io::Error {
    io::Error::other("the runtime that watched this child has shut down")
}
