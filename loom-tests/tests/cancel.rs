//! A request to end against a task that begins to listen, callbacks against the end, and the end of a group.
#![cfg(loom)]

use loom_tests::tasks::{Bed, result_of};
use loom_tests::{expect_failure, model};
use runtime_core::internals::{Fault, plant};
use runtime_core::primitive::thread;
use runtime_core::supervise::group::{TaskGroup, group};
use runtime_core::task;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc as StdArc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// Ends when it is told to. The handle asks while the task begins to listen.
fn a_request_against_a_listener() {
    let (bed, handle) = Bed::of(async {
        task::cancelled().await;
        7
    });
    let abort = handle.abort_handle();
    let asks = thread::spawn(move || drop(handle.cancel()));
    bed.run();
    asks.join().unwrap();
    bed.run();
    assert!(bed.is_empty(), "the request was lost: the task sleeps");
    drop(abort);
}

#[test]
fn a_request_meets_a_task_that_begins_to_listen() {
    model(a_request_against_a_listener);
}

#[test]
fn twin_is_asked_late() {
    expect_failure("twin_is_asked_late", "the request was lost", || {
        plant(Fault::AskedLate);
        a_request_against_a_listener();
    });
}

/// A task that does not listen leaves its group and waits for ever: the request finds the group still there, or not.
fn a_request_against_the_end_of_a_group() {
    let (bed, handle) = Bed::of(async {
        let empty = group(async |_: TaskGroup<()>| Ok(()));
        empty.await.unwrap();
        poll_fn(|_| Poll::<()>::Pending).await;
    });
    let asks = thread::spawn(move || drop(handle.cancel()));
    bed.run();
    asks.join().unwrap();
    bed.run();
    assert!(bed.is_empty(), "the request was lost: the task sleeps");
}

#[test]
fn a_request_meets_the_end_of_a_group() {
    model(a_request_against_the_end_of_a_group);
}

/// One that listens is told, not dropped.
#[test]
fn two_requests_meet_a_listener() {
    model(|| {
        let (bed, mut handle) = Bed::of(async {
            task::cancelled().await;
            assert!(task::cancel_requested());
            7
        });
        bed.run();
        let (first, second) = (handle.abort_handle(), bed.clone());
        let asks = thread::spawn(move || runtime_core::internals::request(&first));
        let runs = thread::spawn(move || second.run());
        runtime_core::internals::request(&handle.abort_handle());
        asks.join().unwrap();
        runs.join().unwrap();
        bed.run();
        assert_eq!(handle.try_result().expect("the request was lost").unwrap(), 7);
    });
}

fn callbacks_against_the_end() {
    let (bed, handle) = Bed::of(async {});
    let calls = StdArc::new(AtomicUsize::new(0));
    let runner = bed.clone();
    let runs = thread::spawn(move || runner.run());
    for _ in 0..2 {
        let calls = calls.clone();
        handle.on_finish(move |outcome| {
            assert!(outcome.is_finished());
            calls.fetch_add(1, Ordering::Relaxed);
        });
    }
    runs.join().unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 2, "calls of two callbacks");
    result_of(handle).unwrap();
}

#[test]
fn callbacks_meet_the_end() {
    model(callbacks_against_the_end);
}

#[test]
fn twin_does_not_look_for_the_end() {
    expect_failure("twin_does_not_look_for_the_end", "calls of two callbacks", || {
        plant(Fault::EndUnseenByNotice);
        callbacks_against_the_end();
    });
}

/// A callback is registered while the task, and another thread, make the extras that it goes into.
fn a_callback_against_new_extras() {
    let (bed, handle) = Bed::of(async { drop(task::cancelled()) });
    let calls = StdArc::new(AtomicUsize::new(0));
    let runner = bed.clone();
    let runs = thread::spawn(move || runner.run());
    let called = calls.clone();
    handle.on_finish(move |_| _ = called.fetch_add(1, Ordering::Relaxed));
    runs.join().unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 1, "calls of a callback");
    result_of(handle).unwrap();
}

#[test]
fn a_callback_meets_new_extras() {
    model(a_callback_against_new_extras);
}

#[test]
fn twin_replaces_extras() {
    expect_failure("twin_replaces_extras", "calls of a callback", || {
        plant(Fault::ExtrasReplaced);
        a_callback_against_new_extras();
    });
}

/// Whether whoever awaits the group was woken.
#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: StdArc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Counts its drops.
struct Dropped(StdArc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// One task fails, the other waits for ever: the group ends, after both.
fn a_failure_ends_a_group() {
    let (first, second) = (Bed::empty(), Bed::empty());
    let drops = StdArc::new(AtomicUsize::new(0));
    let guards = (Dropped(drops.clone()), Dropped(drops.clone()));
    let body = async |g: TaskGroup<&'static str>| {
        let (fails, waits) = guards;
        drop(first.put(&g, async move {
            let _guard = fails;
            Err::<(), _>("failed")
        }));
        drop(second.put(&g, async move {
            let _guard = waits;
            poll_fn(|_| Poll::<Result<(), _>>::Pending).await
        }));
        Ok(())
    };
    let flag = StdArc::new(Flag::default());
    let waker = Waker::from(flag.clone());
    let mut group = pin!(group(body));
    let mut poll = || group.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(poll().is_pending());
    let runners = [first.clone(), second.clone()].map(|bed| thread::spawn(move || bed.run()));
    let mut polled = if flag.0.swap(false, Ordering::SeqCst) { poll() } else { Poll::Pending };
    for runner in runners {
        runner.join().unwrap();
    }
    for _ in 0..3 {
        first.run();
        second.run();
        if polled.is_pending() && flag.0.swap(false, Ordering::SeqCst) {
            polled = poll();
        }
        if polled.is_ready() {
            assert_eq!(drops.load(Ordering::SeqCst), 2, "a task outlived its group");
        }
    }
    let Poll::Ready(result) = polled else { panic!("a wake was lost: the group sleeps") };
    assert_eq!(result.unwrap_err().errors().len(), 1);
}

