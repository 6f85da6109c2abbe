//! One value that somebody promises, for any number of tasks that wait for it.
//!
//! [`promise`] makes a [`Promise`] and a [`PromiseFuture`], asyncio's `Future` in two halves: the one who has
//! the first decides, clones of the second wait, look, or leave a callback.
//!
//! # Protocol
//! ```text
//!              complete (1)             fire (2)
//!      OPEN ────────────────▶ DECIDED ────────────▶ FIRED
//! ```
//! (1) stores the outcome under the lock; after that whoever looks for it finds it. Who finds none queues in
//! the list of waiters while it still has that lock, so that the wake-up, which comes after (1), meets it.
//! (2) is the completer's, too: it takes callbacks out until there are none left. One that is registered
//! meanwhile goes behind them, one that is registered later is called at once: so they are called in the
//! order in which they were registered.
//!
//! Values are cloned and dropped outside of the lock, hence the `Arc` around the outcome. The place in the
//! list is in a box: a [`PromiseFuture`] may be moved after it was polled, as a `JoinHandle` may, and only
//! one that really waits allocates.

use super::fault::{Fault, planted};
use super::wait_list::{Outcome as Ending, Spare, WaitList, Waiter, Woken};
use crate::coop;
use crate::primitive::{Arc, Mutex};
use crate::util::wake_list::quietly;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The only reason for which a wait ends.
const DECIDED: Ending = Ending::new(1);

/// What a promise came to. Everybody who wants to know has a share of it.
pub(crate) type Outcome<T> = Arc<Result<T, Cancelled>>;

/// What is called once there is an outcome. Code of ours that does not block: it is called by the completer.
pub(crate) type Callback<T> = Box<dyn FnOnce(Outcome<T>) + Send>;

struct Shared<T> {
    state: Mutex<State<T>>,
    waiters: WaitList,
}

struct State<T> {
    outcome: Option<Outcome<T>>,
    callbacks: Vec<Callback<T>>,
    has_fired: bool,
}

/// Decides what all clones of the [`PromiseFuture`] get. Dropping it undecided cancels.
///
/// Anyone may decide, from any thread, and without waiting; to be able to fail, promise a `Result`.
pub struct Promise<T> {
    shared: Arc<Shared<T>>,
}

/// A future of what was promised: `Result<T, Cancelled>`. Clones wait for the same value, of which each gets
/// a clone; it can be asked for as often as one likes.
///
/// Dropping one, or cancelling the task that waits for it, does nothing to the promise and the other clones.
/// (In asyncio a cancelled task takes the future that it waits for with it.)
///
/// # Cancel safety
/// Yes: the value stays.
///
/// ```compile_fail
/// fn assert_send<T: Send>() {}
/// // Clones on two threads could clone the value at the same time.
/// assert_send::<runtime_core::sync::PromiseFuture<std::cell::Cell<u8>>>();
/// ```
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct PromiseFuture<T> {
    shared: Arc<Shared<T>>,
    /// There while it is queued, and until the next poll.
    waiter: Option<Pin<Box<Waiter>>>,
}

/// The promise was cancelled, or dropped undecided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled(());

/// Makes a promise and the future of what will be promised.
///
/// # Examples
/// ```
/// use runtime::sync::promise;
///
/// # runtime::run(async {
/// let (promise, future) = promise();
/// let listeners = [future.clone(), future].map(runtime::spawn);
/// promise.set("it is decided").unwrap();
/// for listener in listeners {
///     assert_eq!(listener.await.unwrap(), Ok("it is decided"));
/// }
/// # });
/// ```
pub fn promise<T>() -> (Promise<T>, PromiseFuture<T>) {
    let state = State { outcome: None, callbacks: Vec::new(), has_fired: false };
    let shared = Arc::new(Shared { state: Mutex::new(state), waiters: WaitList::new() });
    (Promise { shared: Arc::clone(&shared) }, PromiseFuture { shared, waiter: None })
}

impl<T> Shared<T> {
    fn outcome(&self) -> Option<Outcome<T>> {
        self.state.lock().outcome.clone()
    }

    /// Moves (1) and (2). Gives its argument back if there was an outcome.
    fn complete(&self, result: Result<T, Cancelled>) -> Result<(), Result<T, Cancelled>> {
        let mut state = self.state.lock();
        if state.outcome.is_some() {
            return Err(result);
        }
        state.outcome = Some(Arc::new(result));
        drop(state);
        let mut woken = Woken::new();
        self.waiters.lock().notify_all(DECIDED, &mut woken);
        drop(woken);
        self.fire();
        Ok(())
    }

