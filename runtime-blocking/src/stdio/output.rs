//! Standard output and standard error.

use super::writer::{Stream, Writer};
use futures_io::AsyncWrite;
use runtime_core::{context, coop};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A longer beginning of a line goes out before its end.
const LINE_MAX: usize = 64 * 1024;

/// The process's standard output. It implements `AsyncWrite` of `futures::io`.
///
/// Each handle keeps a line that has not ended yet to itself, until it ends, or [`flush`], or the handle is dropped. So whole
/// lines of different handles do not mix, nor with those of `println!`; and what is given to one `write_all` and ends with a
/// line stays together (up to 2 MiB). The lines of one handle stay in their order.
///
/// A write is ready when its bytes were taken, and a thread of the blocking pool writes them; if that fails, the next write,
/// flush or close says so. What was taken is written, also where the handle is dropped and the runtime ends. If that fails when
/// the handle is gone, a line on standard error says so, once for the process, and the exit code stays as it is; nothing is said of
/// a pipe that nobody reads any more. What takes longer than 50 ms after the runtime's end is lost if the program ends first, and
/// `std::process::exit` waits for nothing.
///
/// # Cancel safety
/// A write that was dropped before it was ready has written nothing.
///
/// # Examples
/// ```
/// use runtime::io::{AsyncWriteExt, stdout};
///
/// runtime::run(async {
///     let mut out = stdout();
///     out.write_all(b"name? ").await.unwrap();
///     out.flush().await.unwrap();
/// });
/// ```
///
/// [`flush`]: https://docs.rs/futures/latest/futures/io/trait.AsyncWriteExt.html#method.flush
#[derive(Debug)]
pub struct Stdout {
    writer: Writer,
    /// The beginning of a line.
    line: Vec<u8>,
    std: io::Stdout,
}

/// The process's standard error. It implements `AsyncWrite` of `futures::io`.
///
/// As [`Stdout`], but that nothing is kept: what is given to one `write_all` stays together (up to 2 MiB), and goes out at once.
///
/// # Cancel safety
/// A write that was dropped before it was ready has written nothing.
///
/// # Examples
/// ```
/// use runtime::io::{AsyncWriteExt, stderr};
///
/// runtime::run(async {
///     stderr().write_all(b"10 % done\r").await.unwrap();
/// });
/// ```
#[derive(Debug)]
pub struct Stderr {
    writer: Writer,
    std: io::Stderr,
}

/// A handle of the process's standard output.
pub fn stdout() -> Stdout {
    Stdout { writer: Writer::new(Stream::Out), line: Vec::new(), std: io::stdout() }
}

/// A handle of the process's standard error.
pub fn stderr() -> Stderr {
    Stderr { writer: Writer::new(Stream::Err), std: io::stderr() }
}

/// For whoever asks what it is, a terminal or a pipe. What is written to the descriptor itself goes past the queue.
impl AsFd for Stdout {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.std.as_fd()
    }
}

impl AsRawFd for Stdout {
    fn as_raw_fd(&self) -> RawFd {
        self.std.as_raw_fd()
    }
}

/// As that of [`Stdout`].
impl AsFd for Stderr {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.std.as_fd()
    }
}

impl AsRawFd for Stderr {
    fn as_raw_fd(&self) -> RawFd {
        self.std.as_raw_fd()
    }
}

impl AsyncWrite for Stdout {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        context::assert_inside();
        let unit = ready!(coop::poll_proceed(cx));
        let Stdout { writer, line, .. } = self.get_mut();
        let room = ready!(writer.poll_room(cx))?;
        unit.made_progress();
        let buf = &buf[..buf.len().min(room)];
        let lines = buf.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let (lines, rest) = buf.split_at(lines);
        if !lines.is_empty() {
            writer.put(&[line, lines]);
            line.clear();
        }
        line.extend_from_slice(rest);
        if line.len() > LINE_MAX {
            writer.put(&[line]);
            line.clear();
        }
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        context::assert_inside();
        let Stdout { writer, line, .. } = self.get_mut();
        writer.put(&[line]);
        line.clear();
        writer.poll_empty(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl Drop for Stdout {
    fn drop(&mut self) {
        self.writer.put(&[&self.line]);
    }
}

impl AsyncWrite for Stderr {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        context::assert_inside();
        let unit = ready!(coop::poll_proceed(cx));
        let room = ready!(self.writer.poll_room(cx))?;
        unit.made_progress();
        let buf = &buf[..buf.len().min(room)];
        self.writer.put(&[buf]);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.poll_empty(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}
