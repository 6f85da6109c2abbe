//! What the body of a group, its tasks, its clones, and whoever awaits it share.
//!
//! A group has a *seat* with whoever polls it: with the task, or with the outer group in whose body it is. A request
//! to that task, or the end of that body, comes to the group through its seat, at once, whether or not the group is
//! being polled. If its future is dropped by that, the group *outlives* it: it keeps its seat, and so holds up the
//! end of that task or outer group, until its last task has ended.
//!
//! ```text
//!   task ◀── seat ── group ◀── seat ── group in its body        requests go down, to all tasks of both groups;
//!                      ▲ tasks            ▲ tasks               who has nobody left gives up its seat
//! ```

#![forbid(unsafe_code)]

use super::failures::TaskError;
use crate::coop;
use crate::primitive::Mutex;
use crate::task::{self, AbortHandle, Ask, Group, GroupWait, Groups, Id, JoinHandle, Members, Seated};
use crate::tls;
use crate::util::fault::{Fault, planted};
use crate::util::wake_list::{drop_quietly, wake};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::ptr;
use std::sync::Arc;
use std::task::{RawWakerVTable, Waker};
use std::time::Duration;

/// See the module.
#[doc(hidden)]
pub struct Shared<E> {
    state: Mutex<State<E>>,
}

struct State<E> {
    /// Tasks that have not ended, those that are about to be spawned included.
    live: usize,
    /// How many there ever were.
    spawned: usize,
    /// Whether everyone was asked because whoever awaits the group was: those that come later are, too.
    is_asked: bool,
    /// The shortest grace that came with that.
    grace: Option<Duration>,
    /// In the order of their spawns.
    children: BTreeMap<Id, AbortHandle>,
    errors: Vec<TaskError<E>>,
    phase: Phase,
    /// Groups that have their seats here.
    nested: Groups,
    /// Whether the body is, or is to be, dropped where it waits: then those in it outlive it.
    body_ends: bool,
    /// How many seats there were.
    seat: u64,
    awaiter: Option<Awaiter>,
    outlives: bool,
    /// Of whoever awaits the group.
    waker: Option<Waker>,
}

/// Moves on, and never back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Open,
    /// By `cancel`.
    Cancelled,
    /// By the first error, or because whoever awaits the group ends.
    Failed,
    /// No task is in it, and none will be.
    Closed,
}

/// What there was when the group was looked at.
pub(super) struct Seen {
    phase: Phase,
    is_empty: bool,
    /// How many tasks there ever were.
    spawned: usize,
}

impl Seen {
    /// Whether the body is not to be polled any more.
    pub(super) fn has_failed(&self) -> bool {
        self.phase >= Phase::Failed
    }

    /// Whether a body that waits, and was polled after this look, is to be dropped. In a cancelled group it has seen
    /// then how every task ended, unless it ran out of budget on the way: it gets more polls then, as many as it may need for
    /// all handles, and no more: one that always has something to do ends, too.
    pub(super) fn must_end_body(&self, polls_left: &mut Option<usize>) -> bool {
        if self.phase != Phase::Cancelled || !self.is_empty {
            return self.has_failed();
        }
        let left = polls_left.get_or_insert(self.spawned + 16);
        if coop::has_budget_remaining() || *left == 0 {
            return true;
        }
        *left -= 1;
        false
    }
}

impl<E> State<E> {
    fn is_vacated(&self) -> bool {
        self.live == 0 && self.nested.is_empty()
    }

    /// Adds every task but one.
    fn members(&self, but: Option<Id>, tasks: &mut Members) {
        for (id, child) in &self.children {
            if Some(*id) != but {
                tasks.push_back(Box::new(child.clone()));
            }
        }
    }

    /// Somebody may have been the last: the seat of a group that outlives its future.
    #[must_use]
    fn risen(&mut self) -> Option<Awaiter> {
        if self.outlives && self.is_vacated() { self.awaiter.take() } else { None }
    }
}

impl<E> Shared<E> {
    pub(super) fn new() -> Self {
        let state = State {
            live: 0,
            spawned: 0,
            is_asked: false,
            grace: None,
            children: BTreeMap::new(),
            errors: Vec::new(),
            phase: Phase::Open,
            nested: Groups::default(),
            body_ends: false,
            seat: 0,
            awaiter: None,
            outlives: false,
            waker: None,
        };
        Shared { state: Mutex::new(state) }
    }

    /// What is there now. `waker` will be woken when that changes.
    pub(super) fn look(&self, waker: &Waker) -> Seen {
        let waker = waker.clone();
        let mut state = self.state.lock();
        let old = state.waker.replace(waker);
        let seen = Seen { phase: state.phase, is_empty: state.live == 0, spawned: state.spawned };
        drop(state);
        drop_quietly(old);
        seen
    }

    pub(super) fn is_open(&self) -> bool {
        self.state.lock().phase == Phase::Open
    }

