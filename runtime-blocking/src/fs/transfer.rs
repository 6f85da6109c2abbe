//! What a thread of the pool does for one [`File`](super::file::File), and how it comes back.
//!
//! A write is reported as done when its bytes have been copied here, so from then on they must not be lost. A job that runs
//! is not stopped by anything. One that does not come to run (the runtime ends while it is queued, or no thread is to be
//! had) writes when it is dropped, on the thread that drops it, and leaves the result in a [`Slot`] beside the handle, which
//! answers that the job was cancelled.

use super::buf::Buf;
use crate::owed::Debt;
use runtime_core::primitive::Mutex;
use runtime_core::spawn::spawn_blocking;
use runtime_core::task::JoinHandle;
use std::fs::{File, FileTimes, Metadata, Permissions};
use std::future::Future;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// What is to be done.
#[derive(Debug)]
pub(super) enum Op {
    /// Reads once, at most so much.
    Read(usize),
    /// Writes the content of the buffer.
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
    Write(io::Result<()>),
    /// Where it was to go, and where it went.
    Seek(SeekFrom, io::Result<u64>),
    Metadata(io::Result<Metadata>),
    Other(io::Result<()>),
    /// Nothing: the job was not run.
    Unrun(io::Error),
}

type Outcome = (Done, Buf);
type Slot = Arc<Mutex<Option<Outcome>>>;

/// A job on its way, and its way back.
#[derive(Debug)]
pub(super) struct Transfer {
    job: JoinHandle<Option<Outcome>>,
    /// For writes.
    slot: Option<Slot>,
}

impl Transfer {
    /// Starts a job. Before anything else it moves the position back by `back`: what was read too early.
    #[track_caller]
    pub(super) fn start(file: &Arc<File>, op: Op, back: usize, buf: Buf) -> Self {
        let slot = matches!(op, Op::Write).then(Slot::default);
        let debt = slot.is_some().then(Debt::new);
        let work = Work { file: file.clone(), back, todo: Some((op, buf)), slot: slot.clone(), _debt: debt };
        Transfer { job: spawn_blocking(move || work.run()), slot }
    }

    /// Waits for its end. (The next waits until this is over, so there is one at a time.)
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Outcome>> {
        let result = ready!(Pin::new(&mut self.job).poll(cx));
        let unrun = || self.slot.as_ref().and_then(|slot| slot.lock().take());
        Poll::Ready(match result {
            Ok(outcome) => outcome.ok_or_else(|| io::Error::other("a job for a file has run twice")),
            Err(error) => unrun().ok_or_else(|| error.into()),
        })
    }
}

/// The job.
struct Work {
    file: Arc<File>,
    back: usize,
    /// Until it was done.
    todo: Option<(Op, Buf)>,
    slot: Option<Slot>,
    _debt: Option<Debt>,
}

impl Work {
    fn run(mut self) -> Option<Outcome> {
        self.do_it()
    }

    fn do_it(&mut self) -> Option<Outcome> {
        let (op, mut buf) = self.todo.take()?;
        let done =
            self.step_back().map_or_else(|error| failed(&op, error), |()| perform(&self.file, &op, &mut buf));
        if !matches!(op, Op::Read(_)) {
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
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            // Nothing is left to do where it was done.
            if let Some(outcome) = self.do_it() {
                *slot.lock() = Some(outcome);
            }
        }
    }
}

fn failed(op: &Op, error: io::Error) -> Done {
    match op {
        Op::Read(_) => Done::Read(Err(error)),
        Op::Write => Done::Write(Err(error)),
        Op::Seek(to) => Done::Seek(*to, Err(error)),
        Op::Metadata => Done::Metadata(Err(error)),
        _ => Done::Other(Err(error)),
    }
}

fn perform(mut file: &File, op: &Op, buf: &mut Buf) -> Done {
    match op {
        Op::Read(max) => Done::Read(read_once(file, buf, *max)),
        Op::Write => Done::Write(file.write_all(buf.content())),
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
