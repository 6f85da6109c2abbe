//! Moves bytes from a reader to a writer: one direction of a copy.
//!
//! It reads until its buffer is full or the reader has to wait, writes what it has, and so on; a reader and a writer that
//! both work while nobody polls them (files) work at the same time.
#![forbid(unsafe_code)]

use futures_io::{AsyncRead, AsyncWrite};
use runtime_core::coop;
use runtime_core::util::page_bytes::PageBytes;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// One direction, and how far it is.
#[derive(Debug)]
pub(super) struct Pump {
    bytes: PageBytes,
    /// Of `bytes`, what is to be written.
    start: usize,
    end: usize,
    /// How large the buffer may become.
    len_max: usize,
    total: u64,
    is_read: bool,
    /// The reader's, until what came before it is written.
    error: Option<io::Error>,
    must_flush: bool,
}

impl Pump {
    /// With a buffer of `len` bytes, which grows up to `len_max` while it is filled at a go.
    pub(super) fn new(len: usize, len_max: usize) -> Self {
        let bytes = PageBytes::zeroed(len.max(1));
        Pump { bytes, start: 0, end: 0, len_max, total: 0, is_read: false, error: None, must_flush: false }
    }

    /// Goes on until the reader has ended, and all is written and flushed. Says how much that was.
    pub(super) fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
    ) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        loop {
            let reading = self.poll_fill(cx, reader.as_mut());
            if self.start < self.end {
                // Of reader and writer, neither may know of the budget.
                let unit = ready!(coop::poll_proceed(cx));
                ready!(self.poll_drain(cx, writer.as_mut()))?;
                unit.made_progress();
            } else if let Some(error) = self.error.take() {
                return Poll::Ready(Err(error));
            } else if self.is_read {
                ready!(writer.as_mut().poll_flush(cx))?;
                return Poll::Ready(Ok(self.total));
            } else if reading.is_pending() {
                // Who waits for an answer to what was written so far would wait for ever.
                if self.must_flush {
                    ready!(writer.as_mut().poll_flush(cx))?;
                    self.must_flush = false;
                }
                return Poll::Pending;
            }
        }
    }

    /// Reads until there is no room, the reader waits, or has ended.
    fn poll_fill<R>(&mut self, cx: &mut Context<'_>, mut reader: Pin<&mut R>) -> Poll<()>
    where
        R: AsyncRead + ?Sized,
    {
        while !self.is_read && self.error.is_none() && self.end < self.bytes.len() {
            match ready!(reader.as_mut().poll_read(cx, &mut self.bytes[self.end..])) {
                Ok(0) => self.is_read = true,
                Ok(len) => self.end += len,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.error = Some(error);
                    break;
                }
            }
        }
        Poll::Ready(())
    }

    /// Writes all there is.
    fn poll_drain<W>(&mut self, cx: &mut Context<'_>, mut writer: Pin<&mut W>) -> Poll<io::Result<()>>
    where
        W: AsyncWrite + ?Sized,
    {
        let is_full = self.end == self.bytes.len();
        while self.start < self.end {
            match ready!(writer.as_mut().poll_write(cx, &self.bytes[self.start..self.end])) {
                Ok(0) => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                Ok(len) => {
                    self.start += len;
                    self.total += len as u64;
                    self.must_flush = true;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        (self.start, self.end) = (0, 0);
        if is_full && self.bytes.len() < self.len_max {
            let len = (2 * self.bytes.len()).min(self.len_max);
            self.bytes = PageBytes::zeroed(len);
        }
        Poll::Ready(Ok(()))
    }
}
