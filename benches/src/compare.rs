//! The program that fills the table.
//!
//! It starts itself again for each workload and runtime, in turn: A B C, A B C, so that what else the
//! machine does meets all alike. A child that hangs or fails leaves a hole in the table.

use crate::measure::{Figures, Run, peak_resident};
use crate::report::{self, Measured};
use crate::table::{Column, WORKLOADS, Workload};
use crate::{cold_build, load};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A child that takes longer than this is stuck.
const CHILD_MAX: Duration = Duration::from_secs(60);

const USAGE: &str = "usage: compare [OPTION]…
  --rounds N          rounds, of which each figure is the median (5)
  --quick             3 short rounds; --full: 11 long ones
  --only A,B          these workloads only; a name stands for all that begin with it
  --columns A,B       of ours, tokio, smol, limit
  --workers N         worker threads of each runtime (2)
  --allocators A,B    of glibc, mimalloc (both)
  --strace            one more run of each under strace: system calls per operation
  --build             cold release builds of an empty program too (a minute or two)
  --out PATH          where the report goes (benches/RESULTS.md; with --only or --quick: stdout)
  --append            behind what is there, which stays; a later report's row stands for an earlier one's";

/// What the command line asks for.
#[derive(Debug, Clone)]
pub struct Options {
    /// Rounds.
    pub rounds: usize,
    /// How each run is done.
    pub run: Run,
    /// Prefixes of the workloads to run; empty: all.
    only: Vec<String>,
    /// The columns to fill.
    pub columns: Vec<Column>,
    /// Allocators.
    allocators: Vec<String>,
    /// Whether system calls are counted.
    pub strace: bool,
    /// Whether cold builds are measured.
    build: bool,
    /// Where the report goes.
    out: Option<PathBuf>,
    /// Whether what is there stays.
    append: bool,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let run = Run { workers: 2, budget: Duration::from_millis(250) };
        let mut options = Self {
            rounds: 5,
            run,
            only: Vec::new(),
            columns: Column::ALL.to_vec(),
            allocators: vec!["glibc".into(), "mimalloc".into()],
            strace: false,
            build: false,
            out: Some(package().join("RESULTS.md")),
            append: false,
        };
        let (mut partial, mut out) = (false, None);
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} needs a value"));
            let number = |text: String| text.parse::<usize>().map_err(|_| format!("not a number: {text}"));
            let list = |text: String| text.split(',').map(String::from).collect::<Vec<_>>();
            match arg.as_str() {
                "--rounds" => options.rounds = number(value()?)?.max(1),
                "--quick" => {
                    (options.rounds, options.run.budget, partial) = (3, Duration::from_millis(80), true)
                }
                "--full" => (options.rounds, options.run.budget) = (11, Duration::from_millis(600)),
                "--only" => (options.only, partial) = (list(value()?), true),
                "--columns" => {
                    let names = list(value()?);
                    options.columns.retain(|column| names.iter().any(|name| name == column.name()));
                    partial = true;
                }
                "--workers" => options.run.workers = number(value()?)?.max(1),
                "--allocators" => options.allocators = list(value()?),
                "--strace" => options.strace = true,
                "--build" => options.build = true,
                "--append" => options.append = true,
                "--out" => out = Some(PathBuf::from(value()?)),
                _ => return Err(format!("{arg}: unknown\n{USAGE}")),
            }
        }
        if partial || out.is_some() {
            options.out = out;
        }
        Ok(options)
    }

    fn wants(&self, workload: &Workload) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| workload.name.starts_with(name.as_str()))
    }
}

/// The program: the parent that fills the table, or one of its children.
pub fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("child") => child(&args[1..]),
        Some("help") => load::help(&args[1..]),
        _ => {
            if let Err(error) = parent(&args) {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

/// Runs one workload on one runtime and prints its figures. Exits by itself, whatever threads are left.
fn child(args: &[String]) {
    let [name, column, workers, budget_ms] = args else { panic!("child WORKLOAD COLUMN WORKERS BUDGET_MS") };
    let workload = WORKLOADS.iter().find(|workload| workload.name == name).expect("no such workload");
    let column = Column::ALL.into_iter().find(|known| known.name() == column).expect("no such column");
    let budget = Duration::from_millis(budget_ms.parse().expect("a number"));
    let run = Run { workers: workers.parse().expect("a number"), budget };
    for (figure, value) in (workload.run)(column, &run).unwrap_or_default() {
        println!("{figure} {value}");
    }
    println!("peak {}", peak_resident());
    std::process::exit(0);
}

fn parent(args: &[String]) -> Result<(), String> {
    let options = Options::parse(args.iter().cloned())?;
    let load_before = report::load_average();
    let start = Instant::now();
    let mut tables = Vec::new();
    for allocator in &options.allocators {
        let program = program(allocator)?;
        let all = allocator == "glibc" || options.allocators.len() == 1 || !options.only.is_empty();
        let wanted = |workload: &&Workload| options.wants(workload) && (all || workload.allocates);
        let table: Vec<_> =
            WORKLOADS.iter().filter(wanted).map(|workload| measure(&program, workload, &options)).collect();
        tables.push((allocator.clone(), table));
    }
    let command = std::iter::once("cargo run --release -p benches --bin compare --")
        .chain(args.iter().map(String::as_str));
    let command = command.collect::<Vec<_>>().join(" ");
    let head = report::head(command.trim_end_matches(" --"), &options, &load_before, start.elapsed());
    let mut text = report::write(&head, &tables);
    if options.build {
        text += &cold_build::table(&package().join("..")).map_err(|error| error.to_string())?;
    }
    match &options.out {
        Some(path) => {
            let mut open = OpenOptions::new();
            open.create(true).write(true).append(options.append).truncate(!options.append);
            let text = if options.append { format!("\n{text}") } else { text };
            let written = open.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
            written.map_err(|error| format!("{}: {error}", path.display()))
        }
        None => {
            print!("{text}");
            Ok(())
        }
    }
}

/// The folder of this package.
fn package() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| "benches".into(), PathBuf::from)
}

