//! What tokio-console shows of a task: spans and events of `tracing`, in the shapes of tokio's.
//!
//! | what | is |
//! |---|---|
//! | a task, a blocking job, the future of a `block_on` | a span `runtime.spawn`, without a parent, from the spawn to the drop of its future |
//! | a poll, the drop of a future that did not end | entering and leaving that span |
//! | what becomes of a task's waker | an event with target `tokio::task::waker`: `op`, and as `task.id` the span's id |
//!
//! What tasks wait for has spans, too: [`resource`](super::resource).
//!
//! A task that asks for another poll without a waker ([`coop::yield_now`](crate::coop::yield_now)) says `waker.wake_by_ref`
//! all the same: a console would take it for one that has lost its waker.
//!
//! The span is in the task's extras, from the spawn on: tasks spawned without a subscriber have none, and a waker's events
//! cost them a look at the word that says whether there are extras. Wakers may outlive the task's span; they live under a
//! reference of the cell, where the number of the span stays, and a number is all that their events carry.
//!
//! Subscribers are foreign code: they are called outside of all locks, and a panic in one ends there.
//!
//! Without the feature `tracing`, and in loom's models, all types here are empty and all functions do nothing.

#[cfg(any(not(feature = "tracing"), loom))]
mod off;
#[cfg(all(feature = "tracing", not(loom)))]
mod on;

#[cfg(any(not(feature = "tracing"), loom))]
pub(crate) use off::{Op, Told, Traced, driven, is_on, waker_op};
#[cfg(all(feature = "tracing", not(loom)))]
pub(crate) use on::{Op, Told, Traced, driven, is_on, waker_op};
