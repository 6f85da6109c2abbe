//! Who is at the other end.
#![forbid(unsafe_code)]

/// A user's number.
#[allow(non_camel_case_types)]
pub type uid_t = u32;
/// A group's number.
#[allow(non_camel_case_types)]
pub type gid_t = u32;
/// A process' number.
#[allow(non_camel_case_types)]
pub type pid_t = i32;

/// The process that connected a Unix socket, as it was then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UCred {
    pub(crate) uid: uid_t,
    pub(crate) gid: gid_t,
    pub(crate) pid: Option<pid_t>,
}

impl UCred {
    /// Its user.
    pub fn uid(&self) -> uid_t {
        self.uid
    }

    /// Its group.
    pub fn gid(&self) -> gid_t {
        self.gid
    }

    /// Its number, where the system tells.
    pub fn pid(&self) -> Option<pid_t> {
        self.pid
    }
}
