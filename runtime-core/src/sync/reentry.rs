//! Who holds a lock, in debug builds: for the message that a task waits for itself.
//!
//! It is a message and not a panic, since the program may be right: one branch of a `join!` may wait for what
//! another branch of the same task holds and will let go of. It is printed once for each place in the code.
//!
//! In release builds, and in loom's models, all types here are empty or unused and all methods do nothing.

#[cfg(any(not(debug_assertions), loom))]
mod off;
#[cfg(all(debug_assertions, not(loom)))]
mod on;

#[cfg(any(not(debug_assertions), loom))]
pub(crate) use off::{Hold, Holders, Mode, Site};
#[cfg(all(debug_assertions, not(loom)))]
pub(crate) use on::{Hold, Holders, Mode, Site};
