//! Task ids.

use crate::tls;
use std::cell::Cell;
use std::fmt;
use std::num::NonZeroU64;

/// Ids that a thread takes from the counter at once: a counter shared by all and touched at every spawn
/// would cost more than the rest of the spawn.
const BLOCK: u64 = 1024;

/// Identifies a task, in this process, for ever.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(NonZeroU64);

tls! {
    /// The next id of this thread's block, and the block's end.
    static BLOCK_LEFT: Cell<(u64, u64)> = Cell::new((0, 0));
}

#[allow(clippy::disallowed_types)]
fn next_block() -> u64 {
    // Not the seam's: a static is not a part of any model, and loom's atomics can't be one.
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(BLOCK, std::sync::atomic::Ordering::Relaxed)
}

impl Id {
    pub(crate) fn next() -> Id {
        let next = BLOCK_LEFT.try_with(|left| {
            let (mut next, mut end) = left.get();
            if next == end {
                next = next_block();
                end = next + BLOCK;
            }
            left.set((next + 1, end));
            next
        });
        // A thread that is ending has no block any more.
        let next = next.unwrap_or_else(|_| next_block());
        Id(NonZeroU64::new(next).expect("ids start at 1"))
    }

    pub(crate) fn as_u64(self) -> u64 {
        self.0.get()
    }

    /// What [`as_u64`](Self::as_u64) gave; `None` for 0.
    pub(crate) fn from_u64(id: u64) -> Option<Id> {
        NonZeroU64::new(id).map(Id)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.0)
    }
}
