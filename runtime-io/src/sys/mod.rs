//! What differs between systems when sockets are made.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod cred_linux;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod cred_other;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod other;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use cred_linux::peer_cred;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) use cred_other::peer_cred;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use linux::*;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) use other::*;

/// Who is at the other end of a Unix socket.
pub(crate) struct Cred {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) pid: Option<i32>,
}
