//! The example `proc_pipeline` against `sh`, and its children as `/proc` shows them.

#[path = "examples/mod.rs"]
#[allow(dead_code)]
mod examples;

use examples::Scratch;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything here takes, by far.
const LIMIT: Duration = Duration::from_secs(60);

fn run(arguments: &[&str]) -> Output {
    Command::new(examples::example("proc_pipeline")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// All processes: number, state, parent, group.
fn processes() -> Vec<(u32, char, u32, u32)> {
    let stats = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let path = entry.ok()?.path();
        let pid = path.file_name()?.to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(path.join("stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        Some((pid, fields[0].chars().next()?, fields[1].parse().ok()?, fields[2].parse().ok()?))
    });
    stats.collect()
}

/// A running one that has said `done` and waits; killed where a test fails.
struct Staying(Child, String);

impl Staying {
    fn with(arguments: &[&str]) -> Staying {
        let mut child = Command::new(examples::example("proc_pipeline"));
        let child = child.arg("--stay").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child.stdin(Stdio::null()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let said: Vec<String> = said.take_while(|line| line != "done").collect();
        Staying(child, said.join("\n"))
    }

    /// Its children, dead or alive.
    fn children(&self) -> usize {
        processes().iter().filter(|(_, _, parent, _)| *parent == self.0.id()).count()
    }

    /// Its exit code, and what it said on stderr.
    fn interrupt(mut self) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.0), Signal::INT).unwrap();
        let mut complained = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut complained).unwrap();
        (self.0.wait().unwrap().code(), complained)
    }
}

impl Drop for Staying {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a shell makes of it.
fn in_a_shell(file: &Path) -> String {
    let output = Command::new("sh").args(["-c", "gzip -nc <\"$0\" | sha256sum"]).arg(file).output().unwrap();
    format!("{}: {}", file.display(), String::from_utf8(output.stdout).unwrap().trim_end())
}

#[test]
fn it_prints_what_a_shell_prints_and_leaves_no_child() {
    let scratch = Scratch::new("proc-pipeline");
    let sizes = [0, 1, 65_535, 65_536, 1_000_000, 20_000_000];
    let files: Vec<_> = sizes.iter().map(|size| scratch.path().join(size.to_string())).collect();
    for (file, size) in files.iter().zip(sizes) {
        let content: Vec<u8> = (0..size).map(|n: usize| ((n * n) >> 7) as u8).collect();
        std::fs::write(file, content).unwrap();
    }
    let arguments: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    let staying = Staying::with(&arguments);
    assert_eq!(staying.children(), 0);
    let mut ours: Vec<String> = staying.1.lines().map(str::to_string).collect();
    let mut theirs: Vec<String> = files.iter().map(|file| in_a_shell(file)).collect();
    ours.sort();
    theirs.sort();
    assert_eq!(ours, theirs);
    assert_eq!(staying.interrupt(), (Some(0), String::new()));
}

#[test]
fn a_pipeline_that_takes_too_long_is_killed_as_a_whole() {
    let start = Instant::now();
    let staying = Staying::with(&["--within", "0.2", "/dev/zero", "/dev/null", "/dev/zero"]);
    assert!(start.elapsed() < LIMIT);
    assert_eq!(staying.children(), 0);
    assert_eq!(staying.1, in_a_shell(Path::new("/dev/null")));
    let (code, complained) = staying.interrupt();
    assert_eq!(code, Some(124), "{complained}");
    let lines: Vec<&str> = complained.lines().collect();
    assert_eq!(lines.len(), 2, "{complained}");
    for line in lines {
        let group =
            line.strip_prefix("proc_pipeline: /dev/zero: killed after 200ms, process group ").unwrap();
        let group: u32 = group.parse().unwrap();
        assert!(processes().iter().all(|(_, _, _, other)| *other != group), "{:?}", processes());
    }
}

#[test]
fn mistakes_are_one_line_each() {
    for (arguments, code) in [
        (&[][..], 2),
        (&["--within", "soon", "x"], 2),
        (&["--nonsense", "x"], 2),
        (&["--within"], 2),
        (&["/nowhere/nothing"], 1),
        (&["/proc"], 1),
    ] {
        let output = run(arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains("proc_pipeline") && !stderr.contains("panicked"), "{stderr}");
        assert!(output.stdout.is_empty());
    }
}
