//! Tasks that live and end together: asyncio's `TaskGroup`, trio's nursery.

#![forbid(unsafe_code)]

use super::failures::{GroupError, TaskError};
use super::handles::Asking;
use super::members::{Place, Shared, inside};
use crate::coop;
use crate::spawn::spawn_as;
use crate::sync::oneshot;
use crate::task::unpolled::silently;
use crate::task::{self, Id, JoinError, JoinHandle, Meta};
use crate::util::wake_list::drop_quietly;
use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::thread;

/// Runs `body` with a group, and waits for it and for every task that was spawned into the group.
///
/// The first error, or panic, of a task or of the body asks all the others for their end, as
/// [`JoinHandle::cancel`] does, drops the body where it waits, waits until every task has really ended, and gives
/// **all** errors. A task that is cancelled is no error. If the body panics, that panic goes on when the tasks have
/// ended.
///
/// The group is given by value; clones may be moved into the tasks, which may spawn more, also while the body is done
/// and the group waits.
///
/// # Cancel safety
/// Dropping the future asks all tasks for their end. When the task in which it is awaited is asked for its end by
/// [`JoinHandle::cancel`], so are the group's tasks, at once and with the same grace. That task is dropped where it
/// waits, the body with it, unless it listens itself ([`task::cancelled`]); but it has not ended before the group's
/// tasks have. The same holds for a group in the body of another that fails: the outer group drops its body, and waits
/// for the tasks of both. So nothing is left running unseen, however groups are nested.
///
/// # Errors
/// [`GroupError`] with every error, in the order in which they came. It has none if [`TaskGroup::cancel`] ended
/// the body.
///
/// # Examples
/// ```
/// use runtime::task;
///
/// runtime::run(async {
///     let sum = task::group(async |g| {
///         let a = g.spawn(async { Ok(40) });
///         let b = g.spawn(async { Ok(2) });
///         Ok::<i32, String>(a.await.unwrap() + b.await.unwrap())
///     });
///     assert_eq!(sum.await.unwrap(), 42);
///
///     let failed = task::group(async |g| {
///         g.spawn(std::future::pending::<Result<(), String>>());
///         g.spawn(async { Err::<(), _>("no disk".to_owned()) });
///         std::future::pending::<Result<(), String>>().await
///     });
///     assert_eq!(failed.await.unwrap_err().errors().len(), 1);
/// });
/// ```
// Not `AsyncFnOnce`: inside of a spawned task its callers do not compile when a lifetime is in `E`, as in `&'static str`
// (rust-lang/rust#126350). Every async closure is an `FnOnce`.
pub async fn group<X, E, Fut>(body: impl FnOnce(TaskGroup<E>) -> Fut) -> Result<X, GroupError<E>>
where
    Fut: Future<Output = Result<X, E>>,
    E: Send + 'static,
{
    let group = TaskGroup { shared: Arc::new(Shared::new()) };
    let _end = EndOnDrop(&group);
    let mut body = pin!(Some(body(group.clone())));
    let mut end = BodyEnd { value: None, panic: None };
    let mut polls_left = None;
    poll_fn(|cx| {
        Shared::sit(&group.shared);
        let seen = group.shared.look(cx.waker());
        if let Some(running) = body.as_mut().as_pin_mut() {
            let polled = if seen.has_failed() {
                Ok(Poll::Pending)
            } else {
                inside(&group.shared, || catch_unwind(AssertUnwindSafe(|| running.poll(cx))))
            };
            let is_done = !matches!(polled, Ok(Poll::Pending));
            if is_done || seen.must_end_body(&mut polls_left) {
                group.shared.end_body(is_done);
                let dropped = catch_unwind(AssertUnwindSafe(|| silently(|| body.set(None))));
                end = BodyEnd::new(&group.shared, polled, dropped);
            }
        }
        if body.is_some() || !group.shared.close() {
            return Poll::Pending;
        }
        // Whoever makes groups in a loop must come to an end of its poll.
        ready!(coop::poll_proceed(cx)).made_progress();
        Poll::Ready(())
    })
    .await;
    end.result(group.shared.take_errors())
}

