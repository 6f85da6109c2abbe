//! The example `tour`: every step shows what it should, and soon.

#[path = "examples/mod.rs"]
#[allow(dead_code)]
mod examples;

use std::process::Command;
use std::time::{Duration, Instant};

const STEPS: usize = 13;

#[test]
fn every_step_is_right() {
    let tour = examples::example("tour");
    let start = Instant::now();
    let output = Command::new(tour).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(shown.lines().count(), STEPS + 1, "{shown}");
    assert!(!shown.contains("WRONG"), "{shown}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    // About 3 s.
    assert!(start.elapsed() < Duration::from_secs(30), "{shown}");
}
