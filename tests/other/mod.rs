//! A test in a process of its own, which says what it does.

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything here takes, by far.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Set in the child processes of these tests.
const CHILD: &str = "RUNTIME_TEST_MAIN";

/// A process that runs the calling test again. It says what it does in lines on stderr that begin with `- `.
pub(crate) struct Other {
    child: Child,
    lines: mpsc::Receiver<String>,
    said: String,
    pub(crate) start: Instant,
}

/// `None` inside of the child. Ctrl-C has its usual effect there, also where these tests run in the background of a shell.
pub(crate) fn other(test: &str) -> Option<Other> {
    other_in(&["env", "--default-signal=INT"], test)
}

/// [`other`], started by a command that becomes what its arguments say.
pub(crate) fn other_in(starter: &[&str], test: &str) -> Option<Other> {
    if std::env::var_os(CHILD).is_some() {
        return None;
    }
    let start = Instant::now();
    let mut child = Command::new(starter[0])
        .args(&starter[1..])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--test-threads=1", "--nocapture"])
        .env(CHILD, "1")
        .env_remove("RUST_BACKTRACE")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let (tell, lines) = mpsc::channel();
    thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
    Some(Other { child, lines, said: String::new(), start })
}

impl Other {
    /// Waits until it says so.
    pub(crate) fn says(&mut self, what: &str) {
        let end = Instant::now() + LONG;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                let _ = self.child.kill();
                panic!("it does not say {what:?}:\n{}", self.said);
            };
            self.said += &line;
            self.said.push('\n');
            if line == format!("- {what}") {
                return;
            }
        }
    }

    pub(crate) fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// How it ended, all that it said, and how long it ran.
    pub(crate) fn end(mut self) -> (ExitStatus, String, Duration) {
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let took = self.start.elapsed();
                self.lines.iter().for_each(|line| self.said += &format!("{line}\n"));
                return (status, self.said, took);
            }
            if self.start.elapsed() > LONG {
                let _ = self.child.kill();
                let _ = self.child.wait();
                panic!("it hangs:\n{}", self.said);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

pub(crate) fn say(what: &str) {
    eprintln!("- {what}");
}