/// What is left of the body, but for its error.
struct BodyEnd<X> {
    value: Option<X>,
    panic: Option<Box<dyn Any + Send>>,
}

impl<X> BodyEnd<X> {
    fn new<E>(
        group: &Shared<E>,
        polled: thread::Result<Poll<Result<X, E>>>,
        dropped: thread::Result<()>,
    ) -> Self {
        let mut end = BodyEnd { value: None, panic: dropped.err() };
        match polled {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(Ok(value))) => end.value = Some(value),
            Ok(Poll::Ready(Err(error))) => group.fail(TaskError::Failed(error), None),
            Err(payload) => drop_quietly(end.panic.replace(payload)),
        }
        if end.panic.is_some() {
            group.panic();
        }
        end
    }

    fn result<E>(self, errors: Vec<TaskError<E>>) -> Result<X, GroupError<E>> {
        if let Some(payload) = self.panic {
            errors.iter().for_each(TaskError::is_lost);
            resume_unwind(payload);
        }
        match self.value {
            Some(value) if errors.is_empty() => Ok(value),
            _ => Err(GroupError { errors }),
        }
    }
}

/// A group of tasks: see [`group`]. Clones are the same group.
pub struct TaskGroup<E> {
    shared: Arc<Shared<E>>,
}

impl<E: Send + 'static> TaskGroup<E> {
    /// Starts a task in the group. Its error goes to the group, and so does a panic; the handle then says that the task was
    /// cancelled. Dropping the handle leaves the task in the group.
    ///
    /// In a group that was cancelled, or has ended, the future is dropped unpolled and the handle says that the task was
    /// cancelled.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F, T>(&self, future: F) -> JoinHandle<T>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        let meta = Meta::here();
        self.spawn_by(future, |child| spawn_as(child, meta))
    }

    /// As [`spawn`](Self::spawn), whatever it is that makes tasks.
    #[track_caller]
    pub(crate) fn spawn_by<F, T>(
        &self,
        future: F,
        spawn: impl FnOnce(Child<F, E>) -> JoinHandle<T>,
    ) -> JoinHandle<T> {
        let place = Place::reserve(&self.shared);
        let child = Child { future: Some(future), is_started: false, shared: Arc::clone(&self.shared) };
        let handle = spawn(child);
        if let Some(place) = place {
            place.give(&handle);
        }
        handle
    }

    /// Asks every task of the group for its end, as [`JoinHandle::cancel`] does, and returns at once. The group waits
    /// for them; a body that still waits for something else when they have ended is dropped there. Tasks spawned from
    /// here on are dropped unpolled.
    ///
    /// # Examples
    /// ```
    /// runtime::run(async {
    ///     let served = runtime::task::group(async |g| {
    ///         let endless = g.spawn(std::future::pending::<Result<(), ()>>());
    ///         g.cancel();
    ///         assert!(endless.await.unwrap_err().is_cancelled());
    ///         Ok(1)
    ///     });
    ///     assert_eq!(served.await.unwrap(), 1);
    /// });
    /// ```
    pub fn cancel(&self) {
        self.shared.cancel();
    }

    /// Starts a task in the group and waits until it says that it is ready: trio's `nursery.start`. `f` gets a
    /// [`Ready`] for that, and the task goes on in the group afterwards.
    ///
    /// # Cancel safety
    /// Dropping the future before the task is ready asks the task for its end.
    ///
    /// # Errors
    /// A [`JoinError`] that says "cancelled" if the task ended without having been ready; its own error has gone to
    /// the group. A task that drops its [`Ready`] and goes on is asked for its end, and waited for.
    ///
    /// # Examples
    /// ```
    /// runtime::run(async {
    ///     let port = runtime::task::group(async |g| {
    ///         let port = g.start(async move |ready| {
    ///             let listener = runtime::net::TcpListener::bind("127.0.0.1:0").await?;
    ///             ready.set(listener.local_addr()?.port());
    ///             Ok(())
    ///         });
    ///         Ok::<_, std::io::Error>(port.await.unwrap())
    ///     });
    ///     assert_ne!(port.await.unwrap(), 0);
    /// });
    /// ```
    #[track_caller]
    pub fn start<R, F, Fut>(&self, f: F) -> impl Future<Output = Result<R, JoinError>>
    where
        F: FnOnce(Ready<R>) -> Fut,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        R: Send + 'static,
    {
        // An async fn would not know its caller.
        let (meta, (tell, told)) = (Meta::here(), oneshot::channel());
        async move {
            let child = self.spawn_by(f(Ready(tell)), |child| spawn_as(child, meta));
            let mut child = Asking(Some(child));
            match told.await {
                Ok(value) => {
                    child.0 = None;
                    Ok(value)
                }
                Err(_) => {
                    let cancelled = child.0.as_ref().map(JoinHandle::cancelled_error);
                    let cancelled = cancelled.expect("the handle is there until it was awaited");
                    child.ask();
                    child.await.and_then(|()| Err(cancelled))
                }
            }
        }
    }
}

