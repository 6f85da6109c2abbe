//! How a driver hears that a signal came: a duplicate of the chime, watched in each runtime with listeners.
#![forbid(unsafe_code)]

use super::handler::Table;
use crate::interest::Interest;
use crate::reactor::Reactor;
use crate::readiness::{Initial, Snapshot};
use crate::ready::Ready;
use crate::registration::Registered;
use crate::source::Ticket;
use runtime_core::primitive::Mutex;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll};

/// The bells that are in use, each with the address of its reactor. A list, and searched: few runtimes of a process listen
/// at the same time.
type Bells = Vec<(usize, Weak<Bell>)>;

static BELLS: OnceLock<Mutex<Bells>> = OnceLock::new();

/// What all listeners of a runtime wait for. The one event is for all signals: each listener looks for itself.
#[derive(Debug)]
pub(super) struct Bell {
    chime: Registered<OwnedFd>,
}

impl Bell {
    /// The one of a runtime.
    ///
    /// # Errors
    /// When the system refuses a descriptor or to watch it, and when the runtime has ended.
    pub(super) fn of(reactor: Arc<Reactor>) -> io::Result<Arc<Bell>> {
        let mut known = BELLS.get_or_init(Mutex::default).lock();
        // A reactor lives as long as its bell: where the address was another's, the bell is gone.
        let address = Arc::as_ptr(&reactor) as usize;
        let place = known.iter().position(|(at, _)| *at == address);
        if let Some(bell) = place.and_then(|place| known[place].1.upgrade()) {
            drop(known);
            bell.chime.look()?;
            return Ok(bell);
        }
        let chime = Table::get()?.chime.as_fd().try_clone_to_owned()?;
        let chime = Registered::with_interest(reactor, chime, Interest::READABLE, Initial::Unknown);
        let bell = Arc::new(Bell { chime: chime.map_err(|(_, error)| error)? });
        known.retain(|(_, bell)| bell.strong_count() > 0);
        known.push((address, Arc::downgrade(&bell)));
        Ok(bell)
    }

    /// Waits for an event that nobody has cleared; several may wait.
    pub(super) fn poll(&self, cx: &mut Context<'_>, ticket: &mut Ticket) -> Poll<io::Result<Snapshot>> {
        self.chime.poll_ready_queued(cx, ticket, Interest::READABLE)
    }

    /// Waits no more.
    pub(super) fn leave(&self, ticket: &mut Ticket) {
        self.chime.leave(ticket);
    }

    /// Clears the event that was seen.
    pub(super) fn clear(&self, seen: Snapshot) {
        self.chime.clear_ready(seen, Ready::READABLE);
    }
}
