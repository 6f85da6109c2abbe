//! What follows a failure that nobody took: a line, the end of the runtime, the end of the process; and the end of a test.

use runtime::task::{self, yield_now};
use runtime::{Builder, Runtime, UnhandledPolicy};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Output};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

const BUILDERS: [fn() -> Builder; 2] = [
    || {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(2);
        builder
    },
    Builder::new_current_thread,
];

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// Set in the child processes of these tests.
const CHILD: &str = "RUNTIME_TEST_UNHANDLED";

/// Runs the calling test again in a process of its own; `None` inside of that.
fn child(test: &str) -> Option<(Output, String)> {
    if std::env::var_os(CHILD).is_some() {
        return None;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--test-threads=1", "--nocapture"])
        .env(CHILD, "1")
        .env_remove("RUST_BACKTRACE")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout) + String::from_utf8_lossy(&child.stderr);
    assert!(said.contains("running 1 test"), "{said}");
    let said = said.into_owned();
    Some((child, said))
}

/// How often a report's line was written.
fn lines(said: &str) -> usize {
    said.matches("runtime: task ").count()
}

fn in_time<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || done.send(body()));
    is_done.recv_timeout(LONG).expect("it hangs, or has panicked")
}

/// The text with which `body` panics.
fn panic_of<T>(body: impl FnOnce() -> T) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(body)) else { panic!("it ended well") };
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast_ref::<&str>().unwrap()).to_owned(),
    }
}

fn strict(builder: fn() -> Builder) -> Runtime {
    builder().unhandled_policy(UnhandledPolicy::Shutdown).build().unwrap()
}

fn names_the_culprit(text: &str) {
    assert!(text.starts_with("the runtime was shut down: task 'culprit' (spawned at tests/"), "{text}");
    assert!(text.ends_with(" and nobody took the result: boom"), "{text}");
}

#[track_caller]
fn culprit(runtime: &Runtime) {
    let task = task::Builder::new().name("culprit");
    drop(task.spawn_on(async { panic!("boom") }, runtime.handle()));
}

#[test]
fn a_line_on_stderr_is_the_default() {
    let Some((child, said)) = child("a_line_on_stderr_is_the_default") else {
        for builder in BUILDERS {
            let runtime = builder().build().unwrap();
            culprit(&runtime);
            let late = runtime.spawn(async { panic!("of a handle that is kept") });
            while !late.is_finished() {
                runtime.block_on(yield_now());
            }
            assert!(runtime.block_on(runtime.spawn(async { panic!("taken") })).is_err());
            drop(runtime);
            drop(late);
        }
        return;
    };
    assert!(child.status.success(), "{said}");
    assert_eq!(lines(&said), 4, "{said}");
    assert_eq!(said.matches("runtime: task 'culprit' (spawned at tests/").count(), 2, "{said}");
}

#[test]
fn shutdown_ends_a_block_on_and_all_tasks() {
    for builder in BUILDERS {
        in_time(move || {
            let runtime = strict(builder);
            let alive = Arc::new(());
            let held = alive.clone();
            let waits = runtime.spawn(async move {
                pending::<()>().await;
                drop(held);
            });
            let text = panic_of(|| {
                runtime.block_on(async {
                    yield_now().await;
                    culprit(&runtime);
                    pending::<()>().await
                })
            });
            names_the_culprit(&text);
            // Later ones, of all kinds.
            names_the_culprit(&panic_of(|| runtime.block_on(async { 1 })));
            names_the_culprit(&panic_of(|| runtime.handle().block_on(async { 1 })));
            assert!(waits.join_blocking().unwrap_err().is_cancelled());
            assert_eq!(Arc::strong_count(&alive), 1, "a task lives on");
            let late = runtime.spawn(async { 1 });
            assert!(late.join_blocking().unwrap_err().is_cancelled());
            let late = runtime.spawn_blocking(|| 1);
            assert!(late.join_blocking().unwrap_err().is_cancelled());
        });
    }
}

