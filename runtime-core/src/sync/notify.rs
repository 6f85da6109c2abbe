//! Wake-ups without a value.
//!
//! # The word
//!
//! | bits | name | meaning |
//! |---|---|---|
//! | 0 | WAITERS | the list is not empty |
//! | 1 | STORED | a `notify_one` came while nobody waited; never together with WAITERS |
//! | 2.. | round | number of `notify_waiters` calls; a `Notified` made in an earlier round is ready |
//!
//! As in `permits`: WAITERS changes only under the lock of the list, and while it is set nothing else in
//! the word changes without that lock. Without it each operation is one compare-exchange.

use super::fault::{Fault, planted};
use super::wait_list::{Locked, Outcome, Spare, WaitList, Waiter, Woken};
use crate::coop;
use crate::primitive::atomic::{AtomicUsize, Ordering};
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

const WAITERS: usize = 1;
const STORED: usize = 2;
const ROUND: usize = 4;

/// By `notify_one`: to be handed on if not taken.
const ONE: Outcome = Outcome::new(1);
/// By `notify_last`: the same.
const LAST: Outcome = Outcome::new(2);
/// By `notify_waiters`: everybody got it.
const ALL: Outcome = Outcome::new(3);

/// Tells one task, or all that wait, that something happened.
///
/// [`notify_one`](Self::notify_one) wakes the longest waiting task; if none waits, the next one to wait
/// goes straight on. Any number of such calls before that count as one. So a loop "do what there is to
/// do, then `notified().await`" misses nothing.
///
/// # Examples
/// ```
/// use runtime_core::sync::Notify;
/// use std::sync::Arc;
///
/// # futures::executor::block_on(async {
/// let changed = Arc::new(Notify::new());
/// let elsewhere = changed.clone();
/// std::thread::spawn(move || elsewhere.notify_one());
/// changed.notified().await;
/// # });
/// ```
pub struct Notify {
    word: AtomicUsize,
    waiters: WaitList,
}

impl UnwindSafe for Notify {}
impl RefUnwindSafe for Notify {}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word.load(Ordering::Relaxed);
        f.debug_struct("Notify")
            .field("has_waiters", &(word & WAITERS != 0))
            .field("is_stored", &(word & STORED != 0))
            .finish()
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self::new()
    }
}

impl Notify {
    /// Nobody waits, nothing is stored.
    pub fn new() -> Self {
        Self::const_new()
    }

    crate::const_fn! {
        /// The same, for statics.
        pub const fn const_new() -> Self {
            Notify { word: AtomicUsize::new(0), waiters: WaitList::new() }
        }
    }

    /// Waits for a notification.
    ///
    /// From this call on, also before the first poll, the future gets every
    /// [`notify_waiters`](Self::notify_waiters). It takes its place in the queue for
    /// [`notify_one`](Self::notify_one) when it is first polled or [enabled](Notified::enable).
    ///
    /// # Cancel safety
    /// A dropped wait loses its place in the queue. A `notify_one` that it had been given and not yet
    /// taken goes to the next, or is stored.
    #[inline]
    pub fn notified(&self) -> Notified<'_> {
        Notified { notify: self, wait: Wait::new(self) }
    }

    /// [`notified`](Self::notified) without a lifetime.
    #[inline]
    pub fn notified_owned(self: Arc<Self>) -> OwnedNotified {
        OwnedNotified { wait: Wait::new(&self), notify: self }
    }

    /// Wakes the task that has waited longest, or lets the next one that waits go on at once.
    #[inline]
    pub fn notify_one(&self) {
        self.notify(ONE);
    }

    /// Wakes the task that came last, or lets the next one that waits go on at once. Good for caches: the
    /// last one to wait is the warmest.
    pub fn notify_last(&self) {
        self.notify(LAST);
    }

    fn notify(&self, outcome: Outcome) {
        if self.change(|word| Some(word | STORED)).is_ok() {
            return;
        }
        let mut woken = Woken::new();
        self.notify_locked(&mut self.waiters.lock(), outcome, &mut woken);
    }

    fn notify_locked(&self, locked: &mut Locked<'_>, outcome: Outcome, woken: &mut Woken) {
        if self.change(|word| Some(word | STORED)).is_ok() {
            return;
        }
        if outcome == LAST {
            locked.notify_back(outcome, woken);
        } else {
            locked.notify_front(outcome, woken);
        }
        self.note_emptiness(locked);
    }

    /// Wakes everybody who waits, and every [`Notified`] made before this call. Stores nothing.
    pub fn notify_waiters(&self) {
        if self.change(|word| Some(word.wrapping_add(ROUND))).is_ok() {
            return;
        }
        let mut woken = Woken::new();
        let mut locked = self.waiters.lock();
        // ORDER: AcqRel, as in `change`. An RMW: others may change the word if the list got empty meanwhile.
        self.word.fetch_add(ROUND, Ordering::AcqRel);
        locked.notify_all(ALL, &mut woken);
        self.note_emptiness(&locked);
        drop(locked);
    }

    /// Changes the word by one exchange unless somebody waits or `new` gives `None`; both give the word back.
    ///
    /// ORDER: AcqRel; what was done before a notification is seen by who takes it.
    fn change(&self, new: impl Fn(usize) -> Option<usize>) -> Result<usize, usize> {
        let new = |word| if word & WAITERS == 0 { new(word) } else { None };
        self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, new)
    }

    fn note_emptiness(&self, locked: &Locked<'_>) {
        // Relaxed: the lock orders it. With WAITERS the word is ours, so that it needs no exchange.
        let word = self.word.load(Ordering::Relaxed);
        let is_ours = word & WAITERS != 0 || planted(Fault::NotifyWordOverwritten);
        if locked.is_empty() && is_ours {
            // ORDER: Release, as in `change`; what others published in the word came here through the lock.
            self.word.store(word & !WAITERS, Ordering::Release);
        }
    }

    fn round(word: usize) -> usize {
        word / ROUND
    }
}

