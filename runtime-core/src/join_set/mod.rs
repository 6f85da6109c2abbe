//! `JoinSet`: tasks whose results are taken as they come.
//!
//! The set owns its members' handles; `ended` says which of them have ended. Taking the next result costs the
//! same however many members there are. `wait` is asyncio's; `builder` gives members names.

#![forbid(unsafe_code)]

mod builder;
mod ended;
mod wait;

pub use builder::Builder;
pub use ended::{Ended, Key};
pub use wait::ReturnWhen;

use crate::coop;
use crate::handle::Handle;
use crate::local_set::LocalSet;
use crate::primitive::{Arc, Mutex};
use crate::spawn;
use crate::task::unpolled::must_await;
use crate::task::{AbortHandle, Id, JoinError, JoinHandle};
use crate::util::wake_list::drop_quietly;
use futures_core::Stream;
use futures_core::stream::FusedStream;
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::mem;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Places that an empty set keeps for its next members.
const PLACES_KEPT_MAX: usize = 64;

/// A group of tasks whose results, all of one type, are taken in the order in which the tasks end.
///
/// Dropping the set aborts its members. It is a [`Stream`] of results too, asyncio's `as_completed`; that stream
/// ends when the set is empty, and goes on when something is spawned again.
///
/// # Examples
/// ```
/// use runtime::task::JoinSet;
///
/// runtime::run(async {
///     let mut set = JoinSet::new();
///     for n in 1..=10 {
///         set.spawn(async move { n * n });
///     }
///     let mut sum = 0;
///     while let Some(square) = set.join_next().await {
///         sum += square.unwrap();
///     }
///     assert_eq!(sum, 385);
/// });
/// ```
#[must_use = "dropping a `JoinSet` aborts its tasks"]
pub struct JoinSet<T> {
    places: Vec<Option<JoinHandle<T>>>,
    /// Empty places.
    vacant: Vec<usize>,
    ended: Arc<Ended>,
    /// Results that a `wait` had taken when it was dropped. A mutex only because results need not be Sync:
    /// it is free whenever it is locked.
    taken: Mutex<Taken<T>>,
}

/// The result of a task, and which task it was.
type Outcome<T> = (Id, Result<T, JoinError>);

struct Taken<T> {
    outcomes: VecDeque<Outcome<T>>,
    /// How many of them are errors, but for cancelled tasks.
    failures: usize,
}

/// What `ReturnWhen::FirstException` waits for.
fn is_failure<T>((_, result): &Outcome<T>) -> bool {
    result.as_ref().is_err_and(|error| !error.is_cancelled())
}

impl<T> Taken<T> {
    fn push(&mut self, outcome: Outcome<T>) {
        self.failures += usize::from(is_failure(&outcome));
        self.outcomes.push_back(outcome);
    }

    fn pop(&mut self) -> Option<Outcome<T>> {
        let outcome = self.outcomes.pop_front()?;
        self.failures -= usize::from(is_failure(&outcome));
        Some(outcome)
    }
}

impl<T> JoinSet<T> {
    /// An empty set.
    pub fn new() -> Self {
        let taken = Taken { outcomes: VecDeque::new(), failures: 0 };
        JoinSet { places: Vec::new(), vacant: Vec::new(), ended: Arc::default(), taken: Mutex::new(taken) }
    }

