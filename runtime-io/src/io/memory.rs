//! Streams in memory, with a bound: for tests, and between tasks.
#![forbid(unsafe_code)]

use super::join::split;
use futures_io::{AsyncRead, AsyncWrite};
use futures_util::io::{ReadHalf, WriteHalf};
use runtime_core::coop;
use runtime_core::primitive::Mutex;
use runtime_core::util::wake_list::wake;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

/// One direction, behind its lock. Wakers are cloned, woken and dropped outside of it.
#[derive(Debug)]
struct Pipe {
    bytes: VecDeque<u8>,
    len_max: usize,
    /// Nothing more comes.
    is_closed: bool,
    /// Nobody reads any more.
    is_unread: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// What is left to do when the lock is released.
#[derive(Debug, Default)]
struct After {
    wake: [Option<Waker>; 2],
    old: Option<Waker>,
}

impl After {
    fn run(self) {
        self.wake.into_iter().flatten().for_each(wake);
        drop(self.old);
    }
}

impl Pipe {
    fn new(len_max: usize) -> Self {
        assert!(len_max > 0, "a stream in memory needs room for at least one byte");
        let bytes = VecDeque::new();
        Pipe { bytes, len_max, is_closed: false, is_unread: false, reader: None, writer: None }
    }

    fn poll_read(&mut self, waker: Waker, buf: &mut [u8]) -> (Poll<io::Result<usize>>, After) {
        if self.bytes.is_empty() && !self.is_closed && !buf.is_empty() {
            let old = self.reader.replace(waker);
            return (Poll::Pending, After { old, ..After::default() });
        }
        let len = io::Read::read(&mut self.bytes, buf);
        let wake = if matches!(len, Ok(1..)) { self.writer.take() } else { None };
        (Poll::Ready(len), After { wake: [wake, None], old: Some(waker) })
    }

    fn poll_write(&mut self, waker: Waker, buf: &[u8]) -> (Poll<io::Result<usize>>, After) {
        let room = self.len_max - self.bytes.len();
        let old = Some(waker);
        if self.is_closed || self.is_unread {
            let what = if self.is_closed { "this end is closed" } else { "the other end is gone" };
            let error = io::Error::new(ErrorKind::BrokenPipe, what);
            return (Poll::Ready(Err(error)), After { old, ..After::default() });
        }
        if room == 0 && !buf.is_empty() {
            let old = std::mem::replace(&mut self.writer, old);
            return (Poll::Pending, After { old, ..After::default() });
        }
        let len = room.min(buf.len());
        self.bytes.extend(&buf[..len]);
        let wake = if len > 0 { self.reader.take() } else { None };
        (Poll::Ready(Ok(len)), After { wake: [wake, None], old })
    }

    /// Nothing more comes.
    fn close(&mut self) -> After {
        self.is_closed = true;
        After { wake: [self.reader.take(), self.writer.take()], old: None }
    }

    /// Nobody reads any more.
    fn leave(&mut self) -> After {
        self.is_unread = true;
        self.bytes = VecDeque::new();
        After { wake: [self.writer.take(), self.reader.take()], old: None }
    }
}

/// A stream in memory in one direction: what is written to it is read from it. For two tasks: [`simplex`].
///
/// # Cancel safety
/// Nothing is lost: a read or write that is dropped before it was ready has moved nothing.
#[derive(Debug)]
pub struct SimplexStream {
    pipe: Arc<Mutex<Pipe>>,
}

impl SimplexStream {
    /// A stream with room for so many bytes; who writes more waits until they are read.
    ///
    /// # Panics
    /// If `max_buf_size` is 0.
    ///
    /// # Examples
    /// ```
    /// use runtime::io::{AsyncReadExt, AsyncWriteExt, SimplexStream};
    ///
    /// runtime::run(async {
    ///     let mut stream = SimplexStream::new_unsplit(64);
    ///     stream.write_all(b"hello").await.unwrap();
    ///     let mut buf = [0; 5];
    ///     stream.read_exact(&mut buf).await.unwrap();
    ///     assert_eq!(&buf, b"hello");
    /// });
    /// ```
    #[track_caller]
    pub fn new_unsplit(max_buf_size: usize) -> SimplexStream {
        SimplexStream { pipe: Arc::new(Mutex::new(Pipe::new(max_buf_size))) }
    }

