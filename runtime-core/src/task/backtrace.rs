//! Where a task panicked: the backtrace, for who is told of the panic later.
//!
//! What panicked is known where the unwinding ends, and the stack is gone by then, so the backtrace has to be taken in the
//! process's panic hook. That belongs to the user. It is touched as little as possible: only where backtraces are enabled,
//! once, by the first runtime that is built; and the hook that was there is called each time, after ours, which has written
//! one thread-local. Whoever sets another hook later that does not call the one before it gets no backtraces here.
//!
//! Not each panic becomes the end of a task: what was caught in the middle of one may lie here until the next. So the
//! payload is compared with what the hook was shown, as far as that can be: a box has another address than what went into it.

#![forbid(unsafe_code)]

#[cfg(not(loom))]
mod hook;
#[cfg(loom)]
#[path = "backtrace/no_hook.rs"]
mod hook;

use std::any::Any;

pub(crate) use hook::keep_backtraces;
pub(super) use hook::of_panic;

/// The text of a panic's payload, where it has one.
pub(super) fn message(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<&'static str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}
