//! A future with a deadline.

#![forbid(unsafe_code)]

use crate::task::unpolled::{Silence, Silent, Unpolled};
use crate::time::error::Elapsed;
use crate::time::instant::Instant;
use crate::time::sleep::{Sleep, part_sleep, part_sleep_until};
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Waits for `future`, at most for `duration`, counted from this call.
///
/// The future is polled first: one that is ready at once is ready with any duration, and costs no timer.
/// With `Duration::ZERO` it is polled once.
///
/// # Errors
/// [`Elapsed`] if the deadline comes first. The future is not dropped then, but with the [`Timeout`]: after
/// `timeout(…).await` it is gone. (To have a *task* cancelled and its cleanup waited for, use
/// `JoinHandle::timeout`.)
///
/// # Cancel safety
/// Dropping it drops the future.
///
/// # Panics
/// When it must wait, but not inside of a runtime, or the runtime has shut down.
///
/// # Examples
/// ```
/// use runtime::time::{Duration, timeout};
/// use std::future::{pending, ready};
///
/// runtime::run(async {
///     assert_eq!(timeout(Duration::from_secs(9), ready(1)).await, Ok(1));
///     assert!(timeout(Duration::from_millis(5), pending::<()>()).await.is_err());
/// });
/// ```
#[inline]
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    Timeout::new(future.into_future(), part_sleep(duration).shown(), Unpolled::new("timeout"))
}

/// Waits for `future`, at most until `deadline`. As [`timeout`] otherwise.
///
/// # Errors
/// [`Elapsed`] if the deadline comes first.
///
/// # Panics
/// As [`timeout`].
///
/// # Examples
/// ```
/// use runtime::time::{Duration, Instant, timeout_at};
///
/// runtime::run(async {
///     // Both together take at most 5 ms.
///     let deadline = Instant::now() + Duration::from_millis(5);
///     for _ in 0..2 {
///         timeout_at(deadline, std::future::pending::<()>()).await.unwrap_err();
///     }
/// });
/// ```
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout::new(future.into_future(), part_sleep_until(deadline).shown(), Unpolled::new("timeout_at"))
}

pin_project_lite::pin_project! {
    /// The future of [`timeout`] and [`timeout_at`]. It must be pinned to be polled.
    ///
    /// # Examples
    /// ```
    /// use runtime::time::{Duration, Timeout, timeout};
    /// use std::future::{Ready, ready};
    ///
    /// let mut limited: Timeout<Ready<u8>> = timeout(Duration::from_secs(1), ready(1));
    /// *limited.get_mut() = ready(2);
    /// println!("{:?}", limited.get_ref());
    /// assert_eq!(runtime::run(limited.into_inner()), 2);
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Timeout<T> {
        // Dropped in this order: said once, for both futures.
        unpolled: Unpolled,
        silent: Silent,
        #[pin]
        value: T,
        #[pin]
        delay: Sleep,
        silence: Silence,
    }
}

impl<T> Timeout<T> {
    #[inline]
    fn new(value: T, delay: Sleep, unpolled: Unpolled) -> Self {
        let (silent, silence) = Silence::around_parts();
        Timeout { unpolled, silent, value, delay, silence }
    }

    /// The future inside.
    pub fn get_ref(&self) -> &T {
        &self.value
    }

    /// The future inside.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.value
    }

    /// The future inside, without its deadline.
    pub fn into_inner(mut self) -> T {
        self.unpolled.set_polled();
        self.value
    }
}

impl<T: Future> Future for Timeout<T> {
    type Output = Result<T::Output, Elapsed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.unpolled.set_polled();
        if let Poll::Ready(output) = this.value.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        // Also when the future has used up the budget: one that always does would never time out.
        this.delay.poll_deadline(cx).map(|()| Err(Elapsed::new()))
    }
}

impl<T: fmt::Debug> fmt::Debug for Timeout<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout").field("value", &self.value).field("delay", &self.delay).finish()
    }
}
