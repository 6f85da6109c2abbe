//! The table of all waits for permits in tasks in debug mode.
//!
//! Its lock is taken under that of a list of waiters, and nothing is called under it.

#![forbid(unsafe_code)]

use super::{What, message};
use crate::primitive::Mutex;
use crate::primitive::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::task::{Id, with_current};
use std::collections::BTreeMap;

/// Whether any runtime of this process is, or was, in debug mode.
static ON: AtomicBool = AtomicBool::new(false);
/// How many waits in the table have been granted.
static GRANTED: AtomicUsize = AtomicUsize::new(0);
static TABLE: Mutex<Table> = Mutex::new(Table { last: 0, waits: BTreeMap::new(), tasks: BTreeMap::new() });

struct Table {
    last: u64,
    /// By the address of the waiter.
    waits: BTreeMap<usize, Wait>,
    /// Which waiters a task has.
    tasks: BTreeMap<Id, Vec<usize>>,
}

/// A wait that has ended, and whose task has gone on without it.
#[derive(Debug)]
pub(in crate::task) struct Left {
    what: What,
    waiter: usize,
    number: u64,
}

impl Left {
    pub(in crate::task) fn message(&self) -> String {
        message(self.what)
    }
}

struct Wait {
    task: Id,
    what: What,
    /// Addresses are used again.
    number: u64,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Queued,
    Granted,
    Seen,
    Left,
}

impl Table {
    fn leave_task(&mut self, task: Id, waiter: usize) {
        if let Some(waiters) = self.tasks.get_mut(&task) {
            waiters.retain(|other| *other != waiter);
            if waiters.is_empty() {
                self.tasks.remove(&task);
            }
        }
    }

    /// Those of `task` at stage `from` are at stage `to` now.
    fn advance(&mut self, task: Id, from: Stage, to: Stage) -> Vec<Left> {
        let waiters = self.tasks.get(&task).map_or(&[][..], Vec::as_slice);
        let mut moved = Vec::new();
        for waiter in waiters {
            let wait = self.waits.get_mut(waiter).filter(|wait| wait.stage == from);
            if let Some(wait) = wait {
                wait.stage = to;
                moved.push(Left { what: wait.what, waiter: *waiter, number: wait.number });
            }
        }
        moved
    }
}

/// A wait for permits, which lies beside its waiter.
#[derive(Debug)]
pub(crate) struct Watching {
    what: What,
    is_listed: bool,
}

fn address<W>(waiter: *const W) -> usize {
    waiter.addr()
}

/// The task that is being polled here, if it is one in debug mode.
fn debugged() -> Option<Id> {
    with_current(|raw| raw.head().extras()?.watched()?.debug().map(|_| raw.id())).flatten()
}

impl Watching {
    #[inline]
    pub(crate) fn new(what: What) -> Self {
        Watching { what, is_listed: false }
    }

    /// The task that is being polled here waits at `waiter`, from now on or still.
    #[inline]
    pub(crate) fn queues<W>(&mut self, waiter: &W) {
        // ORDER: Relaxed: whoever runs a task in debug mode has seen its runtime being built.
        if ON.load(Ordering::Relaxed) {
            self.list(address(waiter));
        }
    }

    #[cold]
    fn list(&mut self, waiter: usize) {
        let Some(task) = debugged() else { return };
        let mut table = TABLE.lock();
        let table = &mut *table;
        self.is_listed = true;
        table.last += 1;
        let new = Wait { task, what: self.what, number: table.last, stage: Stage::Queued };
        let wait = table.waits.entry(waiter).or_insert(new);
        let before = std::mem::replace(&mut wait.task, task);
        if before != task {
            // The future has moved to another task.
            table.leave_task(before, waiter);
        }
        let waiters = table.tasks.entry(task).or_default();
        if !waiters.contains(&waiter) {
            waiters.push(waiter);
        }
    }

    /// The wait is over: it was polled to its end, or its future goes. Before the waiter may be anywhere else.
    #[inline]
    pub(crate) fn ends<W>(&mut self, waiter: &W) {
        if self.is_listed {
            self.strike(address(waiter));
        }
    }

    #[cold]
    fn strike(&mut self, waiter: usize) {
        self.is_listed = false;
        let mut table = TABLE.lock();
        if let Some(wait) = table.waits.remove(&waiter) {
            table.leave_task(wait.task, waiter);
            if wait.stage != Stage::Queued {
                GRANTED.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

/// A runtime in debug mode is being built.
pub(crate) fn turn_on() {
    ON.store(true, Ordering::Relaxed);
}

/// The wait at `waiter` is about to end with a grant. It is queued, and the lock of its list is held.
#[inline]
pub(crate) fn granted<W>(waiter: impl FnOnce() -> Option<*const W>) {
    // ORDER: Relaxed, as above: a waiter that is listed was queued under the lock that is held.
    if ON.load(Ordering::Relaxed) {
        waiter().into_iter().for_each(|waiter| grant(address(waiter)));
    }
}

#[cold]
fn grant(waiter: usize) {
    let mut table = TABLE.lock();
    if let Some(wait) = table.waits.get_mut(&waiter).filter(|wait| wait.stage == Stage::Queued) {
        wait.stage = Stage::Granted;
        // ORDER: Relaxed: the waker that follows brings it to the task's next poll.
        GRANTED.fetch_add(1, Ordering::Relaxed);
    }
}

/// A poll of a task in debug mode begins. Whether it has been granted something.
pub(in crate::task) fn poll_begins(task: impl FnOnce() -> Id) -> bool {
    GRANTED.load(Ordering::Relaxed) > 0
        && !TABLE.lock().advance(task(), Stage::Granted, Stage::Seen).is_empty()
}

/// That poll is over: what it has left.
pub(in crate::task) fn poll_ended(task: Id) -> Vec<Left> {
    TABLE.lock().advance(task, Stage::Seen, Stage::Left)
}

/// Whether it still is.
pub(in crate::task) fn left(left: &Left) -> bool {
    TABLE.lock().waits.get(&left.waiter).is_some_and(|wait| wait.number == left.number)
}
