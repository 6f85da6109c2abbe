//! What only some tasks need, made when it is first needed: who is told that the task shall end, who is
//! told that it has ended, and what it has inherited.
//!
//! A task *listens* once it has called `task::cancelled`. One that listens is told that it shall end, and
//! may clean up until its grace is over; any other is dropped where it waits. Groups of tasks that it awaits then
//! outlive its future: it has ended once they are gone.
//!
//! Of such a task, `side.ends` is set. Then its groups are asked, so that they know that they outlive it, and only then it
//! `ends`, and is woken: its future is dropped. Whoever enters a group, or leaves one, looks under the lock of `side`, and
//! so does the task before it goes to sleep without a future: it finds its last group gone, or is woken by it.

#![forbid(unsafe_code)]

use super::error::Whose;
use super::groups::{Ask, Groups, Seated};
use super::outcome::Outcome;
use super::trace::Traced;
use super::watch::{Figures, Watch, Watched};
use crate::primitive::Mutex;
use crate::primitive::atomic::{AtomicBool, Ordering};
use crate::sync::wait_list::{self, WaitList, Waiter, Woken};
use crate::util::fault::{Fault, planted};
use crate::util::inherited::{self, Captured};
use crate::util::wake_list::{drop_quietly, quietly};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Told of a task's end. It runs no foreign code but wakers, and drops of what was left to it.
pub(crate) type Notice = Box<dyn FnOnce(&Outcome) + Send>;

/// The wait for the request has ended.
const ASKED: wait_list::Outcome = wait_list::Outcome::new(1);

/// See the module.
pub(crate) struct Extras {
    /// Whether the task was told that it shall end, or has ended: then nobody need wait here.
    asked: AtomicBool,
    /// Whether it is polled no more.
    ends: AtomicBool,
    waiting: WaitList,
    /// Set before the task is known to anybody.
    inherits: bool,
    /// What it has inherited, while it is not being polled.
    inherited: Mutex<Option<Captured>>,
    /// Hooks and figures. Set before the task is known to anybody.
    watched: Option<Box<Watched>>,
    /// Its span. Set before the task is known to anybody.
    traced: Traced,
    side: Mutex<Side>,
}

#[derive(Default)]
struct Side {
    /// Set by the first `listen`.
    listens: bool,
    /// Those that the task awaits.
    groups: Groups,
    /// Whether it is to be dropped where it waits.
    ends: bool,
    /// The shortest grace that was begun.
    grace: Option<Duration>,
    notices: Vec<Notice>,
    end: End,
}

/// How far the notices are.
#[derive(Default, Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    #[default]
    NotYet,
    /// Somebody tells those that are registered; who registers now is told by them.
    Telling,
    Told,
}

/// What a task has from its spawn on, if it has anything.
pub(super) struct Given {
    /// Values that it has inherited.
    pub(super) inherited: Option<Captured>,
    /// Who watches it.
    pub(super) watch: Option<Arc<Watch>>,
    /// Its span.
    pub(super) traced: Traced,
}

impl Given {
    pub(super) fn nothing() -> Self {
        Given { inherited: None, watch: None, traced: Traced::none() }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.inherited.is_none() && self.watch.is_none() && !self.traced.is_some()
    }
}

/// What became of a request that a task should end.
#[must_use]
pub(crate) enum Asked {
    /// To be aborted.
    Aborts,
    /// To be dropped where it waits, once these groups are told. It has ended once they are gone.
    Ends(Vec<Seated>),
    /// It was told. These are its groups.
    Told(Vec<Seated>),
}

impl Extras {
    pub(super) fn new(given: Given) -> Self {
        let Given { inherited, watch, traced } = given;
        Extras {
            asked: AtomicBool::new(false),
            ends: AtomicBool::new(false),
            waiting: WaitList::new(),
            inherits: inherited.is_some(),
            inherited: Mutex::new(inherited),
            watched: watch.map(|watch| Box::new(Watched::new(watch))),
            traced,
            side: Mutex::new(Side::default()),
        }
    }

