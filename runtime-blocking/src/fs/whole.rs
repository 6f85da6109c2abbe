//! Whole files in one trip.

use super::cached;
use super::job::{call, run};
use runtime_core::context;
use runtime_core::task::unpolled::must_await;
use std::fs;
use std::future::poll_fn;
use std::io;
use std::panic::Location;
use std::path::Path;

/// Reads a whole file: [`std::fs::read`].
///
/// # Cancel safety
/// Nothing happens but reading.
///
/// # Errors
/// Those of `std::fs::read`.
///
/// # Panics
/// Outside of a runtime.
///
/// # Examples
/// ```
/// runtime::run(async {
///     let manifest = runtime::fs::read("Cargo.toml").await.unwrap();
///     assert!(manifest.starts_with(b"[package]"));
/// });
/// ```
#[track_caller]
pub fn read(path: impl AsRef<Path>) -> impl Future<Output = io::Result<Vec<u8>>> {
    let site = Location::caller();
    must_await("fs::read", async move {
        let path = path.as_ref();
        match read_cached(path).await {
            Some(bytes) => Ok(bytes),
            None => {
                let path = path.to_owned();
                call(site, move || cached::read_whole(&path)).await
            }
        }
    })
}

/// Reads a whole file as text: [`std::fs::read_to_string`].
///
/// # Cancel safety
/// Nothing happens but reading.
///
/// # Errors
/// Those of `std::fs::read_to_string`: of kind `InvalidData`, if it is not UTF-8.
///
/// # Panics
/// Outside of a runtime.
///
/// # Examples
/// ```
/// runtime::run(async {
///     let manifest = runtime::fs::read_to_string("Cargo.toml").await.unwrap();
///     assert!(manifest.contains("[dependencies]"));
/// });
/// ```
#[track_caller]
pub fn read_to_string(path: impl AsRef<Path>) -> impl Future<Output = io::Result<String>> {
    let site = Location::caller();
    must_await("fs::read_to_string", async move {
        let path = path.as_ref();
        // What is no text is read once more, for the error of std's call.
        match read_cached(path).await.map(String::from_utf8) {
            Some(Ok(text)) => Ok(text),
            _ => {
                let path = path.to_owned();
                // std's words for what is no text.
                let read = move || cached::read_whole(&path).and_then(|bytes| io::read_to_string(&*bytes));
                call(site, read).await
            }
        }
    })
}

async fn read_cached(path: &Path) -> Option<Vec<u8>> {
    // It would work now and then.
    context::assert_inside();
    poll_fn(|cx| cached::poll_whole(cx, path)).await
}

/// Writes a whole file, which it makes or empties first: [`std::fs::write`].
///
/// # Cancel safety
/// Once begun, it goes on to its end.
///
/// # Errors
/// Those of `std::fs::write`.
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> impl Future<Output = io::Result<()>> {
    let (path, contents) = (path.as_ref().to_owned(), contents.as_ref().to_owned());
    run("fs::write", || fs::write(path, contents))
}

/// Copies a file, with its permissions: [`std::fs::copy`]. Says how many bytes that were.
///
/// # Cancel safety
/// Once begun, it goes on to its end.
///
/// # Errors
/// Those of `std::fs::copy`.
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> impl Future<Output = io::Result<u64>> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    run("fs::copy", || fs::copy(from, to))
}
