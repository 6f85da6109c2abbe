//! M10: the reader-writer lock. A writer is alone, also when it becomes a reader; who gives up holds up nobody.
#![cfg(loom)]

use loom::future::block_on;
use loom_tests::{expect_failure, model};
use runtime_core::primitive::{Arc, UnsafeCell, thread};
use runtime_core::sync::RwLock;
use runtime_core::sync::internals::{Fault, plant};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

/// A lock, and beside it a cell that it protects, into which loom looks.
struct Shared {
    lock: RwLock<()>,
    value: UnsafeCell<u32>,
}

// SAFETY: `value` is touched under `lock` only; that this suffices is what is tested.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Shared { lock: RwLock::with_max_readers((), 2), value: UnsafeCell::new(0) })
    }

    fn write(&self) {
        // SAFETY: the caller holds the lock for writing.
        self.value.with_mut(|value| unsafe { *value += 1 });
    }

    fn read(&self) -> u32 {
        // SAFETY: the caller holds the lock.
        self.value.with(|value| unsafe { *value })
    }
}

/// One writes and reads on, one writes, one reads.
fn downgrade_against_write() {
    let shared = Shared::new();
    let (first, second) = (shared.clone(), shared.clone());
    let writes_on = thread::spawn(move || {
        let writing = block_on(first.lock.write());
        first.write();
        let written = first.read();
        let reading = writing.downgrade();
        assert_eq!(first.read(), written, "somebody wrote in between");
        drop(reading);
    });
    let writes = thread::spawn(move || {
        let _writing = block_on(second.lock.write());
        second.write();
    });
    {
        let _reading = block_on(shared.lock.read());
        let value = shared.read();
        assert_eq!(shared.read(), value);
    }
    writes_on.join().unwrap();
    writes.join().unwrap();
    assert_eq!(shared.read(), 2);
}

#[test]
fn a_downgrade_meets_a_writer() {
    model(downgrade_against_write);
}

#[test]
fn twin_gives_everything_back_at_a_downgrade() {
    // A writer comes in beside the guard for reading.
    expect_failure("twin_gives_everything_back_at_a_downgrade", "Causality violation", || {
        plant(Fault::DowngradeGivesAll);
        downgrade_against_write();
    });
}

/// A writer that waits gives up: the reader behind it goes on. The one that it waits for leaves meanwhile, or stays.
fn writer_gives_up(stays: bool) {
    let shared = Shared::new();
    let (first, second) = (shared.clone(), shared.clone());
    let reading = block_on(shared.lock.read());
    let gives_up = thread::spawn(move || {
        let _ = pin!(first.lock.write()).poll(&mut Context::from_waker(Waker::noop()));
    });
    let reads = thread::spawn(move || {
        let _reading = block_on(second.lock.read());
        second.read();
    });
    let reading = Some(reading).filter(|_| stays);
    gives_up.join().unwrap();
    reads.join().unwrap();
    drop(reading);
    assert!(shared.lock.try_write().is_ok(), "permits were lost");
}

#[test]
fn a_writer_that_gives_up_meets_readers() {
    model(|| writer_gives_up(false));
    model(|| writer_gives_up(true));
}

#[test]
fn twin_keeps_what_it_was_granted() {
    expect_failure("twin_keeps_what_it_was_granted", "permits were lost", || {
        plant(Fault::GrantKept);
        writer_gives_up(false);
    });
}

#[test]
fn twin_keeps_those_behind_it_waiting() {
    expect_failure("twin_keeps_those_behind_it_waiting", "deadlock", || {
        plant(Fault::HeadKept);
        writer_gives_up(true);
    });
}
