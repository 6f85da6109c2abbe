//! Waiting, under a [`Mutex`], for a condition on what it protects.
//!
//! ```text
//!  guard ──(1) queued──▶ lock released ──(2) notified──▶ waits for the lock ──(3)──▶ guard
//!                                    └──(2') cancel asked for──┘
//! ```
//! The place in the queue is taken before the lock is let go of, so no notification is missed that somebody gives
//! who took the lock in between. Between (2) and (3) the wait still owns its notification: dropped there, it
//! hands it on, as it does when it is dropped after it was notified and before it has noticed.
//!
//! (2') is for tasks that listen for their cancellation (`task::cancelled`): they may clean up, and so the wait ends as
//! any other, with the lock held. Such a task will hardly use what it was notified of, so a notification that it was
//! given goes on to the next as well. That one may find nothing to do: nobody may rely on the contrary.

use super::fault::{Fault, planted};
use super::reentry::Site;
use super::wait_list::{Outcome, WaitList, Waiter, Woken};
use super::{Mutex, MutexGuard};
use crate::coop;
use crate::task::{self, Cancelled};
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// By `notify_one`: to be handed on if not taken.
const ONE: Outcome = Outcome::new(1);
/// By `notify_all`: everybody got it.
const ALL: Outcome = Outcome::new(2);

/// Lets a task that holds a [`Mutex`] wait until another one has changed what the mutex protects: asyncio's
/// `Condition`.
///
/// [`wait`](Self::wait) releases the lock, waits for a notification, and takes the lock again. As everywhere with
/// condition variables the condition may be false again by then, or still: look again, or use
/// [`wait_while`](Self::wait_while). Waits are notified first in, first out, and get the lock in that order.
///
/// It belongs to no mutex: waits with guards of different mutexes are allowed, each gets the lock back that it
/// gave. They stand in one queue, though, and [`notify_one`](Self::notify_one) does not know which condition is
/// meant: use one `Condvar` for one mutex, or [`notify_all`](Self::notify_all).
///
/// # Examples
/// ```
/// use runtime::sync::{Condvar, Mutex};
/// use std::sync::Arc;
///
/// runtime::run(async {
///     let shared = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
///     let consumer = runtime::spawn({
///         let shared = shared.clone();
///         async move {
///             let (queue, added) = &*shared;
///             let mut queue = added.wait_while(queue.lock().await, |queue| queue.is_empty()).await;
///             queue.pop()
///         }
///     });
///     let (queue, added) = &*shared;
///     queue.lock().await.push("work");
///     added.notify_one();
///     assert_eq!(consumer.await.unwrap(), Some("work"));
/// });
/// ```
pub struct Condvar {
    waiters: WaitList,
}

impl Condvar {
    /// Nobody waits.
    pub fn new() -> Self {
        Self::const_new()
    }

    crate::const_fn! {
        /// The same, for statics.
        pub const fn const_new() -> Self {
            Condvar { waiters: WaitList::new() }
        }
    }

