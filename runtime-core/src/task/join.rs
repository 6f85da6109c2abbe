//! The handles of a task.
//!
//! # Invariants
//! Those of [`raw`](super::raw), and:
//! - J1: a handle owns one reference; a `JoinHandle` is the only one while JOIN is set, and its `T` is the
//!   output type of the task's future.

use super::error::JoinError;
use super::id::Id;
use super::raw::RawTask;
use super::state::Join;
use crate::coop;
use crate::util::wake_list::drop_quietly;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker, ready};

/// Awaits a task's result: a future of `Result<T, JoinError>`.
///
/// Dropping it detaches the task, which goes on; [`abort`](Self::abort) ends it. Awaiting is cancel-safe: a
/// dropped await loses nothing as long as the handle itself (awaited as `&mut handle`) is kept.
///
/// # Errors
/// A [`JoinError`] if the task panicked, was aborted, or its runtime shut down before it ended.
///
/// # Panics
/// If it is polled again after it has given its result.
///
/// # Examples
/// ```
/// runtime::run(async {
///     let handle = runtime::spawn(async { 6 * 7 });
///     assert_eq!(handle.await.unwrap(), 42);
/// });
/// ```
pub struct JoinHandle<T> {
    raw: RawTask,
    _output: PhantomData<T>,
}

// SAFETY: through a handle only the output is reached, which is Send.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: a shared handle reaches nothing of type `T`.
unsafe impl<T: Send> Sync for JoinHandle<T> {}
impl<T> Unpin for JoinHandle<T> {}
impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    pub(super) fn new(raw: RawTask) -> Self {
        JoinHandle { raw, _output: PhantomData }
    }

    /// Asks for the task's end and returns at once: the task is dropped at the await where it stands, and
    /// the handle answers with an error for which [`is_cancelled`](JoinError::is_cancelled) holds.
    ///
    /// A task that ends by itself first keeps its result. A blocking job is cancelled only while it waits
    /// for a thread; once started it runs on. Asking again does nothing.
    ///
    /// # Examples
    /// ```
    /// runtime::run(async {
    ///     let handle = runtime::spawn(std::future::pending::<()>());
    ///     handle.abort();
    ///     assert!(handle.await.unwrap_err().is_cancelled());
    /// });
    /// ```
    pub fn abort(&self) {
        self.waive();
        self.raw.abort();
    }

    /// Nobody will miss the result: debug mode says nothing if it is dropped unread.
    pub(crate) fn waive(&self) {
        if let Some(watched) = self.raw.head().extras().and_then(|extras| extras.watched()) {
            watched.waive();
        }
    }

    /// Whether the task has ended: awaiting the handle would not wait.
    pub fn is_finished(&self) -> bool {
        self.raw.state().join() == Join::Done
    }

    /// A handle that can abort the task but not await it.
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle::new(self.raw)
    }

    pub(crate) fn raw(&self) -> &RawTask {
        &self.raw
    }

    /// The result, if the task has ended: does not wait. Whoever gets it here has taken it: awaiting the handle
    /// afterwards panics, and asking again gives `None`.
    ///
    /// # Examples
    /// ```
    /// runtime::run(async {
    ///     let mut task = runtime::spawn(async { 42 });
    ///     while !task.is_finished() {
    ///         runtime::task::yield_now().await;
    ///     }
    ///     assert_eq!(task.try_result().unwrap().unwrap(), 42);
    ///     assert!(task.try_result().is_none());
    /// });
    /// ```
    pub fn try_result(&mut self) -> Option<Result<T, JoinError>> {
        if self.is_finished() { self.take_output() } else { None }
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        self.raw.id()
    }

    /// Where the task was spawned.
    pub fn spawn_site(&self) -> &'static Location<'static> {
        self.raw.spawn_site()
    }

    /// The task's name, if it was given one.
    pub fn task_name(&self) -> Option<&str> {
        self.raw.whose().name
    }

    /// Leaves `waker` to be woken at the task's end, once; whether it has ended already. The result stays.
    pub(crate) fn watch(&self, waker: &Waker) -> bool {
        self.poll_done(waker) == Join::Done
    }

    /// Whether the output is ready; if not, `waker` will be woken when it is.
    fn poll_done(&self, waker: &Waker) -> Join {
        let state = self.raw.state();
        if state.join() == Join::Done {
            return Join::Done;
        }
        if state.has_join_waker() {
            let same = self.raw.join_waker().with(|stored| {
                // SAFETY: I4: while JOIN_WAKER is set, handle and completer only read it.
                let stored = unsafe { &*stored };
                stored.as_ref().is_some_and(|stored| stored.will_wake(waker))
            });
            if same {
                return Join::NotYet;
            }
            if state.unset_join_waker() == Join::Done {
                return Join::Done;
            }
        }
        self.store_waker(Some(waker.clone()));
        state.set_join_waker()
    }

    /// Replaces the stored waker. JOIN_WAKER is not set, and the task was not done when that was seen.
    fn store_waker(&self, waker: Option<Waker>) {
        let old = self.raw.join_waker().with_mut(|stored| {
            // SAFETY: I4: it is the handle's to write.
            let stored = unsafe { &mut *stored };
            std::mem::replace(stored, waker)
        });
        drop_quietly(old);
    }

    /// Tells who watches the task that its handle is gone.
    #[cold]
    fn forgotten(&self) {
        if let Some(watched) = self.raw.head().extras().and_then(|extras| extras.watched()) {
            watched.handle_gone(self.raw.id());
        }
    }

    /// `None`: it was taken before.
    fn take_output(&mut self) -> Option<Result<T, JoinError>> {
        let mut output = MaybeUninit::<Result<T, JoinError>>::uninit();
        // SAFETY: J1 gives the type; callers have seen DONE (I3).
        let is_written = unsafe { self.raw.take_output(NonNull::from(&mut output).cast()) };
        // SAFETY: `take_output` says that it has written it.
        is_written.then(|| unsafe { output.assume_init() })
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let coop = ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Task));
        match self.poll_done(cx.waker()) {
            Join::NotYet => Poll::Pending,
            Join::Done => {
                coop.made_progress();
                Poll::Ready(self.take_output().expect("`JoinHandle` polled after it has given its result"))
            }
        }
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        let state = self.raw.state();
        if state.unjoin_unstarted() {
            return;
        }
        let unjoined = state.unjoin();
        if unjoined.is_observed {
            self.forgotten();
        }
        if unjoined.drop_output {
            // SAFETY: I3: done, and JOIN was ours.
            unsafe { self.raw.drop_stage() };
        }
        if unjoined.drop_waker {
            // Not done and JOIN gone: two tasks that hold each other's wakers would live for ever.
            self.store_waker(None);
        }
        self.raw.unref();
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_task(f, "JoinHandle", self.raw)
    }
}

