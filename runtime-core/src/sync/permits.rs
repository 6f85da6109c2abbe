//! A number of permits in one word, and a list for those who wait for some: what stands behind
//! [`Semaphore`](super::Semaphore), [`Mutex`](super::Mutex) and the room in a bounded channel.
//!
//! # The word
//!
//! | bits | name | meaning |
//! |---|---|---|
//! | 0 | CLOSED | nobody gets permits any more; permits may still be given back |
//! | 1 | WAITERS | the list is not empty |
//! | 2.. | | free permits |
//!
//! While WAITERS is not set, taking and giving back are one compare-exchange each and take no lock.
//! **WAITERS is set and cleared only under the lock of the list, and while it is set nothing else in the
//! word changes without that lock:** takers queue up, givers grant. So the free permits that a waiter with a
//! large need is waiting to see gathered cannot be taken past it, and the list is served strictly in order.
//!
//! A waiter is granted all it needs at once or nothing. Dropped while queued, it lets the next ones try;
//! dropped after the grant and before it was polled, it gives the permits back, which grants them on.
//!
//! # Pulled refills
//!
//! A channel's receiver makes room with every value it takes. It would be a pity to touch the word on which
//! all senders meet each time, so it only counts, and takers who find no permits [`Refill`] the word with
//! all that came together. No permit is forgotten:
//! - receiver: r1 count, r2 `fence(SeqCst)`, r3 look whether waiters were announced; if so, refill.
//! - taker: t1 queue and announce (under the lock), t2 `fence(SeqCst)`, t3 refill.
//!
//! If r3 does not see t1, then r2 precedes t2 in the order of fences, and t3 sees r1: the taker refills.

use super::fault::{Fault, planted};
use super::wait_list::{Locked, Outcome, WaitList, Waiter, Woken};
use crate::coop;
use crate::primitive::atomic::{AtomicUsize, Ordering, fence};
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

const CLOSED: usize = 1;
const WAITERS: usize = 2;
const SHIFT: usize = 2;

/// The most permits there can be; as in tokio.
pub(crate) const PERMITS_MAX: usize = usize::MAX >> 3;

const GRANTED: Outcome = Outcome::new(1);
const REFUSED: Outcome = Outcome::new(2);

/// Why nothing was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Too few are free, or others came before.
    NoPermits,
    /// Closed.
    Closed,
}

/// Where further permits may be found when the word has none.
pub(crate) trait Refill {
    /// How many there are since the last call; they now belong to the caller.
    fn pull(&self) -> usize;

    /// Whether somebody waits from now on. Called under the lock of the list.
    fn announce(&self, has_waiters: bool);
}

/// All permits are in the word.
#[derive(Debug)]
pub(crate) struct NoRefill;

impl Refill for NoRefill {
    fn pull(&self) -> usize {
        0
    }

    fn announce(&self, _: bool) {}
}

/// A value of the word.
#[derive(Clone, Copy)]
struct Word(usize);

impl Word {
    fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    fn has_waiters(self) -> bool {
        self.0 & WAITERS != 0
    }

    fn free(self) -> usize {
        self.0 >> SHIFT
    }

    /// The same flags, another number.
    fn with_free(self, free: usize) -> Word {
        Word(free << SHIFT | self.0 & (CLOSED | WAITERS))
    }

    /// Whether `need` can be taken without waiting. Nothing needs nobody's turn.
    fn admits(self, need: usize) -> bool {
        need == 0 || !self.has_waiters() && self.free() >= need
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Permits");
        f.field("free", &self.free()).field("waiters", &self.has_waiters());
        f.field("closed", &self.is_closed()).finish()
    }
}

/// The permits.
pub(crate) struct Permits<R = NoRefill> {
    word: AtomicUsize,
    waiters: WaitList,
    refill: R,
}

impl<R> fmt::Debug for Permits<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.load().fmt(f)
    }
}

