//! Pools of one's own: asyncio's `ThreadPoolExecutor`, with a bound.
//!
//! A [`Pool`] is the machinery of `pool` with a `room` in front: who may come in, and when all have
//! left. A job takes its place in the room with it, inside its closure: however the job ends (it ran, it panicked, it
//! was cancelled in the queue, no thread was to be had), the place is given back exactly when the closure is gone, and
//! once.

mod builder;
mod full;
pub(crate) mod own;
pub(crate) mod room;

pub use builder::Builder;
pub use full::Full;
pub use own::{Pool, PoolMetrics, PoolReport};
pub use runtime_core::port::RunningJob;
pub use runtime_core::task::job_is_cancelled as is_cancelled;