    /// How many members there are: tasks whose result has not been taken, ended or not.
    pub fn len(&self) -> usize {
        self.running() + self.taken.lock().outcomes.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Members whose handle is here.
    fn running(&self) -> usize {
        self.places.len() - self.vacant.len()
    }

    fn handles(&self) -> impl Iterator<Item = &JoinHandle<T>> {
        self.places.iter().flatten()
    }

    /// Drops all handles and results.
    fn clear(&mut self) {
        self.ended.clear();
        self.vacant = Vec::new();
        drop(mem::take(&mut self.places));
        while let Some(outcome) = self.taken.get_mut().pop() {
            drop_quietly(outcome);
        }
    }
}

impl<T: 'static> JoinSet<T> {
    /// Gives a task a name before it is spawned on the set.
    ///
    /// # Examples
    /// ```
    /// runtime::run(async {
    ///     let mut set = runtime::task::JoinSet::<()>::new();
    ///     set.build_task().name("broken").spawn(async { panic!("oh") }).unwrap();
    ///     let error = set.join_next().await.unwrap().unwrap_err();
    ///     assert_eq!(error.task_name(), Some("broken"));
    /// });
    /// ```
    pub fn build_task(&mut self) -> Builder<'_, T> {
        Builder::new(self)
    }

    /// Spawns a task on the set, and on the current runtime.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        let handle = spawn::spawn(task);
        self.insert(handle)
    }

    /// Spawns a task on the set, and on `handle`'s runtime.
    #[track_caller]
    pub fn spawn_on<F>(&mut self, task: F, handle: &Handle) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        let handle = handle.spawn(task);
        self.insert(handle)
    }

    /// Spawns a task that need not be `Send` on the set, and on the current `LocalSet` or current_thread runtime.
    ///
    /// # Panics
    /// As [`spawn_local`](spawn::spawn_local).
    #[track_caller]
    pub fn spawn_local<F>(&mut self, task: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        let handle = spawn::spawn_local(task);
        self.insert(handle)
    }

    /// Spawns a task that need not be `Send` on the set, and on `local_set`.
    #[track_caller]
    pub fn spawn_local_on<F>(&mut self, task: F, local_set: &LocalSet) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        let handle = local_set.spawn_local(task);
        self.insert(handle)
    }

    /// Runs a blocking job as a member of the set. Aborting it helps only until it has started.
    ///
    /// # Panics
    /// Outside of a runtime.
    ///
    /// # Examples
    /// ```
    /// runtime::run(async {
    ///     let mut set = runtime::task::JoinSet::new();
    ///     for n in 0..3u64 {
    ///         set.spawn_blocking(move || (1..=n).product::<u64>());
    ///     }
    ///     let mut factorials = set.join_all().await;
    ///     factorials.sort();
    ///     assert_eq!(factorials, [1, 1, 2]);
    /// });
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F>(&mut self, job: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        let handle = spawn::spawn_blocking(job);
        self.insert(handle)
    }

    /// Runs a blocking job as a member of the set, on `handle`'s runtime.
    #[track_caller]
    pub fn spawn_blocking_on<F>(&mut self, job: F, handle: &Handle) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        let handle = handle.spawn_blocking(job);
        self.insert(handle)
    }

    fn insert(&mut self, handle: JoinHandle<T>) -> AbortHandle {
        let abort = handle.abort_handle();
        let index = self.vacant.pop().unwrap_or(self.places.len());
        let key = Key { index, id: handle.id() };
        let has_ended = handle.watch(&Ended::waker(&self.ended, key));
        if index == self.places.len() {
            self.places.push(Some(handle));
        } else {
            self.places[index] = Some(handle);
        }
        if has_ended {
            self.ended.add(key);
        }
        abort
    }

    /// Waits until a member ends, and takes it out: its result. `None` if the set is empty.
    ///
    /// # Errors
    /// If the task panicked or was cancelled.
    ///
    /// # Cancel safety
    /// A result is taken only by an await that returns it.
    #[track_caller]
    pub fn join_next(&mut self) -> impl Future<Output = Option<Result<T, JoinError>>> {
        must_await("JoinSet::join_next", async move { poll_fn(|cx| self.poll_join_next(cx)).await })
    }

    /// [`join_next`](Self::join_next) that says which task it was. (An error says so itself.)
    ///
    /// # Errors
    /// If the task panicked or was cancelled.
    ///
    /// # Cancel safety
    /// A result is taken only by an await that returns it.
    #[track_caller]
    pub fn join_next_with_id(&mut self) -> impl Future<Output = Option<Result<(Id, T), JoinError>>> {
        must_await("JoinSet::join_next_with_id", async move {
            poll_fn(|cx| self.poll_join_next_with_id(cx)).await
        })
    }

    /// The result of a member that has ended. `None` if there is none now, or if the set is empty.
    ///
    /// # Errors
    /// If the task panicked or was cancelled.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.next_ended(None).map(|(_, result)| result)
    }

    /// [`try_join_next`](Self::try_join_next) that says which task it was.
    ///
    /// # Errors
    /// If the task panicked or was cancelled.
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        self.next_ended(None).map(with_id)
    }

    /// Aborts all members and waits until they have ended. Their results are dropped.
    ///
    /// A blocking job that has started cannot be aborted: this waits for its end.
    ///
    /// # Cancel safety
    /// The tasks are aborted with the first poll; a dropped wait leaves them in the set.
    #[track_caller]
    pub fn shutdown(&mut self) -> impl Future<Output = ()> {
        must_await("JoinSet::shutdown", async move {
            self.abort_all();
            while self.join_next().await.is_some() {}
        })
    }

    /// Waits for all members: their results, in the order in which they ended.
    ///
    /// # Panics
    /// With the panic of the first member that panicked; and if one was cancelled. The others are aborted then.
    /// [`wait`](Self::wait) gives every result, whatever it is.
    ///
    /// # Cancel safety
    /// Dropping the wait drops the set.
    #[track_caller]
    pub fn join_all(mut self) -> impl Future<Output = Vec<T>> {
        must_await("JoinSet::join_all", async move {
            let mut outputs = Vec::with_capacity(self.len());
            while let Some(result) = self.join_next().await {
                match result.map_err(JoinError::try_into_panic) {
                    Ok(output) => outputs.push(output),
                    Err(Ok(payload)) => resume_unwind(payload),
                    Err(Err(error)) => panic!("{error}"),
                }
            }
            outputs
        })
    }

    /// Aborts all members. They stay in the set, to be taken out with an error that says that they were
    /// cancelled, or with their result if they had ended.
    pub fn abort_all(&mut self) {
        self.handles().for_each(JoinHandle::abort);
    }

    /// Empties the set without aborting anything: its tasks go on, and nobody gets their results.
    pub fn detach_all(&mut self) {
        self.handles().for_each(JoinHandle::waive);
        self.clear();
    }

    /// Polls for the next member that ends; see [`join_next`](Self::join_next).
    ///
    /// `Ready(None)`: the set is empty. `Pending`: none has ended, or the task's budget is used up; the waker of
    /// the last poll is woken.
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        self.poll_next_ended(cx).map(|next| next.map(|(_, result)| result))
    }

    /// [`poll_join_next`](Self::poll_join_next) that says which task it was.
    pub fn poll_join_next_with_id(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<(Id, T), JoinError>>> {
        self.poll_next_ended(cx).map(|next| next.map(with_id))
    }

    fn poll_next_ended(&mut self, cx: &mut Context<'_>) -> Poll<Option<Outcome<T>>> {
        let coop = ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Task));
        let next = self.next_ended(Some(cx));
        if next.is_none() && self.running() > 0 {
            return Poll::Pending;
        }
        coop.made_progress();
        Poll::Ready(next)
    }

    /// The next result. If there is none now, `cx` is woken when there is.
    fn next_ended(&mut self, cx: Option<&Context<'_>>) -> Option<Outcome<T>> {
        self.taken.get_mut().pop().or_else(|| self.next_running(cx))
    }

    /// The next result that no `wait` has taken.
    fn next_running(&mut self, cx: Option<&Context<'_>>) -> Option<Outcome<T>> {
        while self.running() > 0 {
            let key = match cx {
                Some(cx) => self.ended.poll_pop(cx),
                None => self.ended.pop().map_or(Poll::Pending, Poll::Ready),
            };
            let Poll::Ready(key) = key else { return None };
            if let Some(result) = self.take(key) {
                return Some((key.id, result));
            }
        }
        None
    }

    /// Takes the member out, if it is here and has ended.
    fn take(&mut self, key: Key) -> Option<Result<T, JoinError>> {
        let place = self.places.get_mut(key.index)?;
        let result = place.as_mut().filter(|handle| handle.id() == key.id)?.try_result()?;
        *place = None;
        self.vacant.push(key.index);
        if self.running() == 0 && self.places.len() > PLACES_KEPT_MAX {
            self.places = Vec::new();
            self.vacant = Vec::new();
        }
        Some(result)
    }
}

