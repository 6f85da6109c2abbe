//! What tokio-console shows of the things that tasks wait for: spans and events of `tracing`, in the shapes of tokio's.
//!
//! | what | is |
//! |---|---|
//! | a lock, a semaphore, a barrier, a oneshot or a bounded mpsc channel, a timer | a [`Resource`]: a span `runtime.resource`, without a parent, from its making to its drop |
//! | a wait for it | an [`Op`]: a span `runtime.resource.async_op` in that one, with `runtime.resource.async_op.poll` inside |
//! | a poll of the wait | entering and leaving all three, and a last event with target `runtime::resource::poll_op` |
//! | how it stands, a [`Flag`] or a [`Count`] | an event with target `runtime::resource::state_update`, in the resource's span |
//!
//! A console finds out by the spans in which it is, those of the task and of its wait, which task waits. What `const_new` makes
//! has no span, as in tokio: there may be no subscriber yet, and it is never dropped.
//!
//! It is told what is so for others, in an order that adds up whoever comes in between: that something was taken after it was,
//! that it is given back before it is. All of it outside of locks, and a panic of a subscriber ends there.
//!
//! Some of tokio's are left out, or differ:
//! - There is no second, internal resource for the permits in a lock: nobody but the lock has them.
//! - Of a bounded channel there is a resource of its own, and not that of its permits; who waits for room in it is shown.
//! - An `Interval` has no `Sleep` of its own to show, and says its period.
//! - Permits are granted all at once: a wait for them says how many it wants, never how many it has.
//! - A `Sleep`'s first wait is in its resource's span, where tokio-console looks for it.
//! - Who has left a `Barrier` no longer counts as arrived.
//!
//! Without the feature `tracing`, and in loom's models, all types here are empty and all functions do nothing.

#[cfg(any(not(feature = "tracing"), loom))]
mod off;
#[cfg(all(feature = "tracing", not(loom)))]
mod on;
mod words;

#[cfg(any(not(feature = "tracing"), loom))]
pub(crate) use off::{Op, Resource};
#[cfg(all(feature = "tracing", not(loom)))]
pub(crate) use on::{Op, Resource};
pub(crate) use words::{Change, Count, Flag};
