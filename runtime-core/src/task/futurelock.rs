//! Permits that a task was given, and does not take: a *futurelock*.
//!
//! A task that polls a future by reference (`select!` over `&mut lock`) and goes on without it keeps its place in the queue. When
//! its turn comes the lock is its own, whether or not anybody polls that future, and all others wait; the task too, if it asks
//! for the same lock by another future.
//!
//! ```text
//! queued ── granted (by whoever gives the permits back) ── seen (a poll of the task begins) ── left (that poll is over)
//!    │          │                                             │                                  │ 1 s later: reported
//!    └──────────┴──────────────── polled, or dropped: over ───┴──────────────────────────────────┘
//! ```
//!
//! So a task that is not polled, since it is blocked or its runtime busy, is not found guilty. Waits are known by the address
//! of their waiter, which stays where it is until it is over. All this is in debug mode, once any runtime is: before that a
//! wait and a grant pay for one relaxed load each, and futures are no larger.
//!
//! Loom's models have none of it.

#[cfg(loom)]
mod off;
#[cfg(not(loom))]
mod on;

#[cfg(loom)]
pub(crate) use off::{Watching, granted, turn_on};
#[cfg(loom)]
pub(super) use off::{left, poll_begins, poll_ended};
#[cfg(not(loom))]
pub(crate) use on::{Watching, granted, turn_on};
#[cfg(not(loom))]
pub(super) use on::{left, poll_begins, poll_ended};

use std::fmt;
use std::time::Duration;

/// So long a task may leave what it was given: a request to a database, with a lock in hand, takes less.
pub(super) const LEFT_MAX: Duration = Duration::from_secs(1);

/// What was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Mutex,
    RwLock,
    Semaphore,
    Room,
    Item,
    OnceCell,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            What::Mutex => "the lock of a `Mutex`",
            What::RwLock => "the lock of a `RwLock`",
            What::Semaphore => "permits of a semaphore",
            What::Room => "room in a channel or queue",
            What::Item => "an item of a queue",
            What::OnceCell => "the turn to fill a `OnceCell`",
        })
    }
}

/// What is said of it.
fn message(what: What) -> String {
    format!(
        "was given {what} more than {} s ago, and has been polled since, but not the future that waits for it: drop that \
         future, or poll it as long as the task lives, for all others wait in vain",
        LEFT_MAX.as_secs()
    )
}