impl<E> Clone for TaskGroup<E> {
    fn clone(&self) -> Self {
        TaskGroup { shared: Arc::clone(&self.shared) }
    }
}

impl<E> fmt::Debug for TaskGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}

/// With this a task that was started by [`TaskGroup::start`] says that it is ready.
pub struct Ready<R>(oneshot::Sender<R>);

impl<R> Ready<R> {
    /// Lets `start` return `value`. Nothing happens if nobody waits for it any more.
    pub fn set(self, value: R) {
        drop(self.0.send(value));
    }
}

impl<R> fmt::Debug for Ready<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").finish_non_exhaustive()
    }
}

/// However the group's future ends, its tasks do, too.
struct EndOnDrop<'a, E: Send + 'static>(&'a TaskGroup<E>);

impl<E: Send + 'static> Drop for EndOnDrop<'_, E> {
    fn drop(&mut self) {
        self.0.shared.cancel();
        self.0.shared.rise();
    }
}

pin_project_lite::pin_project! {
    /// A task of the group: its error goes there.
    pub struct Child<F, E> {
        #[pin]
        future: Option<F>,
        is_started: bool,
        shared: Arc<Shared<E>>,
    }

    impl<F, E> PinnedDrop for Child<F, E> {
        fn drop(this: Pin<&mut Self>) {
            this.drop_future(task::try_id());
        }
    }
}

impl<F, E> Child<F, E> {
    /// A panic in the drop is an error of the task.
    fn drop_future(self: Pin<&mut Self>, id: Option<Id>) {
        let mut this = self.project();
        let Err(payload) = catch_unwind(AssertUnwindSafe(|| this.future.set(None))) else { return };
        match task::panic_of_current(payload) {
            Ok(error) => this.shared.fail(TaskError::Join(error), id),
            // It never became a task.
            Err(payload) => drop_quietly(payload),
        }
    }
}

impl<F, T, E> Future for Child<F, E>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let mut this = self.as_mut().project();
        if !std::mem::replace(this.is_started, true) && !this.shared.is_open() {
            task::abort_current();
            return Poll::Pending;
        }
        let Some(future) = this.future.as_mut().as_pin_mut() else { return Poll::Pending };
        let polled = catch_unwind(AssertUnwindSafe(|| future.poll(cx)));
        let error = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(value))) => return Poll::Ready(value),
            Ok(Poll::Ready(Err(error))) => TaskError::Failed(error),
            Err(payload) => match task::panic_of_current(payload) {
                Ok(error) => TaskError::Join(error),
                Err(payload) => resume_unwind(payload),
            },
        };
        let id = task::try_id();
        let shared = Arc::clone(this.shared);
        // First the error of the task, then what its drop does.
        shared.fail(error, id);
        self.drop_future(id);
        // Dropped at the end of this poll: the handle says that it was cancelled.
        task::abort_current();
        Poll::Pending
    }
}
