//! Running several futures as tasks and collecting their results: asyncio's `gather` and `shield`.

#![forbid(unsafe_code)]

use super::failures::TaskError;
use super::handles::Asking;
use crate::spawn::spawn;
use crate::task::unpolled::Unpolled;
use crate::task::{JoinError, JoinHandle};
use crate::unhandled::report_lost;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Spawns each future as a task of its own, now, and waits for all of them: asyncio's
/// `gather(return_exceptions=True)`. The results come in the order of the futures, failures in their places.
///
/// # Cancel safety
/// Dropping the returned future asks all tasks for their end, as [`JoinHandle::cancel`] does.
///
/// # Panics
/// Outside of a runtime.
///
/// # Examples
/// ```
/// runtime::run(async {
///     let squares = runtime::task::gather((0..4).map(|i| async move { i * i })).await;
///     let squares: Vec<i32> = squares.into_iter().map(Result::unwrap).collect();
///     assert_eq!(squares, [0, 1, 4, 9]);
/// });
/// ```
#[track_caller]
pub fn gather<I>(futures: I) -> Gather<<I::Item as Future>::Output>
where
    I: IntoIterator,
    I::Item: Future + Send + 'static,
    <I::Item as Future>::Output: Send + 'static,
{
    let mut children = Children::new();
    // One by one: an iterator that panics leaves no task behind unseen.
    for future in futures {
        children.push(spawn(future));
    }
    let results = children.slots();
    Gather { children, results, unpolled: Unpolled::new("gather") }
}

/// Spawns each future as a task of its own, now, and waits for all of them, or for the first error, which it
/// gives at once: asyncio's `gather`. The other tasks **go on** then, detached, unless [`TryGather::cancel_rest`] says
/// otherwise.
///
/// # Cancel safety
/// Dropping the returned future before it is ready asks all tasks for their end, as [`JoinHandle::cancel`] does.
///
/// # Errors
/// The first error, panic or cancellation.
///
/// # Panics
/// Outside of a runtime.
///
/// # Examples
/// ```
/// runtime::run(async {
///     let numbers = runtime::task::try_gather(["1", "2", "x"].map(|text| async move { text.parse::<i32>() }));
///     let error = numbers.cancel_rest().await.unwrap_err();
///     assert_eq!(error.index(), 2);
/// });
/// ```
#[track_caller]
pub fn try_gather<I, T, E>(futures: I) -> TryGather<T, E>
where
    I: IntoIterator,
    I::Item: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    let mut children = Children::new();
    for future in futures {
        children.push(spawn(future));
    }
    let results = children.slots();
    let unpolled = Unpolled::new("try_gather");
    TryGather { children, results, cancels_rest: false, error: None, unpolled }
}

/// Runs a future as a task that goes on when whoever awaits it is cancelled: asyncio's `shield`. Dropping the
/// returned handle detaches the task; only its own [`cancel`](JoinHandle::cancel) and
/// [`abort`](JoinHandle::abort) end it.
///
/// # Panics
/// Outside of a runtime.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// runtime::run(async {
///     let (done, is_done) = runtime::sync::oneshot::channel();
///     let waits = runtime::spawn(async {
///         runtime::task::shield(async move {
///             runtime::time::sleep(Duration::from_millis(10)).await;
///             done.send("committed").unwrap();
///         })
///         .await
///     });
///     runtime::task::yield_now().await;
///     let _ = waits.cancel().await;
///     # // Cancelled before its first poll, the shield was never made.
///     # if let Ok(text) = is_done.await { assert_eq!(text, "committed") }
/// });
/// ```
#[track_caller]
pub fn shield<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    spawn(future)
}

/// One future of a `gather!`: a task that is asked for its end when this is dropped before.
#[doc(hidden)]
#[derive(Debug)]
pub struct Gathered<T>(Asking<T>);

/// Spawns one future of a `gather!`.
#[doc(hidden)]
#[track_caller]
pub fn gathered<F>(future: F) -> Gathered<<F::IntoFuture as Future>::Output>
where
    F: IntoFuture,
    F::IntoFuture: Send + 'static,
    <F::IntoFuture as Future>::Output: Send + 'static,
{
    Gathered(Asking(Some(spawn(future.into_future()))))
}

impl<T> Future for Gathered<T> {
    type Output = Kept<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(Kept(Some(result)))
    }
}

/// A result while others are waited for. Dropped before it could be given, a panic counts as taken by nobody.
#[doc(hidden)]
#[derive(Debug)]
pub struct Kept<T>(Option<Result<T, JoinError>>);

impl<T> Kept<T> {
    /// All are there.
    ///
    /// # Errors
    /// The task's.
    pub fn into_result(mut self) -> Result<T, JoinError> {
        self.0.take().expect("taken here alone")
    }
}

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        if let Some(Err(error)) = &self.0 {
            report_lost(error);
        }
    }
}

/// Tasks of which each has a place, and that are asked for their end when this is dropped.
struct Children<T> {
    running: FuturesUnordered<Child<T>>,
    count: usize,
}

struct Child<T> {
    index: usize,
    handle: Asking<T>,
}

