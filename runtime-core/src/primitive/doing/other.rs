//! Systems that have no simple way to ask.

use super::Doing;

/// Always 0: unknown.
pub(crate) fn thread_number() -> u32 {
    0
}

/// Always unknown.
pub(crate) fn doing(_thread: u32) -> Doing {
    Doing::Unknown
}

/// Always empty: unknown.
pub(crate) fn stack(_thread: u32) -> Vec<usize> {
    Vec::new()
}
