//! The places of the workers: what others see of each.
//!
//! The first are there from the beginning. Spares take further ones, which are made when they are first needed and never
//! go: the place of a spare that has left is empty, and the next spare gets it.

#![forbid(unsafe_code)]

use super::park::Parker;
use super::queue::{Local, Stealer};
use super::running::Running;
use super::slot::Slot;
use super::stats::Stats;
use crate::primitive::atomic::{AtomicU32, AtomicUsize, Ordering};
use crate::primitive::{CachePadded, OnceLock};
use std::sync::Arc;

/// What others see of one worker.
pub(crate) struct Remote {
    pub(crate) stealer: Stealer,
    pub(crate) slot: Slot,
    pub(crate) parker: Parker,
    /// Odd while the worker polls a task; it changes at the start and at the end of each poll.
    pub(crate) tick: AtomicU32,
    /// The task that is polled, or was last.
    pub(crate) running: Running,
    /// The system's number of the thread; 0 is unknown.
    pub(crate) thread: AtomicU32,
    pub(crate) stats: CachePadded<Stats>,
}

/// One place. (std's Arc: it is no part of any protocol.)
pub(crate) type Seat = Arc<CachePadded<Remote>>;

pub(crate) struct Seats {
    seats: Box<[OnceLock<Seat>]>,
    /// So many are there.
    used: AtomicUsize,
    base: usize,
}

/// A worker's two halves: its own, and what others see.
pub(crate) fn halves() -> (Local, Seat) {
    let queue = Local::new_fifo();
    let remote = Remote {
        stealer: queue.stealer(),
        slot: Slot::new(),
        parker: Parker::new(),
        tick: AtomicU32::new(0),
        running: Running::default(),
        thread: AtomicU32::new(0),
        stats: CachePadded::new(Stats::default()),
    };
    (queue, Arc::new(CachePadded::new(remote)))
}

impl Seats {
    /// For the workers of `base`, and for `spares` more.
    pub(crate) fn new(base: Vec<Seat>, spares: usize) -> Self {
        let count = base.len();
        let seats = base.into_iter().map(OnceLock::from);
        let seats = seats.chain(std::iter::repeat_with(OnceLock::new).take(spares)).collect();
        Seats { seats, used: AtomicUsize::new(count), base: count }
    }

    /// How many workers there are without spares.
    pub(crate) fn base(&self) -> usize {
        self.base
    }

    /// How many places there are now.
    pub(crate) fn len(&self) -> usize {
        // ORDER: Acquire pairs with `add`: so many are filled.
        self.used.load(Ordering::Acquire)
    }

    pub(crate) fn get(&self, index: usize) -> &Seat {
        self.seats[index].get().expect("places below `len` are filled")
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Seat> {
        self.seats[..self.len()].iter().filter_map(OnceLock::get)
    }

    /// One place more, and its number, if there is room. One thread at a time adds.
    pub(crate) fn add(&self, seat: Seat) -> Option<usize> {
        let index = self.used.load(Ordering::Relaxed);
        let is_new = self.seats.get(index)?.set(seat).is_ok();
        debug_assert!(is_new, "one thread at a time adds");
        // ORDER: Release publishes the place.
        self.used.store(index + 1, Ordering::Release);
        Some(index)
    }
}
