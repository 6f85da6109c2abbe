//! Pipes and named pipes (FIFOs).
//!
//! A read of a pipe may end short though more follows, so each wait costs one `WouldBlock` here.
#![forbid(unsafe_code)]

use crate::interest::Interest;
use crate::net::methods::poll_ready_method;
use crate::reactor::Reactor;
use crate::readiness::{Initial, Wanted};
use crate::ready::Ready;
use crate::registration::Registered;
use crate::source::Direction;
use crate::sys;
use runtime_core::task::unpolled::must_await;
use rustix::fs::{FileType, OFlags, fcntl_getfl, fcntl_setfl, fstat};
use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A new anonymous pipe.
///
/// # Errors
/// As the system says.
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn pipe() -> io::Result<(Sender, Receiver)> {
    pipe_in(&Reactor::current()?)
}

pub(crate) fn pipe_in(reactor: &Arc<Reactor>) -> io::Result<(Sender, Receiver)> {
    let (read, write) = sys::pipe()?;
    let sender = Sender::new_in(Arc::clone(reactor), write)?;
    Ok((sender, Receiver::new_in(Arc::clone(reactor), read)?))
}

/// How to open a named pipe.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    read_write: bool,
    unchecked: bool,
}

impl OpenOptions {
    /// Opens for one direction, and checks that it is a pipe.
    pub fn new() -> OpenOptions {
        OpenOptions::default()
    }

    /// Opens for both directions, so that the pipe never has no other end: a sender opens before there
    /// is a receiver, and a receiver sees no end of the stream when the last sender goes. Linux only
    /// (elsewhere what happens is undefined by the system).
    pub fn read_write(&mut self, value: bool) -> &mut OpenOptions {
        self.read_write = value;
        self
    }

    /// Does not check that it is a pipe.
    pub fn unchecked(&mut self, value: bool) -> &mut OpenOptions {
        self.unchecked = value;
        self
    }

    /// Opens the reading end.
    ///
    /// # Errors
    /// As the system says; kind `InvalidInput` if it is no pipe.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn open_receiver<P: AsRef<Path>>(&self, path: P) -> io::Result<Receiver> {
        let reactor = Reactor::current()?;
        Receiver::new_in(reactor, self.open(path.as_ref(), true, self.read_write)?)
    }

    /// Opens the writing end.
    ///
    /// # Errors
    /// As the system says, `ENXIO` if nobody has the reading end open; kind `InvalidInput` if it is no
    /// pipe.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn open_sender<P: AsRef<Path>>(&self, path: P) -> io::Result<Sender> {
        let reactor = Reactor::current()?;
        Sender::new_in(reactor, self.open(path.as_ref(), self.read_write, true)?)
    }

    fn open(&self, path: &Path, read: bool, write: bool) -> io::Result<OwnedFd> {
        let file =
            std::fs::OpenOptions::new().read(read).write(write).custom_flags(libc::O_NONBLOCK).open(path)?;
        if !self.unchecked {
            check_pipe(&file)?;
        }
        Ok(file.into())
    }
}

fn check_pipe(fd: impl AsFd) -> io::Result<()> {
    if FileType::from_raw_mode(fstat(fd)?.st_mode) == FileType::Fifo {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a pipe"))
    }
}

fn set_nonblocking(fd: impl AsFd, on: bool) -> io::Result<()> {
    let flags = fcntl_getfl(&fd)?;
    let wanted = if on { flags | OFlags::NONBLOCK } else { flags - OFlags::NONBLOCK };
    if flags != wanted {
        fcntl_setfl(&fd, wanted)?;
    }
    Ok(())
}

/// Whether `fd` may be used in the direction that `only_other` excludes.
fn check_access(fd: impl AsFd, only_other: OFlags) -> io::Result<()> {
    if fcntl_getfl(fd)? & OFlags::ACCMODE == only_other {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "this is the other end of the pipe"))
    } else {
        Ok(())
    }
}

