//! Listing tasks against their end: a walker takes references under the lock of the list, so a task that it has met
//! stays until it has let go.
#![cfg(loom)]

use loom_tests::tasks::{Bed, Watched};
use loom_tests::{expect_failure, model};
use runtime_core::internals::{Fault, plant};
use runtime_core::primitive::thread;
use runtime_core::task::TaskState;

/// A task that nobody awaits ends while somebody lists the tasks.
fn a_list_against_the_end() {
    let alive = Watched::default();
    let inside = alive.clone();
    let (bed, handle) = Bed::of(async move { inside.set(1) });
    let id = handle.id();
    drop(handle);
    let lists = thread::spawn({
        let bed = bed.clone();
        move || bed.list()
    });
    bed.run();
    let list = lists.join().unwrap();
    assert!(list.len() <= 1);
    if let Some(task) = list.first() {
        assert_eq!(task.id(), id);
        assert_ne!(task.state(), TaskState::Idle, "it never waits");
    }
    assert!(bed.is_empty() && bed.list().is_empty());
    assert_eq!(alive.holders(), 1, "the future is dropped");
}

#[test]
fn a_task_that_is_listed_is_not_freed() {
    model(a_list_against_the_end);
}

#[test]
fn a_count_that_is_seen_early_is_found() {
    expect_failure("a_count_that_is_seen_early_is_found", "freed under a walker", || {
        plant(Fault::CountSeenEarly);
        a_list_against_the_end();
    });
}
