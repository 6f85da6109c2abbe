//! M6, second half: a `block_on` is woken before it waits, while it waits, and after.
#![cfg(loom)]

use loom_tests::{expect_failure, model};
use runtime_core::internals::{Fault, block_on, plant, shared};
use runtime_core::port::{Driver, DriverHandle};
use runtime_core::primitive::atomic::{AtomicUsize, Ordering};
use runtime_core::primitive::{Arc, thread};
use runtime_core::util::wake_list::WakeList;
use std::any::Any;
use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

struct NoDriver;

impl Driver for NoDriver {
    fn park(&mut self, _timeout: Option<Duration>, _ready: &mut WakeList) -> io::Result<()> {
        unreachable!("there is no worker");
    }

    fn shutdown(&mut self, _ready: &mut WakeList) {}
}

impl DriverHandle for NoDriver {
    fn unpark(&self) {}

    fn has_sources(&self) -> bool {
        false
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Threads that start in the first poll set a flag each and wake; the future waits for all flags.
fn wakes_against_waiting<const COUNT: usize>() {
    let shared = shared(Box::new(NoDriver), std::sync::Arc::new(NoDriver));
    let flags: Arc<[AtomicUsize; COUNT]> = Arc::new([(); COUNT].map(|()| AtomicUsize::new(0)));
    let mut threads = Vec::new();
    let mut polls = 0;
    block_on(
        &shared,
        poll_fn(|cx| {
            polls += 1;
            if threads.is_empty() {
                threads.extend((0..COUNT).map(|which| {
                    let (flags, waker) = (flags.clone(), cx.waker().clone());
                    thread::spawn(move || {
                        flags[which].store(1, Ordering::Relaxed);
                        waker.wake();
                    })
                }));
            }
            let all = flags.iter().all(|flag| flag.load(Ordering::Relaxed) == 1);
            if all { Poll::Ready(()) } else { Poll::Pending }
        }),
    );
    assert!(polls <= COUNT + 1, "{polls} polls for {COUNT} wakes");
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn two_wakes_meet_a_block_on() {
    model(wakes_against_waiting::<2>);
}

#[test]
fn twin_forgets_that_it_was_woken() {
    expect_failure("twin_forgets_that_it_was_woken", "deadlock", || {
        plant(Fault::SignalForgotten);
        wakes_against_waiting::<1>();
    });
}
