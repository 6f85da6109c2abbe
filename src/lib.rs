//! A multi-threaded work-stealing async runtime with one shared I/O driver and a blocking pool.
//!
//! ```
//! #[runtime::main]
//! async fn main() {
//!     let page = runtime::spawn(async { "<html>" });
//!     let hash = runtime::spawn_blocking(|| (1..=20u64).product::<u64>());
//!     println!("{} {}", page.await.unwrap(), hash.await.unwrap());
//! }
//! ```
//!
//! Whoever knows tokio changes the path: `tokio::X::Y` is `runtime::X::Y`, where it exists. The one
//! exception are the I/O traits: ours are those of `futures::io`. `docs/from-tokio.md` in the repository goes
//! through all names.
//!
//! - [`spawn`], [`spawn_blocking`], [`spawn_local`], [`task`]: tasks and their handles.
//! - [`blocking`]: pools of one's own for blocking work.
//! - [`time`]: sleeping, time-outs, intervals; time that tests stop and move.
//! - [`sync`]: channels, locks, notifications.
//! - [`net`], [`io`]: sockets, standard streams, and waiting for any file descriptor.
//! - [`fs`]: files and folders.
//! - [`process`], [`signal`]: child processes, and signals.
//! - [`Builder`], [`Runtime`], [`Handle`]: a runtime made by hand.
//! - [`metrics`], [`Handle::tasks`], [debug mode](Builder::debug): looking inside.
//!
//! # Features
//! - `backtrace`: the line about a task that blocks its worker ([`RescueConfig`]) has below it the names of the calls in which
//!   the task waits. One dependency more, the crate `backtrace`. Off by default.
//! - `tracing`: tells subscribers of the crate `tracing` about tasks, blocking jobs and the futures of `block_on`, in tokio's
//!   shapes, so that the stock tokio-console shows them: a span `runtime.spawn` for each, entered for each poll, and events
//!   about its wakers. Its resource view shows what they wait for: mutexes, `RwLock`s, semaphores, barriers, oneshot and bounded
//!   mpsc channels, sleeps, time-outs and intervals have a span `runtime.resource`, with one for each wait inside; those made by
//!   `const_new` have none. `console-subscriber` has to be built with `--cfg console_without_tokio_unstable`, and to be started
//!   before the runtime: what was made earlier is not shown. A subscriber that panics harms no task. Off by default.
//!
//! This crate only puts the others together; its own code is the [`Builder`].

#![forbid(unsafe_code)]

mod builder;
mod entry;
mod macros;
pub mod runtime;

pub use builder::Builder;
pub use entry::run;
pub use runtime::Runtime;
pub use runtime_blocking::fs;
pub use runtime_core::context::{EnterGuard, TryCurrentError};
pub use runtime_core::handle::{Flavor, Handle};
pub use runtime_core::rescue::{RescueConfig, StuckTask};
pub use runtime_core::shutdown::{ShutdownOptions, ShutdownReport, Survivor, SurvivorKind};
pub use runtime_core::spawn::{spawn, spawn_blocking, spawn_local};
pub use runtime_core::task::{
    DebugKind, DebugReport, JoinError, JoinHandle, Unhandled, UnhandledKind, UnhandledPolicy,
};
pub use runtime_core::{sync, time};
pub use runtime_io::{net, process};
pub use runtime_macros::{main, test};

/// Tasks: spawning them, naming them, waiting for them.
pub mod task {
    pub use runtime_core::coop::futures::{Unconstrained, consume_budget, unconstrained};
    pub use runtime_core::join_set::{JoinSet, ReturnWhen};
    pub use runtime_core::local_set::{LocalEnterGuard, LocalSet};
    pub use runtime_core::spawn::{
        Builder, block_in_place, spawn, spawn_blocking, spawn_checked, spawn_local, yield_now,
    };
    pub use runtime_core::supervise::callbacks::TimerHandle;
    pub use runtime_core::supervise::failures::{GroupError, TaskError};
    pub use runtime_core::supervise::gather::{
        Gather, TryGather, TryGatherError, gather, shield, try_gather,
    };
    pub use runtime_core::supervise::group::{Ready, TaskGroup, group};
    pub use runtime_core::supervise::handles::JoinTimeout;
    pub use runtime_core::supervise::shared::SharedHandle;
    pub use runtime_core::sync::{
        CancellationToken, DropGuard, DropGuardRef, WaitForCancellationFuture, WaitForCancellationFutureOwned,
    };
    pub use runtime_core::task::{
        AbortHandle, Cancelled, Cancelling, Id, JoinError, JoinHandle, Outcome, TaskInfo, TaskState,
        Unhandled, UnhandledKind, cancel_requested, cancelled, current, id, try_current, try_id,
    };
    pub use runtime_core::task::{AbortOnDropHandle, AccessError, LocalKey, TaskLocalFuture};

    /// Futures that one seldom names.
    pub mod futures {
        pub use runtime_core::task::TaskLocalFuture;
    }

    /// Sets of tasks: what [`JoinSet`] needs besides.
    pub mod join_set {
        pub use runtime_core::join_set::{Builder, JoinSet, ReturnWhen};
    }

    /// Cooperative scheduling: the budget of a poll.
    pub mod coop {
        pub use runtime_core::coop::futures::{
            Coop, Unconstrained, consume_budget, cooperative, poll_proceed, unconstrained,
        };
        pub use runtime_core::coop::{RestoreOnPending, has_budget_remaining};
    }
}

/// Blocking work on pools of one's own: asyncio's `ThreadPoolExecutor`. The runtime's own pool is behind
/// [`spawn_blocking`].
pub mod blocking {
    pub use runtime_blocking::executor::{
        Builder, Full, Pool, PoolMetrics, PoolReport, RunningJob, is_cancelled,
    };
}

/// Looking inside of a runtime: what [`Handle::metrics`] and [`Runtime::metrics`] give, and the same as text.
pub mod metrics {
    pub use runtime_core::inspect::{Histogram, RuntimeMetrics, WaitsOn, WorkerMetrics, prometheus};
}

/// I/O: the traits and utilities of `futures::io`, the standard streams, copying, streams in memory, and waiting for any
/// file descriptor.
pub mod io {
    #[doc(no_inline)]
    pub use futures_util::io::*;
    pub use runtime_blocking::stdio::{Stderr, Stdin, Stdout, stderr, stdin, stdout};
    pub use runtime_io::io::*;
    // Named: these win over those of `futures::io`.
    pub use runtime_io::io::{copy, copy_buf};
}

/// Signals, as events: Ctrl-C, and any other.
///
/// While somebody listens for a signal it does not have its usual effect; when nobody does any more, it has.
pub mod signal {
    pub use runtime_io::signal::{ctrl_c, unix};
}

/// For the expansions of our macros only: may change in any release.
#[doc(hidden)]
pub mod __private {
    pub use crate::entry::*;
    pub use crate::macros::support::*;
}

/// The README's examples are compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

/// So are those of the page for whoever comes from asyncio.
#[cfg(doctest)]
#[doc = include_str!("../docs/from-asyncio.md")]
mod from_asyncio {}
