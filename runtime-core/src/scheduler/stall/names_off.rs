//! Names of calls are not looked for.

use std::io::{self, Write};

/// Prints the line.
pub(super) fn print(_stack: &[usize], line: String) {
    let _ = writeln!(io::stderr(), "{line}");
}
