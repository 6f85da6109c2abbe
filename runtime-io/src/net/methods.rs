//! Methods that several kinds of socket have word for word. Each macro stands in an `impl` block of a
//! type with a method `socket(&self) -> &Registered<…>`.
#![forbid(unsafe_code)]

use crate::sys;
use rustix::net::RecvFlags;
use std::io;
use std::os::fd::AsFd;

/// `ready`, `readable`, `writable`, `try_io`, `async_io`.
macro_rules! readiness_methods {
    () => {
        /// Waits until the socket is ready for any of `interest`, and says for which.
        ///
        /// The answer may be wrong by the time that it is used: the operation may still say
        /// `WouldBlock`, and this method then waits again.
        ///
        /// # Cancel safety
        /// Nothing is lost: the readiness stays until an operation says `WouldBlock`.
        ///
        /// # Errors
        /// When the runtime that owns the socket has ended.
        #[track_caller]
        pub fn ready(
            &self,
            interest: $crate::io::Interest,
        ) -> impl Future<Output = ::std::io::Result<$crate::io::Ready>> {
            ::runtime_core::task::unpolled::must_await("ready", self.socket().ready(interest))
        }

        /// Waits until the socket is readable: [`ready`](Self::ready) for reading.
        ///
        /// # Errors
        /// When the runtime that owns the socket has ended.
        #[track_caller]
        pub fn readable(&self) -> impl Future<Output = ::std::io::Result<()>> {
            ::runtime_core::task::unpolled::must_await("readable", async move {
                self.socket().ready($crate::io::Interest::READABLE).await.map(drop)
            })
        }

        /// Waits until the socket is writable: [`ready`](Self::ready) for writing.
        ///
        /// # Errors
        /// When the runtime that owns the socket has ended.
        #[track_caller]
        pub fn writable(&self) -> impl Future<Output = ::std::io::Result<()>> {
            ::runtime_core::task::unpolled::must_await("writable", async move {
                self.socket().ready($crate::io::Interest::WRITABLE).await.map(drop)
            })
        }

        /// Tries an operation of the caller's own on the socket, which must say `WouldBlock` when the
        /// socket was not ready, and only then. Of two interests it says so of both: an operation that may
        /// wait for either, and finds one, must not say it.
        ///
        /// # Errors
        /// Kind `WouldBlock` if the socket is not ready; otherwise what `operation` says.
        pub fn try_io<R>(
            &self,
            interest: $crate::io::Interest,
            operation: impl FnOnce() -> ::std::io::Result<R>,
        ) -> ::std::io::Result<R> {
            self.socket().try_io_once($crate::readiness::Wanted::to_try(interest), |_| operation())
        }

        /// Waits and tries until an operation of the caller's own says anything but `WouldBlock`. For two
        /// interests see [`try_io`](Self::try_io).
        ///
        /// # Cancel safety
        /// `operation` is not running while this waits.
        ///
        /// # Errors
        /// What `operation` says; or that the runtime that owns the socket has ended.
        #[track_caller]
        pub fn async_io<R>(
            &self,
            interest: $crate::io::Interest,
            mut operation: impl FnMut() -> ::std::io::Result<R>,
        ) -> impl Future<Output = ::std::io::Result<R>> {
            ::runtime_core::task::unpolled::must_await(
                "async_io",
                self.socket().io($crate::readiness::Wanted::to_try(interest), move |_| operation()),
            )
        }
    };
}
pub(crate) use readiness_methods;

/// The `poll_` version of `readable` or `writable` under the given name.
macro_rules! poll_ready_method {
    ($name:ident, $direction:ident, $what:literal) => {
        #[doc = concat!("Polls for ", $what, " readiness. Of the tasks that do so at the same time the")]
        /// newest few are woken.
        ///
        /// # Errors
        /// When the runtime that owns it has ended.
        pub fn $name(&self, cx: &mut ::std::task::Context<'_>) -> ::std::task::Poll<::std::io::Result<()>> {
            self.socket.poll_ready(cx, $crate::source::Direction::$direction).map_ok(drop)
        }
    };
}
pub(crate) use poll_ready_method;

