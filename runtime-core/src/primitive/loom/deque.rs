//! A stand-in for crossbeam-deque: a ring whose `tail` is stored Release and read Acquire, exactly
//! as weak as the original's publication, with the fences the original documents.
//!
//! # Invariants
//! I1. A word in a queue was put there by `push`, from a value that nobody else holds.
//! I2. The move that takes a word out (fetch_add, compare-exchange, or the pop under the lock) succeeds for
//!     one taker alone.

use super::atomic::{AtomicUsize, Ordering, fence};
use super::{Arc, Mutex};

/// Slots of a ring under loom: more would only make models longer.
const CAPACITY: usize = 4;

/// Outcome of a steal.
#[derive(Debug, PartialEq, Eq)]
pub enum Steal<T> {
    /// Nothing there.
    Empty,
    /// Took this.
    Success(T),
    /// Lost a race: not empty, try again.
    Retry,
}

impl<T> Steal<T> {
    /// Whether the race was lost.
    pub fn is_retry(&self) -> bool {
        matches!(self, Steal::Retry)
    }
}

#[derive(Debug)]
struct Ring {
    head: AtomicUsize,
    tail: AtomicUsize,
    slots: [AtomicUsize; CAPACITY],
}

impl Ring {
    fn is_empty(&self) -> bool {
        // ORDER: as crossbeam's Stealer::is_empty: Acquire, a SeqCst fence, Acquire.
        let head = self.head.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        let tail = self.tail.load(Ordering::Acquire);
        tail.wrapping_sub(head) as isize <= 0
    }

    fn steal(&self) -> Steal<usize> {
        let head = self.head.load(Ordering::Acquire);
        fence(Ordering::SeqCst);
        let tail = self.tail.load(Ordering::Acquire);
        if tail.wrapping_sub(head) as isize <= 0 {
            return Steal::Empty;
        }
        let value = self.slots[head % CAPACITY].load(Ordering::Relaxed);
        match self.head.compare_exchange(head, head + 1, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => Steal::Success(value),
            Err(_) => Steal::Retry,
        }
    }
}

/// A word that a queue under loom can carry: tasks are pointers.
pub trait Word: Sized {
    /// As a number.
    fn into_word(self) -> usize;
    /// Back from a number made by [`into_word`](Self::into_word).
    ///
    /// # Safety
    /// `word` came from `into_word` and is converted back once.
    unsafe fn from_word(word: usize) -> Self;
}

/// The owner's end.
#[derive(Debug)]
pub struct Worker<T> {
    ring: Arc<Ring>,
    /// Send, but not Sync, as the original.
    kind: std::marker::PhantomData<std::cell::Cell<T>>,
}

/// A thief's end.
#[derive(Debug)]
pub struct Stealer<T> {
    ring: Arc<Ring>,
    kind: std::marker::PhantomData<fn() -> T>,
}

impl<T> Clone for Stealer<T> {
    fn clone(&self) -> Self {
        Stealer { ring: self.ring.clone(), kind: self.kind }
    }
}

impl<T: Word> Worker<T> {
    /// A first-in first-out deque.
    pub fn new_fifo() -> Self {
        let slots = [(); CAPACITY].map(|()| AtomicUsize::new(0));
        let ring = Ring { head: AtomicUsize::new(0), tail: AtomicUsize::new(0), slots };
        Worker { ring: Arc::new(ring), kind: std::marker::PhantomData }
    }

    /// A thief's end of it.
    pub fn stealer(&self) -> Stealer<T> {
        Stealer { ring: self.ring.clone(), kind: std::marker::PhantomData }
    }

    /// Adds at the back.
    pub fn push(&self, value: T) {
        let tail = self.ring.tail.load(Ordering::Relaxed);
        let head = self.ring.head.load(Ordering::Acquire);
        assert!(tail - head < CAPACITY, "a loom model pushed more than {CAPACITY} at once");
        self.ring.slots[tail % CAPACITY].store(value.into_word(), Ordering::Relaxed);
        // ORDER: Release publishes the slot; pairs with the Acquire of `tail` in `steal`.
        self.ring.tail.store(tail + 1, Ordering::Release);
    }

