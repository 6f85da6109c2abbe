//! The lock around a queue's items.
//!
//! Where these are compared, user code runs under it: the order of a heap cannot be found otherwise, and
//! only one thread at a time may look for it. A comparison that comes back to its own queue would wait for
//! itself, so the lock knows the thread that holds it and panics instead; what panics there has not happened
//! (see `heap`).

use super::store::Store;
use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::primitive::{Mutex, MutexGuard};
use crate::tls;
use std::ops::{Deref, DerefMut};
use std::ptr;

tls! {
    /// Its address tells the threads that are alive apart.
    static HERE: u8 = 0;
}

const NOBODY: usize = 0;

fn this_thread() -> usize {
    HERE.try_with(|here| ptr::from_ref(here).addr()).unwrap_or(NOBODY)
}

/// The items, locked or not.
pub(super) struct Lock<S> {
    store: Mutex<S>,
    /// Who holds the lock of a store that compares.
    holder: AtomicUsize,
}

impl<S: Store> Lock<S> {
    pub(super) fn new() -> Self {
        Lock { store: Mutex::new(S::default()), holder: AtomicUsize::new(NOBODY) }
    }

    /// Waits for the lock.
    ///
    /// # Panics
    /// If it is held by the comparison that calls this.
    #[track_caller]
    pub(super) fn lock(&self) -> Locked<'_, S> {
        let me = if S::COMPARES { this_thread() } else { NOBODY };
        // Relaxed: only what this thread itself has written can be its own address.
        assert!(
            me == NOBODY || self.holder.load(Ordering::Relaxed) != me,
            "the comparison of two items of a PriorityQueue used that queue: `Ord` must only compare"
        );
        let store = self.store.lock();
        if S::COMPARES {
            self.holder.store(me, Ordering::Relaxed);
        }
        Locked { store, lock: self }
    }
}

/// The items, locked.
pub(super) struct Locked<'a, S: Store> {
    store: MutexGuard<'a, S>,
    lock: &'a Lock<S>,
}

impl<S: Store> Drop for Locked<'_, S> {
    fn drop(&mut self) {
        if S::COMPARES {
            self.lock.holder.store(NOBODY, Ordering::Relaxed);
        }
    }
}

impl<S: Store> Deref for Locked<'_, S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.store
    }
}

impl<S: Store> DerefMut for Locked<'_, S> {
    fn deref_mut(&mut self) -> &mut S {
        &mut self.store
    }
}