/// Aborts a task without awaiting it. Cloning and dropping it have no effect on the task.
pub struct AbortHandle {
    raw: RawTask,
}

impl UnwindSafe for AbortHandle {}
impl RefUnwindSafe for AbortHandle {}

impl AbortHandle {
    /// The caller reaches the task under a reference.
    pub(super) fn new(raw: RawTask) -> Self {
        raw.state().add_ref();
        AbortHandle { raw }
    }

    pub(crate) fn raw(&self) -> &RawTask {
        &self.raw
    }

    /// As [`JoinHandle::abort`].
    pub fn abort(&self) {
        self.raw.abort();
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.raw.state().join() == Join::Done
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        self.raw.id()
    }
}

impl Clone for AbortHandle {
    fn clone(&self) -> Self {
        AbortHandle::new(self.raw)
    }
}

impl Drop for AbortHandle {
    fn drop(&mut self) {
        self.raw.unref();
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_task(f, "AbortHandle", self.raw)
    }
}

fn debug_task(f: &mut fmt::Formatter<'_>, what: &str, raw: RawTask) -> fmt::Result {
    let mut debug = f.debug_struct(what);
    debug.field("id", &raw.id());
    if let Some(name) = raw.whose().name {
        debug.field("name", &name);
    }
    debug.field("spawn_site", &format_args!("{}", raw.spawn_site())).finish_non_exhaustive()
}
