//! M10: cells that are filled once, and events.
#![cfg(loom)]

use loom::future::block_on;
use loom_tests::{expect_failure, model};
use runtime_core::primitive::atomic::{AtomicUsize, Ordering};
use runtime_core::primitive::{Arc, UnsafeCell, thread};
use runtime_core::sync::internals::{Fault, plant};
use runtime_core::sync::{Event, OnceCell, SetOnce};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

/// A value into which loom looks: reading it before it was put there entirely is a race.
struct Value(UnsafeCell<u32>);

// SAFETY: it is written before it is put into the cell, then only read; that is what is tested.
unsafe impl Send for Value {}
// SAFETY: as above.
unsafe impl Sync for Value {}

impl Value {
    fn new(value: u32) -> Self {
        let cell = UnsafeCell::new(0);
        // SAFETY: nobody else has it yet.
        cell.with_mut(|place| unsafe { *place = value });
        Value(cell)
    }

    fn get(&self) -> u32 {
        // SAFETY: nobody writes any more.
        self.0.with(|value| unsafe { *value })
    }
}

/// Two initialise, one looks.
#[test]
fn two_initialise() {
    model(|| {
        let shared = Arc::new((OnceCell::new(), AtomicUsize::new(0)));
        let fill = |shared: &(OnceCell<Value>, AtomicUsize), value| {
            let make = || async move {
                shared.1.fetch_add(1, Ordering::Relaxed);
                Value::new(value)
            };
            block_on(shared.0.get_or_init(make)).get()
        };
        let (first, second) = (shared.clone(), shared.clone());
        let fills = thread::spawn(move || fill(&first, 1));
        let looks = thread::spawn(move || second.0.get().map(Value::get));
        let value = fill(&shared, 2);
        assert_eq!(fills.join().unwrap(), value);
        assert!(looks.join().unwrap().is_none_or(|seen| seen == value));
        assert_eq!(shared.1.load(Ordering::Relaxed), 1);
    });
}

/// One begins to initialise and gives up, the other one does it then.
fn give_up_against_init() {
    let cell = Arc::new(OnceCell::new());
    let other = cell.clone();
    let gives_up = thread::spawn(move || {
        let _ = pin!(other.get_or_init(std::future::pending)).poll(&mut Context::from_waker(Waker::noop()));
    });
    assert_eq!(block_on(cell.get_or_init(|| async { Value::new(1) })).get(), 1);
    gives_up.join().unwrap();
}

#[test]
fn a_dropped_initialisation_meets_another() {
    model(give_up_against_init);
}

#[test]
fn twin_keeps_its_turn() {
    expect_failure("twin_keeps_its_turn", "deadlock", || {
        plant(Fault::TurnKept);
        give_up_against_init();
    });
}

/// Two set, one waits for the value.
fn set_against_wait() {
    let cell = Arc::new(SetOnce::new());
    let (first, second) = (cell.clone(), cell.clone());
    let sets = thread::spawn(move || first.set(Value::new(1)).is_ok());
    let sets_too = thread::spawn(move || second.set(Value::new(2)).is_ok());
    let value = block_on(cell.wait()).get();
    let (first, second) = (sets.join().unwrap(), sets_too.join().unwrap());
    assert_eq!((first, second), (value == 1, value == 2));
}

#[test]
fn a_wait_meets_two_who_set() {
    model(set_against_wait);
}

#[test]
fn twin_waits_without_a_second_look() {
    expect_failure("twin_waits_without_a_second_look", "deadlock", || {
        plant(Fault::EventUnchecked);
        set_against_wait();
    });
}

/// Who was queued when the event was set goes on, though it is cleared at once; and who clears, looks, and waits
/// misses nothing.
#[test]
fn an_event_is_set_and_cleared() {
    model(|| {
        let shared = Arc::new((Event::new(), AtomicUsize::new(0)));
        let other = shared.clone();
        let sets = thread::spawn(move || {
            for _ in 0..2 {
                other.1.fetch_add(1, Ordering::Relaxed);
                other.0.set();
            }
        });
        while shared.1.load(Ordering::Relaxed) < 2 {
            block_on(shared.0.wait());
            shared.0.clear();
        }
        sets.join().unwrap();
    });
}

#[test]
fn a_queued_wait_meets_set_and_clear() {
    model(|| {
        let event = Arc::new(Event::new());
        let other = event.clone();
        let mut wait = pin!(event.wait());
        assert!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let sets = thread::spawn(move || {
            other.set();
            other.clear();
        });
        block_on(wait);
        sets.join().unwrap();
    });
}
