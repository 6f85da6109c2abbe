//! Driving one future on a thread that is no worker.

#![forbid(unsafe_code)]

use crate::coop;
use crate::primitive::{Arc, Condvar, Mutex};
use crate::scheduler::Shared;
use crate::tls;
use crate::util::fault::{Fault, planted};
use std::cell::RefCell;
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

tls! {
    /// The runtime of which this thread holds a count of activity, for something that is not a future: a blocking job, a
    /// task that blocks in place.
    static HELD: RefCell<Option<Arc<Shared>>> = RefCell::new(None);
}

/// While this lives, a `block_on` on this thread lets go of the activity that the thread is counted for while it waits: so
/// a paused clock can jump to what it waits for.
#[derive(Debug)]
#[must_use]
pub(crate) struct Held {
    outer: Option<Arc<Shared>>,
    /// Of which the count is given up at the end.
    counted: Option<Arc<Shared>>,
}

impl Held {
    /// The thread holds a count of `shared`, which is somebody else's to give up.
    pub(crate) fn new(shared: &Arc<Shared>) -> Held {
        let shared = Arc::clone(shared);
        let outer = HELD.try_with(|held| held.replace(Some(shared))).ok().flatten();
        Held { outer, counted: None }
    }

    /// The thread is counted from here on.
    pub(crate) fn counted(shared: &Arc<Shared>) -> Held {
        shared.activity.enter();
        let mut held = Held::new(shared);
        held.counted = Some(Arc::clone(shared));
        held
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let outer = self.outer.take();
        let own = HELD.try_with(|held| held.replace(outer));
        drop(own);
        if let Some(shared) = &self.counted {
            shared.leave_activity();
        }
    }
}

/// What the thread held is given up until this is dropped.
struct Suspended(Option<Arc<Shared>>);

impl Suspended {
    fn new(shared: &Arc<Shared>) -> Suspended {
        let is_it = |held: &mut Arc<Shared>| Arc::ptr_eq(held, shared);
        let held = HELD.try_with(|held| held.borrow_mut().take_if(is_it)).ok().flatten();
        if let Some(held) = &held {
            held.leave_activity();
        }
        Suspended(held)
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        if let Some(held) = self.0.take() {
            held.activity.enter();
            let none = HELD.try_with(|place| place.replace(Some(held)));
            drop(none);
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
    let _suspended = Suspended::new(shared);
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
