//! Everything but Linux: one more call for each new descriptor.
#![forbid(unsafe_code)]

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{SendFlags, SocketAddrUnix};
use socket2::{Domain, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::SocketAddr as UnixSocketAddr;
use std::path::Path;

/// Whether events say when a direction has ended, an error is pending or urgent data stands in the way.
pub(crate) const KNOWS_THE_END: bool = false;

/// What a `send` is told: nothing, not every system has a flag against the signal. Rust programs ignore it.
pub(crate) const SEND_FLAGS: SendFlags = SendFlags::empty();

/// A new socket, non-blocking and close-on-exec.
///
/// # Errors
/// As `socket`.
pub(crate) fn socket(domain: Domain, kind: Type) -> io::Result<Socket> {
    let socket = Socket::new(domain, kind, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// The next connection, non-blocking and close-on-exec.
///
/// # Errors
/// As `accept`.
pub(crate) fn accept_tcp(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, peer) = listener.accept()?;
    stream.set_nonblocking(true)?;
    Ok((stream, peer))
}

/// `addr` as rustix knows it.
///
/// # Errors
/// Kind `InvalidInput` if it is nobody's address.
pub(crate) fn unix_addr(addr: &UnixSocketAddr) -> io::Result<SocketAddrUnix> {
    match addr.as_pathname() {
        Some(path) => Ok(SocketAddrUnix::new(path)?),
        None => Err(io::Error::new(io::ErrorKind::InvalidInput, "an unnamed address is nobody's")),
    }
}

/// The address of a path.
///
/// # Errors
/// Kind `InvalidFilename` if it is too long, `InvalidInput` if it has a NUL.
pub(crate) fn unix_path(path: &Path) -> io::Result<SocketAddrUnix> {
    Ok(SocketAddrUnix::new(path)?)
}

/// A new pipe (reading end, writing end), non-blocking and close-on-exec.
///
/// # Errors
/// As `pipe` and `fcntl`.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = rustix::pipe::pipe()?;
    for end in [&read, &write] {
        fcntl_setfd(end, FdFlags::CLOEXEC)?;
        fcntl_setfl(end, fcntl_getfl(end)? | OFlags::NONBLOCK)?;
    }
    Ok((read, write))
}
