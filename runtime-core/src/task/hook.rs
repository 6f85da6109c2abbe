//! Calling a hook that is told of something, and may itself cause what it is told of.

#![forbid(unsafe_code)]

use crate::tls;
use crate::util::wake_list::quietly;
use std::cell::Cell;

/// The hooks of a runtime that are told of something.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hook {
    /// `Builder::on_unhandled`.
    Unhandled,
    /// `Builder::on_debug_report`.
    Debug,
}

tls! {
    /// Which of them this thread is inside of.
    static INSIDE: Cell<[bool; 2]> = Cell::new([false; 2]);
}

/// While this lives, the thread is inside of a hook.
struct Inside(Hook);

impl Inside {
    /// `None`: it is already, or its locals are gone.
    fn enter(hook: Hook) -> Option<Self> {
        (!set(hook, true)?).then(|| Inside(hook))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        set(self.0, false);
    }
}

/// What it was before.
fn set(hook: Hook, is_inside: bool) -> Option<bool> {
    let swap = |inside: &Cell<[bool; 2]>| {
        let mut now = inside.get();
        let before = std::mem::replace(&mut now[hook as usize], is_inside);
        inside.set(now);
        before
    };
    INSIDE.try_with(swap).ok()
}

/// Calls the hook, unless this thread is inside of it: one that causes the next report would never end. Whether it was
/// called, and has not panicked.
#[must_use]
pub(super) fn call(hook: Hook, f: impl FnOnce()) -> bool {
    let Some(_inside) = Inside::enter(hook) else { return false };
    let mut is_told = false;
    quietly(|| {
        f();
        is_told = true;
    });
    is_told
}
