//! Waiting for any file descriptor, and the words for it; copying between streams; streams in memory, and streams
//! made of others.

mod bidirectional;
mod buf_stream;
mod copy;
mod join;
mod memory;
mod pump;

pub use crate::async_fd::{AsyncFd, AsyncFdRegisterError};
pub use crate::interest::Interest;
pub use crate::ready::Ready;
pub use bidirectional::{copy_bidirectional, copy_bidirectional_with_sizes};
pub use buf_stream::BufStream;
pub use copy::{copy, copy_buf};
pub use join::{Join, join, split};
pub use memory::{DuplexStream, SimplexStream, duplex, simplex};

/// What waiting for an [`AsyncFd`] gives.
pub mod unix {
    pub use crate::async_fd::{
        AsyncFd, AsyncFdReadyGuard, AsyncFdReadyMutGuard, AsyncFdRegisterError, TryIoError,
    };
}
