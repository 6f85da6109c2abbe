//! Starting tasks on the current runtime.

#![forbid(unsafe_code)]

use crate::context;
use crate::coop;
use crate::handle::Handle;
use crate::local_set::LocalSet;
use crate::local_tasks::LocalTasks;
use crate::task::{self, JoinHandle, Meta};
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::task::Poll;

/// Starts a task on the current runtime. It begins soon, and runs whether or not the returned handle is
/// awaited; dropping the handle detaches it.
///
/// # Panics
/// Outside of a runtime.
///
/// # Examples
/// ```
/// runtime::run(async {
///     let answer = runtime::spawn(async { 42 });
///     assert_eq!(answer.await.unwrap(), 42);
/// });
/// ```
#[inline]
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    spawn_as(future, Meta::here())
}

/// [`spawn`] for those whose caller's caller is the spawn site.
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn spawn_as<F>(future: F, meta: Meta) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let mut spawn = Some((future, meta));
    let spawned = context::with_handle(|handle| {
        let handle = handle?;
        if handle.inner().has_task_hooks || task::is_traced() {
            return Some(Err(handle.clone()));
        }
        let (future, meta) = spawn.take()?;
        Some(Ok(handle.spawn_or_refuse(future, meta)))
    });
    // Foreign code, the drop of a future and hooks, runs only here: the handle above was borrowed.
    let (refused, join) = match spawned.expect(context::NO_RUNTIME) {
        Ok(spawned) => spawned,
        Err(handle) => {
            let (future, meta) = spawn.take().expect("not taken above");
            handle.spawn_or_refuse(future, meta)
        }
    };
    if let Some(refused) = refused {
        refused.run();
    }
    join
}

/// As [`spawn`], for a task whose `Err` must not be lost: if nobody takes the result, the error's `Debug` text is
/// reported, as a panic is for every task: to the hook of `Builder::on_unhandled`, or as a line on stderr.
///
/// # Panics
/// Outside of a runtime.
///
/// # Examples
/// ```
/// use std::sync::mpsc;
/// use runtime::task;
///
/// let (tell, told) = mpsc::channel();
/// let runtime = runtime::Builder::new_current_thread()
///     .on_unhandled(move |unhandled| tell.send(unhandled.message().to_owned()).unwrap())
///     .build()?;
/// runtime.block_on(async {
///     let taken = task::spawn_checked(async { "forty-two".parse::<u32>() });
///     assert!(taken.await.unwrap().is_err());
///     drop(task::spawn_checked(async { Err::<(), _>("no more data") }));
///     task::yield_now().await;
/// });
/// assert_eq!(told.try_iter().collect::<Vec<_>>(), ["\"no more data\""]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[track_caller]
pub fn spawn_checked<F, T, E>(future: F) -> JoinHandle<Result<T, E>>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: fmt::Debug + Send + 'static,
{
    Handle::current().spawn_checked_with(future, Meta::here())
}

/// Runs a closure that blocks on a thread of the runtime's blocking pool. The result comes back through the
/// handle, like a task's.
///
/// Aborting the handle cancels the job while it waits for a thread; a job that has started runs on.
///
/// # Panics
/// Outside of a runtime.
///
/// # Examples
/// ```
/// runtime::run(async {
///     let read = runtime::spawn_blocking(|| std::fs::read_to_string("Cargo.toml"));
///     assert!(read.await.unwrap().unwrap().contains("[package]"));
/// });
/// ```
#[track_caller]
pub fn spawn_blocking<F, R>(job: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    context::spawn_blocking(job)
}

/// Starts a task that need not be `Send`: it stays on this thread.
///
/// # Panics
/// Outside of a `LocalSet` and of a current_thread runtime's `block_on`.
///
/// # Examples
/// ```
/// use std::rc::Rc;
///
/// let runtime = runtime::Builder::new_current_thread().build().unwrap();
/// let sum = runtime.block_on(async {
///     let shared = Rc::new(20);
///     let clone = shared.clone();
///     runtime::spawn_local(async move { *clone + 22 }).await.unwrap()
/// });
/// assert_eq!(sum, 42);
/// ```
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    spawn_local_with(future, Meta::here())
}