    /// Takes from the front.
    pub fn pop(&self) -> Option<T> {
        // The owner takes as a thief does, but first claims by fetch_add like crossbeam's FIFO.
        let tail = self.ring.tail.load(Ordering::Relaxed);
        let head = self.ring.head.fetch_add(1, Ordering::AcqRel);
        if tail.wrapping_sub(head + 1) as isize >= 0 {
            let word = self.ring.slots[head % CAPACITY].load(Ordering::Relaxed);
            // SAFETY: I1, and I2: the fetch_add made this its only taker.
            return Some(unsafe { T::from_word(word) });
        }
        self.ring.head.store(head, Ordering::Relaxed);
        None
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// How many are in it.
    pub fn len(&self) -> usize {
        let tail = self.ring.tail.load(Ordering::Relaxed);
        tail.saturating_sub(self.ring.head.load(Ordering::Acquire))
    }
}

impl<T: Word> Stealer<T> {
    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// How many are in it.
    pub fn len(&self) -> usize {
        let head = self.ring.head.load(Ordering::Acquire);
        self.ring.tail.load(Ordering::Acquire).saturating_sub(head)
    }

    /// Takes one from the front.
    pub fn steal(&self) -> Steal<T> {
        match self.ring.steal() {
            Steal::Empty => Steal::Empty,
            Steal::Retry => Steal::Retry,
            // SAFETY: I1, and I2: the compare-exchange made this its only taker.
            Steal::Success(word) => Steal::Success(unsafe { T::from_word(word) }),
        }
    }

    /// Takes up to `limit`: one is returned, the others go to `dest`.
    pub fn steal_batch_with_limit_and_pop(&self, dest: &Worker<T>, limit: usize) -> Steal<T> {
        let first = self.steal();
        if let Steal::Success(_) = first {
            let more = (self.len() / 2).min(limit.saturating_sub(1));
            for _ in 0..more {
                match self.steal() {
                    Steal::Success(value) => dest.push(value),
                    _ => break,
                }
            }
        }
        first
    }
}

/// The global queue. The original is a linked list of blocks whose emptiness is read from two
/// indices with a fence between; here a lock guards the values and the indices stay separate, so
/// that `is_empty` orders no more than it does there.
#[derive(Debug)]
pub struct Injector<T> {
    head: AtomicUsize,
    tail: AtomicUsize,
    values: Mutex<std::collections::VecDeque<usize>>,
    kind: std::marker::PhantomData<fn() -> T>,
}

impl<T: Word> Default for Injector<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Word> Injector<T> {
    /// An empty queue.
    pub fn new() -> Self {
        Injector {
            head: AtomicUsize::new(0),
            tail: AtomicUsize::new(0),
            values: Mutex::new(std::collections::VecDeque::new()),
            kind: std::marker::PhantomData,
        }
    }

    /// Adds at the back.
    pub fn push(&self, value: T) {
        let mut values = self.values.lock();
        values.push_back(value.into_word());
        self.tail.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        let head = self.head.load(Ordering::Relaxed);
        self.tail.load(Ordering::Relaxed) == head
    }

    /// How many are in it.
    pub fn len(&self) -> usize {
        self.tail.load(Ordering::Relaxed).saturating_sub(self.head.load(Ordering::Relaxed))
    }

    /// Takes one from the front.
    pub fn steal(&self) -> Steal<T> {
        let mut values = self.values.lock();
        match values.pop_front() {
            None => Steal::Empty,
            Some(word) => {
                self.head.fetch_add(1, Ordering::AcqRel);
                // SAFETY: I1, and I2: popped under the lock.
                Steal::Success(unsafe { T::from_word(word) })
            }
        }
    }

    /// Takes up to `limit`, all to `dest`.
    pub fn steal_batch_with_limit(&self, dest: &Worker<T>, limit: usize) -> Steal<()> {
        match self.steal_batch_with_limit_and_pop(dest, limit.min(CAPACITY) - 1) {
            Steal::Success(first) => {
                dest.push(first);
                Steal::Success(())
            }
            Steal::Empty => Steal::Empty,
            Steal::Retry => Steal::Retry,
        }
    }

    /// Takes up to `limit`: one is returned, the others go to `dest`.
    pub fn steal_batch_with_limit_and_pop(&self, dest: &Worker<T>, limit: usize) -> Steal<T> {
        let first = self.steal();
        if let Steal::Success(_) = first {
            for _ in 1..limit.min(CAPACITY) {
                match self.steal() {
                    Steal::Success(value) => dest.push(value),
                    _ => break,
                }
            }
        }
        first
    }
}
