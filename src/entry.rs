//! What `#[runtime::main]` and `#[runtime::test]` expand to: one call of [`Entry::main`] or
//! [`Entry::test`], so that next to no code is generated where the attribute stands.

use crate::{Builder, Runtime};
use futures_util::FutureExt;
use runtime_core::primitive::Mutex;
use runtime_core::shutdown::{ShutdownOptions, ShutdownReport};
use runtime_core::supervise::body::cancellable;
use runtime_core::supervise::exit::end_all;
use runtime_core::task::Unhandled;
pub use runtime_core::task::UnhandledPolicy;
use runtime_io::signal::Interrupt;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// How long started blocking jobs are waited for at the end, unless the attribute says otherwise.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// What is left behind is listed, up to so many lines: behind one stuck worker there may be very many tasks.
const SURVIVORS_SHOWN_MAX: usize = 20;

/// What a shell says of a program that was ended by Ctrl-C: 128 and the signal's number.
const INTERRUPTED: i32 = 130;

/// What a test says of tasks that failed unseen.
const UNTAKEN: &str = "the test's body has ended well, but nobody took the results of these tasks (if that is intended, \
     write `#[runtime::test(unhandled = \"log\")]`):";

/// The options of the attribute, as far as they are given.
#[derive(Debug)]
#[must_use]
pub struct Entry {
    builder: Builder,
    shutdown_timeout: Duration,
    has_policy: bool,
    is_cancellable: bool,
}

/// The body of a function.
type Body<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

impl Entry {
    fn of(builder: Builder) -> Self {
        Entry { builder, shutdown_timeout: SHUTDOWN_TIMEOUT, has_policy: false, is_cancellable: false }
    }

    /// `flavor = "multi_thread"`.
    pub fn multi_thread() -> Self {
        Self::of(Builder::new_multi_thread())
    }

