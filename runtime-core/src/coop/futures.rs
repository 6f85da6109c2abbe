//! What users do with the budget.

#![forbid(unsafe_code)]

use super::{RestoreOnPending, unlimited};
use pin_project_lite::pin_project;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Takes one unit of the task's budget for an operation that is about to be tried.
///
/// `Pending` means that the budget is used up; another poll has been asked for. `Ready` carries a
/// guard that gives the unit back, unless [`made_progress`](RestoreOnPending::made_progress) says that
/// the operation succeeded.
///
/// # Examples
/// A receiver of another library that takes part:
/// ```
/// use futures::StreamExt;
/// use futures::channel::mpsc::UnboundedReceiver;
/// use runtime::task::coop;
/// use std::future::poll_fn;
/// use std::task::{Poll, ready};
///
/// async fn recv<T>(receiver: &mut UnboundedReceiver<T>) -> Option<T> {
///     poll_fn(|cx| {
///         let unit = ready!(coop::poll_proceed(cx));
///         let received = ready!(receiver.poll_next_unpin(cx));
///         unit.made_progress();
///         Poll::Ready(received)
///     })
///     .await
/// }
///
/// let (sender, mut receiver) = futures::channel::mpsc::unbounded();
/// sender.unbounded_send(7).unwrap();
/// assert_eq!(runtime::run(recv(&mut receiver)), Some(7));
/// ```
#[inline]
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<RestoreOnPending> {
    super::poll_proceed(cx)
}

/// Takes one unit of the task's budget; with none left, lets other tasks run first.
///
/// It is for loops that await nothing of ours (or nothing that waits), so that they do not keep a worker for
/// themselves: cheap while there is budget, where [`yield_now`](crate::spawn::yield_now) always yields.
///
/// # Cancel safety
/// Dropping it loses nothing.
///
/// # Examples
/// ```
/// async fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
///     let mut sum = 0;
///     for number in numbers {
///         sum += number;
///         runtime::task::consume_budget().await;
///     }
///     sum
/// }
///
/// assert_eq!(runtime::run(sum(1..=1000)), 500_500);
/// ```
pub async fn consume_budget() {
    poll_fn(poll_proceed).await.made_progress();
}

pin_project! {
    /// The future of [`unconstrained`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Unconstrained<F> {
        #[pin]
        future: F,
    }
}

/// Runs `future` without a budget: what it awaits never makes it let others run. One that is always ready then
/// keeps its worker for itself.
///
/// # Examples
/// ```
/// runtime::run(runtime::task::unconstrained(async {
///     for _ in 0..1000 {
///         runtime::task::consume_budget().await;
///     }
///     assert!(runtime::task::coop::has_budget_remaining());
/// }));
/// ```
pub fn unconstrained<F>(future: F) -> Unconstrained<F> {
    Unconstrained { future }
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let future = self.project().future;
        unlimited(|| future.poll(cx))
    }
}

pin_project! {
    /// The future of [`cooperative`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Coop<F> {
        #[pin]
        future: F,
    }
}

/// Makes a foreign future take part: it uses one unit of the task's budget when it is ready, and is not polled
/// while none is left.
///
/// # Cancel safety
/// That of `future`.
///
/// # Examples
/// ```
/// use futures::channel::mpsc;
/// use futures::StreamExt;
/// use runtime::task::coop::cooperative;
///
/// runtime::run(async {
///     let (sender, mut receiver) = mpsc::unbounded();
///     sender.unbounded_send(7).unwrap();
///     assert_eq!(cooperative(receiver.next()).await, Some(7));
/// });
/// ```
pub fn cooperative<F: Future>(future: F) -> Coop<F> {
    Coop { future }
}

impl<F: Future> Future for Coop<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let unit = ready!(poll_proceed(cx));
        let output = ready!(self.project().future.poll(cx));
        unit.made_progress();
        Poll::Ready(output)
    }
}
