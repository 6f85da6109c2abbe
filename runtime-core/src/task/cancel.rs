//! Asking a task for its end, and being asked.
//!
//! # Invariants
//! - C1: the task, or body, that a [`Cancelled`] waits for is kept alive by its reference, and so are the extras and the
//!   list in which its waiter is queued; `Drop` takes the waiter out before that reference goes.

use super::asked::is_asked;
use super::body;
use super::error::JoinError;
use super::extras::{Asked, Extras, Notice};
use super::groups::{Ask, Member, Members, Seated};
use super::join::{AbortHandle, JoinHandle};
use super::outcome::{Outcome, TaskInfo};
use super::raw::RawTask;
use super::state::{Join, Submit};
use super::with_current;
use crate::coop;
use crate::sync::wait_list::Waiter;
use crate::util::fault::{Fault, planted};
use crate::util::{in_place, inherited};
use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// What `task::cancelled` returns: ready once the task that called it was told that it shall end, and from
/// then on. Made outside of a task, and of a body that may be cancelled, it is never ready.
///
/// # Cancel safety
/// Dropping it loses nothing: the request stays, and the next one is ready at once.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Cancelled {
    asked: Option<Source>,
    waiter: Waiter,
}

/// Who is asked.
#[derive(Clone)]
enum Source {
    Task(AbortHandle),
    Body(Arc<Extras>),
}

impl Source {
    fn extras(&self) -> &Extras {
        match self {
            Source::Task(task) => extras(task.raw()),
            Source::Body(extras) => extras,
        }
    }

    fn is_aborted(&self) -> bool {
        matches!(self, Source::Task(task) if task.raw().state().is_cancelled())
    }

    fn is_asked(&self) -> bool {
        match self {
            Source::Task(task) => is_asked(task.raw()),
            Source::Body(extras) => extras.is_asked(),
        }
    }
}

impl Cancelled {
    fn parts(self: Pin<&mut Self>) -> Option<(&Source, Pin<&Waiter>)> {
        let this = self.into_ref().get_ref();
        // SAFETY: the waiter is a field of a pinned value, never moved out of it, and `Drop` unlinks it in place.
        let waiter = unsafe { Pin::new_unchecked(&this.waiter) };
        Some((this.asked.as_ref()?, waiter))
    }
}

impl Future for Cancelled {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let coop = ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Signal));
        let Some((asked, waiter)) = self.parts() else { return Poll::Pending };
        if asked.is_aborted() {
            // Who asks in a loop must come to an end of its poll, for the abort waits for that.
            coop.made_progress();
            return Poll::Ready(());
        }
        let polled = asked.extras().poll_asked(waiter, cx);
        if polled.is_ready() {
            coop.made_progress();
        }
        polled
    }
}

impl Drop for Cancelled {
    fn drop(&mut self) {
        // SAFETY: whoever drops a pinned value does not move it.
        let this = unsafe { Pin::new_unchecked(self) };
        if let Some((asked, waiter)) = this.parts() {
            asked.extras().forget(waiter);
        }
    }
}

impl fmt::Debug for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = match &self.asked {
            Some(Source::Task(task)) => Some(task),
            Some(Source::Body(_)) | None => None,
        };
        let is_asked = self.asked.as_ref().is_some_and(Source::is_asked);
        f.debug_struct("Cancelled").field("task", &task).field("is_asked", &is_asked).finish()
    }
}

fn extras(raw: &RawTask) -> &Extras {
    raw.head().extras_or_new()
}

/// From this call on, the current task *listens*: when [`cancel`](super::JoinHandle::cancel) asks it for its end it is not
/// dropped, but told through the returned future, and may clean up, also with awaits, until the grace (10 s, if
/// nobody says otherwise) is over. Then it is dropped at the await where it stands. The request stays: whoever
/// asks again finds it, so that it cannot be lost on the way up.
///
/// The body of a `#[runtime::main(ctrl_c = "cancel")]` may listen as well. Elsewhere outside of a task the future is never
/// ready.
///
/// # Cancel safety
/// See [`Cancelled`].
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use runtime::{select, task, time};
///
/// runtime::run(async {
///     let (ready, is_ready) = runtime::sync::oneshot::channel();
///     let writer = runtime::spawn(async move {
///         let cancelled = task::cancelled();
///         ready.send(()).unwrap();
///         select! {
///             () = cancelled => {}
///             () = time::sleep(Duration::from_secs(3600)) => {}
///         }
///         time::sleep(Duration::from_millis(1)).await; // flush, say goodbye
///         "flushed"
///     });
///     is_ready.await.unwrap();
///     assert_eq!(writer.cancel().await.unwrap(), "flushed");
/// });
/// ```
pub fn cancelled() -> Cancelled {
    let task = with_current(|raw| {
        extras(&raw).listen();
        // The extras are new, perhaps: the end must not pass them by.
        let _ = raw.state().set_observed();
        Source::Task(AbortHandle::new(raw))
    });
    let body = || {
        let body = body::current()?;
        body.listen();
        Some(Source::Body(body))
    };
    Cancelled { asked: task.or_else(body), waiter: Waiter::new() }
}

