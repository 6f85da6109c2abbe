//! What happens when the system refuses. Run as they are, these tests show that nothing fails without a
//! fault; `.ci/faults` runs each under strace, which injects the fault that `FAULT` names, and then the
//! tests demand to see it.

mod jobs;
#[path = "faults/net.rs"]
mod net;

use futures::executor::block_on;
use jobs::Jobs;
use runtime_core::port::BlockingPool;
use std::collections::HashSet;
use std::error::Error;
use std::io;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// Longer than anything here takes, by far.
const LONG: Duration = Duration::from_secs(30);
const EAGAIN: i32 = 11;

/// Whether a fault is being injected.
fn faulty() -> bool {
    std::env::var_os("FAULT").is_some()
}

#[test]
fn threads_refused_to_the_pool() {
    let jobs = Jobs::new(|_| {});
    for _ in 0..5 {
        let answer = block_on(jobs.spawn(|| 42));
        if faulty() {
            let error = answer.expect_err("a job ran without a thread");
            let cause: Option<&io::Error> = error.source().and_then(|source| source.downcast_ref());
            assert_eq!(cause.and_then(io::Error::raw_os_error), Some(EAGAIN), "{error}");
        } else {
            assert_eq!(answer.unwrap(), 42);
        }
    }
    assert_eq!(jobs.0.shutdown(LONG), 0);
}

#[test]
fn threads_refused_to_the_pool_but_one() {
    let jobs = Jobs::new(|_| {});
    let (release, gate) = channel::<()>();
    let (runs, running) = channel();
    let first = jobs.spawn(move || {
        runs.send(()).unwrap();
        let _ = gate.recv();
    });
    running.recv_timeout(LONG).expect("the first thread was refused");
    // The one thread is busy: each of these asks for another.
    let handles: Vec<_> = (0..100).map(|_| jobs.spawn(|| std::thread::current().id())).collect();
    drop(release);
    block_on(first).unwrap();
    let answers = handles.into_iter().map(block_on);
    let threads: HashSet<_> =
        answers.map(|id| id.expect("the one thread there is drains the queue")).collect();
    assert!(!faulty() || threads.len() == 1, "{threads:?}");
    assert_eq!(jobs.0.shutdown(LONG), 0);
}

/// Threads and descriptors of this process.
fn held() -> (usize, usize) {
    let count = |path| std::fs::read_dir(path).unwrap().count();
    (count("/proc/self/task"), count("/proc/self/fd"))
}

/// Under a fault the builder must give the system's error, and leave nothing behind.
fn built_or_refused(builder: &mut runtime::Builder, errno: i32) {
    let before = held();
    for _ in 0..3 {
        match builder.build() {
            Ok(runtime) => {
                assert!(!faulty(), "it was built without what it needs");
                assert_eq!(runtime.block_on(async { runtime::spawn(async { 1 }).await.unwrap() }), 1);
            }
            Err(error) => {
                assert!(faulty(), "{error}");
                assert_eq!(error.raw_os_error(), Some(errno), "{error}");
            }
        }
        // A joined thread may be listed for a moment more.
        let start = std::time::Instant::now();
        // Without a fault other tests run beside this one.
        while faulty() && held() != before {
            assert!(start.elapsed() < LONG, "{:?} were {before:?}", held());
            std::thread::yield_now();
        }
    }
}

#[test]
fn threads_refused_to_an_own_pool() {
    let pool = runtime::blocking::Pool::builder().threads(2).queue(1).build().unwrap();
    for _ in 0..5 {
        let answer = block_on(pool.run(|| 42));
        if faulty() {
            let error = answer.expect_err("a job ran without a thread");
            let cause: Option<&io::Error> = error.source().and_then(|source| source.downcast_ref());
            assert_eq!(cause.and_then(io::Error::raw_os_error), Some(EAGAIN), "{error}");
        } else {
            assert_eq!(answer.unwrap(), 42);
        }
    }
    assert!(pool.shutdown(LONG).survivors().is_empty());
}

#[test]
fn p55_threads_refused_to_the_builder() {
    built_or_refused(runtime::Builder::new_multi_thread().worker_threads(4), EAGAIN);
}

#[test]
fn p55_descriptors_refused_to_the_builder() {
    const EMFILE: i32 = 24;
    built_or_refused(&mut runtime::Builder::new_current_thread(), EMFILE);
    built_or_refused(runtime::Builder::new_multi_thread().worker_threads(2), EMFILE);
}

fn one_thread() -> runtime::Runtime {
    runtime::Builder::new_current_thread().build().unwrap()
}

fn sh(script: &str) -> runtime::process::Command {
    let mut command = runtime::process::Command::new("sh");
    command.args(["-c", script]);
    command
}

