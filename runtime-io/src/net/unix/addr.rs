//! Where a Unix socket is.
#![forbid(unsafe_code)]

use std::fmt;
use std::os::unix::net::SocketAddr as StdSocketAddr;
use std::path::Path;

/// The address of a Unix socket: a path, a name without a file (Linux' abstract name space), or none.
///
/// It is the standard library's type with a method more; `from` and `into` lead from one to the other.
#[derive(Clone)]
pub struct SocketAddr(StdSocketAddr);

impl SocketAddr {
    pub(crate) fn as_std(&self) -> &StdSocketAddr {
        &self.0
    }

    /// Whether the socket has no address: it was not bound, as those of clients seldom are.
    pub fn is_unnamed(&self) -> bool {
        self.0.is_unnamed()
    }

    /// The path, if it has one.
    pub fn as_pathname(&self) -> Option<&Path> {
        self.0.as_pathname()
    }
}

impl fmt::Debug for SocketAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<StdSocketAddr> for SocketAddr {
    fn from(addr: StdSocketAddr) -> SocketAddr {
        SocketAddr(addr)
    }
}

impl From<SocketAddr> for StdSocketAddr {
    fn from(addr: SocketAddr) -> StdSocketAddr {
        addr.0
    }
}