impl Permits {
    crate::const_fn! {
        /// `free` permits.
        ///
        /// # Panics
        /// If they are more than [`PERMITS_MAX`].
        pub(crate) const fn new(free: usize) -> Self {
            assert!(free <= PERMITS_MAX, "a semaphore may not have more than `MAX_PERMITS` permits");
            Permits { word: AtomicUsize::new(free << SHIFT), waiters: WaitList::new(), refill: NoRefill }
        }
    }
}

impl<R> Permits<R> {
    /// `free` permits, and more from `refill`.
    pub(crate) fn with_refill(free: usize, refill: R) -> Self {
        assert!(free <= PERMITS_MAX, "a channel's capacity may not exceed `Semaphore::MAX_PERMITS`");
        Permits { word: AtomicUsize::new(free << SHIFT), waiters: WaitList::new(), refill }
    }

    fn load(&self) -> Word {
        // ORDER: Acquire; whoever sees CLOSED sees what was done before closing.
        Word(self.word.load(Ordering::Acquire))
    }

    /// ORDER: AcqRel; taking pairs with the giving back before it, what a holder did is seen by the next.
    fn exchange(&self, old: Word, new: Word) -> Result<Word, Word> {
        let result = self.word.compare_exchange(old.0, new.0, Ordering::AcqRel, Ordering::Acquire);
        result.map(Word).map_err(Word)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.load().is_closed()
    }

    /// How many are free for somebody who comes now. What gathers for the first waiter is not.
    pub(crate) fn free(&self) -> usize {
        let word = self.load();
        if word.has_waiters() { 0 } else { word.free() }
    }

    /// Takes up to `n` free ones out for good; says how many.
    pub(crate) fn forget(&self, n: usize) -> usize {
        let mut word = self.load();
        while !word.has_waiters() {
            let gone = n.min(word.free());
            match self.exchange(word, word.with_free(word.free() - gone)) {
                Ok(_) => return gone,
                Err(now) => word = now,
            }
        }
        0
    }
}

