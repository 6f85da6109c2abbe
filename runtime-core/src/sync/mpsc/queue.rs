//! The values of a channel: an unbounded queue, many push, one pops.
//!
//! A list of blocks of slots. A push claims the next slot by one compare-exchange on the tail's index,
//! writes the value, and publishes it by a swap on the slot's own state. The idea is that of
//! crossbeam-channel's list flavour; here there is one popper, who needs no atomic but the slot's, and who
//! can mark the slot that it waits for: whoever fills a marked slot wakes it. So a push knows without
//! looking anywhere else whether the receiver sleeps.
//!
//! ```text
//!   slot:   EMPTY ──push──▶ FULL ──pop──▶ (block recycled: EMPTY)
//!             │  ▲            ▲
//!   mark_head │  │ (again)    │ push, answers "wake the receiver"
//!             ▼  │            │
//!           MARKED ───────────┘
//! ```
//!
//! # The ticket
//!
//! The tail is a count in the upper bits of a word that the limit of the channel owns ([`Beside`]): position
//! in the block below [`LAP`], block above. So one exchange takes room *and* a slot; two senders on two cores
//! pass one cache line to and fro once a value, not twice.
//!
//! A block has one slot less than a lap has positions: the position behind the last slot means that the
//! claimant of that slot is about to link the next block, and others who come meanwhile wait for a few
//! instructions. The claimant has the next block in hand before it claims, so it runs nothing foreign in
//! between.
//!
//! # The bound
//!
//! Tickets are counted modulo 2^63 in an unbounded channel and modulo 2^32 in a bounded one, whose word has the
//! permits in its other half. A sender that is stopped inside `claim`, after it has read the word and before it
//! exchanges it, while exactly a multiple of so many tickets is claimed by others, finds the same word again if the
//! rest of that is the same to the bit as well; it would then write into a block that is gone. For a bounded channel
//! that is a thread that the system does not run for minutes (2^32 values at 100 million a second are 43 seconds, and
//! no channel between cores is that fast), while the others hit the one ticket in four billion at the moment of its
//! awakening: possible in principle, and taken for impossible, as everybody who counts in words does. More bits for
//! the ticket would be taken from the permits, and with them from the capacity and from `reserve_many`; a second word
//! would cost each send a second contended exchange.
//!
//! One used-up block is kept for the next sender that needs one, the others are freed.
//!
//! # Invariants
//! - I1: a ticket is claimed once, and `tail.block` is the block of the ticket read *before* it if the
//!   exchange on that ticket succeeds (tickets do not come again, see above).
//! - I2: a slot's value belongs to its claimant until the swap to FULL, and to the popper after it has
//!   seen FULL.
//! - I3: a block lives until the popper has passed all its slots. Each was FULL then, and the swap to FULL
//!   is the last access of a claimant to the block; the last slot's claimant links the next block before.
//! - I4: `head` is touched only by the one popper: callers of `pop`, `mark_head` and `clear` have exclusive
//!   access to the receiving side.
//! - I5: a block that is being made belongs to its maker, who writes each field in its box, through a pointer: the
//!   slots of large values are more than fits on a stack. It is a block once `next` and the states are written and
//!   the cells are made; what is in a cell needs no value ([`MaybeUninit`]).

use crate::primitive::UnsafeCell;
use crate::primitive::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use crate::primitive::{CachePadded, hint, thread};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr;

use self::shape::LAP;

/// Slots of a block.
const SLOTS: usize = LAP - 1;
/// How often to look again before giving the core away to the sender who links the next block.
const SPINS_MAX: usize = 32;
/// After a lost exchange a sender stays away for 2^4 to 2^6 spins: the winner gets a run of sends out of the
/// cache line before it goes over to the other core. On two cores that is a third more values a second.
const BACK_OFF_MIN: u32 = 3;
const BACK_OFF_MAX: u32 = 6;

const EMPTY: usize = 0;
const MARKED: usize = 1;
const FULL: usize = 2;

#[cfg(not(loom))]
mod shape {
    use crate::primitive::UnsafeCell;
    use std::mem::MaybeUninit;

    /// Positions of a block, a power of two.
    pub(super) const LAP: usize = 32;

    /// Makes a cell without a value in place: any bytes are one.
    ///
    /// # Safety
    /// As for the other one of this name.
    pub(super) unsafe fn make_cell<T>(_: *mut UnsafeCell<MaybeUninit<T>>) {}
}
#[cfg(loom)]
mod shape {
    use crate::primitive::UnsafeCell;
    use std::mem::MaybeUninit;