    /// Releases the lock of `guard`, waits for a notification, and takes the lock again.
    ///
    /// In a task that [listens](crate::task::cancelled) for its cancellation the wait also ends when that is asked
    /// for, and at once if it was asked for before. The lock is held then as well, so that the task can put in order
    /// what it protects: look at [`task::cancel_requested`](crate::task::cancel_requested) in a loop that waits.
    ///
    /// # Cancel safety
    /// A dropped wait leaves the lock released. A [`notify_one`](Self::notify_one) that it had been given goes to
    /// the next in the queue; if there is none it is gone, as if nobody had waited.
    #[track_caller]
    pub fn wait<'a, T: ?Sized>(&self, guard: MutexGuard<'a, T>) -> impl Future<Output = MutexGuard<'a, T>> {
        let site = Site::here();
        async move { self.wait_at(guard, site).await.0 }
    }

    /// Waits while `condition` holds. It is looked at under the lock: before the first wait, and after each.
    ///
    /// A task that [listens](crate::task::cancelled) for its cancellation stops waiting when that is asked for,
    /// though `condition` may still hold.
    ///
    /// # Cancel safety
    /// As [`wait`](Self::wait).
    ///
    /// # Panics
    /// If `condition` does. The lock is released then.
    ///
    /// # Examples
    /// ```
    /// use runtime::sync::{Condvar, Mutex, oneshot};
    /// use std::sync::Arc;
    ///
    /// runtime::run(async {
    ///     let shared = Arc::new((Mutex::new(Vec::<u8>::new()), Condvar::new()));
    ///     let (begin, has_begun) = oneshot::channel();
    ///     let consumer = runtime::spawn(async move {
    ///         let _listens = runtime::task::cancelled();
    ///         begin.send(()).unwrap();
    ///         let (queue, added) = &*shared;
    ///         let queue = added.wait_while(queue.lock().await, |queue| queue.is_empty()).await;
    ///         queue.is_empty() && runtime::task::cancel_requested()
    ///     });
    ///     has_begun.await.unwrap();
    ///     assert!(consumer.cancel().await.unwrap());
    /// });
    /// ```
    #[track_caller]
    pub fn wait_while<'a, T: ?Sized>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> impl Future<Output = MutexGuard<'a, T>> {
        let site = Site::here();
        async move {
            let mut is_cancelled = false;
            while !is_cancelled && condition(&mut guard) {
                (guard, is_cancelled) = self.wait_at(guard, site).await;
            }
            guard
        }
    }

    /// Waits for somebody who asks at `site`. The flag says that a task that listens was asked for its end.
    async fn wait_at<'a, T: ?Sized>(
        &self,
        guard: MutexGuard<'a, T>,
        site: Site,
    ) -> (MutexGuard<'a, T>, bool) {
        let mutex: &'a Mutex<T> = MutexGuard::mutex(&guard);
        let cancelled = task::if_listening();
        let listens = cancelled.is_some();
        let wait =
            Wait { condvar: self, guard: Some(guard), is_done: false, cancelled, waiter: Waiter::new() };
        let turn = wait.await;
        let guard = mutex.lock_at(site).await;
        let is_cancelled = listens && task::cancel_requested();
        if !is_cancelled {
            turn.take();
        }
        (guard, is_cancelled)
    }

    /// Wakes the one that has waited longest, if somebody waits.
    pub fn notify_one(&self) {
        let mut woken = Woken::new();
        let mut locked = self.waiters.lock();
        locked.notify_front(ONE, &mut woken);
        drop(locked);
    }

    /// Wakes all who wait.
    ///
    /// # Examples
    /// ```
    /// use runtime::sync::{Condvar, Mutex};
    ///
    /// runtime::run(async {
    ///     let (is_open, changed) = (Mutex::new(false), Condvar::new());
    ///     let enter = async || drop(changed.wait_while(is_open.lock().await, |is_open| !*is_open).await);
    ///     runtime::join!(enter(), enter(), async {
    ///         *is_open.lock().await = true;
    ///         changed.notify_all();
    ///     });
    /// });
    /// ```
    pub fn notify_all(&self) {
        let mut woken = Woken::new();
        let mut locked = self.waiters.lock();
        locked.notify_all(ALL, &mut woken);
        drop(locked);
    }

    /// Takes `waiter` out of the queue. If it was notified before, says how.
    fn leave(&self, waiter: Pin<&Waiter>) -> Option<Outcome> {
        let mut woken = Woken::new();
        self.waiters.lock().remove(waiter, &mut woken);
        waiter.outcome()
    }

    /// Gives a notification that somebody was given and did not use to the next one.
    fn hand_on(&self, outcome: Outcome) {
        if outcome == ONE && !planted(Fault::ConditionKept) {
            self.notify_one();
        }
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").field("has_waiters", &!self.waiters.lock().is_empty()).finish()
    }
}

/// A notification that was given to a wait, if it was, and is handed on unless it is taken.
#[derive(Debug)]
#[must_use]
struct Turn<'a> {
    condvar: &'a Condvar,
    outcome: Option<Outcome>,
}

impl Turn<'_> {
    /// The wait is over, and whoever waited has the lock.
    fn take(self) {
        mem::forget(self);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(outcome) = self.outcome {
            self.condvar.hand_on(outcome);
        }
    }
}

pin_project! {
    /// Queues up, releases the lock, waits for the notification, or for the request to end.
    struct Wait<'a, 'g, T: ?Sized> {
        condvar: &'a Condvar,
        guard: Option<MutexGuard<'g, T>>,
        is_done: bool,
        #[pin]
        cancelled: Option<Cancelled>,
        #[pin]
        waiter: Waiter,
    }

    impl<T: ?Sized> PinnedDrop for Wait<'_, '_, T> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if *this.is_done || this.waiter.is_idle() {
                return;
            }
            if let Some(outcome) = this.condvar.leave(this.waiter.into_ref()) {
                this.condvar.hand_on(outcome);
            }
        }
    }
}

impl<'a, T: ?Sized> Future for Wait<'a, '_, T> {
    type Output = Turn<'a>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Turn<'a>> {
        let progress = ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Signal));
        let this = self.project();
        let waiter = this.waiter.into_ref();
        if waiter.is_idle() {
            if planted(Fault::ConditionQueuedLate) {
                *this.guard = None;
            }
            let waker = Some(cx.waker().clone());
            this.condvar.waiters.lock().push_back(waiter, waker, 0);
            *this.guard = None;
        }
        let mut outcome = match this.condvar.waiters.poll_queued(waiter, cx) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        };
        if outcome.is_none() {
            let Some(cancelled) = this.cancelled.as_pin_mut() else { return Poll::Pending };
            ready!(cancelled.poll(cx));
            outcome = this.condvar.leave(waiter);
        }
        *this.is_done = true;
        progress.made_progress();
        Poll::Ready(Turn { condvar: this.condvar, outcome })
    }
}
