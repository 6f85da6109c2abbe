//! Waiting for connections from processes of this machine.
#![forbid(unsafe_code)]

use crate::net::methods::{impl_fd_traits, std_methods};
use crate::net::unix::addr::SocketAddr;
use crate::net::unix::stream::{UnixStream, taken_over};
use crate::reactor::Reactor;
use crate::readiness::{Initial, Wanted};
use crate::registration::Registered;
use crate::source::Direction;
use crate::sys;
use runtime_core::task::unpolled::must_await;
use rustix::net::SocketAddrUnix;
use socket2::{Domain, Type};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::{
    SocketAddr as StdSocketAddr, UnixListener as StdUnixListener, UnixStream as StdUnixStream,
};
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// How many connections the system keeps for [`UnixListener::bind`] until they are accepted.
const BACKLOG: i32 = 1024;

/// A Unix socket that listens for connections.
///
/// Its path stays in the file system when it is dropped.
pub struct UnixListener {
    socket: Registered<StdUnixListener>,
}

impl UnixListener {
    /// Listens at `path`, which must not exist. On Linux a path that begins with a NUL is an abstract name, and for an empty
    /// one the system chooses such a name.
    /// For another backlog see [`UnixSocket`](crate::net::UnixSocket).
    ///
    /// # Errors
    /// As the system says.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        UnixListener::bind_in(Reactor::current()?, &sys::unix_path(path.as_ref())?)
    }

    /// Listens at `addr`, which may be an abstract name.
    ///
    /// # Errors
    /// As the system says.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<UnixListener> {
        UnixListener::bind_in(Reactor::current()?, &sys::unix_addr(addr.as_std())?)
    }

    fn bind_in(reactor: Arc<Reactor>, addr: &SocketAddrUnix) -> io::Result<UnixListener> {
        let socket = sys::socket(Domain::UNIX, Type::STREAM)?;
        rustix::net::bind(&socket, addr)?;
        socket.listen(BACKLOG)?;
        UnixListener::new_in(reactor, StdUnixListener::from(OwnedFd::from(socket)))
    }

    pub(crate) fn new_in(reactor: Arc<Reactor>, listener: StdUnixListener) -> io::Result<UnixListener> {
        listener.set_nonblocking(true)?;
        Ok(UnixListener { socket: Registered::new_in(reactor, listener, Initial::Untried)? })
    }

    /// The next connection, and where it comes from. The stream belongs to this listener's runtime.
    ///
    /// Any number of tasks may wait at the same time.
    ///
    /// # Cancel safety
    /// No connection is lost.
    ///
    /// # Errors
    /// As the system says. When file descriptors have run out (`EMFILE`) go on after a while. A
    /// connection that the driver cannot watch is closed (`ENOSPC`, `ENOMEM`).
    #[track_caller]
    pub fn accept(&self) -> impl Future<Output = io::Result<(UnixStream, SocketAddr)>> {
        must_await("UnixListener::accept", async move {
            let (stream, peer) = self.socket.io(Wanted::READ, accept).await?;
            self.finish(stream, peer)
        })
    }

    /// Polls for [`accept`](Self::accept). Of the tasks that do so at the same time the newest few are
    /// woken.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        let (stream, peer) = ready!(self.socket.poll_io(cx, Direction::Read, accept))?;
        Poll::Ready(self.finish(stream, peer))
    }

    fn finish(&self, stream: StdUnixStream, peer: StdSocketAddr) -> io::Result<(UnixStream, SocketAddr)> {
        // What a listener for packets accepts is for packets as well.
        let initial =
            if self.socket.look()?.is_plain() { Initial::Connected } else { Initial::UntriedMessages };
        Ok((UnixStream::new_in(Arc::clone(self.socket.reactor()), stream, initial)?, peer.into()))
    }

    std_methods!(StdUnixListener, listener => taken_over(listener));

    /// The address that it listens at.
    ///
    /// # Errors
    /// As the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket().get().local_addr().map(SocketAddr::from)
    }

    /// Takes the error that is pending on the socket (`SO_ERROR`).
    ///
    /// # Errors
    /// When it cannot be asked for.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket().get().take_error()
    }
}

impl_fd_traits!(UnixListener, StdUnixListener);

/// The standard library sets close-on-exec in the call and repeats it after a signal. Each round takes
/// one dead connection off the system's queue, so this ends.
fn accept(listener: &StdUnixListener) -> io::Result<(StdUnixStream, StdSocketAddr)> {
    loop {
        match listener.accept() {
            Ok((stream, peer)) => {
                stream.set_nonblocking(true)?;
                return Ok((stream, peer));
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
        }
    }
}
