//! A call of std's, made by a thread of the pool.

use runtime_core::spawn::spawn_blocking;
use std::io;

/// Calls `f` on a thread that may wait: at once, and not at the first poll. The job is spawned where this is called, so that a
/// report of what hangs says which call it is.
///
/// # Errors
/// Those of `f`; and if the runtime ends before it is called, or has no thread to call it.
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub(super) fn run<T: Send + 'static>(
    f: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> impl Future<Output = io::Result<T>> {
    let job = spawn_blocking(f);
    // Of no kind: "no thread now" is `WouldBlock`, which is said of no file.
    async move { job.await.map_err(io::Error::other)? }
}
