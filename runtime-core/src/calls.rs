//! Callbacks that a runtime shall run: at once, or from a moment on. Who runs them is a task of the runtime: see
//! `supervise::callbacks`.

#![forbid(unsafe_code)]

use crate::primitive::{Arc, Mutex};
use crate::util::wake_list::drop_quietly;
use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;
use std::time::Instant;

/// What is to be run, once.
pub(crate) type Callback = Box<dyn FnOnce() + Send>;

/// A callback that may be called off.
pub(crate) type Slot = Arc<Mutex<Option<Callback>>>;

/// Those that wait.
#[derive(Default)]
pub(crate) struct Calls {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// First in, first out.
    ready: VecDeque<Slot>,
    /// By moment, and by number for those of the same moment.
    later: BTreeMap<(Instant, u64), Slot>,
    number: u64,
    /// Whether a task runs them. It waits where its waker is here.
    is_run: bool,
    waker: Option<Waker>,
}

/// What whoever brings a callback must do.
#[must_use]
pub(crate) enum Bring {
    /// Start the task that runs them.
    Start,
    /// Wake it.
    Wake(Waker),
    /// It is about to look.
    Nothing,
}

/// What is to be done next.
#[must_use]
pub(crate) enum Next {
    /// So many are ready.
    Run(usize),
    /// None is, before this moment.
    Wait(Instant),
    /// None is left. The next one to come starts a new task.
    End,
}

impl Calls {
    /// Adds a callback: to be run now, or not before `at`. The number finds it among those for later.
    pub(crate) fn bring(&self, at: Option<Instant>, slot: Slot) -> (Bring, u64) {
        let mut state = self.state.lock();
        state.number += 1;
        let number = state.number;
        match at {
            None => state.ready.push_back(slot),
            Some(at) => drop(state.later.insert((at, number), slot)),
        }
        let bring = if !std::mem::replace(&mut state.is_run, true) {
            Bring::Start
        } else {
            state.waker.take().map_or(Bring::Nothing, Bring::Wake)
        };
        (bring, number)
    }

    /// Takes out one that is for later. The waker, if there is one, is of the task that waits for this very moment.
    #[must_use]
    pub(crate) fn remove(&self, at: Instant, number: u64) -> Option<Waker> {
        let mut state = self.state.lock();
        let is_first = state.later.keys().next() == Some(&(at, number));
        let removed = state.later.remove(&(at, number));
        let waker = if is_first { state.waker.take() } else { None };
        drop(state);
        drop(removed);
        waker
    }

    /// Makes ready what is due, and says what is to be done.
    pub(crate) fn next(&self, now: Instant) -> Next {
        let mut state = self.state.lock();
        while let Some(entry) = state.later.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let slot = entry.remove();
            state.ready.push_back(slot);
        }
        if !state.ready.is_empty() {
            return Next::Run(state.ready.len());
        }
        if let Some((at, _)) = state.later.keys().next() {
            return Next::Wait(*at);
        }
        state.is_run = false;
        Next::End
    }

    /// The first that is ready and was not called off; `None` if there is no ready one, or that one was.
    pub(crate) fn pop(&self) -> Option<Callback> {
        let slot = self.state.lock().ready.pop_front();
        slot.and_then(|slot| slot.lock().take())
    }

    /// Leaves the waker of the task that waits until `until`. `false`: there is something to do before,
    /// or nothing then.
    pub(crate) fn wait(&self, until: Instant, waker: Waker) -> bool {
        let mut state = self.state.lock();
        let is_next = state.later.keys().next().is_some_and(|(at, _)| *at == until);
        let is_later = state.ready.is_empty() && is_next;
        let old = if is_later { state.waker.replace(waker) } else { Some(waker) };
        drop(state);
        drop_quietly(old);
        is_later
    }

    /// The task that ran them goes: gives what is ready, and drops the rest.
    pub(crate) fn end(&self) -> VecDeque<Slot> {
        let mut state = self.state.lock();
        state.is_run = false;
        let ready = std::mem::take(&mut state.ready);
        let later = std::mem::take(&mut state.later);
        let waker = state.waker.take();
        drop(state);
        drop_quietly(waker);
        for slot in later.into_values() {
            // The slot itself may live on, in the hands of who could have called it off.
            let callback = slot.lock().take();
            drop_quietly(callback);
        }
        ready
    }
}
