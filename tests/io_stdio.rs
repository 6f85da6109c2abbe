//! Standard streams, each test in a process of its own whose streams are ours to see.
#![cfg(unix)]

#[path = "examples/mod.rs"]
#[allow(dead_code)]
mod examples;

use futures::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use futures::{StreamExt, poll};
use runtime::io::{Stdin, stderr, stdin, stdout};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything here takes, by far.
const LONG: Duration = Duration::from_secs(60);

/// Set in the child processes of these tests.
const CHILD: &str = "RUNTIME_TEST_STDIO";

/// A process that runs the calling test again, killed when this is dropped.
struct Other {
    child: Child,
    stdin: Option<ChildStdin>,
    /// What it writes, as it comes: to standard output, or, where a test says so, error.
    said: mpsc::Receiver<Vec<u8>>,
    text: Vec<u8>,
}

/// `None` inside of the child.
fn other(test: &str) -> Option<Command> {
    if std::env::var_os(CHILD).is_some() {
        return None;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--test-threads=1", "--nocapture"]).env(CHILD, "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    Some(command)
}

impl Other {
    fn new(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut out: Box<dyn Read + Send> = match child.stdout.take() {
            Some(out) => Box::new(out),
            None => Box::new(child.stderr.take().unwrap()),
        };
        let (tell, said) = mpsc::channel();
        thread::spawn(move || {
            let mut buf = [0; 8192];
            while let Ok(len @ 1..) = out.read(&mut buf) {
                if tell.send(buf[..len].to_vec()).is_err() {
                    return;
                }
            }
        });
        Other { stdin: child.stdin.take(), child, said, text: Vec::new() }
    }

    fn tell(&mut self, text: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(text).unwrap();
    }

    /// Waits until it says so. (The name of the test is said, too.)
    fn says(&mut self, what: &str) {
        let what = format!("- {what}\n");
        while !self.text.windows(what.len()).any(|window| window == what.as_bytes()) {
            match self.said.recv_timeout(LONG) {
                Ok(text) => self.text.extend(text),
                Err(_) => panic!("it does not say {what:?}: {:?}", String::from_utf8_lossy(&self.text)),
            }
        }
    }

    /// How it ended, and all that it said.
    fn end(mut self) -> (ExitStatus, String) {
        let start = Instant::now();
        let status = loop {
            self.text.extend(self.said.try_iter().flatten());
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(start.elapsed() < LONG, "it hangs: {:?}", String::from_utf8_lossy(&self.text));
            thread::sleep(Duration::from_millis(5));
        };
        self.text.extend(self.said.iter().flatten());
        (status, String::from_utf8(std::mem::take(&mut self.text)).unwrap())
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(what: &str) {
    println!("\n- {what}");
}

/// Polls a read once, so that it is asked for, and drops it.
async fn begin_to_read(stdin: &mut Stdin) -> Option<usize> {
    match poll!(pin!(stdin.read(&mut [0; 1000]))) {
        Poll::Ready(len) => Some(len.unwrap()),
        Poll::Pending => None,
    }
}

#[test]
fn a_program_that_waits_for_enter_ends_with_its_main() {
    let Some(mut command) = other("a_program_that_waits_for_enter_ends_with_its_main") else {
        #[runtime::main]
        async fn main() {
            drop(runtime::spawn(async { stdin().read(&mut [0; 10]).await }));
            assert_eq!(begin_to_read(&mut stdin()).await, None);
            say("waits");
        }
        main();
        // A second one, on a runtime made by hand, that is dropped while it waits.
        let current = runtime::Builder::new_current_thread().build().unwrap();
        current.block_on(async { assert_eq!(begin_to_read(&mut stdin()).await, None) });
        drop(current);
        return say("ended");
    };
    let start = Instant::now();
    let mut other = Other::new(&mut command);
    other.says("ended");
    // Its input is open still.
    let input = other.stdin.take();
    let (status, said) = other.end();
    assert!(status.success(), "{status}: {said}");
    assert!(!said.contains("left behind"), "{said}");
    assert!(start.elapsed() < LONG / 2, "{:?}", start.elapsed());
    drop(input);
}

/// Nobody keeps so large a stack for the next thread when one has ended.
const STACK: usize = 64 * 1024 * 1024;

/// `WouldBlock`, which the system says then, means something else where reads are polled.
#[test]
fn a_read_for_which_there_is_no_thread_says_so_and_the_next_one_reads() {
    let Some(mut command) = other("a_read_for_which_there_is_no_thread_says_so_and_the_next_one_reads")
    else {
        let mut builder = runtime::Builder::new_current_thread();
        let runtime = builder.thread_stack_size(STACK).build().unwrap();
        // What the kernel makes up is never in a cache.
        let mut file = runtime::fs::File::from_std(File::open("/proc/self/stat").unwrap());
        return runtime.block_on(async {
            let plenty = getrlimit(Resource::As);
            // Room for the heap, and for no thread's stack.
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
            let kib: u64 = size.trim().trim_end_matches(" kB").parse().unwrap();
            let scarce = Rlimit { current: Some((kib + 1024) * 1024), ..plenty };
            setrlimit(Resource::As, scarce).unwrap();
            let of_file = file.read(&mut [0; 10]).await.unwrap_err();
            let of_stdin = stdin().read(&mut [0; 10]).await.unwrap_err();
            let of_whole = runtime::fs::read("/proc/self/stat").await.unwrap_err();
            let of_entry = runtime::fs::canonicalize("/").await.unwrap_err();
            setrlimit(Resource::As, plenty).unwrap();
            for error in [of_file, of_stdin, of_whole, of_entry] {
                assert_eq!(error.kind(), ErrorKind::Other, "{error}");
                assert!(error.to_string().contains("thread"), "{error}");
            }
            assert!(file.read(&mut [0; 10]).await.unwrap() > 0);
            assert_eq!(stdin().read(&mut [0; 10]).await.unwrap(), 2);
        });
    };
    // With backtraces a thread sets the panic hook, and gives its stack back in the middle of it.
    command.env("RUST_MIN_STACK", STACK.to_string()).env("RUST_BACKTRACE", "0");
    let mut other = Other::new(&mut command);
    other.tell(b"a\n");
    let (status, said) = other.end();
    assert!(status.success(), "{status}: {said}");
}

#[test]
fn ctrl_c_ends_a_program_that_waits_for_input() {
    let Some(mut command) = other("ctrl_c_ends_a_program_that_waits_for_input") else {
        #[runtime::main]
        async fn killed() {
            assert_eq!(begin_to_read(&mut stdin()).await, None);
            say("waits");
            let _ = stdin().read(&mut [0; 10]).await;
        }
        #[runtime::main(ctrl_c = "cancel")]
        async fn cancelled() {
            assert_eq!(begin_to_read(&mut stdin()).await, None);
            say("waits");
            let _ = stdin().read(&mut [0; 10]).await;
        }
        return if std::env::var_os("CANCEL").is_some() { cancelled() } else { killed() };
    };
    let interrupted = |command: &mut Command| {
        let mut other = Other::new(command);
        other.says("waits");
        kill_process(Pid::from_child(&other.child), Signal::INT).unwrap();
        other.end().0
    };
    assert_eq!(interrupted(&mut command).signal(), Some(Signal::INT.as_raw()));
    assert_eq!(interrupted(command.env("CANCEL", "1")).code(), Some(130));
}

#[test]
fn lines_come_whole_and_end() {
    let Some(mut command) = other("lines_come_whole_and_end") else {
        return runtime::run(async {
            let mut lines = BufReader::new(stdin()).lines();
            while let Some(line) = lines.next().await {
                say(&format!("<{}>", line.unwrap()));
            }
            // The end is there for everybody, and for ever.
            for _ in 0..3 {
                assert_eq!(stdin().read(&mut [0; 1]).await.unwrap(), 0);
            }
            say("end");
        });
    };
    let mut other = Other::new(&mut command);
    other.tell(b"one\ntw");
    other.says("<one>");
    other.tell("o\ngrüße\n".as_bytes());
    other.says("<two>");
    other.says("<grüße>");
    other.tell(b"no newline");
    other.stdin = None;
    other.says("<no newline>");
    other.says("end");
    assert!(other.end().0.success());
}

/// Reads are dropped all the time, by many handles, on two runtimes one after the other.
#[test]
fn nothing_that_was_read_is_lost() {
    const LEN: usize = 1_000_000;
    let Some(mut command) = other("nothing_that_was_read_is_lost") else {
        let read_some = async |up_to: usize| {
            let mut handles: Vec<Stdin> = (0..5).map(|_| stdin()).collect();
            let (mut seen, mut round) = (Vec::new(), 0);
            while seen.len() < up_to {
                round += 1;
                let mut buf = vec![0; (1 + round * 31 % 3000).min(up_to - seen.len())];
                let handle = &mut handles[round % 5];
                let polled = poll!(pin!(handle.read(&mut buf)));
                match polled {
                    // The read is dropped here.
                    Poll::Pending if round % 2 == 0 => continue,
                    Poll::Pending => {}
                    Poll::Ready(len) => {
                        seen.extend_from_slice(&buf[..len.unwrap()]);
                        continue;
                    }
                }
                let len = handle.read(&mut buf).await.unwrap();
                assert!(len > 0, "the end, after {} bytes", seen.len());
                seen.extend_from_slice(&buf[..len]);
            }
            seen
        };
        let mut seen = runtime::run(read_some(LEN / 2));
        seen.extend(runtime::run(read_some(LEN / 2)));
        let right = (0..LEN).map(|i| (i / 7) as u8);
        assert!(seen.into_iter().eq(right));
        runtime::run(async { assert_eq!(stdin().read(&mut [0; 1]).await.unwrap(), 0) });
        return say("all there");
    };
    let mut other = Other::new(&mut command);
    let bytes: Vec<u8> = (0..LEN).map(|i| (i / 7) as u8).collect();
    for piece in bytes.chunks(12_345) {
        other.tell(piece);
    }
    other.stdin = None;
    other.says("all there");
    assert!(other.end().0.success());
}

#[test]
fn many_tasks_share_the_input() {
    let Some(mut command) = other("many_tasks_share_the_input") else {
        return runtime::run(async {
            let task = async || {
                let (mut input, mut total) = (stdin(), 0);
                let mut buf = [0; 100];
                while let len @ 1.. = input.read(&mut buf).await.unwrap() {
                    assert!(buf[..len].iter().all(|&byte| byte == b'x'));
                    total += len;
                }
                total
            };
            let tasks: Vec<_> = (0..20).map(|_| runtime::spawn(task())).collect();
            let mut total = 0;
            for task in tasks {
                total += task.await.unwrap();
            }
            say(&format!("<{total}>"));
        });
    };
    let mut other = Other::new(&mut command);
    for _ in 0..100 {
        other.tell(&[b'x'; 1000]);
    }
    other.stdin = None;
    other.says("<100000>");
    assert!(other.end().0.success());
}

/// What nobody asked for is left to a child process that inherits the input.
#[test]
fn it_reads_no_more_than_was_asked_for() {
    let Some(mut command) = other("it_reads_no_more_than_was_asked_for") else {
        return runtime::run(async {
            let mut buf = [0; 100];
            let len = stdin().read(&mut buf).await.unwrap();
            assert_eq!(&buf[..len], b"ours\n");
            say("took ours");
            let cat = || Command::new("cat").stdout(Stdio::piped()).spawn().unwrap().wait_with_output();
            let rest = runtime::spawn_blocking(cat).await.unwrap().unwrap();
            assert_eq!(rest.stdout, b"theirs\n");
            say("left theirs");
        });
    };
    let mut other = Other::new(&mut command);
    other.tell(b"ours\n");
    other.says("took ours");
    other.tell(b"theirs\n");
    other.stdin = None;
    other.says("left theirs");
    assert!(other.end().0.success());
}

#[test]
fn errors_of_the_input_come_through() {
    let Some(mut command) = other("errors_of_the_input_come_through") else {
        return runtime::run(async {
            for _ in 0..2 {
                let error = stdin().read(&mut [0; 1]).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::IsADirectory);
            }
            say("told");
        });
    };
    let mut other = Other::new(command.stdin(File::open(".").unwrap()));
    other.says("told");
    assert!(other.end().0.success());
}

#[test]
fn an_input_that_does_not_block_is_waited_for() {
    let Some(mut command) = other("an_input_that_does_not_block_is_waited_for") else {
        return runtime::run(async {
            let std = std::io::stdin();
            fcntl_setfl(&std, fcntl_getfl(&std).unwrap() | OFlags::NONBLOCK).unwrap();
            assert_eq!(begin_to_read(&mut stdin()).await, None);
            say("waits");
            let mut buf = [0; 10];
            assert_eq!(stdin().read(&mut buf).await.unwrap(), 4);
            say("read");
        });
    };
    let mut other = Other::new(&mut command);
    other.says("waits");
    other.tell(b"text");
    other.says("read");
    assert!(other.end().0.success());
}

/// Lines of many tasks, and of `println!`: each whole, and those of one handle in their order.
#[test]
fn whole_lines_do_not_mix() {
    const TASKS: usize = 10;
    const LINES: usize = 300;
    let line = |task: usize, line: usize| format!("[{task} {line} {}]", "x".repeat(task * line % 5000));
    let Some(mut command) = other("whole_lines_do_not_mix") else {
        say("");
        runtime::run(async move {
            let tasks: Vec<_> = (0..TASKS)
                .map(|task| {
                    runtime::spawn(async move {
                        let mut out = stdout();
                        for number in 0..LINES {
                            if task == 0 {
                                println!("{}", line(task, number));
                                continue;
                            }
                            // In pieces, or several lines at once.
                            let text = line(task, number) + "\n";
                            let (one, two) = text.split_at(text.len() / 2);
                            if task % 2 == 0 {
                                out.write_all(one.as_bytes()).await.unwrap();
                                out.write_all(two.as_bytes()).await.unwrap();
                            } else {
                                out.write_all(text.as_bytes()).await.unwrap();
                            }
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        return say("end");
    };
    let (status, said) = Other::new(&mut command).end();
    assert!(status.success(), "{status}");
    let mut next: HashMap<usize, usize> = HashMap::new();
    for found in said.lines().filter(|line| line.contains('[')) {
        let number = |at: usize| found.trim_start_matches('[').split(' ').nth(at)?.parse().ok();
        let (Some(task), Some(count)) = (number(0), number(1)) else { panic!("mixed: {found:.100}") };
        assert_eq!(found, line(task, count), "mixed");
        let next = next.entry(task).or_default();
        assert_eq!(count, *next, "task {task}");
        *next += 1;
    }
    assert!(next.len() == TASKS && next.values().all(|&count| count == LINES), "{next:?}");
}

/// Neither flushed nor ended by a line.
#[test]
fn what_was_accepted_is_written_at_the_end_of_main() {
    let Some(mut command) = other("what_was_accepted_is_written_at_the_end_of_main") else {
        #[runtime::main]
        async fn main() {
            say("");
            let (tell, told) = runtime::sync::oneshot::channel();
            runtime::spawn(async {
                let mut out = stdout();
                out.write_all(b"<in a task that is left>").await.unwrap();
                tell.send(()).unwrap();
                std::future::pending::<()>().await;
            });
            told.await.unwrap();
            let mut out = stdout();
            for number in 0..1000 {
                out.write_all(format!("<{number}>\n").as_bytes()).await.unwrap();
            }
            out.write_all(b"<last>").await.unwrap();
        }
        main();
        // A handle outside of any runtime, and one of a runtime that has ended.
        let current = runtime::Builder::new_current_thread().build().unwrap();
        let mut out = stdout();
        current.block_on(async { out.write_all(b"<after its runtime>").await.unwrap() });
        drop(current);
        return drop(out);
    };
    let (status, said) = Other::new(&mut command).end();
    assert!(status.success(), "{status}");
    let mut rest = said.as_str();
    for number in 0..1000 {
        let what = format!("<{number}>\n");
        let at = rest.find(&what).unwrap_or_else(|| panic!("{what:?} is missing, or out of order"));
        rest = &rest[at + what.len()..];
    }
    assert!(rest.contains("<last>") && rest.contains("<after its runtime>"), "{rest}");
    assert!(said.contains("<in a task that is left>"), "{said}");
}

#[test]
fn what_is_not_a_line_waits_for_a_flush_and_standard_error_does_not() {
    let Some(mut command) = other("what_is_not_a_line_waits_for_a_flush_and_standard_error_does_not") else {
        return runtime::run(async {
            let mut out = stdout();
            out.write_all(b"<held>").await.unwrap();
            let mut lines = stdout();
            lines.write_all(b"<a line>\n").await.unwrap();
            lines.flush().await.unwrap();
            out.flush().await.unwrap();
            let mut err = stderr();
            err.write_all(b"no line").await.unwrap();
            // Goes on only when that was read.
            stdin().read_exact(&mut [0; 1]).await.unwrap();
        });
    };
    let mut other = Other::new(command.stderr(Stdio::piped()));
    let mut err = other.child.stderr.take().unwrap();
    let mut buf = [0; 7];
    err.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"no line");
    other.tell(b"\n");
    let (status, said) = other.end();
    assert!(status.success(), "{status}: {said}");
    let at = |what: &str| said.find(what).unwrap_or_else(|| panic!("{what}: {said}"));
    assert!(at("<a line>") < at("<held>"), "{said}");
}

#[test]
fn errors_of_the_output_are_told() {
    let Some(mut command) = other("errors_of_the_output_are_told") else {
        return runtime::run(async {
            let code = std::env::var("CODE").unwrap().parse().unwrap();
            let told =
                |result: std::io::Result<()>| assert_eq!(result.unwrap_err().raw_os_error(), Some(code));
            let mut err = stderr();
            err.write_all(b"to nobody").await.unwrap();
            told(err.flush().await);
            err.flush().await.expect("an error is told once");
            err.write_all(b"to nobody").await.unwrap();
            told(err.close().await);
            say("told");
        });
    };
    // A pipe that nobody reads.
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
    drop(reader);
    let mut other = Other::new(command.env("CODE", "32").stderr(writer));
    other.says("told");
    assert!(other.end().0.success());
    if let Ok(full) = File::options().write(true).open("/dev/full") {
        let mut other = Other::new(command.env("CODE", "28").stderr(full));
        other.says("told");
        assert!(other.end().0.success());
    }
}

#[test]
fn an_output_that_does_not_block_takes_all() {
    const LEN: usize = 1_000_000;
    let Some(mut command) = other("an_output_that_does_not_block_takes_all") else {
        return runtime::run(async {
            let std = std::io::stderr();
            fcntl_setfl(&std, fcntl_getfl(&std).unwrap() | OFlags::NONBLOCK).unwrap();
            let mut err = stderr();
            err.write_all(&vec![b'x'; LEN]).await.unwrap();
            err.flush().await.unwrap();
        });
    };
    let mut other = Other::new(command.stdout(Stdio::null()).stderr(Stdio::piped()));
    drop(other.stdin.take());
    let (status, said) = other.end();
    assert!(status.success(), "{status}");
    assert!(said.bytes().filter(|&byte| byte == b'x').count() >= LEN);
}

/// The example: it has said what it had to say, and ends, with its input open.
#[test]
fn cat_lines_ends_with_its_main() {
    let mut command = Command::new(examples::example("cat_lines"));
    let mut other = Other::new(command.arg("2").stdin(Stdio::piped()).stdout(Stdio::piped()));
    other.tell("one\nzwölf\nno end".as_bytes());
    let (start, input) = (Instant::now(), other.stdin.take());
    let (status, said) = other.end();
    assert!(status.success(), "{status}");
    let mut lines: Vec<_> = said.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["one", "zwölf"]);
    assert!(start.elapsed() < LONG / 3, "{:?}", start.elapsed());
    drop(input);
    // Without a limit it ends with its input, and its echoes.
    let mut command = Command::new(examples::example("cat_lines"));
    let mut other = Other::new(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
    other.tell(b"last");
    other.stdin = None;
    let (status, said) = other.end();
    assert!(status.success() && said == "last", "{status}: {said:?}");
}

#[test]
fn handles_are_send_and_sync() {
    fn check<T: Send + Sync + Unpin>(_: T) {}
    fn reads(_: &impl AsyncRead) {}
    check(stdin());
    check(stdout());
    check(stderr());
    reads(&stdin());
}

#[test]
fn handles_know_their_descriptors() {
    use std::os::fd::{AsFd, AsRawFd};
    assert_eq!([stdin().as_raw_fd(), stdout().as_raw_fd(), stderr().as_raw_fd()], [0, 1, 2]);
    assert_eq!(stdin().as_fd().as_raw_fd(), 0);
    assert_eq!([stdout().as_fd().as_raw_fd(), stderr().as_fd().as_raw_fd()], [1, 2]);
}
