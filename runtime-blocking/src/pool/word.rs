//! The one word on which the pool decides everything, and its moves.
//!
//! | bits | field | meaning |
//! |---|---|---|
//! | 0..16 | `threads` | threads that exist: from the decision to start one until its [`exit`](Word::exit) |
//! | 16..31 | `idle` | of these, asleep (or about to be) and not yet called |
//! | 31 | `searching` | one thread is on its way to the queue: called, being started, or looking for work |
//! | 32 | `closed` | shut down: nothing is queued any more, and nobody sleeps |
//! | 33..64 | `queued` | jobs submitted that no thread has taken |
//!
//! A thread takes a job *out of the count* ([`Next::Job`]) before it takes one out of the channel, and a
//! submit counts its job before it sends it: whoever is granted a job may wait for it in the channel, for
//! it is there or about to be.
//!
//! # The throttle
//!
//! Only one thread at a time is on its way (`searching`). A submit that finds one does nothing but count.
//! The one on its way, when it arrives, takes a job and — **before it runs it**, since a job may block
//! until another has run — calls the next thread if jobs are left. So a burst of short jobs wakes a few
//! threads instead of one each, and a burst of long ones still gets one thread each.
//!
//! # Why no job is left behind
//!
//! `queued > 0` implies that someone is searching, or that nobody sleeps and the pool is at its cap, or
//! that nobody sleeps and the system refused the last thread while others exist. Each move keeps that:
//! a submit, an arrival and an exit call someone if they can; a thread falls asleep only when `queued` is
//! 0; and a sleeper leaves ([`time_out`](Word::time_out)) only while it is counted in `idle`, which the
//! submit that calls it takes it out of. In the second and third case every thread is busy, and takes
//! what is queued when its job ends, or calls a successor when it exits.
//!
//! # Orderings
//!
//! Everything is `Relaxed`: the word publishes nothing. Each decision is one RMW, and an RMW reads the
//! latest value; jobs travel through the channel and calls through the sleepers' lock, which order
//! whatever belongs to them.

use super::fault::{Fault, planted};
use runtime_core::primitive::atomic::{AtomicU64, Ordering::Relaxed};
use std::fmt;

/// Most threads that a pool may have: what the field `idle` can count.
pub(super) const THREADS_MAX: usize = (1 << 15) - 1;
/// Most jobs that may be queued: what the field `queued` can count (two thousand million).
const QUEUED_MAX: u32 = (1 << 31) - 1;

/// The word. See the module.
pub(super) struct Word(AtomicU64);

/// What the word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Fields {
    pub(super) threads: u16,
    pub(super) idle: u16,
    pub(super) searching: bool,
    pub(super) closed: bool,
    pub(super) queued: u32,
}

/// Whom to call to the queue. The word counts on it: it must be done.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// Nobody: someone is on the way, or nobody is to be had.
    Nobody,
    /// A sleeper.
    Wake,
    /// A new thread.
    Start,
}

/// Answer of [`Word::submit`].
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Submit {
    /// The job is counted and must be sent.
    Counted(Call),
    /// The pool is shut down.
    Closed,
    /// The count is exhausted.
    Full,
}

/// What a thread does now. A [`Call`] that comes with it is done first: a job may block.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// One job is yours: receive it, run it.
    Job,
    /// Nothing queued: look a while, then [`Word::rest`].
    Search,
    /// Nothing queued: sleep.
    Sleep,
    /// Nothing queued for a thread that has just come: it is counted as busy.
    Nothing,
    /// Shut down: end.
    End,
}

/// Answer of [`Word::time_out`].
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TimeOut {
    /// Nobody called: end.
    End,
    /// A call is on its way to a sleeper, and all are called: wait for yours.
    Called,
}

/// Answer of [`Word::start_failed`].
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum StartFailed {
    /// Other threads will take what is queued.
    OthersDrain(Call),
    /// There is no thread. So many jobs, all that were queued, must be answered by the caller.
    NoneLeft(u32),
}

/// Answer of [`Word::close`].
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Closed {
    /// Jobs that must be received and dropped.
    pub(super) queued: u32,
    /// Sleepers that must be called.
    pub(super) idle: u16,
    /// Threads that may be inside a job.
    pub(super) busy: u16,
}