/// Both of them.
macro_rules! poll_ready_methods {
    ($read:ident, $write:ident) => {
        $crate::net::methods::poll_ready_method!($read, Read, "read");
        $crate::net::methods::poll_ready_method!($write, Write, "write");
    };
}
pub(crate) use poll_ready_methods;

/// `try_read` and `try_read_vectored`.
macro_rules! try_read_methods {
    () => {
        /// Reads what is there now. `Ok(0)` is the end of the stream (or an empty `buf`).
        ///
        /// # Errors
        /// Kind `WouldBlock` if there is nothing; otherwise as the system says.
        pub fn try_read(&self, buf: &mut [u8]) -> ::std::io::Result<usize> {
            self.socket().try_read(buf)
        }

        /// Like [`try_read`](Self::try_read), into several buffers.
        ///
        /// # Errors
        /// As [`try_read`](Self::try_read).
        pub fn try_read_vectored(&self, bufs: &mut [::std::io::IoSliceMut<'_>]) -> ::std::io::Result<usize> {
            self.socket().try_read_vectored(bufs)
        }

        /// Reads into memory that need not be initialised: the first `n` bytes are, when it says `n`.
        /// Of the tasks that do so at the same time the newest few are woken.
        ///
        /// # Errors
        /// As the system says; or that the runtime that owns the socket has ended.
        pub fn poll_read_uninit(
            &self,
            cx: &mut ::std::task::Context<'_>,
            buf: &mut [::std::mem::MaybeUninit<u8>],
        ) -> ::std::task::Poll<::std::io::Result<usize>> {
            self.socket().poll_read_uninit(cx, buf)
        }
    };
}
pub(crate) use try_read_methods;

/// `try_write` and `try_write_vectored`.
macro_rules! try_write_methods {
    () => {
        /// Writes what there is room for now.
        ///
        /// # Errors
        /// Kind `WouldBlock` if there is no room; otherwise as the system says.
        pub fn try_write(&self, buf: &[u8]) -> ::std::io::Result<usize> {
            self.socket().try_write(buf)
        }

        /// Like [`try_write`](Self::try_write), from several buffers.
        ///
        /// # Errors
        /// As [`try_write`](Self::try_write).
        pub fn try_write_vectored(&self, bufs: &[::std::io::IoSlice<'_>]) -> ::std::io::Result<usize> {
            self.socket().try_write_vectored(bufs)
        }
    };
}
pub(crate) use try_write_methods;

/// `peek` and `poll_peek` of a connected stream.
macro_rules! peek_methods {
    () => {
        /// Reads without taking: the next read gives the same bytes.
        ///
        /// # Cancel safety
        /// Nothing is lost.
        ///
        /// # Errors
        /// As the system says; or that the runtime that owns the socket has ended.
        #[track_caller]
        pub fn peek(&self, buf: &mut [u8]) -> impl Future<Output = ::std::io::Result<usize>> {
            ::runtime_core::task::unpolled::must_await("peek", self.socket().peek(buf))
        }

        /// Polls for [`peek`](Self::peek). Of the tasks that do so at the same time the newest few are
        /// woken.
        ///
        /// # Errors
        /// As [`peek`](Self::peek).
        pub fn poll_peek(
            &self,
            cx: &mut ::std::task::Context<'_>,
            buf: &mut [u8],
        ) -> ::std::task::Poll<::std::io::Result<usize>> {
            self.socket().poll_peek(cx, buf)
        }
    };
}
pub(crate) use peek_methods;

/// From and to the standard library's type: `from_std`, `into_std`. What the socket is like is not known yet: a
/// stream may be one that still connects.
macro_rules! std_methods {
    ($std:ty) => {
        $crate::net::methods::std_methods!($std, _ => $crate::readiness::Initial::Untried);
    };
    ($std:ty, $socket:pat => $initial:expr) => {
        /// Takes over a socket of the standard library and makes it non-blocking and close-on-exec, which those are not that
        /// were inherited.
        ///
        /// # Errors
        /// When the system refuses to, or the driver has no room.
        ///
        /// # Panics
        /// Outside of a runtime.
        #[track_caller]
        pub fn from_std(socket: $std) -> ::std::io::Result<Self> {
            socket.set_nonblocking(true)?;
            ::rustix::io::fcntl_setfd(&socket, ::rustix::io::FdFlags::CLOEXEC)?;
            let $socket = &socket;
            let initial = $initial;
            Ok(Self { socket: $crate::registration::Registered::new(socket, initial)? })
        }

        /// The socket as the standard library's type, still non-blocking.
        ///
        /// # Errors
        /// None at present.
        pub fn into_std(self) -> ::std::io::Result<$std> {
            Ok(self.socket.into_inner())
        }

        #[inline]
        pub(crate) fn socket(&self) -> &$crate::registration::Registered<$std> {
            &self.socket
        }
    };
}
pub(crate) use std_methods;

/// What every socket type implements around its descriptor.
macro_rules! impl_fd_traits {
    ($type:ty, $std:ty) => {
        impl ::std::os::fd::AsFd for $type {
            fn as_fd(&self) -> ::std::os::fd::BorrowedFd<'_> {
                ::std::os::fd::AsFd::as_fd(&self.socket)
            }
        }

        impl ::std::os::fd::AsRawFd for $type {
            fn as_raw_fd(&self) -> ::std::os::fd::RawFd {
                ::std::os::fd::AsRawFd::as_raw_fd(&::std::os::fd::AsFd::as_fd(&self.socket))
            }
        }

        impl TryFrom<$std> for $type {
            type Error = ::std::io::Error;

            /// As `from_std`.
            fn try_from(socket: $std) -> ::std::io::Result<Self> {
                Self::from_std(socket)
            }
        }

        impl ::std::fmt::Debug for $type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                self.socket.fmt(f)
            }
        }
    };
}
pub(crate) use impl_fd_traits;