/// The request to the current task, if it listens: for waits that end early then.
pub(crate) fn if_listening() -> Option<Cancelled> {
    let task = with_current(|raw| {
        let listens = raw.head().extras().is_some_and(Extras::listens);
        listens.then(|| AbortHandle::new(raw))
    });
    Some(Cancelled { asked: Some(Source::Task(task??)), waiter: Waiter::new() })
}

/// A group's seat with the task that awaits it, until this is dropped.
pub(crate) struct GroupWait {
    task: AbortHandle,
    number: u64,
}

impl GroupWait {
    /// A seat with the current task, and what that task was asked for already. `None` outside of a task.
    pub(crate) fn new(group: Seated) -> Option<(GroupWait, Option<Ask>)> {
        with_current(|raw| {
            let (number, ask) = extras(&raw).enter_group(group, || raw.state().is_cancelled());
            (GroupWait { task: AbortHandle::new(raw), number }, ask)
        })
    }

    /// Whether the current task is the one that awaits it.
    pub(crate) fn is_here(&self) -> bool {
        with_current(|raw| raw == *self.task.raw()).unwrap_or(false)
    }
}

impl Drop for GroupWait {
    fn drop(&mut self) {
        let raw = self.task.raw();
        extras(raw).leave_group(self.number, || wake(raw));
    }
}

fn wake(raw: &RawTask) {
    if raw.state().wake() == Submit::Yes {
        // SAFETY: the move above said so.
        unsafe { raw.schedule() };
    }
}

/// Whether the current task was asked for its end: by `cancel`, by an abort, or by its runtime's shutdown. A task may
/// look at this between steps of a long computation; so may a blocking job (a shutdown asks those that run when it begins to
/// wait for them). `false` outside of both, except in a body of `#[runtime::main(ctrl_c = "cancel")]`.
///
/// # Examples
/// ```
/// runtime::run(async {
///     let job = runtime::spawn_blocking(|| while !runtime::task::cancel_requested() {});
///     job.cancel().await.ok();
/// });
/// ```
pub fn cancel_requested() -> bool {
    let of_body = || body::current().is_some_and(|body| body.is_asked());
    with_current(|raw| is_asked(&raw)).unwrap_or_else(of_body)
}

/// Ends the task that is being polled on this thread when that poll returns `Pending`.
pub(crate) fn abort_current() {
    let _ = with_current(RawTask::abort);
}

/// A panic as an error of the task that is being polled on this thread, or dropped.
///
/// # Errors
/// Gives it back outside of a task.
pub(crate) fn panic_of_current(payload: Box<dyn Any + Send>) -> Result<JoinError, Box<dyn Any + Send>> {
    let mut payload = Some(payload);
    let error = with_current(|raw| payload.take().map(|payload| JoinError::panic(raw.whose(), payload)));
    error.flatten().ok_or_else(|| payload.expect("there was no task to take it"))
}

/// What is known of the task that is being polled on this thread.
///
/// # Panics
/// Outside of a task; [`try_current`] gives `None` there.
///
/// # Examples
/// ```
/// runtime::run(async {
///     let task = runtime::task::Builder::new().name("reader").spawn(async {
///         assert_eq!(runtime::task::current().name(), Some("reader"));
///     });
///     task.unwrap().await.unwrap();
/// });
/// ```
#[track_caller]
pub fn current() -> TaskInfo {
    try_current().expect("`task::current()` was called outside of a task")
}

/// What is known of the task that is being polled on this thread, if there is one.
pub fn try_current() -> Option<TaskInfo> {
    with_current(|raw| raw.info())
}

/// Asks `task` for its end: it is told if it listens, and has `grace` then, or its runtime's; any other is dropped where
/// it waits. So are the tasks of the groups that it awaits, with the same grace, and theirs.
pub fn request(task: &AbortHandle, grace: Option<Duration>) {
    let mut others = Members::new();
    task.ask(grace, &mut others);
    request_all(others, grace);
}

/// [`request`] to each.
pub(crate) fn request_all(mut tasks: Members, grace: Option<Duration>) {
    while let Some(task) = tasks.pop_front() {
        task.ask(grace, &mut tasks);
    }
}

impl Member for AbortHandle {
    fn ask(&self, grace: Option<Duration>, others: &mut Members) {
        let raw = self.raw();
        let at_once = grace == Some(Duration::ZERO);
        let (groups, ends) = match extras(raw).ask(at_once) {
            Asked::Aborts => return self.abort(),
            Asked::Ends(groups) => (groups, true),
            Asked::Told(groups) => (groups, false),
        };
        let keeper = raw.keeper();
        let grace = grace.or_else(|| Some(keeper.as_ref()?.grace()));
        for group in groups {
            group.ask(Ask { ends, grace }, others);
        }
        if ends {
            extras(raw).end();
            wake(raw);
        }
        if let (Some(keeper), Some(grace), false) = (keeper, grace, at_once) {
            if extras(raw).shortens(grace) {
                if let Some(watcher) = keeper.abort_after(grace, self.clone()) {
                    on_end(raw, Box::new(move |_| watcher.abort()));
                }
            }
        }
    }
}

