//! The next slot: the task that was woken last, to be polled next, while what it needs is in the cache.
//!
//! Pushing into it wakes nobody: its owner is awake and about to look. Others can take from it, and do so
//! when the owner has made no progress: thieves that found nothing else, and the monitor.
//!
//! # Invariants
//! - S1: a pointer in the slot is the one queue entry of its task; who swaps it out has it.

use crate::primitive::atomic::{AtomicPtr, Ordering};
use crate::task::{Notified, RawTask};
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

    /// Puts `task` in; what was there comes out.
    pub fn replace(&self, task: Notified) -> Option<Notified> {
        self.swap(task.into_raw().as_ptr().as_ptr().cast())
    }

    /// Takes what is there.
    #[inline]
    pub fn take(&self) -> Option<Notified> {
        if self.is_empty() {
            return None;
        }
        self.swap(ptr::null_mut())
    }

    /// Whether nothing is there.
    pub fn is_empty(&self) -> bool {
        // ORDER: Relaxed: a hint; the swap decides.
        self.0.load(Ordering::Relaxed).is_null()
    }

    fn swap(&self, new: *mut ()) -> Option<Notified> {
        // ORDER: Release publishes the task to a thief; Acquire sees the task that comes out.
        let old = if planted(Fault::SlotTakenTwice) {
            let old = self.0.load(Ordering::Acquire);
            self.0.store(new, Ordering::Release);
            old
        } else {
            self.0.swap(new, Ordering::AcqRel)
        };
        let header = NonNull::new(old)?.cast();
        // SAFETY: S1: the entry's task is alive.
        let raw = unsafe { RawTask::from_ptr(header) };
        // SAFETY: S1: the swap made this thread the entry's owner.
        Some(unsafe { Notified::from_raw(raw) })
    }
}
