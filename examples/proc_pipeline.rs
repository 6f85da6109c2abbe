//! What `gzip -nc <FILE | sha256sum` prints for each file, all at the same time, each within a limit of time.
//!
//! ```sh
//! cargo run --release --example proc_pipeline -- --within 10 README.md Cargo.lock
//! cargo run --release --example proc_pipeline -- --within 1 /dev/zero
//! ```
//!
//! The two children of a pipeline are a process group. One that takes too long is killed as a whole, named on stderr, and makes
//! the exit code 124, as `timeout` does; what else goes wrong makes it 1. With `--stay` the program waits for Ctrl-C before
//! it ends, so that one can look at what is left of its children: nothing.

use runtime::io::AsyncReadExt;
use runtime::process::{Child, Command};
use runtime::signal::unix::{SignalKind, signal};
use runtime::task::JoinSet;
use runtime::time::timeout;
use std::fs::File;
use std::io::{self, Write};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

const USAGE: &str = "usage: proc_pipeline [--within SECONDS] [--stay] FILE…";
const TOO_LONG: u8 = 124;

struct Options {
    within: Duration,
    stay: bool,
    files: Vec<String>,
}

/// `None` where they are nonsense.
fn options() -> Option<Options> {
    let mut options = Options { within: Duration::from_secs(60), stay: false, files: Vec::new() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--within" => {
                options.within = Duration::try_from_secs_f64(arguments.next()?.parse().ok()?).ok()?;
            }
            "--stay" => options.stay = true,
            _ if argument.starts_with("--") => return None,
            _ => options.files.push(argument),
        }
    }
    (!options.files.is_empty()).then_some(options)
}

#[runtime::main]
async fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    // Before the work: a Ctrl-C that comes while it is done counts.
    let interrupt = options.stay.then(|| signal(SignalKind::interrupt())).transpose();
    let mut code = 0;
    let mut pipelines = JoinSet::new();
    for file in options.files {
        pipelines.spawn(async move { (pipeline(&file, options.within).await, file) });
    }
    while let Some(done) = pipelines.join_next().await {
        let (result, file) = done.expect("nobody cancels it, and it does not panic");
        match result {
            Ok(Some(line)) => say(&format!("{file}: {}", line.trim_end())),
            Ok(None) => code = code.max(TOO_LONG),
            Err(error) => {
                eprintln!("proc_pipeline: {file}: {error}");
                code = code.max(1);
            }
        }
    }
    match interrupt {
        Ok(None) => {}
        Ok(Some(mut interrupt)) => {
            say("done");
            interrupt.recv().await;
        }
        Err(error) => eprintln!("proc_pipeline: {error}"),
    }
    ExitCode::from(code)
}

/// What the second child prints. `None` if it took too long.
async fn pipeline(file: &str, within: Duration) -> io::Result<Option<String>> {
    // A named pipe without a writer would block here.
    let name = file.to_string();
    let input = runtime::spawn_blocking(move || File::open(name)).await.expect("it does not panic")?;
    let mut gzip = Command::new("gzip");
    gzip.arg("-nc").stdin(input).stdout(Stdio::piped()).process_group(0).kill_on_drop(true);
    let mut gzip = gzip.spawn()?;
    let group = gzip.id().expect("nobody has waited for it yet");
    let pipe: Stdio = gzip.stdout.take().expect("it is piped").try_into()?;
    let mut sum = Command::new("sha256sum");
    sum.stdin(pipe).stdout(Stdio::piped()).process_group(group as i32).kill_on_drop(true);
    let mut sum = sum.spawn()?;
    match timeout(within, finish(&mut gzip, &mut sum)).await {
        Ok(line) => line.map(Some),
        Err(_) => {
            gzip.kill_group().await?;
            sum.wait().await?;
            eprintln!("proc_pipeline: {file}: killed after {within:?}, process group {group}");
            Ok(None)
        }
    }
}

/// Waits for the leader of the group last: until then the group has its number, and can be killed.
async fn finish(gzip: &mut Child, sum: &mut Child) -> io::Result<String> {
    let mut line = String::new();
    sum.stdout.take().expect("it is piped").read_to_string(&mut line).await?;
    for (name, child) in [("sha256sum", sum), ("gzip", gzip)] {
        let status = child.wait().await?;
        if !status.success() {
            return Err(io::Error::other(format!("{name}: {status}")));
        }
    }
    Ok(line)
}

/// A line on stdout, if anybody listens.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