    /// Moves the group on to `phase`, and asks every task but one for its end.
    fn end(&self, phase: Phase, but: Option<Id>) {
        let mut state = self.state.lock();
        if state.phase >= phase {
            return;
        }
        state.phase = phase;
        let mut tasks = Members::new();
        state.members(but, &mut tasks);
        state.body_ends |= phase == Phase::Failed;
        let nested = if phase == Phase::Failed { state.nested.all() } else { Vec::new() };
        let waker = state.waker.take();
        let grace = state.grace;
        drop(state);
        for group in nested {
            group.ask(Ask { ends: true, grace }, &mut tasks);
        }
        task::request_all(tasks, grace);
        if let Some(waker) = waker {
            wake(waker);
        }
    }

    pub(super) fn cancel(&self) {
        self.end(Phase::Cancelled, None);
    }

    /// An error of the body, or of the task `of`.
    pub(super) fn fail(&self, error: TaskError<E>, of: Option<Id>) {
        self.state.lock().errors.push(error);
        self.end(Phase::Failed, of);
    }

    /// The body has panicked.
    pub(super) fn panic(&self) {
        self.end(Phase::Failed, None);
    }

    /// The body is about to be dropped. If it is not `done`, the groups in it outlive it.
    pub(super) fn end_body(&self, done: bool) {
        let mut state = self.state.lock();
        if done {
            if state.body_ends {
                return;
            }
            // Whoever is still here was moved out of the body: to somebody else, with whom it will take a seat.
            let moved = state.nested.clear();
            drop(state);
            drop(moved);
            return;
        }
        // Also if somebody else has said so: perhaps they do not know it yet.
        state.body_ends = true;
        let (nested, grace) = (state.nested.all(), state.grace);
        drop(state);
        let mut tasks = Members::new();
        for group in nested {
            group.ask(Ask { ends: true, grace }, &mut tasks);
        }
        task::request_all(tasks, grace);
    }

    /// A task has ended, or a place was not taken.
    fn leave_task(&self, id: Option<Id>) {
        let mut state = self.state.lock();
        let child = id.and_then(|id| state.children.remove(&id));
        state.live -= 1;
        let waker = if state.live == 0 { state.waker.take() } else { None };
        let risen = state.risen();
        drop(state);
        drop(child);
        drop(risen);
        if let Some(waker) = waker {
            wake(waker);
        }
    }

    /// Closes the group if nobody is in it.
    pub(super) fn close(&self) -> bool {
        let mut state = self.state.lock();
        if !state.is_vacated() && !planted(Fault::GroupLeft) {
            return false;
        }
        state.phase = Phase::Closed;
        true
    }

    pub(super) fn take_errors(&self) -> Vec<TaskError<E>> {
        std::mem::take(&mut self.state.lock().errors)
    }

    /// The group's future goes, and gives up its seat if it does not outlive it.
    pub(super) fn rise(&self) {
        let mut state = self.state.lock();
        let awaiter = if state.outlives && !state.is_vacated() { None } else { state.awaiter.take() };
        let waker = state.waker.take();
        drop(state);
        drop(awaiter);
        drop_quietly(waker);
    }

    fn sits_here(&self) -> bool {
        let outer = outer();
        match (&self.state.lock().awaiter, &outer) {
            (Some(Awaiter::Task(wait)), None) => wait.is_here(),
            (Some(Awaiter::Group(group, _)), Some(outer)) => {
                ptr::addr_eq(Arc::as_ptr(group), Arc::as_ptr(outer))
            }
            (None, None) => task::try_id().is_none(),
            _ => false,
        }
    }
}

impl<E> Drop for Shared<E> {
    /// Whoever awaited the group went before it had ended.
    fn drop(&mut self) {
        self.take_errors().iter().for_each(TaskError::is_lost);
    }
}

impl<E: Send + 'static> Shared<E> {
    /// Takes a seat with whoever polls the group now, if it has another.
    pub(super) fn sit(this: &Arc<Self>) {
        if this.sits_here() {
            return;
        }
        let mut state = this.state.lock();
        state.seat += 1;
        let seat = state.seat;
        // What its last awaiter was asked for is no concern of the next.
        (state.outlives, state.is_asked, state.grace) = (false, false, None);
        let old = state.awaiter.take();
        drop(state);
        drop(old);
        let (awaiter, ask) = Awaiter::here(Seated { group: Arc::clone(this) as _, seat });
        let mut state = this.state.lock();
        state.awaiter = awaiter;
        let risen = state.risen();
        drop(state);
        drop(risen);
        if let Some(ask) = ask {
            let mut tasks = Members::new();
            this.ask(seat, ask, &mut tasks);
            task::request_all(tasks, ask.grace);
        }
    }
}

impl<E: Send + 'static> Group for Shared<E> {
    fn ask(&self, seat: u64, ask: Ask, tasks: &mut Members) {
        let mut state = self.state.lock();
        if state.seat != seat {
            return;
        }
        state.is_asked = true;
        state.grace = match (state.grace, ask.grace) {
            (Some(old), Some(new)) => Some(old.min(new)),
            (old, new) => old.or(new),
        };
        if ask.ends {
            state.phase = state.phase.max(Phase::Failed);
            (state.body_ends, state.outlives) = (true, true);
        }
        state.members(None, tasks);
        let nested = state.nested.all();
        // Mostly it is dropped instead; unless somebody else drives it, who keeps the body's poll from its end.
        let waker = if ask.ends { state.waker.take() } else { None };
        let risen = state.risen();
        drop(state);
        for group in nested {
            group.ask(ask, tasks);
        }
        drop(risen);
        if let Some(waker) = waker {
            wake(waker);
        }
    }
}

