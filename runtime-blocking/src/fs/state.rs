//! Where one file stands: nothing in flight, or one thing.
//!
//! ```text
//!            start                       settled
//! Idle(buf) ───────▶ Busy(transfer) ──────────────▶ Idle(buf), and what has become of it
//! ```
//!
//! Whoever drops a future of a file in the middle leaves what is in flight here, and the next operation, whichever it is,
//! waits for it first. What a read has brought that nobody took stays in the buffer for the next read; a write or a seek
//! moves the position back by as much, in its own trip. The error of a write that was reported as done is kept for the next
//! operation that has errors to tell (not for a read: its bytes would be lost with it). If none comes, it is said on standard
//! error.

use super::buf::Buf;
use super::cached::{self, INLINE_MAX};
use super::transfer::{Done, Fed, Op, Transfer, say_lost};
use runtime_core::coop;
use std::fs::File;
use std::io::{self, IoSliceMut, Seek, SeekFrom};
use std::panic::Location;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

#[derive(Debug)]
pub(super) struct State {
    current: Current,
    /// Of a write.
    error: Option<io::Error>,
    /// Whether a read may be tried on the calling thread: not if it was refused for this file, nor if others may hold the
    /// lock of its position while they read.
    pub(super) may_ask: bool,
    /// Where the file was opened: what is said of its jobs.
    pub(super) site: &'static Location<'static>,
}

#[derive(Debug)]
enum Current {
    Idle(Buf),
    Busy(Transfer),
}

impl State {
    pub(super) fn new(site: &'static Location<'static>) -> Self {
        State { current: Current::Idle(Buf::default()), error: None, may_ask: true, site }
    }

    /// Waits until nothing is in flight. Says what has become of what was; a failed write is noted here.
    pub(super) fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<Option<Done>> {
        let Current::Busy(transfer) = &mut self.current else { return Poll::Ready(None) };
        let (done, buf) = ready!(transfer.poll(cx));
        let failure = transfer.failure();
        self.current = Current::Idle(buf);
        match done {
            Done::Write => {
                self.error = self.error.take().or(failure);
                Poll::Ready(None)
            }
            done => Poll::Ready(Some(done)),
        }
    }

    /// Whether nothing is in flight.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.current, Current::Idle(_))
    }

    /// The error of a write, once.
    pub(super) fn tell(&mut self) -> io::Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }

    /// What was read, and not taken. Nothing is in flight.
    pub(super) fn buf(&mut self) -> &mut Buf {
        match &mut self.current {
            Current::Idle(buf) => buf,
            Current::Busy(_) => unreachable!("the caller has waited until nothing is in flight"),
        }
    }

    /// Starts an operation. Nothing is in flight. For a write, the buffer has what is to be written, and what was
    /// in it before is `back`.
    fn start_at(&mut self, file: &Arc<File>, op: Op, back: usize) {
        let buf = std::mem::take(self.buf());
        self.current = Current::Busy(Transfer::start(self.site, file, op, back, buf));
    }

    /// Starts anything but a write. What has nothing to do with the position leaves what was read for the next read: a FIFO has no
    /// way back.
    pub(super) fn start(&mut self, file: &Arc<File>, op: Op) {
        self.start_at(file, op, 0);
    }

    /// Copies by `copy`, which is given so many bytes at least and takes up to so many, what a job will write: the one that is
    /// writing, or a new one, after what is in flight.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        file: &Arc<File>,
        (len, max): (usize, usize),
        copy: impl Fn(&mut Buf, usize) -> usize,
    ) -> Poll<io::Result<usize>> {
        let unit = ready!(coop::poll_proceed(cx));
        self.tell()?;
        if let Current::Busy(transfer) = &mut self.current {
            if let Fed::Taken(len) = ready!(transfer.poll_feed(cx, (len, max), |buf| copy(buf, max))) {
                unit.made_progress();
                return Poll::Ready(Ok(len));
            }
        }
        ready!(self.poll_settled(cx));
        self.tell()?;
        let buf = self.buf();
        let back = buf.discard();
        let len = copy(buf, max);
        if len > 0 {
            self.start_at(file, Op::Write, back);
        }
        unit.made_progress();
        Poll::Ready(Ok(len))
    }

    /// Reads once into `bufs`, at most `max` by a thread.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        file: &Arc<File>,
        bufs: &mut [IoSliceMut<'_>],
        max: usize,
    ) -> Poll<io::Result<usize>> {
        let total = bufs.iter().map(|buf| buf.len()).sum::<usize>().min(max);
        if total == 0 {
            return Poll::Ready(Ok(0));
        }
        loop {
            match ready!(self.poll_settled(cx)) {
                Some(Done::Read(result)) => {
                    result?;
                    return Poll::Ready(Ok(self.buf().scatter(bufs)));
                }
                Some(Done::Unrun(error)) => return Poll::Ready(Err(error)),
                _ => {}
            }
            if !self.buf().is_empty() {
                return Poll::Ready(Ok(self.buf().scatter(bufs)));
            }
            if let Some(read) = ready!(self.poll_cached(cx, file, bufs)) {
                return Poll::Ready(Ok(read));
            }
            self.start(file, Op::Read(total));
        }
    }

    fn poll_cached(
        &mut self,
        cx: &Context<'_>,
        file: &File,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<Option<usize>> {
        let Some(first) = bufs.iter_mut().find(|buf| !buf.is_empty()) else { return Poll::Ready(None) };
        if first.len() > INLINE_MAX {
            let part = IoSliceMut::new(&mut first[..INLINE_MAX]);
            return cached::poll_some(cx, file, &mut [part], &mut self.may_ask);
        }
        let total: usize = bufs.iter().map(|buf| buf.len()).sum();
        if total <= INLINE_MAX {
            return cached::poll_some(cx, file, bufs, &mut self.may_ask);
        }
        let first = bufs.iter_mut().position(|buf| !buf.is_empty()).unwrap_or(0);
        cached::poll_some(cx, file, &mut bufs[first..=first], &mut self.may_ask)
    }

    /// Waits for what is in flight, and tells the error of a write.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_settled(cx));
        Poll::Ready(self.tell())
    }

    /// Moves the position. Called again with the same `to` until it is ready; a move that somebody has begun
    /// and dropped counts as this one if it was the same.
    pub(super) fn poll_seek(
        &mut self,
        cx: &mut Context<'_>,
        file: &Arc<File>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        loop {
            match ready!(self.poll_settled(cx)) {
                Some(Done::Seek(asked, result)) if asked == to => return Poll::Ready(result),
                Some(Done::Unrun(error)) => return Poll::Ready(Err(error)),
                _ => {}
            }
            self.tell()?;
            if self.may_ask && self.buf().is_empty() && cached::can_seek(to) {
                ready!(coop::poll_proceed(cx)).made_progress();
                return Poll::Ready((&**file).seek(to));
            }
            self.start(file, Op::Seek(to));
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if let Some(error) = self.error.take() {
            say_lost(&error);
        }
    }
}
