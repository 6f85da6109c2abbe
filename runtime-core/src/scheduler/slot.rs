//! The next slot: the task that was woken last, to be polled next, while what it needs is in the cache.
//!
//! Pushing into it wakes nobody: its owner is awake and about to look. Others can take from it, and do so
//! when the owner has made no progress: thieves that found nothing else, and the monitor.
//!
//! # Invariants
//! - S1: a pointer in the slot is the one queue entry of its task; who swaps it out has it.
//! - S2: only the slot's owner puts a task in; all others only take. So a slot that its owner has found empty
//!   needs no swap to be filled.

use crate::primitive::atomic::{AtomicPtr, Ordering};
use crate::task::Notified;
use crate::util::fault::{Fault, planted};
use std::ptr::{self, NonNull};

/// Room for one task.
#[derive(Debug)]
pub struct Slot(AtomicPtr<()>);

impl Default for Slot {
    fn default() -> Self {
        Self::new()
    }
}

impl Slot {
    /// Empty.
    pub fn new() -> Self {
        Slot(AtomicPtr::new(ptr::null_mut()))
    }

    /// Puts `task` in; what was there comes out. Only the owner of the slot does that.
    #[inline]
    pub fn replace(&self, task: Notified) -> Option<Notified> {
        let new = task.into_word().as_ptr();
        if self.is_empty() {
            // S2: it stays empty until this store.
            // ORDER: Release publishes the task to a thief.
            self.0.store(new, Ordering::Release);
            return None;
        }
        // ORDER: Release as above; Acquire sees the task that comes out.
        notified(self.0.swap(new, Ordering::AcqRel))
    }

    /// Takes what is there. Nothing, too, when the owner puts another one there in this moment.
    #[inline]
    pub fn take(&self) -> Option<Notified> {
        // ORDER: Relaxed: a hint; the exchange decides.
        let task = self.0.load(Ordering::Relaxed);
        if task.is_null() {
            return None;
        }
        if planted(Fault::SlotTakenTwice) {
            self.0.store(ptr::null_mut(), Ordering::Release);
            return notified(task);
        }
        // ORDER: Acquire sees the task. Nothing is published.
        self.0
            .compare_exchange(task, ptr::null_mut(), Ordering::Acquire, Ordering::Relaxed)
            .ok()
            .and_then(notified)
    }

    /// Whether nothing is there.
    #[inline]
    pub fn is_empty(&self) -> bool {
        // ORDER: Relaxed: for others a hint; the owner knows what it put there, and others only take.
        self.0.load(Ordering::Relaxed).is_null()
    }
}

/// What the caller has got out of a slot.
#[inline]
fn notified(task: *mut ()) -> Option<Notified> {
    let word = NonNull::new(task)?;
    // SAFETY: S1: who swapped it out is the entry's owner.
    Some(unsafe { Notified::from_word(word) })
}
