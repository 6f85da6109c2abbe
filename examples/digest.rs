//! SHA-256 of every file below some paths, many at a time, printed like `sha256sum` does.
//!
//! ```sh
//! cargo run --release --example digest -- PATH…
//! find PATH… -type f | LC_ALL=C sort | xargs sha256sum      # the same lines
//! ```
//!
//! Files are read on the blocking pool, at most `jobs` at once, each with one buffer; the lines come in
//! the order of their paths all the same. What cannot be read gets a line on stderr, the rest is done, and
//! the exit code is 1. On a terminal a line on stderr shows how far it is.

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use runtime::JoinError;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// What one job holds of a file.
const BUFFER_BYTES: usize = 128 * 1024;
/// Paths that are listed ahead, at most.
const BATCH_MAX: usize = 256;
/// Results that wait for an earlier file, at most: one huge file does not hold up the others at once.
const WAITING_MAX: u64 = 4096;
/// Lines are written together, at most this late.
const WRITE_EVERY: Duration = Duration::from_millis(100);

#[runtime::main]
async fn main() -> ExitCode {
    let paths: Vec<PathBuf> = match arguments() {
        Some(paths) => paths,
        None => {
            eprintln!("usage: digest PATH…      (files, or folders of files)");
            return ExitCode::from(2);
        }
    };
    match Run::new(paths).drive().await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        // Nobody reads our output any more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("digest: cannot write: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The paths; none where there is none, or an option. Behind `--` everything is a path.
fn arguments() -> Option<Vec<PathBuf>> {
    let mut arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let options = arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len());
    if arguments[..options].iter().any(|argument| argument.as_bytes().starts_with(b"-")) {
        return None;
    }
    if options < arguments.len() {
        arguments.remove(options);
    }
    (!arguments.is_empty()).then(|| arguments.into_iter().map(PathBuf::from).collect())
}

/// A file's SHA-256 and its size, or why there is none.
type Outcome = Result<([u8; 32], u64), String>;

struct Run {
    jobs: usize,
    /// `None` while a thread of the pool is listing.
    walk: Option<Walk>,
    listed: VecDeque<Entry>,
    /// The number of the next file to start, and of the next to print.
    next: u64,
    printed: u64,
    /// Done, and waiting for an earlier one.
    done: BTreeMap<u64, (PathBuf, Outcome)>,
    output: Output,
    failures: u64,
}

impl Run {
    fn new(paths: Vec<PathBuf>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Run {
            // One computes while one waits for the disk.
            jobs: 2 * cores,
            walk: Some(Walk::new(paths)),
            listed: VecDeque::new(),
            next: 0,
            printed: 0,
            done: BTreeMap::new(),
            output: Output::new(),
            failures: 0,
        }
    }

    async fn drive(mut self) -> io::Result<u64> {
        let mut running = FuturesUnordered::new();
        let mut ticker = runtime::time::interval(WRITE_EVERY);
        loop {
            while running.len() < self.jobs && self.next - self.printed < WAITING_MAX {
                let Some(entry) = self.entry().await else { break };
                let number = self.next;
                self.next += 1;
                running.push(async move { (number, outcome(entry).await) });
            }
            runtime::select! {
                finished = running.next() => match finished {
                    Some((number, outcome)) => self.finished(number, outcome),
                    None => break,
                },
                _ = ticker.tick() => self.output.write()?,
            }
        }
        self.output.write()?;
        Ok(self.failures)
    }

    /// The next file or error in order; listing happens on the pool too.
    async fn entry(&mut self) -> Option<Entry> {
        if self.listed.is_empty() {
            let mut walk = self.walk.take()?;
            let listing = runtime::spawn_blocking(move || {
                let batch: VecDeque<Entry> = walk.by_ref().take(BATCH_MAX).collect();
                (walk, batch)
            });
            match listing.await {
                Ok((_, batch)) if batch.is_empty() => {}
                Ok((walk, batch)) => (self.walk, self.listed) = (Some(walk), batch),
                Err(error) => self.listed = VecDeque::from([(PathBuf::new(), Err(error.to_string()))]),
            }
        }
        self.listed.pop_front()
    }

    fn finished(&mut self, number: u64, outcome: (PathBuf, Outcome)) {
        self.done.insert(number, outcome);
        while let Some((path, outcome)) = self.done.remove(&self.printed) {
            self.printed += 1;
            match outcome {
                Ok((digest, bytes)) => self.output.line(&digest, bytes, &path),
                Err(reason) => {
                    self.failures += 1;
                    self.output.error(&path, &reason);
                }
            }
        }
    }
}

async fn outcome((path, found): Entry) -> (PathBuf, Outcome) {
    if let Err(reason) = found {
        return (path, Err(reason));
    }
    let file = path.clone();
    let outcome = runtime::spawn_blocking(move || hash(&file)).await;
    let outcome = match outcome {
        Ok(outcome) => outcome.map_err(|error| reason(&error)),
        Err(error) => Err(JoinError::to_string(&error)),
    };
    (path, outcome)
}

