//! The one list on which futures wait.
//!
//! A future that has to wait holds a [`Waiter`], pinned, and links it into the [`WaitList`] of the
//! primitive. Whoever ends the wait unlinks it under the list's lock, leaves a reason behind
//! ([`Outcome`]) and wakes it after the lock is released.
//!
//! ```text
//!             push_back (1)            notify_* (2)
//!      IDLE ────────────────▶ QUEUED ────────────────▶ NOTIFIED(outcome)
//!        ▲                      │
//!        └──────────────────────┘
//!               remove (3)
//! ```
//! (1) and (3) are the waiting future's, (2) anybody's; all three need the lock of the list. What the
//! outcome means, and what becomes of it when the future is dropped instead of polled again, is the
//! primitive's business: it looks at [`Waiter::outcome`] in its `Drop` and hands the turn on.
//!
//! Deliberately absent: priorities, a closed state, wakers called here. A primitive that closes stores
//! that in its own word and notifies all.
//!
//! # Invariants
//! - I1: `state` is the address of the list while the waiter is queued in it. It changes to and from that
//!   value only under that list's lock.
//! - I2: `slot` and `links` of a waiter are touched only by whoever holds the lock of the list in which it
//!   is queued, or by whoever has just moved `state` away from IDLE to queue it there under that lock.
//! - I3: a queued waiter stays where it is: it is pinned, and its `Drop` aborts if it is still queued.
//! - I4: a list does not move while a waiter is queued in it: the waiting futures borrow it or hold the
//!   `Arc` around it.
//! - I5: the store that moves `state` to NOTIFIED is the last access of a notifier to the waiter.

use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::primitive::{Mutex, MutexGuard, UnsafeCell};
use crate::util::linked_list::{LinkedList, Links, Node};
use crate::util::wake_list::{WakeList, drop_quietly, wake};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

/// Neither queued nor notified.
const IDLE: usize = 0;
/// Values of `state` up to here are outcomes, all others addresses.
const OUTCOME_MAX: usize = 7;

/// Why a wait ended; what the numbers mean is the primitive's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome(usize);

impl Outcome {
    /// The outcome with this number, from 1 to [`OUTCOME_MAX`].
    pub(crate) const fn new(number: usize) -> Self {
        assert!(number != IDLE && number <= OUTCOME_MAX);
        Outcome(number)
    }
}

/// A place in a list, inside the future that waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    links: Links<Waiter>,
    state: AtomicUsize,
    slot: UnsafeCell<Slot>,
}

#[derive(Debug)]
struct Slot {
    waker: Option<Waker>,
    need: usize,
}

// SAFETY: I2: the slot, which holds a `Send` waker, is guarded by the list's lock.
unsafe impl Send for Waiter {}
// SAFETY: as above; everything else is atomic.
unsafe impl Sync for Waiter {}

// SAFETY: `links` is a field of the node, always the same one.
unsafe impl Node for Waiter {
    unsafe fn links(node: NonNull<Self>) -> NonNull<Links<Self>> {
        // SAFETY: the caller promises a live node.
        let links = unsafe { &raw mut (*node.as_ptr()).links };
        // SAFETY: a field of a live node is not at address zero.
        unsafe { NonNull::new_unchecked(links) }
    }
}

impl Waiter {
    #[inline]
    pub(crate) fn new() -> Self {
        let slot = UnsafeCell::new(Slot { waker: None, need: 0 });
        Waiter { links: Links::new(), state: AtomicUsize::new(IDLE), slot }
    }

    /// Why the wait ended, if it has. What the notifier did before is visible afterwards.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        // ORDER: Acquire; pairs with the Release in `Locked::notify`.
        match self.state.load(Ordering::Acquire) {
            IDLE => None,
            number @ ..=OUTCOME_MAX => Some(Outcome(number)),
            _ => None,
        }
    }

    /// Whether it was never queued, or was removed before it was notified.
    pub(crate) fn is_idle(&self) -> bool {
        self.state.load(Ordering::Relaxed) == IDLE
    }
}

