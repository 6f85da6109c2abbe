//! The version of the value, and waiting for the next one: what both ends share.
//!
//! # The word
//!
//! | bits | name | meaning |
//! |---|---|---|
//! | 0 | CLOSED | the last sender is gone |
//! | 1 | WAITERS | the list is not empty |
//! | 2.. | version | number of times that the value was sent |
//!
//! A sender counts the version up while it has the value's write lock, and that same move tells it whether anybody
//! waits. The first receiver to wait sets WAITERS, under the list's lock, by an exchange on a word that has the
//! version it has seen. So either the receiver finds the new version, or the sender finds WAITERS. Those that come
//! while it is set only look at the word: a sender whose move they do not see has found WAITERS, and it clears that
//! and wakes all under the list's lock, which it does not get before they are in the list. A receiver that queues
//! between a sender's two steps is woken for nothing and waits again.

use super::error::RecvError;
use super::lock::Lock;
use crate::coop;
use crate::primitive::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::sync::fault::{Fault, planted};
use crate::sync::notify::Notify;
use crate::sync::wait_list::{Outcome, Spare, WaitList, Waiter, Woken};
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

const CLOSED: u64 = 1;
const WAITERS: u64 = 2;
const STEP: u64 = 4;

/// Look again.
const LOOK: Outcome = Outcome::new(1);

/// How often the value had been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version(u64);

impl Version {
    /// The version of a word.
    fn of(word: u64) -> Self {
        Version(word & !(CLOSED | WAITERS))
    }

    /// One that is not this one.
    pub(super) fn before(self) -> Self {
        Version(self.0.wrapping_sub(STEP))
    }
}

/// What the ends share.
pub(super) struct Shared<T> {
    pub(super) value: Lock<T>,
    word: AtomicU64,
    waiters: WaitList,
    pub(super) receivers: AtomicUsize,
    pub(super) senders: AtomicUsize,
    /// Told when the last receiver goes.
    pub(super) deserted: Notify,
}

impl<T> Shared<T> {
    /// With one sender and no receiver.
    pub(super) fn new(value: T) -> Self {
        Shared {
            value: Lock::new(value),
            word: AtomicU64::new(0),
            waiters: WaitList::new(),
            receivers: AtomicUsize::new(0),
            senders: AtomicUsize::new(1),
            deserted: Notify::new(),
        }
    }

    fn load(&self) -> u64 {
        // ORDER: Acquire; pairs with `publish` and `close`.
        self.word.load(Ordering::Acquire)
    }

    pub(super) fn version(&self) -> Version {
        Version::of(self.load())
    }

    pub(super) fn is_closed(&self) -> bool {
        self.load() & CLOSED != 0
    }

    pub(super) fn receiver_count(&self) -> usize {
        // ORDER: Acquire; pairs with the last receiver's drop.
        self.receivers.load(Ordering::Acquire)
    }

    /// Lets `modify` change the value; if it says that it has, there is a new version.
    #[track_caller]
    pub(super) fn modify(&self, modify: impl FnOnce(&mut T) -> bool) -> bool {
        let mut value = self.value.write();
        if !modify(&mut value) {
            return false;
        }
        // ORDER: AcqRel; with the write lock still held, so that a borrow sees value and version of the same time.
        let before = self.word.fetch_add(STEP, Ordering::AcqRel);
        drop(value);
        self.tell(before);
        true
    }

    /// The last sender is gone.
    pub(super) fn close(&self) {
        // ORDER: AcqRel; who sees it sees the last value.
        let before = self.word.fetch_or(CLOSED, Ordering::AcqRel);
        self.tell(before);
    }

    /// Wakes all who wait, if the word says that somebody does.
    fn tell(&self, word: u64) {
        if word & WAITERS == 0 {
            return;
        }
        let mut woken = Woken::new();
        let mut list = self.waiters.lock();
        self.word.fetch_and(!WAITERS, Ordering::AcqRel);
        list.notify_all(LOOK, &mut woken);
        drop(list);
    }

    /// Waits for a version other than `seen`, which becomes that one.
    pub(super) fn changed<'a>(&'a self, seen: &'a mut Version) -> Changed<'a, T> {
        Changed { shared: self, seen, waiter: Waiter::new() }
    }

    /// Queues the waiter, unless there is something to see.
    fn queue(&self, seen: Version, waiter: Pin<&Waiter>, cx: &Context<'_>) -> Result<(), u64> {
        // Foreign code: not under the lock.
        let mut spare = Spare::clone_of(cx);
        let mut word = self.load();
        let mut list = self.waiters.lock();
        let is_new =
            |word| (Version::of(word) != seen || word & CLOSED != 0) && !planted(Fault::WatchUnchecked);
        if !planted(Fault::WatchLooksEarly) {
            word = self.load();
        }
        if word & WAITERS == 0 {
            let set = |word| if is_new(word) { None } else { Some(word | WAITERS) };
            // ORDER: AcqRel; see `load`.
            self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, set)?;
        } else if is_new(word) {
            return Err(word);
        }
        list.push_back(waiter, spare.take(), 0);
        Ok(())
    }
}

/// What a receiver that has seen `seen` finds in `word`, if it is anything.
fn look(word: u64, seen: &mut Version) -> Option<Result<(), RecvError>> {
    if Version::of(word) != *seen {
        *seen = Version::of(word);
        return Some(Ok(()));
    }
    if word & CLOSED != 0 { Some(Err(RecvError(()))) } else { None }
}

pin_project! {
    /// Waits for another version.
    pub(super) struct Changed<'a, T> {
        shared: &'a Shared<T>,
        seen: &'a mut Version,
        #[pin]
        waiter: Waiter,
    }

    impl<T> PinnedDrop for Changed<'_, T> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let waiter = this.waiter.into_ref();
            if waiter.is_idle() || waiter.outcome().is_some() {
                return;
            }
            let mut woken = Woken::new();
            let mut list = this.shared.waiters.lock();
            if list.remove(waiter, &mut woken) && list.is_empty() {
                this.shared.word.fetch_and(!WAITERS, Ordering::AcqRel);
            }
        }
    }
}

impl<T> Future for Changed<'_, T> {
    type Output = Result<(), RecvError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let progress = ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Channel));
        let mut this = self.project();
        loop {
            if !this.waiter.is_idle() {
                ready!(this.shared.waiters.poll_queued(this.waiter.as_ref(), cx));
                this.waiter.set(Waiter::new());
            }
            let result = look(this.shared.load(), this.seen);
            if let Some(result) = result {
                progress.made_progress();
                return Poll::Ready(result);
            }
            if this.shared.queue(**this.seen, this.waiter.as_ref(), cx).is_ok() {
                return Poll::Pending;
            }
        }
    }
}
