//! A descriptor and its place in the reactor as one value, and the operations on it.
//!
//! Every operation is the same loop: look at the readiness; if there is none, wait; make the system
//! call; on `WouldBlock` clear what was seen and look again.
//!
//! It deliberately knows no sockets: those are in `net`.
#![forbid(unsafe_code)]

use crate::interest::Interest;
use crate::reactor::Reactor;
use crate::readiness::{Initial, Snapshot, Wanted};
use crate::ready::Ready;
use crate::source::{Direction, Source, Ticket};
use crate::sys;
use runtime_core::coop;
use runtime_core::primitive::Arc;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc as StdArc;
use std::task::{Context, Poll, ready};

/// How often one poll tries an operation that says `WouldBlock` although the source is ready. This ends
/// for our own operations; one of the user's may say so for ever on a stream that has ended.
const ATTEMPTS_MAX: usize = 16;

/// Owns a descriptor that is registered; its drop deregisters, then closes.
pub(crate) struct Registered<T: AsFd> {
    /// `None` only while it is taken apart.
    io: Option<T>,
    source: Arc<Source>,
    reactor: StdArc<Reactor>,
}

impl<T: AsFd> Registered<T> {
    /// Registers a socket with the current runtime.
    ///
    /// # Errors
    /// As [`Reactor::register`]; `io` is dropped then.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub(crate) fn new(io: T, initial: Initial) -> io::Result<Registered<T>> {
        Registered::new_in(Reactor::current()?, io, initial)
    }

    /// Registers a socket with the runtime of `reactor`.
    ///
    /// # Errors
    /// As [`Reactor::register`]; `io` is dropped then.
    pub(crate) fn new_in(reactor: StdArc<Reactor>, io: T, initial: Initial) -> io::Result<Registered<T>> {
        Registered::with_interest(reactor, io, Interest::SOCKET, initial).map_err(|(_, error)| error)
    }

    /// Registers any descriptor, for `interest` only.
    ///
    /// # Errors
    /// As [`Reactor::register`], together with the descriptor.
    pub(crate) fn with_interest(
        reactor: StdArc<Reactor>,
        io: T,
        interest: Interest,
        initial: Initial,
    ) -> Result<Registered<T>, (T, io::Error)> {
        match reactor.register(io.as_fd(), interest, initial) {
            Ok(source) => Ok(Registered { io: Some(io), source, reactor }),
            Err(error) => Err((io, error)),
        }
    }

    /// The reactor that it is registered with.
    pub(crate) fn reactor(&self) -> &StdArc<Reactor> {
        &self.reactor
    }

    /// What is registered.
    #[inline]
    pub(crate) fn get(&self) -> &T {
        self.io.as_ref().expect("taken out only by value")
    }

    /// What is registered.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.io.as_mut().expect("taken out only by value")
    }

    /// Deregisters, and gives back what was registered.
    pub(crate) fn into_inner(mut self) -> T {
        self.take().expect("taken out only by value")
    }

    fn take(&mut self) -> Option<T> {
        let io = self.io.take()?;
        self.reactor.deregister(io.as_fd(), &self.source);
        Some(io)
    }

    /// One operation in the slot of `direction`.
    #[inline]
    pub(crate) fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        operation: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let wanted = direction.wanted();
        let wait = |cx: &mut Context<'_>| self.source.poll_ready(cx, direction, wanted);
        self.poll_loop(cx, wanted, wait, operation, |_| false)
    }

    /// Like [`poll_io`](Self::poll_io) for a transfer of bytes: after the last one the next waits without a `WouldBlock`
    /// before it.
    #[inline]
    pub(crate) fn poll_transfer(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        operation: impl FnMut(&T) -> io::Result<Moved>,
    ) -> Poll<io::Result<usize>> {
        let wanted = direction.wanted();
        let wait = |cx: &mut Context<'_>| self.source.poll_ready(cx, direction, wanted);
        self.poll_loop(cx, wanted, wait, operation, |moved| moved.is_last).map_ok(|moved| moved.len)
    }

    /// One operation for any number of tasks at the same time.
    pub(crate) async fn io<R>(
        &self,
        wanted: Wanted,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        let mut waiting = Waiting { source: &self.source, ticket: Ticket::default() };
        poll_fn(|cx| {
            let wait = |cx: &mut Context<'_>| waiting.poll(cx, wanted);
            self.poll_loop(cx, wanted, wait, &mut operation, |_| false)
        })
        .await
    }

    #[inline]
    fn poll_loop<R>(
        &self,
        cx: &mut Context<'_>,
        wanted: Wanted,
        mut wait: impl FnMut(&mut Context<'_>) -> Poll<io::Result<Snapshot>>,
        mut operation: impl FnMut(&T) -> io::Result<R>,
        is_last: impl Fn(&R) -> bool,
    ) -> Poll<io::Result<R>> {
        let coop = ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Io));
        for _ in 0..ATTEMPTS_MAX {
            let seen = ready!(wait(cx))?;
            match self.attempt(seen, wanted, &mut operation, &is_last) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => {
                    coop.made_progress();
                    return Poll::Ready(result);
                }
            }
        }
        coop::yield_now(cx);
        Poll::Pending
    }

    /// Makes the system call, and keeps the readiness in step with its answer.
    #[inline]
    fn attempt<R>(
        &self,
        seen: Snapshot,
        wanted: Wanted,
        mut operation: impl FnMut(&T) -> io::Result<R>,
        is_last: impl Fn(&R) -> bool,
    ) -> io::Result<R> {
        loop {
            let result = operation(self.get());
            match &result {
                Ok(value) if is_last(value) && seen.is_plain() => self.source.clear(seen, wanted),
                Ok(_) => {}
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => continue,
                    io::ErrorKind::WouldBlock => self.source.clear(seen, wanted),
                    _ => {}
                },
            }
            return result;
        }
    }

    /// One operation now or never.
    ///
    /// # Errors
    /// Kind `WouldBlock` if the source is not ready; otherwise what the operation says.
    #[inline]
    pub(crate) fn try_io<R>(
        &self,
        wanted: Wanted,
        operation: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.try_loop(wanted, operation, |_| false)
    }

    /// [`try_io`](Self::try_io) for an operation that cannot be repeated, not even after a signal.
    ///
    /// # Errors
    /// As [`try_io`](Self::try_io), and kind `Interrupted` if the operation says so.
    pub(crate) fn try_io_once<R>(
        &self,
        wanted: Wanted,
        operation: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        let seen = self.look()?;
        if !seen.answers(wanted) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = operation(self.get());
        if result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
            self.source.clear(seen, wanted);
        }
        result
    }

    /// [`try_io`](Self::try_io) for a transfer, see [`poll_transfer`](Self::poll_transfer).
    #[inline]
    pub(crate) fn try_transfer(
        &self,
        direction: Direction,
        operation: impl FnMut(&T) -> io::Result<Moved>,
    ) -> io::Result<usize> {
        self.try_loop(direction.wanted(), operation, |moved| moved.is_last).map(|moved| moved.len)
    }

    #[inline]
    fn try_loop<R>(
        &self,
        wanted: Wanted,
        operation: impl FnMut(&T) -> io::Result<R>,
        is_last: impl Fn(&R) -> bool,
    ) -> io::Result<R> {
        let seen = self.source.look()?;
        if seen.answers(wanted) {
            self.attempt(seen, wanted, operation, is_last)
        } else {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }

    /// Waits until the source is known to be ready for `interest`, in the queue.
    pub(crate) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        Ok(self.ready_event(interest).await?.ready() & Ready::from_interest(interest))
    }

    /// Like [`ready`](Self::ready), with all that is needed to clear the readiness afterwards.
    pub(crate) async fn ready_event(&self, interest: Interest) -> io::Result<Snapshot> {
        let wanted = Wanted::to_know(interest);
        let mut waiting = Waiting { source: &self.source, ticket: Ticket::default() };
        poll_fn(|cx| {
            let coop = ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Io));
            let result = ready!(waiting.poll(cx, wanted));
            coop.made_progress();
            Poll::Ready(result)
        })
        .await
    }

    /// Waits until the source is known to be ready, in the slot of `direction`.
    pub(crate) fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
    ) -> Poll<io::Result<Snapshot>> {
        let coop = ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Io));
        let wanted = Wanted::to_know(match direction {
            Direction::Read => Interest::READABLE,
            Direction::Write => Interest::WRITABLE,
        });
        let result = ready!(self.source.poll_ready(cx, direction, wanted));
        coop.made_progress();
        Poll::Ready(result)
    }

    /// Waits until the source is known to be ready, in the queue, for a caller who keeps the place.
    pub(crate) fn poll_ready_queued(
        &self,
        cx: &mut Context<'_>,
        ticket: &mut Ticket,
        interest: Interest,
    ) -> Poll<io::Result<Snapshot>> {
        self.source.poll_ready_queued(cx, ticket, Wanted::to_know(interest))
    }

    /// Gives back a place in the queue.
    pub(crate) fn leave(&self, ticket: &mut Ticket) {
        self.source.leave(ticket);
    }

    /// The readiness right now.
    ///
    /// # Errors
    /// When the runtime has ended.
    pub(crate) fn look(&self) -> io::Result<Snapshot> {
        self.source.look()
    }

    /// Says that `cleared`, as it was in `seen`, has proved wrong.
    pub(crate) fn clear_ready(&self, seen: Snapshot, cleared: Ready) {
        self.source.clear(seen, Wanted::to_clear(cleared));
    }
}

