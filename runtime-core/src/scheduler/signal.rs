//! How the monitor sleeps while all workers do, and how it is woken and ended.
//!
//! The proof that no wake-up is missed is that of `idle`: the monitor stores `asleep`, fences, and looks
//! whether all sleep; who gets up first changes the word, fences, and loads `asleep`.

#![forbid(unsafe_code)]

use crate::primitive::atomic::{AtomicBool, Ordering, fence};
use crate::primitive::{Condvar, Mutex};
use std::time::Duration;

/// How the monitor is woken and ended.
#[derive(Debug)]
pub(crate) struct Signal {
    asleep: AtomicBool,
    ended: Mutex<bool>,
    changed: Condvar,
}

impl Default for Signal {
    fn default() -> Self {
        Signal { asleep: AtomicBool::new(false), ended: Mutex::new(false), changed: Condvar::new() }
    }
}

impl Signal {
    /// The first worker got up.
    pub(crate) fn rouse(&self) {
        // ORDER: the fence of the proof above.
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) {
            let _ended = self.ended.lock();
            self.asleep.store(false, Ordering::Relaxed);
            self.changed.notify_all();
        }
    }

    /// Ends the monitor's thread.
    pub(crate) fn end(&self) {
        *self.ended.lock() = true;
        self.changed.notify_all();
    }

    /// Waits for `at_most`, which is until the next look. `false`: the end.
    pub(super) fn wait(&self, at_most: Duration) -> bool {
        let ended = self.ended.lock();
        if *ended {
            return false;
        }
        let (ended, _) = self.changed.wait_timeout(ended, at_most);
        !*ended
    }

    /// Sleeps while all workers sleep. `false`: the end.
    pub(super) fn sleep_while(&self, all_asleep: impl Fn() -> bool) -> bool {
        let mut ended = self.ended.lock();
        self.asleep.store(true, Ordering::Relaxed);
        // ORDER: the fence of the proof above.
        fence(Ordering::SeqCst);
        if !all_asleep() {
            self.asleep.store(false, Ordering::Relaxed);
        }
        while !*ended && self.asleep.load(Ordering::Relaxed) {
            ended = self.changed.wait(ended);
        }
        !*ended
    }
}