    fn with<T>(&self, f: impl FnOnce(&mut Pipe) -> (T, After)) -> T {
        let (result, after) = f(&mut self.pipe.lock());
        after.run();
        result
    }
}

/// A stream in memory in one direction, as a reader and a writer: what is written to the one is read from the other. There is
/// room for so many bytes; who writes more waits until they are read.
///
/// To end it, close the writer. The halves of one stream do not notice when the other is dropped (those of [`duplex`] do): a
/// reader whose writer is dropped without being closed waits for ever, as in tokio.
///
/// # Panics
/// If `max_buf_size` is 0.
///
/// # Examples
/// ```
/// use runtime::io::{AsyncReadExt, AsyncWriteExt, simplex};
///
/// runtime::run(async {
///     let (mut reader, mut writer) = simplex(64);
///     writer.write_all(b"hello").await.unwrap();
///     writer.close().await.unwrap();
///     let mut text = String::new();
///     reader.read_to_string(&mut text).await.unwrap();
///     assert_eq!(text, "hello");
/// });
/// ```
#[track_caller]
pub fn simplex(max_buf_size: usize) -> (ReadHalf<SimplexStream>, WriteHalf<SimplexStream>) {
    split(SimplexStream::new_unsplit(max_buf_size))
}

impl AsyncRead for SimplexStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let unit = ready!(coop::poll_proceed(cx));
        let waker = cx.waker().clone();
        let result = self.with(|pipe| pipe.poll_read(waker, buf));
        if result.is_ready() {
            unit.made_progress();
        }
        result
    }
}

impl AsyncWrite for SimplexStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let unit = ready!(coop::poll_proceed(cx));
        let waker = cx.waker().clone();
        let result = self.with(|pipe| pipe.poll_write(waker, buf));
        if result.is_ready() {
            unit.made_progress();
        }
        result
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|pipe| ((), pipe.close()));
        Poll::Ready(Ok(()))
    }
}

/// One end of a pair of streams in memory: see [`duplex`].
///
/// # Cancel safety
/// Nothing is lost: a read or write that is dropped before it was ready has moved nothing.
#[derive(Debug)]
pub struct DuplexStream {
    incoming: SimplexStream,
    outgoing: SimplexStream,
}

/// A pair of streams in memory: what is written to one is read from the other. Each direction has room for so many
/// bytes; who writes more waits until they are read.
///
/// An end that is closed, or dropped, has said all: the other one reads what is there, and then the end of the stream. Writing to
/// an end whose other one is gone is an error of kind `BrokenPipe`.
///
/// # Panics
/// If `max_buf_size` is 0.
///
/// # Examples
/// ```
/// use runtime::io::{AsyncReadExt, AsyncWriteExt, duplex};
///
/// runtime::run(async {
///     let (mut client, mut server) = duplex(64);
///     client.write_all(b"ping").await.unwrap();
///     let mut buf = [0; 4];
///     server.read_exact(&mut buf).await.unwrap();
///     assert_eq!(&buf, b"ping");
/// });
/// ```
#[track_caller]
pub fn duplex(max_buf_size: usize) -> (DuplexStream, DuplexStream) {
    let (one, two) = (SimplexStream::new_unsplit(max_buf_size), SimplexStream::new_unsplit(max_buf_size));
    let (one_too, two_too) =
        (SimplexStream { pipe: one.pipe.clone() }, SimplexStream { pipe: two.pipe.clone() });
    (DuplexStream { incoming: one, outgoing: two }, DuplexStream { incoming: two_too, outgoing: one_too })
}

impl AsyncRead for DuplexStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.incoming).poll_read(cx, buf)
    }
}

impl AsyncWrite for DuplexStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.outgoing).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.outgoing).poll_close(cx)
    }
}

impl Drop for DuplexStream {
    fn drop(&mut self) {
        self.outgoing.with(|pipe| ((), pipe.close()));
        self.incoming.with(|pipe| ((), pipe.leave()));
    }
}
