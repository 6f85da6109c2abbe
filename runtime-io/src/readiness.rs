//! One source's readiness in one atomic word.
//!
//! | bits | name | set by | cleared by |
//! |---|---|---|---|
//! | 0..=5 | the flags of [`Ready`] | the driver, for each event | an operation that met `WouldBlock` (never the two `CLOSED`, which last) |
//! | 6, 7 | UNTRIED_READ, UNTRIED_WRITE | registration: nobody has tried yet, so an operation may | the first `WouldBlock` |
//! | 8 | SHUT_DOWN | the driver, once, when its runtime ends | never |
//! | 9 | DIVIDED | the driver, for an event with `PRIORITY` or `ERROR`; registration of what may keep messages apart | never |
//! | 32..=63 | tick | the driver: one more for each event | |
//!
//! The source is watched edge-triggered: the kernel says *once* that there is something. An operation
//! therefore (1) looks at the word, (2) makes its system call, (3) on `WouldBlock` clears the flag *of
//! the word it looked at*. If an event came in between, the tick has moved on and the clearing does
//! nothing: this event may be about what came after the system call, and nobody would say so again.
#![forbid(unsafe_code)]
// `pub` for the loom models, which come in through `crate::internals`.
#![allow(unreachable_pub)]

use crate::interest::Interest;
use crate::ready::Ready;
use runtime_core::primitive::atomic::{AtomicU64, Ordering};
use std::fmt;

const UNTRIED_READ: u64 = 1 << 6;
const UNTRIED_WRITE: u64 = 1 << 7;
const SHUT_DOWN: u64 = 1 << 8;
const DIVIDED: u64 = 1 << 9;
const TICK_ONE: u64 = 1 << 32;

/// Which bits of the word answer a wait, and which are cleared when the answer proves wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    answer: u64,
    clear: u64,
}

impl Wanted {
    /// For an operation of ours that reads.
    pub const READ: Wanted = Wanted {
        answer: Ready::READABLE.bits() as u64 | UNTRIED_READ,
        clear: Ready::READABLE.bits() as u64 | UNTRIED_READ,
    };
    /// For an operation of ours that writes.
    pub const WRITE: Wanted = Wanted {
        answer: Ready::WRITABLE.bits() as u64 | UNTRIED_WRITE,
        clear: Ready::WRITABLE.bits() as u64 | UNTRIED_WRITE,
    };

    /// For somebody who waits to be told: an untried source is not known to be ready.
    pub fn to_know(interest: Interest) -> Wanted {
        let answer = Ready::from_interest(interest);
        let lasting = Ready::READ_CLOSED | Ready::WRITE_CLOSED;
        let mut clear = u64::from((answer - lasting).bits());
        if interest.is_readable() {
            clear |= UNTRIED_READ;
        }
        if interest.is_writable() {
            clear |= UNTRIED_WRITE;
        }
        Wanted { answer: u64::from(answer.bits()), clear }
    }

    /// For an operation of the user's own.
    pub fn to_try(interest: Interest) -> Wanted {
        let known = Wanted::to_know(interest);
        Wanted { answer: known.answer | known.clear, clear: known.clear }
    }

    /// For clearing exactly `ready`, except what lasts.
    pub fn to_clear(ready: Ready) -> Wanted {
        let clear = u64::from((ready - (Ready::READ_CLOSED | Ready::WRITE_CLOSED)).bits());
        Wanted { answer: clear, clear }
    }
}

/// What the word said at one moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Snapshot(u64);

impl Snapshot {
    /// The flags, without the bookkeeping.
    pub fn ready(self) -> Ready {
        Ready::from_bits(self.0 as u8)
    }

    /// Whether the runtime that owned the source has ended.
    pub fn is_shut_down(self) -> bool {
        self.0 & SHUT_DOWN != 0
    }

    /// Whether `wanted` is answered.
    pub fn answers(self, wanted: Wanted) -> bool {
        self.0 & wanted.answer != 0
    }

    /// Whether a short read or write says for sure that nothing is left: not when the end of the
    /// stream, an error, out-of-band data or another message may stand behind it without an event of
    /// their own. Reads go on ending at out-of-band data after it was taken, and its flag cleared.
    pub fn is_plain(self) -> bool {
        !self.ready().intersects(Ready::READ_CLOSED | Ready::WRITE_CLOSED) && self.0 & DIVIDED == 0
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("ready", &self.ready())
            .field("untried_read", &(self.0 & UNTRIED_READ != 0))
            .field("untried_write", &(self.0 & UNTRIED_WRITE != 0))
            .field("shut_down", &self.is_shut_down())
            .field("divided", &(self.0 & DIVIDED != 0))
            .field("tick", &(self.0 / TICK_ONE))
            .finish()
    }
}

/// What is known of a source at its registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Initial {
    /// Nothing: operations wait for the first event.
    Unknown,
    /// Nothing, but trying is cheaper than waiting to be told.
    Untried,
    /// As `Untried`, and a short read may have other messages behind it.
    UntriedMessages,
    /// A connected stream: its send buffer is empty, and data may already be there.
    Connected,
}

/// The word.
pub struct Readiness(AtomicU64);

impl Readiness {
    /// A word for a new source.
    pub fn new(initial: Initial) -> Readiness {
        Readiness(AtomicU64::new(match initial {
            Initial::Unknown => 0,
            Initial::Untried => UNTRIED_READ | UNTRIED_WRITE,
            Initial::UntriedMessages => UNTRIED_READ | UNTRIED_WRITE | DIVIDED,
            Initial::Connected => UNTRIED_READ | u64::from(Ready::WRITABLE.bits()),
        }))
    }

    /// The present state.
    #[inline]
    pub fn load(&self) -> Snapshot {
        // ORDER: Acquire; pairs with the Release in `set` and `shut_down`.
        Snapshot(self.0.load(Ordering::Acquire))
    }

    /// The driver saw an event.
    pub fn set(&self, ready: Ready) {
        let divided = if ready.intersects(Ready::PRIORITY | Ready::ERROR) { DIVIDED } else { 0 };
        let mut current = self.0.load(Ordering::Relaxed);
        loop {
            let new = current.wrapping_add(TICK_ONE) | u64::from(ready.bits()) | divided;
            // ORDER: Release; pairs with the Acquire in `load`. Only the word itself is handed over:
            // what the event is about lives in the kernel.
            match self.0.compare_exchange_weak(current, new, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => current = now,
            }
        }
    }

    /// An operation that had looked at the word in the state `seen` met `WouldBlock`. Nothing happens
    /// if there was an event since.
    pub fn clear(&self, seen: Snapshot, wanted: Wanted) {
        let mut current = seen.0;
        loop {
            if current / TICK_ONE != seen.0 / TICK_ONE || current & wanted.clear == 0 {
                return;
            }
            let new = current & !wanted.clear;
            // ORDER: AcqRel; a `set` that this misses has changed the tick, so the exchange fails and
            // reads the new word; whoever waits afterwards looks again under the waiters' lock.
            match self.0.compare_exchange_weak(current, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return,
                Err(now) => current = now,
            }
        }
    }

    /// The runtime ends: every operation answers with an error from now on.
    pub fn shut_down(&self) {
        // ORDER: Release; pairs with the Acquire in `load`.
        self.0.fetch_or(SHUT_DOWN, Ordering::Release);
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.load().fmt(f)
    }
}
