//! Child processes.
#![cfg(unix)]

#[allow(dead_code)]
mod other;

use futures::FutureExt;
use futures::future::{join, join_all, poll_immediate};
use other::LONG;
use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{TcpListener, TcpStream};
use runtime::process::{Child, ChildStdout, Command};
use runtime::signal::unix::SignalKind;
use runtime::sync::broadcast;
use runtime::time::{sleep, timeout};
use runtime::{Builder, Runtime};
use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]).stdin(Stdio::null());
    command
}

/// What `/proc` says of a process: `Z` is a zombie, `None` is gone.
fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ").unwrap().1.chars().next()
}

/// Until nothing is left of it, not even a zombie.
async fn is_reaped(pid: u32) {
    let end = Instant::now() + LONG;
    while let Some(state) = state(pid) {
        assert!(Instant::now() < end, "{pid} is {state}");
        sleep(Duration::from_millis(2)).await;
    }
}

async fn in_time<F: Future>(future: F) -> F::Output {
    timeout(LONG, future).await.expect("it hangs")
}

/// The next line that a child says.
async fn line(stdout: &mut ChildStdout) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let mut byte = [0];
        assert_eq!(stdout.read(&mut byte).await.unwrap(), 1, "{line:?}");
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap().trim_end().to_string()
}

#[runtime::test]
async fn a_child_ends_with_its_code_or_its_signal() {
    let status = |script: &str| sh(script).status();
    assert!(status("exit 0").await.unwrap().success());
    assert_eq!(status("exit 7").await.unwrap().code(), Some(7));
    assert_eq!(status("exit 255").await.unwrap().code(), Some(255));
    assert_eq!(status("kill -TERM $$").await.unwrap().signal(), Some(15));
    assert_eq!(status("kill -9 $$").await.unwrap().signal(), Some(9));
    let mut child = sh("exit 3").spawn().unwrap();
    for _ in 0..3 {
        assert_eq!(child.wait().await.unwrap().code(), Some(3));
        assert_eq!(child.try_wait().unwrap().unwrap().code(), Some(3));
    }
}

#[runtime::test]
async fn waiting_closes_stdin_and_trying_does_not() {
    let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    assert!(cat.try_wait().unwrap().is_none());
    assert!(cat.stdin.is_some());
    assert!(in_time(cat.wait()).await.unwrap().success());
    assert!(cat.stdin.is_none());
}

#[runtime::test]
async fn a_wait_that_is_dropped_loses_nothing() {
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let stdin = child.stdin.take().unwrap();
    for _ in 0..3 {
        assert!(poll_immediate(child.wait()).await.is_none());
        assert!(timeout(Duration::from_millis(1), child.wait()).await.is_err());
    }
    drop(stdin);
    // Polled here at first, then in a task.
    assert!(poll_immediate(child.wait()).await.is_none_or(|status| status.unwrap().success()));
    assert!(in_time(runtime::spawn(async move { child.wait().await })).await.unwrap().unwrap().success());
}

#[runtime::test]
async fn output_has_all_of_both_pipes() {
    const BYTES: usize = 100_000_000;
    let script = format!("head -c {BYTES} /dev/zero & head -c {BYTES} /dev/zero >&2; wait; exit 5");
    let output = in_time(sh(&script).output()).await.unwrap();
    assert_eq!(output.status.code(), Some(5));
    for bytes in [output.stdout, output.stderr] {
        assert_eq!(bytes.len(), BYTES);
        assert!(bytes.iter().all(|byte| *byte == 0));
    }
    // A stream that is no pipe is not in it.
    let child = sh("echo out; echo err >&2").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let output = in_time(child.wait_with_output()).await.unwrap();
    assert_eq!((&*output.stdout, &*output.stderr), (&b""[..], &b"err\n"[..]));
}

#[runtime::test]
async fn what_is_written_comes_back() {
    const BYTES: usize = 10_000_000;
    let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut stdout) = (cat.stdin.take().unwrap(), cat.stdout.take().unwrap());
    let data: Vec<u8> = (0..BYTES).map(|n| (n % 251) as u8).collect();
    let write = async {
        stdin.write_all(&data).await.unwrap();
        stdin.close().await.unwrap();
        drop(stdin);
    };
    let mut back = Vec::new();
    let (_, count) = in_time(join(write, stdout.read_to_end(&mut back))).await;
    assert_eq!(count.unwrap(), BYTES);
    assert!(back == data);
    assert!(cat.wait().await.unwrap().success());
}

