//! Whether a task, or a blocking job, was asked for its end.
//!
//! A job is asked by its handle, as a task is, or with all others that run on its pool, when that shuts down. A thread knows
//! the pool that it serves, and its job: so whoever ends a pool sets one flag, and need not find the jobs.

#![forbid(unsafe_code)]

use super::extras::Extras;
use super::raw::RawTask;
use crate::primitive::atomic::{AtomicBool, Ordering};
use crate::tls;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

tls! {
    /// The job that runs on this thread, which keeps it alive meanwhile.
    static RUNNING: Cell<Option<RawTask>> = Cell::new(None);
    /// The pool that this thread serves.
    static POOL: RefCell<Option<JobsEnd>> = RefCell::new(None);
}

/// Whether the jobs that run on one pool are asked for their end. Clones are of the same pool.
#[derive(Debug, Clone, Default)]
pub struct JobsEnd(Arc<AtomicBool>);

impl JobsEnd {
    /// Nobody is asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The calling thread runs jobs of this pool from here on.
    pub fn serve(&self) {
        // A thread whose locals are gone runs no jobs.
        let _ = POOL.try_with(|pool| pool.replace(Some(self.clone())));
    }

    /// Asks all.
    pub fn ask(&self) {
        // ORDER: Release pairs with `is_asked`.
        self.0.store(true, Ordering::Release);
    }

    fn is_asked(&self) -> bool {
        // ORDER: Acquire: what was done before the request is visible to a job that goes by it.
        self.0.load(Ordering::Acquire)
    }
}

/// While this lives, a job runs on this thread. It puts back what ran here before, also after a panic.
pub(super) struct RunningHere(Option<RawTask>);

impl RunningHere {
    pub(super) fn new(job: Option<RawTask>) -> Self {
        RunningHere(RUNNING.with(|running| running.replace(job)))
    }
}

impl Drop for RunningHere {
    fn drop(&mut self) {
        let _ = RUNNING.try_with(|running| running.set(self.0));
    }
}

fn running() -> Option<RawTask> {
    RUNNING.try_with(Cell::get).ok().flatten()
}

/// Whether the job that runs on this thread was asked; `false` where none does.
pub(super) fn is_job_asked() -> bool {
    running().is_some_and(|raw| is_asked(&raw))
}

/// Whether this one was: a job also by its pool, if it asks on its own thread.
pub(super) fn is_asked(raw: &RawTask) -> bool {
    let by_pool = || {
        let asks = |pool: &RefCell<Option<JobsEnd>>| pool.borrow().as_ref().is_some_and(JobsEnd::is_asked);
        running().is_some_and(|job| job == *raw) && POOL.try_with(asks).unwrap_or(false)
    };
    raw.state().is_cancelled() || raw.head().extras().is_some_and(Extras::is_asked) || by_pool()
}
