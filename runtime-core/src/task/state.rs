//! The state word of a task: every move that it can make, and nothing else.
//!
//! | bit | name | set when | cleared when |
//! |---|---|---|---|
//! | 0 | `SCHEDULED` | a queue holds the task, or it was woken while running | a worker takes it to poll it |
//! | 1 | `RUNNING` | a thread polls it, and owns future and output | the poll returned |
//! | 2 | `DONE` | the output is stored | never |
//! | 3 | `JOIN` | a `JoinHandle` exists, and owns the output once `DONE` | it is dropped |
//! | 4 | `JOIN_WAKER` | the join waker may be read by the completer | the handle takes it back |
//! | 5 | `CANCELLED` | abort or shutdown asked for it | never |
//! | 6 | `OBSERVED` | somebody wants to be told of the end through the extras | never |
//! | 7, 8 | how it ended | with `DONE` | never |
//! | 9.. | refs | | |
//!
//! The runtime holds one reference from spawn until `DONE`. The queue entry, the running worker and the
//! list of live tasks own none: they live under it. So a wake touches no count.
//!
//! ```text
//!            spawn                 pop                       Ready, panic, cancelled
//!   ○ ─────────────▶ SCHEDULED ─────────▶ RUNNING ──────────────────────────────▶ DONE
//!                        ▲                 │   │  ▲ woken: SCHEDULED | RUNNING
//!                  wake  │    Pending      │   └──┘
//!                        └──── idle ◀──────┤
//!                        ▲                 │
//!                        └── Pending after a wake, or yielded
//! ```

use super::outcome::{How, TaskState};
use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::util::fault::{Fault, planted};
use std::fmt;

const SCHEDULED: usize = 1;
const RUNNING: usize = 1 << 1;
const DONE: usize = 1 << 2;
const JOIN: usize = 1 << 3;
const JOIN_WAKER: usize = 1 << 4;
const CANCELLED: usize = 1 << 5;
const OBSERVED: usize = 1 << 6;
const PANICKED: usize = 1 << 7;
const FAILED: usize = 1 << 8;
const REF_ONE: usize = 1 << 9;

/// What a new task looks like: in a queue, with a handle, one reference for it and one for the runtime.
const INITIAL: usize = SCHEDULED | JOIN | (2 * REF_ONE);

/// The word.
pub(crate) struct State(AtomicUsize);

/// Whether the caller must put the task into a queue.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Submit {
    Yes,
    No,
}

/// What to do with a task taken from a queue.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Poll,
    Cancel,
}

/// What the end of a task found.
#[must_use]
#[derive(Debug)]
pub(crate) struct Finished {
    /// A handle will take the output; otherwise the completer drops it.
    pub(crate) has_join: bool,
    /// The handle left a waker.
    pub(crate) has_waker: bool,
    /// Somebody wants to be told through the extras.
    pub(crate) is_observed: bool,
}

/// What a `JoinHandle` finds when it goes.
#[must_use]
#[derive(Debug)]
pub(crate) struct Unjoined {
    /// The task is done, so the output is the handle's to drop.
    pub(crate) drop_output: bool,
    /// The task is not done, so the waker is the handle's to drop.
    pub(crate) drop_waker: bool,
    /// There are extras to which its end is told, or was.
    pub(crate) is_observed: bool,
}

/// Whether the task had ended when its handle looked.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Join {
    Done,
    NotYet,
}

impl State {
    pub(crate) fn new() -> Self {
        State(AtomicUsize::new(INITIAL))
    }

    /// A wake. Always a read-modify-write: a load alone would let what the waker's thread wrote before go
    /// unseen by the coming poll (tokio #7622).
    pub(crate) fn wake(&self) -> Submit {
        if planted(Fault::WakeSkipped) && self.0.load(Ordering::Relaxed) & SCHEDULED != 0 {
            return Submit::No;
        }
        // ORDER: Release publishes what came before the wake to the poll (`start`); Acquire for the push.
        let order = if planted(Fault::WakeUnordered) { Ordering::Relaxed } else { Ordering::AcqRel };
        submit_if_idle(self.0.fetch_or(SCHEDULED, order))
    }

    /// Asks for the task's end. The worker that pops it drops the future.
    pub(crate) fn cancel(&self) -> Submit {
        // ORDER: as `wake`.
        submit_if_idle(self.0.fetch_or(SCHEDULED | CANCELLED, Ordering::AcqRel))
    }

