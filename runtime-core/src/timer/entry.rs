//! One timer's node. It lives inside the future that waits, so a timer allocates nothing.
//!
//! Two sides touch it: the *owner* (the future, with its pinned `&mut`), and whoever holds the lock of
//! the wheel in which it is filed. They meet in one word:
//!
//! ```text
//!         1 arm                   2 try_fire
//!  IDLE ─────────▶ a deadline ──────────────▶ FIRED
//!    ▲                │    ▲│ 3 extend           │
//!    │   4 cancel     │    ╰╯       5 close      │
//!    ├────────────────┤──────────────────▶ CLOSED│
//!    │                                       │   │
//!    ╰───────────────────────────────────────┴───╯ 6 disarm
//! ```
//!
//! | move | who | holds the lock |
//! |---|---|---|
//! | 1 `arm`, then the wheel files it | owner | yes |
//! | 2 `try_fire`: unlinked already, the waker is taken first | firing thread | yes |
//! | 3 `extend`: a later deadline; the entry stays where it is filed, too early | owner | **no** |
//! | 4 unlinked by the wheel, then `disarm` | owner | yes |
//! | 5 `close` | shutdown | yes |
//! | 6 `disarm` | owner | no |
//!
//! # Invariants
//! - I1: while an entry is linked, its memory is valid and does not move. Whoever makes an [`EntryRef`]
//!   promises it.
//! - I2: links, slot and waker are touched only with exclusive access to the wheel in which the entry is
//!   filed (its lock), or by the owner while the word is IDLE or FIRED: then the entry is linked nowhere.
//! - I3: the store of FIRED or CLOSED is the last thing that the firing thread does to an entry: the
//!   owner, who reads it with Acquire, may free the memory at once.
//! - I4: an entry is linked if and only if its slot is not `NOWHERE`; who links it checks that.

use crate::primitive::UnsafeCell;
use crate::primitive::atomic::{AtomicU64, Ordering};
use crate::util::linked_list::{LinkedList, Links, Node};
use std::fmt;
use std::ptr::{NonNull, addr_of_mut};
use std::task::Waker;

/// Waits for nothing.
const IDLE: u64 = 0;
/// The deadline has passed and the waker was taken.
const FIRED: u64 = 1;
/// The runtime shut down first.
const CLOSED: u64 = 2;
/// The words above are no deadlines: a deadline before this is moved up to it, by 3 ns at most.
const DEADLINE_MIN_NS: u64 = 3;

/// The slot of an entry that is linked nowhere.
const NOWHERE: u16 = u16::MAX;

/// The node. `!Unpin`, because other nodes point to it.
pub struct Entry {
    links: Links<Entry>,
    word: AtomicU64,
    slot: UnsafeCell<u16>,
    waker: UnsafeCell<Option<Waker>>,
}

/// What the word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Waits for nothing.
    Idle,
    /// Waits for the deadline that it carries, in nanoseconds since the runtime's start.
    Waiting(u64),
    /// The deadline has passed.
    Fired,
    /// The runtime shut down first.
    Closed,
}

// SAFETY: I2: what is not atomic is touched by one thread at a time. A waker is Send.
unsafe impl Send for Entry {}
// SAFETY: I2: `&Entry` alone reaches only the word; all else goes through an `EntryRef`.
unsafe impl Sync for Entry {}

impl Entry {
    /// An idle entry.
    #[inline]
    pub fn new() -> Self {
        Entry {
            links: Links::new(),
            word: AtomicU64::new(IDLE),
            slot: UnsafeCell::new(NOWHERE),
            waker: UnsafeCell::new(None),
        }
    }

    /// What the entry waits for.
    #[inline]
    pub fn state(&self) -> State {
        // ORDER: Acquire; pairs with the Release in `try_fire` and `close`: after FIRED or CLOSED the
        // firing thread touches the entry no more (I3).
        match self.word.load(Ordering::Acquire) {
            IDLE => State::Idle,
            FIRED => State::Fired,
            CLOSED => State::Closed,
            deadline_ns => State::Waiting(deadline_ns),
        }
    }

    /// Move 3: replaces the deadline by a later one, without the lock. `false` if the new one is earlier
    /// (then the entry must be filed anew, under the lock), or if the entry waits no more.
    #[must_use]
    pub fn extend(&self, deadline_ns: u64) -> bool {
        let State::Waiting(mut present_ns) = self.state() else { return false };
        while (DEADLINE_MIN_NS..=deadline_ns).contains(&present_ns) {
            // ORDER: Relaxed; the word alone is exchanged, nothing is published by it. That `try_fire`
            // is a compare-exchange too decides whether it sees the old deadline or the new one.
            match self.word.compare_exchange_weak(
                present_ns,
                deadline_ns,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(changed) => present_ns = changed,
            }
        }
        false
    }

