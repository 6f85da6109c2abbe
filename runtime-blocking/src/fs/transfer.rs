//! What a thread of the pool does for one [`File`](super::file::File), and how it comes back.
//!
//! A job that writes takes what is written meanwhile as well: the [`Feed`] has the bytes that it takes next. So who writes much
//! keeps one thread at it, and who writes little many times has all that came during one call of the system's written
//! by the next one.
//!
//! A write is reported as done when its bytes have been copied here, so from then on they must not be lost. A job that runs
//! is not stopped by anything. One that does not come to run (the runtime ends while it is queued, or no thread is to be
//! had) writes when it is dropped, on the thread that drops it, and leaves the result in the feed, beside the handle, which
//! answers that the job was cancelled. Any other job that does not come to run leaves the buffer there, with what was read and
//! not taken.

use super::buf::Buf;
use crate::owed::{self, Debt};
use runtime_core::context::spawn_blocking_at;
use runtime_core::primitive::Mutex;
use runtime_core::task::JoinHandle;
use runtime_core::util::wake_list::wake;
use std::fs::{File, FileTimes, Metadata, Permissions};
use std::future::Future;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

/// What is to be done.
#[derive(Debug)]
pub(super) enum Op {
    /// Reads once, at most so much.
    Read(usize),
    /// Writes the content of the buffer, and what comes meanwhile.
    Write,
    /// Moves the position.
    Seek(SeekFrom),
    SetLen(u64),
    /// Of the data alone, if so.
    Sync {
        only_data: bool,
    },
    Metadata,
    SetPermissions(Permissions),
    SetTimes(FileTimes),
}

/// What has become of it.
#[derive(Debug)]
pub(super) enum Done {
    Read(io::Result<()>),
    /// Its error is [`Transfer::failure`].
    Write,
    /// Where it was to go, and where it went.
    Seek(SeekFrom, io::Result<u64>),
    Metadata(io::Result<Metadata>),
    Other(io::Result<()>),
    /// Nothing: the job was not run.
    Unrun(io::Error),
}

type Outcome = (Done, Buf);

/// A job on its way, and its way back.
#[derive(Debug)]
pub(super) struct Transfer {
    job: JoinHandle<Option<Outcome>>,
    is_write: bool,
    feed: Arc<Mutex<Feed>>,
}

/// What a job that writes takes next, and what a job leaves that is dropped.
#[derive(Debug, Default)]
struct Feed {
    next: Buf,
    /// It takes nothing any more, or never has.
    is_over: bool,
    /// Why what was given to it was not written.
    failure: Option<io::Error>,
    /// Nobody will ask for it.
    is_left: bool,
    /// Who waits until it has taken what is here.
    waker: Option<Waker>,
    /// By a job that was dropped: what it did then, if it writes, and the buffer.
    left: Option<(Option<Done>, Buf)>,
}

/// Whether a job that writes has taken something more.
pub(super) enum Fed {
    Taken(usize),
    /// It has come to its end.
    Over,
}

impl Transfer {
    /// Starts a job. Before anything else it moves the position back: a write by `back`, a seek by what is in the buffer, which
    /// was read too early.
    pub(super) fn start(
        site: &'static Location<'static>,
        file: &Arc<File>,
        op: Op,
        back: usize,
        buf: Buf,
    ) -> Self {
        let is_write = matches!(op, Op::Write);
        let feed = Arc::new(Mutex::new(Feed { is_over: !is_write, ..Feed::default() }));
        let debt = is_write.then(Debt::new);
        let work = Work { file: file.clone(), back, todo: Some((op, buf)), feed: feed.clone(), debt };
        Transfer { job: spawn_blocking_at(move || work.run(), site), is_write, feed }
    }

    /// Waits for its end. (The next waits until this is over, so there is one at a time.)
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let error = match ready!(Pin::new(&mut self.job).poll(cx)) {
            Ok(Some(outcome)) => return Poll::Ready(outcome),
            Ok(None) => io::Error::other("a job for a file has run twice"),
            // Of no kind: "no thread now" is `WouldBlock`, which a read or a seek may not say.
            Err(error) => io::Error::other(error),
        };
        let (done, buf) = self.feed.lock().left.take().unwrap_or_default();
        let done = done.unwrap_or_else(|| {
            if !self.is_write {
                return Done::Unrun(error);
            }
            // It is at it still, where nobody waits for it.
            self.feed.lock().failure.get_or_insert(error);
            Done::Write
        });
        Poll::Ready((done, buf))
    }

    /// The error of a write that has ended, once.
    pub(super) fn failure(&self) -> Option<io::Error> {
        self.feed.lock().failure.take()
    }

    /// Gives a job that writes more to write, by `copy`: if it has taken what is there, or `copy` finds room for `len` beside it.
    pub(super) fn poll_feed(
        &mut self,
        cx: &Context<'_>,
        (len, max): (usize, usize),
        copy: impl FnOnce(&mut Buf) -> usize,
    ) -> Poll<Fed> {
        // User code: outside of the lock, as is the drop of the old one.
        let waker = cx.waker().clone();
        let mut feed = self.feed.lock();
        if feed.is_over {
            return Poll::Ready(Fed::Over);
        }
        let there = feed.next.content().len();
        if there == 0 || there + len <= max {
            return Poll::Ready(Fed::Taken(copy(&mut feed.next)));
        }
        let old = feed.waker.replace(waker);
        drop(feed);
        drop(old);
        Poll::Pending
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        let mut feed = self.feed.lock();
        feed.is_left = true;
        let failure = feed.failure.take();
        drop(feed);
        if let Some(error) = failure {
            say_lost(&error);
        }
    }
}

