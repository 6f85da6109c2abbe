//! Who searches for work, who sleeps, and whom a producer of work must wake.
//!
//! One word counts `searching` (low half) and `sleeping` (high half); the list of sleepers is touched only
//! for a real sleep or a real wake.
//!
//! **No wake-up is lost.** A producer (p1) publishes work, (p2) fences, (p3) loads the word. A sleeper (w1)
//! counts itself as sleeping by a read-modify-write, (w2) fences, (w3) looks at all queues once more.
//! - p3 sees w1, and nobody searches: the producer wakes someone.
//! - p3 does not see w1: then p2 comes before w2 in the order of the fences, and w3 sees p1.
//! - p3 sees a searcher: it ends by going to sleep, and then w1 to w3 hold for it; or by finding work. The
//!   last searcher to leave (l1) counts itself out, (l2) fences, (l3) looks at the queues and notifies if
//!   something is there. p3 read the word before l1, so p2 comes before l2, and l3 sees p1.
//!
//! A notifier counts the worker that it wakes as searching before it unparks it, so the count does not read 0
//! between the two. A worker that finds work on its last look must leave the list, or it would be
//! picked later while it works, and `searching` would stay above 0 for ever.
//!
//! What is deliberately not covered: the next slot. Work there is its owner's, which is awake.

#![forbid(unsafe_code)]

use crate::primitive::Mutex;
use crate::primitive::atomic::{AtomicU32, Ordering, fence};
use crate::util::fault::{Fault, planted};
use std::fmt;

const SEARCHING_ONE: u32 = 1;
const SLEEPING_ONE: u32 = 1 << 16;

/// Most workers that one word can count.
pub const WORKERS_MAX: usize = u16::MAX as usize;

/// The word and the list.
pub struct Idle {
    word: AtomicU32,
    sleepers: Mutex<Vec<usize>>,
    workers: u32,
}

/// A sleeper that a notifier has taken off the list, to be unparked.
#[must_use]
#[derive(Debug)]
pub struct Picked {
    /// Its number.
    pub worker: usize,
    /// Whether nobody was awake before.
    pub was_first: bool,
}

/// What a worker finds when it gets up.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum GotUp {
    /// It has taken itself off the list.
    Self_ {
        /// Whether nobody was awake before.
        was_first: bool,
    },
    /// A notifier had.
    Picked,
}

fn searching(word: u32) -> u32 {
    word & (SLEEPING_ONE - 1)
}

fn sleeping(word: u32) -> u32 {
    word / SLEEPING_ONE
}

impl Idle {
    /// For `workers` workers, all awake and none searching.
    pub fn new(workers: usize) -> Self {
        assert!(workers <= WORKERS_MAX);
        let sleepers = Mutex::new(Vec::with_capacity(workers));
        Idle { word: AtomicU32::new(0), sleepers, workers: workers as u32 }
    }

    /// After publishing work: whether somebody must be woken for it.
    #[inline]
    pub fn needs_wake(&self) -> bool {
        // ORDER: p2 above; the load may then be Relaxed.
        if !planted(Fault::NotifyUnfenced) {
            fence(Ordering::SeqCst);
        }
        let word = self.word.load(Ordering::Relaxed);
        searching(word) == 0 && sleeping(word) > 0
    }

    /// Takes a sleeper off the list, preferably one that `prefer` likes, and counts it as searching.
    pub fn pick(&self, prefer: impl Fn(usize) -> bool) -> Option<Picked> {
        let mut sleepers = self.sleepers.lock();
        // ORDER: Relaxed: `sleeping` changes only under the lock, and `needs_wake` has fenced.
        if searching(self.word.load(Ordering::Relaxed)) > 0 || sleepers.is_empty() {
            return None;
        }
        let at = sleepers.iter().rposition(|worker| prefer(*worker)).unwrap_or(sleepers.len() - 1);
        let worker = sleepers.swap_remove(at);
        let before = self.sleeper_becomes_searcher();
        Some(Picked { worker, was_first: sleeping(before) == self.workers })
    }

    fn sleeper_becomes_searcher(&self) -> u32 {
        // ORDER: AcqRel: one RMW, so that no reader sees the worker counted nowhere.
        self.word.fetch_sub(SLEEPING_ONE - SEARCHING_ONE, Ordering::AcqRel)
    }

    /// Counts the caller as searching, unless half of the workers are already: more would only get into
    /// each other's way.
    #[must_use]
    pub fn start_searching(&self) -> bool {
        let word = self.word.load(Ordering::Relaxed);
        if 2 * searching(word) >= self.workers {
            return false;
        }
        // ORDER: AcqRel: pairs with the other moves of the word.
        self.word.fetch_add(SEARCHING_ONE, Ordering::AcqRel);
        true
    }

    /// The caller found work. `true`: it was the last searcher, and must look at the queues again (the
    /// fence has been made).
    #[must_use]
    pub fn stop_searching(&self) -> bool {
        // ORDER: l1 above.
        let before = self.word.fetch_sub(SEARCHING_ONE, Ordering::AcqRel);
        debug_assert!(searching(before) > 0);
        let last = searching(before) == 1;
        if last {
            // ORDER: l2 above.
            fence(Ordering::SeqCst);
        }
        last
    }

    /// Lists the caller as asleep, and counts it out as a searcher if it was one. Afterwards it must look
    /// at all queues before it really sleeps (the fence has been made).
    pub fn lie_down(&self, worker: usize, was_searching: bool) {
        let change = if was_searching { SLEEPING_ONE - SEARCHING_ONE } else { SLEEPING_ONE };
        let mut sleepers = self.sleepers.lock();
        sleepers.push(worker);
        // ORDER: w1 above.
        self.word.fetch_add(change, Ordering::AcqRel);
        drop(sleepers);
        // ORDER: w2 above.
        if !planted(Fault::SleepUnfenced) {
            fence(Ordering::SeqCst);
        }
    }

    /// The caller is awake again, and from here on counted as searching: by itself, or by who picked it.
    pub fn get_up(&self, worker: usize) -> GotUp {
        let mut sleepers = self.sleepers.lock();
        let Some(at) = sleepers.iter().position(|other| *other == worker) else {
            return GotUp::Picked;
        };
        sleepers.swap_remove(at);
        let before = self.sleeper_becomes_searcher();
        GotUp::Self_ { was_first: sleeping(before) == self.workers }
    }

    /// Whether every worker sleeps.
    pub fn all_asleep(&self) -> bool {
        // ORDER: Acquire: what the sleepers did before is visible.
        sleeping(self.word.load(Ordering::Acquire)) == self.workers
    }
}

impl fmt::Debug for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word.load(Ordering::Relaxed);
        f.debug_struct("Idle")
            .field("searching", &searching(word))
            .field("sleeping", &sleeping(word))
            .finish_non_exhaustive()
    }
}
