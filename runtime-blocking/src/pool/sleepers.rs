//! Where idle threads sleep: a semaphore whose waiters are called last in, first out.
//!
//! The thread that ran last has the warm cache, and with it on top the ones below are not called for
//! nothing, time out, and leave. (The channel's own waiters are called first in, first out: under a light
//! load that keeps every thread alive for ever.)
//!
//! Who may be called is decided on the [`word`](super::word) alone. There are never more calls than
//! sleepers, asleep or on their way in; a call that comes before its sleeper is owed to it.

use runtime_core::primitive::{Arc, Condvar, Mutex};
use std::time::Duration;

/// The sleepers of one pool.
#[derive(Debug)]
pub(super) struct Sleepers {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Asleep; the last one is called next.
    stack: Vec<Arc<Sleeper>>,
    /// Calls made while the stack was empty.
    owed: usize,
}

/// One thread's bed. Called means: no longer on the stack.
#[derive(Debug, Default)]
pub(super) struct Sleeper {
    bell: Condvar,
}

/// How a sleep ended.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Slept {
    /// Somebody called.
    Called,
    /// The time ran out, and the thread may leave.
    TimedOut,
}

impl Sleepers {
    pub(super) fn new() -> Self {
        Sleepers { state: Mutex::new(State { stack: Vec::new(), owed: 0 }) }
    }

    /// Sleeps until called, or until `keep_alive` is over and `may_leave` agrees. `may_leave` runs under
    /// the lock: no call comes between its yes and the end of the sleep.
    pub(super) fn sleep(
        &self,
        sleeper: &Arc<Sleeper>,
        keep_alive: Duration,
        may_leave: impl FnOnce() -> bool,
    ) -> Slept {
        let mut state = self.state.lock();
        if state.owed > 0 {
            state.owed -= 1;
            return Slept::Called;
        }
        state.stack.push(sleeper.clone());
        // A spurious wake-up starts the time anew, which costs no more than a thread that stays longer.
        let mut timed_out = keep_alive.is_zero();
        while !timed_out {
            (state, timed_out) = sleeper.bell.wait_timeout(state, keep_alive);
            if state.position(sleeper).is_none() {
                return Slept::Called;
            }
        }
        if may_leave() {
            let position = state.position(sleeper).expect("a sleeper that was not called is on the stack");
            state.stack.remove(position);
            return Slept::TimedOut;
        }
        while state.position(sleeper).is_some() {
            state = sleeper.bell.wait(state);
        }
        Slept::Called
    }

    /// Calls one thread that is asleep or about to be.
    pub(super) fn wake(&self) {
        let called = {
            let mut state = self.state.lock();
            let called = state.stack.pop();
            state.owed += usize::from(called.is_none());
            called
        };
        if let Some(sleeper) = called {
            sleeper.bell.notify_one();
        }
    }
}

impl State {
    /// Searched from the top: a sleeper that was just called, or just lay down, is near it.
    fn position(&self, sleeper: &Arc<Sleeper>) -> Option<usize> {
        self.stack.iter().rposition(|other| Arc::ptr_eq(other, sleeper))
    }
}
