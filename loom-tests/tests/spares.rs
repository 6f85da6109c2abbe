//! Workers that come and go: a stand-in is called, rests, ends; a worker steps aside; somebody stays, and looks after the
//! driver.
#![cfg(loom)]

use loom_tests::{expect_failure, model};
use runtime_core::internals::{Fault, Idle, Left, Parker, Spares, plant};
use runtime_core::port::DriverHandle;
use runtime_core::primitive::atomic::{AtomicBool, Ordering};
use runtime_core::primitive::{Arc, thread};
use std::any::Any;
use std::time::Duration;

struct NoDriver;

impl DriverHandle for NoDriver {
    fn unpark(&self) {
        unreachable!("nobody sleeps in it");
    }

    fn has_sources(&self) -> bool {
        false
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

const FOR_EVER: Duration = Duration::from_secs(1000);

/// Two get a stand-in at the same time as the runtime ends. Every call is heard once.
fn two_rescuers_one_spare() {
    let shared = Arc::new((Spares::new(2), Idle::new(1)));
    let spare = {
        let shared = shared.clone();
        thread::spawn(move || {
            let mut heard = 0;
            while shared.0.rest(FOR_EVER) {
                heard += 1;
                assert!(shared.1.workers() > 1, "called before it was counted");
                assert_ne!(shared.1.leave(), Left::No);
            }
            heard
        })
    };
    let rescue = |shared: &(Spares, Idle)| {
        usize::from(shared.0.call(|| {
            let _ = shared.1.join();
        }))
    };
    let second = {
        let shared = shared.clone();
        thread::spawn(move || rescue(&shared))
    };
    let first = rescue(&shared);
    let called = first + second.join().unwrap();
    shared.0.close();
    assert_eq!(spare.join().unwrap(), called, "a call was lost");
    assert_eq!(shared.1.workers(), 1);
}

#[test]
fn two_rescuers_meet_one_spare_and_the_end() {
    model(two_rescuers_one_spare);
}

/// A thread that has just been started may be called before it rests, and the runtime may end.
fn a_call_before_the_rest() {
    a_call_meets_a_rest_of(FOR_EVER);
}

fn a_call_meets_a_rest_of(at_most: Duration) {
    let spares = Arc::new(Spares::new(1));
    spares.starts();
    let spare = {
        let spares = spares.clone();
        thread::spawn(move || spares.rest(at_most))
    };
    spares.call_started(|| {});
    spares.close();
    assert!(spare.join().unwrap(), "a call was lost");
}

#[test]
fn a_call_meets_the_rest() {
    model(a_call_before_the_rest);
}

/// Or so late that the thread should have ended.
#[test]
fn a_late_call_meets_the_rest() {
    model(|| a_call_meets_a_rest_of(Duration::ZERO));
}

#[test]
fn twin_rests_without_a_look() {
    expect_failure("twin_rests_without_a_look", "a call was lost", || {
        plant(Fault::CallUnseen);
        a_call_before_the_rest();
    });
}

/// Both workers want to leave: one stays.
fn two_leave() {
    let idle = Arc::new(Idle::new(2));
    let other = {
        let idle = idle.clone();
        thread::spawn(move || idle.leave() != Left::No)
    };
    let left = idle.leave() != Left::No;
    assert!(left != other.join().unwrap(), "nobody stayed, or both did");
    assert_eq!(idle.workers(), 1);
}

#[test]
fn one_of_two_that_leave_stays() {
    model(two_leave);
}

#[test]
fn twin_leaves_as_the_last() {
    expect_failure("twin_leaves_as_the_last", "nobody stayed", || {
        plant(Fault::LastWorkerLeaves);
        two_leave();
    });
}

/// Worker 1 is in the driver, comes out, and leaves for good. Worker 0 lies down meanwhile, and must get into the driver:
/// at once, or when it is got up. (The driver's try-lock is a flag here: loom does not explore a `try_lock` that fails.)
fn driver_is_handed_back() {
    let shared = Arc::new((Idle::new(2), AtomicBool::new(true), Parker::new()));
    let leaver = {
        let shared = shared.clone();
        thread::spawn(move || {
            let (idle, is_taken, parker) = &*shared;
            // As std's mutex does it: an exchange.
            is_taken.swap(false, Ordering::Release);
            if idle.leave() == Left::AllAsleep {
                if let Some(worker) = idle.any_sleeper() {
                    assert_eq!(worker, 0);
                    parker.unpark(&NoDriver);
                }
            }
        })
    };
    let (idle, is_taken, parker) = &*shared;
    let mut was_searching = false;
    loop {
        idle.lie_down(0, was_searching);
        let taken = is_taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed);
        let is_in_driver = taken.is_ok();
        if !is_in_driver {
            parker.park();
        }
        let _ = idle.get_up(0);
        was_searching = true;
        if is_in_driver {
            break;
        }
    }
    leaver.join().unwrap();
}

#[test]
fn who_leaves_hands_the_driver_back() {
    model(driver_is_handed_back);
}

#[test]
fn twin_leaves_the_driver_alone() {
    expect_failure("twin_leaves_the_driver_alone", "deadlock", || {
        plant(Fault::DriverLeft);
        driver_is_handed_back();
    });
}
