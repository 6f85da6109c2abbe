//! The work-stealing scheduler.
//!
//! Each worker has a first-in first-out deque that others steal from, and a next slot for the task woken
//! last; an injector takes what comes from other threads. Workers run in *rounds* (`worker`), search
//! before they sleep (`steal`), and sleep by the protocol of `idle`: one of them in the driver, the others on
//! condition variables (`park`). The monitor (`monitor`) looks after workers that are stuck in a poll, and lets spares
//! (`spares`) stand in for them (`stand_in`). A current_thread runtime is the same loop with one worker and neither.

pub(crate) mod activity;
mod current;
mod failure;
pub(crate) mod idle;
mod monitor;
pub(crate) mod park;
mod queue;
#[cfg(loom)]
mod queue_loom;
mod rescue;
mod running;
pub(crate) mod seats;
mod shared;
pub(crate) mod signal;
pub(crate) mod slot;
pub(crate) mod spares;
mod stall;
mod stand_in;
mod stats;
mod steal;
mod worker;

pub(crate) use current::{
    Aside, Pinned, ThreadOf, run as run_worker, step_aside, with as with_current, works_for,
};
pub(crate) use monitor::Monitor;
pub use rescue::RescueConfig;
pub use shared::Shared;
pub(crate) use shared::{Homes, Options, Stamps, Starter};
pub use stall::StuckTask;
pub(crate) use stand_in::{leave_place, take_place};
pub(crate) use worker::{Step, Worker};