/// Whether `task` was told that it shall end, because it listens, and has not ended.
pub(crate) fn is_told(task: &AbortHandle) -> bool {
    task.raw().head().extras().is_some_and(Extras::is_told)
}

/// Has `notice` called when the task has ended: by the thread that ends it, or at once if it has.
pub(crate) fn on_end(raw: &RawTask, notice: Notice) {
    let extras = extras(raw);
    extras.on_end(notice, || outcome(raw));
    let unseen = raw.state().set_observed();
    if unseen == Join::Done && !planted(Fault::EndUnseenByNotice) {
        // The end came before it could know of any notice: nobody else tells.
        extras.tell(&outcome(raw));
    }
}

/// What [`JoinHandle::cancel`] returns: the task's result, once it has really ended.
///
/// # Cancel safety
/// Dropping it detaches the task, which stays asked for its end.
#[derive(Debug)]
#[must_use = "the task was asked for its end; awaiting this waits for it"]
pub struct Cancelling<T>(JoinHandle<T>);

impl<T> Future for Cancelling<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> JoinHandle<T> {
    /// Asks the task for its end, now, and waits until it has really ended: asyncio's `Task.cancel` followed by an await.
    ///
    /// A task that listens, because it has called `task::cancelled`, is told, and may clean up until the runtime's
    /// grace is over (10 s, or what the builder was told); then it is dropped at the await where it stands. If it ends
    /// with a value, that is the result. A task that does not listen is dropped where it stands; one that has not
    /// started is dropped unpolled. Tasks of a [`group`](crate::supervise::group::group) that it awaits are asked with
    /// it, with the same grace, and have ended before it has. A blocking job that runs cannot be stopped, but may look at
    /// `task::cancel_requested`.
    ///
    /// The request is made by this call, not by the first poll. Dropping the future detaches the task, which stays
    /// asked, and loses nothing else.
    ///
    /// # Errors
    /// A [`JoinError`] if the task was dropped, or panicked.
    ///
    /// # Examples
    /// ```
    /// runtime::run(async {
    ///     let endless = runtime::spawn(std::future::pending::<()>());
    ///     assert!(endless.cancel().await.unwrap_err().is_cancelled());
    /// });
    /// ```
    pub fn cancel(self) -> Cancelling<T> {
        self.request_cancel();
        Cancelling(self)
    }

    /// The request of [`cancel`](Self::cancel), without the wait.
    pub(crate) fn request_cancel(&self) {
        self.waive();
        request(&self.abort_handle(), None);
    }

    /// Has `notice` called when the task has ended: by the thread that ends it, or at once if it has.
    pub(crate) fn notify_end(&self, notice: Notice) {
        on_end(self.raw(), notice);
    }

    /// What the handle says of a task that was cancelled.
    pub(crate) fn cancelled_error(&self) -> JoinError {
        JoinError::cancelled(self.raw().whose())
    }

    /// [`cancel`](Self::cancel) with a grace of its own. With zero, a task that listens is dropped as well.
    ///
    /// # Errors
    /// As [`cancel`](Self::cancel).
    pub fn cancel_within(self, grace: Duration) -> Cancelling<T> {
        self.waive();
        request(&self.abort_handle(), Some(grace));
        Cancelling(self)
    }

    /// Has `callback` run when the task has ended: asyncio's `add_done_callback`. It runs later, as a step of the
    /// task's runtime, never inside of what ended the task nor inside of this call, also when the task has ended
    /// already. Callbacks of one task run in the order in which they were given. They run whether or not the handle
    /// is kept; a panic in one ends there, printed by the panic hook. They see copies of the `#[inherit]` values of
    /// `task_local!` that are in scope here.
    ///
    /// At the runtime's end, and after it, they run on the thread that ends the task, or that gives them; what such a
    /// callback brings in its turn is dropped.
    ///
    /// # Examples
    /// ```
    /// runtime::run(async {
    ///     let (tell, told) = runtime::sync::oneshot::channel();
    ///     let task = runtime::spawn(async { 42 });
    ///     task.on_finish(move |outcome| tell.send(outcome.is_finished()).unwrap());
    ///     assert!(told.await.unwrap());
    /// });
    /// ```
    pub fn on_finish(&self, callback: impl FnOnce(&Outcome) + Send + 'static) {
        let keeper = self.raw().keeper();
        let inherited = inherited::current();
        let notice = move |outcome: &Outcome| {
            let outcome = outcome.clone();
            let callback = inherited::bind_to(inherited, move || callback(&outcome));
            match keeper {
                Some(keeper) => keeper.call_soon(Box::new(callback)),
                None => in_place::run(callback),
            }
        };
        on_end(self.raw(), Box::new(notice));
    }
}

/// How a task ended that has.
fn outcome(raw: &RawTask) -> Outcome {
    Outcome::new(raw.state().how(), raw.info())
}