/// How many bytes a system call moves at most, whatever the room (Linux' `MAX_RW_COUNT`, with the largest pages).
const TRANSFER_MAX: usize = (i32::MAX as usize) & !0xffff;

/// What a transfer has moved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moved {
    len: usize,
    /// Whether it took or gave all that there was.
    is_last: bool,
}

impl Moved {
    /// `len` bytes where there was room for `room`: if they are fewer, they were all. Nothing is the end, not all.
    #[inline]
    pub(crate) fn new(len: usize, room: usize) -> Moved {
        Moved { len, is_last: sys::KNOWS_THE_END && 0 < len && len < room.min(TRANSFER_MAX) }
    }

    /// `len` bytes that may not be all, however few they are.
    #[inline]
    pub(crate) fn with_more_behind(len: usize) -> Moved {
        Moved { len, is_last: false }
    }
}

impl<T: AsFd> Drop for Registered<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl<T: AsFd> AsFd for Registered<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get().as_fd()
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for Registered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// A future's place in the queue of a source, given back when the future goes.
struct Waiting<'a> {
    source: &'a Source,
    ticket: Ticket,
}

impl Waiting<'_> {
    fn poll(&mut self, cx: &mut Context<'_>, wanted: Wanted) -> Poll<io::Result<Snapshot>> {
        self.source.poll_ready_queued(cx, &mut self.ticket, wanted)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.source.leave(&mut self.ticket);
    }
}
