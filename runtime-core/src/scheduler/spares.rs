//! Spares: workers that stand in for those that are stuck in a poll, or have said that they block.
//!
//! ```text
//!     a thread starts           called
//!   ○ ───────────────▶ RESTING ──────────────────▶ WORKING
//!                        │  ▲   one too many          │
//!                        │  └─────────────────────────┤
//!     not called for     ▼                            │ nothing to do for SPARE_IDLE
//!     SPARE_IDLE         ○ ◀──────────────────────────┘
//! ```
//!
//! As many may work as workers are stuck or blocked; when one of those comes back, a spare goes to rest at the end of
//! its round. Whoever calls a spare counts it as a worker (`idle`) first. Who needs one (`stand_in`) calls one that rests,
//! or starts a thread and then calls.

#![forbid(unsafe_code)]

use super::queue::Local;
use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::primitive::{Condvar, Count, Mutex, MutexGuard, thread};
use crate::util::fault::{Fault, planted};
use std::fmt;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// How long a spare that has nothing to do waits for something.
pub(crate) const SPARE_IDLE: Duration = Duration::from_secs(10);

/// A spare that should end looks so often whether the call has come for which a thread was started.
const CALL_WAIT: Duration = Duration::from_millis(1);

/// Complaints about refused threads are this far apart.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// See the module.
pub struct Spares {
    max: usize,
    /// Those that work.
    working: AtomicUsize,
    /// Workers that the monitor has found stuck in a poll, or expects to.
    stuck: AtomicUsize,
    /// Workers that have said that they block.
    blocked: AtomicUsize,
    rest: Mutex<Rest>,
    called: Condvar,
    /// Calls there were.
    pub(crate) calls: Count,
}

#[derive(Default)]
struct Rest {
    resting: usize,
    /// Calls that no resting spare has heard yet.
    calls: usize,
    /// Threads that are being started, each for a call that follows.
    starts: usize,
    is_closed: bool,
    /// Places without a thread, and the queues that belong to them.
    free: Vec<(usize, Local)>,
    complained: Option<Instant>,
}

impl Spares {
    /// At most `max` at a time.
    pub fn new(max: usize) -> Self {
        Spares {
            max,
            working: AtomicUsize::new(0),
            stuck: AtomicUsize::new(0),
            blocked: AtomicUsize::new(0),
            rest: Mutex::new(Rest::default()),
            called: Condvar::new(),
            calls: Count::new(),
        }
    }

    /// How many work now.
    pub(crate) fn working(&self) -> usize {
        self.working.load(Ordering::Relaxed)
    }

    /// Whether there may be one more.
    pub(crate) fn has_room(&self) -> bool {
        self.working() < self.max
    }

    /// What the monitor has found.
    pub(crate) fn set_stuck(&self, count: usize) {
        // ORDER: Relaxed, here and below: a spare more or less for a moment harms nobody.
        self.stuck.store(count, Ordering::Relaxed);
    }

    pub(crate) fn blocked(&self) -> usize {
        self.blocked.load(Ordering::Relaxed)
    }

    /// A worker is about to block.
    pub(crate) fn enter_blocked(&self) {
        self.blocked.fetch_add(1, Ordering::Relaxed);
    }

