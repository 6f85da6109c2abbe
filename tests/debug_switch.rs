//! Debug mode: what turns it on, that it is silent otherwise, and what its hook may do.

use runtime::{Builder, DebugReport, JoinHandle, task};
use std::future::pending;
use std::io::ErrorKind;
use std::panic::Location;
use std::process::Command;
use std::sync::mpsc;
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

async fn until_ended<T>(task: &JoinHandle<T>) {
    while !task.is_finished() {
        task::yield_now().await;
    }
}

/// On the thread, for longer than a poll may take.
fn block() {
    thread::sleep(Duration::from_millis(150));
}

#[test]
fn off_unless_it_is_asked_for() {
    for builder in BUILDERS {
        for debug in [None, Some(false)] {
            let (tell, told) = mpsc::channel::<DebugReport>();
            let mut builder = builder();
            debug.map(|debug| builder.debug(debug));
            let runtime =
                builder.on_debug_report(move |report| tell.send(report.clone()).unwrap()).build().unwrap();
            runtime.block_on(runtime.spawn(async { block() })).unwrap();
            let held = runtime.spawn(async { 42 });
            runtime.block_on(until_ended(&held));
            drop(runtime);
            drop(held);
            assert_eq!(told.try_iter().count(), 0);
        }
    }
}

/// A hook may panic, and may cause the next report itself: the lines go to stderr then.
#[test]
fn a_hook_that_misbehaves_harms_nobody() {
    let mut builder = Builder::new_current_thread();
    builder.debug(true).on_debug_report(|report| {
        if report.kind() == runtime::DebugKind::TaskNeverPolled {
            panic!("on purpose");
        }
        // One more report, from inside of the hook.
        let inner = runtime::Handle::current().spawn(pending::<()>());
        inner.abort();
    });
    let runtime = builder.build().unwrap();
    assert!(runtime.block_on(runtime.spawn(async { block() })).is_ok());
    assert!(runtime.block_on(runtime.spawn(async { 42 })).is_ok());
}

/// No lock of the runtime is held: whatever asks for one works.
#[test]
fn a_hook_may_use_the_runtime() {
    for builder in BUILDERS {
        let (tell, told) = mpsc::channel();
        let mut builder = builder();
        builder.debug(true).on_debug_report(move |_| {
            let handle = runtime::Handle::current();
            let (tasks, line) = (handle.tasks().len(), Location::caller().line());
            drop(handle.spawn(async move { line }));
            let _ = tell.send(tasks);
        });
        let runtime = builder.build().unwrap();
        runtime.block_on(runtime.spawn(async { block() })).unwrap();
        assert_eq!(told.recv().unwrap(), 1);
    }
}

/// What is told in child processes: which value of the variable, and what comes of it.
const CHILD: &str = "RUNTIME_TEST_DEBUG_CHILD";

#[test]
fn the_environment_beats_the_default_and_the_builder_beats_it() {
    if let Ok(child) = std::env::var(CHILD) {
        let mut builder = Builder::new_current_thread();
        match &*child {
            "refused" => {
                let error = builder.build().expect_err("it was built");
                assert_eq!(error.kind(), ErrorKind::InvalidInput);
                let text = error.to_string();
                assert!(text.contains("RUNTIME_DEBUG") && text.contains("neither 1 nor 0"), "{text}");
                // Whoever says it in the program is not bothered.
                builder.debug(true).build().unwrap();
                return;
            }
            "off" => _ = builder.debug(false),
            _ => {}
        }
        let runtime = builder.build().unwrap();
        let task = runtime.spawn(async {});
        task.abort();
        assert!(runtime.block_on(task).is_err());
        return;
    }
    let name = "the_environment_beats_the_default_and_the_builder_beats_it";
    let line = "runtime: debug: task ";
    let cases = [
        (Some("1"), "", true),
        (Some(" 1 "), "", true),
        (Some("0"), "", false),
        (None, "", false),
        (Some("1"), "off", false),
        (Some("yes"), "refused", false),
        (Some(""), "refused", false),
        (Some("2"), "refused", false),
    ];
    for (value, child, is_reported) in cases {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([name, "--exact", "--nocapture"]).env(CHILD, child).env_remove("RUNTIME_DEBUG");
        value.map(|value| command.env("RUNTIME_DEBUG", value));
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{value:?}, {child:?}: {stderr}");
        let is_there = stderr.contains(line) && stderr.contains("was dropped before its first poll");
        assert_eq!(is_there, is_reported, "{value:?}, {child:?}: {stderr}");
    }
}

#[runtime::test(debug = true)]
async fn a_test_may_ask_for_it() {
    assert_eq!(runtime::spawn(async { 42 }).await.unwrap(), 42);
}

/// What the attribute says reaches the builder: seen on stderr of a child.
#[test]
fn the_attribute_turns_it_on() {
    #[runtime::main(debug = true)]
    async fn debugged() {
        runtime::spawn(async { block() }).await.unwrap();
    }
    #[runtime::main(flavor = "current_thread", debug = false)]
    async fn plain() {
        runtime::spawn(async { block() }).await.unwrap();
    }
    if let Ok(child) = std::env::var(CHILD) {
        return if child == "on" { debugged() } else { plain() };
    }
    for (child, reports) in [("on", 1), ("off", 0)] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["the_attribute_turns_it_on", "--exact", "--nocapture"]).env(CHILD, child);
        let output = command.env("RUNTIME_DEBUG", "1").output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        assert_eq!(stderr.matches("runtime: debug: ").count(), reports, "{stderr}");
    }
}