impl Fields {
    fn unpack(bits: u64) -> Self {
        Fields {
            threads: bits as u16,
            idle: (bits >> 16) as u16 & 0x7FFF,
            searching: bits >> 31 & 1 != 0,
            closed: bits >> 32 & 1 != 0,
            queued: (bits >> 33) as u32,
        }
    }

    fn pack(self) -> u64 {
        u64::from(self.threads)
            | u64::from(self.idle) << 16
            | u64::from(self.searching) << 31
            | u64::from(self.closed) << 32
            | u64::from(self.queued) << 33
    }

    /// Calls one thread if jobs are queued, nobody is on the way, and one is to be had.
    fn call(&mut self, cap: u16) -> Call {
        if self.queued == 0 || self.searching {
            Call::Nobody
        } else if self.idle > 0 {
            self.idle -= 1;
            self.searching = true;
            Call::Wake
        } else if self.threads < cap {
            self.threads += 1;
            self.searching = true;
            Call::Start
        } else {
            Call::Nobody
        }
    }

    /// The searcher takes a job and hands the search on.
    fn take_and_call(&mut self, cap: u16) -> (Next, Call) {
        self.searching = false;
        self.queued -= 1;
        (Next::Job, if planted(Fault::NoHandingOn) { Call::Nobody } else { self.call(cap) })
    }
}

impl Word {
    pub(super) fn new() -> Self {
        Word(AtomicU64::new(0))
    }

    /// What the word says now. For spinning and for people: no decision is taken on it.
    pub(super) fn load(&self) -> Fields {
        Fields::unpack(self.0.load(Relaxed))
    }

    /// Applies `step` in one RMW and returns its answer.
    fn update<A>(&self, mut step: impl FnMut(&mut Fields) -> A) -> A {
        let mut seen = self.0.load(Relaxed);
        loop {
            let mut fields = Fields::unpack(seen);
            let answer = step(&mut fields);
            // ORDER: Relaxed: see the module. The RMW stays even where nothing changes: only an RMW is
            // sure to have read the latest value.
            match self.0.compare_exchange_weak(seen, fields.pack(), Relaxed, Relaxed) {
                Ok(_) => return answer,
                Err(now) => seen = now,
            }
        }
    }

    /// Counts a job and calls a thread for it, one of at most `cap`.
    pub(super) fn submit(&self, cap: u16) -> Submit {
        let early = self.load().closed;
        self.update(|word| {
            let closed = if planted(Fault::ClosedSeenEarly) { early } else { word.closed };
            if closed {
                Submit::Closed
            } else if word.queued == QUEUED_MAX {
                Submit::Full
            } else {
                word.queued += 1;
                Submit::Counted(word.call(cap))
            }
        })
    }

    /// A thread that was called, or started, is there.
    pub(super) fn arrive(&self, cap: u16) -> (Next, Call) {
        self.update(|word| {
            if word.closed {
                (Next::End, Call::Nobody)
            } else if word.queued > 0 {
                word.take_and_call(cap)
            } else {
                word.searching = false;
                (Next::Nothing, Call::Nobody)
            }
        })
    }

    /// A busy thread has nothing to do any more.
    pub(super) fn next(&self) -> Next {
        self.update(|word| {
            if word.closed {
                Next::End
            } else if word.queued > 0 {
                word.queued -= 1;
                Next::Job
            } else if word.searching {
                word.idle += 1;
                Next::Sleep
            } else {
                word.searching = true;
                Next::Search
            }
        })
    }

    /// The searcher has looked long enough.
    pub(super) fn rest(&self, cap: u16) -> (Next, Call) {
        self.update(|word| {
            if word.closed {
                (Next::End, Call::Nobody)
            } else if word.queued > 0 {
                word.take_and_call(cap)
            } else {
                word.searching = false;
                word.idle += 1;
                (Next::Sleep, Call::Nobody)
            }
        })
    }

    /// A sleeper's keep-alive has run out.
    pub(super) fn time_out(&self) -> TimeOut {
        self.update(|word| {
            if word.idle > 0 {
                word.idle -= 1;
                TimeOut::End
            } else if planted(Fault::LeaveAlthoughCalled) {
                TimeOut::End
            } else {
                TimeOut::Called
            }
        })
    }

