//! The blocking thread pool of the crate `runtime`: where jobs run that would hold up a worker; and pools of the user's
//! own ([`executor`]), made of the same parts.
//!
//! It plugs into `runtime-core` through [`BlockingPool`](runtime_core::port::BlockingPool) and knows
//! neither the scheduler nor the driver. Use it through the facade `runtime`.

#![forbid(unsafe_code)]
// `internals`, the door for loom, re-exports what is unreachable otherwise.
#![cfg_attr(not(loom), allow(unreachable_pub))]

pub mod executor;
mod pool;

pub use pool::options::{
    Hook, NewThread, Options, STACK_MAX, STACK_MIN, StartThread, ThreadName, WrapThread,
};
pub use pool::{Counts, Pool};

#[cfg(loom)]
#[doc(hidden)]
pub mod internals;
