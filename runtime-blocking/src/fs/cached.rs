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
use runtime_core::primitive::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::fs::File;
use std::io::{self, IoSliceMut, Read, SeekFrom};
use std::path::Path;
use std::task::{Context, Poll, ready};

/// So much is read at once without a thread: copied in about 10 µs, and as long as a trip takes.
pub(super) const INLINE_MAX: usize = 64 * 1024;

/// Reading so much takes one unit of the budget, about as long as a small operation on a socket.
const UNIT_BYTES: usize = 16 * 1024;

// ORDER: Relaxed, all: hints, which publish nothing.
/// Whether to ask at all. A system that does not know how, or forbids it, says so once.
static IS_ON: AtomicBool = AtomicBool::new(true);
/// The file systems on which a thread has found that they can; when there are more, the oldest is forgotten.
static QUICK: [AtomicU64; QUICK_MAX] = [const { AtomicU64::new(0) }; QUICK_MAX];
static QUICK_NEXT: AtomicUsize = AtomicUsize::new(0);

/// More than a program's small files lie on, mostly; and few enough to be looked through each time.
const QUICK_MAX: usize = 8;

/// Turns it off, or on again: to measure and to test what happens without.
#[doc(hidden)]
pub fn read_from_cache(on: bool) {
    IS_ON.store(on, Ordering::Relaxed);
}

/// A whole small file. `None`: by a thread.
pub(super) fn poll_whole(cx: &Context<'_>, path: &Path) -> Poll<Option<Vec<u8>>> {
    poll_paid(cx, || sys::read_whole(path, INLINE_MAX, is_quick).inspect_err(|&missed| note(missed)))
        .map(Result::ok)
}

/// A whole file, on a thread that may wait. What it learns about the file system, the next one has the good of.
pub(super) fn read_whole(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    if IS_ON.load(Ordering::Relaxed) {
        if let Some(device) = sys::quick_device(&file).filter(|&device| !is_quick(device)) {
            let next = QUICK_NEXT.fetch_add(1, Ordering::Relaxed) % QUICK_MAX;
            QUICK[next].store(device, Ordering::Relaxed);
        }
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn is_quick(device: u64) -> bool {
    QUICK.iter().any(|quick| quick.load(Ordering::Relaxed) == device)
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
            Missed::Here => *may_ask = false,
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
        Missed::Now | Missed::Here => {}
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
