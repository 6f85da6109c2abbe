//! The peer of a Unix socket: `SO_PEERCRED`.
//!
//! rustix's version takes a process number of 0 (a peer in a foreign namespace) for impossible.
//!
//! # Invariants
//! - I1: the kernel writes at most `len` bytes of a `struct ucred`, and any bits are a valid one.

use super::Cred;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd};

/// Who connected the socket.
///
/// # Errors
/// As `getsockopt`.
pub(crate) fn peer_cred(socket: impl AsFd) -> io::Result<Cred> {
    let mut cred = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: I1; both pointers are to locals that outlive the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut cred).cast(),
            &raw mut len,
        )
    };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(Cred { uid: cred.uid, gid: cred.gid, pid: (cred.pid != 0).then_some(cred.pid) })
}
