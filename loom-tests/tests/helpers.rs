//! The helpers themselves: a correct handshake passes, its broken twin is caught.
#![cfg(loom)]

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom_tests::{expect_failure, model};

/// Two threads add one each, either in one step or in two.
fn count_to_two(one_step: bool) {
    let count = Arc::new(AtomicUsize::new(0));
    let other = count.clone();
    let add = move |count: &AtomicUsize| {
        if one_step {
            count.fetch_add(1, Ordering::Relaxed);
        } else {
            count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
    };
    let thread = loom::thread::spawn(move || add(&other));
    add(&count);
    thread.join().unwrap();
    assert_eq!(count.load(Ordering::Relaxed), 2, "an increment was lost");
}

#[test]
fn model_explores_and_passes() {
    model(|| count_to_two(true));
}

#[test]
fn twin_is_caught() {
    expect_failure("twin_is_caught", "an increment was lost", || count_to_two(false));
}
