//! Sets of tasks: who polls a set hears of every member that ends.
#![cfg(loom)]

use loom::future::block_on;
use loom_tests::{expect_failure, model};
use runtime_core::internals::{Fault, plant, task_id};
use runtime_core::join_set::{Ended, Key};
use runtime_core::primitive::{Arc, thread};
use std::future::poll_fn;

/// Two members end while the set is polled for both.
fn ends_against_poll() {
    let ended = Arc::new(Ended::default());
    let ids = [task_id(), task_id()];
    let threads = [0, 1].map(|index| {
        let waker = Ended::waker(&ended, Key { index, id: ids[index] });
        thread::spawn(move || waker.wake())
    });
    let mut seen = [false; 2];
    for _ in 0..2 {
        let key = block_on(poll_fn(|cx| ended.poll_pop(cx)));
        assert!(!std::mem::replace(&mut seen[key.index], true), "a member ended twice");
    }
    assert_eq!(ended.pop(), None);
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn ends_meet_a_poll() {
    model(ends_against_poll);
}

#[test]
fn twin_does_not_look_again() {
    expect_failure("twin_does_not_look_again", "deadlock", || {
        plant(Fault::MemberUnseen);
        ends_against_poll();
    });
}
