//! The peer of a Unix socket: `getpeereid`.
//!
//! # Invariants
//! - I1: the system writes one user and one group number.

use super::Cred;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Who connected the socket.
///
/// # Errors
/// As `getpeereid`.
pub(crate) fn peer_cred(socket: impl AsFd) -> io::Result<Cred> {
    let (mut uid, mut gid) = (libc::uid_t::MAX, libc::gid_t::MAX);
    // SAFETY: I1; both pointers are to locals that outlive the call.
    let result = unsafe { libc::getpeereid(socket.as_fd().as_raw_fd(), &raw mut uid, &raw mut gid) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(Cred { uid, gid, pid: None }) }
}