    /// One poll of the task, with all that belongs to it.
    pub(super) fn polled<'a, R>(
        &self,
        whose: impl Fn() -> Whose<'a>,
        is_woken: impl Fn() -> bool,
        poll: impl FnOnce() -> R,
    ) -> R {
        let poll = || {
            let result = poll();
            self.traced.polled();
            result
        };
        match &self.watched {
            None => self.scoped(poll),
            Some(watched) => watched.around(whose, is_woken, || self.scoped(poll)),
        }
    }

    /// The task has ended: its future is gone.
    pub(super) fn ended<'a>(&self, whose: impl Fn() -> Whose<'a>) {
        self.drop_inherited();
        if let Some(watched) = &self.watched {
            watched.terminated(whose);
        }
        self.traced.close();
    }

    /// Its span, if it has one.
    pub(super) fn traced(&self) -> &Traced {
        &self.traced
    }

    /// What watches the task, if anything does.
    pub(super) fn watched(&self) -> Option<&Watched> {
        self.watched.as_deref()
    }

    /// What was measured, if anything was.
    pub(super) fn figures(&self) -> Option<Figures> {
        self.watched.as_ref()?.figures()
    }

    /// Runs a poll with what the task has inherited in scope, in its span.
    pub(super) fn scoped<R>(&self, poll: impl FnOnce() -> R) -> R {
        let _span = self.traced.enter();
        if !self.inherits {
            return poll();
        }
        let captured = self.inherited.lock().take();
        let entered = inherited::enter(captured);
        let result = poll();
        let captured = entered.leave();
        let old = std::mem::replace(&mut *self.inherited.lock(), captured);
        debug_assert!(old.is_none(), "polled by two");
        result
    }

    /// The task has ended: nobody needs what it has inherited.
    fn drop_inherited(&self) {
        if self.inherits {
            let captured = self.inherited.lock().take();
            drop_quietly(captured);
        }
    }

    /// From here on the task is told when it shall end.
    pub(super) fn listen(&self) {
        self.side.lock().listens = true;
    }

    pub(super) fn listens(&self) -> bool {
        self.side.lock().listens
    }

    /// A group is awaited from here on: its number here, and what it is asked for already. An abort comes first.
    pub(super) fn enter_group(&self, group: Seated, is_aborted: impl FnOnce() -> bool) -> (u64, Option<Ask>) {
        let mut side = self.side.lock();
        let number = side.groups.enter(group);
        let ask = Ask { ends: side.ends || is_aborted(), grace: side.grace };
        if planted(Fault::GroupEnteredUnasked) {
            return (number, None);
        }
        (number, (ask.ends || self.is_asked()).then_some(ask))
    }

    /// A group is no longer awaited. A task that shall end has been waiting for that, perhaps: `tell` it.
    pub(super) fn leave_group(&self, number: u64, tell: impl Fn()) {
        let mut side = self.side.lock();
        let ends = side.ends;
        if ends && planted(Fault::GroupLeavesLate) {
            drop(side);
            tell();
            side = self.side.lock();
        }
        let left = side.groups.leave(number);
        drop(side);
        drop(left);
        if ends && !planted(Fault::GroupLeavesLate) {
            tell();
        }
    }

    /// The task shall end: tells it if it listens, unless it is to end `at_once`.
    pub(super) fn ask(&self, at_once: bool) -> Asked {
        let mut side = self.side.lock();
        let ends = !side.listens || at_once;
        side.ends |= ends;
        if planted(Fault::GroupsAskedLate) && ends {
            self.end();
        }
        if !planted(Fault::AskedLate) {
            // ORDER: Release pairs with `is_asked`. Under the lock: who enters a group looks under it.
            self.asked.store(true, Ordering::Release);
        }
        let groups = side.groups.all();
        drop(side);
        self.tell_waiting();
        match ends {
            false => Asked::Told(groups),
            true if groups.is_empty() => Asked::Aborts,
            true => Asked::Ends(groups),
        }
    }

    /// Its groups know that they outlive it: from here on it is polled no more.
    pub(super) fn end(&self) {
        // ORDER: Release pairs with `ends`.
        self.ends.store(true, Ordering::Release);
    }

    /// Whether it is polled no more.
    pub(super) fn ends(&self) -> bool {
        // ORDER: Acquire: what the groups were told is visible to the drop of the future.
        self.ends.load(Ordering::Acquire)
    }

    /// Whether the task, whose future is gone, waits for groups before it ends.
    pub(super) fn outlasts(&self) -> bool {
        self.ends() && !self.side.lock().groups.is_empty()
    }

    /// Whether a grace that begins now may end before those that have begun: one that is no shorter does not.
    pub(super) fn shortens(&self, grace: Duration) -> bool {
        let mut side = self.side.lock();
        let shortens = side.grace.is_none_or(|shortest| grace < shortest);
        if shortens {
            side.grace = Some(grace);
        }
        shortens
    }

    /// Whether it was told because it listens, and has not ended. One that is to be dropped where it waits was asked as well.
    pub(super) fn is_told(&self) -> bool {
        let side = self.side.lock();
        self.is_asked() && !side.ends && side.end == End::NotYet
    }

    pub(super) fn is_asked(&self) -> bool {
        // ORDER: Acquire: what the canceller did before is visible to a task that goes by this.
        self.asked.load(Ordering::Acquire)
    }

    fn tell_waiting(&self) {
        let mut woken = Woken::new();
        let mut waiting = self.waiting.lock();
        if planted(Fault::AskedLate) {
            waiting.notify_all(ASKED, &mut woken);
            drop(waiting);
            self.asked.store(true, Ordering::Release);
            return;
        }
        // ORDER: Release pairs with `is_asked`. Under the lock: who queues itself has looked under it.
        self.asked.store(true, Ordering::Release);
        waiting.notify_all(ASKED, &mut woken);
    }

    /// Ready once the task was told. `waiter` is queued until then.
    pub(super) fn poll_asked(&self, waiter: Pin<&Waiter>, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_asked() {
            return Poll::Ready(());
        }
        if !waiter.is_idle() {
            return self.waiting.poll_queued(waiter, cx).map(drop);
        }
        // A clone is foreign code: not under the lock.
        let waker = cx.waker().clone();
        let mut waiting = self.waiting.lock();
        if self.is_asked() {
            drop(waiting);
            drop_quietly(waker);
            return Poll::Ready(());
        }
        waiting.push_back(waiter, Some(waker), 1);
        Poll::Pending
    }

    /// The future that holds `waiter` goes.
    pub(super) fn forget(&self, waiter: Pin<&Waiter>) {
        if !waiter.is_idle() {
            let mut woken = Woken::new();
            self.waiting.lock().remove(waiter, &mut woken);
        }
    }

    /// `notice` is called with the outcome: by whoever [tells](Self::tell) it, or here if that is over.
    pub(super) fn on_end(&self, notice: Notice, outcome: impl FnOnce() -> Outcome) {
        let mut side = self.side.lock();
        if side.end == End::Told {
            drop(side);
            quietly(|| notice(&outcome()));
        } else {
            side.notices.push(notice);
        }
    }

    /// The task has ended: tells everyone, in the order in which they registered. A second call does nothing.
    pub(super) fn tell(&self, outcome: &Outcome) {
        let mut side = self.side.lock();
        if side.end != End::NotYet {
            return;
        }
        side.end = End::Telling;
        loop {
            let notices = std::mem::take(&mut side.notices);
            if notices.is_empty() {
                side.end = End::Told;
                break;
            }
            drop(side);
            for notice in notices {
                quietly(|| notice(outcome));
            }
            side = self.side.lock();
        }
        drop(side);
        self.tell_waiting();
    }
}