    /// Move 6, or the end of move 4: makes an entry ready to be armed again.
    ///
    /// # Safety
    /// The caller owns the entry, and it is linked nowhere: it was removed, or FIRED or CLOSED was seen.
    pub unsafe fn disarm(&self) {
        debug_assert!(self.is_cleared(), "who unlinks an entry for good takes its waker");
        // ORDER: Relaxed; the owner alone looks at an entry that is linked nowhere.
        self.word.store(IDLE, Ordering::Relaxed);
    }

    /// Whether an entry that is linked nowhere was left as it should be. Under loom these reads are what
    /// shows that the firing thread has let go of the entry (I3).
    fn is_cleared(&self) -> bool {
        let no_waker = self.waker.with(|waker| {
            // SAFETY: I2: the caller is the owner, and the entry is linked nowhere.
            unsafe { (*waker).is_none() }
        });
        let no_slot = self.slot.with(|slot| {
            // SAFETY: I2: as above.
            unsafe { *slot == NOWHERE }
        });
        no_waker && no_slot
    }
}

impl Default for Entry {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("state", &self.state()).finish_non_exhaustive()
    }
}

// SAFETY: the links are always the field `links` of the same entry.
unsafe impl Node for Entry {
    unsafe fn links(node: NonNull<Self>) -> NonNull<Links<Self>> {
        let entry = node.as_ptr();
        // SAFETY: the caller passes a live node: the place of its field lies in the same allocation.
        let links = unsafe { addr_of_mut!((*entry).links) };
        // SAFETY: a field of a live node is not at null.
        unsafe { NonNull::new_unchecked(links) }
    }
}

/// An entry as a wheel sees it: a promise, made once in [`EntryRef::new`], on which all its safe methods
/// rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryRef(NonNull<Entry>);

// SAFETY: I2: whoever uses it has exclusive access to its wheel, on whatever thread.
unsafe impl Send for EntryRef {}

impl EntryRef {
    /// The reference under which `entry` is filed.
    ///
    /// # Safety
    /// - The entry is pinned, and it is removed from the wheel in which this reference is filed before its
    ///   memory is reused (I1).
    /// - The reference and its copies are used with one wheel, and only while holding exclusive access to
    ///   it (I2).
    pub unsafe fn new(entry: &Entry) -> Self {
        EntryRef(NonNull::from(entry))
    }

    #[inline]
    fn entry(&self) -> &Entry {
        // SAFETY: I1, I2: the promise of `new`: the entry is live as long as a wheel knows it, and its
        // owner calls in with a borrow of it.
        unsafe { self.0.as_ref() }
    }

    /// The deadline that the entry waits for.
    #[inline]
    pub fn deadline_ns(&self) -> u64 {
        // ORDER: Relaxed; `extend` may change it right afterwards, to a later one: `try_fire` looks again.
        self.entry().word.load(Ordering::Relaxed)
    }

    /// The list in which the entry is linked.
    #[inline]
    pub fn slot(&self) -> Option<usize> {
        let slot = self.entry().slot.with(|slot| {
            // SAFETY: I2: exclusive access to the wheel.
            unsafe { *slot }
        });
        if slot == NOWHERE { None } else { Some(usize::from(slot)) }
    }

    fn set_slot(&self, new: u16) {
        self.entry().slot.with_mut(|slot| {
            // SAFETY: I2: exclusive access to the wheel.
            unsafe { *slot = new }
        });
    }

    /// Move 1: the entry now waits for `deadline_ns`. The wheel must file it (anew).
    pub fn arm(&self, deadline_ns: u64) {
        // ORDER: Relaxed; who fires it took the lock after us.
        self.entry().word.store(deadline_ns.max(DEADLINE_MIN_NS), Ordering::Relaxed);
    }

    /// Puts the waker in and gives the previous one back, to be dropped after the lock is released.
    #[must_use]
    pub fn set_waker(&self, waker: Option<Waker>) -> Option<Waker> {
        self.entry().waker.with_mut(|place| {
            // SAFETY: I2: exclusive access to the wheel.
            unsafe { place.replace(waker) }
        })
    }

    /// Whether the waker inside wakes the same task as `waker`. Runs no code of the waker's.
    pub fn will_wake(&self, waker: &Waker) -> bool {
        self.entry().waker.with(|place| {
            // SAFETY: I2: exclusive access to the wheel.
            let present = unsafe { &*place };
            present.as_ref().is_some_and(|present| present.will_wake(waker))
        })
    }

