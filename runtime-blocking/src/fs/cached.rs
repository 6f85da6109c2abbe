//! Reads that need no other thread: of what the system has in its cache.
//!
//! A trip to the pool costs several times what the read costs. So a read first asks, on the calling thread, for what can be
//! had without waiting; anything but plain success, whatever the reason, is left to a job, which does it all again: so errors
//! are always those of std's calls. Bounded in size, so that a worker is not held up by copying either, and paid for with the
//! task's budget, so that a loop over cached files lets others run.
//!
//! (The last close of a file may wait on some file systems. It happens on the calling thread here, as it does where a
//! `File` is dropped.)

use super::sys::{self, Missed};
use runtime_core::coop;
use runtime_core::primitive::atomic::{AtomicBool, AtomicU64, Ordering};
use std::fs::File;
use std::io::{IoSliceMut, SeekFrom};
use std::path::Path;
use std::task::{Context, Poll, ready};

/// So much is read at once without a thread: copied in about 10 µs, and as long as a trip takes.
pub(super) const INLINE_MAX: usize = 64 * 1024;

/// Reading so much takes one unit of the budget, about as long as a small operation on a socket.
const UNIT_BYTES: usize = 16 * 1024;

// ORDER: Relaxed, both: hints, which publish nothing.
/// Whether to ask at all. A system that does not know how, or forbids it, says so once.
static IS_ON: AtomicBool = AtomicBool::new(true);
/// The file system that refused last.
static REFUSED: AtomicU64 = AtomicU64::new(0);

/// Turns it off, or on again: to measure and to test what happens without.
#[doc(hidden)]
pub fn read_from_cache(on: bool) {
    IS_ON.store(on, Ordering::Relaxed);
}

/// A whole small file. `None`: by a thread.
pub(super) fn poll_whole(cx: &Context<'_>, path: &Path) -> Poll<Option<Vec<u8>>> {
    poll_paid(cx, || {
        sys::read_whole(path, INLINE_MAX, REFUSED.load(Ordering::Relaxed)).inspect_err(|&missed| note(missed))
    })
    .map(Result::ok)
}

/// From the position of `file` on. `None`: by a thread. If this file can never be read so, `may_ask` becomes false.
pub(super) fn poll_some(
    cx: &Context<'_>,
    file: &File,
    bufs: &mut [IoSliceMut<'_>],
    may_ask: &mut bool,
) -> Poll<Option<usize>> {
    if !*may_ask {
        return Poll::Ready(None);
    }
    let read = || {
        sys::read_some(file, bufs).inspect_err(|&missed| match missed {
            Missed::Here(_) => *may_ask = false,
            missed => note(missed),
        })
    };
    poll_paid(cx, read).map(Result::ok)
}

/// Whether moving a position there needs no thread: from the end, a file system may have to ask somebody where that is.
pub(super) fn can_seek(to: SeekFrom) -> bool {
    IS_ON.load(Ordering::Relaxed) && !matches!(to, SeekFrom::End(_))
}

fn note(missed: Missed) {
    match missed {
        Missed::Now => {}
        Missed::Here(device) => REFUSED.store(device, Ordering::Relaxed),
        Missed::Anywhere => IS_ON.store(false, Ordering::Relaxed),
    }
}

/// How much was read.
trait Amount {
    fn bytes(&self) -> usize;
}

impl Amount for usize {
    fn bytes(&self) -> usize {
        *self
    }
}

impl Amount for Vec<u8> {
    fn bytes(&self) -> usize {
        self.len()
    }
}

/// Reads, and pays for it.
fn poll_paid<T: Amount>(
    cx: &Context<'_>,
    read: impl FnOnce() -> Result<T, Missed>,
) -> Poll<Result<T, Missed>> {
    if !IS_ON.load(Ordering::Relaxed) {
        return Poll::Ready(Err(Missed::Anywhere));
    }
    let unit = ready!(coop::poll_proceed(cx));
    let result = read();
    if let Ok(amount) = &result {
        unit.made_progress();
        for _ in 0..amount.bytes() / UNIT_BYTES {
            if !coop::has_budget_remaining() {
                break;
            }
            ready!(coop::poll_proceed(cx).map(|unit| unit.made_progress()));
        }
    }
    Poll::Ready(result)
}
