//! Pools of one's own: a cancel against the start of a job, and who has left when. Room is given back once for each
//! job, and the end is said once.
#![cfg(loom)]

use loom_tests::tasks::result_of;
use loom_tests::{expect_failure, model};
use runtime_blocking::Options;
use runtime_blocking::executor::Pool;
use runtime_blocking::internals::{Came, Drained, Fault, Room, own_pool, plant, room_of};
use runtime_core::internals as core;
use runtime_core::primitive::{Arc, Condvar, Mutex, thread};
use std::sync::Arc as StdArc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Two leave at the same time; one of them came without room.
fn two_leave_and_one_had_no_room() {
    let room = Arc::new(Room::new(1));
    let came = [room.look(), room.look()];
    assert_eq!(came, [Came::InRoom, Came::InExcess]);
    assert!(came.into_iter().all(|came| room.enter(came)));
    let other = {
        let room = room.clone();
        thread::spawn(move || assert_eq!(room.leave(), Drained::NotNow))
    };
    assert_eq!(room.leave(), Drained::NotNow);
    other.join().unwrap();
    assert_eq!((room.inside(), room.free()), (0, 1), "room was lost");
}

#[test]
fn the_excess_leaves() {
    model(two_leave_and_one_had_no_room);
}

#[test]
fn twin_sees_the_excess_early() {
    expect_failure("twin_sees_the_excess_early", "room was lost", || {
        plant(Fault::ExcessSeenEarly);
        two_leave_and_one_had_no_room();
    });
}

/// A job comes without room while another one leaves: the one sees room, or the other sees the excess, or there is
/// room beside an excess until the next one leaves. In the end it is all there.
#[test]
fn a_job_beyond_the_bound_meets_one_that_leaves() {
    model(|| {
        let room = Arc::new(Room::new(1));
        assert!(room.enter(room.look()));
        let other = {
            let room = room.clone();
            thread::spawn(move || {
                assert!(room.enter(room.look()));
                assert_eq!(room.leave(), Drained::NotNow);
            })
        };
        assert_eq!(room.leave(), Drained::NotNow);
        other.join().unwrap();
        assert_eq!((room.inside(), room.free()), (0, 1));
    });
}

/// A job comes and goes while the room is closed: whoever is last says so, and nobody comes after that.
fn a_job_against_the_closing() {
    let room = Arc::new(Room::new(1));
    let said = StdArc::new(AtomicUsize::new(0));
    let say = |said: &AtomicUsize, drained| {
        if drained == Drained::Now {
            said.fetch_add(1, Ordering::Relaxed);
        }
    };
    let other = {
        let (room, said) = (room.clone(), said.clone());
        thread::spawn(move || {
            if room.enter(room.look()) {
                say(&said, room.leave());
            }
        })
    };
    say(&said, room.close());
    other.join().unwrap();
    assert_eq!(said.load(Ordering::Relaxed), 1, "the end was not said once");
    assert_eq!(room.look(), Came::Late);
}

#[test]
fn a_job_meets_the_closing() {
    model(a_job_against_the_closing);
}

#[test]
fn twin_sees_the_closing_early() {
    expect_failure("twin_sees_the_closing_early", "the end was not said once", || {
        plant(Fault::ClosedSeenEarly);
        a_job_against_the_closing();
    });
}

fn pool(jobs_max: usize) -> Pool {
    let mut options = Options::default();
    options.max_threads = 1;
    options.keep_alive = Duration::MAX;
    options.spins = 0;
    own_pool(jobs_max, options)
}

/// The handle is aborted while a thread comes for the job: it runs, or is gone, and its room is free once.
fn a_cancel_against_the_start() {
    let pool = pool(2);
    let runs = StdArc::new(AtomicUsize::new(0));
    let counter = runs.clone();
    let handle = pool.spawn(move || counter.fetch_add(1, Ordering::Relaxed));
    handle.abort();
    assert!(pool.shutdown(Duration::MAX).survivors().is_empty());
    let ran = match result_of(handle) {
        Ok(_) => 1,
        Err(error) => usize::from(!error.is_cancelled()),
    };
    assert_eq!(runs.load(Ordering::Relaxed), ran, "what the handle says is not what the job did");
    let metrics = pool.metrics();
    assert_eq!((metrics.completed, metrics.cancelled), (ran as u64, 1 - ran as u64));
    assert_eq!((room_of(&pool).inside(), room_of(&pool).free()), (0, 2), "the room was not freed once");
}

#[test]
fn a_cancel_meets_the_start_of_a_job() {
    model(a_cancel_against_the_start);
}

#[test]
fn twin_takes_a_job_that_is_taken() {
    expect_failure("twin_takes_a_job_that_is_taken", "Causality violation", || {
        core::plant(core::Fault::ClaimedTwice);
        a_cancel_against_the_start();
    });
}

/// The last handle of the pool goes while its only job is queued, runs, or has ended: it runs, and the thread leaves, or
/// loom would find it asleep in the end.
#[test]
fn the_last_handle_goes_while_a_job_runs() {
    model(|| {
        let pool = pool(1);
        let ran = Arc::new((Mutex::new(false), Condvar::new()));
        let tells = ran.clone();
        drop(pool.spawn(move || {
            *tells.0.lock() = true;
            tells.1.notify_one();
        }));
        drop(pool);
        let mut has_run = ran.0.lock();
        while !*has_run {
            has_run = ran.1.wait(has_run);
        }
    });
}
