//! The table: which workloads there are, which of their figures make a row, and what each has to reach.

use crate::measure::{Figures, Run};
use crate::rt::bare::Bare;
use crate::rt::on_ours::Ours;
use crate::rt::on_smol::Smol;
use crate::rt::on_tokio::Tokio;
use crate::work::{
    channels, cost, echo, files, growth, http, latency, limit, locks, process, sockets, spawn, switch, timers,
};

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// This runtime.
    Ours,
    /// tokio.
    Tokio,
    /// smol.
    Smol,
    /// The same work without an async runtime.
    Limit,
}

impl Column {
    /// All of them, in the order of the table and of each round.
    pub const ALL: [Self; 4] = [Self::Ours, Self::Tokio, Self::Smol, Self::Limit];

    /// Its name on the command line and in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Tokio => "tokio",
            Self::Smol => "smol",
            Self::Limit => "limit",
        }
    }
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Time,
    /// Events per second.
    Rate,
    /// Bytes.
    Bytes,
    /// A plain number.
    Count,
}

/// What a row has to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reach {
    /// At most so many times tokio's figure.
    AtMost(f64),
    /// At least so many times tokio's figure.
    AtLeast(f64),
    /// At most this, whatever tokio does.
    Below(f64),
    /// Nothing: it is there to be seen.
    Any,
}

/// One figure of a workload.
#[derive(Debug)]
pub struct Row {
    /// Its key in [`Figures`].
    pub figure: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// What it has to reach.
    pub reach: Reach,
}

/// One workload.
#[derive(Debug)]
pub struct Workload {
    /// Its name.
    pub name: &'static str,
    /// What one operation is.
    pub what: &'static str,
    /// Runs it; `None` where the column has nothing to show.
    pub run: fn(Column, &Run) -> Option<Figures>,
    /// Whether the allocator matters enough to measure it with another one too.
    pub allocates: bool,
    /// Its rows.
    pub rows: &'static [Row],
}

const fn row(figure: &'static str, unit: Unit, reach: Reach) -> Row {
    Row { figure, unit, reach }
}

/// One function for all columns: a workload's generic function with each runtime, and its limit.
macro_rules! columns {
    ($workload:ident::$run:ident $(($argument:expr))? $(, $limit:expr)?) => {
        |column, run| match column {
            Column::Ours => Some($workload::$run::<Ours>(run $(, $argument)?)),
            Column::Tokio => Some($workload::$run::<Tokio>(run $(, $argument)?)),
            Column::Smol => Some($workload::$run::<Smol>(run $(, $argument)?)),
            Column::Limit => {
                let limit: Option<fn(&Run) -> Figures> = None;
                $(let limit: Option<fn(&Run) -> Figures> = limit.or(Some($limit));)?
                limit.map(|limit| limit(run))
            }
        }
    };
}

use Reach::{Any, AtLeast, AtMost, Below};
use Unit::{Bytes, Count, Rate, Time};