#[runtime::test]
async fn p28_a_child_that_does_not_read_is_a_broken_pipe() {
    let mut child = sh("exec <&-; echo closed; exec sleep 600")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    assert_eq!(line(&mut stdout).await, "closed");
    let error = in_time(stdin.write_all(&[0; 1 << 20])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    // And one that waits for room is woken.
    let mut deaf = sh("read line; exec <&-; exec sleep 600").stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = deaf.stdin.take().unwrap();
    let error = in_time(async {
        loop {
            if let Err(error) = stdin.write_all(b"line after line\n").await {
                return error;
            }
        }
    });
    assert_eq!(error.await.kind(), ErrorKind::BrokenPipe);
    child.kill().await.unwrap();
    deaf.kill().await.unwrap();
}

#[runtime::test]
async fn children_are_joined_by_pipes() {
    let mut seq = Command::new("seq").arg("100000").stdout(Stdio::piped()).spawn().unwrap();
    let pipe: Stdio = seq.stdout.take().unwrap().try_into().unwrap();
    let tail = Command::new("tail").args(["-n", "1"]).stdin(pipe).output();
    let (seq, tail) = in_time(join(seq.wait(), tail)).await;
    assert!(seq.unwrap().success());
    assert_eq!(tail.unwrap().stdout, b"100000\n");
    // Backwards too, and with std's children.
    let mut std_cat = std::process::Command::new("cat");
    let mut std_cat = std_cat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = runtime::process::ChildStdin::from_std(std_cat.stdin.take().unwrap()).unwrap();
    let mut stdout: ChildStdout = std_cat.stdout.take().unwrap().try_into().unwrap();
    stdin.write_all(b"through\n").await.unwrap();
    assert_eq!(line(&mut stdout).await, "through");
    let fd = stdin.into_owned_fd().unwrap();
    assert!(!rustix::fs::fcntl_getfl(&fd).unwrap().contains(rustix::fs::OFlags::NONBLOCK));
    drop(fd);
    assert!(std_cat.wait().unwrap().success());
}

#[runtime::test]
async fn a_killed_child_is_reaped_once_and_its_number_left_alone() {
    let mut child = sh("exec sleep 600").spawn().unwrap();
    let pid = child.id().unwrap();
    child.start_kill().unwrap();
    child.start_kill().unwrap();
    assert_eq!(in_time(child.wait()).await.unwrap().signal(), Some(9));
    assert_eq!((child.id(), state(pid)), (None, None));
    // As in tokio and std: it is dead, and nobody is hit.
    child.start_kill().unwrap();
    child.kill().await.unwrap();
    assert_eq!(child.start_kill_group().unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(child.send_signal(SignalKind::terminate()).unwrap_err().kind(), ErrorKind::InvalidInput);
    let mut child = sh("exit 1").spawn().unwrap();
    let pid = child.id().unwrap();
    while state(pid) != Some('Z') {
        sleep(Duration::from_millis(1)).await;
    }
    // Dead, and not reaped: the number is still its own.
    assert_eq!(child.id(), Some(pid));
    child.kill().await.unwrap();
    assert_eq!(child.try_wait().unwrap().unwrap().code(), Some(1));
}

#[runtime::test]
async fn a_child_may_be_asked_for_its_end() {
    let script = "trap 'echo asked; exit 4' TERM; echo ready; while :; do sleep 0.01; done";
    let mut child = sh(script).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    assert_eq!(line(&mut stdout).await, "ready");
    for nonsense in [0, -1, 99] {
        let error = child.send_signal(SignalKind::from_raw(nonsense)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    child.send_signal(SignalKind::terminate()).unwrap();
    assert_eq!(line(&mut stdout).await, "asked");
    assert_eq!(in_time(child.wait()).await.unwrap().code(), Some(4));
}

#[runtime::test]
async fn a_group_is_killed_as_a_whole() {
    let mut shell = sh("sleep 600 & echo $!; sleep 600 & echo $!; wait");
    let mut shell = shell.process_group(0).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = shell.stdout.take().unwrap();
    let pids = [line(&mut stdout).await, line(&mut stdout).await];
    // A second child of ours in the same group.
    let leader = shell.id().unwrap();
    let mut other = sh("exec sleep 600").process_group(leader as i32).spawn().unwrap();
    in_time(shell.kill_group()).await.unwrap();
    assert_eq!(in_time(other.wait()).await.unwrap().signal(), Some(9));
    // Whoever adopted them may be slow to reap them.
    let end = Instant::now() + LONG;
    for pid in pids.map(|pid| pid.parse().unwrap()) {
        while !matches!(state(pid), None | Some('Z')) {
            assert!(Instant::now() < end, "{pid} lives");
            sleep(Duration::from_millis(2)).await;
        }
    }
    let mut single = sh("exec sleep 600").spawn().unwrap();
    let error = single.start_kill_group().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("process_group(0)"), "{error}");
    single.kill().await.unwrap();
}

#[runtime::test]
async fn a_dropped_child_goes_on_and_is_reaped() {
    // Dropped before its end.
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let (pid, stdin) = (child.id().unwrap(), child.stdin.take());
    drop(child);
    assert!(matches!(state(pid), Some('S' | 'R' | 'D')));
    drop(stdin);
    is_reaped(pid).await;
    // After it.
    let child = sh("exit 0").spawn().unwrap();
    let pid = child.id().unwrap();
    while state(pid) != Some('Z') {
        sleep(Duration::from_millis(1)).await;
    }
    drop(child);
    assert_eq!(state(pid), None);
    // A status that is never polled.
    let status = Command::new("true").status();
    drop(status);
    // One that ends while many others live.
    let sleepers: Vec<Child> =
        (0..20).map(|_| sh("exec sleep 600").kill_on_drop(true).spawn().unwrap()).collect();
    let pids: Vec<u32> = sleepers.iter().map(|child| child.id().unwrap()).collect();
    drop(sh("exit 0").spawn().unwrap());
    drop(sleepers);
    for pid in pids {
        is_reaped(pid).await;
    }
}

#[runtime::test]
async fn kill_on_drop_kills_and_reaps() {
    let mut command = sh("exec sleep 600");
    assert!(!command.get_kill_on_drop());
    command.kill_on_drop(true);
    assert!(command.get_kill_on_drop());
    let child = command.spawn().unwrap();
    let pid = child.id().unwrap();
    drop(child);
    is_reaped(pid).await;
    // The futures too.
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    let pid = child.id().unwrap();
    let mut output = Box::pin(child.wait_with_output());
    assert!(poll_immediate(output.as_mut()).await.is_none());
    drop(output);
    is_reaped(pid).await;
    assert!(timeout(Duration::from_millis(5), command.status()).await.is_err());
}

#[test]
fn p31_children_outlive_their_runtime_and_are_reaped() {
    for runtime in [Runtime::new().unwrap(), Builder::new_current_thread().build().unwrap()] {
        let (mut ended, mut lives, dropped) = runtime.block_on(async {
            let cat = || Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
            (cat(), cat(), cat())
        });
        let pids = [&ended, &lives, &dropped].map(|child| child.id().unwrap());
        let stdin = [&mut ended, &mut lives].map(|child| child.stdin.take().unwrap());
        // One is dropped together with its runtime.
        runtime.spawn(async move {
            let mut dropped = dropped;
            let _stdin = dropped.stdin.take();
            dropped.wait().await
        });
        drop(runtime);
        let other = Builder::new_current_thread().build().unwrap();
        other.block_on(async {
            assert_eq!(lives.wait().now_or_never().unwrap().unwrap_err().kind(), ErrorKind::Other);
            assert!(lives.try_wait().unwrap().is_none());
            is_reaped(pids[2]).await;
            drop(stdin);
            let end = Instant::now() + LONG;
            while lives.try_wait().unwrap().is_none() {
                assert!(Instant::now() < end);
                sleep(Duration::from_millis(1)).await;
            }
            assert!(lives.wait().await.unwrap().success());
            while state(pids[0]) != Some('Z') {
                sleep(Duration::from_millis(1)).await;
            }
            // It has ended: that can be told without a runtime.
            assert!(ended.wait().await.unwrap().success());
        });
        drop((ended, lives));
        assert!(pids.iter().all(|pid| state(*pid).is_none()));
    }
}

#[runtime::test]
async fn five_hundred_at_once() {
    const COUNT: i32 = 500;
    let children = (0..COUNT).map(|number| {
        runtime::spawn(async move {
            let mut child = sh(&format!("exit {}", number % 256)).spawn().unwrap();
            let pid = child.id().unwrap();
            assert_eq!(child.wait().await.unwrap().code(), Some(number % 256));
            pid
        })
    });
    let pids = timeout(2 * LONG, join_all(children)).await.expect("it hangs");
    // Each number may be a new process' by now, but none of those is a zombie of ours.
    let zombies = pids.into_iter().map(Result::unwrap).filter(|pid| state(*pid) == Some('Z'));
    assert_eq!(zombies.count(), 0);
}

/// With descriptors of every kind open here. What this process itself inherited does not count.
#[test]
fn p30_a_child_sees_only_its_standard_streams() {
    let Some(other) = other::other("p30_a_child_sees_only_its_standard_streams") else {
        let mut std_ls = std::process::Command::new("ls");
        let inherited = std_ls.arg("/proc/self/fd").stdin(Stdio::null()).output().unwrap();
        return Runtime::new().unwrap().block_on(async {
            use runtime::signal::unix::signal;
            let _listener = runtime::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let _signal = signal(SignalKind::window_change()).unwrap();
            let _pipe = runtime::net::unix::pipe::pipe().unwrap();
            let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            let mut orphan = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
            let _stdin = orphan.stdin.take();
            drop(orphan);
            let output = Command::new("ls").arg("/proc/self/fd").stdin(Stdio::null()).output().await.unwrap();
            assert_eq!(String::from_utf8(output.stdout), String::from_utf8(inherited.stdout));
            cat.kill().await.unwrap();
        });
    };
    let (status, said, _) = other.end();
    assert!(status.success(), "{status}: {said}");
}

#[runtime::test]
async fn the_environment_of_a_child() {
    let mut command = sh("echo $0 $ONE $TWO $THREE; pwd");
    command.env_clear().env("ONE", "1").envs([("TWO", "2"), ("THREE", "3")]).env_remove("THREE");
    command.arg0("called").current_dir("/proc");
    let output = command.output().await.unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "called 1 2\n/proc\n");
    assert_eq!(command.as_std().get_program(), "sh");
    command.as_std_mut().arg("more");
    assert_eq!(command.into_std().get_args().count(), 3);
    let mut from_std: Command = std::process::Command::new("true").into();
    assert!(from_std.status().await.unwrap().success());
    // SAFETY: one system call.
    unsafe { from_std.pre_exec(|| Err(std::io::Error::from_raw_os_error(95))) };
    assert_eq!(from_std.spawn().unwrap_err().raw_os_error(), Some(95));
}

/// With a closure in between, std forks where it would spawn otherwise. The workers, the driver and the pool are at work
/// meanwhile, and go on afterwards: the child shares the epoll instance until it execs.
#[runtime::test(flavor = "multi_thread", worker_threads = 2)]
async fn p56_a_forked_child_may_exec_and_the_parent_goes_on() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, (go, _)) = (listener.local_addr().unwrap(), broadcast::channel::<()>(1));
    let busy = [(); 4].map(|()| {
        let mut over = go.subscribe();
        runtime::spawn(async move {
            let mut turns = 0_u32;
            while over.try_recv().is_err() {
                runtime::spawn_blocking(|| ()).await.unwrap();
                sleep(Duration::from_micros(10)).await;
                turns += 1;
            }
            turns
        })
    });
    for _ in 0..20 {
        let mut child = Command::new("echo");
        // SAFETY: it does nothing.
        unsafe { child.arg("ran").pre_exec(|| Ok(())) };
        let (output, connected, accepted) =
            futures::join!(child.output(), TcpStream::connect(address), listener.accept());
        assert_eq!(output.unwrap().stdout, b"ran\n");
        let (mut one, mut other) = (connected.unwrap(), accepted.unwrap().0);
        one.write_all(b"still here").await.unwrap();
        let mut buf = [0; 10];
        other.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"still here");
    }
    go.send(()).unwrap();
    for task in busy {
        assert!(task.await.unwrap() > 0);
    }
}

