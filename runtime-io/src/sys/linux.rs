//! Linux makes descriptors non-blocking and close-on-exec in the call that makes them.
#![forbid(unsafe_code)]

use rustix::net::{SendFlags, SocketAddrUnix, SocketFlags, acceptfrom_with};
use rustix::pipe::{PipeFlags, pipe_with};
use socket2::{Domain, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr as UnixSocketAddr;
use std::path::Path;

/// Whether events say when a direction has ended, an error is pending or urgent data stands in the way.
pub(crate) const KNOWS_THE_END: bool = true;

/// What a `send` is told: that the peer has gone is an error, not a signal.
pub(crate) const SEND_FLAGS: SendFlags = SendFlags::NOSIGNAL;

/// A new socket, non-blocking and close-on-exec.
///
/// # Errors
/// As `socket`.
pub(crate) fn socket(domain: Domain, kind: Type) -> io::Result<Socket> {
    Socket::new(domain, kind.nonblocking(), None)
}

/// The next connection, non-blocking and close-on-exec.
///
/// # Errors
/// As `accept4`.
pub(crate) fn accept_tcp(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (fd, peer) = acceptfrom_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    let peer = peer.ok_or(io::ErrorKind::ConnectionAborted)?;
    Ok((TcpStream::from(fd), SocketAddr::try_from(peer)?))
}

/// `addr` as rustix knows it.
///
/// # Errors
/// Kind `InvalidInput` if it is nobody's address.
pub(crate) fn unix_addr(addr: &UnixSocketAddr) -> io::Result<SocketAddrUnix> {
    if let Some(path) = addr.as_pathname() {
        return Ok(SocketAddrUnix::new(path)?);
    }
    match addr.as_abstract_name() {
        Some(name) => Ok(SocketAddrUnix::new_abstract_name(name)?),
        None => Err(io::Error::new(io::ErrorKind::InvalidInput, "an unnamed address is nobody's")),
    }
}

/// The address of a path; one that begins with a NUL is an abstract name, and an empty one is nobody's: the system gives
/// whoever binds to that a name of its own.
///
/// # Errors
/// Kind `InvalidFilename` if it is too long, `InvalidInput` if it has a NUL elsewhere.
pub(crate) fn unix_path(path: &Path) -> io::Result<SocketAddrUnix> {
    match path.as_os_str().as_bytes() {
        // rustix makes one of the abstract name without a letter.
        [] => Ok(SocketAddrUnix::new_unnamed()),
        [0, name @ ..] => Ok(SocketAddrUnix::new_abstract_name(name)?),
        _ => Ok(SocketAddrUnix::new(path)?),
    }
}

/// A new pipe (reading end, writing end), non-blocking and close-on-exec.
///
/// # Errors
/// As `pipe2`.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?)
}
