//! Callbacks that nobody is left to run later, run where they are.

#![forbid(unsafe_code)]

use super::wake_list::{drop_quietly, quietly};
use crate::tls;
use std::cell::Cell;

tls! {
    /// Whether this thread is inside of [`run`].
    static INSIDE: Cell<bool> = Cell::new(false);
}

/// Runs `callback` on this thread. Inside of another such callback it is dropped: one that brings the next would
/// never end.
pub(crate) fn run(callback: impl FnOnce()) {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            let _ = INSIDE.try_with(|inside| inside.set(false));
        }
    }
    let is_inside = INSIDE.try_with(|inside| inside.replace(true)).unwrap_or(true);
    if is_inside {
        drop_quietly(callback);
        return;
    }
    let _leave = Leave;
    quietly(callback);
}