/// What both ends have in common.
macro_rules! end {
    ($end:ident, $other_only:expr, $direction:expr, $wanted:expr) => {
        impl $end {
            pub(crate) fn new_in(reactor: Arc<Reactor>, fd: OwnedFd) -> io::Result<$end> {
                // Not tried before an event: a FIFO that no sender has opened yet would say that the
                // stream has ended.
                Ok($end { socket: Registered::new_in(reactor, File::from(fd), Initial::Unknown)? })
            }

            pub(crate) fn from_blocking_in(reactor: Arc<Reactor>, fd: OwnedFd) -> io::Result<$end> {
                set_nonblocking(&fd, true)?;
                $end::new_in(reactor, fd)
            }

            /// Takes over an open pipe and makes it non-blocking.
            ///
            /// # Errors
            /// Kind `InvalidInput` if it is no pipe or the other end; otherwise as the system says.
            ///
            /// # Panics
            /// Outside of a runtime.
            #[track_caller]
            pub fn from_file(file: File) -> io::Result<$end> {
                $end::from_owned_fd(file.into())
            }

            /// Takes over an open pipe and makes it non-blocking.
            ///
            /// # Errors
            /// As [`from_file`](Self::from_file).
            ///
            /// # Panics
            /// Outside of a runtime.
            #[track_caller]
            pub fn from_owned_fd(fd: OwnedFd) -> io::Result<$end> {
                let reactor = Reactor::current()?;
                check_pipe(&fd)?;
                check_access(&fd, $other_only)?;
                set_nonblocking(&fd, true)?;
                $end::new_in(reactor, fd)
            }

            /// Takes over a file that the caller knows to behave like this end of a pipe, and to be
            /// non-blocking.
            ///
            /// # Errors
            /// When the driver cannot watch it.
            ///
            /// # Panics
            /// Outside of a runtime.
            #[track_caller]
            pub fn from_file_unchecked(file: File) -> io::Result<$end> {
                $end::from_owned_fd_unchecked(file.into())
            }

            /// Takes over a descriptor that the caller knows to behave like this end of a pipe, and to
            /// be non-blocking.
            ///
            /// # Errors
            /// When the driver cannot watch it.
            ///
            /// # Panics
            /// Outside of a runtime.
            #[track_caller]
            pub fn from_owned_fd_unchecked(fd: OwnedFd) -> io::Result<$end> {
                $end::new_in(Reactor::current()?, fd)
            }

            /// The descriptor, made blocking: what a child process wants.
            ///
            /// # Errors
            /// As the system says.
            pub fn into_blocking_fd(self) -> io::Result<OwnedFd> {
                let fd = self.into_nonblocking_fd()?;
                set_nonblocking(&fd, false)?;
                Ok(fd)
            }

            /// The descriptor, still non-blocking.
            ///
            /// # Errors
            /// None at present.
            pub fn into_nonblocking_fd(self) -> io::Result<OwnedFd> {
                Ok(self.socket.into_inner().into())
            }

            /// Tries an operation of the caller's own, which must say `WouldBlock` when this end was
            /// not ready, and only then.
            ///
            /// # Errors
            /// Kind `WouldBlock` if it is not ready; otherwise what `operation` says.
            pub fn try_io<R>(&self, operation: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
                self.socket.try_io_once($wanted, |_| operation())
            }

            pub(crate) fn poll_once<R>(
                &self,
                cx: &mut Context<'_>,
                operation: impl FnMut(&File) -> io::Result<R>,
            ) -> Poll<io::Result<R>> {
                self.socket.poll_io(cx, $direction, operation)
            }
        }

        impl AsFd for $end {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.socket.as_fd()
            }
        }

        impl AsRawFd for $end {
            fn as_raw_fd(&self) -> RawFd {
                self.socket.as_fd().as_raw_fd()
            }
        }

        impl fmt::Debug for $end {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.socket.fmt(f)
            }
        }
    };
}

/// The writing end of a pipe.
pub struct Sender {
    socket: Registered<File>,
}

end!(Sender, OFlags::RDONLY, Direction::Write, Wanted::WRITE);

