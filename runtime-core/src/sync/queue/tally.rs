//! How many items of a queue are not done yet, and who waits until none is left.
//!
//! | bits | name | meaning |
//! |---|---|---|
//! | 0..40 | open | items that were put and are not done |
//! | 40.. | round | how often `open` has come down to zero, modulo 2²⁴ |
//!
//! The zero that a `join` waits for may be over before it is polled again: another item was put. It sees by
//! the round that there was one. And whoever brought `open` down to zero notifies *after* that, perhaps so
//! late that other items were put meanwhile and others wait for those: a notification alone is no reason to
//! go on. (That rounds begin again is harmless: a `join` that misses 2²⁴ of them waits for one more.)

use crate::coop;
use crate::primitive::Arc;
use crate::primitive::atomic::{AtomicU64, Ordering};
use crate::sync::Notify;
use crate::sync::fault::{Fault, planted};
use std::fmt;
use std::future::poll_fn;
use std::task::{Poll, ready};

/// One more round.
const ROUND: u64 = 1 << 40;
/// More items than fit into any memory: each has a pointer in it.
const OPEN_MASK: u64 = ROUND - 1;

fn open(word: u64) -> u64 {
    word & OPEN_MASK
}

fn round(word: u64) -> u64 {
    word / ROUND
}

/// The count of one queue. It lives as long as the queue or an item.
pub(super) struct Tally {
    word: AtomicU64,
    none_left: Notify,
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tally").field("open", &self.open()).finish_non_exhaustive()
    }
}

impl Tally {
    pub(super) fn new() -> Self {
        Tally { word: AtomicU64::new(0), none_left: Notify::new() }
    }

    /// How many are not done.
    pub(super) fn open(&self) -> u64 {
        open(self.load())
    }

    fn load(&self) -> u64 {
        // ORDER: Acquire; pairs with the Release in `end`: what was done with the items is seen by who joins.
        self.word.load(Ordering::Acquire)
    }

    /// Counts one item until the ticket is dropped.
    pub(super) fn begin(this: &Arc<Self>) -> Ticket {
        // Relaxed: the lock of the store publishes the item, and with it that it is counted.
        this.word.fetch_add(1, Ordering::Relaxed);
        Ticket(Arc::clone(this))
    }

    fn end(&self) {
        if planted(Fault::JoinersToldEarly) {
            self.none_left.notify_waiters();
        }
        let minus_one = |word: u64| {
            debug_assert!(open(word) > 0, "every ticket was counted");
            let word = word - 1;
            Some(if open(word) == 0 { word.wrapping_add(ROUND) } else { word })
        };
        // ORDER: AcqRel; the last one releases what all before it did.
        let old = self.word.fetch_update(Ordering::AcqRel, Ordering::Relaxed, minus_one);
        if old.is_ok_and(|word| open(word) == 1) && !planted(Fault::JoinersToldEarly) {
            self.none_left.notify_waiters();
        }
    }

    /// Waits for a moment in which none is left.
    pub(super) async fn join(&self) {
        poll_fn(|cx| {
            ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Channel)).made_progress();
            Poll::Ready(())
        })
        .await;
        let began = round(self.load());
        loop {
            // Before the look: a notification that comes between the two is not missed.
            let notified = self.none_left.notified();
            let now = self.load();
            if open(now) == 0 || round(now) != began {
                return;
            }
            notified.await;
            if planted(Fault::JoinersUnsure) {
                return;
            }
        }
    }
}

/// One item that is not done: it is when this is dropped.
#[derive(Debug)]
pub(super) struct Ticket(Arc<Tally>);

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.end();
    }
}
