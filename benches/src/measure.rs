//! Figures of one run: time, and what explains it.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// The figures of one run by name. The names are those of `table::ROWS`, and of [`Cost::per_op`].
pub type Figures = Vec<(&'static str, f64)>;

/// How one run is to be done.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Worker threads of the runtime.
    pub workers: usize,
    /// For how long a repeated body runs.
    pub budget: Duration,
}

impl Run {
    /// Repeats `body`, which does `ops` operations, until the budget is spent. The first time warms up
    /// and is not counted.
    pub fn repeat(&self, ops: u64, mut body: impl FnMut()) -> Figures {
        body();
        let (usage, mut times) = (Usage::now(), 0);
        while usage.at.elapsed() < self.budget {
            body();
            times += 1;
        }
        let mut figures = usage.cost().per_op(ops * times);
        figures.push(("total", (ops * (times + 1)) as f64));
        figures
    }
}

/// What the process has used so far.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    at: Instant,
    cpu: Duration,
    switches: u64,
}

impl Usage {
    /// The present state.
    pub fn now() -> Self {
        let usage = getrusage(UsageWho::RUSAGE_SELF).expect("getrusage");
        let cpu = (usage.user_time() + usage.system_time()).num_microseconds();
        let switches = usage.voluntary_context_switches() + usage.involuntary_context_switches();
        Self {
            at: Instant::now(),
            cpu: Duration::from_micros(cpu.unsigned_abs()),
            switches: switches.unsigned_abs(),
        }
    }

    /// What was used since.
    pub fn cost(&self) -> Cost {
        let now = Self::now();
        Cost { wall: now.at - self.at, cpu: now.cpu - self.cpu, switches: now.switches - self.switches }
    }
}

/// What a stretch of work used.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Time on the clock.
    pub wall: Duration,
    /// Processor time of all threads.
    pub cpu: Duration,
    /// Context switches of all threads.
    pub switches: u64,
}

impl Cost {
    /// The cost of one of `ops` operations: `time`, its inverse `rate`, `cpu` in seconds, `switches`.
    pub fn per_op(&self, ops: u64) -> Figures {
        let count = ops as f64;
        let mut figures = self.explain(ops);
        figures.push(("time", self.wall.as_secs_f64() / count));
        figures.push(("rate", count / self.wall.as_secs_f64()));
        figures
    }

    /// `cpu`, `switches` and the number of operations.
    pub fn explain(&self, ops: u64) -> Figures {
        let count = ops as f64;
        let switches = self.switches as f64 / count;
        vec![("ops", count), ("cpu", self.cpu.as_secs_f64() / count), ("switches", switches)]
    }
}

/// Resident memory of this process in bytes.
pub fn resident() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("/proc is not mounted");
    let pages: f64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("statm");
    pages * 4096.0
}

/// The largest resident memory that this process ever had, in bytes. (What `getrusage` says of it
/// begins with the memory of the process that started this one.)
pub fn peak_resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc is not mounted");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
    peak.and_then(|kib| kib.trim().parse::<f64>().ok()).expect("VmHWM") * 1024.0
}

/// The value below which `share` (0 to 1) of `sorted` lies.
pub fn percentile(sorted: &[Duration], share: f64) -> f64 {
    let index = (sorted.len() as f64 * share) as usize;
    sorted[index.min(sorted.len() - 1)].as_secs_f64()
}

/// The middle value.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

/// One task waits, someone else opens, each time for one pass: the smallest thing that a waker can be
/// put into.
#[derive(Debug, Default)]
pub struct Gate(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    open: u64,
    waiter: Option<Waker>,
}

impl Gate {
    /// Waits until the gate is open, for one pass.
    pub fn poll_pass(&self, cx: &Context<'_>) -> Poll<()> {
        let mut inner = self.0.lock().unwrap();
        if inner.open > 0 {
            inner.open -= 1;
            return Poll::Ready(());
        }
        inner.waiter = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Waits until the gate is open, for one pass.
    pub async fn pass(&self) {
        std::future::poll_fn(|cx| self.poll_pass(cx)).await;
    }

    /// Opens the gate for one pass.
    pub fn open(&self) {
        let waiter = {
            let mut inner = self.0.lock().unwrap();
            inner.open += 1;
            inner.waiter.take()
        };
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }

    /// Whether someone waits.
    pub fn is_awaited(&self) -> bool {
        self.0.lock().unwrap().waiter.is_some()
    }
}
