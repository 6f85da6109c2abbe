//! How tasks go through loom's queues: as the addresses of their headers.
//!
//! # Invariants
//! - Q1: a word in a queue was made by `into_word` from the one entry of its task, which is alive under the
//!   runtime's reference, and it is turned back once.

use crate::primitive::deque::Word;
use crate::task::{Notified, RawTask};
use std::ptr::NonNull;

impl Word for Notified {
    fn into_word(self) -> usize {
        self.into_raw().as_ptr().as_ptr().expose_provenance()
    }

    unsafe fn from_word(word: usize) -> Self {
        let header = std::ptr::with_exposed_provenance_mut(word);
        // SAFETY: Q1: the word came from `into_word`, so it is the address of a header.
        let header = unsafe { NonNull::new_unchecked(header) };
        // SAFETY: Q1: a task in a queue is alive: the runtime's reference keeps it.
        let raw = unsafe { RawTask::from_ptr(header) };
        // SAFETY: Q1: the caller converts each word once.
        unsafe { Notified::from_raw(raw) }
    }
}
