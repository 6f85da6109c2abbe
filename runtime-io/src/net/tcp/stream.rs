//! A TCP connection.
#![forbid(unsafe_code)]

use crate::net::methods::{
    impl_fd_traits, peek_methods, poll_ready_methods, readiness_methods, std_methods, try_read_methods,
    try_write_methods,
};
use crate::net::stream::{impl_async_read, impl_async_write};
use crate::net::tcp::socket::whole_seconds;
use crate::reactor::Reactor;
use crate::readiness::Initial;
use crate::registration::Registered;
use socket2::SockRef;
use std::io;
use std::net::{SocketAddr, TcpStream as StdTcpStream};
use std::sync::Arc;
use std::time::Duration;

/// A TCP connection.
///
/// Reading and writing go through `futures::io`'s traits, on the stream itself or on a shared
/// reference, so that one task can read while another writes. Dropping it closes the connection.
pub struct TcpStream {
    socket: Registered<StdTcpStream>,
}

impl TcpStream {
    /// A stream whose handshake is over.
    pub(crate) fn connected_in(reactor: Arc<Reactor>, stream: StdTcpStream) -> io::Result<TcpStream> {
        Ok(TcpStream { socket: Registered::new_in(reactor, stream, Initial::Connected)? })
    }

    /// A stream whose handshake goes on: waits for its end.
    pub(crate) async fn connecting_in(reactor: Arc<Reactor>, stream: StdTcpStream) -> io::Result<TcpStream> {
        let stream = TcpStream { socket: Registered::new_in(reactor, stream, Initial::Unknown)? };
        stream.writable().await?;
        match stream.take_error()? {
            Some(error) => Err(error),
            None => Ok(stream),
        }
    }

    std_methods!(StdTcpStream);
    readiness_methods!();
    poll_ready_methods!(poll_read_ready, poll_write_ready);
    try_read_methods!();
    try_write_methods!();
    peek_methods!();

    /// This end's address.
    ///
    /// # Errors
    /// As the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket().get().local_addr()
    }

    /// The other end's address.
    ///
    /// # Errors
    /// As the system says.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket().get().peer_addr()
    }

    /// Takes the error that is pending on the socket (`SO_ERROR`).
    ///
    /// # Errors
    /// When it cannot be asked for.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket().get().take_error()
    }

    /// Whether small packets are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// As the system says.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket().get().nodelay()
    }

    /// Sets whether small packets are sent at once.
    ///
    /// # Errors
    /// As the system says.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.socket().get().set_nodelay(nodelay)
    }

    /// How long a close waits for unsent data (`SO_LINGER`).
    ///
    /// # Errors
    /// As the system says.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        SockRef::from(self).linger()
    }

    /// Sets how long a close waits for unsent data, rounded up to whole seconds. Anything but zero and
    /// `None` **blocks the thread** that drops the stream.
    ///
    /// # Errors
    /// As the system says.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        SockRef::from(self).set_linger(linger.map(whole_seconds))
    }

    /// Makes the close throw unsent data away and reset the connection.
    ///
    /// # Errors
    /// As the system says.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.set_linger(Some(Duration::ZERO))
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

impl_fd_traits!(TcpStream, StdTcpStream);
impl_async_read!(TcpStream);
impl_async_write!(TcpStream);

impl AsRef<Self> for TcpStream {
    fn as_ref(&self) -> &Self {
        self
    }
}
