//! How tasks go through loom's queues: as the addresses that their entries are.
//!
//! # Invariants
//! - Q1: a word in a queue was made by `into_word` from the one entry of its task, which is alive under the
//!   runtime's reference, and it is turned back once.

use crate::primitive::deque::Word;
use crate::task::Notified;
use std::ptr::NonNull;

impl Word for Notified {
    fn into_word(self) -> usize {
        self.into_word().as_ptr().expose_provenance()
    }

    unsafe fn from_word(word: usize) -> Self {
        let word = std::ptr::with_exposed_provenance_mut(word);
        // SAFETY: Q1: the word came from `into_word`, so it is not null.
        let word = unsafe { NonNull::new_unchecked(word) };
        // SAFETY: Q1: the caller converts each word once.
        unsafe { Notified::from_word(word) }
    }
}
