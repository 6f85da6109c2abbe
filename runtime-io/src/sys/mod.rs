//! What differs between systems.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod chime_linux;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod chime_other;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod cred_linux;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod cred_other;
mod errno;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod other;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod pidfd_linux;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod pidfd_other;
mod recv;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use chime_linux::Chime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) use chime_other::Chime;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use cred_linux::peer_cred;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) use cred_other::peer_cred;
pub(crate) use errno::SavedErrno;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use linux::*;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) use other::*;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use pidfd_linux::PidFd;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) use pidfd_other::PidFd;
pub(crate) use recv::{BUFS_MAX, recv_stream};

/// Who is at the other end of a Unix socket.
pub(crate) struct Cred {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) pid: Option<i32>,
}