    /// It no longer does.
    pub(crate) fn leave_blocked(&self) {
        self.blocked.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts the calling spare out as working, if there are more of them than are needed.
    #[must_use]
    pub(crate) fn retire(&self) -> bool {
        let needed = self.stuck.load(Ordering::Relaxed) + self.blocked();
        let less = |working| if working > needed { Some(working - 1) } else { None };
        self.working.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    /// Counts a spare in, unless there are as many as there may be.
    #[must_use]
    pub(crate) fn count(&self) -> bool {
        let more = |working| if working < self.max { Some(working + 1) } else { None };
        self.working.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Counts a spare in that could not leave.
    pub(crate) fn recount(&self) {
        self.working.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts out the calling spare, or one that did not come to be.
    pub(crate) fn uncount(&self) {
        self.working.fetch_sub(1, Ordering::Relaxed);
    }

    /// Calls a spare that rests, if there is one, after `join` has counted it as a worker.
    pub fn call(&self, join: impl FnOnce()) -> bool {
        let rest = self.rest.lock();
        let is_there = rest.resting > rest.calls;
        if is_there {
            self.call_from(rest, join);
        }
        is_there
    }

    /// A thread is about to be started. [`call_started`](Self::call_started) or [`refused`](Self::refused) follows.
    pub fn starts(&self) {
        self.rest.lock().starts += 1;
    }

    /// Calls the spare whose thread has just been started, which may not rest yet, or one that does.
    pub fn call_started(&self, join: impl FnOnce()) {
        let mut rest = self.rest.lock();
        rest.starts -= 1;
        self.call_from(rest, join);
    }

    /// The thread could not be had: its spare is counted out.
    pub(crate) fn refused(&self) {
        self.rest.lock().starts -= 1;
        self.uncount();
    }

    fn call_from(&self, mut rest: MutexGuard<'_, Rest>, join: impl FnOnce()) {
        join();
        rest.calls += 1;
        self.calls.add_shared(1);
        self.called.notify_one();
    }

    /// The calling thread, which is no worker, rests until it is called (`true`), for `at_most` so long.
    pub fn rest(&self, at_most: Duration) -> bool {
        let start = Instant::now();
        let mut rest = self.rest.lock();
        if planted(Fault::CallUnseen) {
            rest.calls = 0;
        }
        rest.resting += 1;
        while rest.calls == 0 && !rest.is_closed {
            let left = at_most.saturating_sub(start.elapsed());
            // Who has started a thread is about to call, and must be heard, however late it is: the process may be stopped
            // in between.
            if left.is_zero() && rest.starts == 0 {
                break;
            }
            rest = self.called.wait_timeout(rest, left.max(CALL_WAIT)).0;
        }
        rest.resting -= 1;
        let is_called = rest.calls > 0;
        rest.calls -= usize::from(is_called);
        is_called
    }

    /// Nobody rests from here on.
    pub fn close(&self) {
        self.rest.lock().is_closed = true;
        self.called.notify_all();
    }

    /// A place without a thread. Where there is none, `new` makes one, one at a time, if it can. If not, a thread that is
    /// counted no longer, but has not quite ended, is about to give one back, or to hear the call for which the caller
    /// was started: `None`, once there is no such call any more.
    pub(crate) fn take_place(&self, new: impl Fn() -> Option<(usize, Local)>) -> Option<(usize, Local)> {
        loop {
            let mut rest = self.rest.lock();
            if let Some(place) = rest.free.pop().or_else(&new) {
                return Some(place);
            }
            if rest.calls + rest.starts == 0 {
                return None;
            }
            drop(rest);
            thread::yield_now();
        }
    }

    /// The thread of a spare has ended.
    pub(crate) fn give_place_back(&self, index: usize, queue: Local) {
        self.rest.lock().free.push((index, queue));
    }

    /// A thread was refused. Says so now and then.
    pub(crate) fn complain(&self, error: &io::Error) {
        let now = Instant::now();
        let mut rest = self.rest.lock();
        let is_due = rest.complained.is_none_or(|last| now.duration_since(last) >= COMPLAIN_EVERY);
        if is_due {
            rest.complained = Some(now);
        }
        drop(rest);
        if is_due {
            let _ = writeln!(
                io::stderr(),
                "runtime: workers are blocked, and the system refuses a thread that could stand in for them: {error}"
            );
        }
    }
}

impl fmt::Debug for Spares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spares")
            .field("working", &self.working)
            .field("stuck", &self.stuck)
            .field("blocked", &self.blocked)
            .finish_non_exhaustive()
    }
}
