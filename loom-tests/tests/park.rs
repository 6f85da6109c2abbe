//! M6, first half: the place where a worker sleeps. An unpark before, during and after the way to sleep.
#![cfg(loom)]

use loom_tests::{expect_failure, model};
use runtime_core::internals::{Fault, Parker, plant};
use runtime_core::port::DriverHandle;
use runtime_core::primitive::atomic::{AtomicUsize, Ordering};
use runtime_core::primitive::{Arc, Condvar, Mutex, thread};
use std::any::Any;

/// A driver whose only event is its unpark.
#[derive(Debug, Default)]
struct Quiet {
    token: Mutex<bool>,
    changed: Condvar,
}

impl Quiet {
    fn park(&self) {
        let mut token = self.token.lock();
        while !*token {
            token = self.changed.wait(token);
        }
        *token = false;
    }
}

impl DriverHandle for Quiet {
    fn unpark(&self) {
        *self.token.lock() = true;
        self.changed.notify_one();
    }

    fn has_sources(&self) -> bool {
        false
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[derive(Default)]
struct Place {
    parker: Parker,
    driver: Quiet,
    /// Ordered by the tokens alone.
    flags: [AtomicUsize; 2],
}

impl Place {
    fn set(&self, which: usize) {
        self.flags[which].store(1, Ordering::Relaxed);
        self.parker.unpark(&self.driver);
    }

    fn is_set(&self) -> bool {
        self.flags.iter().all(|flag| flag.load(Ordering::Relaxed) == 1)
    }
}

/// Two set a flag each and unpark; one sleeps until both are set, in turns in the driver and outside of it,
/// as workers do.
fn two_unparks(in_driver_first: bool) {
    let place = Arc::new(Place::default());
    let threads = [0, 1].map(|which| {
        let place = place.clone();
        thread::spawn(move || place.set(which))
    });
    let mut in_driver = in_driver_first;
    while !place.is_set() {
        if !in_driver {
            place.parker.park();
        } else if place.parker.enter_driver() {
            place.driver.park();
            place.parker.leave();
        }
        in_driver = !in_driver;
    }
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn two_unparks_meet_a_sleeper() {
    model(|| two_unparks(false));
}

#[test]
fn two_unparks_meet_a_sleeper_in_the_driver() {
    model(|| two_unparks(true));
}

#[test]
fn twin_loses_a_token() {
    expect_failure("twin_loses_a_token", "deadlock", || {
        plant(Fault::TokenLost);
        two_unparks(false);
    });
}

#[test]
fn twin_loses_a_token_before_the_driver() {
    expect_failure("twin_loses_a_token_before_the_driver", "deadlock", || {
        plant(Fault::TokenLost);
        two_unparks(true);
    });
}

#[test]
fn twin_overlooks_who_is_on_the_way_to_sleep() {
    expect_failure("twin_overlooks_who_is_on_the_way_to_sleep", "deadlock", || {
        plant(Fault::SleeperOverlooked);
        two_unparks(false);
    });
}