    /// A thread is at its end, past all hooks. It may have to call a successor: jobs that were queued
    /// while the pool was at its cap may have counted on it.
    pub(super) fn exit(&self, cap: u16) -> Call {
        self.update(|word| {
            word.threads -= 1;
            word.call(cap)
        })
    }

    /// The thread of a [`Call::Start`] could not be had.
    pub(super) fn start_failed(&self) -> StartFailed {
        self.update(|word| {
            word.threads -= 1;
            word.searching = false;
            // Once closed, whoever closed it drops what was queued.
            if word.threads == 0 && !word.closed {
                let queued = std::mem::take(&mut word.queued);
                return StartFailed::NoneLeft(if planted(Fault::OthersForgotten) { 1 } else { queued });
            }
            // No other start: it would be refused as well.
            StartFailed::OthersDrain(word.call(0))
        })
    }

    /// Shuts down; `None` if that was done before.
    pub(super) fn close(&self) -> Option<Closed> {
        self.update(|word| {
            if word.closed {
                return None;
            }
            word.closed = true;
            let queued = std::mem::take(&mut word.queued);
            let idle = std::mem::take(&mut word.idle);
            let searching = std::mem::take(&mut word.searching);
            Some(Closed { queued, idle, busy: word.threads - idle - u16::from(searching) })
        })
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.load().fmt(f)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn word(fields: Fields) -> Word {
        Word(AtomicU64::new(fields.pack()))
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        let max = THREADS_MAX as u16;
        for fields in [
            Fields { threads: max, ..Fields::default() },
            Fields { idle: max, ..Fields::default() },
            Fields { searching: true, ..Fields::default() },
            Fields { closed: true, ..Fields::default() },
            Fields { queued: QUEUED_MAX, ..Fields::default() },
        ] {
            assert_eq!(Fields::unpack(fields.pack()), fields);
        }
    }

    #[test]
    fn the_count_of_jobs_has_an_end() {
        let word = word(Fields { threads: 1, queued: QUEUED_MAX, ..Fields::default() });
        assert_eq!(word.submit(1), Submit::Full);
        assert_eq!(word.next(), Next::Job);
        assert_eq!(word.submit(1), Submit::Counted(Call::Nobody));
    }

    #[test]
    fn one_is_on_the_way_at_a_time_and_hands_on() {
        let word = Word::new();
        assert_eq!(word.submit(3), Submit::Counted(Call::Start));
        assert_eq!(word.submit(3), Submit::Counted(Call::Nobody));
        assert_eq!(word.submit(3), Submit::Counted(Call::Nobody));
        assert_eq!(word.arrive(3), (Next::Job, Call::Start));
        assert_eq!(word.arrive(3), (Next::Job, Call::Start));
        assert_eq!(word.arrive(3), (Next::Job, Call::Nobody));
        assert_eq!(word.load(), Fields { threads: 3, ..Fields::default() });
    }

    #[test]
    fn who_arrives_for_nothing_no_longer_counts_as_on_the_way() {
        let word = word(Fields { threads: 1, ..Fields::default() });
        assert_eq!(word.submit(2), Submit::Counted(Call::Start));
        assert_eq!(word.next(), Next::Job);
        assert_eq!(word.arrive(2), (Next::Nothing, Call::Nobody));
        assert_eq!(word.next(), Next::Search);
        assert_eq!(word.rest(2), (Next::Sleep, Call::Nobody));
        assert_eq!(word.submit(2), Submit::Counted(Call::Wake));
    }

    #[test]
    fn a_refused_start_wakes_who_fell_asleep_meanwhile() {
        let word = word(Fields { threads: 2, ..Fields::default() });
        assert_eq!(word.submit(3), Submit::Counted(Call::Start));
        assert_eq!(word.next(), Next::Job);
        assert_eq!(word.next(), Next::Sleep);
        assert_eq!(word.submit(3), Submit::Counted(Call::Nobody));
        // The first job may wait for the second one: the sleeper must come.
        assert_eq!(word.start_failed(), StartFailed::OthersDrain(Call::Wake));
        assert_eq!(word.arrive(3), (Next::Job, Call::Nobody));
    }
}
