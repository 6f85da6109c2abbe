//! A call of std's, made by a thread of the pool.

use runtime_core::spawn::spawn_blocking;
use std::io;

/// Calls `f` on a thread that may wait.
///
/// # Errors
/// Those of `f`; and if the runtime ends before it is called, or has no thread to call it.
///
/// # Panics
/// Outside of a runtime.
pub(super) async fn run<T: Send + 'static>(
    f: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    // Of no kind: "no thread now" is `WouldBlock`, which is said of no file.
    spawn_blocking(f).await.map_err(io::Error::other)?
}
