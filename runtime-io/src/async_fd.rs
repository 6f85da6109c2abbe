//! Readiness of a descriptor of the user's own.
//!
//! # Invariants
//! - I1: the descriptor that `T` has when it is registered stays open for as long as the `Watched`
//!   owns `T`. This is what implementing [`AsRawFd`] promises by convention; where it is broken, the
//!   system answers with `EBADF` or reports events of another descriptor: no memory is at stake.

use crate::interest::Interest;
use crate::reactor::Reactor;
use crate::readiness::{Initial, Snapshot, Wanted};
use crate::ready::Ready;
use crate::registration::Registered;
use crate::source::Direction;
use runtime_core::task::unpolled::must_await;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll, ready};

/// A value and the descriptor it had when it was registered.
struct Watched<T> {
    value: T,
    fd: RawFd,
}

impl<T> AsFd for Watched<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: I1; `try_with_interest` refused -1.
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }
}

/// Any file descriptor that the system can poll, with the driver's readiness.
///
/// The descriptor must be non-blocking (it is not changed here: others may share its file), and
/// stay open while this value lives. The driver tells of *new* readiness only, so an operation has to
/// be tried until it says `WouldBlock`; the guards' `try_io` does the bookkeeping.
///
/// # Examples
/// ```
/// # use runtime_io::io::AsyncFd;
/// # use std::io;
/// # use std::os::unix::net::UnixStream;
/// async fn read(stream: &AsyncFd<UnixStream>, buf: &mut [u8]) -> io::Result<usize> {
///     loop {
///         let mut guard = stream.readable().await?;
///         match guard.try_io(|fd| io::Read::read(&mut fd.get_ref(), buf)) {
///             Ok(result) => return result,
///             Err(_would_block) => continue,
///         }
///     }
/// }
/// ```
pub struct AsyncFd<T: AsRawFd> {
    registered: Registered<Watched<T>>,
}

