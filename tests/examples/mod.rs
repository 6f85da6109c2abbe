//! What the tests of the examples share: building them, and folders that go away.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// The built example `name`, with the profile of this test.
///
/// `cargo test` builds examples before it runs tests, `cargo test --test …` does not.
pub(crate) fn example(name: &str) -> PathBuf {
    // One at a time: cargo would print about the lock it waits for.
    static BUILDING: Mutex<()> = Mutex::new(());
    let _building = BUILDING.lock().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--package", "runtime", "--example", name]);
    cargo.args(["--message-format", "json"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let output = cargo.output().expect("cargo cannot be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8(output.stdout).unwrap();
    let path = messages.lines().filter_map(|line| line.split_once("\"executable\":\"")).next_back();
    PathBuf::from(path.expect("cargo names the executable").1.split('"').next().unwrap())
}

/// A folder that is removed in the end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("runtime-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
