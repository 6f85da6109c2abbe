//! What the tests of pools of one's own share.
#![allow(dead_code)]

use runtime::blocking::Pool;
use runtime::{Builder, JoinHandle, Runtime};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

/// Longer than anything here takes, by far.
pub(crate) const LONG: Duration = Duration::from_secs(30);

pub(crate) fn flavors() -> [Runtime; 2] {
    let multi_thread = Builder::new_multi_thread().worker_threads(2).build();
    [multi_thread.unwrap(), Builder::new_current_thread().build().unwrap()]
}

pub(crate) fn pool(threads: usize, queue: usize) -> Pool {
    Pool::builder().threads(threads).queue(queue).build().unwrap()
}

/// A job that runs until its gate is dropped, and is running when this returns.
#[track_caller]
pub(crate) fn block_one(pool: &Pool) -> (Sender<()>, JoinHandle<()>) {
    let (release, gate) = channel::<()>();
    let (runs, running) = channel();
    let handle = pool.spawn(move || {
        runs.send(()).unwrap();
        let _ = gate.recv();
    });
    running.recv_timeout(LONG).expect("the job got no thread");
    (release, handle)
}

pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !holds() {
        assert!(start.elapsed() < LONG, "not within {LONG:?}: {what}");
        std::thread::yield_now();
    }
}

/// Says when it is dropped.
pub(crate) struct OnDrop(pub(crate) Arc<AtomicUsize>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

pub(crate) fn assert_cancelled<T>(result: Result<T, runtime::JoinError>) {
    assert!(result.err().expect("the job ran").is_cancelled());
}
