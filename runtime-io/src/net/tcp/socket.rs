//! A TCP socket before it connects or listens, to set options on.
#![forbid(unsafe_code)]

use crate::sys;
use socket2::{Domain, Socket, Type};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

/// A TCP socket that is neither connected nor listening yet.
///
/// Options that are not here, keep-alive intervals for instance, are set with the crate `socket2`, as they are on
/// a [`TcpStream`](crate::net::TcpStream): both have a descriptor that it can borrow.
///
/// # Examples
/// ```
/// use runtime::net::TcpSocket;
/// use socket2::{SockRef, TcpKeepalive};
/// use std::time::Duration;
///
/// let socket = TcpSocket::new_v4()?;
/// socket.set_nodelay(true)?;
/// // A peer that is silent for a minute is asked every ten seconds, five times, whether it is still there.
/// let probes = TcpKeepalive::new()
///     .with_time(Duration::from_secs(60))
///     .with_interval(Duration::from_secs(10))
///     .with_retries(5);
/// SockRef::from(&socket).set_tcp_keepalive(&probes)?;
/// assert!(socket.keepalive()?);
/// # std::io::Result::Ok(())
/// ```
pub struct TcpSocket {
    inner: Socket,
}

impl TcpSocket {
    /// A socket for IPv4.
    ///
    /// # Errors
    /// As the system says.
    pub fn new_v4() -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::IPV4)
    }

    /// A socket for IPv6.
    ///
    /// # Errors
    /// As the system says.
    pub fn new_v6() -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::IPV6)
    }

    /// A socket for addresses like `addr`.
    pub(crate) fn new_for(addr: SocketAddr) -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::for_address(addr))
    }

    fn new(domain: Domain) -> io::Result<TcpSocket> {
        Ok(TcpSocket { inner: sys::socket(domain, Type::STREAM)? })
    }

    /// Takes over a socket of the standard library that is neither connected nor listening, and makes
    /// it non-blocking.
    pub fn from_std_stream(socket: std::net::TcpStream) -> TcpSocket {
        let inner = Socket::from(socket);
        // Refused only for a descriptor that is no socket; the first operation will say so.
        let _ = inner.set_nonblocking(true);
        TcpSocket { inner }
    }

    /// Binds to a local address.
    ///
    /// # Errors
    /// As the system says.
    pub fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        self.inner.bind(&addr.into())
    }

    pub(crate) fn as_inner(&self) -> &Socket {
        &self.inner
    }

    pub(crate) fn from_inner(inner: Socket) -> TcpSocket {
        TcpSocket { inner }
    }

    pub(crate) fn into_inner(self) -> Socket {
        self.inner
    }

    /// The address that it is bound to.
    ///
    /// # Errors
    /// As the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }

    /// Takes the error that is pending on the socket (`SO_ERROR`).
    ///
    /// # Errors
    /// When it cannot be asked for.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }

    /// How long a close waits for unsent data (`SO_LINGER`).
    ///
    /// # Errors
    /// As the system says.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.inner.linger()
    }

    /// Sets how long a close waits for unsent data, rounded up to whole seconds. Anything but zero and `None` **blocks
    /// the thread** that closes.
    ///
    /// # Errors
    /// As the system says.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        self.inner.set_linger(linger.map(whole_seconds))
    }

    /// Makes the close throw unsent data away and reset the connection.
    ///
    /// # Errors
    /// As the system says.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.set_linger(Some(Duration::ZERO))
    }

    /// Sets the size of the send buffer (`SO_SNDBUF`; Linux doubles it).
    ///
    /// # Errors
    /// As the system says.
    pub fn set_send_buffer_size(&self, size: u32) -> io::Result<()> {
        self.inner.set_send_buffer_size(size as usize)
    }

    /// The size of the send buffer.
    ///
    /// # Errors
    /// As the system says.
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        self.inner.send_buffer_size().map(|size| u32::try_from(size).unwrap_or(u32::MAX))
    }

    /// Sets the size of the receive buffer (`SO_RCVBUF`; Linux doubles it).
    ///
    /// # Errors
    /// As the system says.
    pub fn set_recv_buffer_size(&self, size: u32) -> io::Result<()> {
        self.inner.set_recv_buffer_size(size as usize)
    }

    /// The size of the receive buffer.
    ///
    /// # Errors
    /// As the system says.
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        self.inner.recv_buffer_size().map(|size| u32::try_from(size).unwrap_or(u32::MAX))
    }
}

/// The system counts whole seconds, and zero means a reset: half a second must not become that.
pub(crate) fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0)))
}

/// A getter and a setter of socket2's with the same type.
macro_rules! options {
    ($($get:ident, $set:ident, $from:ident, $to:ident: $type:ty, $what:literal;)+) => {
        impl TcpSocket {$(
            #[doc = concat!("Gets ", $what, ".")]
            ///
            /// # Errors
            /// As the system says.
            pub fn $get(&self) -> io::Result<$type> {
                self.inner.$from()
            }

            #[doc = concat!("Sets ", $what, ".")]
            ///
            /// # Errors
            /// As the system says.
            pub fn $set(&self, value: $type) -> io::Result<()> {
                self.inner.$to(value)
            }
        )+}
    };
}

options! {
    keepalive, set_keepalive, keepalive, set_keepalive: bool, "whether silent connections are probed (`SO_KEEPALIVE`)";
    reuseaddr, set_reuseaddr, reuse_address, set_reuse_address: bool, "whether an address in `TIME_WAIT` may be bound (`SO_REUSEADDR`)";
    reuseport, set_reuseport, reuse_port, set_reuse_port: bool, "whether several sockets may listen at one address (`SO_REUSEPORT`)";
    nodelay, set_nodelay, tcp_nodelay, set_tcp_nodelay: bool, "whether small packets are sent at once (`TCP_NODELAY`)";
    tos_v4, set_tos_v4, tos_v4, set_tos_v4: u32, "the type of service of IPv4 packets (`IP_TOS`)";
}

impl AsFd for TcpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl AsRawFd for TcpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }
}

impl fmt::Debug for TcpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
