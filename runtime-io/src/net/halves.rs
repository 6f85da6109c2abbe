//! Streams split in two: the same halves for each kind of stream.
#![forbid(unsafe_code)]

/// `ReadHalf`, `WriteHalf` (borrowed), `OwnedReadHalf`, `OwnedWriteHalf` and `ReuniteError` for the stream
/// type `$stream` over `$std`, whose addresses are `$addr`; and the methods that make them.
macro_rules! halves {
    ($stream:ident, $std:ty, $addr:ty) => {
        /// The reading half of a borrowed stream, from `split`.
        #[derive(Debug)]
        pub struct ReadHalf<'a>(&'a $stream);

        /// The writing half of a borrowed stream, from `split`.
        #[derive(Debug)]
        pub struct WriteHalf<'a>(&'a $stream);

        /// The reading half of a stream, from `into_split`. The stream closes when both halves are gone.
        #[derive(Debug)]
        pub struct OwnedReadHalf {
            stream: ::std::sync::Arc<$stream>,
        }

        /// The writing half of a stream, from `into_split`. Its drop shuts the writing direction down,
        /// so that the peer reads the end of the stream.
        #[derive(Debug)]
        pub struct OwnedWriteHalf {
            stream: ::std::sync::Arc<$stream>,
            shut_on_drop: bool,
        }

        impl $stream {
            /// Two halves that borrow the stream, for one task.
            pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
                (ReadHalf(self), WriteHalf(self))
            }

            /// Two halves that own the stream together, for two tasks.
            pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
                let stream = ::std::sync::Arc::new(self);
                let read = OwnedReadHalf { stream: ::std::sync::Arc::clone(&stream) };
                (read, OwnedWriteHalf { stream, shut_on_drop: true })
            }
        }

        /// Two halves that are not of the same stream; they are inside.
        #[derive(Debug)]
        pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

        impl ::std::fmt::Display for ReuniteError {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str("the halves are not of the same stream")
            }
        }

        impl ::std::error::Error for ReuniteError {}

        fn reunite(read: OwnedReadHalf, mut write: OwnedWriteHalf) -> Result<$stream, ReuniteError> {
            if !::std::sync::Arc::ptr_eq(&read.stream, &write.stream) {
                return Err(ReuniteError(read, write));
            }
            write.shut_on_drop = false;
            drop(write);
            ::std::sync::Arc::try_unwrap(read.stream)
                .map_err(|_| ())
                .map_or_else(|()| unreachable!("a stream has exactly two owned halves"), Ok)
        }

        impl ReadHalf<'_> {
            fn socket(&self) -> &$crate::registration::Registered<$std> {
                self.0.socket()
            }
        }

        impl WriteHalf<'_> {
            fn socket(&self) -> &$crate::registration::Registered<$std> {
                self.0.socket()
            }
        }

        impl OwnedReadHalf {
            /// Puts the two halves of one stream together again.
            ///
            /// # Errors
            /// If `other` is of another stream; the error has both halves.
            pub fn reunite(self, other: OwnedWriteHalf) -> Result<$stream, ReuniteError> {
                reunite(self, other)
            }

            fn socket(&self) -> &$crate::registration::Registered<$std> {
                self.stream.socket()
            }
        }

        impl OwnedWriteHalf {
            /// Puts the two halves of one stream together again.
            ///
            /// # Errors
            /// If `other` is of another stream; the error has both halves.
            pub fn reunite(self, other: OwnedReadHalf) -> Result<$stream, ReuniteError> {
                reunite(other, self)
            }

            /// Drops this half without shutting the writing direction down.
            pub fn forget(mut self) {
                self.shut_on_drop = false;
            }

            fn socket(&self) -> &$crate::registration::Registered<$std> {
                self.stream.socket()
            }
        }

        impl Drop for OwnedWriteHalf {
            fn drop(&mut self) {
                if self.shut_on_drop {
                    // Nobody is left to be told that the peer is gone already.
                    let _ = self.stream.socket().poll_close();
                }
            }
        }

        impl AsRef<$stream> for OwnedReadHalf {
            fn as_ref(&self) -> &$stream {
                &self.stream
            }
        }

        impl AsRef<$stream> for OwnedWriteHalf {
            fn as_ref(&self) -> &$stream {
                &self.stream
            }
        }

        impl AsRef<$stream> for ReadHalf<'_> {
            fn as_ref(&self) -> &$stream {
                self.0
            }
        }

        impl AsRef<$stream> for WriteHalf<'_> {
            fn as_ref(&self) -> &$stream {
                self.0
            }
        }

        $crate::net::halves::half_methods!(read ReadHalf<'_>, $std, $addr);
        $crate::net::halves::half_methods!(read OwnedReadHalf, $std, $addr);
        $crate::net::halves::half_methods!(write WriteHalf<'_>, $std, $addr);
        $crate::net::halves::half_methods!(write OwnedWriteHalf, $std, $addr);
    };
}
pub(crate) use halves;

macro_rules! half_methods {
    (read $half:ty, $std:ty, $addr:ty) => {
        impl $half {
            $crate::net::methods::try_read_methods!();

            /// Waits until there is something to read.
            ///
            /// # Errors
            /// When the runtime that owns the socket has ended.
            #[track_caller]
            pub fn readable(&self) -> impl Future<Output = ::std::io::Result<()>> {
                ::runtime_core::task::unpolled::must_await("readable", async move {
                    self.socket().ready($crate::io::Interest::READABLE).await.map(drop)
                })
            }
        }
        $crate::net::stream::impl_async_read!($half);
        $crate::net::halves::half_methods!(both $half, $std, $addr);
    };
    (write $half:ty, $std:ty, $addr:ty) => {
        impl $half {
            $crate::net::methods::try_write_methods!();

            /// Waits until there is room to write.
            ///
            /// # Errors
            /// When the runtime that owns the socket has ended.
            #[track_caller]
            pub fn writable(&self) -> impl Future<Output = ::std::io::Result<()>> {
                ::runtime_core::task::unpolled::must_await("writable", async move {
                    self.socket().ready($crate::io::Interest::WRITABLE).await.map(drop)
                })
            }
        }
        $crate::net::stream::impl_async_write!($half);
        $crate::net::halves::half_methods!(both $half, $std, $addr);
    };
    (both $half:ty, $std:ty, $addr:ty) => {
        impl $half {
            /// Waits until the stream is ready for any of `interest`, and says for which.
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

            /// This end's address.
            ///
            /// # Errors
            /// As the system says.
            pub fn local_addr(&self) -> ::std::io::Result<$addr> {
                self.socket().get().local_addr().map(<$addr>::from)
            }

            /// The other end's address.
            ///
            /// # Errors
            /// As the system says.
            pub fn peer_addr(&self) -> ::std::io::Result<$addr> {
                self.socket().get().peer_addr().map(<$addr>::from)
            }
        }
    };
}
pub(crate) use half_methods;