    fn fire(&self) {
        loop {
            let mut state = self.state.lock();
            let callbacks = mem::take(&mut state.callbacks);
            state.has_fired = callbacks.is_empty();
            let Some(outcome) = state.outcome.clone().filter(|_| !state.has_fired) else { return };
            drop(state);
            for callback in callbacks {
                let outcome = Arc::clone(&outcome);
                quietly(|| callback(outcome));
            }
        }
    }

    /// Has `callback` called, by whoever completes or at once.
    fn when_done(&self, callback: Callback<T>) {
        let mut state = self.state.lock();
        match state.outcome.clone().filter(|_| state.has_fired) {
            None => state.callbacks.push(callback),
            Some(outcome) => {
                drop(state);
                quietly(|| callback(outcome));
            }
        }
    }
}

impl<T> Promise<T> {
    /// Decides: everybody gets `value`. Never waits.
    ///
    /// # Errors
    /// If it is decided or cancelled already; gives the value back.
    ///
    /// # Examples
    /// ```
    /// let (promise, future) = runtime::sync::promise();
    /// assert_eq!(promise.set(1), Ok(()));
    /// assert_eq!(promise.set(2), Err(2));
    /// assert_eq!(future.try_get(), Some(Ok(1)));
    /// ```
    pub fn set(&self, value: T) -> Result<(), T> {
        match self.shared.complete(Ok(value)) {
            Err(Ok(value)) => Err(value),
            _ => Ok(()),
        }
    }

    /// Decides that there will be no value. Whether it did: `false` if it was decided already.
    ///
    /// # Examples
    /// ```
    /// let (promise, future) = runtime::sync::promise::<u8>();
    /// assert!(promise.cancel());
    /// assert!(future.try_get().unwrap().is_err());
    /// assert!(!promise.cancel());
    /// ```
    pub fn cancel(&self) -> bool {
        self.shared.complete(Err(Cancelled(()))).is_ok()
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl<T> PromiseFuture<T> {
    /// Whether it is decided.
    pub fn is_done(&self) -> bool {
        self.shared.state.lock().outcome.is_some()
    }

    /// What was decided, if it is.
    ///
    /// # Examples
    /// ```
    /// let (promise, future) = runtime::sync::promise();
    /// assert_eq!(future.try_get(), None);
    /// promise.set('x').unwrap();
    /// assert_eq!(future.try_get(), Some(Ok('x')));
    /// ```
    pub fn try_get(&self) -> Option<Result<T, Cancelled>>
    where
        T: Clone,
    {
        let outcome = self.shared.outcome()?;
        Some((*outcome).clone())
    }

    /// Has `callback` called once it is decided, after those that were registered before.
    pub(crate) fn when_done(&self, callback: Callback<T>) {
        self.shared.when_done(callback);
    }

    /// Waits for the outcome.
    fn poll_outcome(&mut self, cx: &Context<'_>) -> Poll<Outcome<T>> {
        if let Some(waiter) = &self.waiter {
            let Poll::Ready(_) = self.shared.waiters.poll_queued(waiter.as_ref(), cx) else {
                return Poll::Pending;
            };
            self.waiter = None;
        }
        if let Some(outcome) = self.shared.outcome() {
            return Poll::Ready(outcome);
        }
        let waiter = Box::pin(Waiter::new());
        let mut spare = Spare::clone_of(cx);
        let state = self.shared.state.lock();
        if let Some(outcome) = state.outcome.clone().filter(|_| !planted(Fault::PromiseUnchecked)) {
            drop(state);
            return Poll::Ready(outcome);
        }
        self.shared.waiters.lock().push_back(waiter.as_ref(), spare.take(), 0);
        drop(state);
        self.waiter = Some(waiter);
        Poll::Pending
    }
}

impl<T: Clone> Future for PromiseFuture<T> {
    type Output = Result<T, Cancelled>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let progress = ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Channel));
        let outcome = ready!(self.get_mut().poll_outcome(cx));
        progress.made_progress();
        Poll::Ready((*outcome).clone())
    }
}

impl<T> Clone for PromiseFuture<T> {
    /// Another one that waits for the same.
    fn clone(&self) -> Self {
        PromiseFuture { shared: Arc::clone(&self.shared), waiter: None }
    }
}

impl<T> Drop for PromiseFuture<T> {
    fn drop(&mut self) {
        if let Some(waiter) = &self.waiter {
            let mut woken = Woken::new();
            self.shared.waiters.lock().remove(waiter.as_ref(), &mut woken);
        }
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_done = self.shared.state.lock().outcome.is_some();
        f.debug_struct("Promise").field("is_done", &is_done).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for PromiseFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PromiseFuture").field("is_done", &self.is_done()).finish_non_exhaustive()
    }
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("promise cancelled")
    }
}

impl Error for Cancelled {}
