//! The names of the calls on a stack, by the crate `backtrace`.
//!
//! Reading a program's debug information may take a second: whoever does it is not the monitor.

use crate::primitive::thread;
use std::ffi::c_void;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::ptr;

/// What lies farther out is ours, and the same for every task.
const POLL: &str = "runtime_core::task::harness::";
/// What lies further in is how std and the system wait.
const NAMES_MAX: usize = 32;

/// Prints the line, and below it the calls.
pub(super) fn print(stack: &[usize], line: String) {
    let stack = stack.to_vec();
    let with_names = {
        let line = line.clone();
        move || print_now(&line, &names(&stack))
    };
    if thread::Builder::new().name("stuck-task-names".to_owned()).spawn(with_names).is_err() {
        print_now(&line, "");
    }
}

fn print_now(line: &str, names: &str) {
    let _ = write!(io::stderr(), "{line}\n{names}");
}

/// One line for each call, up to the poll of the task.
fn names(stack: &[usize]) -> String {
    let (mut text, mut count, mut is_over) = (String::new(), 0, false);
    for (index, address) in stack.iter().enumerate() {
        // The call stands before the address where it returns to; the innermost has not returned.
        let call = address - usize::from(index > 0);
        backtrace::resolve(ptr::without_provenance_mut::<c_void>(call), |symbol| {
            let Some(name) = symbol.name().map(|name| format!("{name:#}")) else { return };
            is_over |= count >= NAMES_MAX || name.contains(POLL);
            if is_over {
                return;
            }
            count += 1;
            let _ = write!(text, "    in {name}");
            if let (Some(file), Some(line)) = (symbol.filename(), symbol.lineno()) {
                let _ = write!(text, " ({}:{line})", file.display());
            }
            text.push('\n');
        });
        if is_over {
            break;
        }
    }
    text
}
