//! The example `tour`: every section is right, and soon done. `examples_asyncio.rs` looks at what the first
//! ten print.

#[path = "examples/mod.rs"]
#[allow(dead_code)]
mod examples;

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const SECTIONS: usize = 13;

fn tour(arguments: &[&str]) -> Output {
    Command::new(examples::example("tour")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn every_section_is_right() {
    let start = Instant::now();
    let output = tour(&[]);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    for section in 1..=SECTIONS {
        assert!(shown.lines().any(|line| line.starts_with(&format!("{section}. "))), "{shown}");
    }
    assert_eq!(shown.lines().filter(|line| line.starts_with("took ")).count(), SECTIONS, "{shown}");
    assert!(!shown.contains("WRONG"), "{shown}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    // About 4 s.
    assert!(start.elapsed() < Duration::from_secs(40), "{shown}");
}

#[test]
fn some_sections_run_in_the_order_asked_for() {
    let output = tour(&["2", "1"]);
    let shown = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = shown.lines().filter(|line| !line.starts_with("took ")).collect();
    let answer = ["the answer is not there yet", "the answer is 42", ""];
    assert!(output.status.success(), "{shown}");
    assert!(lines[0].starts_with("2. ") && lines[4].starts_with("1. "), "{shown}");
    assert_eq!((&lines[1..4], &lines[5..]), (&answer[..], &["hello", "world", ""][..]), "{shown}");
}

#[test]
fn a_section_that_is_not_there_is_refused() {
    for argument in ["0", "14", "-1", "hello"] {
        let output = tour(&["1", argument]);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
        let usage = String::from_utf8(output.stderr).unwrap();
        assert_eq!(usage.lines().count(), 1 + SECTIONS, "{usage}");
    }
}
