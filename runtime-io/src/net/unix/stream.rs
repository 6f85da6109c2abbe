//! A connection between processes of one machine.
#![forbid(unsafe_code)]

use crate::net::methods::{
    impl_fd_traits, poll_ready_methods, readiness_methods, std_methods, try_read_methods, try_write_methods,
};
use crate::net::stream::{impl_async_read, impl_async_write};
use crate::net::unix::addr::SocketAddr;
use crate::net::unix::ucred::UCred;
use crate::reactor::Reactor;
use crate::readiness::Initial;
use crate::registration::Registered;
use crate::sys;
use runtime_core::task::unpolled::must_await;
use rustix::io::Errno;
use rustix::net::SocketAddrUnix;
use socket2::{Domain, SockRef, Socket, Type};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::sync::Arc;

/// A stream between processes of one machine.
///
/// Reading and writing go through `futures::io`'s traits, on the stream itself or on a shared
/// reference, so that one task can read while another writes. Dropping it closes the connection.
pub struct UnixStream {
    socket: Registered<StdUnixStream>,
}

impl UnixStream {
    /// Connects to the listener at `path`. On Linux a path that begins with a NUL is an abstract name.
    ///
    /// # Cancel safety
    /// Dropping the future gives the attempt up.
    ///
    /// # Errors
    /// As the system says; kind `WouldBlock` when the listener has too many connections waiting.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn connect<P: AsRef<Path>>(path: P) -> impl Future<Output = io::Result<UnixStream>> {
        must_await("UnixStream::connect", async move {
            UnixStream::connect_in(Reactor::current()?, sys::unix_path(path.as_ref())?).await
        })
    }

    /// Connects to the listener at `addr`, which may be an abstract name.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn connect_addr(addr: &SocketAddr) -> impl Future<Output = io::Result<UnixStream>> {
        must_await("UnixStream::connect_addr", async move {
            UnixStream::connect_in(Reactor::current()?, sys::unix_addr(addr.as_std())?).await
        })
    }

    pub(crate) async fn connect_in(reactor: Arc<Reactor>, addr: SocketAddrUnix) -> io::Result<UnixStream> {
        UnixStream::connect_on(reactor, sys::socket(Domain::UNIX, Type::STREAM)?, addr).await
    }

    /// Connects a socket that is non-blocking.
    pub(crate) async fn connect_on(
        reactor: Arc<Reactor>,
        socket: Socket,
        addr: SocketAddrUnix,
    ) -> io::Result<UnixStream> {
        let mut is_repeated = false;
        let initial = loop {
            match rustix::net::connect(&socket, &addr) {
                Ok(()) => break Initial::Connected,
                // Linux connects or refuses at once; others may take their time.
                Err(Errno::INPROGRESS) => break Initial::Unknown,
                // Whether the attempt goes on, the second call says.
                Err(Errno::INTR) => is_repeated = true,
                Err(Errno::ISCONN) if is_repeated => break Initial::Connected,
                Err(Errno::ALREADY) if is_repeated => break Initial::Unknown,
                Err(error) => return Err(error.into()),
            }
        };
        let socket = StdUnixStream::from(OwnedFd::from(socket));
        let stream = UnixStream { socket: Registered::new_in(reactor, socket, initial)? };
        if initial == Initial::Unknown {
            stream.writable().await?;
        }
        match stream.take_error()? {
            Some(error) => Err(error),
            None => Ok(stream),
        }
    }

    pub(crate) fn connected_in(reactor: Arc<Reactor>, stream: StdUnixStream) -> io::Result<UnixStream> {
        UnixStream::new_in(reactor, stream, Initial::Connected)
    }

    pub(crate) fn new_in(
        reactor: Arc<Reactor>,
        stream: StdUnixStream,
        initial: Initial,
    ) -> io::Result<UnixStream> {
        Ok(UnixStream { socket: Registered::new_in(reactor, stream, initial)? })
    }

    /// Two streams that are connected to each other.
    ///
    /// # Errors
    /// As the system says.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        UnixStream::pair_in(&Reactor::current()?)
    }

    pub(crate) fn pair_in(reactor: &Arc<Reactor>) -> io::Result<(UnixStream, UnixStream)> {
        let (one, other) = StdUnixStream::pair()?;
        one.set_nonblocking(true)?;
        other.set_nonblocking(true)?;
        let one = UnixStream::connected_in(Arc::clone(reactor), one)?;
        Ok((one, UnixStream::connected_in(Arc::clone(reactor), other)?))
    }

    std_methods!(StdUnixStream, socket => taken_over(socket));
    readiness_methods!();
    poll_ready_methods!(poll_read_ready, poll_write_ready);
    try_read_methods!();
    try_write_methods!();

    /// This end's address.
    ///
    /// # Errors
    /// As the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket().get().local_addr().map(SocketAddr::from)
    }

    /// The other end's address.
    ///
    /// # Errors
    /// As the system says.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket().get().peer_addr().map(SocketAddr::from)
    }

    /// The process at the other end, as it was when it connected.
    ///
    /// # Errors
    /// As the system says.
    pub fn peer_cred(&self) -> io::Result<UCred> {
        let sys::Cred { uid, gid, pid } = sys::peer_cred(self)?;
        Ok(UCred { uid, gid, pid })
    }

    /// Takes the error that is pending on the socket (`SO_ERROR`).
    ///
    /// # Errors
    /// When it cannot be asked for.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket().get().take_error()
    }
}

impl_fd_traits!(UnixStream, StdUnixStream);

/// A descriptor that somebody else opened may be one for packets, which come one at a time.
pub(crate) fn taken_over(socket: &impl AsFd) -> Initial {
    match SockRef::from(socket).r#type() {
        Ok(kind) if kind != Type::STREAM => Initial::UntriedMessages,
        _ => Initial::Untried,
    }
}
impl_async_read!(UnixStream);
impl_async_write!(UnixStream);

impl AsRef<Self> for UnixStream {
    fn as_ref(&self) -> &Self {
        self
    }
}
