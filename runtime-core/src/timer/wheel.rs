//! The wheel: timers sorted coarsely, so that filing and removing one costs the same however many wait.
//!
//! Time is cut into ticks of 131 µs. Level 0 has one slot for each of the 64 ticks of the present group,
//! level 1 one for each of the 64 groups of the present group of groups, and so on; the 47 bits of a tick
//! need 8 levels, so every deadline has its place and none overflows. A timer's level is the highest
//! digit (of 6 bits) in which its tick differs from the present one. Two things follow: all timers of a
//! level come before all those of the next, and within a level the slots lie in order. When time reaches
//! a slot of a higher level its timers are filed again, further down; from level 0 they go to the list
//! of those that are due. Timers fire in the order of their ticks; within a tick, as they were filed.
//!
//! The tick only sorts: a timer becomes due at its exact deadline, never before.
//!
//! Each slot keeps a lower bound of its deadlines. Removing a timer leaves it as it is, so it may be too
//! early; it is never too late.
//!
//! Pure data: no lock, no clock. [`NEVER`] has a list of its own.

#![forbid(unsafe_code)]

use crate::timer::clock::NEVER;
use crate::timer::entry::{EntryList, EntryRef};

/// A tick is 2^17 ns = 131,072 ns.
const TICK_BITS: u32 = 17;
/// 64 slots a level, so that one word says which are occupied.
const SLOT_BITS: u32 = 6;
const SLOT_COUNT: usize = 1 << SLOT_BITS;
/// 8 levels of 6 bits hold the 64 - 17 bits of a tick.
const LEVEL_COUNT: usize = 8;

/// The lists behind those of the levels.
const DUE: usize = LEVEL_COUNT * SLOT_COUNT;
const WITHOUT_END: usize = DUE + 1;
const LIST_COUNT: usize = DUE + 2;

/// Timers by deadline.
#[derive(Debug)]
pub struct Wheel {
    /// The present tick. No timer of the levels is filed in a slot that ended before it.
    elapsed: u64,
    /// One bit a slot.
    occupied: [u64; LEVEL_COUNT],
    /// A lower bound of the deadlines in each slot of the levels.
    bounds_ns: Box<[u64]>,
    lists: Box<[EntryList]>,
    len: usize,
}

impl Default for Wheel {
    fn default() -> Self {
        Self::new()
    }
}

impl Wheel {
    /// An empty wheel at moment 0.
    pub fn new() -> Self {
        Wheel {
            elapsed: 0,
            occupied: [0; LEVEL_COUNT],
            bounds_ns: vec![NEVER; DUE].into_boxed_slice(),
            lists: (0..LIST_COUNT).map(EntryList::new).collect(),
            len: 0,
        }
    }

    /// How many timers are filed.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Files an armed entry. One whose deadline has passed is due in the next [`advance`](Self::advance).
    ///
    /// # Panics
    /// If it is filed already.
    pub fn insert(&mut self, entry: EntryRef) {
        self.file(entry);
        self.len += 1;
    }

    /// Takes an entry out; `false` if it is not in (it has fired).
    pub fn remove(&mut self, entry: EntryRef) -> bool {
        let Some(slot) = entry.slot() else { return false };
        self.lists[slot].remove(entry);
        if slot < DUE && self.lists[slot].is_empty() {
            self.mark_empty(slot);
        }
        self.len -= 1;
        true
    }

    /// A moment before which nothing becomes due: the earliest deadline, or an earlier moment at which a
    /// timer waited that was removed or put off since. [`NEVER`] if nothing waits.
    pub fn bound_ns(&self) -> u64 {
        if !self.lists[DUE].is_empty() {
            return 0;
        }
        self.first_slot().map_or(NEVER, |slot| self.bounds_ns[slot])
    }

    /// The earliest deadline: [`NEVER`] if nothing waits. Looks at every timer of the first slot.
    pub fn earliest_ns(&mut self) -> u64 {
        if let Some(due) = self.lists[DUE].min_deadline_ns() {
            return due;
        }
        while let Some(slot) = self.first_slot() {
            // Timers that were put off move to where they belong.
            self.refile(slot);
            if self.first_slot() == Some(slot) {
                break;
            }
        }
        self.bound_ns()
    }

