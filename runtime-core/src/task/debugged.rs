//! One task of a runtime in debug mode: what its polls look like.

#![forbid(unsafe_code)]

use super::debug_report::DebugKind;
use super::debugger::Debugger;
use super::error::Whose;
use super::futurelock;
use super::id::Id;
use super::with_current;
use crate::coop;
use crate::primitive::{Count, Mutex};
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A poll that takes longer is slow: asyncio's figure for callbacks.
const SLOW_POLL: Duration = Duration::from_millis(100);

/// So many polls in a row that were each asked for by the one before, and did nothing, are a storm, ...
const STORM_POLLS: u64 = 1000;
/// ... if they come within this time.
const STORM_TIME: Duration = Duration::from_secs(1);

/// Who looks at a task, and how.
#[derive(Debug, Clone)]
pub struct Debugging {
    debugger: Arc<Debugger>,
    /// A task that the runtime has for itself: only its polls are looked at, which may be callbacks of users.
    is_own: bool,
}

impl Debugging {
    pub(crate) fn new(debugger: Arc<Debugger>) -> Self {
        Debugging { debugger, is_own: false }
    }

    /// For tasks that the runtime has for itself.
    pub(super) fn for_own(&self) -> Self {
        Debugging { is_own: true, ..self.clone() }
    }

    /// A task has a handle. `true`: its end is to be told.
    #[must_use]
    pub(super) fn spawned(&self, whose: &Whose<'_>) -> bool {
        if !self.is_own {
            self.debugger.handle_made(whose);
        }
        !self.is_own
    }
}

/// See the module. The figures are written by the thread that polls the task.
pub(super) struct Debugged {
    polls: Count,
    /// 1 while it is being polled.
    is_polled: Count,
    /// How many `select!`s it has left.
    selects: Count,
    /// 1 if nobody wants its value.
    is_waived: Count,
    /// How many polls in a row were asked for by the one before, and when the first of them began.
    streak: Count,
    streak_begin: Mutex<Option<Instant>>,
}

impl Debugged {
    pub(super) fn new() -> Self {
        let [polls, is_polled, selects, is_waived, streak] = [const { Count::new() }; 5];
        Debugged { polls, is_polled, selects, is_waived, streak, streak_begin: Mutex::new(None) }
    }

    /// One poll. `is_woken` says whether the task is to be polled again already.
    pub(super) fn around<'a, R>(
        &self,
        by: &Debugging,
        whose: impl Fn() -> Whose<'a>,
        is_woken: impl Fn() -> bool,
        poll: impl FnOnce() -> R,
    ) -> R {
        self.polls.add(1);
        let has_grants = futurelock::poll_begins(|| whose().id);
        self.is_polled.set(1);
        let (begin, aside_ns) = (by.debugger.now(), coop::aside_ns());
        let result = poll();
        let end = by.debugger.now();
        self.is_polled.set(0);
        if has_grants {
            self.has_left(by, &whose());
        }
        let aside = Duration::from_nanos(coop::aside_ns().wrapping_sub(aside_ns));
        let took = end.saturating_duration_since(begin).saturating_sub(aside);
        if took > SLOW_POLL {
            by.debugger.report(DebugKind::SlowPoll, &whose(), || {
                format!(
                    "was polled for {} ms in one go: move what blocks to `spawn_blocking`, or let others in with `yield_now`",
                    took.as_millis()
                )
            });
        }
        if is_woken() && !coop::has_spent() {
            self.woken_idle(by, whose, begin, end);
        } else {
            self.streak.set(0);
        }
        result
    }

    /// A poll has done nothing that we know of, and asked for another.
    fn woken_idle<'a>(&self, by: &Debugging, whose: impl Fn() -> Whose<'a>, begin: Instant, end: Instant) {
        let streak = self.streak.get() + 1;
        self.streak.set(streak);
        if streak == 1 {
            *self.streak_begin.lock() = Some(begin);
        }
        if streak <= STORM_POLLS {
            return;
        }
        self.streak.set(0);
        let since = self.streak_begin.lock().unwrap_or(begin);
        let took = end.saturating_duration_since(since);
        if took <= STORM_TIME {
            by.debugger.report(DebugKind::WakeStorm, &whose(), || {
                format!(
                    "was woken during each of its last {streak} polls, within {} ms, and got nothing done in them: it \
                     seems to wake itself instead of waiting",
                    took.as_millis()
                )
            });
        }
    }

    /// A poll is over that began with grants which the task had not seen to: if it has not in that poll, it is given some
    /// more time.
    #[cold]
    fn has_left(&self, by: &Debugging, whose: &Whose<'_>) {
        let Whose { id, spawn_site, .. } = *whose;
        let keeper = with_current(|raw| raw.keeper()).flatten();
        for (left, keeper) in futurelock::poll_ended(id).into_iter().zip(keeper.iter().cycle()) {
            let (by, name) = (by.clone(), whose.name.map(Box::<str>::from));
            let report = move || {
                if futurelock::left(&left) {
                    let message = || left.message();
                    by.debugger.report(
                        DebugKind::Futurelock,
                        &Whose { id, name: name.as_deref(), spawn_site },
                        message,
                    );
                }
            };
            keeper.call_later(futurelock::LEFT_MAX, Box::new(report));
        }
    }

    /// How many `select!`s it has left.
    // Asked for in debug builds alone, as are the next two.
    #[allow(dead_code)]
    pub(super) fn selects(&self) -> u64 {
        self.selects.get()
    }

    /// It leaves one.
    #[allow(dead_code)]
    pub(super) fn select_left(&self) {
        self.selects.add(1);
    }

    /// It drops a future of ours unpolled, which `what` made at `site`, when it had left `selects` of those. `whose` is that of
    /// the task.
    #[allow(dead_code)]
    pub(super) fn future_unpolled(
        &self,
        by: &Debugging,
        whose: &Whose<'_>,
        what: &str,
        site: &'static Location<'static>,
        selects: Option<u64>,
    ) {
        // Not when it is cancelled. And one that was given to a `select!` by reference need not have had its turn.
        if self.is_polled.get() == 1 && selects.is_none_or(|selects| selects == self.selects()) {
            by.debugger.report_of(DebugKind::FutureNeverPolled, whose, site, || {
                format!("has dropped a `{what}` from {}:{} before its first poll: it does nothing unless it is awaited", site.file(), site.line())
            });
        }
    }

    /// The task has ended, and its future is dropped.
    pub(super) fn ended(&self, by: &Debugging, whose: &Whose<'_>) {
        if self.polls.get() == 0 && !by.is_own {
            let message = || "was dropped before its first poll".to_owned();
            by.debugger.report(DebugKind::TaskNeverPolled, whose, message);
        }
    }

    /// The handle goes.
    pub(super) fn handle_gone(by: &Debugging, id: Id) {
        by.debugger.handle_gone(id);
    }

    /// Who has the handle does not want the value: has asked for the task's end, say.
    pub(super) fn waive(&self) {
        self.is_waived.set(1);
    }

    /// The handle went after the end, and left a value unread.
    pub(super) fn unread(&self, by: &Debugging, whose: &Whose<'_>) {
        if self.is_waived.get() == 1 {
            return;
        }
        let message =
            || "gave a result that nobody has read: its handle was dropped after the task's end".to_owned();
        by.debugger.report(DebugKind::ResultNeverRead, whose, message);
    }
}