/// Says that what was written last to a file is lost, which nobody can be told any more.
pub(super) fn say_lost(error: &io::Error) {
    owed::say_lost("a file that was dropped", error, "; `flush` or `sync_all` tells it");
}

/// The job.
struct Work {
    file: Arc<File>,
    back: usize,
    /// Until it was done.
    todo: Option<(Op, Buf)>,
    feed: Arc<Mutex<Feed>>,
    debt: Option<Debt>,
}

impl Work {
    fn run(mut self) -> Option<Outcome> {
        self.do_it()
    }

    fn do_it(&mut self) -> Option<Outcome> {
        let (op, mut buf) = self.todo.take()?;
        if matches!(op, Op::Seek(_)) {
            self.back = buf.content().len();
        }
        let back = self.step_back();
        // Where there is no way back, what was read stays.
        let is_used_up = matches!(op, Op::Write) || matches!(op, Op::Seek(_)) && back.is_ok();
        let done = match back {
            back if matches!(op, Op::Write) => {
                self.write(&mut buf, back);
                Done::Write
            }
            Ok(()) => perform(&self.file, &op, &mut buf),
            Err(error) => failed(&op, error),
        };
        if is_used_up {
            buf.discard();
        }
        Some((done, buf))
    }

    fn step_back(&self) -> io::Result<()> {
        if self.back == 0 {
            return Ok(());
        }
        let back = i64::try_from(self.back).map_err(io::Error::other)?;
        (&*self.file).seek(SeekFrom::Current(-back)).map(drop)
    }

    /// Writes `buf`, and what is there when that is done, until there is nothing. After an error nothing more is
    /// written: it would come to the wrong place.
    fn write(&self, buf: &mut Buf, mut result: io::Result<()>) {
        loop {
            result = result.and_then(|()| (&*self.file).write_all(buf.content()));
            buf.discard();
            let mut feed = self.feed.lock();
            std::mem::swap(buf, &mut feed.next);
            feed.is_over = buf.is_empty();
            let (is_over, waker) = (feed.is_over, feed.waker.take());
            if is_over && !feed.is_left {
                feed.failure = std::mem::replace(&mut result, Ok(())).err();
            }
            drop(feed);
            if let Some(waker) = waker {
                wake(waker);
            }
            if is_over {
                if let Err(error) = result {
                    say_lost(&error);
                }
                return;
            }
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // Nothing is left to do where it was done.
        let Some((op, buf)) = self.todo.take() else { return };
        if !matches!(op, Op::Write) {
            self.feed.lock().left = Some((None, buf));
            return;
        }
        let (file, feed, debt) = (self.file.clone(), self.feed.clone(), self.debt.take());
        let mut rest = Work { file, back: self.back, todo: Some((op, buf)), feed, debt };
        // A pipe or a terminal may take nothing for ever; a file takes it in some time.
        let may_hang = !rest.file.metadata().is_ok_and(|metadata| metadata.is_file());
        let mut settle = move || {
            if let Some((done, buf)) = rest.do_it() {
                rest.feed.lock().left = Some((Some(done), buf));
            }
        };
        if may_hang { owed::settle(settle) } else { settle() }
    }
}

fn failed(op: &Op, error: io::Error) -> Done {
    match op {
        Op::Read(_) => Done::Read(Err(error)),
        Op::Seek(to) => Done::Seek(*to, Err(error)),
        Op::Metadata => Done::Metadata(Err(error)),
        _ => Done::Other(Err(error)),
    }
}

fn perform(mut file: &File, op: &Op, buf: &mut Buf) -> Done {
    match op {
        Op::Read(max) => Done::Read(read_once(file, buf, *max)),
        Op::Write => Done::Other(Ok(())),
        Op::Seek(to) => Done::Seek(*to, file.seek(*to)),
        Op::SetLen(len) => Done::Other(file.set_len(*len)),
        Op::Sync { only_data: false } => Done::Other(file.sync_all()),
        Op::Sync { only_data: true } => Done::Other(file.sync_data()),
        Op::Metadata => Done::Metadata(file.metadata()),
        Op::SetPermissions(permissions) => Done::Other(file.set_permissions(permissions.clone())),
        Op::SetTimes(times) => Done::Other(file.set_times(*times)),
    }
}

fn read_once(mut file: &File, buf: &mut Buf, max: usize) -> io::Result<()> {
    let room = buf.room(max);
    let len = loop {
        match file.read(room) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => break result?,
        }
    };
    buf.put(len);
    Ok(())
}
