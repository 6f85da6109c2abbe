//! One stream made of two, and two made of one.
#![forbid(unsafe_code)]

use futures_io::{AsyncBufRead, AsyncRead, AsyncWrite};
use futures_util::io::{AsyncReadExt, ReadHalf, WriteHalf};
use pin_project_lite::pin_project;
use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Makes one stream of a reader and a writer, for whoever wants both in one: two pipes, or standard input and output.
///
/// # Examples
/// ```
/// use runtime::io::{AsyncReadExt, AsyncWriteExt, join};
///
/// runtime::run(async {
///     let mut stream = join(&b"question"[..], Vec::new());
///     let mut text = String::new();
///     stream.read_to_string(&mut text).await.unwrap();
///     stream.write_all(b"answer").await.unwrap();
///     assert_eq!((text.as_str(), stream.writer().as_slice()), ("question", &b"answer"[..]));
/// });
/// ```
pub fn join<R: AsyncRead, W: AsyncWrite>(reader: R, writer: W) -> Join<R, W> {
    Join { reader, writer }
}

pin_project! {
    /// A reader and a writer as one stream: see [`join`].
    ///
    /// # Cancel safety
    /// That of the reader, and of the writer. Closing it closes the writer.
    #[derive(Debug)]
    pub struct Join<R, W> {
        #[pin]
        reader: R,
        #[pin]
        writer: W,
    }
}

impl<R: AsyncRead, W: AsyncWrite> Join<R, W> {
    /// Both, as they were given.
    pub fn into_inner(self) -> (R, W) {
        (self.reader, self.writer)
    }

    /// The reader.
    pub fn reader(&self) -> &R {
        &self.reader
    }

    /// The writer.
    pub fn writer(&self) -> &W {
        &self.writer
    }

    /// The reader.
    pub fn reader_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// The writer.
    pub fn writer_mut(&mut self) -> &mut W {
        &mut self.writer
    }

    /// The reader, pinned.
    pub fn reader_pin_mut(self: Pin<&mut Self>) -> Pin<&mut R> {
        self.project().reader
    }

    /// The writer, pinned.
    pub fn writer_pin_mut(self: Pin<&mut Self>) -> Pin<&mut W> {
        self.project().writer
    }
}

impl<R: AsyncRead, W> AsyncRead for Join<R, W> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.project().reader.poll_read(cx, buf)
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().reader.poll_read_vectored(cx, bufs)
    }
}

impl<R: AsyncBufRead, W> AsyncBufRead for Join<R, W> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.project().reader.poll_fill_buf(cx)
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        self.project().reader.consume(amount);
    }
}

impl<R, W: AsyncWrite> AsyncWrite for Join<R, W> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.project().writer.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().writer.poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().writer.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().writer.poll_close(cx)
    }
}

/// Makes a reader and a writer of one stream, for two tasks: [`AsyncReadExt::split`] as a function. `ReadHalf::reunite` makes
/// one of them again.
///
/// The halves take turns by a lock; sockets and pipes have halves of their own (`into_split`), which need none. The stream is
/// dropped with the second half: to tell the other side that all is said, close the writing half.
///
/// # Examples
/// ```
/// use runtime::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
///
/// runtime::run(async {
///     let (stream, mut other) = duplex(64);
///     let (mut reader, mut writer) = split(stream);
///     let echo = runtime::spawn(async move { runtime::io::copy(&mut reader, &mut writer).await });
///     other.write_all(b"hello").await.unwrap();
///     let mut buf = [0; 5];
///     other.read_exact(&mut buf).await.unwrap();
///     assert_eq!(&buf, b"hello");
///     other.close().await.unwrap();
///     assert_eq!(echo.await.unwrap().unwrap(), 5);
/// });
/// ```
pub fn split<T: AsyncRead + AsyncWrite>(stream: T) -> (ReadHalf<T>, WriteHalf<T>) {
    stream.split()
}