/// The processes whose parent this one is, and what they do: `Z` is a zombie.
fn children() -> Vec<(String, String)> {
    let own = std::process::id().to_string();
    let stats = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let stat = std::fs::read_to_string(entry.ok()?.path().join("stat")).ok()?;
        let (pid, rest) = (stat.split_once(' ')?.0.to_string(), stat.rsplit_once(") ")?.1.to_string());
        let mut fields = rest.split(' ').map(str::to_string);
        let state = fields.next()?;
        (fields.next()? == own).then_some((pid, state))
    });
    stats.collect()
}

/// Until no child is left, not even a zombie.
async fn all_are_reaped() {
    let start = Instant::now();
    // Without a fault other tests run beside this one.
    while faulty() && !children().is_empty() {
        assert!(start.elapsed() < LONG, "{:?}", children());
        runtime::time::sleep(Duration::from_millis(5)).await;
    }
}

/// SIGCHLD tells of their end then.
#[test]
fn children_without_descriptors_of_processes() {
    one_thread().block_on(async {
        let mut child = sh("read line; exit 3").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t")).unwrap();
        let is_caught = u64::from_str_radix(caught, 16).unwrap() >> 16 & 1 == 1;
        let is_needed = std::env::var("FAULT").is_ok_and(|fault| fault.starts_with("pidfd_open"));
        assert!(!is_needed || is_caught, "SIGCHLD is not listened for");
        assert_eq!(child.wait().await.unwrap().code(), Some(3));
        let many = (0..20).map(|code| {
            runtime::spawn(async move {
                let output = sh(&format!("echo {code}; exit {code}")).output().await.unwrap();
                assert_eq!(output.status.code(), Some(code));
                assert_eq!(output.stdout, format!("{code}\n").into_bytes());
            })
        });
        for task in many.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        let mut killed = sh("exec sleep 600").spawn().unwrap();
        killed.kill().await.unwrap();
        drop(sh("exec sleep 600").kill_on_drop(true).spawn().unwrap());
        drop(sh("exit 0").spawn().unwrap());
        all_are_reaped().await;
    });
}

/// Nobody would know of it.
#[test]
fn p26_a_child_that_cannot_be_watched_is_killed_and_reaped() {
    const ENOSPC: i32 = 28;
    let runtime = one_thread();
    runtime.block_on(async {
        for _ in 0..3 {
            match sh("exec sleep 600").kill_on_drop(true).spawn() {
                Ok(_) => assert!(!faulty(), "nothing watches it"),
                Err(error) => {
                    assert!(faulty(), "{error}");
                    assert_eq!(error.raw_os_error(), Some(ENOSPC), "{error}");
                }
            }
        }
        all_are_reaped().await;
    });
}

/// It is looked for when the next child is spawned.
#[test]
fn a_thread_refused_to_orphans() {
    one_thread().block_on(async {
        let mut orphan = sh("read line").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let stdin = orphan.stdin.take();
        drop(orphan);
        let threads = std::fs::read_dir("/proc/self/task").unwrap();
        let is_reaper = |comm: &String| comm.starts_with("runtime-reaper");
        let names =
            threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok());
        assert!(!faulty() || !names.collect::<Vec<_>>().iter().any(is_reaper), "there is a thread");
        drop(stdin);
        sh("exit 0").status().await.unwrap();
        all_are_reaped().await;
    });
}

/// Eight tasks block on what only a ninth gives: spares run it. Where the system refuses their threads but for the first
/// three, it waits until a worker is free, and nothing is lost.
#[test]
fn p18_threads_refused_to_spares() {
    const BLOCKERS: usize = 8;
    let silent = runtime::RescueConfig::default().on_report(|_| {});
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).rescue(silent).build().unwrap();
    let (opens, waits): (Vec<_>, Vec<_>) = (0..BLOCKERS).map(|_| std::sync::mpsc::sync_channel(2)).unzip();
    let blockers: Vec<_> = waits
        .into_iter()
        .map(|wait: std::sync::mpsc::Receiver<()>| {
            runtime.spawn(async move { wait.recv_timeout(LONG).expect("nobody came") })
        })
        .collect();
    let until = |what: &str, is: &dyn Fn() -> bool| {
        let start = std::time::Instant::now();
        while !is() {
            assert!(start.elapsed() < LONG, "{what}");
            std::thread::yield_now();
        }
    };
    let threads = if faulty() { 5 } else { BLOCKERS };
    until("the blockers do not run", &|| runtime.metrics().polls_count() == threads as u64);
    let ninth = {
        let opens = opens.clone();
        // Who is open already has gone.
        runtime.spawn(async move { opens.iter().for_each(|open| _ = open.send(())) })
    };
    if faulty() {
        until("nobody saw them block", &|| runtime.metrics().rescues_count() >= threads as u64);
        assert!(!ninth.is_finished(), "it ran without a thread");
        opens.iter().for_each(|open| _ = open.send(()));
    }
    runtime.block_on(async {
        for blocker in blockers {
            blocker.await.unwrap();
        }
        ninth.await.unwrap();
        // Without a stand-in, what says that it blocks does so in its place.
        let announced = runtime::spawn(async { runtime::task::block_in_place(|| 42) });
        assert_eq!(announced.await.unwrap(), 42);
    });
}
