//! Sockets that nobody has connected yet, from and to plain numbers: how other crates set options on them
//! that we do not know.
//!
//! # Invariants
//! - I1: `FromRawFd`'s contract: the caller owns the descriptor, and gives it away.

use crate::net::{TcpSocket, UnixSocket};
use socket2::Socket;
use std::os::fd::{FromRawFd, IntoRawFd, RawFd};

impl FromRawFd for TcpSocket {
    /// Takes over a TCP socket that is neither connected nor listening, and makes it non-blocking.
    ///
    /// # Safety
    /// `fd` must be an open descriptor that belongs to nobody else.
    unsafe fn from_raw_fd(fd: RawFd) -> TcpSocket {
        // SAFETY: I1.
        TcpSocket::from_inner(nonblocking(unsafe { Socket::from_raw_fd(fd) }))
    }
}

impl IntoRawFd for TcpSocket {
    fn into_raw_fd(self) -> RawFd {
        self.into_inner().into_raw_fd()
    }
}

impl FromRawFd for UnixSocket {
    /// Takes over a Unix socket that is neither connected nor listening, and makes it non-blocking.
    ///
    /// # Safety
    /// `fd` must be an open descriptor that belongs to nobody else.
    unsafe fn from_raw_fd(fd: RawFd) -> UnixSocket {
        // SAFETY: I1.
        UnixSocket::from_inner(nonblocking(unsafe { Socket::from_raw_fd(fd) }))
    }
}

impl IntoRawFd for UnixSocket {
    fn into_raw_fd(self) -> RawFd {
        self.into_inner().into_raw_fd()
    }
}

fn nonblocking(socket: Socket) -> Socket {
    // Refused only for a descriptor that is no socket; the first operation will say so.
    let _ = socket.set_nonblocking(true);
    socket
}
