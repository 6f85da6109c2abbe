//! Where a task panicked is in the report, if backtraces are enabled. That is up to the environment, once for each process, so
//! each case is a child of its own.

use runtime::{Builder, Handle, JoinError, Runtime};
use std::panic::{catch_unwind, resume_unwind};
use std::process::{Command, Output};
use std::sync::mpsc;

/// Which case a child is.
const CHILD: &str = "RUNTIME_TEST_BACKTRACE_CHILD";

/// Runs the test `name` in a child with that environment, as case `child`.
fn child(name: &str, child: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([name, "--exact", "--nocapture"]).env(CHILD, child);
    command.env_remove("RUST_BACKTRACE").env_remove("RUST_LIB_BACKTRACE").envs(variables.iter().copied());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{child}, {variables:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn is_child() -> Option<String> {
    std::env::var(CHILD).ok()
}

const ENABLED: [&[(&str, &str)]; 3] = [
    &[("RUST_BACKTRACE", "1")],
    &[("RUST_LIB_BACKTRACE", "1")],
    &[("RUST_BACKTRACE", "0"), ("RUST_LIB_BACKTRACE", "full")],
];
const DISABLED: [&[(&str, &str)]; 3] =
    [&[], &[("RUST_BACKTRACE", "0")], &[("RUST_BACKTRACE", "1"), ("RUST_LIB_BACKTRACE", "0")]];

#[inline(never)]
fn culprit_number_one() {
    panic!("caught by nobody: {}", 1);
}

#[inline(never)]
fn culprit_number_two() {
    panic!("caught at once");
}

fn error_of(runtime: &Runtime, body: fn()) -> JoinError {
    runtime.block_on(runtime.spawn(async move { body() })).unwrap_err()
}

fn text(error: &JoinError) -> Option<String> {
    error.backtrace().map(ToString::to_string)
}

fn builders() -> [Builder; 2] {
    [Builder::new_multi_thread(), Builder::new_current_thread()]
}

/// What tasks and jobs give, and whether their reports have a backtrace that names the culprit.
fn check(is_enabled: bool) {
    for mut builder in builders() {
        let (tell, told) = mpsc::channel();
        let runtime =
            builder.on_unhandled(move |unhandled| tell.send(unhandled.clone()).unwrap()).build().unwrap();
        drop(runtime.spawn(async { culprit_number_one() }));
        runtime.block_on(runtime::task::yield_now());
        let unhandled = told.recv().unwrap();
        let backtrace = unhandled.backtrace().map(ToString::to_string);
        assert_eq!(backtrace.as_ref().is_some_and(|text| text.contains("culprit_number_one")), is_enabled);
        assert_eq!(backtrace.is_some(), is_enabled);
        assert!(!unhandled.to_string().contains('\n'));

        drop(runtime.spawn_blocking(culprit_number_one));
        assert_eq!(told.recv().unwrap().backtrace().is_some(), is_enabled);

        let error = error_of(&runtime, culprit_number_one);
        assert_eq!(text(&error).is_some_and(|text| text.contains("culprit_number_one")), is_enabled);
        // No panic, no backtrace.
        let task = runtime.spawn(std::future::pending::<()>());
        task.abort();
        assert!(runtime.block_on(task).unwrap_err().backtrace().is_none());
    }
}

#[test]
fn a_report_has_the_backtrace_of_the_panic_if_they_are_enabled() {
    let name = "a_report_has_the_backtrace_of_the_panic_if_they_are_enabled";
    if let Some(child) = is_child() {
        return check(child == "enabled");
    }
    for variables in ENABLED {
        child(name, "enabled", variables);
    }
    for variables in DISABLED {
        child(name, "disabled", variables);
    }
}

/// One that was caught on the way is not taken for the one that ended the task.
#[test]
fn the_backtrace_is_that_of_the_panic_that_ended_the_task() {
    if is_child().is_none() {
        child("the_backtrace_is_that_of_the_panic_that_ended_the_task", "", ENABLED[0]);
        return;
    }
    for mut builder in builders() {
        let runtime = builder.build().unwrap();
        let error = error_of(&runtime, || {
            catch_unwind(culprit_number_two).unwrap_err();
            culprit_number_one();
        });
        let trace = text(&error).unwrap();
        assert!(trace.contains("culprit_number_one") && !trace.contains("culprit_number_two"), "{trace}");
        // Unwinding goes on: it is the same panic, wherever it was caught meanwhile.
        let error = error_of(&runtime, || resume_unwind(catch_unwind(culprit_number_two).unwrap_err()));
        assert!(text(&error).unwrap().contains("culprit_number_two"));
        // This one called no hook.
        let error = error_of(&runtime, || {
            catch_unwind(culprit_number_two).unwrap_err();
            resume_unwind(Box::new("another"));
        });
        assert_eq!(text(&error), None);
        assert!(text(&error_of(&runtime, || resume_unwind(Box::new(7)))).is_none());
    }
    // Below a `block_on` inside of the task as well.
    let runtime = Runtime::new().unwrap();
    let error = error_of(&runtime, || {
        let inner = || Handle::current().block_on(async { culprit_number_one() });
        runtime::task::block_in_place(inner);
    });
    assert!(text(&error).unwrap().contains("culprit_number_one"));
}

/// The hook that is there is called, once for each panic, with backtraces and without; and it stays the user's to set.
#[test]
fn the_panic_hook_stays_the_programs() {
    let Some(kind) = is_child() else {
        for (kind, variables) in [("enabled", ENABLED[0]), ("disabled", DISABLED[0])] {
            child("the_panic_hook_stays_the_programs", kind, variables);
        }
        return;
    };
    let is_enabled = kind == "enabled";
    let (tell, told) = mpsc::channel();
    std::panic::set_hook(Box::new(move |panic| {
        tell.send(panic.payload().downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap();
    }));
    for mut builder in builders() {
        let runtime = builder.build().unwrap();
        assert_eq!(error_of(&runtime, culprit_number_two).backtrace().is_some(), is_enabled);
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [Some("caught at once".to_owned())]);
    }
    // Outside of all tasks as well.
    catch_unwind(culprit_number_two).unwrap_err();
    assert_eq!(told.try_iter().count(), 1);
    // Whoever sets another one has that one, and no backtraces: ours is not put back.
    std::panic::set_hook(Box::new(|_| {}));
    for mut builder in builders() {
        assert!(error_of(&builder.build().unwrap(), culprit_number_two).backtrace().is_none());
    }
    assert_eq!(told.try_iter().count(), 0);
}

#[test]
fn the_line_on_stderr_has_it_behind_it() {
    if is_child().is_some() {
        let runtime = Builder::new_current_thread().build().unwrap();
        drop(runtime.spawn(async { culprit_number_one() }));
        runtime.block_on(runtime::task::yield_now());
        return;
    }
    // With the second one std's own hook prints none.
    let name = "the_line_on_stderr_has_it_behind_it";
    for (variables, is_there) in [(ENABLED[1], true), (DISABLED[0], false)] {
        let output = child(name, "", variables);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let (_, behind) =
            stderr.split_once(" panicked and nobody took the result: caught by nobody: 1\n").unwrap();
        assert_eq!(behind.starts_with("stack backtrace:\n"), is_there, "{stderr}");
        assert_eq!(behind.contains("culprit_number_one"), is_there, "{stderr}");
    }
}

/// While a hook runs none can be set: the runtime that it waits for was never built.
#[test]
fn a_panic_hook_may_wait_for_a_runtime() {
    if is_child().is_none() {
        child("a_panic_hook_may_wait_for_a_runtime", "", ENABLED[0]);
        return;
    }
    let (tell, told) = mpsc::channel();
    std::panic::set_hook(Box::new(move |_| {
        let report = || Runtime::new().unwrap().block_on(async { 42 });
        tell.send(std::thread::spawn(report).join().unwrap()).unwrap();
    }));
    std::thread::spawn(|| panic!("the first")).join().unwrap_err();
    assert_eq!(told.recv_timeout(std::time::Duration::from_secs(60)), Ok(42));
    drop(std::panic::take_hook());
    // The next one that is built sets its own, or has been set meanwhile.
    let runtime = Runtime::new().unwrap();
    assert!(error_of(&runtime, culprit_number_one).is_panic());
}