    /// Moves time to `now_ns`, and says how late it is: later, if a thread that read the clock later was
    /// here first. What is due then can be popped.
    pub fn advance(&mut self, now_ns: u64) -> u64 {
        let now_ns = now_ns.max(self.elapsed << TICK_BITS);
        let now = now_ns >> TICK_BITS;
        while let Some(slot) = self.first_slot() {
            let start = self.start_of(slot);
            if start > now {
                break;
            }
            self.elapsed = self.elapsed.max(start);
            if slot >= SLOT_COUNT {
                self.refile(slot);
                continue;
            }
            self.collect_due(slot, start, now_ns);
            if start == now {
                // What is left in this slot is due later within the present tick.
                break;
            }
        }
        self.elapsed = now;
        now_ns
    }

    /// The next timer that is due, unlinked. The caller fires it, or files it again with
    /// [`insert`](Self::insert).
    pub fn pop_due(&mut self) -> Option<EntryRef> {
        let entry = self.lists[DUE].pop_front()?;
        self.len -= 1;
        Some(entry)
    }

    /// Any timer, unlinked: to empty the wheel.
    pub fn pop_any(&mut self) -> Option<EntryRef> {
        let slot = if !self.lists[DUE].is_empty() {
            DUE
        } else if let Some(slot) = self.first_slot() {
            slot
        } else {
            WITHOUT_END
        };
        let entry = self.lists[slot].pop_front()?;
        if slot < DUE && self.lists[slot].is_empty() {
            self.mark_empty(slot);
        }
        self.len -= 1;
        Some(entry)
    }

    fn file(&mut self, entry: EntryRef) {
        let deadline_ns = entry.deadline_ns();
        if deadline_ns == NEVER {
            self.lists[WITHOUT_END].push_back(entry);
            return;
        }
        let slot = self.slot_of(deadline_ns >> TICK_BITS);
        self.lists[slot].push_back(entry);
        self.occupied[slot / SLOT_COUNT] |= 1 << (slot % SLOT_COUNT);
        self.bounds_ns[slot] = self.bounds_ns[slot].min(deadline_ns);
    }

    /// Where `tick` belongs: the level is the highest digit in which it differs from the present tick.
    fn slot_of(&self, tick: u64) -> usize {
        let tick = tick.max(self.elapsed);
        // `| 1`: ticks that do not differ belong to level 0.
        let highest_bit = 63 - ((tick ^ self.elapsed) | 1).leading_zeros();
        let level = highest_bit / SLOT_BITS;
        let digit = (tick >> (level * SLOT_BITS)) as usize % SLOT_COUNT;
        level as usize * SLOT_COUNT + digit
    }

    /// The occupied slot that comes first.
    fn first_slot(&self) -> Option<usize> {
        let level = self.occupied.iter().position(|occupied| *occupied != 0)?;
        Some(level * SLOT_COUNT + self.occupied[level].trailing_zeros() as usize)
    }

    /// The tick with which an occupied slot begins.
    fn start_of(&self, slot: usize) -> u64 {
        let (level, digit) = ((slot / SLOT_COUNT) as u32, (slot % SLOT_COUNT) as u64);
        let above = (level + 1) * SLOT_BITS;
        (self.elapsed >> above << above) | (digit << (level * SLOT_BITS))
    }

    fn mark_empty(&mut self, slot: usize) {
        self.occupied[slot / SLOT_COUNT] &= !(1 << (slot % SLOT_COUNT));
        self.bounds_ns[slot] = NEVER;
    }

    fn take(&mut self, slot: usize) -> EntryList {
        self.mark_empty(slot);
        self.lists[slot].take()
    }

    /// Files the timers of `slot` again, by their present deadlines and the present tick.
    fn refile(&mut self, slot: usize) {
        let mut list = self.take(slot);
        while let Some(entry) = list.pop_front() {
            self.file(entry);
        }
    }

    /// Moves those timers of the slot of level 0 for `tick` that are due to their list, and files the others
    /// again: those that are due later within the tick, and those that were put off to a later tick, which
    /// may have come too, but has its turn later.
    fn collect_due(&mut self, slot: usize, tick: u64, now_ns: u64) {
        let mut list = self.take(slot);
        while let Some(entry) = list.pop_front() {
            let deadline_ns = entry.deadline_ns();
            if deadline_ns <= now_ns && deadline_ns >> TICK_BITS <= tick {
                self.lists[DUE].push_back(entry);
            } else {
                self.file(entry);
            }
        }
    }
}