    /// Positions of a block: two slots, so that models cross from block to block.
    pub(super) const LAP: usize = 4;

    /// Makes a cell without a value in place; it holds what loom knows about it.
    ///
    /// # Safety
    /// I5: `cell` is in a block that the caller is making.
    pub(super) unsafe fn make_cell<T>(cell: *mut UnsafeCell<MaybeUninit<T>>) {
        // SAFETY: I5.
        unsafe { cell.write(UnsafeCell::new(MaybeUninit::uninit())) };
    }
}

struct Slot<T> {
    state: AtomicUsize,
    value: UnsafeCell<MaybeUninit<T>>,
}

struct Block<T> {
    next: AtomicPtr<Block<T>>,
    slots: [Slot<T>; SLOTS],
}

impl<T> Slot<T> {
    /// Makes an empty slot in place.
    ///
    /// # Safety
    /// I5: `slot` is one of a block that the caller is making.
    unsafe fn make(slot: *mut Self) {
        // SAFETY: I5.
        let state = unsafe { &raw mut (*slot).state };
        // SAFETY: I5.
        unsafe { state.write(AtomicUsize::new(EMPTY)) };
        // SAFETY: I5.
        let value = unsafe { &raw mut (*slot).value };
        // SAFETY: I5.
        unsafe { shape::make_cell(value) };
    }
}

impl<T> Block<T> {
    /// An empty block. Nothing as large as a value lies on the stack meanwhile.
    fn new() -> Box<Self> {
        let mut block = Box::<Self>::new_uninit();
        let place = block.as_mut_ptr();
        // SAFETY: I5: a field inside of the box.
        let next = unsafe { &raw mut (*place).next };
        // SAFETY: I5.
        unsafe { next.write(AtomicPtr::new(ptr::null_mut())) };
        // SAFETY: I5: as above.
        let slots = unsafe { &raw mut (*place).slots }.cast::<Slot<T>>();
        for index in 0..SLOTS {
            // SAFETY: I5: there are `SLOTS` of them.
            let slot = unsafe { slots.add(index) };
            // SAFETY: I5.
            unsafe { Slot::make(slot) };
        }
        // SAFETY: I5: everything is written.
        unsafe { block.assume_init() }
    }

    /// Makes a used-up block as good as new.
    fn reset(&self) {
        // Relaxed: the next user gets it through `spare`.
        self.next.store(ptr::null_mut(), Ordering::Relaxed);
        for slot in &self.slots {
            slot.state.store(EMPTY, Ordering::Relaxed);
        }
    }
}

/// What stands beside the tail: what limits the queue. It owns the word in which the ticket lives.
pub(super) trait Beside {
    /// The lowest bit of the ticket; it goes up to the highest.
    const TICKET_SHIFT: u32;

    /// The word.
    fn word(&self) -> &AtomicU64;
}

struct Tail<T, B> {
    block: AtomicPtr<Block<T>>,
    beside: B,
}

struct Head<T> {
    block: *mut Block<T>,
    /// Counts like the tickets.
    ticket: u64,
}

/// The queue.
pub(super) struct Queue<T, B: Beside> {
    tail: CachePadded<Tail<T, B>>,
    head: CachePadded<UnsafeCell<Head<T>>>,
    /// A used-up block, or null.
    spare: AtomicPtr<Block<T>>,
    _values: PhantomData<T>,
}

// SAFETY: values move between threads, so T must be Send; I1 to I4 keep accesses apart.
unsafe impl<T: Send, B: Beside + Send> Send for Queue<T, B> {}
// SAFETY: as above.
unsafe impl<T: Send, B: Beside + Sync> Sync for Queue<T, B> {}

/// What a push found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Pushed {
    /// Nobody waits for this slot.
    Quiet,
    /// The receiver sleeps until this slot is filled: wake it.
    Marked,
}

impl<T, B: Beside> Queue<T, B> {
    const STEP: u64 = 1 << B::TICKET_SHIFT;
    const TICKETS_MAX: u64 = u64::MAX >> B::TICKET_SHIFT;

    pub(super) fn new(beside: B) -> Self {
        let block = Box::into_raw(Block::new());
        Queue {
            tail: CachePadded::new(Tail { block: AtomicPtr::new(block), beside }),
            head: CachePadded::new(UnsafeCell::new(Head { block, ticket: 0 })),
            spare: AtomicPtr::new(ptr::null_mut()),
            _values: PhantomData,
        }
    }