#[test]
fn a_failure_ends_a_group_after_its_tasks() {
    model(a_failure_ends_a_group);
}

#[test]
fn twin_leaves_its_tasks() {
    expect_failure("twin_leaves_its_tasks", "pending", || {
        plant(Fault::GroupLeft);
        a_failure_ends_a_group();
    });
}

/// A task that awaits a group, and does not listen, is asked for its end while the group's only task ends: it has
/// ended when both have, whoever comes first.
fn a_request_against_the_last_task_of_a_group() {
    let child = Bed::empty();
    let put = child.clone();
    let (bed, handle) = Bed::of(group(async move |g: TaskGroup<()>| {
        drop(put.put(&g, poll_fn(|_| Poll::<Result<(), ()>>::Pending)));
        poll_fn(|_| Poll::<Result<(), ()>>::Pending).await
    }));
    bed.run();
    let asks = thread::spawn(move || drop(handle.cancel()));
    let runner = child.clone();
    let runs = thread::spawn(move || runner.run());
    bed.run();
    asks.join().unwrap();
    runs.join().unwrap();
    for _ in 0..2 {
        child.run();
        bed.run();
    }
    assert!(child.is_empty(), "the task of the group was not asked");
    assert!(bed.is_empty(), "the last task of the group went unseen: the task sleeps");
}

#[test]
fn a_request_meets_the_last_task_of_a_group() {
    model(a_request_against_the_last_task_of_a_group);
}

/// The future of such a task is gone, and its group's only task ends while it looks whether it has to wait.
fn the_last_task_of_a_group_against_its_awaiter() {
    let child = Bed::empty();
    let put = child.clone();
    let (bed, handle) = Bed::of(group(async move |g: TaskGroup<()>| {
        drop(put.put(&g, poll_fn(|_| Poll::<Result<(), ()>>::Pending)));
        poll_fn(|_| Poll::<Result<(), ()>>::Pending).await
    }));
    bed.run();
    drop(handle.cancel());
    let runner = child.clone();
    let runs = thread::spawn(move || runner.run());
    bed.run();
    runs.join().unwrap();
    bed.run();
    assert!(child.is_empty() && bed.is_empty(), "the last task of the group went unseen: the task sleeps");
}

#[test]
fn the_last_task_of_a_group_meets_its_awaiter() {
    model(the_last_task_of_a_group_against_its_awaiter);
}

#[test]
fn twin_tells_before_its_group_has_left() {
    expect_failure("twin_tells_before_its_group_has_left", "the task sleeps", || {
        plant(Fault::GroupLeavesLate);
        the_last_task_of_a_group_against_its_awaiter();
    });
}

/// Counts those who are there.
struct Alive(StdArc<AtomicUsize>);

impl Alive {
    fn new(count: &StdArc<AtomicUsize>) -> Alive {
        count.fetch_add(1, Ordering::SeqCst);
        Alive(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A task is asked for its end while it enters a group, and polled again meanwhile: what its group has started has ended
/// when it has.
fn a_request_against_the_start_of_a_group() {
    let child = Bed::empty();
    let put = child.clone();
    let live = StdArc::new(AtomicUsize::new(0));
    let (count, waker) = (live.clone(), StdArc::new(Mutex::new(None::<Waker>)));
    let left = waker.clone();
    let (bed, handle) = Bed::of(group(async move |g: TaskGroup<()>| {
        drop(put.put(&g, async move {
            let _alive = Alive::new(&count);
            poll_fn(|_| Poll::<Result<(), ()>>::Pending).await
        }));
        poll_fn(|cx| {
            *left.lock().unwrap() = Some(cx.waker().clone());
            Poll::<Result<(), ()>>::Pending
        })
        .await
    }));
    let check = || {
        let has_ended = bed.is_empty();
        assert!(!has_ended || live.load(Ordering::SeqCst) == 0, "the task ended before that of its group");
    };
    let asks = thread::spawn(move || drop(handle.cancel()));
    bed.run();
    check();
    child.run();
    let left = waker.lock().unwrap().take();
    if let Some(waker) = left {
        waker.wake();
    }
    bed.run();
    check();
    asks.join().unwrap();
    bed.run();
    check();
    child.run();
    bed.run();
    assert!(bed.is_empty() && child.is_empty(), "the request was lost: a task sleeps");
}

#[test]
fn a_request_meets_the_start_of_a_group() {
    model(a_request_against_the_start_of_a_group);
}

#[test]
fn twin_enters_a_group_unasked() {
    expect_failure("twin_enters_a_group_unasked", "the task ended before that of its group", || {
        plant(Fault::GroupEnteredUnasked);
        a_request_against_the_start_of_a_group();
    });
}

#[test]
fn twin_drops_a_task_before_its_groups_know() {
    expect_failure(
        "twin_drops_a_task_before_its_groups_know",
        "the task ended before that of its group",
        || {
            plant(Fault::GroupsAskedLate);
            a_request_against_the_start_of_a_group();
        },
    );
}
