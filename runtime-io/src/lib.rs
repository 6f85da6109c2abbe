//! The I/O driver, the network types, signals and child processes of the crate `runtime`.
//!
//! Use it through the facade `runtime`. Imports go down only: `ready`, `interest` · `readiness`,
//! `unpark` · `source`, `selector` · `registry` · `reactor` · `driver`, `registration` · `async_fd`,
//! [`net`], [`signal`] · [`process`].

#![deny(clippy::disallowed_types)]

mod async_fd;
mod driver;
mod interest;
mod reactor;
mod readiness;
mod ready;
mod registration;
mod registry;
mod selector;
mod source;
mod sys;
mod unpark;

#[cfg(loom)]
#[doc(hidden)]
pub mod internals;

pub mod io;
pub mod net;
pub mod process;
pub mod signal;

pub use driver::driver;

#[cfg(test)]
mod tests;
