//! Bytes that somebody was told are written, and that are still on their way.
//!
//! A runtime that is dropped does not wait for blocking jobs, and the process may end right after it. For a write that is
//! going on in a job it waits a moment all the same. Counted for the process as a whole: a pool does not know what its jobs
//! are for, and the moment is short.

use runtime_core::primitive::{Arc, Condvar, Mutex, thread};
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// How long a shutdown waits, even if told not to wait, while bytes are being written that somebody was told are written.
const OWED_MAX: Duration = Duration::from_millis(50);

static COUNT: Mutex<usize> = Mutex::new(0);
static NONE_LEFT: Condvar = Condvar::new();

/// One write on its way, until it is dropped.
#[derive(Debug)]
pub(crate) struct Debt(());

impl Debt {
    pub(crate) fn new() -> Self {
        *COUNT.lock() += 1;
        Debt(())
    }
}

impl Drop for Debt {
    fn drop(&mut self) {
        let mut count = COUNT.lock();
        *count -= 1;
        if *count == 0 {
            drop(count);
            NONE_LEFT.notify_all();
        }
    }
}

/// Waits until none is left, and no longer than [`OWED_MAX`].
pub(crate) fn wait() {
    let end = Instant::now() + OWED_MAX;
    let mut count = COUNT.lock();
    while *count > 0 {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        (count, _) = NONE_LEFT.wait_timeout(count, left);
    }
}

/// Says on standard error that bytes were lost of which somebody was told that they are written, and who cannot be told any
/// more: `to` is where they were to go, `advice` comes behind the error.
pub(crate) fn say_lost(to: &str, error: &io::Error, advice: &str) {
    // In one piece, so that lines of several threads do not mix.
    let line = format!("runtime: what was written last to {to} is lost: {error}{advice}\n");
    // It may be closed, or full, as well.
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Does `work`, whose job will not run, on a thread that may be left behind: a pipe may be full for ever. The caller waits
/// for [`OWED_MAX`] at most. Where the system has no thread, the caller does it.
pub(crate) fn settle(work: impl FnOnce() + Send + 'static) {
    let shared = Arc::new((Mutex::new((Some(work), false)), Condvar::new()));
    let for_thread = shared.clone();
    let run = move || {
        let work = for_thread.0.lock().0.take();
        if let Some(work) = work {
            work();
        }
        for_thread.0.lock().1 = true;
        for_thread.1.notify_all();
    };
    if thread::Builder::new().name("runtime-late-write".to_owned()).spawn(run).is_err() {
        let work = shared.0.lock().0.take();
        if let Some(work) = work {
            work();
        }
        return;
    }
    let end = Instant::now() + OWED_MAX;
    let mut state = shared.0.lock();
    while !state.1 {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        (state, _) = shared.1.wait_timeout(state, left);
    }
}
