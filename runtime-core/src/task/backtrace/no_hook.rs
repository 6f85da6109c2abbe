//! A model's thread-locals are there in its runs alone, and a process panics outside of them, too.

#![forbid(unsafe_code)]

use std::any::Any;
use std::backtrace::Backtrace;
use std::sync::Arc;

/// Nothing is kept.
pub(crate) fn keep_backtraces() {}

/// There is none.
pub(in crate::task) fn of_panic(_payload: &(dyn Any + Send)) -> Option<Arc<Backtrace>> {
    None
}