impl Drop for Waiter {
    #[inline]
    fn drop(&mut self) {
        // ORDER: Acquire; what a notifier did with this memory is over.
        if self.state.load(Ordering::Acquire) > OUTCOME_MAX {
            // I3: unwinding would leave a dangling node behind.
            eprintln!("bug in runtime-core: a waiter was dropped while it was queued");
            std::process::abort();
        }
    }
}

/// Waiters in the order in which they came, and what else the primitive keeps under the same lock.
#[derive(Debug)]
pub(crate) struct WaitList<D = ()> {
    inside: Mutex<Inside<D>>,
}

#[derive(Debug)]
struct Inside<D> {
    queue: LinkedList<Waiter>,
    data: D,
}

impl WaitList {
    crate::const_fn! {
        pub(crate) const fn new() -> Self {
            WaitList { inside: Mutex::new(Inside { queue: LinkedList::new(), data: () }) }
        }
    }
}

impl<D> WaitList<D> {
    /// Nobody waits.
    pub(crate) fn with_data(data: D) -> Self {
        WaitList { inside: Mutex::new(Inside { queue: LinkedList::new(), data }) }
    }

    /// Takes the lock.
    pub(crate) fn lock(&self) -> Locked<'_, D> {
        Locked { inside: self.inside.lock(), list: self }
    }

    /// The outcome of a waiter that is queued here, or its waker brought up to date.
    pub(crate) fn poll_queued(&self, waiter: Pin<&Waiter>, cx: &Context<'_>) -> Poll<Outcome> {
        if let Some(outcome) = waiter.outcome() {
            return Poll::Ready(outcome);
        }
        let is_same = self
            .lock()
            .slot(waiter, |slot| slot.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())));
        if is_same == Some(true) {
            return Poll::Pending;
        }
        // A clone is foreign code: not under the lock.
        let mut waker = Some(cx.waker().clone());
        // The old waker is dropped below, after the lock.
        self.lock().slot(waiter, |slot| std::mem::swap(&mut slot.waker, &mut waker));
        drop_quietly(waker);
        match waiter.outcome() {
            Some(outcome) => Poll::Ready(outcome),
            None => Poll::Pending,
        }
    }
}

/// The list, locked. Wakers that leave it go into a [`Woken`] declared **before** this guard, so that
/// they are called after the lock is released.
#[derive(Debug)]
pub(crate) struct Locked<'a, D = ()> {
    inside: MutexGuard<'a, Inside<D>>,
    list: &'a WaitList<D>,
}

