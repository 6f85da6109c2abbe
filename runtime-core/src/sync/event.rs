//! A flag that tasks wait for.
//!
//! The flag is set under the lock of the list, together with the notification of all who are in it; a wait that
//! finds it unset looks again under that lock before it queues up. So whoever is queued when the flag is set is
//! notified, whatever happens to the flag afterwards. Clearing needs no lock.

use super::fault::{Fault, planted};
use super::wait_list::{Outcome, Spare, WaitList, Waiter, Woken};
use crate::coop;
use crate::primitive::atomic::{AtomicBool, Ordering};
use crate::task::unpolled::must_await;
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

const SET: Outcome = Outcome::new(1);

/// A flag that is set and cleared, and that tasks wait for: asyncio's `Event`.
///
/// While it is set, nobody waits. Setting it wakes all who wait at that moment, also if it is cleared again
/// before they run.
///
/// # Examples
/// ```
/// use runtime::sync::Event;
/// use std::sync::Arc;
///
/// runtime::run(async {
///     let ready = Arc::new(Event::new());
///     let task = runtime::spawn({
///         let ready = ready.clone();
///         async move { ready.wait().await }
///     });
///     ready.set();
///     task.await.unwrap();
///     assert!(ready.is_set());
/// });
/// ```
pub struct Event {
    is_set: AtomicBool,
    waiters: WaitList,
}

impl Event {
    /// An event that is not set.
    pub fn new() -> Self {
        Self::const_new()
    }

    crate::const_fn! {
        /// The same, for statics.
        ///
        /// # Examples
        /// ```
        /// use runtime::sync::Event;
        ///
        /// static STOP: Event = Event::const_new();
        /// assert!(!STOP.is_set());
        /// ```
        pub const fn const_new() -> Self {
            Event { is_set: AtomicBool::new(false), waiters: WaitList::new() }
        }

        /// An event that is set.
        pub(super) const fn const_new_set() -> Self {
            Event { is_set: AtomicBool::new(true), waiters: WaitList::new() }
        }
    }

    /// Sets the event: all who wait go on, and who comes later does not wait.
    pub fn set(&self) {
        self.set_first(|| {});
    }

    /// Sets the event; before that `first` is called, under the lock, if the event was not set.
    pub(super) fn set_first(&self, first: impl FnOnce()) {
        let mut woken = Woken::new();
        let mut locked = self.waiters.lock();
        if !self.is_set() {
            first();
        }
        // ORDER: AcqRel; whoever sees the flag sees what was done before any of the calls that set it. Only an RMW
        // joins what an earlier call has published.
        if !self.is_set.swap(true, Ordering::AcqRel) {
            locked.notify_all(SET, &mut woken);
        }
        drop(locked);
    }

    /// Clears the event: who comes from now on waits. Those who waited when it was set are not held back.
    pub fn clear(&self) {
        // ORDER: AcqRel; who clears, then looks for work, then waits, must see the work announced by a `set` that
        // this takes back.
        self.is_set.swap(false, Ordering::AcqRel);
    }

    /// Whether the event is set.
    pub fn is_set(&self) -> bool {
        // ORDER: Acquire; pairs with `set`.
        self.is_set.load(Ordering::Acquire)
    }

    /// Waits until the event is set; not at all if it is.
    ///
    /// # Cancel safety
    /// A dropped wait leaves no trace.
    #[track_caller]
    pub fn wait(&self) -> impl Future<Output = ()> {
        must_await(
            "Event::wait",
            async move { Wait { event: self, is_done: false, waiter: Waiter::new() }.await },
        )
    }

    /// Goes on, or queues `waiter`.
    fn wait_or_queue(&self, waiter: Pin<&Waiter>, cx: &Context<'_>) -> Poll<()> {
        if self.is_set() {
            return Poll::Ready(());
        }
        let mut spare = Spare::clone_of(cx);
        let mut locked = self.waiters.lock();
        if self.is_set() && !planted(Fault::EventUnchecked) {
            return Poll::Ready(());
        }
        locked.push_back(waiter, spare.take(), 0);
        Poll::Pending
    }
}

impl Default for Event {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("is_set", &self.is_set()).finish()
    }
}

pin_project! {
    #[derive(Debug)]
    struct Wait<'a> {
        event: &'a Event,
        is_done: bool,
        #[pin]
        waiter: Waiter,
    }

    impl PinnedDrop for Wait<'_> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if !*this.is_done && !this.waiter.is_idle() {
                let mut woken = Woken::new();
                this.event.waiters.lock().remove(this.waiter.into_ref(), &mut woken);
            }
        }
    }
}

impl Future for Wait<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let progress = ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Signal));
        let this = self.project();
        let waiter = this.waiter.into_ref();
        if waiter.is_idle() {
            ready!(this.event.wait_or_queue(waiter, cx));
        } else {
            ready!(this.event.waiters.poll_queued(waiter, cx));
        }
        *this.is_done = true;
        progress.made_progress();
        Poll::Ready(())
    }
}