impl<T: AsRawFd> AsyncFd<T> {
    /// Watches `inner` for reading and writing.
    ///
    /// # Errors
    /// As [`try_new`](Self::try_new); `inner` is dropped then.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn new(inner: T) -> io::Result<AsyncFd<T>> {
        AsyncFd::with_interest(inner, Interest::READABLE | Interest::WRITABLE)
    }

    /// Watches `inner` for `interest` only.
    ///
    /// # Errors
    /// As [`try_new`](Self::try_new); `inner` is dropped then.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn with_interest(inner: T, interest: Interest) -> io::Result<AsyncFd<T>> {
        AsyncFd::try_with_interest(inner, interest).map_err(io::Error::from)
    }

    /// Watches `inner` for reading and writing.
    ///
    /// # Errors
    /// When the system cannot watch it (a regular file, for instance) or it is watched already, or when
    /// the runtime has ended. The error has `inner`.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn try_new(inner: T) -> Result<AsyncFd<T>, AsyncFdRegisterError<T>> {
        AsyncFd::try_with_interest(inner, Interest::READABLE | Interest::WRITABLE)
    }

    /// Watches `inner` for `interest` only.
    ///
    /// # Errors
    /// As [`try_new`](Self::try_new).
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn try_with_interest(inner: T, interest: Interest) -> Result<AsyncFd<T>, AsyncFdRegisterError<T>> {
        match Reactor::current() {
            Ok(reactor) => AsyncFd::new_in(reactor, inner, interest),
            Err(cause) => Err(AsyncFdRegisterError { inner, cause }),
        }
    }

    /// [`try_new`](Self::try_new) under the name that tokio has for it since it has deprecated that one.
    ///
    /// # Safety
    /// For whoever ports code: `inner` must own its descriptor, and have the same one until the `AsyncFd` gives it back. Here
    /// no memory is at stake where this does not hold, as there is none in `try_new`.
    ///
    /// # Errors
    /// As [`try_new`](Self::try_new).
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub unsafe fn register(inner: T) -> Result<AsyncFd<T>, AsyncFdRegisterError<T>> {
        AsyncFd::try_new(inner)
    }

    /// [`register`](Self::register) for `interest` only.
    ///
    /// # Safety
    /// As [`register`](Self::register).
    ///
    /// # Errors
    /// As [`try_new`](Self::try_new).
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub unsafe fn register_with_interest(
        inner: T,
        interest: Interest,
    ) -> Result<AsyncFd<T>, AsyncFdRegisterError<T>> {
        AsyncFd::try_with_interest(inner, interest)
    }

    pub(crate) fn new_in(
        reactor: std::sync::Arc<Reactor>,
        inner: T,
        interest: Interest,
    ) -> Result<AsyncFd<T>, AsyncFdRegisterError<T>> {
        let fd = inner.as_raw_fd();
        if fd < 0 {
            let cause = io::Error::from_raw_os_error(libc::EBADF);
            return Err(AsyncFdRegisterError { inner, cause });
        }
        let watched = Watched { value: inner, fd };
        match Registered::with_interest(reactor, watched, interest, Initial::Unknown) {
            Ok(registered) => Ok(AsyncFd { registered }),
            Err((watched, cause)) => Err(AsyncFdRegisterError { inner: watched.value, cause }),
        }
    }

    /// What is watched.
    pub fn get_ref(&self) -> &T {
        &self.registered.get().value
    }

    /// What is watched. Its descriptor must stay the same.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.registered.get_mut().value
    }

    /// Watches no more, and gives back what was watched.
    pub fn into_inner(self) -> T {
        self.registered.into_inner().value
    }

    /// Waits for any of `interest`.
    ///
    /// # Cancel safety
    /// Nothing is lost: the readiness stays until it is cleared.
    ///
    /// # Errors
    /// When the runtime that owns it has ended.
    #[track_caller]
    pub fn ready(&self, interest: Interest) -> impl Future<Output = io::Result<AsyncFdReadyGuard<'_, T>>> {
        must_await("AsyncFd::ready", async move {
            let seen = self.registered.ready_event(interest).await?;
            Ok(AsyncFdReadyGuard { fd: self, seen, answer: Ready::from_interest(interest) })
        })
    }

    /// Like [`ready`](Self::ready), with access to the value by `&mut`.
    ///
    /// # Errors
    /// As [`ready`](Self::ready).
    #[track_caller]
    pub fn ready_mut(
        &mut self,
        interest: Interest,
    ) -> impl Future<Output = io::Result<AsyncFdReadyMutGuard<'_, T>>> {
        must_await("AsyncFd::ready_mut", async move {
            let seen = self.registered.ready_event(interest).await?;
            Ok(AsyncFdReadyMutGuard { fd: self, seen, answer: Ready::from_interest(interest) })
        })
    }

    /// Waits until it is readable.
    ///
    /// # Errors
    /// As [`ready`](Self::ready).
    #[track_caller]
    pub fn readable(&self) -> impl Future<Output = io::Result<AsyncFdReadyGuard<'_, T>>> {
        must_await("AsyncFd::readable", async move { self.ready(Interest::READABLE).await })
    }

    /// Waits until it is readable, with access to the value by `&mut`.
    ///
    /// # Errors
    /// As [`ready`](Self::ready).
    #[track_caller]
    pub fn readable_mut(&mut self) -> impl Future<Output = io::Result<AsyncFdReadyMutGuard<'_, T>>> {
        must_await("AsyncFd::readable_mut", async move { self.ready_mut(Interest::READABLE).await })
    }

    /// Waits until it is writable.
    ///
    /// # Errors
    /// As [`ready`](Self::ready).
    #[track_caller]
    pub fn writable(&self) -> impl Future<Output = io::Result<AsyncFdReadyGuard<'_, T>>> {
        must_await("AsyncFd::writable", async move { self.ready(Interest::WRITABLE).await })
    }

    /// Waits until it is writable, with access to the value by `&mut`.
    ///
    /// # Errors
    /// As [`ready`](Self::ready).
    #[track_caller]
    pub fn writable_mut(&mut self) -> impl Future<Output = io::Result<AsyncFdReadyMutGuard<'_, T>>> {
        must_await("AsyncFd::writable_mut", async move { self.ready_mut(Interest::WRITABLE).await })
    }

    /// Polls for read readiness. Of the tasks that do so at the same time the newest few are woken.
    ///
    /// # Errors
    /// As [`ready`](Self::ready).
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<AsyncFdReadyGuard<'_, T>>> {
        self.poll_guard(cx, Direction::Read, Interest::READABLE)
    }

    /// Polls for write readiness. Of the tasks that do so at the same time the newest few are woken.
    ///
    /// # Errors
    /// As [`ready`](Self::ready).
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<AsyncFdReadyGuard<'_, T>>> {
        self.poll_guard(cx, Direction::Write, Interest::WRITABLE)
    }

    fn poll_guard(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        interest: Interest,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'_, T>>> {
        let seen = ready!(self.registered.poll_ready(cx, direction))?;
        Poll::Ready(Ok(AsyncFdReadyGuard { fd: self, seen, answer: Ready::from_interest(interest) }))
    }

    /// [`poll_read_ready`](Self::poll_read_ready) with access to the value by `&mut`.
    ///
    /// # Errors
    /// As [`ready`](Self::ready).
    pub fn poll_read_ready_mut(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'_, T>>> {
        let seen = ready!(self.registered.poll_ready(cx, Direction::Read))?;
        let answer = Ready::from_interest(Interest::READABLE);
        Poll::Ready(Ok(AsyncFdReadyMutGuard { fd: self, seen, answer }))
    }

    /// [`poll_write_ready`](Self::poll_write_ready) with access to the value by `&mut`.
    ///
    /// # Errors
    /// As [`ready`](Self::ready).
    pub fn poll_write_ready_mut(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'_, T>>> {
        let seen = ready!(self.registered.poll_ready(cx, Direction::Write))?;
        let answer = Ready::from_interest(Interest::WRITABLE);
        Poll::Ready(Ok(AsyncFdReadyMutGuard { fd: self, seen, answer }))
    }

    /// Waits and tries until `operation` says anything but `WouldBlock`.
    ///
    /// # Cancel safety
    /// `operation` is not running while this waits.
    ///
    /// # Errors
    /// What `operation` says; or that the runtime that owns the descriptor has ended.
    #[track_caller]
    pub fn async_io<R>(
        &self,
        interest: Interest,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> impl Future<Output = io::Result<R>> {
        must_await(
            "AsyncFd::async_io",
            self.registered.io(Wanted::to_try(interest), move |watched| operation(&watched.value)),
        )
    }

    /// Like [`async_io`](Self::async_io), with access to the value by `&mut`.
    ///
    /// # Errors
    /// As [`async_io`](Self::async_io).
    #[track_caller]
    pub fn async_io_mut<R>(
        &mut self,
        interest: Interest,
        mut operation: impl FnMut(&mut T) -> io::Result<R>,
    ) -> impl Future<Output = io::Result<R>> {
        must_await("AsyncFd::async_io_mut", async move {
            loop {
                let mut guard = self.ready_mut(interest).await?;
                match guard.try_io(|fd| operation(fd.get_mut())) {
                    Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                    Ok(result) => return result,
                    Err(_would_block) => {}
                }
            }
        })
    }

    /// Tries `operation` now or never. It must say `WouldBlock` when the descriptor was not ready, and
    /// only then; of two interests it says so of both.
    ///
    /// # Errors
    /// Kind `WouldBlock` if it is not ready; otherwise what `operation` says.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        operation: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.registered.try_io_once(Wanted::to_know(interest), |watched| operation(&watched.value))
    }

    /// Like [`try_io`](Self::try_io), with access to the value by `&mut`.
    ///
    /// # Errors
    /// As [`try_io`](Self::try_io).
    pub fn try_io_mut<R>(
        &mut self,
        interest: Interest,
        operation: impl FnOnce(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        let seen = self.registered.look()?;
        if !seen.answers(Wanted::to_know(interest)) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = operation(self.get_mut());
        if result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
            self.registered.clear_ready(seen, Ready::from_interest(interest));
        }
        result
    }
}

