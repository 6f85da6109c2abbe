//! What handles do with the help of timers, or of a thread that may wait.

#![forbid(unsafe_code)]

use crate::context;
use crate::sync::blocking;
use crate::task::unpolled::Unpolled;
use crate::task::{JoinError, JoinHandle};
use crate::time::Sleep;
use crate::time::error::Elapsed;
use crate::time::part_sleep;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

impl<T> JoinHandle<T> {
    /// Waits for the task for `duration` at most, counted from this call. When that has passed, the task is asked for
    /// its end, as by [`cancel`](Self::cancel), and waited for until it has really ended: asyncio's `wait_for`.
    /// tokio's `timeout(d, handle)`, which is `time::timeout` here, leaves the task running.
    ///
    /// A foreign `FutureExt::timeout` may win where a `&mut JoinHandle` is written: `(&mut handle).timeout(d)`.
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready asks the task for its end, too: nothing is left running unseen.
    ///
    /// # Errors
    /// [`Elapsed`] when the time was up and the task has been cancelled. A task that cleans up and ends with a value, or
    /// that panics meanwhile, answers with that.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// runtime::run(async {
    ///     let endless = runtime::spawn(std::future::pending::<()>());
    ///     assert!(endless.timeout(Duration::from_millis(1)).await.is_err());
    ///     let quick = runtime::spawn(async { 42 });
    ///     assert_eq!(quick.timeout(Duration::from_secs(60)).await.unwrap().unwrap(), 42);
    /// });
    /// ```
    #[track_caller]
    pub fn timeout(self, duration: Duration) -> JoinTimeout<T> {
        let (unpolled, sleep) = (Unpolled::new("JoinHandle::timeout"), part_sleep(duration).shown());
        JoinTimeout { handle: Asking(Some(self)), is_up: false, unpolled, sleep }
    }

    /// Waits for the task on a plain thread. It needs no runtime on this thread; the task's own must be running
    /// elsewhere.
    ///
    /// # Errors
    /// As awaiting the handle.
    ///
    /// # Panics
    /// On a thread that runs tasks: await the handle there.
    ///
    /// # Examples
    /// ```
    /// let runtime = runtime::Runtime::new()?;
    /// let task = runtime.spawn(async { 42 });
    /// assert_eq!(task.join_blocking().unwrap(), 42);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn join_blocking(self) -> Result<T, JoinError> {
        assert!(
            !context::must_not_wait(),
            "`join_blocking` was called on a thread that is running tasks, and would hold them up: await the \
             handle instead, or move the call to `spawn_blocking`"
        );
        blocking::block_on(self)
    }
}

/// A handle whose task is asked for its end when it is dropped before the task has ended.
#[derive(Debug)]
pub(super) struct Asking<T>(pub(super) Option<JoinHandle<T>>);

impl<T> Asking<T> {
    pub(super) fn ask(&self) {
        if let Some(handle) = &self.0 {
            handle.request_cancel();
        }
    }
}

impl<T> Future for Asking<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let handle = self.0.as_mut().expect("polled after it was ready");
        let result = ready!(Pin::new(handle).poll(cx));
        self.0 = None;
        Poll::Ready(result)
    }
}

impl<T> Drop for Asking<T> {
    fn drop(&mut self) {
        self.ask();
    }
}

pin_project_lite::pin_project! {
    /// What [`JoinHandle::timeout`] returns.
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct JoinTimeout<T> {
        handle: Asking<T>,
        is_up: bool,
        unpolled: Unpolled,
        #[pin]
        sleep: Sleep,
    }
}

impl<T> Future for JoinTimeout<T> {
    type Output = Result<Result<T, JoinError>, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.unpolled.set_polled();
        if let Poll::Ready(result) = Pin::new(&mut *this.handle).poll(cx) {
            let is_elapsed = *this.is_up && matches!(&result, Err(error) if error.is_cancelled());
            return Poll::Ready(if is_elapsed { Err(Elapsed::new()) } else { Ok(result) });
        }
        if !*this.is_up {
            ready!(this.sleep.poll(cx));
            *this.is_up = true;
            this.handle.ask();
        }
        Poll::Pending
    }
}

impl<T> fmt::Debug for JoinTimeout<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinTimeout").field("handle", &self.handle.0).field("is_up", &self.is_up).finish()
    }
}