/// This program, or the one beside it that has the other allocator.
fn program(allocator: &str) -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let name = match allocator {
        "glibc" => "compare",
        "mimalloc" => "compare-mimalloc",
        _ => return Err(format!("{allocator}: unknown allocator")),
    };
    if own.file_name().is_some_and(|file| file == name) {
        return Ok(own);
    }
    // It has to be as new as this one: cargo knows whether it is, where cargo is what started us.
    if let Some(cargo) = std::env::var_os("CARGO") {
        let built =
            Command::new(cargo).args(["build", "-q", "--release", "-p", "benches", "--bin", name]).status();
        if !built.is_ok_and(|status| status.success()) {
            return Err(format!("cannot build {name}"));
        }
    }
    let path = own.with_file_name(name);
    if path.exists() { Ok(path) } else { Err(format!("{name} is not beside this program: build it first")) }
}

/// All rounds of one workload.
fn measure(program: &Path, workload: &'static Workload, options: &Options) -> Measured {
    let mut measured = Measured { workload, runs: Default::default(), syscalls: Default::default() };
    let start = Instant::now();
    for round in 0..options.rounds {
        // Whoever comes first meets what the last one of the round before has left: each has its turn.
        let (later, first) = options.columns.split_at(round % options.columns.len());
        for &column in first.iter().chain(later) {
            let mut child = Command::new(program);
            let figures = run_child(child.args(child_args(workload, column, &options.run)));
            let figures =
                figures.inspect_err(|error| eprintln!("{} on {}: {error}", workload.name, column.name()));
            measured.runs[column as usize].push(figures.unwrap_or_default());
        }
    }
    for &column in options.columns.iter().filter(|_| options.strace) {
        measured.syscalls[column as usize] = syscalls(program, workload, column, &options.run).ok();
    }
    eprintln!("{:22} {:5.1} s", workload.name, start.elapsed().as_secs_f64());
    measured
}

fn child_args(workload: &Workload, column: Column, run: &Run) -> [String; 5] {
    let budget_ms = run.budget.as_millis().to_string();
    ["child".into(), workload.name.into(), column.name().into(), run.workers.to_string(), budget_ms]
}

/// Runs a child and reads its figures.
fn run_child(command: &mut Command) -> io::Result<Figures> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let start = Instant::now();
    // A child prints less than a pipe holds, so it can be read when it has ended.
    while child.try_wait()?.is_none() {
        if start.elapsed() > CHILD_MAX {
            child.kill()?;
            child.wait()?;
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("{}", output.status)));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let figure = |line: &str| {
        let (name, value) = line.split_once(' ')?;
        // Figures are known by name for good: leaking the few dozen names is simpler than owning them.
        Some((&*name.to_owned().leak(), value.parse().ok()?))
    };
    Ok(text.lines().filter_map(figure).collect())
}

/// System calls per operation, set-up included, counted by strace. A helper's calls do not count: its
/// process is the only one below the child, and the only one besides that calls `execve`.
fn syscalls(program: &Path, workload: &Workload, column: Column, run: &Run) -> io::Result<f64> {
    let log = std::env::temp_dir().join(format!("compare-strace-{}", std::process::id()));
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(&log).arg(program).args(child_args(workload, column, run));
    let figures = run_child(&mut strace)?;
    let mut helpers = Vec::new();
    let mut calls = 0u64;
    for line in BufReader::new(File::open(&log)?).lines() {
        let line = line?;
        let Some((id, call)) = line.split_once(char::is_whitespace) else { continue };
        if call.trim_start().starts_with("execve(") && calls > 0 {
            helpers.push(id.to_owned());
        }
        calls += u64::from(!helpers.iter().any(|helper| helper == id) && !call.contains(" resumed>"));
    }
    std::fs::remove_file(&log)?;
    let figure = |name| figures.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let ops = figure("total").or(figure("ops")).ok_or(io::ErrorKind::NotFound)?;
    Ok(calls as f64 / ops)
}