impl<T: AsRawFd> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.get_ref().as_raw_fd()
    }
}

impl<T: AsRawFd + AsFd> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl<T: AsRawFd + fmt::Debug> fmt::Debug for AsyncFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFd").field("inner", self.get_ref()).finish()
    }
}

/// The two guards differ in how they hold the [`AsyncFd`].
macro_rules! guard {
    ($(#[$doc:meta])* $name:ident, $fd:ty, $closure_fd:ty) => {
        $(#[$doc])*
        #[must_use = "clear the readiness, or try an operation with `try_io`"]
        pub struct $name<'a, T: AsRawFd> {
            fd: $fd,
            seen: Snapshot,
            answer: Ready,
        }

        impl<'a, T: AsRawFd> $name<'a, T> {
            /// What it is ready for.
            pub fn ready(&self) -> Ready {
                self.seen.ready() & self.answer
            }

            /// Says that an operation met `WouldBlock`: the next wait waits for a new event. Only the
            /// readiness that this guard has seen is cleared.
            pub fn clear_ready(&mut self) {
                self.fd.registered.clear_ready(self.seen, self.answer);
            }

            /// Like [`clear_ready`](Self::clear_ready) for some of it.
            pub fn clear_ready_matching(&mut self, ready: Ready) {
                self.fd.registered.clear_ready(self.seen, ready);
            }

            /// Keeps the readiness, explicitly: the next wait is over at once.
            pub fn retain_ready(&mut self) {}

            /// Tries an operation, and clears the readiness if it says `WouldBlock`.
            ///
            /// # Errors
            /// If it says `WouldBlock`: wait again.
            pub fn try_io<R>(
                &mut self,
                operation: impl FnOnce($closure_fd) -> io::Result<R>,
            ) -> Result<io::Result<R>, TryIoError> {
                let result = operation(&mut self.fd);
                match result {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.clear_ready();
                        Err(TryIoError(()))
                    }
                    result => Ok(result),
                }
            }

            /// The value inside the `AsyncFd`.
            pub fn get_inner(&self) -> &T {
                self.fd.get_ref()
            }
        }

        impl<T: AsRawFd + fmt::Debug> fmt::Debug for $name<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("fd", &self.fd).field("ready", &self.ready()).finish()
            }
        }
    };
}

