//! The claims about asyncio that stand here are true of the machine's Python.

use std::path::Path;
use std::process::Command;

#[test]
fn asyncio_does_what_these_tests_say_it_does() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut python = Command::new("python3");
    python.arg(root.join("tests/python/asyncio_promises.py"));
    let output = python.output().expect("python3 is needed, 3.11 or later (.ci/run tools)");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));

    let files = std::fs::read_dir(root.join("tests/asyncio")).unwrap().map(|entry| entry.unwrap().path());
    let tests: Vec<String> = files.map(|file| std::fs::read_to_string(file).unwrap()).collect();
    for name in said.lines() {
        let is_tested = tests.iter().any(|text| text.contains(&format!("fn {name}(")));
        assert!(is_tested, "asyncio promises {name}, and no test here has this name");
    }
    assert!(said.lines().count() > 30, "{said}");
}
