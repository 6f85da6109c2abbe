//! In models nothing is written.

pub(crate) fn wait() {}
