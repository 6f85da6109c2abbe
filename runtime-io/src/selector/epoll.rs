//! epoll: `polling` makes the descriptor; we wait on it ourselves.
//!
//! `polling`'s own wait costs three to five system calls (a timer descriptor, re-arming its notifier).
//! Ours costs one, and a kick one: the eventfd for kicks is edge-triggered, so nobody needs to read it.
//! Descriptors are added through rustix, because `polling` cannot ask for `EPOLLRDHUP`: without it a FIN
//! that arrives together with data is invisible after the short read of that data.
#![forbid(unsafe_code)]

use super::{EVENTS_MAX, WAIT_MAX, wait};
use crate::interest::Interest;
use crate::ready::Ready;
use libc::epoll_event;
use polling::Poller;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::{Errno, retry_on_intr};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// The key of our eventfd. Sources have the top bit clear; `polling`'s own key is `u64::MAX`.
const KICK_KEY: u64 = u64::MAX - 1;

/// The shared half.
#[derive(Debug)]
pub(crate) struct Selector {
    poller: Poller,
    kick: OwnedFd,
}

impl Selector {
    /// A new epoll instance.
    ///
    /// # Errors
    /// When the system refuses a descriptor.
    pub(crate) fn new() -> io::Result<Selector> {
        let poller = Poller::new()?;
        let kick = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&poller, &kick, EventData::new_u64(KICK_KEY), EventFlags::IN | EventFlags::ET)?;
        Ok(Selector { poller, kick })
    }

    /// Watches `fd`, edge-triggered.
    ///
    /// # Errors
    /// As `epoll_ctl`.
    pub(crate) fn add(&self, fd: BorrowedFd<'_>, key: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.poller, fd, EventData::new_u64(key), flags_of(interest))?)
    }

    /// Watches `fd` no more.
    ///
    /// # Errors
    /// As `epoll_ctl`.
    pub(crate) fn delete(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.poller.delete(fd)
    }

    /// Makes the present or next wait return.
    pub(crate) fn kick(&self) {
        // The only other error is EAGAIN of a full counter, after 2^64 kicks; a full counter kicks as well.
        let _ = retry_on_intr(|| rustix::io::write(&self.kick, &1u64.to_ne_bytes()));
    }
}

fn flags_of(interest: Interest) -> EventFlags {
    let mut flags = EventFlags::ET;
    if interest.is_readable() {
        flags |= EventFlags::IN | EventFlags::RDHUP;
    }
    if interest.is_writable() {
        flags |= EventFlags::OUT;
    }
    if interest.is_priority() {
        flags |= EventFlags::PRI;
    }
    flags
}

/// Errors and hang-ups make both directions ready: the system call says what is the matter.
fn ready_of(flags: EventFlags) -> Ready {
    let mut ready = Ready::EMPTY;
    let meanings = [
        (EventFlags::IN, Ready::READABLE),
        (EventFlags::OUT, Ready::WRITABLE),
        (EventFlags::PRI, Ready::PRIORITY),
        (EventFlags::RDHUP, Ready::READABLE | Ready::READ_CLOSED),
        (EventFlags::HUP, Ready::READABLE | Ready::READ_CLOSED | Ready::WRITABLE | Ready::WRITE_CLOSED),
        (EventFlags::ERR, Ready::READABLE | Ready::WRITABLE | Ready::ERROR),
    ];
    for (flag, meaning) in meanings {
        if flags.contains(flag) {
            ready |= meaning;
        }
    }
    ready
}

/// The driver's half: room for events.
pub(crate) struct Events {
    buffer: Vec<epoll_event>,
    count: usize,
    /// Whether the kernel may have the wait with nanoseconds.
    has_wait_ns: bool,
}

impl Events {
    pub(crate) fn new() -> Events {
        let nothing = epoll_event { events: 0, u64: KICK_KEY };
        Events { buffer: vec![nothing; EVENTS_MAX], count: 0, has_wait_ns: true }
    }

    /// Waits for events, a kick, `timeout` or a signal.
    ///
    /// # Errors
    /// As `epoll_wait`, except `EINTR`.
    pub(crate) fn wait(&mut self, selector: &Selector, timeout: Option<Duration>) -> io::Result<()> {
        self.count = 0;
        match self.wait_once(selector.poller.as_fd(), timeout) {
            Ok(count) => self.count = count,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn wait_once(&mut self, epoll: BorrowedFd<'_>, timeout: Option<Duration>) -> Result<usize, Errno> {
        let timeout = timeout.map(|timeout| timeout.min(WAIT_MAX));
        match timeout {
            Some(timeout) if self.has_wait_ns && !timeout.is_zero() => {
                match wait::wait_ns(epoll, &mut self.buffer, timeout) {
                    // Old kernels do not know the call, and some sandboxes forbid what they do not know.
                    Err(Errno::NOSYS | Errno::PERM) => self.has_wait_ns = false,
                    result => return result,
                }
            }
            _ => {}
        }
        wait::wait_ms(epoll, &mut self.buffer, timeout)
    }

    /// The keys of the sources with events, and for what they are ready.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, Ready)> + '_ {
        self.buffer[..self.count]
            .iter()
            .map(|event| (event.u64, ready_of(EventFlags::from_bits_retain(event.events))))
            .filter(|&(key, _)| key != KICK_KEY)
    }
}
