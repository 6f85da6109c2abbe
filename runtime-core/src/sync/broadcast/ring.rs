//! The slots of a channel and their tail: what both ends share.
//!
//! Values have positions, counted from 0; the one at position `p` lies in slot `p % slots`. The lock of the
//! waiters' list guards the [`Tail`], each slot has one of its own. A send takes the tail's, and the slot's only where
//! it overwrites; a receive that finds its value takes the slot's alone; one that does not takes the tail's and finds
//! out why:
//!
//! ```text
//!   next == tail                empty, or over: wait in the list under the same lock
//!   tail - slots <= next < tail it has come meanwhile: look again
//!   next < tail - slots         lagged: go on at tail - slots
//! ```
//! Sends publish under the tail's lock, so whoever has it sees no position half sent, and a receiver that queues
//! is found by the next send.
//!
//! # Who clones
//!
//! Values need `Send` and not `Sync`, so no two threads may look at one at the same time: a clone is made under
//! the lock of the slot. That is the one piece of user code that runs under a lock of ours (RUSTSEC-2025-0023 is
//! what becomes of it otherwise). It holds up the other receivers of *that* value, and a sender that wants to
//! overwrite it; nobody waits for a slot with the tail's lock in hand, so all else goes on, and a `Clone` may
//! even use the channel: send, receive other values, drop receivers. Two things it cannot do are found out, and
//! panic: to receive the value that is being cloned, and to send so much that this value would be overwritten. (Two
//! threads whose clones do so to each other wait for each other for ever.) A clone that panics counts as received.
//! Values are dropped outside of locks.
//!
//! Deliberately absent: values kept for receivers to come, senders that wait for slow receivers.

use super::error::TryRecvError;
use super::slot::Slot;
use crate::primitive::atomic::AtomicUsize;
use crate::sync::fault::{Fault, planted};
use crate::sync::notify::Notify;
use crate::sync::wait_list::{Outcome, Spare, WaitList, Waiter, Woken};
use crate::util::wake_list::drop_quietly;
use std::pin::Pin;
use std::task::Context;

/// More slots than this are a slip of the pen: the slots alone would take 64 GiB.
const CAPACITY_MAX: usize = 1 << 31;

/// A value was sent, or the last sender is gone: look again.
const LOOK: Outcome = Outcome::new(1);

/// What the ends share.
pub(super) struct Ring<T> {
    /// As many as a power of two.
    slots: Box<[Slot<T>]>,
    tail: WaitList<Tail>,
    /// Told when the last receiver goes.
    pub(super) deserted: Notify,
    pub(super) senders: AtomicUsize,
    pub(super) weak_senders: AtomicUsize,
}

struct Tail {
    /// Of the next value.
    position: u64,
    receivers: usize,
    /// The last sender is gone.
    is_over: bool,
}

impl<T> Ring<T> {
    /// # Panics
    /// As [`channel`](super::channel) says.
    #[track_caller]
    pub(super) fn new(capacity: usize) -> Self {
        assert!(
            capacity > 0,
            "broadcast channel capacity cannot be zero: it would keep no value; use 1 or more"
        );
        assert!(capacity <= CAPACITY_MAX, "broadcast channel capacity {capacity} exceeds 2^31");
        let count = capacity.next_power_of_two();
        let mut slots = Vec::new();
        if slots.try_reserve_exact(count).is_err() {
            panic!("no memory for a broadcast channel of {count} slots; all are allocated at once");
        }
        slots.extend((0..count).map(|_| Slot::new()));
        Ring {
            slots: slots.into_boxed_slice(),
            tail: WaitList::with_data(Tail { position: 0, receivers: 0, is_over: false }),
            deserted: Notify::new(),
            senders: AtomicUsize::new(1),
            weak_senders: AtomicUsize::new(0),
        }
    }

    fn slot(&self, position: u64) -> &Slot<T> {
        &self.slots[position as usize & (self.slots.len() - 1)]
    }

    /// The oldest position that is left if `tail` is the next one.
    fn oldest(&self, tail: u64) -> u64 {
        tail.saturating_sub(self.slots.len() as u64)
    }

