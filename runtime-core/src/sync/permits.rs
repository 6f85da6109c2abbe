//! A number of permits in one word, and a list for those who wait for some: what stands behind
//! [`Semaphore`](super::Semaphore), [`Mutex`](super::Mutex) and the room in a bounded channel.
//!
//! # The word
//!
//! | bits | name | meaning |
//! |---|---|---|
//! | 0 | CLOSED | nobody gets permits any more; permits may still be given back |
//! | 1 | WAITERS | the list is not empty |
//! | 2.. | | free permits; how many bits is the [`Refill`]'s choice |
//! | above | | left alone here: a channel keeps its tail there, to send with one exchange |
//!
//! While WAITERS is not set, taking and giving back are one compare-exchange each and take no lock.
//! **WAITERS is set and cleared only under the lock of the list, and while it is set nothing else in the
//! word changes without that lock:** takers queue up, givers grant. So the free permits that a waiter with a
//! large need is waiting to see gathered cannot be taken past it, and the list is served strictly in order.
//!
//! A waiter is granted all it needs at once or nothing. Dropped while queued, it lets the next ones try;
//! dropped after the grant and before it was polled, it gives the permits back, which grants them on. So it does
//! if it finds, when it is polled, that the permits were closed since the grant: it is refused like those that
//! were still queued then. Permits are somebody's once a poll has said so, and only those are honoured after a close.
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
use super::wait_list::{Locked, Outcome, Spare, WaitList, Waiter, Woken};
use crate::coop;
use crate::primitive::atomic::{AtomicU64, Ordering, fence};
use crate::task::futurelock::{self, Watching, What};
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

const CLOSED: u64 = 1;
const WAITERS: u64 = 2;
const SHIFT: u32 = 2;

/// The most permits of a semaphore; as in tokio.
pub(crate) const PERMITS_MAX: usize = <NoRefill as Refill>::FREE_MAX;

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
    /// Bits of the word that count free permits.
    const FREE_BITS: u32;
    /// The most free permits.
    const FREE_MAX: usize = usize::MAX >> (usize::BITS - Self::FREE_BITS);

    /// How many there are since the last call; they now belong to the caller.
    fn pull(&self) -> usize;

    /// Whether somebody waits from now on. Called under the lock of the list.
    fn announce(&self, has_waiters: bool);
}

/// All permits are in the word.
#[derive(Debug)]
pub(crate) struct NoRefill;

impl Refill for NoRefill {
    const FREE_BITS: u32 = usize::BITS - 3;

    fn pull(&self) -> usize {
        0
    }

    fn announce(&self, _: bool) {}
}

/// A value of the word.
struct Word<R>(u64, PhantomData<R>);

impl<R> Clone for Word<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Word<R> {}

impl<R: Refill> Word<R> {
    const FREE_MASK: u64 = (R::FREE_MAX as u64) << SHIFT;

    const fn new(word: u64) -> Self {
        Word(word, PhantomData)
    }

    fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    fn has_waiters(self) -> bool {
        self.0 & WAITERS != 0
    }

    fn free(self) -> usize {
        ((self.0 & Self::FREE_MASK) >> SHIFT) as usize
    }

    /// Everything else the same, another number.
    fn with_free(self, free: usize) -> Self {
        Word::new(self.0 & !Self::FREE_MASK | (free as u64) << SHIFT)
    }

    /// The word after `n` were given back.
    ///
    /// # Panics
    /// If there would be too many.
    fn plus(self, n: usize) -> Self {
        let sum = self.free().checked_add(n).filter(|sum| *sum <= R::FREE_MAX);
        self.with_free(sum.expect("number of added permits would overflow `MAX_PERMITS`"))
    }

    /// The word after `need` were taken without waiting. Nothing needs nobody's turn.
    fn take(self, need: usize) -> Result<Self, Refusal> {
        if self.is_closed() {
            Err(Refusal::Closed)
        } else if need == 0 || !self.has_waiters() && self.free() >= need {
            Ok(self.with_free(self.free() - need))
        } else {
            Err(Refusal::NoPermits)
        }
    }
}

impl<R: Refill> fmt::Debug for Word<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Permits");
        f.field("free", &self.free()).field("waiters", &self.has_waiters());
        f.field("closed", &self.is_closed()).finish()
    }
}

/// The permits.
pub(crate) struct Permits<R = NoRefill> {
    word: AtomicU64,
    waiters: WaitList,
    refill: R,
}

impl<R: Refill> fmt::Debug for Permits<R> {
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
            let word = AtomicU64::new((free as u64) << SHIFT);
            Permits { word, waiters: WaitList::new(), refill: NoRefill }
        }

        /// None, and there will be none.
        pub(crate) const fn new_closed() -> Self {
            Permits { word: AtomicU64::new(CLOSED), waiters: WaitList::new(), refill: NoRefill }
        }
    }
}

impl<R: Refill> Permits<R> {
    /// `free` permits, and more from `refill`.
    pub(crate) fn with_refill(free: usize, refill: R) -> Self {
        assert!(free <= R::FREE_MAX, "more permits than the word can count");
        Permits { word: AtomicU64::new((free as u64) << SHIFT), waiters: WaitList::new(), refill }
    }

    /// The word, for who keeps something above the permits.
    pub(crate) fn word(&self) -> &AtomicU64 {
        &self.word
    }

    /// The word after `need` were taken without waiting, for who exchanges it.
    pub(crate) fn take_from(word: u64, need: usize) -> Result<u64, Refusal> {
        Word::<R>::new(word).take(need).map(|word| word.0)
    }

