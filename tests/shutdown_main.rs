//! How `#[runtime::main]` ends: what it leaves behind, and what Ctrl-C does. Each in a process of its own.
#![cfg(unix)]

mod other;

use other::{LONG, other, other_in, say};
use runtime::task;
use runtime::time::sleep;
use std::future::pending;
use std::os::unix::process::ExitStatusExt;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Says it when it is dropped.
struct Says(&'static str);

impl Drop for Says {
    fn drop(&mut self) {
        say(self.0);
    }
}

/// A task that says that it cleans up.
async fn listener() {
    let (ready, is_ready) = runtime::sync::oneshot::channel();
    runtime::spawn(async move {
        let cancelled = task::cancelled();
        ready.send(()).unwrap();
        cancelled.await;
        sleep(Duration::from_millis(1)).await;
        say("the task has cleaned up");
    });
    is_ready.await.unwrap();
}

fn block_for_ever() {
    let (_keep, for_ever) = mpsc::channel::<()>();
    let _ = for_ever.recv();
}

#[test]
fn p49_a_task_that_blocks_its_worker_does_not_keep_the_process() {
    let Some(mut other) = other("p49_a_task_that_blocks_its_worker_does_not_keep_the_process") else {
        #[runtime::main(worker_threads = 1, shutdown_timeout = "200ms")]
        async fn main() {
            let (started, has_started) = runtime::sync::oneshot::channel();
            let blocks = async move {
                started.send(()).unwrap();
                block_for_ever();
            };
            drop(task::Builder::new().name("stuck").spawn(blocks).unwrap());
            has_started.await.unwrap();
            listener().await;
            say("ends");
        }
        return main();
    };
    other.says("ends");
    other.start = Instant::now();
    let (status, said, took) = other.end();
    assert!(status.success(), "{status}: {said}");
    assert!(said.contains("- the task has cleaned up\n"), "{said}");
    let line = "runtime: left behind: task 'stuck' (spawned at tests/shutdown_main.rs:";
    assert_eq!(said.matches(line).count(), 1, "{said}");
    assert_eq!(said.matches("left behind").count(), 1, "{said}");
    // A second for its poll, and the time-out.
    assert!(took < Duration::from_millis(1200) * 10, "{took:?}");
}

#[test]
fn p49_a_job_that_never_ends_does_not_keep_the_process() {
    let Some(other) = other("p49_a_job_that_never_ends_does_not_keep_the_process") else {
        #[runtime::main(flavor = "current_thread", shutdown_timeout = "200ms")]
        async fn main() {
            let (started, has_started) = runtime::sync::oneshot::channel();
            for _ in 0..25 {
                runtime::spawn_blocking(block_for_ever);
            }
            runtime::spawn_blocking(|| {
                started.send(()).unwrap();
                block_for_ever();
            });
            has_started.await.unwrap();
        }
        return main();
    };
    let (status, said, took) = other.end();
    assert!(status.success(), "{status}: {said}");
    let line = "runtime: left behind: job ";
    assert_eq!(said.matches(line).count(), 20, "{said}");
    assert!(said.contains(" (spawned at tests/shutdown_main.rs:"), "{said}");
    assert!(said.contains("), running for 0.") || said.contains("), running for 1."), "{said}");
    assert!(said.contains("runtime: left behind: 6 more\n"), "{said}");
    assert!(took < LONG / 3, "{took:?}");
}

#[test]
fn ctrl_c_cancels_a_body_that_does_not_listen() {
    let Some(mut other) = other("ctrl_c_cancels_a_body_that_does_not_listen") else {
        #[runtime::main(ctrl_c = "cancel")]
        async fn main() {
            let _says = Says("the body was dropped");
            listener().await;
            say("runs");
            pending().await
        }
        return main();
    };
    other.says("runs");
    other.interrupt();
    let (status, said, _) = other.end();
    assert_eq!(status.code(), Some(130), "{said}");
    let dropped = said.find("- the body was dropped").expect(&said);
    let cleaned = said.find("- the task has cleaned up").expect(&said);
    assert!(dropped < cleaned, "{said}");
    assert!(!said.contains("left behind"), "{said}");
}

#[test]
fn ctrl_c_is_told_to_a_body_that_listens_and_its_value_decides() {
    let Some(mut other) = other("ctrl_c_is_told_to_a_body_that_listens_and_its_value_decides") else {
        // Not `Send`, twice in one process, on both flavours.
        #[runtime::main(flavor = "current_thread", ctrl_c = "cancel")]
        async fn first() -> std::rc::Rc<i32> {
            let number = std::rc::Rc::new(7);
            assert!(!task::cancel_requested());
            let cancelled = task::cancelled();
            listener().await;
            say("first runs");
            cancelled.await;
            assert!(task::cancel_requested());
            sleep(Duration::from_millis(1)).await;
            task::cancelled().await; // and again
            number
        }
        #[runtime::main(worker_threads = 1, ctrl_c = "cancel")]
        async fn second() {
            assert!(!task::cancel_requested());
            let cancelled = task::cancelled();
            say("second runs");
            cancelled.await;
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(*first(), 7);
        second();
        say("both have returned");
        // Afterwards it has its usual effect.
        return block_for_ever();
    };
    other.says("first runs");
    other.interrupt();
    other.says("second runs");
    other.interrupt();
    other.says("both have returned");
    other.interrupt();
    let (status, said, _) = other.end();
    assert_eq!(status.signal(), Some(2), "{status}: {said}");
    assert!(said.contains("- the task has cleaned up\n"), "{said}");
}

#[test]
fn a_second_ctrl_c_kills() {
    let Some(mut other) = other("a_second_ctrl_c_kills") else {
        #[runtime::main(ctrl_c = "cancel")]
        async fn main() {
            let cancelled = task::cancelled();
            say("runs");
            cancelled.await;
            say("asked");
            pending().await
        }
        return main();
    };
    other.says("runs");
    other.interrupt();
    other.says("asked");
    other.interrupt();
    let (status, said, _) = other.end();
    assert_eq!(status.signal(), Some(2), "{status}: {said}");
}

/// Also while the tasks are waited for.
#[test]
fn a_second_ctrl_c_kills_during_the_end() {
    let Some(mut other) = other("a_second_ctrl_c_kills_during_the_end") else {
        #[runtime::main(ctrl_c = "cancel")]
        async fn main() {
            let (ready, is_ready) = runtime::sync::oneshot::channel();
            runtime::spawn(async move {
                let cancelled = task::cancelled();
                ready.send(()).unwrap();
                cancelled.await;
                say("a task is asked");
                pending::<()>().await;
            });
            is_ready.await.unwrap();
            say("runs");
            pending().await
        }
        return main();
    };
    other.says("runs");
    other.interrupt();
    other.says("a task is asked");
    other.interrupt();
    let (status, said, _) = other.end();
    assert_eq!(status.signal(), Some(2), "{status}: {said}");
}

/// A worker that is stuck does not keep the first Ctrl-C from the body.
#[test]
fn ctrl_c_reaches_the_body_past_a_stuck_worker() {
    let Some(mut other) = other("ctrl_c_reaches_the_body_past_a_stuck_worker") else {
        #[runtime::main(worker_threads = 1, ctrl_c = "cancel", shutdown_timeout = "100ms")]
        async fn main() {
            runtime::spawn(async {
                say("runs");
                block_for_ever();
            });
            pending().await
        }
        return main();
    };
    other.says("runs");
    other.interrupt();
    let (status, said, _) = other.end();
    assert_eq!(status.code(), Some(130), "{said}");
    assert!(said.contains("runtime: left behind: task "), "{said}");
}

#[test]
fn there_is_one_body_that_ctrl_c_cancels_at_a_time() {
    let Some(other) = other("there_is_one_body_that_ctrl_c_cancels_at_a_time") else {
        #[runtime::main(flavor = "current_thread", ctrl_c = "cancel")]
        async fn inner() {}
        #[runtime::main(ctrl_c = "cancel")]
        async fn outer() {
            runtime::spawn_blocking(inner).await.unwrap();
        }
        return outer();
    };
    let (status, said, _) = other.end();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(
        said.contains("cannot start the runtime: another body of this process runs with `ctrl_c"),
        "{said}"
    );
}

/// As under `nohup`, or in the background of a shell.
#[test]
fn a_ctrl_c_that_is_ignored_stays_ignored() {
    let ignoring = ["sh", "-c", "trap '' INT; exec \"$0\" \"$@\""];
    let Some(mut other) = other_in(&ignoring, "a_ctrl_c_that_is_ignored_stays_ignored") else {
        #[runtime::main(ctrl_c = "cancel")]
        async fn main() {
            use runtime::signal::unix::{SignalKind, signal};
            let mut hangup = signal(SignalKind::hangup()).unwrap();
            say("runs");
            hangup.recv().await;
            assert!(!task::cancel_requested());
        }
        return main();
    };
    other.says("runs");
    other.interrupt();
    other.interrupt();
    other.signal(rustix::process::Signal::HUP);
    let (status, said, _) = other.end();
    assert!(status.success(), "{status}: {said}");
}

/// Who listens besides hears it too, and the second one kills nevertheless.
#[test]
fn ctrl_c_is_told_to_other_listeners_as_well() {
    let Some(mut other) = other("ctrl_c_is_told_to_other_listeners_as_well") else {
        #[runtime::main(ctrl_c = "cancel")]
        async fn main() {
            use runtime::signal::unix::{SignalKind, signal};
            let mut interrupts = signal(SignalKind::interrupt()).unwrap();
            let cancelled = task::cancelled();
            say("runs");
            cancelled.await;
            interrupts.recv().await;
            say("both have heard it");
            pending().await
        }
        return main();
    };
    other.says("runs");
    other.interrupt();
    other.says("both have heard it");
    other.interrupt();
    let (status, said, _) = other.end();
    assert_eq!(status.signal(), Some(2), "{status}: {said}");
}
