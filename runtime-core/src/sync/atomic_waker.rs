//! One waker that one side leaves and the other side calls, without a lock.
//!
//! ```text
//!   IDLE ──register──▶ REGISTERING ──▶ IDLE            (the waker is in the cell)
//!     │                     │ wake adds WAKING
//!     │                     ▼
//!     │                REGISTERING|WAKING ──▶ IDLE     (the registration wakes its own waker)
//!     └──take──▶ WAKING ──▶ IDLE                       (the cell is empty)
//! ```
//! The idea is that of the futures crate's `AtomicWaker`: whoever comes while the other one is in the cell
//! leaves a bit instead of waiting.
//!
//! What happened before `wake` is visible to the owner after a `register` that did not see the wake-up
//! itself: both end and begin with an RMW on the same word. So the owner registers **first**, and looks
//! whether there is something to do afterwards.
//!
//! # Invariants
//! - I1: the cell belongs to whoever moved `state` away from IDLE, until they move it back.
//! - I2: only one thread at a time registers: callers prove it by `&mut` access to the only receiver.

use super::fault::{Fault, planted};
use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::primitive::{UnsafeCell, hint};
use crate::util::wake_list::{drop_quietly, wake};
use std::task::Waker;

const IDLE: usize = 0;
const REGISTERING: usize = 1;
const WAKING: usize = 2;

/// The place for one waker.
#[derive(Debug)]
pub struct AtomicWaker {
    state: AtomicUsize,
    waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: I1 makes every access to the cell exclusive, and wakers are `Send`.
unsafe impl Sync for AtomicWaker {}

impl Default for AtomicWaker {
    fn default() -> Self {
        Self::new()
    }
}

impl AtomicWaker {
    /// No waker.
    pub fn new() -> Self {
        AtomicWaker { state: AtomicUsize::new(IDLE), waker: UnsafeCell::new(None) }
    }

    /// Leaves `waker` in place of the one before. If a wake-up is going on, `waker` is woken at once.
    ///
    /// Calls at the same time as each other do not race, but only one of them leaves its waker.
    pub fn register(&self, waker: &Waker) {
        // ORDER: Acquire; sees what a finished `take` left in the cell.
        let claimed = self.state.compare_exchange(IDLE, REGISTERING, Ordering::AcqRel, Ordering::Acquire);
        if claimed.is_err() {
            // Someone wakes right now (I2: nobody else registers), and may have come for the last waker.
            waker.wake_by_ref();
            // The next poll may come at once: leave the other one the time to finish.
            hint::spin_loop();
            return;
        }
        let mut clone = None;
        let is_same = self.with_cell(|cell| cell.as_ref().is_some_and(|old| old.will_wake(waker)));
        if !is_same {
            // Foreign code, but no lock: a wake-up that comes meanwhile leaves its bit. A panic in it must
            // not leave REGISTERING behind.
            let release = Release(self);
            clone = Some(waker.clone());
            std::mem::forget(release);
            self.with_cell(|cell| std::mem::swap(cell, &mut clone));
        }
        self.end_registration();
        if let Some(old) = clone {
            drop_quietly(old);
        }
    }

    /// Opens the cell again, and does what a wake-up in between left to do.
    fn end_registration(&self) {
        // ORDER: Release; the next owner of the cell sees the waker.
        let ended = self.state.compare_exchange(REGISTERING, IDLE, Ordering::AcqRel, Ordering::Acquire);
        if ended.is_err() {
            // A wake-up left its bit, and the cell is still ours.
            let waker = self.with_cell(Option::take);
            self.state.swap(IDLE, Ordering::AcqRel);
            waker.into_iter().for_each(wake);
        }
    }

    /// Wakes the waker, if there is one, and leaves none.
    pub fn wake(&self) {
        self.take().into_iter().for_each(wake);
    }

    /// Takes the waker out. `None` if there is none, or if someone else is about to wake it.
    pub fn take(&self) -> Option<Waker> {
        // ORDER: AcqRel; Release for the registration that will see this, Acquire for the cell.
        let old = if planted(Fault::WakeMissesRegistration) {
            let idle = self.state.compare_exchange(IDLE, WAKING, Ordering::AcqRel, Ordering::Acquire);
            idle.unwrap_or_else(|other| other)
        } else {
            self.state.fetch_or(WAKING, Ordering::AcqRel)
        };
        if old != IDLE {
            return None;
        }
        let waker = self.with_cell(Option::take);
        // ORDER: Release; the next owner of the cell finds it empty.
        self.state.fetch_and(!WAKING, Ordering::Release);
        waker
    }

    /// For callers that own the cell (I1).
    fn with_cell<R>(&self, f: impl FnOnce(&mut Option<Waker>) -> R) -> R {
        self.waker.with_mut(|cell| {
            // SAFETY: I1: every caller has moved `state` away from IDLE.
            f(unsafe { &mut *cell })
        })
    }
}

/// Ends a registration whose clone panicked.
struct Release<'a>(&'a AtomicWaker);

impl Drop for Release<'_> {
    fn drop(&mut self) {
        self.0.end_registration();
    }
}