impl<D> Locked<'_, D> {
    /// What is kept beside the queue.
    pub(crate) fn data(&mut self) -> &mut D {
        &mut self.inside.data
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self.list).addr()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.inside.queue.is_empty()
    }

    /// What the first waiter said that it needs.
    pub(crate) fn front_need(&self) -> Option<usize> {
        let front = self.inside.queue.front()?;
        // SAFETY: I3: what is linked is alive.
        let waiter = unsafe { front.as_ref() };
        Some(waiter.slot.with(|slot| {
            // SAFETY: I2: it is queued here and the lock is ours.
            unsafe { (*slot).need }
        }))
    }

    /// The first waiter.
    pub(crate) fn front(&self) -> Option<*const Waiter> {
        self.inside.queue.front().map(|front| front.as_ptr().cast_const())
    }

    /// Queues `waiter` at the end. `need` is for [`front_need`](Self::front_need).
    pub(crate) fn push_back(&mut self, waiter: Pin<&Waiter>, waker: Option<Waker>, need: usize) {
        // Relaxed: the lock orders it.
        let old = waiter.state.compare_exchange(IDLE, self.address(), Ordering::Relaxed, Ordering::Relaxed);
        assert!(old.is_ok(), "a waiter is queued once");
        waiter.slot.with_mut(|slot| {
            // SAFETY: I2: the exchange above made it ours. The waker that was there before is None: a
            // waiter returns to IDLE only through `remove`, which takes it.
            unsafe { *slot = Slot { waker, need } }
        });
        // SAFETY: I3 keeps it valid and in place; I1: it was in no list.
        unsafe { self.inside.queue.push_back(NonNull::from(waiter.get_ref())) };
    }

    /// Lets `f` see the slot of `waiter`, if that is queued here.
    fn slot<R>(&mut self, waiter: Pin<&Waiter>, f: impl FnOnce(&mut Slot) -> R) -> Option<R> {
        if waiter.state.load(Ordering::Relaxed) != self.address() {
            return None;
        }
        Some(waiter.slot.with_mut(|slot| {
            // SAFETY: I1 and I2: it is queued here and the lock is ours.
            f(unsafe { &mut *slot })
        }))
    }

    /// Takes `waiter` out before it was notified; `false` if it is not queued here (any more). Its waker
    /// goes into `woken` unwoken.
    pub(crate) fn remove(&mut self, waiter: Pin<&Waiter>, woken: &mut Woken) -> bool {
        let Some(waker) = self.slot(waiter, |slot| slot.waker.take()) else { return false };
        woken.unused = waker;
        // SAFETY: I1: it is in this list.
        let was_linked = unsafe { self.inside.queue.remove(NonNull::from(waiter.get_ref())) };
        debug_assert!(was_linked, "queued and linked are the same");
        waiter.state.store(IDLE, Ordering::Relaxed);
        true
    }

    /// Ends the first wait.
    pub(crate) fn notify_front(&mut self, outcome: Outcome, woken: &mut Woken) -> bool {
        let front = self.inside.queue.front();
        self.notify(front, outcome, woken)
    }

    /// Ends the last wait.
    pub(crate) fn notify_back(&mut self, outcome: Outcome, woken: &mut Woken) -> bool {
        let back = self.inside.queue.back();
        self.notify(back, outcome, woken)
    }

    /// Ends all waits.
    pub(crate) fn notify_all(&mut self, outcome: Outcome, woken: &mut Woken) {
        while self.notify_front(outcome, woken) {}
    }

    fn notify(&mut self, node: Option<NonNull<Waiter>>, outcome: Outcome, woken: &mut Woken) -> bool {
        let Some(node) = node else { return false };
        // SAFETY: I1: it is an end of this list.
        unsafe { self.inside.queue.remove(node) };
        // SAFETY: I3: alive until I5.
        let waiter = unsafe { node.as_ref() };
        let waker = waiter.slot.with_mut(|slot| {
            // SAFETY: I2: `state` still says that it is queued here.
            unsafe { (*slot).waker.take() }
        });
        woken.extend(waker);
        // ORDER: Release; pairs with the Acquire in `Waiter::outcome`. I5: the future may be gone after this.
        waiter.state.store(outcome.0, Ordering::Release);
        true
    }
}

/// A clone of a waker, made before the lock is taken: for a wait that may turn out not to be needed. Declared
/// **before** the guard, it is dropped after the lock is released, and a panic in that ends there: what the caller
/// took instead of waiting is not lost with it.
#[derive(Debug)]
pub(crate) struct Spare(Option<Waker>);

impl Spare {
    /// Clones the waker, which is foreign code.
    pub(crate) fn clone_of(cx: &Context<'_>) -> Self {
        Spare(Some(cx.waker().clone()))
    }

    /// For nobody to be woken.
    pub(crate) const fn none() -> Self {
        Spare(None)
    }

    /// The clone, for the list.
    pub(crate) fn take(&mut self) -> Option<Waker> {
        self.0.take()
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        if let Some(unused) = self.0.take() {
            drop_quietly(unused);
        }
    }
}

/// Wakers that left a list; woken in that order when it is dropped. The first needs no allocation.
#[derive(Debug, Default)]
pub(crate) struct Woken {
    first: Option<Waker>,
    rest: WakeList,
    /// One that is to be dropped, not woken.
    unused: Option<Waker>,
}

impl Woken {
    pub(crate) const fn new() -> Self {
        Woken { first: None, rest: WakeList::new(), unused: None }
    }

    fn extend(&mut self, waker: Option<Waker>) {
        match (waker, &self.first) {
            (Some(waker), None) => self.first = Some(waker),
            (Some(waker), Some(_)) => self.rest.push(waker),
            (None, _) => {}
        }
    }
}

impl Drop for Woken {
    fn drop(&mut self) {
        if let Some(first) = self.first.take() {
            wake(first);
        }
        self.rest.wake_all();
        if let Some(unused) = self.unused.take() {
            drop_quietly(unused);
        }
    }
}