/// Sends. Not by std's methods: the C library makes a point of cancellation of each of its calls.
#[inline]
pub(crate) fn send(io: impl AsFd, buf: &[u8]) -> io::Result<usize> {
    Ok(rustix::net::send(io, buf, sys::SEND_FLAGS)?)
}

/// Receives, likewise.
#[inline]
pub(crate) fn recv(io: impl AsFd, buf: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::net::recv(io, buf, RecvFlags::empty())?.0)
}

/// Sending and receiving on a datagram socket whose addresses are `$addr`.
macro_rules! datagram_methods {
    ($addr:ty) => {
        /// Sends one datagram to the connected peer.
        ///
        /// # Cancel safety
        /// When this future is dropped before it is done, nothing was sent.
        ///
        /// # Errors
        /// As the system says; or that the runtime that owns the socket has ended.
        #[track_caller]
        pub fn send(&self, buf: &[u8]) -> impl Future<Output = ::std::io::Result<usize>> {
            ::runtime_core::task::unpolled::must_await(
                "send",
                self.socket()
                    .io($crate::readiness::Wanted::WRITE, move |io| $crate::net::methods::send(io, buf)),
            )
        }

        /// Polls for [`send`](Self::send). Of the tasks that do so at the same time the newest few are
        /// woken.
        ///
        /// # Errors
        /// As [`send`](Self::send).
        pub fn poll_send(
            &self,
            cx: &mut ::std::task::Context<'_>,
            buf: &[u8],
        ) -> ::std::task::Poll<::std::io::Result<usize>> {
            self.socket()
                .poll_io(cx, $crate::source::Direction::Write, |io| $crate::net::methods::send(io, buf))
        }

        /// Sends one datagram to the connected peer, now or never.
        ///
        /// # Errors
        /// Kind `WouldBlock` if there is no room; otherwise as [`send`](Self::send).
        pub fn try_send(&self, buf: &[u8]) -> ::std::io::Result<usize> {
            self.socket().try_io($crate::readiness::Wanted::WRITE, |io| $crate::net::methods::send(io, buf))
        }

        /// Receives one datagram. What does not fit into `buf` is lost.
        ///
        /// # Cancel safety
        /// When this future is dropped before it is done, nothing was received.
        ///
        /// # Errors
        /// As the system says; or that the runtime that owns the socket has ended.
        #[track_caller]
        pub fn recv(&self, buf: &mut [u8]) -> impl Future<Output = ::std::io::Result<usize>> {
            ::runtime_core::task::unpolled::must_await(
                "recv",
                self.socket()
                    .io($crate::readiness::Wanted::READ, move |io| $crate::net::methods::recv(io, buf)),
            )
        }

        /// Polls for [`recv`](Self::recv). Of the tasks that do so at the same time the newest few are
        /// woken.
        ///
        /// # Errors
        /// As [`recv`](Self::recv).
        pub fn poll_recv(
            &self,
            cx: &mut ::std::task::Context<'_>,
            buf: &mut [u8],
        ) -> ::std::task::Poll<::std::io::Result<usize>> {
            self.socket()
                .poll_io(cx, $crate::source::Direction::Read, |io| $crate::net::methods::recv(io, buf))
        }

        /// Receives one datagram, now or never.
        ///
        /// # Errors
        /// Kind `WouldBlock` if there is none; otherwise as [`recv`](Self::recv).
        pub fn try_recv(&self, buf: &mut [u8]) -> ::std::io::Result<usize> {
            self.socket().try_io($crate::readiness::Wanted::READ, |io| $crate::net::methods::recv(io, buf))
        }

        /// Receives one datagram and says who sent it. What does not fit into `buf` is lost.
        ///
        /// # Cancel safety
        /// When this future is dropped before it is done, nothing was received.
        ///
        /// # Errors
        /// As the system says; or that the runtime that owns the socket has ended.
        #[track_caller]
        pub fn recv_from(&self, buf: &mut [u8]) -> impl Future<Output = ::std::io::Result<(usize, $addr)>> {
            ::runtime_core::task::unpolled::must_await(
                "recv_from",
                self.socket().io($crate::readiness::Wanted::READ, move |io| {
                    io.recv_from(buf).map(|(len, from)| (len, <$addr>::from(from)))
                }),
            )
        }

        /// Polls for [`recv_from`](Self::recv_from). Of the tasks that do so at the same time the newest
        /// few are woken.
        ///
        /// # Errors
        /// As [`recv_from`](Self::recv_from).
        pub fn poll_recv_from(
            &self,
            cx: &mut ::std::task::Context<'_>,
            buf: &mut [u8],
        ) -> ::std::task::Poll<::std::io::Result<(usize, $addr)>> {
            self.socket().poll_io(cx, $crate::source::Direction::Read, |io| {
                io.recv_from(buf).map(|(len, from)| (len, <$addr>::from(from)))
            })
        }

        /// Receives one datagram and says who sent it, now or never.
        ///
        /// # Errors
        /// Kind `WouldBlock` if there is none; otherwise as [`recv_from`](Self::recv_from).
        pub fn try_recv_from(&self, buf: &mut [u8]) -> ::std::io::Result<(usize, $addr)> {
            self.socket().try_io($crate::readiness::Wanted::READ, |io| {
                io.recv_from(buf).map(|(len, from)| (len, <$addr>::from(from)))
            })
        }

        /// This end's address.
        ///
        /// # Errors
        /// As the system says.
        pub fn local_addr(&self) -> ::std::io::Result<$addr> {
            self.socket().get().local_addr().map(<$addr>::from)
        }

        /// The address of the connected peer.
        ///
        /// # Errors
        /// As the system says; kind `NotConnected` if there is no peer.
        pub fn peer_addr(&self) -> ::std::io::Result<$addr> {
            self.socket().get().peer_addr().map(<$addr>::from)
        }

        /// Takes the error that is pending on the socket (`SO_ERROR`).
        ///
        /// # Errors
        /// When it cannot be asked for.
        pub fn take_error(&self) -> ::std::io::Result<Option<::std::io::Error>> {
            self.socket().get().take_error()
        }
    };
}
pub(crate) use datagram_methods;
