//! Parking and unparking.

use super::*;
use std::time::Instant;

#[test]
fn an_unpark_before_the_park_ends_it_at_once() {
    let (mut driver, reactor) = IoDriver::new().unwrap();
    let mut wakers = WakeList::new();
    reactor.unpark();
    reactor.unpark();
    driver.park(None, &mut wakers).unwrap();
    assert!(wakers.is_empty());
    // Both calls were one: the next park runs into its time-out.
    let start = Instant::now();
    driver.park(Some(Duration::from_millis(20)), &mut wakers).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(20));
}

#[test]
fn an_unpark_ends_a_park_that_goes_on() {
    let mut harness = Harness::new();
    for _ in 0..1000 {
        harness.reactor.unpark();
    }
    harness.stop();
}

#[test]
fn a_park_without_waiting_swallows_no_unpark() {
    let (mut driver, reactor) = IoDriver::new().unwrap();
    let mut wakers = WakeList::new();
    reactor.unpark();
    driver.park(Some(Duration::ZERO), &mut wakers).unwrap();
    driver.park(None, &mut wakers).unwrap();
}

#[test]
fn time_outs_are_never_early_and_as_long_as_one_likes() {
    let (mut driver, reactor) = IoDriver::new().unwrap();
    let mut wakers = WakeList::new();
    for timeout in [1, 128_000, 999_999, 1_000_001, 5_000_000].map(Duration::from_nanos) {
        let start = Instant::now();
        driver.park(Some(timeout), &mut wakers).unwrap();
        assert!(start.elapsed() >= timeout, "{timeout:?} took {:?}", start.elapsed());
    }
    for shift in 0..64 {
        for timeout in
            [Duration::MAX, Duration::from_secs(1 << shift), Duration::from_millis(u64::MAX >> shift)]
        {
            reactor.unpark();
            driver.park(Some(timeout), &mut wakers).unwrap();
        }
    }
}

#[test]
fn sources_are_counted() {
    let harness = Harness::new();
    assert!(!harness.reactor.has_sources());
    let listener = harness.listen();
    assert!(harness.reactor.has_sources());
    drop(listener);
    assert!(!harness.reactor.has_sources());
}
