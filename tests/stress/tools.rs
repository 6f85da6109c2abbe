//! What the stress tests of the scheduler use besides.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// One task waits, someone else opens: as often as it is opened, one pass each.
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<(u64, Option<Waker>)>);

impl Gate {
    /// Waits until the gate is open and shuts it again.
    pub(crate) async fn pass(&self) {
        std::future::poll_fn(|cx| self.poll_pass(cx)).await;
    }

    fn poll_pass(&self, cx: &Context<'_>) -> Poll<()> {
        let mut inner = self.0.lock().unwrap();
        if inner.0 > 0 {
            inner.0 -= 1;
            return Poll::Ready(());
        }
        inner.1 = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Opens the gate for one pass.
    pub(crate) fn open(&self) {
        let waker = {
            let mut inner = self.0.lock().unwrap();
            inner.0 += 1;
            inner.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Numbers without pattern, the same in every run.
#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // Knuth's constants; the upper bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Tells tasks to stop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Relaxed)
    }

    pub(crate) fn set(&self) {
        self.0.store(true, Relaxed);
    }
}

/// Processor time of all living threads of this process.
pub(crate) fn cpu_time() -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").expect("/proc is not mounted");
    let on_cpu = |thread: std::fs::DirEntry| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
    };
    Duration::from_nanos(threads.map(|thread| on_cpu(thread.expect("a thread's folder"))).sum())
}

/// Resident memory of this process.
pub(crate) fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc is not mounted");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
    line.and_then(|kib| kib.trim().parse().ok()).expect("VmRSS")
}
