//! Tasks that are not `Send`, on any runtime: they run while the set is polled, on the thread that made it.

#![forbid(unsafe_code)]

use crate::context;
use crate::coop::{self, PinnedDuty};
use crate::primitive::{Arc, Mutex};
use crate::task::{Home, JoinHandle, Keeper, Meta, Notified, Schedule, Unhandled};
use crate::tls;
use crate::util::inherited;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Weak;
use std::task::{Context, Poll, Waker};

/// Most polls before the set lets its own task's neighbours run.
const POLLS_MAX: usize = 61;

tls! {
    /// The set that is being polled on this thread, or was entered.
    static CURRENT: RefCell<Option<Arc<Home<Arc<Queue>>>>> = RefCell::new(None);
}

/// A group of tasks that need not be `Send`. They make progress while [`run_until`](Self::run_until), or the
/// set itself as a future, is polled. Dropping the set drops them, on this thread.
///
/// # Examples
/// ```
/// use std::rc::Rc;
///
/// runtime::run(async {
///     let set = runtime::task::LocalSet::new();
///     let sum = set
///         .run_until(async {
///             let shared = Rc::new(40);
///             let clone = shared.clone();
///             *shared + runtime::task::spawn_local(async move { *clone / 20 }).await.unwrap()
///         });
///     assert_eq!(sum.await, 42);
/// });
/// ```
pub struct LocalSet {
    home: Arc<Home<Arc<Queue>>>,
    _not_send: PhantomData<Rc<()>>,
}

/// The set's scheduler: one queue, and the waker of whoever polls the set.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    ready: VecDeque<Notified>,
    /// Of everyone who polls the set: several `run_until` may.
    wakers: Vec<Waker>,
    /// Of the runtime that the set was polled in first, for as long as that runs.
    keeper: Option<Weak<dyn Keeper>>,
}

impl Queue {
    /// The runtime that the current thread is inside of sees to the set's tasks, if no other does.
    fn settle(&self) {
        let has_keeper = self.state.lock().keeper.as_ref().is_some_and(|keeper| keeper.strong_count() > 0);
        if !has_keeper {
            let keeper = current_keeper();
            self.state.lock().keeper = keeper.as_ref().map(std::sync::Arc::downgrade);
        }
    }
}

fn current_keeper() -> Option<std::sync::Arc<dyn Keeper>> {
    context::with_handle(|handle| handle.and_then(|handle| handle.inner().shared.keeper()))
}

impl Schedule for Arc<Queue> {
    fn schedule(&self, task: Notified) {
        let mut state = self.state.lock();
        state.ready.push_back(task);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        for waker in wakers {
            crate::util::wake_list::wake(waker);
        }
    }

    fn reschedule(&self, task: Notified) {
        self.schedule(task);
    }

    fn vacated(&self) {}

    /// The runtime in which the set is polled; before that, the caller's: the set has none of its own.
    fn keeper(&self) -> Option<std::sync::Arc<dyn Keeper>> {
        let keeper = self.state.lock().keeper.as_ref().and_then(Weak::upgrade);
        keeper.or_else(current_keeper)
    }

    fn unhandled(&self, unhandled: &Unhandled) {
        match self.keeper() {
            Some(keeper) => keeper.unhandled(unhandled),
            None => unhandled.print(),
        }
    }
}

impl LocalSet {
    /// An empty set.
    pub fn new() -> Self {
        LocalSet { home: Arc::new(Home::new(Arc::new(Queue::default()))), _not_send: PhantomData }
    }