    /// What stands beside the tail.
    pub(super) fn beside(&self) -> &B {
        &self.tail.beside
    }

    /// Appends `value` if `admit`, given the word, answers with the word that takes the room for it.
    pub(super) fn push<E>(&self, value: T, admit: impl Fn(u64) -> Result<u64, E>) -> Result<Pushed, (T, E)> {
        match self.claim(admit) {
            Ok((block, offset)) => Ok(self.fill(block, offset, value)),
            Err(refusal) => Err((value, refusal)),
        }
    }

    /// Claims the next slot.
    fn claim<E>(&self, admit: impl Fn(u64) -> Result<u64, E>) -> Result<(*mut Block<T>, usize), E> {
        let tail = self.tail.beside.word();
        // ORDER: Acquire; pairs with `link`: whoever sees the new ticket sees the new block.
        let mut word = tail.load(Ordering::Acquire);
        let mut next = None;
        let (mut spins, mut fails) = (0, BACK_OFF_MIN);
        loop {
            let admitted = match admit(word) {
                Ok(admitted) => admitted,
                Err(refusal) => {
                    self.keep(next);
                    return Err(refusal);
                }
            };
            let offset = offset(word >> B::TICKET_SHIFT);
            if offset == SLOTS {
                // Somebody is between `claim` and `link`.
                spins += 1;
                if spins <= SPINS_MAX {
                    hint::spin_loop()
                } else {
                    thread::yield_now()
                }
                word = tail.load(Ordering::Acquire);
                continue;
            }
            if offset == SLOTS - 1 && next.is_none() {
                next = Some(self.fresh_block());
            }
            // Relaxed: if it is not the block of this ticket the exchange fails (I1).
            let block = self.tail.block.load(Ordering::Relaxed);
            let new = admitted.wrapping_add(Self::STEP);
            // ORDER: AcqRel; Acquire as above, Release for those who look at the rest of the word.
            match tail.compare_exchange_weak(word, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) if offset == SLOTS - 1 => {
                    self.link(block, next.take());
                    return Ok((block, offset));
                }
                Ok(_) => {
                    self.keep(next);
                    return Ok((block, offset));
                }
                Err(_) => {
                    fails += 1;
                    (0..1u32 << fails.min(BACK_OFF_MAX)).for_each(|_| hint::spin_loop());
                    word = tail.load(Ordering::Acquire);
                }
            }
        }
    }

    /// A block for the end of the list.
    fn fresh_block(&self) -> Box<Block<T>> {
        // ORDER: Acquire; pairs with `keep`: the block is reset.
        let spare = self.spare.swap(ptr::null_mut(), Ordering::Acquire);
        if spare.is_null() {
            return Block::new();
        }
        // SAFETY: a block in `spare` came from a box and belongs to who takes it out.
        unsafe { Box::from_raw(spare) }
    }

    /// Keeps a reset block that nobody needs now.
    fn keep(&self, block: Option<Box<Block<T>>>) {
        let Some(block) = block else { return };
        let block = Box::into_raw(block);
        // ORDER: Release; pairs with `fresh_block`.
        let kept = self.spare.compare_exchange(ptr::null_mut(), block, Ordering::Release, Ordering::Relaxed);
        if kept.is_err() {
            // SAFETY: it came from the box above, and nobody else has it.
            drop(unsafe { Box::from_raw(block) });
        }
    }

    /// Puts `next` behind `block`, whose last slot the caller has claimed, and lets the others go on.
    fn link(&self, block: *mut Block<T>, next: Option<Box<Block<T>>>) {
        let Some(next) = next else { unreachable!("who claims the last slot has the next block in hand") };
        let next = Box::into_raw(next);
        // Relaxed: the ticket below publishes it.
        self.tail.block.store(next, Ordering::Relaxed);
        // ORDER: Release; pairs with `claim`. An RMW keeps the rest of the word.
        self.tail.beside.word().fetch_add(Self::STEP, Ordering::Release);
        // SAFETY: I3: the last slot is ours and not FULL.
        let block = unsafe { &*block };
        // ORDER: Release; pairs with `pop`, which hands the reset block's content on.
        block.next.store(next, Ordering::Release);
    }

    /// Writes the claimed slot.
    fn fill(&self, block: *mut Block<T>, offset: usize, value: T) -> Pushed {
        // SAFETY: I3: this slot is not FULL.
        let slot = unsafe { &(&(*block).slots)[offset] };
        slot.value.with_mut(|cell| {
            // SAFETY: I2: claimed and not FULL.
            unsafe { (*cell).write(value) };
        });
        // ORDER: Release publishes the value, and the next block if this was the last slot; Acquire sees the
        // waker of who marked it.
        match slot.state.swap(FULL, Ordering::AcqRel) {
            MARKED => Pushed::Marked,
            _ => Pushed::Quiet,
        }
    }

    /// For the popper (I4).
    fn with_head<R>(&self, f: impl FnOnce(&mut Head<T>) -> R) -> R {
        self.head.with_mut(|head| {
            // SAFETY: I4.
            f(unsafe { &mut *head })
        })
    }

    /// The first value.
    ///
    /// # Safety
    /// I4: the caller has exclusive access to the receiving side.
    pub(super) unsafe fn pop(&self) -> Option<T> {
        self.with_head(|head| {
            let offset = offset(head.ticket);
            // SAFETY: I3: the head has not passed this block.
            let slot = unsafe { &(&(*head.block).slots)[offset] };
            // ORDER: Acquire; pairs with `fill`.
            if slot.state.load(Ordering::Acquire) != FULL {
                return None;
            }
            let value = slot.value.with(|cell| {
                // SAFETY: I2: FULL, and the head moves on below: it is read once.
                unsafe { cell.cast::<T>().read() }
            });
            if offset == SLOTS - 1 {
                self.advance(head);
            } else {
                head.ticket = head.ticket.wrapping_add(1) & Self::TICKETS_MAX;
            }
            Some(value)
        })
    }

    /// Moves the head from the last slot of its block, which is FULL, to the next block.
    fn advance(&self, head: &mut Head<T>) {
        // SAFETY: I3, and all its slots were FULL: nobody else touches it any more.
        let block = unsafe { Box::from_raw(head.block) };
        // ORDER: Acquire; pairs with `link`. Not null: the last slot's claimant linked before it filled.
        head.block = block.next.load(Ordering::Acquire);
        head.ticket = head.ticket.wrapping_add(2) & Self::TICKETS_MAX;
        block.reset();
        self.keep(Some(block));
    }

    /// Marks the slot of the next value, so that its push answers [`Pushed::Marked`]. `false` if it is full
    /// already.
    ///
    /// # Safety
    /// I4: the caller has exclusive access to the receiving side.
    pub(super) unsafe fn mark_head(&self) -> bool {
        self.with_head(|head| {
            // SAFETY: I3: the head has not passed this block.
            let slot = unsafe { &(&(*head.block).slots)[offset(head.ticket)] };
            // ORDER: Release shows the waker to who fills it; Acquire sees the value if it is full.
            let state = slot.state.compare_exchange(EMPTY, MARKED, Ordering::AcqRel, Ordering::Acquire);
            state != Err(FULL)
        })
    }

    /// How many values were claimed and not popped.
    ///
    /// # Safety
    /// I4, but others may ask for the length at the same time.
    pub(super) unsafe fn len(&self) -> usize {
        let lap = LAP as u64;
        let tail = self.tail.beside.word().load(Ordering::Acquire) >> B::TICKET_SHIFT;
        let head = self.head.with(|head| {
            // SAFETY: I4.
            unsafe { (*head).ticket }
        });
        let laps = (tail / lap).wrapping_sub(head / lap) & (Self::TICKETS_MAX / lap);
        laps as usize * SLOTS + offset(tail) - offset(head)
    }
}

/// The position in the block.
fn offset(ticket: u64) -> usize {
    (ticket % LAP as u64) as usize
}

impl<T, B: Beside> Drop for Queue<T, B> {
    fn drop(&mut self) {
        // SAFETY: `&mut self` is exclusive access to everything.
        while let Some(value) = unsafe { self.pop() } {
            crate::util::wake_list::drop_quietly(value);
        }
        let last = self.with_head(|head| head.block);
        // SAFETY: I3: all other blocks are freed; no sender is left.
        drop(unsafe { Box::from_raw(last) });
        let spare = self.spare.swap(ptr::null_mut(), Ordering::Acquire);
        if !spare.is_null() {
            // SAFETY: what is in `spare` came from a box and belongs to nobody else.
            drop(unsafe { Box::from_raw(spare) });
        }
    }
}
