//! Exhaustive interleaving models of the runtime's protocols, and the two helpers that they share.
//!
//! Run them with
//!
//! ```text
//! RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=2 cargo test --profile loom -p loom-tests
//! ```
//!
//! Without `--cfg loom` this package is empty. `model` explores one protocol within fixed bounds;
//! `expect_failure` does the same with a *broken twin* — the same model with one ordering weakened or
//! one re-check removed — and demands that loom finds the fault: a model that cannot see its own twin
//! fail proves nothing.
#![cfg(loom)]

pub mod tasks;

use std::panic::Location;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Switches away from a runnable thread that one execution may make. Two find nearly every bug known
/// from other runtimes; three is for a release, by hand (`LOOM_MAX_PREEMPTIONS=3`).
const PREEMPTIONS_MAX: usize = 2;
/// Steps of one execution. Loom's own default (1,000) is too small for a pool or a runtime.
const BRANCHES_MAX: usize = 10_000;
/// Threads of one model, the main thread included: a fifth multiplies the executions beyond our budget.
const THREADS_MAX: usize = 4;
/// Set in the child process that runs a broken twin, to the name of its test.
const TWIN_ENV: &str = "LOOM_TESTS_TWIN";

/// Explores every interleaving of `body` within the bounds above, and prints how many there were.
///
/// `LOOM_MAX_PREEMPTIONS`, `LOOM_MAX_BRANCHES` and loom's checkpoint and log variables are obeyed.
///
/// # Panics
/// When an execution panics, deadlocks, races or leaks. (Some failures end in an abort instead: loom
/// panics again while it unwinds.)
#[track_caller]
pub fn model<F>(body: F)
where
    F: Fn() + Send + Sync + 'static,
{
    let mut builder = loom::model::Builder::new();
    builder.max_threads = THREADS_MAX;
    builder.preemption_bound = builder.preemption_bound.or(Some(PREEMPTIONS_MAX));
    if std::env::var_os("LOOM_MAX_BRANCHES").is_none() {
        builder.max_branches = BRANCHES_MAX;
    }
    // std's counter, not loom's: it is no part of the model.
    let executions = Arc::new(AtomicU64::new(0));
    let counter = executions.clone();
    builder.check(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        body();
    });
    println!("model {}: {} executions", Location::caller(), executions.load(Ordering::Relaxed));
}

/// Runs the broken twin `body` as `model` does, and passes only if loom finds a failure whose message
/// contains `expected` (`"deadlock"`, `"Causality violation"`, `"leaked"`, or the text of an assertion).
///
/// `test` is the name of the calling test: the twin runs in a child process of this test binary, because
/// a failing model may abort.
///
/// ```text
/// #[test]
/// fn forgets_the_recheck() {
///     expect_failure("forgets_the_recheck", "deadlock", || protocol(Recheck::Left));
/// }
/// ```
///
/// # Panics
/// When the twin passes, or fails for another reason than `expected`.
#[track_caller]
pub fn expect_failure<F>(test: &str, expected: &str, body: F)
where
    F: Fn() + Send + Sync + 'static,
{
    if std::env::var(TWIN_ENV).is_ok_and(|twin| twin == test) {
        return model(body);
    }
    let binary = std::env::current_exe().expect("the test binary has a path");
    let child = Command::new(binary)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(TWIN_ENV, test)
        .env_remove("LOOM_CHECKPOINT_FILE")
        .output()
        .expect("the test binary can be started again");
    let said =
        format!("{}{}", String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(said.contains("running 1 test"), "`{test}` is not the name of the calling test:\n{said}");
    assert!(!child.status.success(), "the broken twin `{test}` passed: the model is blind to it:\n{said}");
    assert!(
        said.contains(expected),
        "the twin `{test}` failed for a reason other than {expected:?}:\n{said}"
    );
}
