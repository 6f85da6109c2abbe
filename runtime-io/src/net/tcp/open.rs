//! From addresses and [`TcpSocket`]s to listeners and connections.
#![forbid(unsafe_code)]

use crate::net::addr::{ToSocketAddrs, no_address, resolve, with_first};
use crate::net::tcp::listener::TcpListener;
use crate::net::tcp::socket::TcpSocket;
use crate::net::tcp::stream::TcpStream;
use crate::reactor::Reactor;
use runtime_core::task::unpolled::must_await;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

/// How many connections the system keeps for [`TcpListener::bind`] until they are accepted.
const BACKLOG: u32 = 1024;

impl TcpListener {
    /// Listens at `addr`: at the first of its addresses that can be bound. `SO_REUSEADDR` is set; for
    /// other options see [`TcpSocket`].
    ///
    /// # Errors
    /// The last address' error, or one of kind `InvalidInput` if there is no address.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn bind<A: ToSocketAddrs>(addr: A) -> impl Future<Output = io::Result<TcpListener>> {
        let bound = with_first(addr, |addr| Self::bind_in(Reactor::current()?, addr));
        must_await("TcpListener::bind", bound)
    }

    pub(crate) fn bind_in(reactor: Arc<Reactor>, addr: SocketAddr) -> io::Result<TcpListener> {
        let socket = TcpSocket::new_for(addr)?;
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        socket.listen_in(reactor, BACKLOG)
    }
}

impl TcpStream {
    /// Connects to `addr`: to the first of its addresses that answers.
    ///
    /// # Cancel safety
    /// Dropping the future gives the attempt up.
    ///
    /// # Errors
    /// The last address' error, or one of kind `InvalidInput` if there is no address.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn connect<A: ToSocketAddrs>(addr: A) -> impl Future<Output = io::Result<TcpStream>> {
        let addrs = resolve(addr);
        must_await("TcpStream::connect", async move {
            let mut last = no_address();
            for addr in addrs.await? {
                match TcpStream::connect_to(addr).await {
                    Ok(stream) => return Ok(stream),
                    Err(error) => last = error,
                }
            }
            Err(last)
        })
    }

    /// Fails without a look at the network where the system has no sockets for such addresses.
    async fn connect_to(addr: SocketAddr) -> io::Result<TcpStream> {
        TcpSocket::new_for(addr)?.connect(addr).await
    }
}

impl TcpSocket {
    /// Connects to `addr`.
    ///
    /// # Cancel safety
    /// Dropping the future closes the socket.
    ///
    /// # Errors
    /// As the system says.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn connect(self, addr: SocketAddr) -> impl Future<Output = io::Result<TcpStream>> {
        must_await("TcpSocket::connect", async move { self.connect_in(Reactor::current()?, addr).await })
    }

    pub(crate) async fn connect_in(self, reactor: Arc<Reactor>, addr: SocketAddr) -> io::Result<TcpStream> {
        let addr = addr.into();
        let mut is_repeated = false;
        loop {
            let error = match self.as_inner().connect(&addr) {
                Ok(()) => return TcpStream::connected_in(reactor, self.into_inner().into()),
                Err(error) => error,
            };
            match error.raw_os_error() {
                // Whether the attempt goes on, the second call says.
                Some(libc::EINTR) => is_repeated = true,
                Some(libc::EINPROGRESS) => break,
                Some(libc::EALREADY | libc::EISCONN) if is_repeated => break,
                _ => return Err(error),
            }
        }
        TcpStream::connecting_in(reactor, self.into_inner().into()).await
    }

    /// Listens; the system keeps up to `backlog` connections until they are accepted.
    ///
    /// # Errors
    /// As the system says.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        self.listen_in(Reactor::current()?, backlog)
    }

    pub(crate) fn listen_in(self, reactor: Arc<Reactor>, backlog: u32) -> io::Result<TcpListener> {
        self.as_inner().listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        TcpListener::new_in(reactor, self.into_inner().into())
    }
}
