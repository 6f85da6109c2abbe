//! What was accepted and could not be written, when nobody asks: one line on standard error says so. Each test in a process of its
//! own.
#![cfg(target_os = "linux")]

mod busy;

use busy::keep_busy;
use futures::io::AsyncWriteExt;
use runtime::fs::File;
use runtime::io::{stderr, stdout};
use rustix::stdio::{dup2_stderr, dup2_stdout};
use std::fs::File as StdFile;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Longer than anything here takes, by far.
const LONG: Duration = Duration::from_secs(60);

/// Set in the child processes of these tests.
const CHILD: &str = "RUNTIME_TEST_LOST";

/// Runs `child` in another process, the calling test once more. What the runtime says there.
fn said_by(test: &str, child: impl FnOnce()) -> Vec<String> {
    if std::env::var_os(CHILD).is_some() {
        child();
        // The rest of a test writes, too.
        std::process::exit(0);
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--test-threads=1", "--nocapture"]).env(CHILD, "1");
    let output = command.stdout(Stdio::null()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{}: {said}", output.status);
    said.lines().filter(|line| line.starts_with("runtime: ")).map(str::to_owned).collect()
}

fn full() -> StdFile {
    StdFile::options().write(true).open("/dev/full").unwrap()
}

const OF_STDOUT: &str =
    "runtime: what was written last to standard output is lost: No space left on device (os error 28)";
const OF_FILE: &str = "runtime: what was written last to a file that was dropped is lost: No space left on device (os error \
                       28); `flush` or `sync_all` tells it";

#[test]
fn what_standard_output_lost_is_said_once() {
    let said = said_by("what_standard_output_lost_is_said_once", || {
        dup2_stdout(full()).unwrap();
        #[runtime::main]
        async fn main() {
            stdout().write_all(b"in a handle that is dropped at once\n").await.unwrap();
            let mut out = stdout();
            out.write_all(b"no whole line").await.unwrap();
        }
        main();
    });
    assert_eq!(said, [OF_STDOUT]);
}

/// Tells in the child what it says, which is said all the same. Who writes for a runtime that has ended is not waited for.
fn hear() -> mpsc::Receiver<()> {
    let mut said = StdFile::from(std::io::stderr().as_fd().try_clone_to_owned().unwrap());
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    dup2_stderr(writer).unwrap();
    let (tell, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(StdFile::from(reader)).lines().map_while(Result::ok) {
            writeln!(said, "{line}").unwrap();
            if line.starts_with("runtime: ") {
                let _ = tell.send(());
            }
        }
    });
    heard
}

/// A runtime whose only blocking thread is at something else, until the sender is dropped.
fn busy() -> (runtime::Runtime, mpsc::Sender<()>) {
    let runtime = runtime::Builder::new_multi_thread().max_blocking_threads(1).build().unwrap();
    let release = keep_busy(&runtime);
    (runtime, release)
}

/// Its job is dropped with the runtime.
#[test]
fn what_standard_output_lost_with_the_runtime_is_said() {
    let said = said_by("what_standard_output_lost_with_the_runtime_is_said", || {
        let heard = hear();
        dup2_stdout(full()).unwrap();
        let (runtime, release) = busy();
        runtime.block_on(async { stdout().write_all(b"text").await.unwrap() });
        drop(runtime);
        heard.recv_timeout(LONG).unwrap();
        drop(release);
    });
    assert_eq!(said, [OF_STDOUT]);
}

#[test]
fn what_standard_output_lost_outside_of_a_runtime_is_said() {
    let said = said_by("what_standard_output_lost_outside_of_a_runtime_is_said", || {
        dup2_stdout(full()).unwrap();
        let mut out = stdout();
        runtime::run(async { out.write_all(b"text").await.unwrap() });
        drop(out);
    });
    assert_eq!(said, [OF_STDOUT]);
}

#[test]
fn what_was_told_is_not_said_nor_that_nobody_reads() {
    let said = said_by("what_was_told_is_not_said_nor_that_nobody_reads", || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        dup2_stdout(writer).unwrap();
        runtime::run(async { stdout().write_all(b"text\n").await.unwrap() });
        dup2_stdout(full()).unwrap();
        runtime::run(async {
            let mut out = stdout();
            out.write_all(b"text").await.unwrap();
            out.flush().await.unwrap_err();
            let mut file = File::from_std(full());
            file.write_all(b"text").await.unwrap();
            file.sync_all().await.unwrap_err();
        });
    });
    assert!(said.is_empty(), "{said:?}");
}

#[test]
fn where_standard_error_is_full_too_nothing_panics() {
    let said = said_by("where_standard_error_is_full_too_nothing_panics", || {
        dup2_stdout(full()).unwrap();
        dup2_stderr(full()).unwrap();
        runtime::run(async {
            stdout().write_all(b"text").await.unwrap();
            stderr().write_all(b"text").await.unwrap();
            File::from_std(full()).write_all(b"text").await.unwrap();
        });
    });
    assert!(said.is_empty(), "{said:?}");
}

/// Each dropped at another moment: four files, four lines.
#[test]
fn what_a_dropped_file_lost_is_said() {
    let said = said_by("what_a_dropped_file_lost_is_said", || {
        let heard = hear();
        runtime::run(async {
            let written = async || {
                let mut file = File::from_std(full());
                file.write_all(b"text").await.unwrap();
                file
            };
            // Noted, and not told.
            let file = written().await;
            file.metadata().await.unwrap();
            drop(file);
            drop(written().await.into_std().await);
        });
        // In flight when it is dropped, and written afterwards.
        let (runtime, release) = busy();
        runtime.block_on(async { File::from_std(full()).write_all(b"text").await.unwrap() });
        drop(release);
        let report = runtime.shutdown(runtime::ShutdownOptions::default());
        assert!(report.is_clean(), "{report}");
        // Written when the runtime ends, and dropped afterwards.
        let (runtime, release) = busy();
        let mut file = File::from_std(full());
        runtime.block_on(async { file.write_all(b"text").await.unwrap() });
        drop(runtime);
        drop(file);
        drop(release);
        (0..4).for_each(|_| heard.recv_timeout(LONG).unwrap());
    });
    assert_eq!(said, [OF_FILE; 4]);
}
