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
//! writer that waits for it. Which threads hold locks is kept in a thread-local ([`Held`]); it also tells when
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

/// What this thread holds of locks of this kind, by their addresses.
struct Held {
    /// Read locks.
    reads: Cell<usize>,
    /// The lock of all of these, if it is the same; else 0.
    read: Cell<usize>,
    /// The lock that it is writing under, the innermost; else 0.
    written: Cell<usize>,
}

tls! {
    static HELD: Held = Held { reads: Cell::new(0), read: Cell::new(0), written: Cell::new(0) };
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

    /// # Panics
    /// If this thread is writing the value.
    #[track_caller]
    pub(super) fn read(&self) -> ReadGuard<'_, T> {
        // A thread that ends may hold locks of which its thread-local is gone: it goes past as well.
        let is_nested =
            HELD.try_with(|held| held.reads.get() > 0).unwrap_or(true) && !planted(Fault::WatchQueuesNested);
        let count_in = |word: usize| {
            let blocking = if is_nested { WRITER } else { WRITER | QUEUED };
            (word & blocking == 0 || planted(Fault::WatchReadsWhileWritten)).then(|| word + READER)
        };
        if !self.try_enter(count_in) {
            let is_own = HELD.try_with(|held| held.written.get() == self.address()).unwrap_or(false);
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
        let _ = HELD.try_with(|held| {
            let is_same = held.reads.get() == 0 || held.read.get() == self.address();
            held.read.set(if is_same { self.address() } else { 0 });
            held.reads.set(held.reads.get() + 1);
        });
        ReadGuard { lock: self, _stays: PhantomData }
    }

    /// # Panics
    /// If this thread is writing the value, or certainly holds a read lock of it.
    #[track_caller]
    pub(super) fn write(&self) -> WriteGuard<'_, T> {
        // QUEUED goes: other writers that wait set it again when they are woken and find this one.
        let claim = |word: usize| (word < READER && word & WRITER == 0).then_some(word & PARKED | WRITER);
        if !self.try_enter(claim) {
            let (read, written) =
                HELD.try_with(|held| (held.read.get(), held.written.get())).unwrap_or_default();
            assert!(
                read != self.address(),
                "deadlock: this thread sends while it holds a `watch::Ref` of the channel; drop that before"
            );
            assert!(
                written != self.address(),
                "deadlock: a closure that modifies a watched value sends into the channel as well"
            );
            self.enter(QUEUED, claim);
        }
        let outer = HELD.try_with(|held| held.written.replace(self.address())).unwrap_or(0);
        WriteGuard { lock: self, outer }
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
        let _ = HELD.try_with(|held| {
            let left = held.reads.get().saturating_sub(1);
            held.reads.set(left);
            if left == 0 {
                held.read.set(0);
            }
        });
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
    /// What this thread was writing before.
    outer: usize,
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
        let _ = HELD.try_with(|held| held.written.set(self.outer));
        // ORDER: Release; who enters next sees the value.
        let before = self.lock.word.fetch_and(!WRITER, Ordering::Release);
        if before & PARKED != 0 {
            self.lock.wake();
        }
    }
}
