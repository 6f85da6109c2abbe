//! A value behind a readers-writer lock that blocks threads, made for critical sections of a few instructions.
//!
//! # The word
//!
//! | bits | name | meaning |
//! |---|---|---|
//! | 0 | WRITER | a writer is inside |
//! | 1 | PARKED | somebody sleeps in the lot and is to be woken |
//! | 2 | QUEUED | a writer sleeps, or has been woken and is not inside yet: readers let it go first |
//! | 3.. | | readers inside |
//!
//! Without contention each side is two atomic operations. Who cannot enter looks a few times and then locks the lot;
//! there, one exchange either enters or sets PARKED in a word that keeps it out, and in the second case it sleeps. Who
//! makes room afterwards finds PARKED, and has to pass the lot's lock, that is, wait until the sleeper sleeps; it
//! clears the bit and wakes all.
//!
//! A thread that holds a read lock already takes another one past QUEUED. Otherwise it would wait for a
//! writer that waits for it. Which locks a thread holds is kept in a thread-local ([`Held`]); it also tells when
//! a thread waits for nobody but itself.
//!
//! # Invariants
//! - I1: the value is written only between the exchange that set WRITER and found no readers, and the RMW
//!   that clears it; it is read only between the exchange that counted a reader while WRITER was not set and
//!   the RMW that counts it out.
//! - I2: a read guard stays on its thread (it is not `Send`), so [`Held`] counts what its thread holds.

use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::primitive::{Condvar, Mutex, UnsafeCell};
use crate::sync::fault::{Fault, planted};
use crate::tls;
use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};

use self::spinning::spin;

const WRITER: usize = 1;
const PARKED: usize = 2;
const QUEUED: usize = 4;
const READER: usize = 8;

#[cfg(not(loom))]
mod spinning {
    use crate::primitive::hint;

    /// How often to look before sleeping: a swap of the value is over in that time.
    const SPINS_MAX: usize = 64;

    /// Looks a few times whether `enter` succeeds.
    pub(super) fn spin(mut enter: impl FnMut() -> bool) -> bool {
        (0..SPINS_MAX).any(|_| {
            hint::spin_loop();
            enter()
        })
    }
}
#[cfg(loom)]
mod spinning {
    /// Models sleep at once: a look more would hide what is wrong with the sleep.
    pub(super) fn spin(_: impl FnMut() -> bool) -> bool {
        false
    }
}

/// So many holdings of a thread are remembered. Who has more of them at once has lost count as well; what it loses here
/// is the message that it waits for itself.
const HOLDINGS_MAX: usize = 8;

/// The addresses of locks that are held, in the order in which they were taken; the same one may be there several
/// times. Those that are remembered come first, 0 stands for one that is not.
struct Few {
    locks: [Cell<usize>; HOLDINGS_MAX],
    /// How many there are, remembered or not.
    count: Cell<usize>,
}

impl Few {
    const fn none() -> Self {
        Few { locks: [const { Cell::new(0) }; HOLDINGS_MAX], count: Cell::new(0) }
    }

    fn is_empty(&self) -> bool {
        self.count.get() == 0
    }

    fn holds(&self, address: usize) -> bool {
        self.locks.iter().take(self.count.get()).any(|lock| lock.get() == address)
    }

    fn add(&self, address: usize) {
        let count = self.count.get();
        if let Some(place) = self.locks.get(count) {
            place.set(address);
        }
        self.count.set(count + 1);
    }

    fn remove(&self, address: usize) {
        // Saturating: what was taken while there was no thread-local is not here.
        let last = self.count.get().saturating_sub(1);
        if self.locks.get(last).is_none_or(|lock| lock.get() != address) {
            self.remove_from_between(address);
        }
        self.count.set(last);
    }

    /// What comes after it moves up.
    #[cold]
    fn remove_from_between(&self, address: usize) {
        let locks = &self.locks[..self.count.get().min(HOLDINGS_MAX)];
        let Some(at) = locks.iter().position(|lock| lock.get() == address) else { return };
        (at + 1..locks.len()).for_each(|from| locks[from - 1].set(locks[from].get()));
        locks[locks.len() - 1].set(0);
    }
}

/// What this thread holds of locks of this kind.
struct Held {
    reads: Few,
    /// Several, where a closure that modifies one value modifies another.
    writes: Few,
}

tls! {
    static HELD: Held = Held { reads: Few::none(), writes: Few::none() };
}

/// A value and its lock.
pub(super) struct Lock<T> {
    word: AtomicUsize,
    lot: Mutex<()>,
    room: Condvar,
    value: UnsafeCell<T>,
}

// SAFETY: I1: it gives out `&T` to many threads and `&mut T` to one.
unsafe impl<T: Send + Sync> Sync for Lock<T> {}

// A writer that panics leaves a value behind that others will see; the docs say so.
impl<T> UnwindSafe for Lock<T> {}
impl<T> RefUnwindSafe for Lock<T> {}

