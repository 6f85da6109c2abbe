//! A Unix socket before it connects or listens.
#![forbid(unsafe_code)]

use crate::net::unix::datagram::UnixDatagram;
use crate::net::unix::listener::UnixListener;
use crate::net::unix::stream::UnixStream;
use crate::reactor::Reactor;
use crate::sys;
use runtime_core::task::unpolled::must_await;
use socket2::{Domain, Socket, Type};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;

/// A Unix socket that is neither connected nor listening yet: to bind a client, or to choose a backlog.
///
/// # Examples
/// ```
/// use runtime::net::{UnixSocket, UnixStream};
///
/// runtime::run(async {
///     let path = std::env::temp_dir().join(format!("unix-socket-{}", std::process::id()));
///     let socket = UnixSocket::new_stream()?;
///     socket.bind(&path)?;
///     let listener = socket.listen(16)?;
///     let client = UnixStream::connect(&path).await?;
///     let (server, _) = listener.accept().await?;
///     assert_eq!(client.peer_addr()?.as_pathname(), Some(path.as_path()));
///     assert_eq!(server.peer_cred()?.pid(), Some(std::process::id() as i32));
///     std::fs::remove_file(&path)
/// })?;
/// # std::io::Result::Ok(())
/// ```
pub struct UnixSocket {
    inner: Socket,
}

impl UnixSocket {
    /// A socket for datagrams.
    ///
    /// # Errors
    /// As the system says.
    pub fn new_datagram() -> io::Result<UnixSocket> {
        Ok(UnixSocket { inner: sys::socket(Domain::UNIX, Type::DGRAM)? })
    }

    /// A socket for streams.
    ///
    /// # Errors
    /// As the system says.
    pub fn new_stream() -> io::Result<UnixSocket> {
        Ok(UnixSocket { inner: sys::socket(Domain::UNIX, Type::STREAM)? })
    }

    pub(crate) fn from_inner(inner: Socket) -> UnixSocket {
        UnixSocket { inner }
    }

    pub(crate) fn into_inner(self) -> Socket {
        self.inner
    }

    /// Binds to `path`, which must not exist. On Linux a path that begins with a NUL is an abstract name, and for an empty
    /// one the system chooses such a name.
    ///
    /// # Errors
    /// As the system says.
    pub fn bind(&self, path: impl AsRef<Path>) -> io::Result<()> {
        Ok(rustix::net::bind(&self.inner, &sys::unix_path(path.as_ref())?)?)
    }

    /// Listens; the system keeps up to `backlog` connections until they are accepted.
    ///
    /// # Errors
    /// Kind `InvalidInput` for a socket for datagrams; otherwise as the system says.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn listen(self, backlog: u32) -> io::Result<UnixListener> {
        let reactor = Reactor::current()?;
        self.must_be(Type::STREAM, "listen")?;
        self.inner.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        UnixListener::new_in(reactor, OwnedFd::from(self.inner).into())
    }

    /// Connects to the listener at `path`.
    ///
    /// # Cancel safety
    /// Dropping the future closes the socket.
    ///
    /// # Errors
    /// Kind `InvalidInput` for a socket for datagrams; otherwise as the system says.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn connect(self, path: impl AsRef<Path>) -> impl Future<Output = io::Result<UnixStream>> {
        must_await("UnixSocket::connect", async move {
            self.must_be(Type::STREAM, "connect")?;
            let addr = sys::unix_path(path.as_ref())?;
            self.inner.set_nonblocking(true)?;
            UnixStream::connect_on(Reactor::current()?, self.inner, addr).await
        })
    }

    /// A socket for datagrams, ready to use.
    ///
    /// # Errors
    /// Kind `InvalidInput` for a socket for streams; otherwise as the system says.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn datagram(self) -> io::Result<UnixDatagram> {
        let reactor = Reactor::current()?;
        self.must_be(Type::DGRAM, "datagram")?;
        UnixDatagram::new_in(reactor, OwnedFd::from(self.inner).into())
    }

    fn must_be(&self, kind: Type, what: &str) -> io::Result<()> {
        if self.inner.r#type()? == kind {
            return Ok(());
        }
        let made_by = if kind == Type::STREAM { "new_stream" } else { "new_datagram" };
        let remedy = format!("`{what}` needs a socket that was made by `UnixSocket::{made_by}`");
        Err(io::Error::new(io::ErrorKind::InvalidInput, remedy))
    }
}

impl AsFd for UnixSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl AsRawFd for UnixSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }
}

impl fmt::Debug for UnixSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