    fn load(&self) -> Word<R> {
        // ORDER: Acquire; whoever sees CLOSED sees what was done before closing.
        Word::new(self.word.load(Ordering::Acquire))
    }

    /// ORDER: AcqRel; taking pairs with the giving back before it, what a holder did is seen by the next.
    fn exchange(&self, old: Word<R>, new: Word<R>) -> Result<Word<R>, Word<R>> {
        let result = self.word.compare_exchange(old.0, new.0, Ordering::AcqRel, Ordering::Acquire);
        result.map(Word::new).map_err(Word::new)
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

    /// Gives `n` back, to those who wait first.
    ///
    /// # Panics
    /// If there would be more than [`Refill::FREE_MAX`] free.
    pub(crate) fn release(&self, n: usize) {
        if n == 0 {
            return;
        }
        let mut word = self.load();
        while !word.has_waiters() {
            match self.exchange(word, word.plus(n)) {
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
            match self.exchange(word, word.plus(n)) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
        // WAITERS is set and the lock is ours: so is the word, but for what others keep above the permits.
        let mut new = word.plus(n);
        while let Some(need) = locked.front_need().filter(|need| *need <= new.free()) {
            new = new.with_free(new.free() - need);
            futurelock::granted(|| locked.front());
            locked.notify_front(GRANTED, woken);
        }
        if locked.is_empty() {
            new.0 &= !WAITERS;
            self.refill.announce(false);
        }
        // ORDER: AcqRel, as in `exchange`. What earlier holders did came here through the lock. Adding the
        // difference leaves the bits above as they are now.
        self.word.fetch_add(new.0.wrapping_sub(word.0), Ordering::AcqRel);
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
            match word.take(need) {
                Ok(taken) => match self.exchange(word, taken) {
                    Ok(_) => return Ok(()),
                    Err(now) => word = now,
                },
                Err(Refusal::NoPermits) if self.refill() => word = self.load(),
                Err(refusal) => return Err(refusal),
            }
        }
    }

    /// Takes `need`, in turn. `what` they are is for people.
    pub(crate) fn acquire(&self, need: usize, what: What) -> Acquire<'_, R> {
        let watching = Watching::new(what);
        Acquire { permits: self, need, is_done: false, watching, waiter: Waiter::new() }
    }

    /// Takes `need` after all, or queues `waiter`: only now nobody can give any back in between.
    fn enqueue(&self, waiter: Pin<&Waiter>, need: usize, cx: &Context<'_>) -> Poll<Outcome> {
        let mut spare = Spare::clone_of(cx);
        let mut locked = self.waiters.lock();
        let mut word = self.load();
        while !word.has_waiters() {
            let taken = word.take(need);
            if taken.is_err_and(|refusal| refusal == Refusal::Closed) {
                return Poll::Ready(REFUSED);
            }
            let new = taken.unwrap_or(Word::new(word.0 | WAITERS));
            match self.exchange(word, new) {
                Ok(_) if taken.is_ok() => return Poll::Ready(GRANTED),
                Ok(_) => break,
                Err(now) => word = now,
            }
        }
        locked.push_back(waiter, spare.take(), need);
        self.refill.announce(true);
        drop(locked);
        if !planted(Fault::RoomUnchecked) {
            fence(Ordering::SeqCst);
            self.refill();
        }
        waiter.outcome().map_or(Poll::Pending, Poll::Ready)
    }

    /// What the end of a wait for `need` means, for who is polled after it.
    #[inline]
    fn settle(&self, outcome: Outcome, need: usize) -> Result<(), Refusal> {
        if outcome == GRANTED && (!self.is_closed() || planted(Fault::CloseOverlooked)) {
            return Ok(());
        }
        self.refuse(outcome, need);
        Err(Refusal::Closed)
    }

    #[cold]
    fn refuse(&self, outcome: Outcome, need: usize) {
        if outcome == GRANTED {
            self.release(need);
        }
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

pin_project! {
    /// Takes permits in turn. They are the caller's once this is `Ready(Ok)`; a drop before that leaves
    /// everything as if it had never been.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub(crate) struct Acquire<'a, R: Refill = NoRefill> {
        permits: &'a Permits<R>,
        need: usize,
        is_done: bool,
        watching: Watching,
        #[pin]
        waiter: Waiter,
    }

    impl<R: Refill> PinnedDrop for Acquire<'_, R> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.watching.ends(&*this.waiter);
            if !*this.is_done && !this.waiter.is_idle() {
                this.permits.cancel(this.waiter.into_ref(), *this.need);
            }
        }
    }
}

impl<R: Refill> Future for Acquire<'_, R> {
    type Output = Result<(), Refusal>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let progress = ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Lock));
        let this = self.project();
        let waiter = this.waiter.into_ref();
        let (permits, need) = (*this.permits, *this.need);
        let outcome = if !waiter.is_idle() {
            this.watching.queues(waiter.get_ref());
            Err(ready!(permits.waiters.poll_queued(waiter, cx)))
        } else {
            match permits.try_acquire(need) {
                Err(Refusal::NoPermits) => {
                    this.watching.queues(waiter.get_ref());
                    Err(ready!(permits.enqueue(waiter, need, cx)))
                }
                decided => Ok(decided),
            }
        };
        this.watching.ends(waiter.get_ref());
        // First: from here on the permits are no longer the waiter's to give back.
        *this.is_done = true;
        let result = outcome.unwrap_or_else(|outcome| permits.settle(outcome, need));
        progress.made_progress();
        Poll::Ready(result)
    }
}
