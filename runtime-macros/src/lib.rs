//! Procedural macros of the crate `runtime`. Use them through it: what they expand to names
//! `runtime::__private`, which may change from version to version.
//!
//! [`main`](macro@main) and [`test`](macro@test) turn an `async fn` into a plain one (`entry`, with
//! its `options`); the other three are what `runtime::select!`, `runtime::join!` and
//! `runtime::try_join!` hand their arguments to (`select`, `join`).

#![forbid(unsafe_code)]

use proc_macro::TokenStream;

mod entry;
mod join;
mod options;
mod select;

/// Runs an `async fn` on a runtime of its own: the whole of a program's `main`.
///
/// The function becomes a plain one that builds a runtime, drives its body to the end with
/// `block_on`, and shuts the runtime down: tasks that are left are asked for their end, and those that listen may clean
/// up for 10 seconds; then what is left is dropped, blocking jobs that run are asked for their end
/// (`task::cancel_requested`), and they and polls that go on are waited for up to `shutdown_timeout`. What has not ended then is left behind, and named on stderr
/// (`runtime: left behind: job 7 (spawned at src/main.rs:3:5), running for 5.0 s`): neither a job that never ends nor a task
/// that blocks its worker keeps the program. (On `current_thread` a task that blocks its thread does.) Return type, attributes, visibility, generics, docs and
/// arguments (of a function not named `main`) stay as written.
///
/// | option | value | default |
/// |---|---|---|
/// | `flavor` | `"multi_thread"` or `"current_thread"` | `"multi_thread"` |
/// | `worker_threads` | how many workers; only with `multi_thread` | one per core, or `RUNTIME_WORKERS` |
/// | `blocking_threads` | most threads of the default blocking pool | 512 |
/// | `shutdown_timeout` | a duration such as `"5s"`, `"250ms"`, `"2m"` | `"10s"` |
/// | `unhandled` | what follows a failure of a task that nobody took: `"log"`, `"shutdown"` or `"abort"` | `"log"` |
/// | `ctrl_c` | `"cancel"`: the first Ctrl-C cancels the body | Ctrl-C kills the program |
/// | `debug` | whether the runtime is in debug mode: `true` or `false` | `false`, or `RUNTIME_DEBUG` |
/// | `crate` | path of the crate `runtime`, where it is renamed | `"::runtime"` |
///
/// With `ctrl_c = "cancel"` the first SIGINT asks the body for its end as `JoinHandle::cancel` asks a task: if it has called
/// `task::cancelled` it is told, and may go on for 10 seconds; otherwise it is dropped at its next await. Then the tasks are
/// asked and waited for as at every end. A body that was dropped has no value: when all that is done, the process exits
/// with code 130, as a shell says of a program that Ctrl-C has ended. If the body was told and returned, its value
/// decides. The second SIGINT kills at once, also while the tasks are waited for. One such function runs at a time in a
/// process: another fails as if its runtime could not be built. When it has returned, SIGINT has its usual effect again.
///
/// The numbers may be any expression of type `usize`, a constant for example.
///
/// # Errors
///
/// Where the runtime cannot be built (a thread or epoll refused, a malformed `RUNTIME_WORKERS` or `RUNTIME_DEBUG`), the
/// program prints one line on stderr that says so, and exits with code 1: no panic, no backtrace.
///
/// # Panics
///
/// A panic of the body goes on through the function, after the runtime is dropped. With `unhandled = "shutdown"`, a task's
/// panic that nobody took cancels all tasks and the body, and then this panics with a text that says which task it was.
///
/// # Examples
///
/// ```
/// #[runtime::main(flavor = "current_thread", shutdown_timeout = "1s")]
/// async fn main() -> Result<(), std::num::ParseIntError> {
///     let answer: u32 = "42".parse()?;
///     assert_eq!(answer, 42);
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn main(options: TokenStream, function: TokenStream) -> TokenStream {
    entry::expand(options::Kind::Main, options.into(), function.into()).into()
}

/// Runs an `async fn` as a test, on a runtime of its own.
///
/// The options are those of [`main`](macro@main), but the default flavor is `"current_thread"`, and
/// `start_paused = true` starts the runtime's clock paused: time then jumps to the next timer whenever
/// nothing else is left to do. Other attributes (`#[should_panic]`, `#[ignore]`, `#[cfg(…)]`) work as
/// on any test; the function may return a `Result`.
///
/// # Panics
///
/// The test fails where the runtime cannot be built; and where its body ends well, but a task of its runtime has panicked
/// (or one of `task::spawn_checked` has given an `Err`), and nobody took the result: the failures are listed. A test that
/// means to leave one says `unhandled = "log"`: it is a line on stderr then. The other two values are those of `main`.
///
/// # Examples
///
/// ```
/// #[runtime::test(flavor = "multi_thread", worker_threads = 2)]
/// async fn adds() {
///     assert_eq!(async { 1 + 1 }.await, 2);
/// }
/// ```
#[proc_macro_attribute]
pub fn test(options: TokenStream, function: TokenStream) -> TokenStream {
    entry::expand(options::Kind::Test, options.into(), function.into()).into()
}

/// What `runtime::select!` expands to: the path of `runtime::__private`, a comma, its branches.
#[doc(hidden)]
#[proc_macro]
pub fn select(input: TokenStream) -> TokenStream {
    select::expand(input.into()).into()
}

/// What `runtime::join!` expands to: the path of `runtime::__private`, a comma, its futures.
#[doc(hidden)]
#[proc_macro]
pub fn join(input: TokenStream) -> TokenStream {
    join::expand(join::Kind::Join, input.into()).into()
}

/// What `runtime::try_join!` expands to: the path of `runtime::__private`, a comma, its futures.
#[doc(hidden)]
#[proc_macro]
pub fn try_join(input: TokenStream) -> TokenStream {
    join::expand(join::Kind::TryJoin, input.into()).into()
}
