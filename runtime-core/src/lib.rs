//! Tasks, scheduler, timers and synchronization of the crate `runtime`.
//!
//! This crate is the bottom of the workspace: it knows no epoll and no thread pool, only the few
//! traits of [`port`] through which those plug in. Use it through the facade `runtime`.
//!
//! Imports go down only: 1 [`primitive`] · 2 [`util`] · 3 [`task`], [`coop`], [`sync`], [`timer`]
//! (mechanism: knows wakers, not workers) · 4 [`port`] · 5 `scheduler` · 6 [`config`], [`mod@handle`],
//! [`context`], [`spawn`], [`local_set`], [`mod@rescue`], `unhandled` · 7 [`time`] (the futures that ask the context for the mechanism), [`inspect`] · 8 [`supervise`], [`join_set`] · 9 [`shutdown`], `threads`, [`mod@runtime`].

#![deny(clippy::disallowed_types)]
// `internals`, the door for loom, re-exports what is unreachable otherwise.
#![cfg_attr(not(loom), allow(unreachable_pub))]

pub mod primitive;

pub mod util;

pub mod coop;
pub mod sync;
pub mod task;
pub mod timer;

pub mod port;

mod scheduler;

mod block_on;
mod calls;
pub mod config;
pub mod context;
mod current_thread;
pub mod handle;
pub mod local_set;
mod local_tasks;
pub mod rescue;
pub mod runtime;
pub mod shutdown;
pub mod spawn;
mod threads;
mod unhandled;

pub mod inspect;
pub mod join_set;
pub mod time;

pub mod supervise;

#[cfg(loom)]
#[doc(hidden)]
pub mod internals;