pin_project! {
    /// One wait; what both futures have inside.
    #[derive(Debug)]
    struct Wait {
        round: usize,
        is_done: bool,
        #[pin]
        waiter: Waiter,
    }
}

impl Wait {
    #[inline]
    fn new(notify: &Notify) -> Self {
        // ORDER: Acquire; pairs with `notify_waiters`.
        let round = Notify::round(notify.word.load(Ordering::Acquire));
        Wait { round, is_done: false, waiter: Waiter::new() }
    }

    /// Takes a notification, or queues: without a waker if there is no `cx`.
    fn poll(self: Pin<&mut Self>, notify: &Notify, cx: Option<&Context<'_>>) -> Poll<()> {
        let this = self.project();
        let waiter = this.waiter.into_ref();
        if *this.is_done {
            return Poll::Ready(());
        }
        if !waiter.is_idle() {
            match cx {
                Some(cx) => drop(ready!(notify.waiters.poll_queued(waiter, cx))),
                None if waiter.outcome().is_none() => return Poll::Pending,
                None => {}
            }
        } else {
            ready!(Self::take_or_queue(waiter, *this.round, notify, cx));
        }
        *this.is_done = true;
        Poll::Ready(())
    }

    fn take_or_queue(
        waiter: Pin<&Waiter>,
        round: usize,
        notify: &Notify,
        cx: Option<&Context<'_>>,
    ) -> Poll<()> {
        let take = |word| if word & STORED != 0 { Some(word & !STORED) } else { None };
        let has_passed = |word| Notify::round(word) != round;
        // ORDER: Acquire; pairs with `notify_waiters`.
        if has_passed(notify.word.load(Ordering::Acquire)) || notify.change(take).is_ok() {
            return Poll::Ready(());
        }
        let mut spare = cx.map_or(Spare::none(), Spare::clone_of);
        let mut locked = notify.waiters.lock();
        loop {
            // Sets WAITERS in the same breath in which it finds nothing.
            let queue = |word| (!has_passed(word) && word & STORED == 0).then_some(word | WAITERS);
            match notify.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, queue) {
                Ok(_) => break,
                Err(word) if has_passed(word) => return Poll::Ready(()),
                Err(_) if notify.change(take).is_ok() => return Poll::Ready(()),
                // Another one took what was stored. Look again.
                Err(_) => {}
            }
        }
        locked.push_back(waiter, spare.take(), 0);
        Poll::Pending
    }

    /// The future is dropped.
    fn cancel(self: Pin<&mut Self>, notify: &Notify) {
        let this = self.project();
        let waiter = this.waiter.into_ref();
        if *this.is_done || waiter.is_idle() {
            return;
        }
        let mut woken = Woken::new();
        let mut locked = notify.waiters.lock();
        if locked.remove(waiter, &mut woken) {
            notify.note_emptiness(&locked);
        } else if let Some(outcome @ (ONE | LAST)) = waiter.outcome() {
            if !planted(Fault::NotificationKept) {
                notify.notify_locked(&mut locked, outcome, &mut woken);
            }
        }
        drop(locked);
    }
}

pin_project! {
    /// Waits for a notification of a [`Notify`]; from [`Notify::notified`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Notified<'a> {
        notify: &'a Notify,
        #[pin]
        wait: Wait,
    }

    impl PinnedDrop for Notified<'_> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.wait.cancel(this.notify);
        }
    }
}

pin_project! {
    /// Waits for a notification of a [`Notify`]; from [`Notify::notified_owned`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct OwnedNotified {
        notify: Arc<Notify>,
        #[pin]
        wait: Wait,
    }

    impl PinnedDrop for OwnedNotified {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.wait.cancel(this.notify);
        }
    }
}

impl Notified<'_> {
    /// Takes the place in the queue now instead of at the first poll. `true` if the notification is
    /// already there: the future is then ready.
    ///
    /// # Examples
    /// Look at the condition *after* the place is taken, and nothing is missed between the two:
    /// ```
    /// use runtime_core::sync::Notify;
    /// use std::pin::pin;
    ///
    /// # futures::executor::block_on(async {
    /// let changed = Notify::new();
    /// let mut notified = pin!(changed.notified());
    /// notified.as_mut().enable();
    /// // … look whether there is something to do; meanwhile:
    /// changed.notify_one();
    /// notified.await;
    /// # });
    /// ```
    pub fn enable(self: Pin<&mut Self>) -> bool {
        let this = self.project();
        this.wait.poll(this.notify, None).is_ready()
    }
}

impl OwnedNotified {
    /// As [`Notified::enable`].
    pub fn enable(self: Pin<&mut Self>) -> bool {
        let this = self.project();
        this.wait.poll(this.notify, None).is_ready()
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let progress = ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Signal));
        let this = self.project();
        ready!(this.wait.poll(this.notify, Some(cx)));
        progress.made_progress();
        Poll::Ready(())
    }
}

impl Future for OwnedNotified {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let progress = ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Signal));
        let this = self.project();
        ready!(this.wait.poll(this.notify, Some(cx)));
        progress.made_progress();
        Poll::Ready(())
    }
}