#[track_caller]
pub(crate) fn spawn_local_with<F>(future: F, meta: Meta) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let (future, meta) = match crate::local_set::try_spawn(future, meta) {
        Ok(join) => return join,
        Err(back) => back,
    };
    let handle = Handle::try_current().ok();
    let local = handle.as_ref().and_then(|handle| handle.inner().local.as_ref());
    let is_inside = handle.as_ref().is_some_and(context::is_driving);
    match local {
        Some(local) if is_inside => LocalTasks::spawn(local, future, meta),
        _ => panic!(
            "`spawn_local` works inside of a `LocalSet`, or inside of a current_thread runtime's `block_on`; \
             a multi_thread runtime moves its tasks between threads"
        ),
    }
}

/// Runs a closure that blocks, here and now: the other tasks of this worker are taken over at once by another, or by a
/// spare if all are busy. What it costs is a thread's wake-up; for what takes long, `spawn_blocking` leaves the task free
/// to wait for something else, too.
///
/// On a thread that runs no tasks it just calls `f`. Cancelling the task has no effect before `f` returns;
/// [`task::cancel_requested`] tells `f`.
///
/// # Panics
/// If `f` does; and on a thread that runs the tasks of a current_thread runtime, or of a `LocalSet`, which nobody else
/// could run meanwhile.
///
/// # Examples
/// ```
/// runtime::run(async {
///     let read = runtime::spawn(async {
///         runtime::task::block_in_place(|| std::fs::read_to_string("Cargo.toml"))
///     });
///     assert!(read.await.unwrap().unwrap().contains("[package]"));
/// });
/// ```
#[track_caller]
pub fn block_in_place<F, R>(f: F) -> R
where
    F: FnOnce() -> R,
{
    let _blocking =
        if context::must_not_wait() { Some(context::enter_blocking("block_in_place")) } else { None };
    f()
}

/// Lets everything else that is ready run, then goes on.
///
/// # Examples
/// ```
/// runtime::run(async {
///     runtime::task::yield_now().await;
/// });
/// ```
pub async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        coop::yield_now(cx);
        Poll::Pending
    })
    .await;
}

/// Gives a task a name before it is spawned. The name shows in errors and reports.
///
/// # Examples
/// ```
/// runtime::run(async {
///     let task = runtime::task::Builder::new().name("answer").spawn(async { 42 }).unwrap();
///     assert_eq!(task.task_name(), Some("answer"));
///     assert_eq!(task.await.unwrap(), 42);
/// });
/// ```
#[derive(Default, Clone, Copy)]
pub struct Builder<'a> {
    name: Option<&'a str>,
}

impl<'a> Builder<'a> {
    /// Without a name.
    pub fn new() -> Self {
        Self::default()
    }

    /// The task's name.
    pub fn name(self, name: &'a str) -> Self {
        Builder { name: Some(name) }
    }

    #[track_caller]
    fn meta(self) -> Meta {
        Meta { name: self.name.map(Box::from), ..Meta::here() }
    }

    /// As [`spawn`](spawn()).
    ///
    /// # Errors
    /// None today; the signature leaves room for refused tasks.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_on(future, &Handle::current())
    }

    /// As [`Handle::spawn`].
    ///
    /// # Errors
    /// None today.
    #[track_caller]
    pub fn spawn_on<F>(self, future: F, handle: &Handle) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Ok(handle.spawn_with(future, self.meta()))
    }

    /// As [`spawn_checked`].
    ///
    /// # Errors
    /// None today.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn_checked<F, T, E>(self, future: F) -> io::Result<JoinHandle<Result<T, E>>>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: fmt::Debug + Send + 'static,
    {
        Ok(Handle::current().spawn_checked_with(future, self.meta()))
    }

    /// As [`spawn_local`].
    ///
    /// # Errors
    /// None today.
    ///
    /// # Panics
    /// As [`spawn_local`].
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        Ok(spawn_local_with(future, self.meta()))
    }

    /// As [`LocalSet::spawn_local`].
    ///
    /// # Errors
    /// None today.
    #[track_caller]
    pub fn spawn_local_on<F>(self, future: F, local_set: &LocalSet) -> io::Result<JoinHandle<F::Output>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        Ok(local_set.spawn_with(future, self.meta()))
    }
}

impl fmt::Debug for Builder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("name", &self.name).finish()
    }
}