fn with_id<T>((id, result): Outcome<T>) -> Result<(Id, T), JoinError> {
    result.map(|output| (id, output))
}

// Nothing in here is pinned: tasks and results lie in allocations of their own.
impl<T> Unpin for JoinSet<T> {}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        // Whose results are here, unread, are not forgotten by debug mode.
        self.handles().for_each(|member| member.raw().abort());
        self.clear();
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish()
    }
}

/// Spawns every future on a new set.
impl<T, F> FromIterator<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    #[track_caller]
    fn from_iter<I: IntoIterator<Item = F>>(tasks: I) -> Self {
        let mut set = Self::new();
        set.extend(tasks);
        set
    }
}

/// Spawns every future on the set.
impl<T, F> Extend<F> for JoinSet<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    #[track_caller]
    fn extend<I: IntoIterator<Item = F>>(&mut self, tasks: I) {
        for task in tasks {
            self.spawn(task);
        }
    }
}

/// The results, as the tasks end: asyncio's `as_completed`.
impl<T: 'static> Stream for JoinSet<T> {
    type Item = Result<T, JoinError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_join_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl<T: 'static> FusedStream for JoinSet<T> {
    /// Whether the set is empty: then there is nothing to wait for, until something is spawned.
    fn is_terminated(&self) -> bool {
        self.is_empty()
    }
}
