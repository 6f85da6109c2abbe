//! Child processes.
//!
//! A [`Command`] is std's, and its children are awaited instead of waited for. How a [`Child`] ends is watched by the driver,
//! through a descriptor of the process where there are such (Linux 5.4), else through SIGCHLD.
//!
//! No child of a [`Command`] stays a zombie: one that is not waited for is reaped when it has ended, by a thread that is
//! there only while there are such children. Nobody needs to wait for it, and no runtime needs to go on.

mod child;
mod command;
mod exit;
mod orphans;
mod pipes;
mod unreaped;

pub use child::Child;
pub use command::Command;
pub use pipes::{ChildStderr, ChildStdin, ChildStdout};
