//! Datagrams between processes of one machine.
#![forbid(unsafe_code)]

use crate::net::methods::{
    datagram_methods, impl_fd_traits, poll_ready_methods, readiness_methods, std_methods,
};
use crate::net::unix::addr::SocketAddr;
use crate::reactor::Reactor;
use crate::readiness::{Initial, Wanted};
use crate::registration::Registered;
use crate::source::Direction;
use crate::sys;
use runtime_core::task::unpolled::must_await;
use rustix::net::SocketAddrUnix;
use socket2::{Domain, Type};
use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram as StdUnixDatagram;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A Unix datagram socket. Nothing is lost or reordered, but a full receiver makes senders wait.
///
/// Any number of tasks may use it at the same time through a shared reference.
pub struct UnixDatagram {
    socket: Registered<StdUnixDatagram>,
}

impl UnixDatagram {
    /// A socket at `path`, which must not exist. On Linux a path that begins with a NUL is an abstract name, and for an empty
    /// one the system chooses such a name.
    ///
    /// # Errors
    /// As the system says.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        let reactor = Reactor::current()?;
        let socket = sys::socket(Domain::UNIX, Type::DGRAM)?;
        rustix::net::bind(&socket, &sys::unix_path(path.as_ref())?)?;
        UnixDatagram::new_in(reactor, OwnedFd::from(socket).into())
    }

    /// A socket without an address: it can send, and receive from its connected peer.
    ///
    /// # Errors
    /// As the system says.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn unbound() -> io::Result<UnixDatagram> {
        UnixDatagram::new_in(Reactor::current()?, StdUnixDatagram::unbound()?)
    }

    /// Two sockets that are connected to each other.
    ///
    /// # Errors
    /// As the system says.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        UnixDatagram::pair_in(&Reactor::current()?)
    }

    pub(crate) fn pair_in(reactor: &Arc<Reactor>) -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (one, other) = StdUnixDatagram::pair()?;
        let one = UnixDatagram::new_in(Arc::clone(reactor), one)?;
        Ok((one, UnixDatagram::new_in(Arc::clone(reactor), other)?))
    }

    pub(crate) fn new_in(reactor: Arc<Reactor>, socket: StdUnixDatagram) -> io::Result<UnixDatagram> {
        socket.set_nonblocking(true)?;
        Ok(UnixDatagram { socket: Registered::new_in(reactor, socket, Initial::Untried)? })
    }

    /// Sets the peer that `send` sends to and `recv` receives from. On Linux a path that begins with a NUL is an
    /// abstract name.
    ///
    /// # Errors
    /// As the system says.
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        Ok(rustix::net::connect(self.socket().get(), &sys::unix_path(path.as_ref())?)?)
    }

    std_methods!(StdUnixDatagram);
    readiness_methods!();
    poll_ready_methods!(poll_recv_ready, poll_send_ready);
    datagram_methods!(SocketAddr);

    /// Sends one datagram to the socket at `target`. On Linux a path that begins with a NUL is an abstract name.
    ///
    /// # Cancel safety
    /// When this future is dropped before it is done, nothing was sent.
    ///
    /// # Errors
    /// As the system says; or that the runtime that owns the socket has ended.
    #[track_caller]
    pub fn send_to<P: AsRef<Path>>(&self, buf: &[u8], target: P) -> impl Future<Output = io::Result<usize>> {
        must_await("UnixDatagram::send_to", async move {
            let target = sys::unix_path(target.as_ref())?;
            self.socket().io(Wanted::WRITE, |io| send_to(io, buf, &target)).await
        })
    }

    /// Polls for [`send_to`](Self::send_to). Of the tasks that do so at the same time the newest few
    /// are woken.
    ///
    /// # Errors
    /// As [`send_to`](Self::send_to).
    pub fn poll_send_to<P: AsRef<Path>>(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: P,
    ) -> Poll<io::Result<usize>> {
        let target = sys::unix_path(target.as_ref())?;
        self.socket().poll_io(cx, Direction::Write, |io| send_to(io, buf, &target))
    }

    /// Sends one datagram to the socket at `target`, now or never.
    ///
    /// # Errors
    /// Kind `WouldBlock` if there is no room; otherwise as [`send_to`](Self::send_to).
    pub fn try_send_to<P: AsRef<Path>>(&self, buf: &[u8], target: P) -> io::Result<usize> {
        let target = sys::unix_path(target.as_ref())?;
        self.socket().try_io(Wanted::WRITE, |io| send_to(io, buf, &target))
    }

    /// Shuts one or both directions down.
    ///
    /// # Errors
    /// As the system says.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket().get().shutdown(how)
    }
}

impl_fd_traits!(UnixDatagram, StdUnixDatagram);

fn send_to(io: &StdUnixDatagram, buf: &[u8], target: &SocketAddrUnix) -> io::Result<usize> {
    Ok(rustix::net::sendto(io, buf, sys::SEND_FLAGS, target)?)
}
