//! The programs of `examples/asyncio` beside the sections of `tour`: the same lines, in the same order, in the
//! same time.

#[path = "examples/mod.rs"]
#[allow(dead_code)]
mod examples;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

/// Other processes may steal the time of a try, and with it the order of what it prints.
const TRIES_MAX: usize = 5;
/// A machine this busy once in so many tries is bad luck; twice, the order is not what it should be.
const OTHER_LINES_MAX: usize = 1;
/// How far the two wall times may be apart, as a share of Python's.
const APART_MAX: f64 = 0.15;

/// What a program printed, and the time that it says it took.
#[derive(Debug)]
struct Run {
    lines: Vec<String>,
    seconds: f64,
}

/// What is typed once the program has printed its first line.
type Typed = &'static [&'static str];

fn run(mut command: Command, typed: Typed) -> Run {
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; install python3 (.ci/run tools)"));
    let stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines: Vec<String> = stdout.next().into_iter().map(|line| line.unwrap()).collect();
    // Open until the program has ended.
    let stdin = type_lines(stdin, typed);
    lines.extend(stdout.map(|line| line.unwrap()));
    let status = child.wait().unwrap();
    drop(stdin);
    assert!(status.success(), "{command:?}: {status}: {lines:?}");
    let last = lines.pop().unwrap_or_default();
    let seconds = last.strip_prefix("took ").and_then(|rest| rest.strip_suffix(" s")?.parse().ok());
    Run { seconds: seconds.unwrap_or_else(|| panic!("{command:?}: no time: {last:?}")), lines }
}

/// Line after line, at a pace that leaves no doubt which came first.
fn type_lines(mut stdin: ChildStdin, typed: Typed) -> ChildStdin {
    for line in typed {
        writeln!(stdin, "{line}").unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
    stdin
}

fn python(program: &str, typed: Typed) -> Run {
    let mut command = Command::new("python3");
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "examples", "asyncio", program].iter().collect();
    // Without -u its lines come in the end.
    command.arg("-u").arg(path);
    run(command, typed)
}

fn ours(program: &str, typed: Typed) -> Run {
    let number: usize = program[1..3].parse().unwrap();
    static TOUR: LazyLock<PathBuf> = LazyLock::new(|| examples::example("tour"));
    let mut command = Command::new(&*TOUR);
    command.arg(number.to_string());
    run(command, typed)
}

/// Fails unless one of the tries shows the same lines in the same time.
#[track_caller]
fn same(program: &str, typed: Typed) {
    // One program at a time: they measure.
    static MEASURING: Mutex<()> = Mutex::new(());
    let _measuring = MEASURING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut others = 0;
    let mut tries = Vec::new();
    for _ in 0..TRIES_MAX {
        let (python, ours) = (python(program, typed), ours(program, typed));
        let is_same = python.lines == ours.lines;
        if is_same && (ours.seconds - python.seconds).abs() <= APART_MAX * python.seconds {
            return;
        }
        others += usize::from(!is_same);
        let apart = format!("\nPython: {python:?}\n  ours: {ours:?}");
        assert!(others <= OTHER_LINES_MAX, "{program}: other lines{apart}");
        tries.push(apart);
    }
    panic!("{program}: never the same{}", tries.concat());
}

#[test]
fn every_program_is_here() {
    let folder = [env!("CARGO_MANIFEST_DIR"), "examples", "asyncio"].iter().collect::<PathBuf>();
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(".py"));
    names.sort();
    let this = include_str!("examples_asyncio.rs");
    let numbers: Vec<&str> = names.iter().map(|name| &name[..4]).collect();
    assert_eq!(numbers, ["p01_", "p02_", "p03_", "p04_", "p05_", "p06_", "p07_", "p08_", "p09_", "p10_"]);
    for name in names {
        assert!(this.contains(&format!("same(\"{name}\"")), "{name} is not compared");
    }
}

#[test]
fn p01_hello_world() {
    same("p01_hello_world.py", &[]);
}

#[test]
fn p02_future() {
    same("p02_future.py", &[]);
}

#[test]
fn p03_sleepers() {
    same("p03_sleepers.py", &[]);
}

#[test]
fn p04_wait() {
    same("p04_wait.py", &[]);
}

#[test]
fn p05_pool() {
    same("p05_pool.py", &[]);
}

#[test]
fn p06_in_turn_and_together() {
    same("p06_in_turn_and_together.py", &[]);
}

#[test]
fn p07_two_tasks() {
    same("p07_two_tasks.py", &[]);
}

#[test]
fn p08_fetch_and_process() {
    same("p08_fetch_and_process.py", &[]);
}

#[test]
fn p09_three_delays() {
    same("p09_three_delays.py", &[]);
}

/// It ends although stdin is open.
#[test]
fn p10_stdin() {
    same("p10_stdin.py", &["one", "two", "three"]);
}
