//! Waiting for any file descriptor, and the words for it.

pub use crate::async_fd::{AsyncFd, AsyncFdRegisterError};
pub use crate::interest::Interest;
pub use crate::ready::Ready;

/// What waiting for an [`AsyncFd`] gives.
pub mod unix {
    pub use crate::async_fd::{
        AsyncFd, AsyncFdReadyGuard, AsyncFdReadyMutGuard, AsyncFdRegisterError, TryIoError,
    };
}
