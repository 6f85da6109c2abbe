//! A handle that does not let its task go on alone.

#![forbid(unsafe_code)]

use super::{AbortHandle, JoinError, JoinHandle};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

const HELD: &str = "the handle is here until `detach`, which consumes this";

/// A [`JoinHandle`] that aborts its task when it is dropped, where a `JoinHandle` detaches it.
///
/// # Errors
/// Awaiting it gives what awaiting the `JoinHandle` does.
///
/// # Cancel safety
/// An await that owns the handle aborts the task when it is dropped; `&mut handle` loses nothing.
///
/// # Examples
/// ```
/// use runtime::task::AbortOnDropHandle;
///
/// runtime::run(async {
///     let task = runtime::spawn(std::future::pending::<()>());
///     let watcher = task.abort_handle();
///     drop(AbortOnDropHandle::new(task));
///     while !watcher.is_finished() {
///         runtime::task::yield_now().await;
///     }
///     assert_eq!(AbortOnDropHandle::new(runtime::spawn(async { 42 })).await.unwrap(), 42);
/// });
/// ```
#[must_use = "dropping the handle aborts the task"]
pub struct AbortOnDropHandle<T> {
    handle: Option<JoinHandle<T>>,
}

impl<T> AbortOnDropHandle<T> {
    /// From here on the task ends with the handle.
    pub fn new(handle: JoinHandle<T>) -> Self {
        AbortOnDropHandle { handle: Some(handle) }
    }

    /// As [`JoinHandle::abort`].
    pub fn abort(&self) {
        self.as_ref().abort();
    }

    /// As [`JoinHandle::is_finished`].
    pub fn is_finished(&self) -> bool {
        self.as_ref().is_finished()
    }

    /// As [`JoinHandle::abort_handle`].
    pub fn abort_handle(&self) -> AbortHandle {
        self.as_ref().abort_handle()
    }

    /// Gives the `JoinHandle` back: the task goes on without this.
    pub fn detach(mut self) -> JoinHandle<T> {
        self.handle.take().expect(HELD)
    }
}

impl<T> AsRef<JoinHandle<T>> for AbortOnDropHandle<T> {
    fn as_ref(&self) -> &JoinHandle<T> {
        self.handle.as_ref().expect(HELD)
    }
}

impl<T> Future for AbortOnDropHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(self.handle.as_mut().expect(HELD)).poll(cx)
    }
}

impl<T> Drop for AbortOnDropHandle<T> {
    fn drop(&mut self) {
        if let Some(handle) = &self.handle {
            handle.abort();
        }
    }
}

impl<T> fmt::Debug for AbortOnDropHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AbortOnDropHandle").field(self.as_ref()).finish()
    }
}