impl<T> Future for Child<T> {
    type Output = (usize, Result<T, JoinError>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(Pin::new(&mut self.handle).poll(cx));
        Poll::Ready((self.index, result))
    }
}

impl<T> Children<T> {
    fn new() -> Self {
        Children { running: FuturesUnordered::new(), count: 0 }
    }

    fn push(&mut self, handle: JoinHandle<T>) {
        self.running.push(Child { index: self.count, handle: Asking(Some(handle)) });
        self.count += 1;
    }

    fn slots<R>(&self) -> Vec<Option<R>> {
        (0..self.count).map(|_| None).collect()
    }

    /// The next that has ended; `None` when all have.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(usize, Result<T, JoinError>)>> {
        self.running.poll_next_unpin(cx)
    }

    fn ask_all(&self) {
        self.running.iter().for_each(|child| child.handle.ask());
    }

    fn detach_all(&mut self) {
        for handle in self.running.iter_mut().filter_map(|child| child.handle.0.take()) {
            handle.waive();
        }
        self.running.clear();
    }
}

fn all<R>(results: &mut Vec<Option<R>>) -> Vec<R> {
    let results = std::mem::take(results);
    results.into_iter().map(|result| result.expect("every task has answered")).collect()
}

/// What [`gather`] returns.
#[must_use = "awaiting this collects the results; dropping it cancels the tasks"]
pub struct Gather<T> {
    children: Children<T>,
    results: Vec<Option<Kept<T>>>,
    unpolled: Unpolled,
}

impl<T> Unpin for Gather<T> {}

impl<T> Future for Gather<T> {
    type Output = Vec<Result<T, JoinError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.unpolled.set_polled();
        while let Some((index, result)) = ready!(this.children.poll_next(cx)) {
            this.results[index] = Some(Kept(Some(result)));
        }
        Poll::Ready(all(&mut this.results).into_iter().map(Kept::into_result).collect())
    }
}

impl<T> fmt::Debug for Gather<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(f, "Gather", &self.children)
    }
}

/// What [`try_gather`] returns.
#[must_use = "awaiting this collects the results; dropping it cancels the tasks"]
pub struct TryGather<T, E> {
    children: Children<Result<T, E>>,
    results: Vec<Option<T>>,
    cancels_rest: bool,
    /// The first one, while the rest ends.
    error: Option<TryGatherError<E>>,
    unpolled: Unpolled,
}

impl<T, E> TryGather<T, E> {
    /// At the first error, asks the other tasks for their end, waits until they have really ended, and then gives
    /// the error. What they end with is dropped; a panic among that is reported as taken by nobody.
    pub fn cancel_rest(mut self) -> Self {
        self.cancels_rest = true;
        self
    }
}

impl<T, E> Unpin for TryGather<T, E> {}

impl<T, E> Drop for TryGather<T, E> {
    fn drop(&mut self) {
        if let Some(error) = &self.error {
            error.source.is_lost();
        }
    }
}

impl<T, E> Future for TryGather<T, E> {
    type Output = Result<Vec<T>, TryGatherError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.unpolled.set_polled();
        while let Some((index, result)) = ready!(this.children.poll_next(cx)) {
            let source = match result {
                Ok(Ok(value)) => {
                    this.results[index] = Some(value);
                    continue;
                }
                Ok(Err(error)) => TaskError::Failed(error),
                Err(error) => TaskError::Join(error),
            };
            if this.error.is_some() {
                source.is_lost();
                continue;
            }
            let error = TryGatherError { index, source };
            if !this.cancels_rest {
                this.children.detach_all();
                return Poll::Ready(Err(error));
            }
            this.error = Some(error);
            this.children.ask_all();
        }
        Poll::Ready(match this.error.take() {
            Some(error) => Err(error),
            None => Ok(all(&mut this.results)),
        })
    }
}

impl<T, E> fmt::Debug for TryGather<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(f, "TryGather", &self.children)
    }
}

fn debug<T>(f: &mut fmt::Formatter<'_>, what: &str, children: &Children<T>) -> fmt::Result {
    f.debug_struct(what)
        .field("tasks", &children.count)
        .field("running", &children.running.len())
        .finish_non_exhaustive()
}

/// The first error among the tasks of a [`try_gather`].
#[derive(Debug)]
pub struct TryGatherError<E> {
    index: usize,
    source: TaskError<E>,
}

impl<E> TryGatherError<E> {
    /// The place, among the futures, of the one that failed.
    pub fn index(&self) -> usize {
        self.index
    }

    /// What went wrong.
    pub fn error(&self) -> &TaskError<E> {
        &self.source
    }

    /// What went wrong.
    pub fn into_error(self) -> TaskError<E> {
        self.source
    }

    /// The error that the future gave.
    ///
    /// # Errors
    /// The [`JoinError`] if its task panicked or was cancelled instead.
    pub fn into_inner(self) -> Result<E, JoinError> {
        self.source.into_inner()
    }
}

impl<E: fmt::Display> fmt::Display for TryGatherError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task number {} of the gathered ones failed: {}", self.index, self.source)
    }
}

impl<E: std::error::Error + 'static> std::error::Error for TryGatherError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.source()
    }
}
