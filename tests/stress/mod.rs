//! What these tests share: their size, a watchdog, a process of their own, and what the process holds.

use std::io::Write;
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How many times larger than usual the tests are: `STRESS_FACTOR`, 1 unless told.
pub(crate) fn factor() -> u64 {
    match std::env::var("STRESS_FACTOR") {
        Ok(text) => text.parse().expect("STRESS_FACTOR is not a number"),
        Err(_) => 1,
    }
}

/// Ends the process with a report when a test takes ten times as long as it should.
#[derive(Debug)]
pub(crate) struct Watchdog {
    alive: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Watches until it is dropped; `state` says how far the test has come.
    pub(crate) fn watch(state: impl Fn() -> String + Send + 'static) -> Self {
        let (alive, ended) = channel();
        let test = thread::current().name().unwrap_or("a test").to_owned();
        let limit = Duration::from_secs(30) * u32::try_from(factor()).expect("STRESS_FACTOR is too large");
        let thread = thread::spawn(move || {
            if ended.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                // Not `eprintln!`: the test harness keeps that for a test that will never end.
                let _ = writeln!(std::io::stderr(), "{test} is stuck after {limit:?}: {}", state());
                std::process::abort();
            }
        });
        Self { alive: Some(alive), thread: Some(thread) }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.alive.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the watchdog panicked");
        }
    }
}

/// Runs `body` in a process that runs nothing else: call it from the test `name` and do nothing more.
pub(crate) fn alone(name: &str, body: impl FnOnce()) {
    alone_with(name, |command| command, body);
}

/// The same, with something about the process changed.
pub(crate) fn alone_with(name: &str, change: impl FnOnce(&mut Command) -> &mut Command, body: impl FnOnce()) {
    const CHILD: &str = "STRESS_CHILD";
    if std::env::var(CHILD).is_ok_and(|child| child == name) {
        return body();
    }
    let program = std::env::current_exe().expect("own path");
    let mut child = Command::new(program);
    change(child.args([name, "--exact", "--nocapture"]).env(CHILD, name));
    let child = child.output().expect("cannot start a process");
    let said = String::from_utf8_lossy(&child.stdout) + String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{}: {said}", child.status);
    assert!(said.contains("1 passed"), "the child ran no test: {said}");
}

/// Threads and open files of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) threads: u64,
    pub(crate) files: u64,
}

impl Held {
    /// The present state.
    pub(crate) fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").expect("/proc is not mounted");
        let threads = status.lines().find_map(|line| line.strip_prefix("Threads:")?.trim().parse().ok());
        let files = std::fs::read_dir("/proc/self/fd").expect("/proc is not mounted").count() as u64;
        Self { threads: threads.expect("a line of status"), files }
    }
}
