//! Promises 19, 39, 55 and 60: nonsense is refused by name, and a machine that refuses threads or file
//! descriptors is told of by an error, with nothing left behind.

mod stress;

use runtime::task::spawn_blocking;
use runtime::{Builder, Runtime};
use std::fs::File;
use std::io;
use std::process::Command;
use std::time::Duration;
use stress::{Held, Watchdog, alone, alone_with};

/// Runs a task on the runtime.
fn works(rt: &Runtime) {
    assert_eq!(rt.block_on(async { runtime::spawn(async { 7 }).await.unwrap() }), 7);
}

/// Asserts that an option is refused with an error that names it.
#[track_caller]
fn refused(option: &str, set: impl FnOnce(&mut Builder) -> &mut Builder) {
    let error = set(&mut Builder::new_multi_thread()).build().expect_err(option);
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{option}: {error}");
    assert!(error.to_string().contains(option), "{option} is not named: {error}");
}

/// Promise 60: each nonsensical value, by name.
#[test]
fn nonsense_is_refused_by_name() {
    let _watchdog = Watchdog::watch(|| "building".into());
    refused("worker_threads", |builder| builder.worker_threads(0));
    refused("worker_threads", |builder| builder.worker_threads(usize::MAX));
    refused("max_blocking_threads", |builder| builder.max_blocking_threads(0));
    refused("thread_name", |builder| builder.thread_name("a\0b"));
    refused("thread_stack_size", |builder| builder.thread_stack_size(usize::MAX));
}

/// Promise 19: fewer workers than cores, more, and many more.
#[test]
fn every_sensible_number_of_workers_works() {
    let _watchdog = Watchdog::watch(|| "building".into());
    for workers in [1, 2, 3, 16, 200] {
        works(&Builder::new_multi_thread().worker_threads(workers).build().unwrap());
    }
    works(&Builder::new_current_thread().build().unwrap());
}

/// The environment's word on the number of workers counts when the builder has none, and nonsense in it
/// is an error that names the variable.
#[test]
fn the_environment_is_heard_and_checked() {
    const TEST: &str = "the_environment_is_heard_and_checked";
    const VARIABLE: &str = "RUNTIME_WORKERS";
    for value in ["3", "0", "many", "", "-1", "99999999999999999999999"] {
        alone_with(
            TEST,
            |command| command.env(VARIABLE, value),
            || {
                let value = std::env::var(VARIABLE).unwrap();
                let before = Held::now().threads;
                let built = Builder::new_multi_thread().build();
                if value == "3" {
                    let rt = built.unwrap();
                    works(&rt);
                    // Three workers, and at most one thread besides that watches them.
                    let workers = Held::now().threads - before;
                    assert!((3..=4).contains(&workers), "{workers} threads");
                } else {
                    let error = built.expect_err(&value).to_string();
                    assert!(error.contains(VARIABLE), "{value:?}: {error}");
                }
            },
        );
    }
}

/// Opens files until the process may open no more.
fn fill_files() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

/// Promise 55: with any number of file descriptors left, building works or says why not, and whatever
/// it took is given back.
#[test]
fn too_few_files_are_an_error_that_leaves_nothing_behind() {
    const TEST: &str = "too_few_files_are_an_error_that_leaves_nothing_behind";
    alone(TEST, || {
        limit("--nofile=64:64");
        let mut refusals = 0;
        let threads = Held::now().threads;
        for free in 0..12 {
            let mut files = fill_files();
            files.truncate(files.len() - free);
            match Builder::new_multi_thread().worker_threads(2).build() {
                Ok(rt) => works(&rt),
                Err(error) => {
                    assert_eq!(error.raw_os_error(), Some(24), "not EMFILE: {error:?}");
                    refusals += 1;
                }
            }
            assert_eq!(fill_files().len(), free, "descriptors, after {refusals} refusals");
        }
        assert!((1..12).contains(&refusals), "{refusals} refusals");
        await_threads(threads);
    });
}

/// Sets a limit of this process, as the program `prlimit` names it.
fn limit(limit: &str) {
    let set = Command::new("prlimit").args([limit, "--pid", &std::process::id().to_string()]).status();
    assert!(set.expect("cannot run prlimit").success(), "prlimit {limit}");
}

/// Waits until so many threads are left: one that was joined may still be listed for a moment.
fn await_threads(threads: u64) {
    for _ in 0..1_000 {
        if Held::now().threads == threads {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{} threads instead of {threads}", Held::now().threads);
}

/// Lets this process have `bytes` more address space than it has now, while `body` runs.
fn with_memory<T>(bytes: usize, body: impl FnOnce() -> T) -> T {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")?.strip_suffix("kB")).unwrap();
    limit(&format!("--as={}:", size.trim().parse::<usize>().unwrap() * 1024 + bytes));
    let result = body();
    limit("--as=unlimited:");
    result
}

/// Each thread's first allocation may reserve an arena of 64 MiB, all of what there is room for.
fn one_arena(command: &mut Command) -> &mut Command {
    command.env("MALLOC_ARENA_MAX", "1")
}

/// Stacks so large that the limit on memory is one on threads.
const STACK: usize = 256 << 20;
/// Room for all that is not a stack.
const HEAP: usize = 64 << 20;

/// Promise 55: with any number of threads to be had, building works or says why not, and those that
/// were started are gone again.
#[test]
fn refused_threads_are_an_error_that_leaves_nothing_behind() {
    alone_with("refused_threads_are_an_error_that_leaves_nothing_behind", one_arena, || {
        let before = Held::now();
        let mut refusals = 0;
        for threads in 0..8 {
            let build = || Builder::new_multi_thread().worker_threads(4).thread_stack_size(STACK).build();
            match with_memory(HEAP + threads * STACK, build) {
                Ok(rt) => works(&rt),
                Err(error) => {
                    assert_ne!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
                    refusals += 1;
                }
            }
            await_threads(before.threads);
            assert_eq!(Held::now().files, before.files, "open files, after {refusals} refusals");
        }
        // Four workers at least have to be there.
        assert!((4..8).contains(&refusals), "{refusals} refusals");
    });
}

/// Promise 39: no thread for a blocking job: its handle says so, with the cause, and later jobs run.
#[test]
fn a_job_without_a_thread_is_answered() {
    alone_with("a_job_without_a_thread_is_answered", one_arena, || {
        let _watchdog = Watchdog::watch(|| "waiting for a job".into());
        let rt = Builder::new_multi_thread().worker_threads(1).thread_stack_size(STACK).build().unwrap();
        works(&rt);
        let refused = with_memory(HEAP, || rt.block_on(async { spawn_blocking(|| 1).await }));
        let error = refused.expect_err("there was no room for a thread");
        assert!(error.to_string().contains("os error 11"), "the cause is not told: {error}");
        assert_eq!(rt.block_on(async { spawn_blocking(|| 2).await }).unwrap(), 2);
    });
}
