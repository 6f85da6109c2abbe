//! The work-stealing scheduler.
//!
//! Each worker has a first-in first-out deque that others steal from, and a next slot for the task woken
//! last; an injector takes what comes from other threads. Workers run in *rounds* (`worker`), search
//! before they sleep (`steal`), and sleep by the protocol of `idle`: one of them in the driver, the others on
//! condition variables (`park`). The monitor (`monitor`) looks after workers that are stuck in a poll. A
//! current_thread runtime is the same loop with one worker and no monitor.

pub(crate) mod activity;
mod current;
pub(crate) mod idle;
mod monitor;
pub(crate) mod park;
mod queue;
#[cfg(loom)]
mod queue_loom;
mod shared;
pub(crate) mod signal;
pub(crate) mod slot;
mod stats;
mod steal;
mod worker;

pub(crate) use current::{run as run_worker, with as with_current};
pub(crate) use monitor::Monitor;
pub use shared::Shared;
pub(crate) use shared::{Homes, Options, Stamps};
pub(crate) use worker::{Step, Worker};
