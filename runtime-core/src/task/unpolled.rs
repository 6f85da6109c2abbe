//! Futures of ours that are dropped before their first poll: somebody forgot to await them.
//!
//! A future has an [`Unpolled`], made where the future is made. (An `async fn` cannot: its body begins with the first poll. So
//! such functions return an `async` block in a [`must_await`].) Dropped before its first poll, in the middle of a poll of a task
//! in debug mode, it is reported; a task that is cancelled drops what it has, and says nothing.
//!
//! What is dropped because something else was faster is no mistake. `select!`, `try_join!` and `run_until_cancelled` keep a
//! [`Silence`] around the drop of their futures, groups around that of their body, and `timeout` around that of its future, so
//! that a timeout that was never polled is one report. A
//! future by reference (`&mut future`) outlives the `select!` that perhaps never polled it: one that was made before a
//! `select!` of its task ended is not reported.
//!
//! In release builds, and in loom's models, all types here are empty and all methods do nothing: futures are no larger.

#[cfg(any(not(debug_assertions), loom))]
mod off;
#[cfg(all(debug_assertions, not(loom)))]
mod on;

#[cfg(any(not(debug_assertions), loom))]
pub(crate) use off::silently;
#[cfg(any(not(debug_assertions), loom))]
pub use off::{Silence, Silent, Unpolled, must_await};
#[cfg(all(debug_assertions, not(loom)))]
pub(crate) use on::silently;
#[cfg(all(debug_assertions, not(loom)))]
pub use on::{Silence, Silent, Unpolled, must_await};
