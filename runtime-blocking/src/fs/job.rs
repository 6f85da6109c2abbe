//! A call of std's, made by a thread of the pool.

use runtime_core::context::spawn_blocking_at;
use runtime_core::task::unpolled::must_await;
use std::io;
use std::panic::Location;

/// The future of `what`, a function, which is called here: it calls `f` on a thread that may wait.
///
/// # Errors
/// As [`call`].
///
/// # Panics
/// As [`call`].
#[track_caller]
pub(super) fn run<T: Send + 'static>(
    what: &'static str,
    f: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> impl Future<Output = io::Result<T>> {
    must_await(what, call(Location::caller(), f))
}

/// Calls `f` on a thread that may wait: for who was called at `site`, so that a report of what hangs names that line.
///
/// # Errors
/// Those of `f`; and if the runtime ends before it is called, or has no thread to call it.
///
/// # Panics
/// Outside of a runtime.
pub(super) async fn call<T: Send + 'static>(
    site: &'static Location<'static>,
    f: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    // Of no kind: "no thread now" is `WouldBlock`, which is said of no file.
    spawn_blocking_at(f, site).await.map_err(io::Error::other)?
}