guard! {
    /// A descriptor that was ready a moment ago.
    AsyncFdReadyGuard, &'a AsyncFd<T>, &AsyncFd<T>
}

guard! {
    /// A descriptor that was ready a moment ago, with access to the value by `&mut`.
    AsyncFdReadyMutGuard, &'a mut AsyncFd<T>, &mut AsyncFd<T>
}

impl<'a, T: AsRawFd> AsyncFdReadyGuard<'a, T> {
    /// The `AsyncFd`.
    pub fn get_ref(&self) -> &'a AsyncFd<T> {
        self.fd
    }
}

impl<T: AsRawFd> AsyncFdReadyMutGuard<'_, T> {
    /// The `AsyncFd`.
    pub fn get_ref(&self) -> &AsyncFd<T> {
        self.fd
    }

    /// The `AsyncFd`.
    pub fn get_mut(&mut self) -> &mut AsyncFd<T> {
        self.fd
    }

    /// The value inside the `AsyncFd`.
    pub fn get_inner_mut(&mut self) -> &mut T {
        self.fd.get_mut()
    }
}

/// The operation met `WouldBlock`: the readiness is cleared, wait again.
#[derive(Debug)]
pub struct TryIoError(());

/// A descriptor that could not be watched, and why.
pub struct AsyncFdRegisterError<T> {
    inner: T,
    cause: io::Error,
}

impl<T> AsyncFdRegisterError<T> {
    /// The value and the cause.
    pub fn into_parts(self) -> (T, io::Error) {
        (self.inner, self.cause)
    }
}

impl<T> From<AsyncFdRegisterError<T>> for io::Error {
    fn from(error: AsyncFdRegisterError<T>) -> io::Error {
        error.cause
    }
}

impl<T> fmt::Display for AsyncFdRegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the descriptor cannot be watched: {}", self.cause)?;
        f.write_str(match self.cause.raw_os_error() {
            Some(libc::EPERM) => {
                "; of files and directories the system has nothing to tell: use `runtime::fs`"
            }
            Some(libc::EEXIST) => {
                "; it is watched already: share that `AsyncFd`, or watch a duplicate (`try_clone`)"
            }
            Some(libc::ENOSPC) => "; raise the system's limit of watched files (`fs.epoll.max_user_watches`)",
            _ => "",
        })
    }
}

impl<T> fmt::Debug for AsyncFdRegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncFdRegisterError").field(&self.cause).finish()
    }
}

impl<T> std::error::Error for AsyncFdRegisterError<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}
