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
//! - I1: a frame of [`coop`] whose vtable is `waker::VTABLE` was made by the poll of a task of ours, which lends
//!   its waker until the poll returns.

mod abort_on_drop;
mod asked;
mod backtrace;
mod body;
mod cancel;
mod debug_report;
mod debugged;
mod debugger;
mod error;
mod extras;
pub(crate) mod futurelock;
mod groups;
mod harness;
mod head;
mod hook;
mod id;
mod job;
mod join;
mod local_key;
mod notified;
mod outcome;
mod owned;
mod raw;
pub(crate) mod resource;
mod state;
mod trace;
mod unhandled;
pub mod unpolled;
mod waker;
mod watch;

pub use abort_on_drop::AbortOnDropHandle;
pub use asked::JobsEnd;
pub(crate) use backtrace::keep_backtraces;
pub(crate) use body::Body;
pub use cancel::{Cancelled, Cancelling, cancel_requested, cancelled, current, request, try_current};
pub(crate) use cancel::{
    GroupWait, abort_current, if_listening, is_told, on_end, panic_of_current, request_all,
};
pub use debug_report::{DebugHook, DebugKind, DebugReport};
pub use debugged::Debugging;
pub use debugger::Debugger;
pub use error::JoinError;
pub(crate) use groups::{Ask, Group, Groups, Members, Seated};
pub use id::Id;
pub use job::{Job, JobOwner, is_cancelled as job_is_cancelled};
pub use join::{AbortHandle, JoinHandle};
pub use local_key::{AccessError, LocalKey, TaskLocalFuture};
pub use notified::Notified;
pub use outcome::{Outcome, TaskInfo, TaskState};
pub(crate) use owned::Placed;
pub use owned::{Home, Meta};
pub(crate) use raw::RawTask;
pub(crate) use trace::{driven, is_on as is_traced};
pub use unhandled::{Reporter, Unhandled, UnhandledHook, UnhandledKind, UnhandledPolicy};
pub use watch::{TaskHook, TaskMeta, Watch};

use crate::coop;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

/// What runs tasks: the scheduler's side of a wake.
pub trait Schedule: Send + Sync + 'static {
    /// The task was woken, or is new.
    fn schedule(&self, task: Notified);

    /// The task was polled on this thread and wants another poll: behind everything that is ready.
    fn reschedule(&self, task: Notified);

    /// The last task of a closed home has ended.
    fn vacated(&self);

    /// The runtime, as long as it runs.
    fn keeper(&self) -> Option<Arc<dyn Keeper>>;

    /// A task failed, and nobody took its result.
    fn unhandled(&self, unhandled: &Unhandled) {
        unhandled.print();
    }
}

/// What a task, or a handle of it, asks of the runtime.
pub trait Keeper: Send + Sync {
    /// How long a task that was told to end may clean up, where nobody says otherwise.
    fn grace(&self) -> Duration;

    /// Asks `task`, after `grace`, to end at once. The handle calls that off.
    fn abort_after(&self, grace: Duration, task: AbortHandle) -> Option<AbortHandle>;

    /// Runs `callback` later, after those given before.
    fn call_soon(&self, callback: Box<dyn FnOnce() + Send>);

    /// The same when `delay` has passed.
    fn call_later(&self, delay: Duration, callback: Box<dyn FnOnce() + Send>);

    /// A task failed, and nobody took its result.
    fn unhandled(&self, unhandled: &Unhandled);
}

/// What a cell holds on to.
pub(crate) trait Owner: Send + Sync + 'static {
    fn schedule(&self, task: Notified);
    fn reschedule(&self, task: Notified);
    /// The task has ended.
    fn release(&self, raw: RawTask);
    fn keeper(&self) -> Option<Arc<dyn Keeper>>;
    fn unhandled(&self, unhandled: &Unhandled);
}

/// Gives `f` the task that is being polled on this thread.
fn with_current<R>(f: impl FnOnce(RawTask) -> R) -> Option<R> {
    let (data, vtable) = coop::current_frame()?;
    if !ptr::eq(vtable, &waker::VTABLE) {
        return None;
    }
    // SAFETY: I1: the frame's waker has our vtable, and is lent by the poll that is going on.
    Some(f(unsafe { waker::task_of(data) }))
}

/// The id of the task that is being polled on this thread.
pub fn try_id() -> Option<Id> {
    with_current(|raw| raw.id())
}

/// The id of the task that is being polled on this thread.
///
/// # Panics
/// Outside of a task.
#[track_caller]
pub fn id() -> Id {
    try_id().expect("`task::id()` was called outside of a task; `task::try_id()` gives `None` there")
}
