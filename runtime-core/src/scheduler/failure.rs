//! That the runtime shut itself down, because of a failure that nobody took: `UnhandledPolicy::Shutdown`.
//!
//! Every `block_on` of such a runtime leaves its waker here *before* it looks whether the runtime has failed; who says
//! that it has sets this first, and takes the wakers then, under the same lock. So each either sees it or is woken.

#![forbid(unsafe_code)]

use crate::primitive::Mutex;
use crate::primitive::atomic::{AtomicBool, Ordering};
use crate::util::wake_list::{WakeList, drop_quietly};
use std::task::Waker;

/// See the module.
#[derive(Default)]
pub(crate) struct Failure {
    has_failed: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    why: Option<String>,
    /// Those of the `block_on`s that go on, each with a number.
    wakers: Vec<(u64, Waker)>,
    number: u64,
}

impl Failure {
    pub(crate) fn has_failed(&self) -> bool {
        // ORDER: Acquire pairs with the Release in `set`.
        self.has_failed.load(Ordering::Acquire)
    }

    /// `false`: it had failed before.
    #[must_use]
    pub(crate) fn set(&self, why: String) -> bool {
        let mut state = self.state.lock();
        if state.why.is_some() {
            return false;
        }
        state.why = Some(why);
        // ORDER: Release: who sees it finds the reason. Under the lock: see the module.
        self.has_failed.store(true, Ordering::Release);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        let mut woken = WakeList::new();
        wakers.into_iter().for_each(|(_, waker)| woken.push(waker));
        woken.wake_all();
        true
    }

    /// Leaves the waker of a `block_on`, until what comes back is dropped.
    pub(crate) fn watch(&self, waker: Waker) -> Watch<'_> {
        let mut state = self.state.lock();
        state.number += 1;
        let number = state.number;
        state.wakers.push((number, waker));
        Watch { failure: self, number }
    }

    /// # Panics
    /// If the runtime has failed: the text says why.
    #[track_caller]
    pub(crate) fn check(&self) {
        if self.has_failed() {
            let why = self.state.lock().why.clone().unwrap_or_default();
            panic!("the runtime was shut down: {why}");
        }
    }
}

/// The waker of a `block_on`.
pub(crate) struct Watch<'a> {
    failure: &'a Failure,
    number: u64,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let mut state = self.failure.state.lock();
        let place = state.wakers.iter().position(|(number, _)| *number == self.number);
        let waker = place.map(|place| state.wakers.swap_remove(place));
        drop(state);
        drop_quietly(waker);
    }
}
