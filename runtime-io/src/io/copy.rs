//! Copying everything from a reader to a writer.
#![forbid(unsafe_code)]

use super::pump::Pump;
use futures_io::{AsyncBufRead, AsyncRead, AsyncWrite};
use runtime_core::coop;
use runtime_core::task::unpolled::must_await;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::ready;

/// What a copy begins with, as tokio's: enough for a socket that has a little to say now and then.
const LEN: usize = 8 * 1024;
/// What it grows to while it is filled at a go: for files, where a trip to a thread costs as much as copying tens of KiB. With
/// more, what is copied leaves the processor's cache in between.
const LEN_MAX: usize = 256 * 1024;

/// Copies everything from `reader` to `writer`, and flushes it. Says how many bytes that were.
///
/// The buffer begins with 8 KiB, and grows up to 256 KiB while reads fill it.
///
/// # Cancel safety
/// Not cancel-safe: what was read and not yet written is lost.
///
/// # Errors
/// The first of the reader or the writer, but for `Interrupted`; of kind `WriteZero`, if the writer takes nothing.
///
/// # Examples
/// ```
/// runtime::run(async {
///     let mut copy = Vec::new();
///     assert_eq!(runtime::io::copy(&mut &b"hello"[..], &mut copy).await.unwrap(), 5);
///     assert_eq!(copy, b"hello");
/// });
/// ```
#[track_caller]
pub fn copy<R, W>(mut reader: R, writer: &mut W) -> impl Future<Output = io::Result<u64>>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin + ?Sized,
{
    must_await("io::copy", async move {
        let mut pump = Pump::new(LEN, LEN_MAX);
        poll_fn(|cx| pump.poll(cx, Pin::new(&mut reader), Pin::new(&mut *writer))).await
    })
}

/// Copies everything from a reader that has a buffer of its own, which saves one. Says how many bytes that were.
///
/// # Cancel safety
/// What was not written is still in the reader.
///
/// # Errors
/// As [`copy`].
///
/// # Examples
/// ```
/// use runtime::io::{BufReader, copy_buf};
///
/// runtime::run(async {
///     let mut copy = Vec::new();
///     let mut reader = BufReader::new(&b"hello"[..]);
///     assert_eq!(copy_buf(&mut reader, &mut copy).await.unwrap(), 5);
/// });
/// ```
#[track_caller]
pub fn copy_buf<R, W>(mut reader: R, writer: &mut W) -> impl Future<Output = io::Result<u64>>
where
    R: AsyncBufRead + Unpin,
    W: AsyncWrite + Unpin + ?Sized,
{
    must_await("io::copy_buf", async move {
        let mut total = 0;
        poll_fn(|cx| {
            loop {
                let bytes = match ready!(Pin::new(&mut reader).poll_fill_buf(cx)) {
                    Ok([]) => {
                        ready!(Pin::new(&mut *writer).poll_flush(cx))?;
                        return Ok(total).into();
                    }
                    Ok(bytes) => bytes,
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error).into(),
                };
                // Of reader and writer, neither may know of the budget.
                let unit = ready!(coop::poll_proceed(cx));
                match ready!(Pin::new(&mut *writer).poll_write(cx, bytes)) {
                    Ok(0) => return Err(ErrorKind::WriteZero.into()).into(),
                    Ok(len) => {
                        unit.made_progress();
                        Pin::new(&mut reader).consume(len);
                        total += len as u64;
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error).into(),
                }
            }
        })
        .await
    })
}
