//! What stream sockets have in common.
#![forbid(unsafe_code)]

use crate::net::methods::{recv, send};
use crate::readiness::Wanted;
use crate::registration::{Moved, Registered};
use crate::source::Direction;
use crate::sys;
use rustix::net::{RecvFlags, SendAncillaryBuffer};
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::task::{Context, Poll};

/// A connected stream socket of the standard library.
pub(crate) trait StreamSocket: AsFd {
    fn read_into(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<Moved>;

    fn read_uninit(&self, buf: &mut [MaybeUninit<u8>]) -> io::Result<Moved>;

    /// Shuts one or both directions down.
    fn shut(&self, how: Shutdown) -> io::Result<()>;
}

impl StreamSocket for std::net::TcpStream {
    #[inline]
    fn read_into(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<Moved> {
        let len = match bufs {
            [buf] => recv(self, buf)?,
            _ => (&mut &*self).read_vectored(bufs)?,
        };
        Ok(Moved::new(len, total(bufs)))
    }

    #[inline]
    fn read_uninit(&self, buf: &mut [MaybeUninit<u8>]) -> io::Result<Moved> {
        let room = buf.len();
        Ok(Moved::new(recv_uninit(self, buf)?, room))
    }

    fn shut(&self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }
}

impl StreamSocket for StdUnixStream {
    /// A read ends at a message that carries descriptors or, where they are asked for, other credentials, though more
    /// follows. Linux says then that there was no room for them (`unix_stream_read_generic` and `scm_recv` in its sources).
    #[inline]
    fn read_into(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<Moved> {
        let (len, stops_here) = sys::recv_stream(self, bufs)?;
        Ok(if stops_here { Moved::with_more_behind(len) } else { Moved::new(len, total(bufs)) })
    }

    #[inline]
    fn read_uninit(&self, buf: &mut [MaybeUninit<u8>]) -> io::Result<Moved> {
        Ok(Moved::with_more_behind(recv_uninit(self, buf)?))
    }

    fn shut(&self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }
}

/// Of what a system call takes: where it takes them all, a shorter transfer was the last.
fn total(bufs: &[impl std::ops::Deref<Target = [u8]>]) -> usize {
    bufs.iter().take(sys::BUFS_MAX).map(|buf| buf.len()).sum()
}

/// Where a transfer begins. With nothing but empty buffers among those that a system call takes, it would seem to have
/// met the end.
fn first_filled(bufs: &[impl std::ops::Deref<Target = [u8]>]) -> usize {
    bufs.iter().position(|buf| !buf.is_empty()).unwrap_or(0)
}

impl<S: StreamSocket> Registered<S>
where
    for<'a> &'a S: Read,
{
    #[inline]
    pub(crate) fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_transfer(cx, Direction::Read, |io| io.read_into(&mut [IoSliceMut::new(buf)]))
    }

    #[inline]
    pub(crate) fn poll_read_uninit(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [MaybeUninit<u8>],
    ) -> Poll<io::Result<usize>> {
        self.poll_transfer(cx, Direction::Read, |io| io.read_uninit(buf))
    }

    pub(crate) fn poll_read_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let (_, bufs) = bufs.split_at_mut(first_filled(bufs));
        self.poll_transfer(cx, Direction::Read, |io| io.read_into(bufs))
    }

    pub(crate) fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_io(cx, Direction::Read, |io| recv_peek(io, buf))
    }

    pub(crate) async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io(Wanted::READ, |io| recv_peek(io, buf)).await
    }

    #[inline]
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_transfer(cx, Direction::Write, |io| io_write(io, buf))
    }

    pub(crate) fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bufs = &bufs[first_filled(bufs)..];
        self.poll_transfer(cx, Direction::Write, |io| io_write_vectored(io, bufs))
    }

    /// Ends the writing direction. That the peer is gone already is no error.
    pub(crate) fn poll_close(&self) -> Poll<io::Result<()>> {
        Poll::Ready(match self.get().shut(Shutdown::Write) {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        })
    }

    pub(crate) fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.try_transfer(Direction::Read, |io| io.read_into(&mut [IoSliceMut::new(buf)]))
    }

    pub(crate) fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let (_, bufs) = bufs.split_at_mut(first_filled(bufs));
        self.try_transfer(Direction::Read, |io| io.read_into(bufs))
    }

    pub(crate) fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.try_transfer(Direction::Write, |io| io_write(io, buf))
    }

    pub(crate) fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let bufs = &bufs[first_filled(bufs)..];
        self.try_transfer(Direction::Write, |io| io_write_vectored(io, bufs))
    }
}

#[inline]
fn io_write(io: impl AsFd, buf: &[u8]) -> io::Result<Moved> {
    Ok(Moved::new(send(io, buf)?, buf.len()))
}

/// Not by std's `writev`, which cannot be told that the peer's absence is no signal.
fn io_write_vectored(io: impl AsFd, bufs: &[IoSlice<'_>]) -> io::Result<Moved> {
    let first = &bufs[..bufs.len().min(sys::BUFS_MAX)];
    let len = rustix::net::sendmsg(io, first, &mut SendAncillaryBuffer::default(), sys::SEND_FLAGS)?;
    Ok(Moved::new(len, total(first)))
}

fn recv_uninit(io: impl AsFd, buf: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    let ((read, _), _) = rustix::net::recv(io, buf, RecvFlags::empty())?;
    Ok(read.len())
}

fn recv_peek(io: impl AsFd, buf: &mut [u8]) -> io::Result<usize> {
    let (len, _) = rustix::net::recv(io, buf, RecvFlags::PEEK)?;
    Ok(len)
}

/// `AsyncRead` for a type with a method `socket`, and for references to it.
macro_rules! impl_async_read {
    ($type:ty) => {
        $crate::net::stream::impl_async_read!(@one $type);
        $crate::net::stream::impl_async_read!(@one &$type);
    };
    (@one $type:ty) => {
        impl ::futures_io::AsyncRead for $type {
            #[inline]
            fn poll_read(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                buf: &mut [u8],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                self.socket().poll_read(cx, buf)
            }

            fn poll_read_vectored(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                bufs: &mut [::std::io::IoSliceMut<'_>],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                self.socket().poll_read_vectored(cx, bufs)
            }
        }
    };
}
pub(crate) use impl_async_read;

/// `AsyncWrite` for a type with methods `socket` and `poll_end`, and for references to it.
macro_rules! impl_async_write {
    ($type:ty) => {
        $crate::net::stream::impl_async_write!(@one $type);
        $crate::net::stream::impl_async_write!(@one &$type);
    };
    (@one $type:ty) => {
        impl ::futures_io::AsyncWrite for $type {
            #[inline]
            fn poll_write(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                buf: &[u8],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                self.socket().poll_write(cx, buf)
            }

            fn poll_write_vectored(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                bufs: &[::std::io::IoSlice<'_>],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                self.socket().poll_write_vectored(cx, bufs)
            }

            /// Sockets buffer nothing here: ready at once.
            fn poll_flush(
                self: ::std::pin::Pin<&mut Self>,
                _: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<::std::io::Result<()>> {
                ::std::task::Poll::Ready(Ok(()))
            }

            /// Shuts the writing direction down: the peer reads the end of the stream.
            fn poll_close(
                self: ::std::pin::Pin<&mut Self>,
                _: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<::std::io::Result<()>> {
                self.socket().poll_close()
            }
        }
    };
}
pub(crate) use impl_async_write;
