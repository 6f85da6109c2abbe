//! Signals, as events.
//!
//! While somebody listens for a signal it does not have its usual effect; when nobody does any more, it has. There is one
//! handler for all (`handler.rs`); no thread waits for signals.
//!
//! Child processes start with the usual effects, except that a signal which is ignored stays ignored in them.

mod bell;
mod handler;
mod interrupt;
mod kind;
mod registry;
pub mod unix;

pub use interrupt::Interrupt;

use runtime_core::task::unpolled::must_await;
use std::io;

/// Waits for Ctrl-C: for the next SIGINT after the first poll.
///
/// While it waits, Ctrl-C does not end the process; afterwards it does, unless somebody else listens. A program that goes on
/// listening, for a second Ctrl-C or in a loop, keeps a [`unix::Signal`]: between two calls of this function Ctrl-C would
/// kill it. `#[runtime::main(ctrl_c = "cancel")]` ends a program in order at the first one. On cancel it stops listening.
///
/// # Errors
/// As [`unix::signal`].
///
/// # Panics
/// Outside of a runtime.
///
/// # Examples
/// ```
/// # use std::io;
/// async fn serve() -> io::Result<()> {
///     println!("Ctrl-C ends me");
///     runtime_io::signal::ctrl_c().await?;
///     println!("bye");
///     Ok(())
/// }
/// ```
#[track_caller]
pub fn ctrl_c() -> impl Future<Output = io::Result<()>> {
    must_await("signal::ctrl_c", async move {
        match unix::signal(unix::SignalKind::interrupt())?.recv().await {
            Some(()) => Ok(()),
            None => Err(io::Error::other("the runtime that listened for Ctrl-C has shut down")),
        }
    })
}
