//! Waiting for TCP connections.
#![forbid(unsafe_code)]

use crate::net::methods::{impl_fd_traits, std_methods};
use crate::net::tcp::stream::TcpStream;
use crate::reactor::Reactor;
use crate::readiness::{Initial, Wanted};
use crate::registration::Registered;
use crate::source::Direction;
use crate::sys;
use runtime_core::task::unpolled::must_await;
use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// A TCP socket that listens for connections.
pub struct TcpListener {
    socket: Registered<StdTcpListener>,
}

impl TcpListener {
    pub(crate) fn new_in(reactor: Arc<Reactor>, listener: StdTcpListener) -> io::Result<TcpListener> {
        Ok(TcpListener { socket: Registered::new_in(reactor, listener, Initial::Untried)? })
    }

    /// The next connection, and where it comes from. The stream belongs to this listener's runtime.
    ///
    /// Any number of tasks may wait at the same time.
    ///
    /// # Cancel safety
    /// No connection is lost.
    ///
    /// # Errors
    /// As the system says. Most errors are about one connection or pass by: go on accepting, after a
    /// while if file descriptors have run out (`EMFILE`). Connections that were aborted before they
    /// could be accepted are skipped. One that the driver cannot watch is closed (`ENOSPC`, `ENOMEM`).
    #[track_caller]
    pub fn accept(&self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> {
        must_await("TcpListener::accept", async move {
            let (stream, peer) = self.socket.io(Wanted::READ, accept).await?;
            self.finish(stream, peer)
        })
    }

    /// Polls for [`accept`](Self::accept). Of the tasks that do so at the same time the newest few are
    /// woken.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let (stream, peer) = ready!(self.socket.poll_io(cx, Direction::Read, accept))?;
        Poll::Ready(self.finish(stream, peer))
    }

    fn finish(&self, stream: std::net::TcpStream, peer: SocketAddr) -> io::Result<(TcpStream, SocketAddr)> {
        Ok((TcpStream::connected_in(Arc::clone(self.socket.reactor()), stream)?, peer))
    }

    std_methods!(StdTcpListener);

    /// The address that it listens at.
    ///
    /// # Errors
    /// As the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket().get().local_addr()
    }

    /// The time to live of its packets.
    ///
    /// # Errors
    /// As the system says.
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket().get().ttl()
    }

    /// Sets the time to live of its packets.
    ///
    /// # Errors
    /// As the system says.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.socket().get().set_ttl(ttl)
    }
}

impl_fd_traits!(TcpListener, StdTcpListener);

/// Each round takes one dead connection off the system's queue, so this ends.
fn accept(listener: &StdTcpListener) -> io::Result<(std::net::TcpStream, SocketAddr)> {
    loop {
        match sys::accept_tcp(listener) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            result => return result,
        }
    }
}
