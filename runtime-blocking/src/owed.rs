//! Bytes that somebody was told are written, and that are still on their way.
//!
//! A runtime that is dropped does not wait for blocking jobs, and the process may end right after it. For a write that is
//! going on in a job it waits a moment all the same. Counted for the process as a whole: a pool does not know what its jobs
//! are for, and the moment is short.

use runtime_core::primitive::{Condvar, Mutex};
use std::time::{Duration, Instant};

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

/// Waits until none is left, and no longer than `max`.
pub(crate) fn wait(max: Duration) {
    let end = Instant::now() + max;
    let mut count = COUNT.lock();
    while *count > 0 {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        (count, _) = NONE_LEFT.wait_timeout(count, left);
    }
}