impl<R: Refill> Permits<R> {
    /// Gives `n` back, to those who wait first.
    ///
    /// # Panics
    /// If there would be more than [`PERMITS_MAX`] free.
    pub(crate) fn release(&self, n: usize) {
        if n == 0 {
            return;
        }
        let mut word = self.load();
        while !word.has_waiters() {
            match self.exchange(word, word.with_free(checked_sum(word.free(), n))) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
        let mut woken = Woken::new();
        self.grant(&mut self.waiters.lock(), n, &mut woken);
    }

    /// Adds `n` and serves the list.
    fn grant(&self, locked: &mut Locked<'_>, n: usize, woken: &mut Woken) {
        let mut word = self.load();
        while !word.has_waiters() {
            match self.exchange(word, word.with_free(checked_sum(word.free(), n))) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
        // WAITERS is set and the lock is ours: the word is, too.
        let mut free = checked_sum(word.free(), n);
        while let Some(need) = locked.front_need().filter(|need| *need <= free) {
            free -= need;
            locked.notify_front(GRANTED, woken);
        }
        if locked.is_empty() {
            word = Word(word.0 & !WAITERS);
            self.refill.announce(false);
        }
        // ORDER: Release, as in `exchange`. What earlier holders did came here through the lock.
        self.word.store(word.with_free(free).0, Ordering::Release);
    }

    /// Refuses everybody from now on.
    pub(crate) fn close(&self) {
        let mut woken = Woken::new();
        let mut locked = self.waiters.lock();
        // ORDER: AcqRel as in `exchange`. Not a store: without waiters others may change the word.
        self.word.fetch_or(CLOSED, Ordering::AcqRel);
        locked.notify_all(REFUSED, &mut woken);
        self.word.fetch_and(!WAITERS, Ordering::AcqRel);
        self.refill.announce(false);
        drop(locked);
    }

    /// What refills this.
    pub(crate) fn source(&self) -> &R {
        &self.refill
    }

    /// Fetches what gathered elsewhere; whether there was something.
    pub(crate) fn refill(&self) -> bool {
        let n = self.refill.pull();
        self.release(n);
        n > 0
    }

    /// Takes `need` if nobody waits.
    pub(crate) fn try_acquire(&self, need: usize) -> Result<(), Refusal> {
        let mut word = self.load();
        loop {
            if word.is_closed() {
                return Err(Refusal::Closed);
            }
            if word.admits(need) {
                match self.exchange(word, word.with_free(word.free() - need)) {
                    Ok(_) => return Ok(()),
                    Err(now) => word = now,
                }
            } else if self.refill() {
                word = self.load();
            } else {
                return Err(Refusal::NoPermits);
            }
        }
    }

    /// Takes `need`, in turn.
    pub(crate) fn acquire(&self, need: usize) -> Acquire<'_, R> {
        Acquire { permits: self, need, is_done: false, waiter: Waiter::new() }
    }

    /// Takes `need` after all, or queues `waiter`: only now nobody can give any back in between.
    fn enqueue(&self, waiter: Pin<&Waiter>, need: usize, cx: &Context<'_>) -> Poll<Result<(), Refusal>> {
        let mut waker = Some(cx.waker().clone());
        let mut locked = self.waiters.lock();
        let mut word = self.load();
        loop {
            if word.is_closed() {
                return Poll::Ready(Err(Refusal::Closed));
            }
            if word.has_waiters() {
                break;
            }
            let admitted = word.admits(need);
            let new = if admitted { word.with_free(word.free() - need) } else { Word(word.0 | WAITERS) };
            match self.exchange(word, new) {
                Ok(_) if admitted => return Poll::Ready(Ok(())),
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        locked.push_back(waiter, waker.take(), need);
        self.refill.announce(true);
        drop(locked);
        if !planted(Fault::RoomUnchecked) {
            fence(Ordering::SeqCst);
            self.refill();
        }
        waiter.outcome().map_or(Poll::Pending, |outcome| Poll::Ready(meaning(outcome)))
    }

    /// The wait for `need` at `waiter` is over although nobody polled it to its end.
    fn cancel(&self, waiter: Pin<&Waiter>, need: usize) {
        let mut woken = Woken::new();
        let mut locked = self.waiters.lock();
        if locked.remove(waiter, &mut woken) {
            if !planted(Fault::HeadKept) || locked.is_empty() {
                // What gathered for this one may be enough for the next.
                self.grant(&mut locked, 0, &mut woken);
            }
        } else if waiter.outcome() == Some(GRANTED) && !planted(Fault::GrantKept) {
            self.grant(&mut locked, need, &mut woken);
        }
        drop(locked);
    }
}

fn meaning(outcome: Outcome) -> Result<(), Refusal> {
    if outcome == GRANTED { Ok(()) } else { Err(Refusal::Closed) }
}

fn checked_sum(free: usize, n: usize) -> usize {
    let sum = free.checked_add(n).filter(|sum| *sum <= PERMITS_MAX);
    sum.expect("number of added permits would overflow `MAX_PERMITS`")
}

pin_project! {
    /// Takes permits in turn. They are the caller's once this is `Ready(Ok)`; a drop before that leaves
    /// everything as if it had never been.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub(crate) struct Acquire<'a, R: Refill = NoRefill> {
        permits: &'a Permits<R>,
        need: usize,
        is_done: bool,
        #[pin]
        waiter: Waiter,
    }

    impl<R: Refill> PinnedDrop for Acquire<'_, R> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if !*this.is_done && !this.waiter.is_idle() {
                this.permits.cancel(this.waiter.into_ref(), *this.need);
            }
        }
    }
}

impl<R: Refill> Future for Acquire<'_, R> {
    type Output = Result<(), Refusal>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let progress = ready!(coop::poll_proceed(cx));
        let this = self.project();
        let waiter = this.waiter.into_ref();
        let result = if waiter.is_idle() {
            match this.permits.try_acquire(*this.need) {
                Err(Refusal::NoPermits) => ready!(this.permits.enqueue(waiter, *this.need, cx)),
                decided => decided,
            }
        } else {
            meaning(ready!(this.permits.waiters.poll_queued(waiter, cx)))
        };
        *this.is_done = true;
        progress.made_progress();
        Poll::Ready(result)
    }
}
