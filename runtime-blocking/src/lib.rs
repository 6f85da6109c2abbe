//! The blocking thread pool of the crate `runtime`: where jobs run that would hold up a worker; pools of the user's
//! own ([`executor`]), made of the same parts; and what blocks by nature: files ([`fs`]) and the standard streams
//! ([`stdio`]).
//!
//! It plugs into `runtime-core` through [`BlockingPool`](runtime_core::port::BlockingPool) and knows
//! neither the scheduler nor the driver. Use it through the facade `runtime`.

#![forbid(unsafe_code)]
// `internals`, the door for loom, re-exports what is unreachable otherwise.
#![cfg_attr(not(loom), allow(unreachable_pub))]

pub mod executor;
#[cfg(not(loom))]
pub mod fs;
#[cfg(not(loom))]
mod owed;
#[cfg(loom)]
#[path = "owed_loom.rs"]
mod owed;
mod pool;
#[cfg(not(loom))]
pub mod stdio;

pub use pool::options::{
    Hook, NewThread, Options, STACK_MAX, STACK_MIN, StartThread, ThreadName, WrapThread,
};
pub use pool::{Counts, Pool};

#[cfg(loom)]
#[doc(hidden)]
pub mod internals;
