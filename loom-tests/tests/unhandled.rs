//! M3: the panic of a task whose handle goes is reported once, by whoever drops the result.
#![cfg(loom)]

use loom_tests::tasks::Bed;
use loom_tests::{expect_failure, model};
use runtime_core::internals::{Fault, plant};
use runtime_core::primitive::thread;
use std::future::poll_fn;
use std::panic::resume_unwind;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

/// The task panics on one thread while its handle, which has been awaited, goes on another.
fn a_drop_against_a_panic() {
    let mut is_first = true;
    let (bed, mut handle) = Bed::of(poll_fn(move |cx| -> Poll<()> {
        if std::mem::take(&mut is_first) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        // Not `panic!`: the hook would print a line for each execution.
        resume_unwind(Box::new("on purpose"))
    }));
    let reports = bed.reports();
    let waits = std::pin::Pin::new(&mut handle);
    assert!(std::future::Future::poll(waits, &mut Context::from_waker(Waker::noop())).is_pending());
    let runs = thread::spawn(move || bed.run());
    drop(handle);
    runs.join().unwrap();
    assert_eq!(reports.load(Ordering::Relaxed), 1, "reports of the panic");
}

#[test]
fn a_drop_meets_a_panic() {
    model(a_drop_against_a_panic);
}

#[test]
fn twin_looks_for_the_end_before_it_goes() {
    expect_failure("twin_looks_for_the_end_before_it_goes", "reports of the panic", || {
        plant(Fault::EndSeenEarly);
        a_drop_against_a_panic();
    });
}

/// A result that was taken is no concern of anybody's.
#[test]
fn an_await_meets_a_panic() {
    model(|| {
        let (bed, handle) = Bed::of(async { resume_unwind(Box::new("on purpose")) });
        let reports = bed.reports();
        let runs = thread::spawn(move || bed.run());
        let result: Result<(), _> = loom::future::block_on(handle);
        assert!(result.unwrap_err().is_panic());
        runs.join().unwrap();
        assert_eq!(reports.load(Ordering::Relaxed), 0, "reports of the panic");
    });
}
