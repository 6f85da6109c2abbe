//! The standard streams of the process.

mod bytes;
mod output;
mod stdin;
mod writer;

pub use output::{Stderr, Stdout, stderr, stdout};
pub use stdin::{Stdin, stdin};