    /// Sends to all receivers and says how many there are; without one, the value comes back.
    #[track_caller]
    pub(super) fn send(&self, mut value: T) -> Result<usize, T> {
        let mut woken = Woken::new();
        loop {
            let mut tail = self.tail.lock();
            let Tail { position, receivers, .. } = *tail.data();
            if receivers == 0 {
                return Err(value);
            }
            let slot = self.slot(position);
            let overwritten = match slot.fill(position, receivers, value) {
                Ok(overwritten) => overwritten,
                Err(back) => {
                    value = back;
                    drop(tail);
                    // A receiver that has lagged behind by exactly the capacity clones what was there.
                    slot.wait();
                    continue;
                }
            };
            tail.data().position = position + 1;
            tail.notify_all(LOOK, &mut woken);
            drop(tail);
            drop(woken);
            if let Some(overwritten) = overwritten {
                drop_quietly(overwritten);
            }
            return Ok(receivers);
        }
    }

    /// How many values are kept that some receiver is still to get.
    pub(super) fn len(&self) -> usize {
        let mut tail = self.tail.lock();
        let end = tail.data().position;
        // Who is to get a value is to get all later ones: the counts are 0 up to some position, and not after.
        let (mut low, mut high) = (self.oldest(end), end);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.slot(middle).is_wanted() {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        (end - low) as usize
    }

    /// The position of the next value that is sent.
    pub(super) fn end(&self) -> u64 {
        self.tail.lock().data().position
    }

    pub(super) fn receivers(&self) -> usize {
        self.tail.lock().data().receivers
    }

    /// Counts a receiver; it gets what is sent from now on, beginning with this position.
    pub(super) fn subscribe(&self) -> u64 {
        let mut tail = self.tail.lock();
        tail.data().receivers += 1;
        tail.data().position
    }

    /// A receiver that would get position `next` goes.
    pub(super) fn unsubscribe(&self, next: u64) {
        let mut tail = self.tail.lock();
        tail.data().receivers -= 1;
        let Tail { position: end, receivers, .. } = *tail.data();
        drop(tail);
        for position in next.max(self.oldest(end))..end {
            if self.slot(position).leave_to_cloner(position) {
                continue;
            }
            // If there is no way in, it was overwritten meanwhile.
            let unwanted = self.slot(position).enter(position).and_then(|mut inside| inside.pass());
            drop_quietly(unwanted);
        }
        if receivers == 0 {
            self.deserted.notify_waiters();
        }
    }

    /// The last sender is gone.
    pub(super) fn end_sending(&self) {
        let mut woken = Woken::new();
        let mut tail = self.tail.lock();
        tail.data().is_over = true;
        tail.notify_all(LOOK, &mut woken);
        drop(tail);
    }

    /// Ends a wait in the list of this ring early.
    pub(super) fn stop_waiting(&self, waiter: Pin<&Waiter>) {
        let mut woken = Woken::new();
        self.tail.lock().remove(waiter, &mut woken);
    }

    /// Whether a wait of [`try_take`](Self::try_take)'s has ended.
    pub(super) fn has_been_told(&self, waiter: Pin<&Waiter>, cx: &Context<'_>) -> bool {
        self.tail.poll_queued(waiter, cx).is_ready()
    }
}

impl<T: Clone> Ring<T> {
    /// The value at `next`, which then moves on; also on lagging, and if the clone panics.
    ///
    /// Where it says that the channel is empty it has queued `waiter`, if there is one.
    pub(super) fn take(
        &self,
        next: &mut u64,
        waiter: Option<(Pin<&Waiter>, &Context<'_>)>,
    ) -> Result<T, TryRecvError> {
        if let Some(value) = self.take_if_there(next) {
            return Ok(value);
        }
        // Probably it will have to wait. A clone of a waker is foreign code: not under the lock.
        let mut spare = waiter.map_or(Spare::none(), |(_, cx)| Spare::clone_of(cx));
        loop {
            let mut tail = self.tail.lock();
            let end = tail.data().position;
            let oldest = self.oldest(end);
            if *next < oldest {
                let missed = oldest - *next;
                *next = oldest;
                return Err(TryRecvError::Lagged(missed));
            }
            if *next == end && tail.data().is_over {
                return Err(TryRecvError::Closed);
            }
            if *next == end {
                if planted(Fault::BroadcastQueuesLate) {
                    drop(tail);
                    tail = self.tail.lock();
                }
                if let Some((waiter, _)) = waiter {
                    tail.push_back(waiter, spare.take(), 0);
                }
                return Err(TryRecvError::Empty);
            }
            drop(tail);
            if let Some(value) = self.take_if_there(next) {
                return Ok(value);
            }
        }
    }

    fn take_if_there(&self, next: &mut u64) -> Option<T> {
        let inside = self.slot(*next).enter(*next)?;
        *next += 1;
        inside.take()
    }
}