/// The table. Aims are ratios to tokio on the same machine in the same run.
pub static WORKLOADS: &[Workload] = &[
    Workload {
        name: "spawn_many",
        what: "one of 10,000 no-op tasks spawned from `block_on`, all awaited",
        run: columns!(spawn::spawn_many),
        allocates: true,
        rows: &[row("time", Time, AtMost(0.35))],
    },
    Workload {
        name: "spawn_local",
        what: "the same from a task on a worker",
        run: columns!(spawn::spawn_local, spawn::spawn_local::<Bare>),
        allocates: true,
        rows: &[row("time", Time, AtMost(0.30))],
    },
    Workload {
        name: "spawn_join",
        what: "spawn one, await it, repeat",
        run: columns!(spawn::spawn_join, spawn::spawn_join::<Bare>),
        allocates: true,
        rows: &[row("time", Time, AtMost(0.45))],
    },
    Workload {
        name: "spawn_remote_busy_1",
        what: "spawn from a foreign thread beside one self-waking task",
        run: columns!(spawn::spawn_remote_busy(1)),
        allocates: false,
        rows: &[row("time", Time, AtMost(0.5))],
    },
    Workload {
        name: "spawn_remote_busy_all",
        what: "the same beside one self-waking task per worker",
        run: columns!(spawn::spawn_remote_busy_all),
        allocates: false,
        rows: &[row("time", Time, AtMost(0.05))],
    },
    Workload {
        name: "chained_spawn",
        what: "each task spawns the next, depth 1000",
        run: columns!(spawn::chained_spawn, spawn::chained_spawn::<Bare>),
        allocates: true,
        rows: &[row("time", Time, AtMost(0.30))],
    },
    Workload {
        name: "ping_pong",
        what: "one of 1000 pairs of tasks over oneshot channels",
        run: columns!(switch::ping_pong),
        allocates: true,
        rows: &[row("time", Time, AtMost(0.45))],
    },
    Workload {
        name: "yield_many",
        what: "one of 200 x 1000 yields",
        run: columns!(switch::yield_many, switch::yield_many::<Bare>),
        allocates: false,
        rows: &[row("time", Time, AtMost(0.35))],
    },
    Workload {
        name: "fork_join",
        what: "fib(20), spawn + await above 5; limit: rayon",
        run: columns!(spawn::fork_join, limit::fork_join),
        allocates: true,
        rows: &[row("time", Time, AtMost(0.4))],
    },
    Workload {
        name: "mpsc_fan_in",
        what: "a value, 8 senders x 50 k, room for 1000, own channel; limit: threads",
        run: columns!(switch::mpsc_fan_in, limit::mpsc_fan_in),
        allocates: true,
        rows: &[row("rate", Rate, AtLeast(2.5))],
    },
    Workload {
        name: "mpsc_fan_in_shared",
        what: "the same over async-channel",
        run: columns!(switch::mpsc_fan_in_shared),
        allocates: false,
        rows: &[row("rate", Rate, AtLeast(1.1))],
    },
    Workload {
        name: "mutex_contended",
        what: "lock, yield, unlock by 100 tasks",
        run: columns!(switch::mutex_contended),
        allocates: false,
        rows: &[row("rate", Rate, AtLeast(1.5))],
    },
    Workload {
        name: "mutex_free",
        what: "lock, unlock by a task that is alone",
        run: columns!(locks::mutex_free),
        allocates: false,
        rows: &[row("time", Time, AtMost(0.8))],
    },
    Workload {
        name: "semaphore_contended",
        what: "acquire, yield, release by 100 tasks with 10 permits",
        run: columns!(locks::semaphore_contended),
        allocates: false,
        rows: &[row("time", Time, AtMost(0.8))],
    },
    Workload {
        name: "semaphore_free",
        what: "acquire, release by a task that is alone",
        run: columns!(locks::semaphore_free),
        allocates: false,
        rows: &[row("time", Time, AtMost(0.8))],
    },
    Workload {
        name: "rwlock_contended",
        what: "lock, yield, unlock by 8 tasks, one in 10 times for writing",
        run: columns!(locks::rwlock_contended),
        allocates: false,
        rows: &[row("time", Time, AtMost(0.8))],
    },
    Workload {
        name: "rwlock_read_free",
        what: "lock for reading, unlock by a task that is alone",
        run: columns!(locks::rwlock_read_free),
        allocates: false,
        rows: &[row("time", Time, AtMost(0.8))],
    },
    Workload {
        name: "notify_across",
        what: "one wake-up of two tasks that wake each other",
        run: columns!(locks::notify_across),
        allocates: false,
        rows: &[row("time", Time, AtMost(0.8))],
    },
    Workload {
        name: "notify_stored",
        what: "`notify_one`, `notified` by a task that is alone",
        run: columns!(locks::notify_stored),
        allocates: false,
        rows: &[row("time", Time, AtMost(0.8))],
    },
    Workload {
        name: "oneshot_across",
        what: "one task asks, the other answers",
        run: columns!(channels::oneshot_across),
        allocates: true,
        rows: &[row("time", Time, AtMost(0.8))],
    },
    Workload {
        name: "oneshot_alone",
        what: "make, send, receive by a task that is alone",
        run: columns!(channels::oneshot_alone),
        allocates: true,
        rows: &[row("time", Time, AtMost(0.8))],
    },
    Workload {
        name: "watch",
        what: "a new value at one of 8 receivers, who all see each",
        run: columns!(channels::watch),
        allocates: false,
        rows: &[row("time", Time, AtMost(0.8))],
    },
    Workload {
        name: "broadcast",
        what: "a value at one of 8 receivers, room for 1024",
        run: columns!(channels::broadcast),
        allocates: false,
        rows: &[row("rate", Rate, AtLeast(1.25))],
    },
    Workload {
        name: "timeout_ready",
        what: "`timeout(1 s, ready)`",
        run: columns!(timers::timeout_ready),
        allocates: false,
        rows: &[row("time", Time, AtMost(0.5))],
    },
    Workload {
        name: "sleep_cancel",
        what: "a sleep polled once and dropped",
        run: columns!(timers::sleep_cancel),
        allocates: false,
        rows: &[row("time", Time, AtMost(0.15))],
    },
    Workload {
        name: "timers_fire",
        what: "100 k sleeps over 0-500 ms: how late; limit: one thread and a heap",
        run: columns!(timers::timers_fire, timers::timers_fire_limit),
        allocates: false,
        rows: &[row("p50", Time, AtMost(0.6)), row("p99", Time, AtMost(0.35)), row("cpu", Time, AtMost(0.8))],
    },
    Workload {
        name: "blocking_roundtrip",
        what: "`spawn_blocking(no-op).await` in sequence",
        run: columns!(switch::blocking_roundtrip),
        allocates: false,
        rows: &[row("time", Time, AtMost(0.7))],
    },
    Workload {
        name: "blocking_burst",
        what: "one of 20 k no-op jobs in flight",
        run: columns!(switch::blocking_burst),
        allocates: true,
        rows: &[row("time", Time, AtMost(0.25))],
    },
    Workload {
        name: "fs_small_files",
        what: "one of 10,000 files of 4 KiB, read one after the other; limit: `std::fs::read`",
        run: columns!(files::small_files, files::small_files_limit),
        allocates: false,
        rows: &[row("time", Time, AtMost(0.5))],
    },
    Workload {
        name: "fs_small_files_at_once",
        what: "the same, a task for each",
        run: columns!(files::small_files_at_once),
        allocates: false,
        rows: &[row("time", Time, AtMost(0.8))],
    },
    Workload {
        name: "fs_copy",
        what: "256 MiB copied by `fs::copy`; limit: `cp`",
        run: columns!(files::copy_file, files::copy_limit),
        allocates: false,
        rows: &[row("time", Time, AtMost(1.0))],
    },
    Workload {
        name: "fs_copy_stream",
        what: "the same by `io::copy` from an open file to another; limit: `cp`",
        run: columns!(files::copy_stream, files::copy_limit),
        allocates: false,
        rows: &[row("time", Time, AtMost(0.5))],
    },
    Workload {
        name: "tcp_echo_1",
        what: "64 B there and back, 1 connection; limit: one epoll thread",
        run: columns!(echo::tcp_echo(1), |run| limit::tcp_echo(run, 1)),
        allocates: false,
        rows: &[row("cpu", Time, AtMost(0.95))],
    },
    Workload {
        name: "tcp_echo_64",
        what: "the same, 64 connections",
        run: columns!(echo::tcp_echo(64), |run| limit::tcp_echo(run, 64)),
        allocates: true,
        rows: &[
            row("rate", Rate, AtLeast(1.15)),
            row("p99", Time, AtMost(0.8)),
            row("cpu", Time, AtMost(0.9)),
        ],
    },
    Workload {
        name: "tcp_echo_1000",
        what: "the same, 1000 connections",
        run: columns!(echo::tcp_echo(1000), |run| limit::tcp_echo(run, 1000)),
        allocates: false,
        rows: &[
            row("rate", Rate, AtLeast(1.05)),
            row("p99", Time, AtMost(0.4)),
            row("cpu", Time, AtMost(0.9)),
        ],
    },
    Workload {
        name: "tcp_bulk",
        what: "1 GiB received on one connection; limit: a blocking thread",
        run: columns!(echo::tcp_bulk, echo::tcp_bulk_limit),
        allocates: false,
        rows: &[row("rate", Rate, AtLeast(1.1)), row("cpu", Time, AtMost(0.9))],
    },
    Workload {
        name: "udp_pps",
        what: "datagrams of 64 B from one task to another, 16 pairs",
        run: columns!(sockets::udp_pps),
        allocates: false,
        rows: &[row("rate", Rate, AtLeast(1.0)), row("cpu", Time, AtMost(1.0))],
    },
    Workload {
        name: "unix_echo",
        what: "64 B there and back over Unix streams, 16 pairs",
        run: columns!(sockets::unix_echo),
        allocates: false,
        rows: &[row("rate", Rate, AtLeast(1.0)), row("cpu", Time, AtMost(1.0))],
    },
    Workload {
        name: "http_hello",
        what: "hyper 1, a short answer, 64 connections",
        run: columns!(http::http_hello),
        allocates: true,
        rows: &[
            row("rate", Rate, AtLeast(1.1)),
            row("p99", Time, AtMost(0.8)),
            row("cpu", Time, AtMost(0.9)),
        ],
    },
    Workload {
        name: "wake_latency",
        what: "a plain thread wakes a parked task; limit: another thread",
        run: columns!(latency::wake_latency, latency::wake_latency_limit),
        allocates: false,
        rows: &[row("p50", Time, AtMost(0.6))],
    },
    Workload {
        name: "process_spawn",
        what: "a child process that ends at once, 8 at a time; limit: threads",
        run: columns!(process::process_spawn, process::process_spawn_limit),
        allocates: false,
        rows: &[row("time", Time, AtMost(1.0)), row("cpu", Time, Any)],
    },
    Workload {
        name: "memory_task",
        what: "an idle task, of 200 k",
        run: columns!(cost::memory_task, cost::memory_task::<Bare>),
        allocates: true,
        rows: &[row("bytes", Bytes, AtMost(0.35))],
    },
    Workload {
        name: "memory_connection",
        what: "an idle connection, of 4000",
        run: columns!(cost::memory_connection),
        allocates: true,
        rows: &[row("bytes", Bytes, AtMost(0.7))],
    },
    Workload {
        name: "idle",
        what: "3 s with one task that sleeps",
        run: columns!(cost::idle),
        allocates: false,
        rows: &[row("cpu", Time, AtMost(1.0)), row("switches", Count, AtMost(1.0))],
    },
    Workload {
        name: "starvation_one",
        what: "delay of a task whose waker blocks its thread for 500 ms",
        run: columns!(latency::starvation_one),
        allocates: false,
        rows: &[row("worst", Time, Below(0.015))],
    },
    Workload {
        name: "starvation_all",
        what: "worst delay of a ticker while all workers block for 500 ms",
        run: columns!(latency::starvation_all),
        allocates: false,
        rows: &[row("worst", Time, Below(0.020))],
    },
    Workload {
        name: "starvation_io",
        what: "worst echo while the worker that polled for I/O blocks for 500 ms",
        run: columns!(latency::starvation_io),
        allocates: false,
        rows: &[row("worst", Time, Below(0.015))],
    },
    Workload {
        name: "startup",
        what: "build, `block_on(ready)`, drop",
        run: columns!(cost::startup),
        allocates: false,
        rows: &[row("time", Time, AtMost(1.0))],
    },
    Workload {
        name: "grow_spawn",
        what: "spawn beside so many idle tasks",
        run: columns!(growth::grow_spawn),
        allocates: false,
        rows: GROWTH,
    },
    Workload {
        name: "grow_wake",
        what: "wake and poll one of 100 tasks beside so many idle ones",
        run: columns!(growth::grow_wake),
        allocates: false,
        rows: GROWTH,
    },
    Workload {
        name: "grow_timer",
        what: "a sleep polled once and dropped beside so many sleeping tasks",
        run: columns!(growth::grow_timer),
        allocates: false,
        rows: GROWTH,
    },
    Workload {
        name: "tcp_echo_9900",
        what: "64 B there and back, 9,900 connections",
        run: columns!(echo::tcp_echo(9_900), |run| limit::tcp_echo(run, 9_900)),
        allocates: false,
        rows: &[row("rate", Rate, AtLeast(1.0)), row("p99", Time, Any), row("cpu", Time, AtMost(1.0))],
    },
];

/// The rows of a workload that is measured beside ever more of what it is about.
static GROWTH: &[Row] =
    &[row("10³", Time, Any), row("10⁵", Time, Any), row("10⁶", Time, Any), row("growth", Count, Below(2.0))];
