//! Tasks that live and end together: asyncio's `TaskGroup`, trio's nursery.

#![forbid(unsafe_code)]

use super::failures::{GroupError, TaskError};
use super::handles::Asking;
use crate::coop;
use crate::primitive::{Arc, Mutex};
use crate::spawn::spawn_as;
use crate::sync::oneshot;
use crate::task::{self, AbortHandle, Cancelled, GroupWait, Id, JoinError, JoinHandle, Meta};
use crate::util::fault::{Fault, planted};
use crate::util::wake_list::{drop_quietly, wake};
use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
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
/// [`JoinHandle::cancel`], so are the group's tasks, and the group goes on to wait for them, within the grace; then that
/// task is dropped where it waits, unless it listens itself ([`task::cancelled`]): nothing is left running unseen, also
/// where groups are nested.
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
    let mut request = pin!(None);
    let mut wait = None;
    let mut is_entered = false;
    let mut end = BodyEnd { value: None, panic: None };
    let mut polls_left = None;
    poll_fn(|cx| {
        if !std::mem::replace(&mut is_entered, true) {
            wait = GroupWait::new();
        }
        let seen = group.shared.look(cx.waker());
        if is_asked(&wait, request.as_mut(), cx) {
            group.shared.ask_everyone();
            if seen.is_empty && wait.as_ref().is_some_and(|wait| !wait.is_heard()) {
                // The last of the task's groups ends the task, where it waits; others may still be inside of the body.
                wait = None;
                if task::cancel_is_final() {
                    return Poll::Pending;
                }
            }
        }
        if let Some(running) = body.as_mut().as_pin_mut() {
            let polled = catch_unwind(AssertUnwindSafe(|| running.poll(cx)));
            if !matches!(polled, Ok(Poll::Pending)) || seen.must_end_body(&mut polls_left) {
                let dropped = catch_unwind(AssertUnwindSafe(|| body.set(None)));
                end = BodyEnd::new(&group.shared, polled, dropped);
            }
        }
        if body.is_none() && group.shared.close() { Poll::Ready(()) } else { Poll::Pending }
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
            group.end(Phase::Failed, None);
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

/// Whether the task that awaits the group was asked for its end.
fn is_asked(
    wait: &Option<GroupWait>,
    mut request: Pin<&mut Option<Cancelled>>,
    cx: &mut Context<'_>,
) -> bool {
    if request.is_none() {
        request.set(wait.as_ref().map(GroupWait::request));
    }
    match request.as_mut().as_pin_mut() {
        Some(asked) => asked.poll(cx).is_ready(),
        None => false,
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
        let meta = Meta::here();
        async move {
            let (tell, told) = oneshot::channel();
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
        let state = self.shared.state.lock();
        f.debug_struct("TaskGroup")
            .field("tasks", &state.live)
            .field("errors", &state.errors.len())
            .field("phase", &state.phase)
            .finish()
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
    }
}

/// What the tasks, the body and the clones of the group share.
#[doc(hidden)]
pub struct Shared<E> {
    state: Mutex<State<E>>,
}

struct State<E> {
    /// Tasks that have not ended, those that are about to be spawned included.
    live: usize,
    /// How many there ever were.
    spawned: usize,
    /// Whether everyone was asked, because the awaiting task was: those that come later are, too.
    asks: bool,
    children: HashMap<Id, AbortHandle>,
    errors: Vec<TaskError<E>>,
    phase: Phase,
    /// Of whoever awaits the group.
    waker: Option<Waker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// By `cancel`.
    Cancelled,
    /// By the first error.
    Failed,
    /// No task is in it, and none will be.
    Closed,
}

/// What there was when the group was looked at.
struct Seen {
    phase: Phase,
    is_empty: bool,
    /// How many tasks there ever were.
    spawned: usize,
}

impl Seen {
    /// Whether a body that waits, and was polled after this look, is to be dropped. In a cancelled group it has seen
    /// then how every task ended, unless it ran out of budget on the way: it gets more polls then, as many as it may need for
    /// all handles, and no more: one that always has something to do ends, too.
    fn must_end_body(&self, polls_left: &mut Option<usize>) -> bool {
        if self.phase != Phase::Cancelled || !self.is_empty {
            return self.phase == Phase::Failed;
        }
        let left = polls_left.get_or_insert(self.spawned + 16);
        if coop::has_budget_remaining() || *left == 0 {
            return true;
        }
        *left -= 1;
        false
    }
}

impl<E> Shared<E> {
    fn new() -> Self {
        let state = State {
            live: 0,
            spawned: 0,
            asks: false,
            children: HashMap::new(),
            errors: Vec::new(),
            phase: Phase::Open,
            waker: None,
        };
        Shared { state: Mutex::new(state) }
    }

    /// What is there now. `waker` will be woken when that changes.
    fn look(&self, waker: &Waker) -> Seen {
        let waker = waker.clone();
        let mut state = self.state.lock();
        let old = state.waker.replace(waker);
        let seen = Seen { phase: state.phase, is_empty: state.live == 0, spawned: state.spawned };
        drop(state);
        drop_quietly(old);
        seen
    }

    fn is_open(&self) -> bool {
        self.state.lock().phase == Phase::Open
    }

    /// The awaiting task was asked for its end: so is every task of the group, once.
    fn ask_everyone(&self) {
        if !std::mem::replace(&mut self.state.lock().asks, true) {
            self.ask_all(None);
        }
    }

    /// Asks every task but one for its end.
    fn ask_all(&self, but: Option<Id>) {
        let state = self.state.lock();
        let others = state.children.iter().filter(|(id, _)| Some(**id) != but);
        let children: Vec<AbortHandle> = others.map(|(_, child)| child.clone()).collect();
        drop(state);
        for child in children {
            task::request(&child, None);
        }
    }

    /// Moves the group on to `phase`, and tells everyone.
    fn end(&self, phase: Phase, but: Option<Id>) {
        let mut state = self.state.lock();
        if !matches!((state.phase, phase), (Phase::Open, _) | (Phase::Cancelled, Phase::Failed)) {
            return;
        }
        state.phase = phase;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            wake(waker);
        }
        self.ask_all(but);
    }

    fn cancel(&self) {
        self.end(Phase::Cancelled, None);
    }

    /// An error of the body, or of the task `of`.
    fn fail(&self, error: TaskError<E>, of: Option<Id>) {
        self.state.lock().errors.push(error);
        self.end(Phase::Failed, of);
    }

    /// A task has ended, or a place was not taken.
    fn leave(&self, id: Option<Id>) {
        let mut state = self.state.lock();
        let child = id.and_then(|id| state.children.remove(&id));
        state.live -= 1;
        let waker = if state.live == 0 { state.waker.take() } else { None };
        drop(state);
        drop(child);
        if let Some(waker) = waker {
            wake(waker);
        }
    }

    /// Closes the group if no task is in it.
    fn close(&self) -> bool {
        let mut state = self.state.lock();
        if state.live > 0 && !planted(Fault::GroupLeft) {
            return false;
        }
        state.phase = Phase::Closed;
        true
    }

    fn take_errors(&self) -> Vec<TaskError<E>> {
        std::mem::take(&mut self.state.lock().errors)
    }
}

impl<E> Drop for Shared<E> {
    /// Whoever awaited the group went before it had ended.
    fn drop(&mut self) {
        self.take_errors().iter().for_each(TaskError::is_lost);
    }
}

/// Counts as a task, until it is dropped.
struct Place<E: Send + 'static> {
    shared: Arc<Shared<E>>,
    id: Option<Id>,
}

impl<E: Send + 'static> Place<E> {
    /// A place for one more task. `None`: the future shall not be polled.
    fn reserve(shared: &Arc<Shared<E>>) -> Option<Self> {
        let mut state = shared.state.lock();
        if state.phase == Phase::Closed {
            return None;
        }
        state.live += 1;
        state.spawned += 1;
        Some(Place { shared: Arc::clone(shared), id: None })
    }

    /// The place is given up when the task has ended.
    fn give<T>(mut self, handle: &JoinHandle<T>) {
        self.id = Some(handle.id());
        let mut state = self.shared.state.lock();
        state.children.insert(handle.id(), handle.abort_handle());
        let is_ending = state.phase != Phase::Open || state.asks;
        drop(state);
        if is_ending {
            // Whoever asked all the others may not have seen this one.
            handle.request_cancel();
        }
        handle.notify_end(Box::new(move |_| drop(self)));
    }
}

impl<E: Send + 'static> Drop for Place<E> {
    fn drop(&mut self) {
        self.shared.leave(self.id);
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
}

impl<F, T, E> Future for Child<F, E>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let mut this = self.project();
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
            Err(payload) => TaskError::Join(task::panic_of_current(payload)),
        };
        let dropped = catch_unwind(AssertUnwindSafe(|| this.future.set(None)));
        let id = task::try_id();
        this.shared.fail(error, id);
        if let Err(payload) = dropped {
            this.shared.fail(TaskError::Join(task::panic_of_current(payload)), id);
        }
        // Dropped at the end of this poll: the handle says that it was cancelled.
        task::abort_current();
        Poll::Pending
    }
}
