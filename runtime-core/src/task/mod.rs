//! Tasks: a future in one allocation, with a state word, a waker, and a handle for its result.
//!
//! The protocol is in `state` (the word and its moves); what a thread does between two moves is in
//! `harness`; `raw` is the allocation, `owned` the list of live tasks, `join` the handles, `job` the
//! variant for the blocking pool. Nothing here knows a scheduler: a task calls [`Schedule`].
//!
//! Who owns what, when:
//!
//! | field | owner |
//! |---|---|
//! | future, output (`stage`) | the thread that moved the word to RUNNING; after DONE the handle, or the completer if there is none |
//! | join waker | the handle, until it sets JOIN_WAKER; then the completer may read it; after DONE nobody until the cell goes |
//! | links | the lock of the home's list |
//! | the cell | its references: one of the runtime until DONE, one of the handle, one for each waker |
//!
//! The table of moves and their proof obligations is the module documentation of `state`.
//!
//! # Invariants
//! - I1: a [`Notified`] is the one queue entry of its task: it is made by the move that set SCHEDULED, is not
//!   cloned, and while it exists the runtime's reference keeps the cell alive.
//! - I2: a frame of [`coop`] whose vtable is `waker::VTABLE` was made by the poll of a task of ours, which lends
//!   its waker until the poll returns.

mod error;
mod harness;
mod id;
mod job;
mod join;
mod local_key;
mod owned;
mod raw;
mod state;
mod waker;

pub use error::JoinError;
pub use id::Id;
pub use job::Job;
pub use join::{AbortHandle, JoinHandle};
pub use local_key::{AccessError, LocalKey, TaskLocalFuture};
pub(crate) use owned::Placed;
pub use owned::{Home, Meta};
pub(crate) use raw::RawTask;

use crate::coop;
use std::ptr;

/// A task that is to be polled: an entry of a queue. It owns no reference: see `state`. There is one at a
/// time for each task, and it must not be lost: a task that is scheduled is not scheduled again.
#[derive(Debug)]
#[must_use = "a task whose entry is lost never runs again"]
pub struct Notified(RawTask);

impl Notified {
    /// Polls the task once. Its panics become its result: this never unwinds.
    pub fn run(self) {
        // SAFETY: I1: `self` is the queue entry, and is consumed.
        unsafe { self.0.run() }
    }

    pub(crate) fn into_raw(self) -> RawTask {
        self.0
    }

    /// # Safety
    /// `raw` came from [`into_raw`](Self::into_raw), and comes back once.
    pub(crate) unsafe fn from_raw(raw: RawTask) -> Self {
        Notified(raw)
    }
}

/// What runs tasks: the scheduler's side of a wake.
pub trait Schedule: Send + Sync + 'static {
    /// The task was woken, or is new.
    fn schedule(&self, task: Notified);

    /// The task was polled on this thread and wants another poll: behind everything that is ready.
    fn reschedule(&self, task: Notified);

    /// The last task of a closed home has ended.
    fn vacated(&self);
}

/// What a cell holds on to.
pub(crate) trait Owner: Send + Sync + 'static {
    fn schedule(&self, task: Notified);
    fn reschedule(&self, task: Notified);
    /// The task has ended.
    fn release(&self, raw: RawTask);
}

/// The id of the task that is being polled on this thread.
pub fn try_id() -> Option<Id> {
    let (data, vtable) = coop::current_frame()?;
    if !ptr::eq(vtable, &waker::VTABLE) {
        return None;
    }
    // SAFETY: I2: the frame's waker has our vtable, and is lent by the poll that is going on.
    Some(unsafe { waker::task_of(data) }.id())
}

/// The id of the task that is being polled on this thread.
///
/// # Panics
/// Outside of a task.
#[track_caller]
pub fn id() -> Id {
    try_id().expect("`task::id()` was called outside of a task; `task::try_id()` gives `None` there")
}