#[runtime::test]
async fn what_cannot_be_started_is_an_error() {
    let missing = || Command::new("/nowhere/nothing");
    assert_eq!(missing().spawn().unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(missing().status().await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(missing().output().await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(Command::new("/proc").spawn().unwrap_err().kind(), ErrorKind::PermissionDenied);
}

#[test]
#[should_panic(expected = "runtime")]
fn outside_of_a_runtime_it_panics() {
    let _ = Command::new("true").spawn();
}

/// Somebody else takes the status of all children that end.
#[test]
fn a_status_that_somebody_else_takes_is_an_error() {
    let Some(other) = other::other("a_status_that_somebody_else_takes_is_an_error") else {
        return Builder::new_current_thread().build().unwrap().block_on(async {
            let mut child = sh("exit 0").spawn().unwrap();
            let pid = child.id().unwrap();
            let (taken, _) = rustix::process::wait(rustix::process::WaitOptions::empty()).unwrap().unwrap();
            assert_eq!(taken.as_raw_pid() as u32, pid);
            let error = in_time(child.wait()).await.unwrap_err();
            assert!(error.to_string().contains("is lost"), "{error}");
            assert!(child.try_wait().is_err());
            assert_eq!(child.id(), None);
            child.start_kill().unwrap();
        });
    };
    let (status, said, _) = other.end();
    assert!(status.success(), "{status}: {said}");
}