    /// Out of the queue: from here the caller owns future and output.
    pub(crate) fn start(&self) -> Start {
        // ORDER: Acquire sees what the last poll and every wake wrote; Release hands our reads on.
        let before = self.0.fetch_xor(SCHEDULED | RUNNING, Ordering::AcqRel);
        debug_assert!(before & SCHEDULED != 0, "{before:b}: polled without being scheduled");
        debug_assert!(before & (RUNNING | DONE) == 0, "{before:b}: polled twice at a time, or after its end");
        if before & CANCELLED != 0 { Start::Cancel } else { Start::Poll }
    }

    /// The poll gave `Pending`. With `No` the caller touches the task no more: whoever wakes it next may
    /// end it on another thread.
    pub(crate) fn pause(&self) -> Submit {
        // ORDER: Release publishes the future to the next `start`; Acquire sees a wake's writes.
        let before = self.0.fetch_and(!RUNNING, Ordering::AcqRel);
        debug_assert!(before & RUNNING != 0);
        if before & SCHEDULED != 0 { Submit::Yes } else { Submit::No }
    }

    /// The poll gave `Pending` and asked for another: to be put into the queue in any case. A
    /// compare-exchange, because flipping two bits blindly would queue a task twice that was woken meanwhile.
    pub(crate) fn pause_scheduled(&self) {
        if planted(Fault::YieldBlind) {
            self.0.fetch_xor(RUNNING | SCHEDULED, Ordering::AcqRel);
            return;
        }
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            debug_assert!(now & RUNNING != 0);
            let next = (now & !RUNNING) | SCHEDULED;
            // ORDER: as `pause`.
            match self.0.compare_exchange_weak(now, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return,
                Err(other) => now = other,
            }
        }
    }

    /// Whether nobody but the runtime knows the running task: it may be freed at once. To be asked after
    /// the task has left its home's list, where a walker could have taken it.
    pub(crate) fn is_unobserved(&self) -> bool {
        // ORDER: Acquire pairs with the Release of the last other reference's `unref`.
        self.0.load(Ordering::Acquire) & !(SCHEDULED | CANCELLED) == RUNNING | REF_ONE
    }

    /// The output is stored.
    pub(crate) fn finish(&self, how: How) -> Finished {
        let how = match how {
            How::Finished => 0,
            How::Panicked => PANICKED,
            How::Cancelled => FAILED,
        };
        // ORDER: Release publishes the output; Acquire sees the join waker and the extras.
        let before = self.0.fetch_xor(RUNNING | DONE | how, Ordering::AcqRel);
        debug_assert!(before & RUNNING != 0);
        debug_assert!(before & DONE == 0);
        Finished {
            has_join: before & JOIN != 0,
            has_waker: before & JOIN_WAKER != 0,
            is_observed: before & OBSERVED != 0,
        }
    }

    /// What the task is doing, for people to read.
    pub(crate) fn phase(&self) -> TaskState {
        // ORDER: Acquire: what the last poll counted is seen.
        match self.0.load(Ordering::Acquire) {
            word if word & DONE != 0 => TaskState::Finished,
            word if word & RUNNING != 0 => TaskState::Running,
            word if word & SCHEDULED != 0 => TaskState::Scheduled,
            _ => TaskState::Idle,
        }
    }

    /// Whether the running task was woken since its poll began.
    pub(crate) fn is_woken(&self) -> bool {
        self.0.load(Ordering::Relaxed) & SCHEDULED != 0
    }

    /// How a task ended that is done.
    pub(crate) fn how(&self) -> How {
        match self.0.load(Ordering::Relaxed) {
            word if word & PANICKED != 0 => How::Panicked,
            word if word & FAILED != 0 => How::Cancelled,
            _ => How::Finished,
        }
    }

    /// The end is to be told through the extras. `Done`: it came before anybody wanted that, so the caller tells.
    pub(crate) fn set_observed(&self) -> Join {
        // ORDER: Release publishes the extras to `finish`; Acquire sees what came before it.
        let before = self.0.fetch_or(OBSERVED, Ordering::AcqRel);
        if before & OBSERVED != 0 { Join::NotYet } else { look(before) }
    }

    /// Asks for the end of what cannot be stopped: it may look.
    pub(crate) fn set_cancelled(&self) {
        // ORDER: Release: what the canceller did before is visible to a job that goes by this.
        self.0.fetch_or(CANCELLED, Ordering::Release);
    }

    /// Whether its end was asked for, by an abort or by shutdown.
    pub(crate) fn is_cancelled(&self) -> bool {
        // ORDER: Acquire: pairs with the above and with `cancel`.
        self.0.load(Ordering::Acquire) & CANCELLED != 0
    }

    /// Takes a queued blocking job, to run it or to cancel it. `false`: somebody else did.
    pub(crate) fn claim(&self) -> bool {
        let claimed = |now: usize| {
            let free = now & SCHEDULED != 0 && now & (RUNNING | DONE) == 0;
            let free = free || planted(Fault::ClaimedTwice) && now & DONE == 0;
            free.then_some(now & !SCHEDULED | RUNNING)
        };
        // ORDER: as `start`.
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, claimed).is_ok()
    }

    /// The handle of a task that has not even started goes: both at once. `false`: use
    /// [`unjoin`](Self::unjoin) and [`unref`](Self::unref).
    pub(crate) fn unjoin_unstarted(&self) -> bool {
        let next = (INITIAL & !JOIN) - REF_ONE;
        // ORDER: Release as in `unref`; nothing is read afterwards.
        self.0.compare_exchange(INITIAL, next, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// The handle gives up output and waker. Its reference is still to be dropped.
    pub(crate) fn unjoin(&self) -> Unjoined {
        let early = planted(Fault::EndSeenEarly).then(|| self.0.load(Ordering::Acquire));
        // ORDER: Acquire sees the output if done; Release publishes our last use of the waker.
        let before = self.0.fetch_and(!(JOIN | JOIN_WAKER), Ordering::AcqRel);
        debug_assert!(before & JOIN != 0);
        let done = early.unwrap_or(before) & DONE != 0;
        // Once done, the completer may be inside the waker: it stays until the cell goes.
        Unjoined {
            drop_output: done,
            drop_waker: !done || planted(Fault::WakerDroppedLate),
            is_observed: before & OBSERVED != 0,
        }
    }

    /// Whether the task has ended.
    pub(crate) fn join(&self) -> Join {
        // ORDER: Acquire sees the output.
        look(self.0.load(Ordering::Acquire))
    }

    /// Whether the stored join waker is shared with the completer.
    pub(crate) fn has_join_waker(&self) -> bool {
        self.0.load(Ordering::Relaxed) & JOIN_WAKER != 0
    }

    /// The join waker is written. `Done` is read from the same operation: a completer that came first has
    /// not seen it.
    pub(crate) fn set_join_waker(&self) -> Join {
        // ORDER: Release publishes the waker; Acquire sees the output.
        let before = self.0.fetch_or(JOIN_WAKER, Ordering::AcqRel);
        if planted(Fault::EndUnseenBySet) { Join::NotYet } else { look(before) }
    }

    /// Takes the join waker back, to write another. `Done`: the completer may be inside it.
    pub(crate) fn unset_join_waker(&self) -> Join {
        // ORDER: Acquire sees the output.
        let before = self.0.fetch_and(!JOIN_WAKER, Ordering::AcqRel);
        if planted(Fault::EndUnseenByUnset) { Join::NotYet } else { look(before) }
    }

    /// One more reference.
    pub(crate) fn add_ref(&self) {
        // ORDER: Relaxed: the new reference comes from one that keeps the task alive.
        let before = self.0.fetch_add(REF_ONE, Ordering::Relaxed);
        if before > isize::MAX as usize {
            // Two billion billion leaked wakers: going on would end in a use after free.
            std::process::abort();
        }
    }

    /// One less. `true`: it was the last, the caller frees the task.
    #[must_use]
    pub(crate) fn unref(&self) -> bool {
        // ORDER: Release publishes our last use; Acquire lets the last one free what all have used.
        let before = self.0.fetch_sub(REF_ONE, Ordering::AcqRel);
        debug_assert!(before >= REF_ONE, "a reference was dropped twice");
        before / REF_ONE == 1
    }
}

fn submit_if_idle(before: usize) -> Submit {
    if before & (SCHEDULED | RUNNING | DONE) == 0 { Submit::Yes } else { Submit::No }
}

fn look(word: usize) -> Join {
    if word & DONE != 0 { Join::Done } else { Join::NotYet }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.0.load(Ordering::Relaxed);
        let names = [
            (SCHEDULED, "SCHEDULED "),
            (RUNNING, "RUNNING "),
            (DONE, "DONE "),
            (JOIN, "JOIN "),
            (JOIN_WAKER, "JOIN_WAKER "),
            (CANCELLED, "CANCELLED "),
            (OBSERVED, "OBSERVED "),
            (PANICKED, "PANICKED "),
            (FAILED, "FAILED "),
        ];
        for (bit, name) in names {
            if word & bit != 0 {
                f.write_str(name)?;
            }
        }
        write!(f, "refs={}", word / REF_ONE)
    }
}