impl Sender {
    /// Waits until this end is ready for any of `interest`, and says for which. It is closed for writing when nobody has
    /// the reading end any more.
    ///
    /// # Errors
    /// When the runtime that owns it has ended.
    #[track_caller]
    pub fn ready(&self, interest: Interest) -> impl Future<Output = io::Result<Ready>> {
        must_await("Sender::ready", async move {
            let mut ready = self.socket.ready_event(interest).await?.ready();
            // How Linux says so, and nothing else that befalls a pipe is called an error.
            if ready.is_error() {
                ready |= Ready::WRITE_CLOSED;
            }
            Ok(ready & Ready::from_interest(interest))
        })
    }

    poll_ready_method!(poll_write_ready, Write, "write");

    /// Waits until there is room to write.
    ///
    /// # Errors
    /// When the runtime that owns it has ended.
    #[track_caller]
    pub fn writable(&self) -> impl Future<Output = io::Result<()>> {
        must_await("Sender::writable", async move { self.socket.ready(Interest::WRITABLE).await.map(drop) })
    }

    /// Writes what there is room for now.
    ///
    /// # Errors
    /// Kind `WouldBlock` if there is no room; `BrokenPipe` if nobody can read any more.
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.socket.try_io(Wanted::WRITE, |mut file| file.write(buf))
    }

    /// Like [`try_write`](Self::try_write), from several buffers.
    ///
    /// # Errors
    /// As [`try_write`](Self::try_write).
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.socket.try_io(Wanted::WRITE, |mut file| file.write_vectored(bufs))
    }
}

/// For the end itself, and for references to it.
macro_rules! writes {
    ($($end:ty),+) => {$(
        impl futures_io::AsyncWrite for $end {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.poll_once(cx, |mut file| file.write(buf))
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.poll_once(cx, |mut file| file.write_vectored(bufs))
            }

            /// Nothing is buffered here: ready at once.
            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            /// Does nothing: the reader sees the end when the sender is dropped.
            fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }
        }
    )+};
}

writes!(Sender, &Sender);

/// The reading end of a pipe.
pub struct Receiver {
    socket: Registered<File>,
}

end!(Receiver, OFlags::WRONLY, Direction::Read, Wanted::READ);

impl Receiver {
    /// Waits until this end is ready for any of `interest`, and says for which.
    ///
    /// # Errors
    /// When the runtime that owns it has ended.
    #[track_caller]
    pub fn ready(&self, interest: Interest) -> impl Future<Output = io::Result<Ready>> {
        must_await("Receiver::ready", self.socket.ready(interest))
    }

    poll_ready_method!(poll_read_ready, Read, "read");

    /// Waits until there is something to read.
    ///
    /// # Errors
    /// When the runtime that owns it has ended.
    #[track_caller]
    pub fn readable(&self) -> impl Future<Output = io::Result<()>> {
        must_await("Receiver::readable", async move { self.socket.ready(Interest::READABLE).await.map(drop) })
    }

    /// Reads what is there now. `Ok(0)` is the end: nobody can write any more.
    ///
    /// # Errors
    /// Kind `WouldBlock` if there is nothing; otherwise as the system says.
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.try_io(Wanted::READ, |mut file| file.read(buf))
    }

    /// Like [`try_read`](Self::try_read), into several buffers.
    ///
    /// # Errors
    /// As [`try_read`](Self::try_read).
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.socket.try_io(Wanted::READ, |mut file| file.read_vectored(bufs))
    }

    /// Reads into memory that need not be initialised: the first `n` bytes are, when it says `n`.
    /// Of the tasks that do so at the same time the newest few are woken.
    ///
    /// # Errors
    /// As the system says; or that the runtime that owns the pipe has ended.
    pub fn poll_read_uninit(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [MaybeUninit<u8>],
    ) -> Poll<io::Result<usize>> {
        self.poll_once(cx, |file| Ok(rustix::io::read(file, &mut *buf)?.0.len()))
    }
}

/// For the end itself, and for references to it.
macro_rules! reads {
    ($($end:ty),+) => {$(
        impl futures_io::AsyncRead for $end {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
                self.poll_once(cx, |mut file| file.read(buf))
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                self.poll_once(cx, |mut file| file.read_vectored(bufs))
            }
        }
    )+};
}

reads!(Receiver, &Receiver);
