//! Everything but Linux: `polling` as it is.
//!
//! What its events do not say (the end of one direction) counts as not known, see
//! [`KNOWS_THE_END`](crate::sys::KNOWS_THE_END).
//!
//! # Invariants
//! - I1: a descriptor added here is deleted before it is closed: only `reactor::Reactor::register`
//!   adds, and the `Registered` that it is called by deletes in its drop, before it drops the
//!   descriptor it owns.

use super::{EVENTS_MAX, WAIT_MAX};
use crate::interest::Interest;
use crate::ready::Ready;
use polling::{Event, PollMode, Poller};
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// The shared half.
#[derive(Debug)]
pub(crate) struct Selector {
    poller: Poller,
}

impl Selector {
    /// A new poller.
    ///
    /// # Errors
    /// When the system refuses a descriptor, or cannot watch for edges.
    pub(crate) fn new() -> io::Result<Selector> {
        let poller = Poller::new()?;
        if !poller.supports_edge() {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this system has no edge-triggered polling",
            ));
        }
        Ok(Selector { poller })
    }

    /// Watches `fd`, edge-triggered.
    ///
    /// # Errors
    /// As the system's call.
    pub(crate) fn add(&self, fd: BorrowedFd<'_>, key: u64, interest: Interest) -> io::Result<()> {
        let key = usize::try_from(key).map_err(io::Error::other)?;
        let mut event = Event::new(key, interest.is_readable(), interest.is_writable());
        event.set_priority(interest.is_priority());
        // SAFETY: I1.
        unsafe { self.poller.add_with_mode(fd.as_raw_fd(), event, PollMode::Edge) }
    }

    /// Watches `fd` no more.
    ///
    /// # Errors
    /// As the system's call.
    pub(crate) fn delete(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.poller.delete(fd)
    }

    /// Makes the present or next wait return.
    pub(crate) fn kick(&self) {
        let _ = self.poller.notify();
    }
}

/// The driver's half: room for events.
pub(crate) struct Events {
    events: polling::Events,
}

impl Events {
    pub(crate) fn new() -> Events {
        let room = NonZeroUsize::new(EVENTS_MAX).unwrap_or(NonZeroUsize::MIN);
        Events { events: polling::Events::with_capacity(room) }
    }

    /// Waits for events, a kick, `timeout` or a signal.
    ///
    /// # Errors
    /// As the system's call, except `EINTR`.
    pub(crate) fn wait(&mut self, selector: &Selector, timeout: Option<Duration>) -> io::Result<()> {
        self.events.clear();
        match selector.poller.wait(&mut self.events, timeout.map(|timeout| timeout.min(WAIT_MAX))) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// The keys of the sources with events, and for what they are ready.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, Ready)> + '_ {
        self.events.iter().map(|event| (event.key as u64, ready_of(&event)))
    }
}

fn ready_of(event: &Event) -> Ready {
    let mut ready = Ready::EMPTY;
    if event.readable {
        ready |= Ready::READABLE;
    }
    if event.writable {
        ready |= Ready::WRITABLE;
    }
    if event.is_interrupt() {
        ready |= Ready::READABLE | Ready::READ_CLOSED | Ready::WRITABLE | Ready::WRITE_CLOSED;
    }
    if event.is_priority() {
        ready |= Ready::PRIORITY;
    }
    if event.is_err() == Some(true) {
        ready |= Ready::READABLE | Ready::WRITABLE | Ready::ERROR;
    }
    ready
}
