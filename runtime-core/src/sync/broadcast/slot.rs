//! One place of the ring: a value, how many receivers are still to get it, and a lock for one at a time.
//!
//! ```text
//!                fill (nobody is to get it any more: no lock needed)
//!      0 ───────────────────────────────────────────▶ n   receivers are to get it
//!      ▲                                              │ ▲
//!      │ leave: that was the last        enter (LOCKED) │ leave: n - 1
//!      └──────────────────────────────────────────────┘ │
//!                                        fill (LOCKED): ┘ overwritten
//! ```
//! A receiver asks for a *position* and is among those who are counted for it until it leaves. So while the state
//! is 0 nobody can ask for what is there, and nobody enters.
//!
//! Leaving is a plain store: the way through a slot costs one exchange. The price is that who finds it locked is not
//! woken. It looks again, at first at once (a clone usually is a few instructions), then in growing intervals, which
//! makes its wait at most twice as long as it has to be, or 2 ms longer.
//!
//! A clone is user code and may use the channel. The thread that clones leaves its mark in the locked state
//! ([`me`]), so that it is found out where it would wait for itself: it cannot receive the very value that is being
//! cloned, nor send over it. It may drop receivers that were still to get that value: those are counted out when the
//! clone is done.
//!
//! # Invariants
//! - I1: the value belongs to whoever moved the state from `n > 0` to LOCKED until it stores an unlocked state;
//!   while the state is 0, to the sender that holds the lock of the ring's tail. Nobody moves it from 0 but that
//!   sender.
//! - I2: `position` is written only by the owner of the value. Every store to the state is a Release, every load that
//!   is acted on an Acquire: who enters sees the position that belongs to the value.

use crate::primitive::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::primitive::{UnsafeCell, hint, thread};
use crate::sync::fault::{Fault, planted};
use crate::tls;
use crate::util::wake_list::drop_quietly;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use self::shape::SPINS_MAX;

const LOCKED: usize = 1;
/// One receiver in the state.
const RECEIVER: usize = 2;

/// The position of a slot that was never filled.
const NEVER: u64 = u64::MAX;

#[cfg(not(loom))]
mod shape {
    /// Looks at once, before the first that lets other threads run.
    pub(super) const SPINS_MAX: u32 = 64;
}
#[cfg(loom)]
mod shape {
    /// Models let others run soon.
    pub(super) const SPINS_MAX: u32 = 1;
}

/// Looks that let other threads run, before the first pause.
const YIELDS_MAX: u32 = 16;
const PAUSE_MIN: Duration = Duration::from_micros(20);
const PAUSE_MAX: Duration = Duration::from_millis(2);

tls! {
    static MARK: u64 = 0;
}

/// A number that no other thread has while this one lives: the address of a thread-local. It is even, and larger than
/// any number of receivers.
fn me() -> Option<usize> {
    MARK.try_with(|mark| std::ptr::from_ref(mark).addr()).ok()
}

pub(super) struct Slot<T> {
    /// Of the value that is in it, or was.
    position: AtomicU64,
    /// Receivers that are still to get the value, and LOCKED. While it is cloned: who does that ([`me`]), and LOCKED.
    state: AtomicUsize,
    /// Receivers that the thread that clones the value has dropped meanwhile. Touched by no other.
    dropped: AtomicUsize,
    /// `Some` while receivers are to get it.
    value: UnsafeCell<Option<T>>,
}

// SAFETY: I1: one thread at a time has the value. That is enough for values that are not `Sync`.
unsafe impl<T: Send> Sync for Slot<T> {}

// A clone that panics has only looked at the value.
impl<T> UnwindSafe for Slot<T> {}
impl<T> RefUnwindSafe for Slot<T> {}

impl<T> Slot<T> {
    pub(super) fn new() -> Self {
        Slot {
            position: AtomicU64::new(NEVER),
            state: AtomicUsize::new(0),
            dropped: AtomicUsize::new(0),
            value: UnsafeCell::new(None),
        }
    }

    /// Whether some receiver is to get what is here.
    pub(super) fn is_wanted(&self) -> bool {
        self.state.load(Ordering::Relaxed) != 0
    }

    /// Puts in the value at `position` for so many receivers. Gives what it overwrote, if somebody was still to get
    /// that. The caller holds the lock of the ring's tail.
    ///
    /// # Errors
    /// Gives the value back if somebody is inside right now.
    pub(super) fn fill(&self, position: u64, receivers: usize, value: T) -> Result<Option<T>, T> {
        // ORDER: Acquire; pairs with the last receiver's leaving.
        let state = self.state.load(Ordering::Acquire);
        if state != 0 && !self.lock(state) {
            return Err(value);
        }
        let overwritten = self.value.with_mut(|place| {
            // SAFETY: I1: locked just now, or at 0 under the tail's lock.
            unsafe { (*place).replace(value) }
        });
        // ORDER: Release; pairs with `holds`. At 0, the state goes first: a receiver that finds its position can enter.
        if state == 0 {
            self.state.store(receivers * RECEIVER, Ordering::Release);
            self.position.store(position, Ordering::Release);
        } else {
            self.position.store(position, Ordering::Release);
            self.state.store(receivers * RECEIVER, Ordering::Release);
        }
        Ok(overwritten)
    }