fn hash(path: &Path) -> io::Result<([u8; 32], u64)> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let (mut hasher, mut bytes) = (Sha256::new(), 0);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((hasher.finalize().into(), bytes)),
            Ok(n) => {
                hasher.update(&buffer[..n]);
                bytes += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// What the system says, without Rust's `(os error 2)`.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// A file, or why there is none.
type Entry = (PathBuf, Result<(), String>);

/// All files below some paths, in the order of the bytes of their paths. It holds one folder's entries for
/// each level of depth, not all paths.
///
/// Symbolic links are followed where they are given, and passed over below, as are pipes, sockets and
/// devices: what `find PATH -type f` finds.
struct Walk {
    /// Of each folder that is open the entries not yet visited, the next one last.
    levels: Vec<Vec<Node>>,
}

struct Node {
    path: PathBuf,
    is_folder: io::Result<bool>,
}

impl Node {
    /// A folder sorts as what its files' paths begin with.
    fn key(&self) -> Vec<u8> {
        let mut key = self.path.as_os_str().to_owned().into_vec();
        if matches!(self.is_folder, Ok(true)) && !key.ends_with(b"/") {
            key.push(b'/');
        }
        key
    }
}

impl Walk {
    fn new(paths: Vec<PathBuf>) -> Self {
        let node =
            |path: PathBuf| Node { is_folder: std::fs::metadata(&path).map(|meta| meta.is_dir()), path };
        Walk { levels: vec![sorted(paths.into_iter().map(node).collect())] }
    }
}

fn sorted(mut nodes: Vec<Node>) -> Vec<Node> {
    nodes.sort_by_cached_key(|node| std::cmp::Reverse(node.key()));
    nodes
}

fn list(folder: &Path) -> io::Result<Vec<Node>> {
    let mut nodes = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type();
        if kind.as_ref().map_or(true, |kind| kind.is_file() || kind.is_dir()) {
            nodes.push(Node { path: entry.path(), is_folder: kind.map(|kind| kind.is_dir()) });
        }
    }
    Ok(sorted(nodes))
}

impl Iterator for Walk {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        loop {
            let Some(node) = self.levels.last_mut()?.pop() else {
                self.levels.pop();
                continue;
            };
            match node.is_folder {
                Ok(false) => return Some((node.path, Ok(()))),
                Ok(true) => match list(&node.path) {
                    Ok(nodes) => self.levels.push(nodes),
                    Err(error) => return Some((node.path, Err(reason(&error)))),
                },
                Err(error) => return Some((node.path, Err(reason(&error)))),
            }
        }
    }
}

/// Lines on stdout, errors and progress on stderr.
struct Output {
    lines: Vec<u8>,
    files: u64,
    bytes: u64,
    shows_progress: bool,
}

impl Output {
    fn new() -> Self {
        Output { lines: Vec::new(), files: 0, bytes: 0, shows_progress: io::stderr().is_terminal() }
    }

    /// `sha256sum`'s line. One whose name has a backslash or a line break begins with a backslash, and
    /// these are written as two characters.
    fn line(&mut self, digest: &[u8; 32], bytes: u64, path: &Path) {
        let name = path.as_os_str().as_bytes();
        if name.iter().any(|byte| matches!(byte, b'\\' | b'\n' | b'\r')) {
            self.lines.push(b'\\');
        }
        for byte in digest {
            self.lines.extend(format!("{byte:02x}").as_bytes());
        }
        self.lines.extend(b"  ");
        for byte in name {
            match byte {
                b'\\' => self.lines.extend(br"\\"),
                b'\n' => self.lines.extend(br"\n"),
                b'\r' => self.lines.extend(br"\r"),
                other => self.lines.push(*other),
            }
        }
        self.lines.push(b'\n');
        self.files += 1;
        self.bytes += bytes;
    }

    fn error(&mut self, path: &Path, reason: &str) {
        self.clear_progress();
        eprintln!("digest: {}: {reason}", path.display());
    }

    /// Writes the lines so far. A reader that is slow holds up this task alone: `main` is not driven by
    /// one of the workers.
    fn write(&mut self) -> io::Result<()> {
        self.clear_progress();
        let mut stdout = io::stdout().lock();
        stdout.write_all(&self.lines)?;
        stdout.flush()?;
        self.lines.clear();
        if self.shows_progress {
            let mebibytes = self.bytes / (1024 * 1024);
            let _ = write!(io::stderr(), "{} files, {mebibytes} MiB", self.files);
        }
        Ok(())
    }

    fn clear_progress(&self) {
        if self.shows_progress {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.clear_progress();
    }
}
