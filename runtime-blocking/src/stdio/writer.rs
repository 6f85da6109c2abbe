//! How the bytes of one handle get to standard output or error: in order, and without being lost.
//!
//! ```text
//! handle: puts whole lines into the queue ── nobody drains it? ──▶ a job on the pool
//! job: takes all there is ──▶ writes it under std's lock of the stream ──▶ wakes the handle ──▶ more? …
//! ```
//!
//! One job at a time drains a queue, so the order of a handle's writes is kept; and what comes while it writes goes with its
//! next round, without a trip of its own. What it takes at once it writes under one lock, the one that `println!` takes too: so
//! lines do not mix. A job that does not come to run (the runtime ends, or has no thread) drains the queue when it is
//! dropped: what was accepted is written. If that fails when the handle is gone, one line on standard error says so.

use crate::owed::{self, Debt};
use runtime_core::handle::Handle;
use runtime_core::primitive::Mutex;
use runtime_core::primitive::atomic::{AtomicBool, Ordering};
use runtime_core::util::wake_list::wake;
use rustix::event::{PollFd, PollFlags, poll};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Who has so much in the queue waits. A write of more is split, and others may come between.
const QUEUE_MAX: usize = 2 * 1024 * 1024;

/// Which stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Out,
    Err,
}

impl Stream {
    /// Says that what was written last is lost, which nobody can be told any more: once for the process, since a program may
    /// take a handle for each line. Whoever closes the other end of a pipe knows.
    fn say_lost(self, error: &io::Error) {
        static WAS_SAID: [AtomicBool; 2] = [const { AtomicBool::new(false) }; 2];
        if error.kind() == ErrorKind::BrokenPipe {
            return;
        }
        let (was_said, name) = match self {
            Stream::Out => (&WAS_SAID[0], "standard output"),
            Stream::Err => (&WAS_SAID[1], "standard error"),
        };
        // ORDER: nothing else hangs on it.
        if !was_said.swap(true, Ordering::Relaxed) {
            owed::say_lost(name, error, "");
        }
    }
}

/// One handle's way to a stream.
#[derive(Debug)]
pub(super) struct Writer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    stream: Stream,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    bytes: Vec<u8>,
    /// There is a job that will take what is here.
    is_drained: bool,
    error: Option<io::Error>,
    /// Nobody will ask for the error.
    is_left: bool,
    waker: Option<Waker>,
}

impl Writer {
    pub(super) fn new(stream: Stream) -> Self {
        Writer(Arc::new(Shared { stream, queue: Mutex::default() }))
    }

    /// Waits for room, and tells the error of an earlier write. Says how much may be put.
    pub(super) fn poll_room(&self, cx: &Context<'_>) -> Poll<io::Result<usize>> {
        self.poll_queue(cx, |queue| (queue.bytes.len() < QUEUE_MAX).then_some(QUEUE_MAX))
    }

    /// Waits until all is written, and tells the error of an earlier write.
    pub(super) fn poll_empty(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        self.poll_queue(cx, |queue| (!queue.is_drained).then_some(()))
    }

    fn poll_queue<T>(&self, cx: &Context<'_>, ready: impl Fn(&Queue) -> Option<T>) -> Poll<io::Result<T>> {
        // User code: outside of the lock, as is the drop of the old one.
        let waker = cx.waker().clone();
        let mut queue = self.0.queue.lock();
        let result = match (ready(&queue), queue.error.take()) {
            (Some(_), Some(error)) => Poll::Ready(Err(error)),
            (Some(value), None) => Poll::Ready(Ok(value)),
            (None, error) => {
                queue.error = error;
                Poll::Pending
            }
        };
        let old = queue.waker.replace(waker);
        let unused = if result.is_ready() { queue.waker.take() } else { None };
        drop(queue);
        drop((old, unused));
        result
    }

    /// Has all `pieces` written together, behind what is there.
    #[track_caller]
    pub(super) fn put(&self, pieces: &[&[u8]]) {
        let mut queue = self.0.queue.lock();
        pieces.iter().for_each(|piece| queue.bytes.extend_from_slice(piece));
        if queue.bytes.is_empty() || std::mem::replace(&mut queue.is_drained, true) {
            return;
        }
        drop(queue);
        let drain = Drain { shared: self.0.clone(), is_done: false, debt: Some(Debt::new()) };
        // In a drop there need not be a runtime any more.
        match Handle::try_current() {
            Ok(handle) => drop(handle.spawn_blocking(move || drain.run())),
            Err(_) => drain.run(),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut queue = self.0.queue.lock();
        queue.is_left = true;
        let error = queue.error.take();
        drop(queue);
        if let Some(error) = error {
            self.0.stream.say_lost(&error);
        }
    }
}

/// The job.
struct Drain {
    shared: Arc<Shared>,
    is_done: bool,
    debt: Option<Debt>,
}

impl Drain {
    fn run(mut self) {
        self.drain();
    }

    fn drain(&mut self) {
        if std::mem::replace(&mut self.is_done, true) {
            return;
        }
        let Shared { stream, queue } = &*self.shared;
        let mut bytes = Vec::new();
        let mut is_last = false;
        while !is_last {
            std::mem::swap(&mut bytes, &mut queue.lock().bytes);
            let result = write(*stream, &bytes);
            bytes.clear();
            let mut queue = queue.lock();
            let mut lost = result.err();
            if !queue.is_left && queue.error.is_none() {
                queue.error = lost.take();
            }
            let lost = lost.filter(|_| queue.is_left);
            is_last = queue.bytes.is_empty();
            queue.is_drained = !is_last;
            let waker = queue.waker.take();
            drop(queue);
            if let Some(waker) = waker {
                wake(waker);
            }
            if let Some(error) = lost {
                stream.say_lost(&error);
            }
        }
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        if !std::mem::replace(&mut self.is_done, true) {
            let mut rest = Drain { shared: self.shared.clone(), is_done: false, debt: self.debt.take() };
            owed::settle(move || rest.drain());
        }
    }
}

fn write(stream: Stream, bytes: &[u8]) -> io::Result<()> {
    match stream {
        Stream::Out => write_all(io::stdout().lock(), bytes),
        Stream::Err => write_all(io::stderr().lock(), bytes),
    }
}

/// As std's `write_all` and `flush`, also where somebody has made the stream non-blocking.
fn write_all(mut out: impl Write + AsFd, mut bytes: &[u8]) -> io::Result<()> {
    loop {
        let result = match bytes {
            [] => out.flush().map(|()| None),
            bytes => out.write(bytes).map(Some),
        };
        match result {
            Ok(None) => return Ok(()),
            Ok(Some(0)) => return Err(ErrorKind::WriteZero.into()),
            Ok(Some(len)) => bytes = &bytes[len..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                // Whatever it says, writing finds out.
                let _ = poll(&mut [PollFd::new(&out, PollFlags::OUT)], None);
            }
            Err(error) => return Err(error),
        }
    }
}
