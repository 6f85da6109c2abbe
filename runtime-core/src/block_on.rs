//! Driving one future on a thread that is no worker.

#![forbid(unsafe_code)]

use crate::coop;
use crate::primitive::{Arc, Condvar, Mutex};
use crate::scheduler::Shared;
use crate::util::fault::{Fault, planted};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc as StdArc;
use std::task::{Context, Poll, Wake, Waker};

/// Wakes a thread that waits in [`block_on`].
///
/// While the thread waits it is not counted as active, and a paused clock may jump. Who wakes it counts it
/// in again, under the lock: otherwise the clock could jump between the wake and the poll.
struct Signal {
    state: Mutex<State>,
    changed: Condvar,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct State {
    is_woken: bool,
    is_waiting: bool,
}

impl Signal {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.activity.enter();
        Signal { state: Mutex::new(State::default()), changed: Condvar::new(), shared: Arc::clone(shared) }
    }

    fn wait(&self) {
        let mut state = self.state.lock();
        if planted(Fault::SignalForgotten) {
            state.is_woken = false;
        }
        if !state.is_woken {
            state.is_waiting = true;
            self.shared.leave_activity();
            while !state.is_woken {
                state = self.changed.wait(state);
            }
        }
        state.is_woken = false;
    }
}

impl Wake for Signal {
    fn wake(self: StdArc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &StdArc<Self>) {
        let mut state = self.state.lock();
        state.is_woken = true;
        if std::mem::take(&mut state.is_waiting) {
            self.shared.activity.enter();
            drop(state);
            self.changed.notify_one();
        }
    }
}

/// Counts the thread out, however the future ends.
struct Counted<'a>(&'a Shared);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.leave_activity();
    }
}

/// Polls `future` on this thread until it is ready.
///
/// # Panics
/// If a failure that nobody took shuts the runtime down.
#[track_caller]
pub(crate) fn block_on<F: Future>(shared: &Arc<Shared>, future: F) -> F::Output {
    let mut future = pin!(future);
    let signal = StdArc::new(Signal::new(shared));
    let _counted = Counted(shared);
    let waker = Waker::from(StdArc::clone(&signal));
    let _watch = shared.failure.as_ref().map(|failure| failure.watch(waker.clone()));
    loop {
        shared.check_failure();
        let (poll, yielded) = coop::enter(&waker, || future.as_mut().poll(&mut Context::from_waker(&waker)));
        match poll {
            Poll::Ready(output) => {
                shared.check_failure();
                return output;
            }
            Poll::Pending if yielded => crate::primitive::thread::yield_now(),
            Poll::Pending => signal.wait(),
        }
    }
}
