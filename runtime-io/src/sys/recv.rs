//! A read of a stream that says whether it stopped at something that goes with the bytes.
//!
//! `recvmsg` without room for an address: rustix's always has some, which the kernel fills at each call.
//!
//! # Invariants
//! - I1: an `IoSliceMut` is laid out as a `struct iovec` (as std documents), and the kernel writes into the memory of the
//!   first `msg_iovlen` only.
//! - I2: a `msghdr` of zeros is valid: null pointers, and no lengths.

use std::io::{self, IoSliceMut};
use std::mem;
use std::os::fd::{AsFd, AsRawFd};

/// How many buffers a system call takes (`IOV_MAX` of Linux; no system has more).
pub(crate) const BUFS_MAX: usize = 1024;

/// Reads into the first [`BUFS_MAX`] of `bufs`: how much, and whether descriptors or credentials came with it, which are
/// closed or dropped.
///
/// # Errors
/// As `recvmsg`.
pub(crate) fn recv_stream(socket: impl AsFd, bufs: &mut [IoSliceMut<'_>]) -> io::Result<(usize, bool)> {
    // SAFETY: I2.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_iov = bufs.as_mut_ptr().cast();
    header.msg_iovlen = bufs.len().min(BUFS_MAX) as _;
    // SAFETY: I1; the header is a local that outlives the call.
    let len = unsafe { libc::recvmsg(socket.as_fd().as_raw_fd(), &raw mut header, 0) };
    match usize::try_from(len) {
        Ok(len) => Ok((len, header.msg_flags & libc::MSG_CTRUNC != 0)),
        Err(_) => Err(io::Error::last_os_error()),
    }
}