    /// `flavor = "current_thread"`.
    pub fn current_thread() -> Self {
        Self::of(Builder::new_current_thread())
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

    /// `debug = debug`.
    pub fn debug(mut self, debug: bool) -> Self {
        self.builder.debug(debug);
        self
    }

    /// `shutdown_timeout = "…"`, in seconds and the nanoseconds beyond.
    pub fn shutdown_timeout(mut self, secs: u64, nanos: u32) -> Self {
        self.shutdown_timeout = Duration::new(secs, nanos);
        self
    }

    /// `unhandled = "…"`.
    pub fn unhandled(mut self, policy: UnhandledPolicy) -> Self {
        self.builder.unhandled_policy(policy);
        self.has_policy = true;
        self
    }

    /// `ctrl_c = "cancel"`.
    pub fn cancel_on_ctrl_c(mut self) -> Self {
        self.is_cancellable = true;
        self
    }

    /// Drives the body of a `#[runtime::main]`. If Ctrl-C has cancelled it, there is no output: the process exits. With no runtime there is nobody yet who could handle a
    /// panic or an error: a plain line and an exit code say it best.
    pub fn main<F: Future>(self, body: F) -> F::Output {
        match self.run(Box::pin(body)) {
            Ok(Some(output)) => output,
            Ok(None) => std::process::exit(INTERRUPTED),
            Err(error) => {
                eprintln!("cannot start the runtime: {error}");
                std::process::exit(1);
            }
        }
    }

    /// Drives the body of a `#[runtime::test]`.
    ///
    /// # Panics
    /// If the runtime cannot be started, and if the body panics; if the body does not, but a task has failed, and
    /// nobody took that: unless the attribute says what to do then.
    #[track_caller]
    pub fn test<F: Future>(self, body: F) -> F::Output {
        let body = Box::pin(body);
        uncancelled(started(if self.has_policy { self.run(body) } else { self.run_strictly(body) }))
    }

    /// [`run`](Self::run), and panics if a task has failed and nobody took that.
    #[track_caller]
    fn run_strictly<T>(mut self, body: Body<'_, T>) -> io::Result<Option<T>> {
        let failures = Failures::collected_by(&mut self.builder);
        let output = catch_unwind(AssertUnwindSafe(|| self.run(body)));
        let failures = failures.take();
        match output {
            Ok(output) => {
                assert!(failures.is_empty(), "{UNTAKEN}\n{}", failures.join("\n"));
                output
            }
            Err(panic) => {
                failures.iter().for_each(|line| eprintln!("runtime: {line}"));
                resume_unwind(panic)
            }
        }
    }

    /// `None`: the body was cancelled. `dyn`: compiled once for each type of output, not for each test.
    fn run<T>(mut self, body: Body<'_, T>) -> io::Result<Option<T>> {
        let runtime: Runtime = self.builder.build()?;
        // It goes last: while the runtime ends a second Ctrl-C kills.
        let mut interrupt = if self.is_cancellable {
            let _entered = runtime.enter();
            Some(Interrupt::new()?)
        } else {
            None
        };
        let body = async {
            match &mut interrupt {
                Some(interrupt) => cancellable(runtime.handle(), body, interrupt.wait()).await,
                None => Some(body.await),
            }
        };
        // Tasks clean up also where the body panics: it goes on panicking when they have ended.
        let main = async {
            let output = AssertUnwindSafe(body).catch_unwind().await;
            end_all(runtime.handle()).await;
            output
        };
        // A failure that nobody took may end it, too.
        let output = catch_unwind(AssertUnwindSafe(|| runtime.block_on(main)));
        // Not a handle: debug mode would find it there after the end.
        let failure = runtime.handle().failure_check();
        // All have been asked.
        let options = ShutdownOptions::default().grace(Duration::ZERO).blocking(self.shutdown_timeout);
        tell(&runtime.shutdown(options));
        match output {
            Ok(Ok(output)) => {
                failure.check();
                Ok(output)
            }
            Ok(Err(panic)) | Err(panic) => resume_unwind(panic),
        }
    }
}

/// Writes who was left behind to stderr, a line for each.
fn tell(report: &ShutdownReport) {
    let mut stderr = io::stderr().lock();
    for survivor in report.survivors().iter().take(SURVIVORS_SHOWN_MAX) {
        let _ = writeln!(stderr, "runtime: left behind: {survivor}");
    }
    let more = report.survivors().len().saturating_sub(SURVIVORS_SHOWN_MAX);
    if more > 0 {
        let _ = writeln!(stderr, "runtime: left behind: {more} more");
    }
}

/// Of a body that Ctrl-C cannot cancel.
fn uncancelled<T>(output: Option<T>) -> T {
    output.expect("only `ctrl_c = \"cancel\"` cancels a body")
}

/// What went wrong in the tasks of a test, and nobody took.
#[derive(Clone)]
struct Failures(Arc<Mutex<Option<Vec<String>>>>);

impl Failures {
    fn collected_by(builder: &mut Builder) -> Self {
        let failures = Failures(Arc::new(Mutex::new(Some(Vec::new()))));
        let collected = failures.clone();
        builder.on_unhandled(move |unhandled| collected.add(unhandled));
        failures
    }

    fn add(&self, unhandled: &Unhandled) {
        match &mut *self.0.lock() {
            Some(failures) => failures.push(unhandled.to_string()),
            // The test is over.
            None => unhandled.print(),
        }
    }

    fn take(&self) -> Vec<String> {
        self.0.lock().take().unwrap_or_default()
    }
}

#[track_caller]
fn started<T>(result: io::Result<T>) -> T {
    match result {
        Ok(output) => output,
        Err(error) => panic!("cannot start the runtime: {error}"),
    }
}

/// asyncio's `run`: builds a multi_thread runtime, drives `main` on this thread, and ends the runtime: the
/// tasks that are left are asked for their end, as by [`JoinHandle::cancel`](crate::JoinHandle::cancel), and waited for until they
/// have ended, those that listen for 10 seconds at most; then running blocking jobs are asked as well, and they and
/// polls that go on are waited for, up to 10 seconds. What has not ended then is left behind, and named on stderr.
///
/// # Panics
/// If `main` panics (when the tasks have ended), if the runtime cannot be built, and on a thread that runs the tasks of a
/// current_thread runtime, or of a `LocalSet`. Inside of a task of a multi_thread runtime it blocks that task, and does not wait
/// for what is left at the end.
///
/// # Examples
/// ```
/// let answer = runtime::run(async { runtime::spawn(async { 42 }).await.unwrap() });
/// assert_eq!(answer, 42);
/// ```
#[track_caller]
pub fn run<F: Future>(main: F) -> F::Output {
    uncancelled(started(Entry::multi_thread().run(Box::pin(main))))
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