    /// Adds a task, which starts when the set is polled next.
    #[track_caller]
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawn_with(future, Meta::here())
    }

    pub(crate) fn spawn_with<F>(&self, future: F, meta: Meta) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        spawn_on(&self.home, future, meta)
    }

    /// Runs `future`, and the set's tasks beside it, until `future` is ready. Inside, `spawn_local` adds to the
    /// set. Tasks that are not done then wait until the set is polled again.
    pub async fn run_until<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let _current = self.enter();
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            self.poll_tasks(cx);
            Poll::Pending
        })
        .await
    }

    fn queue(&self) -> &Arc<Queue> {
        self.home.scheduler()
    }

    /// Makes this the set to which `spawn_local` adds on this thread, until the guard is dropped. Its tasks
    /// run when it is polled, not before.
    ///
    /// # Examples
    /// ```
    /// use runtime::task::{LocalSet, spawn_local};
    /// use std::rc::Rc;
    ///
    /// let set = LocalSet::new();
    /// let entered = set.enter();
    /// let answer = spawn_local(async { *Rc::new(42) });
    /// drop(entered);
    /// assert_eq!(runtime::run(set.run_until(answer)).unwrap(), 42);
    /// ```
    pub fn enter(&self) -> LocalEnterGuard {
        let home = Arc::clone(&self.home);
        // In the destructor of a thread-local ours may be gone: `spawn_local` then panics.
        let outer = CURRENT.try_with(|current| current.replace(Some(home))).ok().flatten();
        LocalEnterGuard { outer, _pinned: coop::pin_duty(), _not_send: PhantomData }
    }

    /// Polls what is ready, for one turn.
    fn poll_tasks(&self, cx: &mut Context<'_>) {
        self.queue().settle();
        // Outside of the lock: a waker's clone and drop are foreign code.
        let waker = cx.waker().clone();
        let mut wakers = std::mem::take(&mut self.queue().state.lock().wakers);
        wakers.retain(|other| !other.will_wake(&waker));
        wakers.push(waker);
        // Only this thread, which is here, adds wakers: none is lost by writing them back.
        self.queue().state.lock().wakers = wakers;
        // Whoever polls the set has scopes of its own.
        let _hidden = inherited::hide();
        for polls in 0..POLLS_MAX {
            let Some(task) = self.pop() else { return };
            if polls == 0 {
                coop::spend_one();
            }
            task.run();
        }
        cx.waker().wake_by_ref();
    }

    fn pop(&self) -> Option<Notified> {
        self.queue().state.lock().ready.pop_front()
    }
}

impl Future for LocalSet {
    type Output = ();

    /// Ready when no task is left.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let _current = self.enter();
        self.poll_tasks(cx);
        if self.home.count() == 0 { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for LocalSet {
    fn drop(&mut self) {
        let _current = self.enter();
        let _hidden = inherited::hide();
        self.home.close();
        let mut ready = Vec::new();
        self.home.cancel_all(|task| ready.push(task));
        for task in ready {
            task.run();
        }
        while self.home.count() > 0 {
            match self.pop() {
                Some(task) => task.run(),
                // A foreign waker has claimed a task and not pushed it yet.
                None => crate::primitive::thread::yield_now(),
            }
        }
        let wakers = std::mem::take(&mut self.queue().state.lock().wakers);
        drop(wakers);
    }
}

/// What [`LocalSet::enter`] returns: drop it to leave the set. Drop guards in the reverse order of their
/// making: each puts back what was current before it.
#[must_use = "the set is left when the guard is dropped"]
pub struct LocalEnterGuard {
    outer: Option<Arc<Home<Arc<Queue>>>>,
    _pinned: PinnedDuty,
    _not_send: PhantomData<Rc<()>>,
}

impl Drop for LocalEnterGuard {
    fn drop(&mut self) {
        let outer = self.outer.take();
        // What was current is dropped outside of the cell's borrow.
        let inner = CURRENT.try_with(|current| current.replace(outer));
        drop(inner);
    }
}

impl fmt::Debug for LocalEnterGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalEnterGuard").finish_non_exhaustive()
    }
}

impl Default for LocalSet {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LocalSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSet").field("tasks", &self.home.count()).finish()
    }
}

fn spawn_on<F>(home: &Arc<Home<Arc<Queue>>>, future: F, meta: Meta) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let (task, join) = Home::bind_unsend(home, future, meta);
    if let Some(task) = task {
        home.scheduler().schedule(task);
    }
    join
}

/// Spawns on the set that this thread is inside of; gives the future back if there is none.
pub(crate) fn try_spawn<F>(future: F, meta: Meta) -> Result<JoinHandle<F::Output>, (F, Meta)>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let home = CURRENT.try_with(|current| current.borrow().clone()).ok().flatten();
    match home {
        Some(home) => Ok(spawn_on(&home, future, meta)),
        None => Err((future, meta)),
    }
}