    /// Move 2, of an entry that the wheel has unlinked: gives its waker, or, if the owner has put the
    /// deadline behind `now_ns` meanwhile, nothing: then the wheel files it again. After `Ok` the entry may
    /// be gone.
    ///
    /// # Errors
    /// [`Extended`] if the entry is not due.
    ///
    /// # Panics
    /// If it is linked.
    pub fn try_fire(self, now_ns: u64) -> Result<Option<Waker>, Extended> {
        let mut deadline_ns = self.deadline_ns();
        if deadline_ns > now_ns {
            return Err(Extended);
        }
        let waker = self.set_waker(None);
        loop {
            match self.mark_fired(deadline_ns) {
                Ok(()) => return Ok(waker),
                Err(later_ns) if later_ns <= now_ns => deadline_ns = later_ns,
                Err(_) => {
                    let empty = self.set_waker(waker);
                    debug_assert!(empty.is_none(), "the lock is held since the waker was taken");
                    return Err(Extended);
                }
            }
        }
    }

    /// The last step of move 2, and the last touch of the entry (I3): the word goes from `deadline_ns` to
    /// FIRED.
    ///
    /// # Errors
    /// The present deadline, if it is another one.
    ///
    /// # Panics
    /// If the entry is linked.
    #[doc(hidden)]
    pub fn mark_fired(self, deadline_ns: u64) -> Result<(), u64> {
        assert!(self.slot().is_none(), "an entry is unlinked before it fires");
        // ORDER: Release; pairs with the Acquire in `state`: the owner who sees FIRED may free the entry,
        // so all that we did to it must come before. A failure is Relaxed: it only says "later".
        let word = &self.entry().word;
        word.compare_exchange(deadline_ns, FIRED, Ordering::Release, Ordering::Relaxed).map(|_| ())
    }

    /// Move 5, of an entry that the wheel has unlinked: gives its waker. Afterwards the entry may be gone.
    ///
    /// # Panics
    /// If it is linked.
    pub fn close(self) -> Option<Waker> {
        assert!(self.slot().is_none(), "an entry is unlinked before it is closed");
        let waker = self.set_waker(None);
        // ORDER: Release, as in `mark_fired`; a swap because the owner may `extend` at the same time, and
        // CLOSED must win.
        self.entry().word.swap(CLOSED, Ordering::Release);
        waker
    }
}

/// The owner has put the deadline off: the entry must be filed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extended;

/// One slot's entries, in the order in which they came.
#[derive(Debug)]
pub struct EntryList {
    list: LinkedList<Entry>,
    slot: u16,
}

impl EntryList {
    /// The empty list of slot number `slot`.
    ///
    /// # Panics
    /// If the number is too large to be kept in an entry.
    pub fn new(slot: usize) -> Self {
        let slot = u16::try_from(slot).ok().filter(|slot| *slot != NOWHERE).expect("a wheel has few slots");
        EntryList { list: LinkedList::new(), slot }
    }

    /// Whether nothing is linked.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Links `entry` at the end.
    ///
    /// # Panics
    /// If it is linked somewhere.
    #[inline]
    pub fn push_back(&mut self, entry: EntryRef) {
        assert!(entry.slot().is_none(), "a timer is filed in one slot at a time");
        entry.set_slot(self.slot);
        // SAFETY: I4: checked above; I1: it stays valid until it is unlinked.
        unsafe { self.list.push_back(entry.0) };
    }

    /// Unlinks the first entry.
    #[inline]
    pub fn pop_front(&mut self) -> Option<EntryRef> {
        let entry = EntryRef(self.list.pop_front()?);
        entry.set_slot(NOWHERE);
        Some(entry)
    }

    /// Unlinks `entry`.
    ///
    /// # Panics
    /// If it is not linked here.
    #[inline]
    pub fn remove(&mut self, entry: EntryRef) {
        assert_eq!(entry.slot(), Some(usize::from(self.slot)), "a timer is removed from its own slot");
        // SAFETY: I4: the slot says that it is linked here.
        let linked = unsafe { self.list.remove(entry.0) };
        debug_assert!(linked, "slot and links agree");
        entry.set_slot(NOWHERE);
    }

    /// Takes all entries out, as a list of the same slot: they count as linked in it until they are popped.
    pub fn take(&mut self) -> EntryList {
        EntryList { list: std::mem::take(&mut self.list), slot: self.slot }
    }

    /// The earliest deadline inside.
    pub fn min_deadline_ns(&self) -> Option<u64> {
        let mut min: Option<u64> = None;
        self.list.for_each(|entry| {
            let deadline_ns = EntryRef(entry).deadline_ns();
            min = Some(min.map_or(deadline_ns, |min| min.min(deadline_ns)));
        });
        min
    }
}
