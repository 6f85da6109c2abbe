//! Queues: `join` ends exactly when all is done, and the end reaches everybody who waits.
#![cfg(loom)]

use loom::future::block_on;
use loom_tests::tasks::Watched;
use loom_tests::{expect_failure, model};
use runtime_core::primitive::atomic::{AtomicBool, Ordering};
use runtime_core::primitive::{Arc, thread};
use runtime_core::sync::Queue;
use runtime_core::sync::internals::{Fault, plant};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// One joins while another deals with the only item.
fn join_against_done() {
    let queue = Queue::unbounded();
    assert!(queue.try_put(()).is_ok());
    let (worker, work) = (queue.clone(), Watched::default());
    let worked = work.clone();
    let worker = thread::spawn(move || {
        let item = worker.try_get().unwrap();
        worked.set(1);
        item.done();
    });
    block_on(queue.join());
    assert_eq!(work.get(), 1, "the join came before the work was done");
    worker.join().unwrap();
}

#[test]
fn a_join_meets_the_end_of_an_item() {
    model(join_against_done);
}

#[test]
fn twin_tells_joiners_early() {
    expect_failure("twin_tells_joiners_early", "deadlock", || {
        plant(Fault::JoinersToldEarly);
        join_against_done();
    });
}

/// The notification about an earlier end comes late: it is not about what this join waits for.
fn join_against_a_late_notification() {
    let queue = Queue::unbounded();
    assert!(queue.try_put(1).is_ok());
    let first = queue.try_get().unwrap();
    let first = thread::spawn(move || first.done());
    assert!(queue.try_put(2).is_ok());
    let second = queue.try_get().unwrap();
    let is_done = Arc::new(AtomicBool::new(false));
    let about = is_done.clone();
    let second = thread::spawn(move || {
        about.store(true, Ordering::Relaxed);
        second.done();
    });
    block_on(queue.join());
    assert!(is_done.load(Ordering::Relaxed), "the join took another end for its own");
    first.join().unwrap();
    second.join().unwrap();
}

#[test]
fn a_join_meets_a_late_notification() {
    model(join_against_a_late_notification);
}

#[test]
fn twin_takes_any_notification_for_the_end() {
    expect_failure("twin_takes_any_notification_for_the_end", "took another end", || {
        plant(Fault::JoinersUnsure);
        join_against_a_late_notification();
    });
}

/// A moment without items that is over is an end all the same.
#[test]
fn a_join_meets_an_end_and_a_new_item() {
    model(|| {
        let queue = Queue::unbounded();
        assert!(queue.try_put(1).is_ok());
        let busy = queue.clone();
        let worker = thread::spawn(move || {
            busy.try_get().unwrap().done();
            assert!(busy.try_put(2).is_ok());
        });
        // Nobody will deal with the second one.
        block_on(queue.join());
        worker.join().unwrap();
        assert_eq!(queue.len(), 1);
    });
}

/// Two wait for one item, then the queue is closed: one gets it, the other one is told.
fn close_against_gets() {
    let queue = Queue::unbounded();
    let getters = [queue.clone(), queue.clone()]
        .map(|queue| thread::spawn(move || usize::from(block_on(queue.get()).is_ok())));
    assert!(queue.try_put(()).is_ok());
    queue.close();
    let got: usize = getters.map(|getter| getter.join().unwrap()).into_iter().sum();
    assert_eq!(got, 1);
}

#[test]
fn a_close_meets_gets() {
    model(close_against_gets);
}

#[test]
fn twin_keeps_the_end_to_itself() {
    expect_failure("twin_keeps_the_end_to_itself", "deadlock", || {
        plant(Fault::EndKept);
        close_against_gets();
    });
}

/// A get that was promised the last item of a closed queue gives up: the next one gets it.
fn cancel_against_close() {
    let queue = Queue::unbounded();
    let (first, second) = (queue.clone(), queue.clone());
    let gives_up = thread::spawn(move || {
        let get = pin!(first.get());
        let polled = get.poll(&mut Context::from_waker(Waker::noop()));
        usize::from(matches!(polled, Poll::Ready(Ok(_))))
    });
    let waits = thread::spawn(move || usize::from(block_on(second.get()).is_ok()));
    let was_put = queue.try_put(()).is_ok();
    queue.close();
    assert!(was_put);
    assert_eq!(gives_up.join().unwrap() + waits.join().unwrap(), 1, "the item was lost");
}

#[test]
fn a_get_gives_up_while_the_queue_closes() {
    model(cancel_against_close);
}

#[test]
fn twin_keeps_the_turn() {
    expect_failure("twin_keeps_the_turn", "deadlock", || {
        plant(Fault::GrantKept);
        cancel_against_close();
    });
}

/// A put waits for room while a get makes some and somebody throws all out: the value is in exactly one place,
/// and in the end nothing is counted.
#[test]
fn a_put_meets_a_get_and_the_end() {
    model(|| {
        let queue = Queue::bounded(1);
        let values = Watched::default();
        assert!(queue.try_put(values.clone()).is_ok());
        let (putter, getter, value) = (queue.clone(), queue.clone(), values.clone());
        let putter = thread::spawn(move || drop(block_on(putter.put(value))));
        let getter = thread::spawn(move || drop(getter.try_get()));
        queue.close_now();
        block_on(queue.join());
        putter.join().unwrap();
        getter.join().unwrap();
        block_on(queue.join());
        assert_eq!((queue.len(), values.holders()), (0, 1));
    });
}