/// A current_thread runtime that nobody drives when the failure comes to light, and one that another thread drives.
#[test]
fn shutdown_from_other_threads() {
    for builder in BUILDERS {
        in_time(move || {
            let runtime = Arc::new(strict(builder));
            let task = task::Builder::new().name("culprit");
            let task = task.spawn_on(async { panic!("boom") }, runtime.handle()).unwrap();
            while !task.is_finished() {
                runtime.block_on(yield_now());
            }
            let (started, has_started) = mpsc::channel();
            let drivers = [0, 1, 2].map(|number| {
                let (runtime, started) = (runtime.clone(), started.clone());
                thread::spawn(move || {
                    let waits = async {
                        started.send(()).unwrap();
                        pending::<()>().await;
                    };
                    panic_of(|| match number {
                        0 => runtime.handle().block_on(waits),
                        _ => runtime.block_on(waits),
                    })
                })
            });
            for _ in 0..3 {
                has_started.recv().unwrap();
            }
            drop(task);
            for driver in drivers {
                names_the_culprit(&driver.join().unwrap());
            }
        });
    }
    in_time(|| {
        let runtime = strict(Builder::new_current_thread);
        let task = task::Builder::new().name("culprit");
        let task = task.spawn_on(async { panic!("boom") }, runtime.handle()).unwrap();
        while !task.is_finished() {
            runtime.block_on(yield_now());
        }
        let waits = runtime.spawn(pending::<()>());
        drop(task);
        names_the_culprit(&panic_of(|| runtime.block_on(async { 1 })));
        assert!(waits.join_blocking().unwrap_err().is_cancelled());
    });
}

#[test]
fn shutdown_by_jobs_local_tasks_and_errors() {
    for builder in BUILDERS {
        in_time(move || {
            let runtime = strict(builder);
            drop(runtime.spawn_blocking(|| panic!("of a job")));
            let text = panic_of(|| runtime.block_on(pending::<()>()));
            assert!(text.ends_with(" panicked and nobody took the result: of a job"), "{text}");
            drop(runtime);

            let runtime = strict(builder);
            let set = task::LocalSet::new();
            let text = panic_of(|| {
                set.block_on(&runtime, async {
                    drop(task::spawn_local(async { panic!("of a local task") }));
                    pending::<()>().await
                })
            });
            assert!(text.ends_with(": of a local task"), "{text}");
            drop(runtime);

            let runtime = strict(builder);
            drop(runtime.handle().spawn_checked(async { Err::<(), _>(5) }));
            let text = panic_of(|| runtime.block_on(pending::<()>()));
            assert!(text.ends_with(" failed and nobody took the result: 5"), "{text}");
        });
    }
}

/// Many at once, on all threads.
#[test]
fn shutdown_by_many() {
    for builder in BUILDERS {
        for _ in 0..20 {
            in_time(move || {
                let runtime = strict(builder);
                for _ in 0..20 {
                    drop(runtime.spawn(async { std::panic::resume_unwind(Box::new("boom")) }));
                    drop(runtime.spawn(pending::<()>()));
                    drop(runtime.spawn_blocking(|| std::panic::resume_unwind(Box::new("boom"))));
                }
                let text = panic_of(|| runtime.block_on(pending::<()>()));
                assert!(text.ends_with(": boom"), "{text}");
            });
        }
    }
}

#[test]
fn a_failure_that_is_taken_shuts_nothing_down() {
    for builder in BUILDERS {
        let runtime = strict(builder);
        assert!(runtime.block_on(runtime.spawn(async { panic!("boom") })).is_err());
        runtime.spawn(pending::<()>()).abort();
        assert_eq!(runtime.block_on(async { runtime::spawn(async { 1 }).await.unwrap() }), 1);
    }
}

#[test]
fn a_strict_main_ends_with_an_error_code() {
    #[runtime::main(unhandled = "shutdown")]
    async fn body() {
        drop(runtime::spawn(async { panic!("boom") }));
        pending::<()>().await;
    }
    let Some((child, said)) = child("a_strict_main_ends_with_an_error_code") else { return body() };
    assert!(child.status.code().is_some_and(|code| code != 0), "{said}");
    assert_eq!(lines(&said), 1, "{said}");
    assert!(said.contains("the runtime was shut down: task "), "{said}");
}

/// The body ends well, and then a task fails while it is told to end.
#[test]
fn a_strict_main_sees_what_fails_at_its_end() {
    #[runtime::main(unhandled = "shutdown", flavor = "current_thread")]
    async fn body() -> u32 {
        let (tell, told) = runtime::sync::oneshot::channel();
        drop(runtime::spawn(async {
            let cancelled = task::cancelled();
            tell.send(()).unwrap();
            cancelled.await;
            panic!("while cleaning up")
        }));
        told.await.unwrap();
        7
    }
    let text = in_time(|| panic_of(body));
    assert!(text.ends_with(": while cleaning up"), "{text}");
}