    /// Waits while somebody is inside.
    ///
    /// # Panics
    /// If it is this thread.
    #[track_caller]
    pub(super) fn wait(&self) {
        let mut looks = Looks::default();
        while self.state.load(Ordering::Relaxed) & LOCKED != 0 {
            assert!(
                !self.is_mine(),
                "deadlock: the `Clone` of a broadcast value sends so much into its own channel that the value itself \
                 would be overwritten while it is cloned"
            );
            looks.pause();
        }
    }

    /// Whether the value at `position` is here.
    pub(super) fn holds(&self, position: u64) -> bool {
        // ORDER: Acquire; pairs with `fill`.
        self.position.load(Ordering::Acquire) == position
    }

    /// Whether this thread is in the middle of a clone of what is here.
    fn is_mine(&self) -> bool {
        // Relaxed: a thread recognises what it has stored itself, and nothing else looks like that.
        me().is_some_and(|me| self.state.load(Ordering::Relaxed) == me | LOCKED)
    }

    #[cold]
    fn refuse_own_value(&self) {
        assert!(
            !self.is_mine(),
            "deadlock: the `Clone` of a broadcast value receives that very value from its channel"
        );
    }

    /// For a receiver that is dropped by the clone of the value at `position`: counts it out. `false` if nobody here
    /// is cloning that.
    pub(super) fn leave_to_cloner(&self, position: u64) -> bool {
        let is_mine = self.is_mine() && self.holds(position);
        if is_mine {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        is_mine
    }

    /// For a receiver that is to get the value at `position`: its turn with it, unless that is not here yet or not
    /// any more.
    ///
    /// # Panics
    /// If this thread is cloning it.
    pub(super) fn enter(&self, position: u64) -> Option<Inside<'_, T>> {
        let mut looks = Looks::default();
        while self.holds(position) {
            // ORDER: Acquire; at 0, the next look at the position sees why.
            let state = self.state.load(Ordering::Acquire);
            if state & LOCKED != 0 {
                self.refuse_own_value();
                looks.pause();
            } else if state != 0 && self.lock(state) {
                let inside = Inside { slot: self, receivers: state / RECEIVER };
                // It may have been overwritten between the look and the lock.
                return (self.holds(position) || planted(Fault::BroadcastUnchecked)).then_some(inside);
            }
        }
        None
    }

    /// Locks a state that is neither 0 nor locked.
    fn lock(&self, state: usize) -> bool {
        // ORDER: Acquire; I2.
        let locked = state & LOCKED == 0
            && self
                .state
                .compare_exchange(state, state | LOCKED, Ordering::Acquire, Ordering::Relaxed)
                .is_ok();
        locked || planted(Fault::BroadcastUnlocked)
    }
}

/// A receiver's turn with a value.
pub(super) struct Inside<'a, T> {
    slot: &'a Slot<T>,
    /// Who is still to get it.
    receivers: usize,
}

impl<T> Inside<'_, T> {
    /// Counts this receiver out; the value, if that was the last.
    pub(super) fn pass(&mut self) -> Option<T> {
        self.receivers -= 1;
        self.take_unwanted()
    }

    #[inline]
    fn unlock(&self) {
        // ORDER: Release; I2. The next owner comes after what was done here.
        self.slot.state.store(self.receivers * RECEIVER, Ordering::Release);
    }

    /// The clone has dropped receivers: counts them out. If nobody else is to get the value, it goes with the last.
    #[cold]
    #[inline(never)]
    fn unlock_without_dropped(&mut self) {
        self.receivers -= self.slot.dropped.load(Ordering::Relaxed);
        self.slot.dropped.store(0, Ordering::Relaxed);
        let unwanted = self.take_unwanted();
        self.unlock();
        drop_quietly(unwanted);
    }

    /// The value, if nobody is to get it any more.
    fn take_unwanted(&mut self) -> Option<T> {
        if self.receivers > 0 {
            return None;
        }
        self.slot.value.with_mut(|place| {
            // SAFETY: I1: locked until the drop.
            unsafe { (*place).take() }
        })
    }
}

impl<T: Clone> Inside<'_, T> {
    /// Counts this receiver out, with the value: a clone, unless that was the last.
    pub(super) fn take(mut self) -> Option<T> {
        // Counted first: a clone that panics has been received.
        let last = self.pass();
        if last.is_some() {
            return last;
        }
        if let Some(me) = me() {
            // Relaxed: LOCKED stays, and more is nobody else's business.
            self.slot.state.store(me | LOCKED, Ordering::Relaxed);
        }
        self.slot.value.with(|place| {
            // SAFETY: I1: locked until the drop, which a panic brings as well.
            unsafe { (*place).clone() }
        })
    }
}

impl<T> Drop for Inside<'_, T> {
    fn drop(&mut self) {
        if self.slot.dropped.load(Ordering::Relaxed) > 0 {
            return self.unlock_without_dropped();
        }
        self.unlock();
    }
}

/// How often a locked slot was looked at.
#[derive(Default)]
struct Looks(u32);

impl Looks {
    fn pause(&mut self) {
        self.0 += 1;
        match self.0 {
            ..=SPINS_MAX => hint::spin_loop(),
            _ => self.pause_long(),
        }
    }

    #[cold]
    fn pause_long(&self) {
        let yields = self.0 - SPINS_MAX;
        if yields <= YIELDS_MAX {
            thread::yield_now();
        } else {
            let doublings = (yields - YIELDS_MAX - 1).min(8);
            thread::sleep((PAUSE_MIN * (1 << doublings)).min(PAUSE_MAX));
        }
    }
}