impl<T> Lock<T> {
    pub(super) fn new(value: T) -> Self {
        let value = UnsafeCell::new(value);
        Lock { word: AtomicUsize::new(0), lot: Mutex::new(()), room: Condvar::new(), value }
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Whether this thread remembers that it holds this lock in that way.
    #[cold]
    fn is_among(&self, which: impl FnOnce(&Held) -> &Few) -> bool {
        HELD.try_with(|held| which(held).holds(self.address())).unwrap_or(false)
    }

    /// # Panics
    /// If this thread is writing the value.
    #[track_caller]
    pub(super) fn read(&self) -> ReadGuard<'_, T> {
        // A thread that ends may hold locks of which its thread-local is gone: it goes past as well.
        let is_nested = HELD.try_with(|held| !held.reads.is_empty()).unwrap_or(true)
            && !planted(Fault::WatchQueuesNested);
        let count_in = |word: usize| {
            let blocking = if is_nested { WRITER } else { WRITER | QUEUED };
            (word & blocking == 0 || planted(Fault::WatchReadsWhileWritten)).then(|| word + READER)
        };
        if !self.try_enter(count_in) {
            let is_own = self.is_among(|held| &held.writes);
            assert!(
                !is_own,
                "deadlock: a closure that modifies a watched value borrows it from the channel as well"
            );
            self.enter(0, count_in);
        }
        self.guard()
    }

    /// The value if nobody writes or is about to.
    pub(super) fn try_read(&self) -> Option<ReadGuard<'_, T>> {
        let count_in = |word: usize| (word & (WRITER | QUEUED) == 0).then(|| word + READER);
        self.try_enter(count_in).then(|| self.guard())
    }

    /// For a reader that has been counted in.
    fn guard(&self) -> ReadGuard<'_, T> {
        let _ = HELD.try_with(|held| held.reads.add(self.address()));
        ReadGuard { lock: self, _stays: PhantomData }
    }

    /// # Panics
    /// If this thread is writing the value, or holds a read lock of it.
    #[track_caller]
    pub(super) fn write(&self) -> WriteGuard<'_, T> {
        // QUEUED goes: other writers that wait set it again when they are woken and find this one.
        let claim = |word: usize| (word < READER && word & WRITER == 0).then_some(word & PARKED | WRITER);
        if !self.try_enter(claim) {
            assert!(
                !self.is_among(|held| &held.reads),
                "deadlock: this thread sends while it holds a `watch::Ref` of the channel; drop that before"
            );
            assert!(
                !self.is_among(|held| &held.writes),
                "deadlock: a closure that modifies a watched value sends into the channel as well"
            );
            self.enter(QUEUED, claim);
        }
        let _ = HELD.try_with(|held| held.writes.add(self.address()));
        WriteGuard { lock: self }
    }

    /// Changes the word as `claim` says, if that finds room in it.
    fn try_enter(&self, claim: impl Fn(usize) -> Option<usize>) -> bool {
        // ORDER: Acquire; pairs with the Release of whoever made the room.
        self.word.fetch_update(Ordering::Acquire, Ordering::Relaxed, claim).is_ok()
    }

    /// As [`try_enter`](Self::try_enter), but waits. `bits` are set while it sleeps.
    #[cold]
    fn enter(&self, bits: usize, claim: impl Fn(usize) -> Option<usize>) {
        if spin(|| self.try_enter(&claim)) {
            return;
        }
        let asleep = if planted(Fault::WatchParksSilently) { 0 } else { PARKED | bits };
        let mut lot = self.lot.lock();
        loop {
            let enter_or_park = |word| Some(claim(word).unwrap_or(word | asleep));
            // ORDER: Acquire, as in `try_enter`.
            let before = self.word.fetch_update(Ordering::Acquire, Ordering::Relaxed, enter_or_park);
            if before.is_ok_and(|word| claim(word).is_some()) {
                return;
            }
            lot = self.room.wait(lot);
        }
    }

    /// There is room for somebody who sleeps.
    #[cold]
    fn wake(&self) {
        let lot = self.lot.lock();
        self.word.fetch_and(!PARKED, Ordering::Relaxed);
        drop(lot);
        self.room.notify_all();
    }
}

/// The value, to be looked at.
pub(super) struct ReadGuard<'a, T> {
    lock: &'a Lock<T>,
    /// I2.
    _stays: PhantomData<*const ()>,
}

// SAFETY: all that others can do with a reference to a guard is to get a `&T` out of it.
unsafe impl<T: Sync> Sync for ReadGuard<'_, T> {}

impl<T> UnwindSafe for ReadGuard<'_, T> {}
impl<T> RefUnwindSafe for ReadGuard<'_, T> {}

impl<T> Deref for ReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.lock.value.with(|value| {
            // SAFETY: I1: this guard is counted as a reader until its drop.
            unsafe { &*value }
        })
    }
}

impl<T> Drop for ReadGuard<'_, T> {
    fn drop(&mut self) {
        let _ = HELD.try_with(|held| held.reads.remove(self.lock.address()));
        // ORDER: Release; the next writer writes after what was read here.
        let before = self.lock.word.fetch_sub(READER, Ordering::Release);
        if before & PARKED != 0 && before < 2 * READER {
            self.lock.wake();
        }
    }
}

/// The value, to be changed.
pub(super) struct WriteGuard<'a, T> {
    lock: &'a Lock<T>,
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.lock.value.with(|value| {
            // SAFETY: I1: WRITER is ours until the drop.
            unsafe { &*value }
        })
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.lock.value.with_mut(|value| {
            // SAFETY: I1: WRITER is ours until the drop.
            unsafe { &mut *value }
        })
    }
}

impl<T> Drop for WriteGuard<'_, T> {
    fn drop(&mut self) {
        let _ = HELD.try_with(|held| held.writes.remove(self.lock.address()));
        // ORDER: Release; who enters next sees the value.
        let before = self.lock.word.fetch_and(!WRITER, Ordering::Release);
        if before & PARKED != 0 {
            self.lock.wake();
        }
    }
}