impl<E> fmt::Debug for Shared<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        f.debug_struct("TaskGroup")
            .field("tasks", &state.live)
            .field("errors", &state.errors.len())
            .field("phase", &state.phase)
            .finish()
    }
}

/// A group with seats for others.
trait Outer: Send + Sync {
    /// A group in its body: its number here, and what it is asked for already.
    fn enter(&self, group: Seated) -> (u64, Option<Ask>);
    fn leave(&self, number: u64);
}

impl<E: Send + 'static> Outer for Shared<E> {
    fn enter(&self, group: Seated) -> (u64, Option<Ask>) {
        let mut state = self.state.lock();
        let number = state.nested.enter(group);
        let ask = Ask { ends: state.body_ends, grace: state.grace };
        (number, (ask.ends || state.is_asked).then_some(ask))
    }

    fn leave(&self, number: u64) {
        let mut state = self.state.lock();
        let left = state.nested.leave(number);
        let waker = if state.is_vacated() { state.waker.take() } else { None };
        let risen = state.risen();
        drop(state);
        drop(left);
        drop(risen);
        if let Some(waker) = waker {
            wake(waker);
        }
    }
}

/// Whoever awaits a group, and its seat there, which it gives up when this goes.
enum Awaiter {
    Task(GroupWait),
    Group(Arc<dyn Outer>, u64),
}

impl Awaiter {
    /// A seat for `group` with whoever polls it.
    fn here(group: Seated) -> (Option<Awaiter>, Option<Ask>) {
        if let Some(outer) = outer() {
            let (number, ask) = outer.enter(group);
            return (Some(Awaiter::Group(outer, number)), ask);
        }
        match GroupWait::new(group) {
            Some((wait, ask)) => (Some(Awaiter::Task(wait)), ask),
            None => (None, None),
        }
    }
}

impl Drop for Awaiter {
    fn drop(&mut self) {
        match self {
            Awaiter::Task(_) => {}
            Awaiter::Group(outer, number) => outer.leave(*number),
        }
    }
}

tls! {
    /// Whose body is being polled on this thread.
    static INSIDE: RefCell<Option<Inside>> = RefCell::new(None);
}

struct Inside {
    group: Arc<dyn Outer>,
    /// In which poll: who is polled inside of that by somebody else is not in this body.
    frame: Option<(*const (), *const RawWakerVTable)>,
}

/// The group in whose body the caller is.
fn outer() -> Option<Arc<dyn Outer>> {
    let frame = coop::current_frame();
    let group = INSIDE.try_with(|inside| {
        let inside = inside.borrow();
        inside.as_ref().filter(|inside| inside.frame == frame).map(|inside| Arc::clone(&inside.group))
    });
    group.ok().flatten()
}

/// Polls the body of `group`.
pub(super) fn inside<E: Send + 'static, R>(group: &Arc<Shared<E>>, poll: impl FnOnce() -> R) -> R {
    struct Restore(Option<Inside>);
    impl Drop for Restore {
        fn drop(&mut self) {
            let _ = INSIDE.try_with(|inside| inside.replace(self.0.take()));
        }
    }
    let inner = Inside { group: Arc::clone(group) as _, frame: coop::current_frame() };
    let _restore = Restore(INSIDE.try_with(|inside| inside.replace(Some(inner))).ok().flatten());
    poll()
}

/// Counts as a task, until it is dropped.
pub(super) struct Place<E: Send + 'static> {
    shared: Arc<Shared<E>>,
    id: Option<Id>,
}

impl<E: Send + 'static> Place<E> {
    /// A place for one more task. `None`: the future shall not be polled.
    pub(super) fn reserve(shared: &Arc<Shared<E>>) -> Option<Self> {
        let mut state = shared.state.lock();
        if state.phase == Phase::Closed {
            return None;
        }
        state.live += 1;
        state.spawned += 1;
        Some(Place { shared: Arc::clone(shared), id: None })
    }

    /// The place is given up when the task has ended.
    pub(super) fn give<T>(mut self, handle: &JoinHandle<T>) {
        self.id = Some(handle.id());
        let mut state = self.shared.state.lock();
        state.children.insert(handle.id(), handle.abort_handle());
        let is_ending = state.phase != Phase::Open || state.is_asked;
        let grace = state.grace;
        drop(state);
        if is_ending {
            // Whoever asked all the others may not have seen this one.
            task::request(&handle.abort_handle(), grace);
        }
        handle.notify_end(Box::new(move |_| drop(self)));
    }
}

impl<E: Send + 'static> Drop for Place<E> {
    fn drop(&mut self) {
        self.shared.leave_task(self.id);
    }
}
