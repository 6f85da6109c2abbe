//! Waiting for any file descriptor, and the words for it.

pub use crate::interest::Interest;
pub use crate::ready::Ready;
