//! What happens when the system refuses. Run as they are, these tests show that nothing fails without a
//! fault; `.ci/faults` runs each under strace, which injects the fault that `FAULT` names, and then the
//! tests demand to see it.

mod jobs;

use futures::executor::block_on;
use jobs::Jobs;
use runtime_core::port::BlockingPool;
use std::collections::HashSet;
use std::error::Error;
use std::io;
use std::sync::mpsc::channel;
use std::time::Duration;

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