#[test]
fn a_main_without_a_policy_goes_on() {
    #[runtime::main(flavor = "current_thread")]
    async fn body() -> u32 {
        drop(runtime::spawn(async { panic!("boom") }));
        yield_now().await;
        7
    }
    let Some((child, said)) = child("a_main_without_a_policy_goes_on") else { return assert_eq!(body(), 7) };
    assert!(child.status.success(), "{said}");
    assert_eq!(lines(&said), 1, "{said}");
}

#[cfg(unix)]
fn assert_aborted(child: &Output, said: &str) {
    use std::os::unix::process::ExitStatusExt;
    // SIGABRT.
    assert_eq!(child.status.signal(), Some(6), "{said}");
    assert_eq!(lines(said), 1, "{said}");
}

#[cfg(unix)]
#[test]
fn abort_ends_the_process() {
    #[runtime::main(unhandled = "abort")]
    async fn body() {
        drop(runtime::spawn(async { panic!("boom") }));
        pending::<()>().await;
    }
    let Some((child, said)) = child("abort_ends_the_process") else { return body() };
    assert_aborted(&child, &said);
}

#[cfg(unix)]
#[test]
fn abort_for_an_error_after_the_runtime() {
    let Some((child, said)) = child("abort_for_an_error_after_the_runtime") else {
        let runtime = Builder::new_current_thread().unhandled_policy(UnhandledPolicy::Abort).build().unwrap();
        let task = runtime.handle().spawn_checked(async { Err::<(), _>(5) });
        while !task.is_finished() {
            runtime.block_on(yield_now());
        }
        drop(runtime);
        drop(task);
        return;
    };
    assert_aborted(&child, &said);
}

mod of_tests {
    use super::*;

    #[runtime::test]
    #[should_panic(expected = "nobody took the results of these tasks")]
    async fn a_test_fails_for_a_panic_that_nobody_took() {
        drop(runtime::spawn(async { panic!("on purpose") }));
        yield_now().await;
    }

    #[runtime::test(flavor = "multi_thread")]
    #[should_panic(expected = "panicked and nobody took the result: of a job")]
    async fn a_test_fails_for_a_job() {
        let job = runtime::spawn_blocking(|| panic!("of a job"));
        while !job.is_finished() {
            yield_now().await;
        }
    }

    #[runtime::test]
    #[should_panic(expected = "failed and nobody took the result: 5")]
    async fn a_test_fails_for_an_error_of_a_checked_task() {
        drop(task::spawn_checked(async { Err::<(), _>(5) }));
        yield_now().await;
    }

    #[runtime::test]
    #[should_panic(expected = "nobody took the result: in a drop")]
    async fn a_test_fails_for_what_happens_at_its_end() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("in a drop");
            }
        }
        drop(runtime::spawn(async {
            let _bomb = Bomb;
            pending::<()>().await;
        }));
        yield_now().await;
    }

    #[runtime::test]
    #[should_panic(expected = "the body's own")]
    async fn a_panic_of_the_body_comes_first() {
        drop(runtime::spawn(async { panic!("on purpose") }));
        yield_now().await;
        panic!("the body's own");
    }

    #[runtime::test(unhandled = "log")]
    async fn a_test_that_means_it_says_so() {
        drop(runtime::spawn(async { panic!("on purpose") }));
        yield_now().await;
    }

    #[runtime::test]
    async fn a_panic_that_is_taken_fails_no_test() {
        assert!(runtime::spawn(async { panic!("on purpose") }).await.is_err());
        runtime::spawn(pending::<()>()).abort();
    }

    #[runtime::test(unhandled = "shutdown")]
    #[should_panic(expected = "the runtime was shut down: task ")]
    async fn a_test_that_is_shut_down() {
        drop(runtime::spawn(async { panic!("on purpose") }));
        pending::<()>().await;
    }

    #[test]
    fn failures_beside_a_panic_of_the_body_are_lines() {
        let Some((child, said)) = child("of_tests::failures_beside_a_panic_of_the_body_are_lines") else {
            return a_panic_of_the_body_comes_first();
        };
        assert!(!child.status.success());
        assert_eq!(lines(&said), 1, "{said}");
    }
}
