//! The parent's ends of a child's pipes.
#![forbid(unsafe_code)]

use crate::net::unix::pipe::{Receiver, Sender};
use crate::reactor::Reactor;
use rustix::buffer::spare_capacity;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What one read takes at least when everything is collected: what a pipe holds.
const READ_BYTES: usize = 64 * 1024;

macro_rules! end {
    ($(#[$doc:meta])* $name:ident, $std:ty, $end:ident) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name {
            inner: $end,
        }

        impl $name {
            pub(super) fn new_in(reactor: Arc<Reactor>, fd: OwnedFd) -> io::Result<$name> {
                Ok($name { inner: $end::from_blocking_in(reactor, fd)? })
            }

            /// Takes over std's, and makes it non-blocking.
            ///
            /// # Errors
            /// When the driver cannot watch it.
            ///
            /// # Panics
            /// Outside of a runtime.
            #[track_caller]
            pub fn from_std(inner: $std) -> io::Result<$name> {
                $name::new_in(Reactor::current()?, inner.into())
            }

            /// The descriptor, made blocking: what another child, or a thread, wants.
            ///
            /// # Errors
            /// As the system says.
            pub fn into_owned_fd(self) -> io::Result<OwnedFd> {
                self.inner.into_blocking_fd()
            }
        }

        impl TryFrom<$std> for $name {
            type Error = io::Error;

            fn try_from(inner: $std) -> io::Result<$name> {
                $name::from_std(inner)
            }
        }

        /// For another child: a pipe between the two.
        impl TryFrom<$name> for Stdio {
            type Error = io::Error;

            fn try_from(end: $name) -> io::Result<Stdio> {
                end.into_owned_fd().map(Stdio::from)
            }
        }

        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.inner.as_fd()
            }
        }

        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                self.inner.as_raw_fd()
            }
        }
    };
}

macro_rules! reading_end {
    ($name:ident) => {
        reading_end!(@one $name);
        reading_end!(@one &$name);

        impl From<$name> for Collected {
            fn from(end: $name) -> Collected {
                Collected { end: Some(end.inner), bytes: Vec::new() }
            }
        }
    };
    (@one $type:ty) => {
        impl futures_io::AsyncRead for $type {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
                Pin::new(&mut &self.inner).poll_read(cx, buf)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut &self.inner).poll_read_vectored(cx, bufs)
            }
        }
    };
}

end! {
    /// The writing end of a child's standard input. The child sees the end of it when this is dropped.
    ///
    /// A write to a child that has closed its end is an error of kind `BrokenPipe`.
    ChildStdin, std::process::ChildStdin, Sender
}

end! {
    /// The reading end of a child's standard output.
    ///
    /// It ends when the last process that has the other end closes it: the child, and whoever inherited it.
    ChildStdout, std::process::ChildStdout, Receiver
}

end! {
    /// The reading end of a child's standard error.
    ///
    /// It ends when the last process that has the other end closes it: the child, and whoever inherited it.
    ChildStderr, std::process::ChildStderr, Receiver
}

reading_end!(ChildStdout);
reading_end!(ChildStderr);

macro_rules! writing_end {
    ($($type:ty),+) => {$(
        impl futures_io::AsyncWrite for $type {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                Pin::new(&mut &self.inner).poll_write(cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut &self.inner).poll_write_vectored(cx, bufs)
            }

            /// Nothing is buffered here: ready at once.
            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            /// Does nothing: the child sees the end when this is dropped.
            fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }
        }
    )+};
}

writing_end!(ChildStdin, &ChildStdin);

/// All that comes out of a pipe.
#[derive(Debug, Default)]
pub(super) struct Collected {
    /// `None` after its end.
    end: Option<Receiver>,
    bytes: Vec<u8>,
}

impl Collected {
    /// One read. Ready when all is there.
    pub(super) fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<More>> {
        let Some(end) = &self.end else { return Poll::Ready(Ok(More::Nothing)) };
        if self.bytes.capacity() - self.bytes.len() < READ_BYTES {
            // At least doubled.
            self.bytes.reserve(READ_BYTES);
        }
        let bytes = &mut self.bytes;
        end.poll_once(cx, |file| Ok(rustix::io::read(file, spare_capacity(bytes))?)).map_ok(|count| {
            if count == 0 {
                self.end = None;
                return More::Nothing;
            }
            More::Perhaps
        })
    }

    /// What there is.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// Whether there may be more to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum More {
    Perhaps,
    Nothing,
}
