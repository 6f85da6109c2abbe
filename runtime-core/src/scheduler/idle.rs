//! Who searches for work, who sleeps, and whom a producer of work must wake.
//!
//! One word counts how many are `searching`, how many are `sleeping`, and how many `workers` there are, 16 bits each;
//! the list of sleepers is touched only for a real sleep or a real wake.
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
//! **Workers come and go.** Who calls a spare counts it as a worker first, awake. Whoever leaves, a spare that nobody needs or a
//! worker that is about to block and says so, is awake and has left the search, so that nobody relies on it; and it leaves
//! only if another stays. It may have been in the driver while the others lay down: if it leaves all others asleep, one of
//! them must get up and look whether the driver is free. Who lies down changes the word, fences, and tries for the
//! driver; who leaves was out of the driver before it changed the word, and looks then: one sees the other.
//!
//! What is deliberately not covered: the next slot. Work there is its owner's, which is awake.

#![forbid(unsafe_code)]

use crate::primitive::Mutex;
use crate::primitive::atomic::{AtomicU64, Ordering, fence};
use crate::util::fault::{Fault, planted};
use std::fmt;

const SEARCHING_ONE: u64 = 1;
const SLEEPING_ONE: u64 = 1 << 16;
const WORKERS_ONE: u64 = 1 << 32;

/// Most workers that one word can count, spares included.
pub const WORKERS_MAX: usize = u16::MAX as usize;

/// The word and the list.
pub struct Idle {
    word: AtomicU64,
    sleepers: Mutex<Vec<usize>>,
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

/// What became of a worker that wanted to leave.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Left {
    /// It is the only one: it stays.
    No,
    /// It has left, and somebody is awake.
    Yes,
    /// It has left, and all the others sleep: one of them must look whether the driver is free.
    AllAsleep,
}

fn searching(word: u64) -> u64 {
    word % SLEEPING_ONE
}

fn sleeping(word: u64) -> u64 {
    word % WORKERS_ONE / SLEEPING_ONE
}

fn workers(word: u64) -> u64 {
    word / WORKERS_ONE
}

fn all_sleep(word: u64) -> bool {
    sleeping(word) == workers(word)
}

impl Idle {
    /// For `workers` workers, all awake and none searching.
    pub fn new(workers: usize) -> Self {
        assert!(workers <= WORKERS_MAX);
        let sleepers = Mutex::new(Vec::with_capacity(workers));
        Idle { word: AtomicU64::new(workers as u64 * WORKERS_ONE), sleepers }
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
        Some(Picked { worker, was_first: all_sleep(before) })
    }

    fn sleeper_becomes_searcher(&self) -> u64 {
        // ORDER: AcqRel: one RMW, so that no reader sees the worker counted nowhere.
        self.word.fetch_sub(SLEEPING_ONE - SEARCHING_ONE, Ordering::AcqRel)
    }

    /// Counts the caller as searching, unless half of the workers are already: more would only get into
    /// each other's way.
    #[must_use]
    pub fn start_searching(&self) -> bool {
        let word = self.word.load(Ordering::Relaxed);
        if 2 * searching(word) >= workers(word) {
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
        GotUp::Self_ { was_first: all_sleep(before) }
    }

    /// Whether every worker sleeps.
    pub fn all_asleep(&self) -> bool {
        // ORDER: Acquire: what the sleepers did before is visible.
        all_sleep(self.word.load(Ordering::Acquire))
    }

    /// How many workers there are, asleep or not.
    pub fn workers(&self) -> usize {
        workers(self.word.load(Ordering::Relaxed)) as usize
    }

    /// Whether somebody sleeps or searches: new work will be attended to.
    pub fn has_help(&self) -> bool {
        // ORDER: Acquire: as `all_asleep`.
        let word = self.word.load(Ordering::Acquire);
        sleeping(word) > 0 || searching(word) > 0
    }

    /// One more worker, awake and not searching. `true`: it is the first that is awake.
    pub fn join(&self) -> bool {
        // ORDER: AcqRel: pairs with the other moves of the word.
        all_sleep(self.word.fetch_add(WORKERS_ONE, Ordering::AcqRel))
    }

    /// The caller, awake and not searching, is a worker no longer.
    pub fn leave(&self) -> Left {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if workers(word) < 2 && !planted(Fault::LastWorkerLeaves) {
                return Left::No;
            }
            let after = word - WORKERS_ONE;
            // ORDER: AcqRel: pairs with the other moves of the word.
            match self.word.compare_exchange(word, after, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => {
                    // ORDER: the fence of the proof above.
                    fence(Ordering::SeqCst);
                    let is_last = self.all_asleep() && !planted(Fault::DriverLeft);
                    return if is_last { Left::AllAsleep } else { Left::Yes };
                }
                Err(now) => word = now,
            }
        }
    }

    /// Any of those that sleep.
    pub fn any_sleeper(&self) -> Option<usize> {
        self.sleepers.lock().last().copied()
    }
}

impl fmt::Debug for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word.load(Ordering::Relaxed);
        f.debug_struct("Idle")
            .field("searching", &searching(word))
            .field("sleeping", &sleeping(word))
            .field("workers", &workers(word))
            .finish_non_exhaustive()
    }
}
