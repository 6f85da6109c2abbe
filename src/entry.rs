//! What `#[runtime::main]` and `#[runtime::test]` expand to: one call of [`Entry::main`] or
//! [`Entry::test`], so that next to no code is generated where the attribute stands.

use crate::{Builder, Runtime};
use futures_util::FutureExt;
use runtime_core::supervise::exit::end_all;
use std::io;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::{Pin, pin};
use std::time::Duration;

/// How long started blocking jobs are waited for at the end, unless the attribute says otherwise.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// The options of the attribute, as far as they are given.
#[derive(Debug)]
#[must_use]
pub struct Entry {
    builder: Builder,
    shutdown_timeout: Duration,
}

impl Entry {
    /// `flavor = "multi_thread"`.
    pub fn multi_thread() -> Self {
        Entry { builder: Builder::new_multi_thread(), shutdown_timeout: SHUTDOWN_TIMEOUT }
    }

    /// `flavor = "current_thread"`.
    pub fn current_thread() -> Self {
        Entry { builder: Builder::new_current_thread(), shutdown_timeout: SHUTDOWN_TIMEOUT }
    }

    /// `worker_threads = n`.
    pub fn worker_threads(mut self, n: usize) -> Self {
        self.builder.worker_threads(n);
        self
    }

    /// `blocking_threads = n`.
    pub fn blocking_threads(mut self, n: usize) -> Self {
        self.builder.max_blocking_threads(n);
        self
    }

    /// `start_paused = paused`.
    pub fn start_paused(mut self, paused: bool) -> Self {
        self.builder.start_paused(paused);
        self
    }

    /// `shutdown_timeout = "…"`, in seconds and the nanoseconds beyond.
    pub fn shutdown_timeout(mut self, secs: u64, nanos: u32) -> Self {
        self.shutdown_timeout = Duration::new(secs, nanos);
        self
    }

    /// Drives the body of a `#[runtime::main]`. With no runtime there is nobody yet who could handle a
    /// panic or an error: a plain line and an exit code say it best.
    pub fn main<F: Future>(self, body: F) -> F::Output {
        match self.run(pin!(body)) {
            Ok(output) => output,
            Err(error) => {
                eprintln!("cannot start the runtime: {error}");
                std::process::exit(1);
            }
        }
    }

    /// Drives the body of a `#[runtime::test]`.
    ///
    /// # Panics
    /// If the runtime cannot be started, and if the body panics.
    #[track_caller]
    pub fn test<F: Future>(self, body: F) -> F::Output {
        match self.run(pin!(body)) {
            Ok(output) => output,
            Err(error) => panic!("cannot start the runtime: {error}"),
        }
    }

    /// `dyn`: compiled once for each type of output, not for each test.
    fn run<T>(mut self, body: Pin<&mut dyn Future<Output = T>>) -> io::Result<T> {
        let runtime: Runtime = self.builder.build()?;
        // Tasks clean up also where the body panics: it goes on panicking when they have ended.
        let output = runtime.block_on(async {
            let output = AssertUnwindSafe(body).catch_unwind().await;
            end_all(runtime.handle()).await;
            output
        });
        runtime.shutdown_timeout(self.shutdown_timeout);
        output.map_or_else(|panic| resume_unwind(panic), Ok)
    }
}

/// asyncio's `run`: builds a multi_thread runtime, drives `main` on this thread, and ends the runtime: the
/// tasks that are left are asked for their end, as by [`JoinHandle::cancel`](crate::JoinHandle::cancel), and waited for until they
/// have ended, those that listen for 10 seconds at most; running blocking jobs are waited for up to 10 seconds.
///
/// # Panics
/// If `main` panics (when the tasks have ended), if the runtime cannot be built, or inside of async code.
///
/// # Examples
/// ```
/// let answer = runtime::run(async { runtime::spawn(async { 42 }).await.unwrap() });
/// assert_eq!(answer, 42);
/// ```
#[track_caller]
pub fn run<F: Future>(main: F) -> F::Output {
    Entry::multi_thread().test(main)
}

/// Never runs: tells the compiler what type an `async` block returns.
#[cold]
pub fn never<T>() -> T {
    unreachable!("behind `if false`")
}

/// `<fn() -> T as Returns>::Output` is `T`, also where `T` is `!`.
pub trait Returns {
    /// What the function returns.
    type Output;
}

impl<T> Returns for fn() -> T {
    type Output = T;
}
