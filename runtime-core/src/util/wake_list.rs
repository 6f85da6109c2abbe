//! Wakers collected under a lock, woken after it is released.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

/// Room for so many is made at once: where several wait, one allocation is enough for most.
const ROOM_MIN: usize = 16;

/// Wakers in the order in which they shall be woken.
///
/// Collecting is what one does under a lock, waking is not: a waker is user code. A waker that panics
/// does not keep the others from being woken; the panic has been printed by the panic hook and ends here.
#[derive(Debug, Default)]
pub struct WakeList {
    wakers: Vec<Waker>,
}

impl WakeList {
    /// An empty list; allocates nothing.
    pub const fn new() -> Self {
        WakeList { wakers: Vec::new() }
    }

    /// Adds one at the end.
    pub fn push(&mut self, waker: Waker) {
        if self.wakers.capacity() == 0 {
            self.wakers.reserve(ROOM_MIN);
        }
        self.wakers.push(waker);
    }

    /// How many are waiting to be woken.
    pub fn len(&self) -> usize {
        self.wakers.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.wakers.is_empty()
    }

    /// Wakes all, first in first out. Call it with no lock held.
    #[inline]
    pub fn wake_all(&mut self) {
        // Mostly there are none, or the one that its owner keeps outside of the list.
        if !self.wakers.is_empty() {
            self.wake_each();
        }
    }

    fn wake_each(&mut self) {
        for waker in self.wakers.drain(..) {
            wake(waker);
        }
    }
}

/// Wakes one waker; a panic in foreign wake code ends here (the panic hook has printed it).
pub fn wake(waker: Waker) {
    quietly(|| waker.wake());
}

/// Drops a waker or another foreign value; a panic in its `Drop` ends here.
pub fn drop_quietly<T>(value: T) {
    quietly(|| drop(value));
}

/// Runs foreign code; a panic in it ends here (the panic hook has printed it), and so does one in the drop of
/// what it panicked with.
pub fn quietly(f: impl FnOnce()) {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else { return };
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // Whoever goes to such lengths may keep it.
        std::mem::forget(second);
    }
}

impl Drop for WakeList {
    /// Nothing is lost: what was collected is woken.
    fn drop(&mut self) {
        self.wake_all();
    }
}
