//! A worker's loop.
//!
//! It runs in *rounds*. A round polls the tasks that were in the deque when it began, and what they put into
//! the next slot, [`ROUND_MAX`] polls at most. At its end the worker takes from the injector, fires timers,
//! and looks at the driver if it has not for a round's worth of polls. So what comes from outside waits for
//! one round at most, however much the tasks wake each other.
//!
//! A worker that a wake, a timer or an event has got up counts as searching until it polls its first task.

#![forbid(unsafe_code)]

use super::idle::GotUp;
use super::queue::{Local, Steal};
use super::shared::{Hook, Remote, Shared, Stamps};
use super::slot::Slot;
use super::stats::Stats;
use super::steal;
use crate::primitive::atomic::{AtomicU32, Ordering};
use crate::primitive::{Arc, CachePadded};
use crate::task::{Home, Notified};
use crate::util::rand::Rand;
use crate::util::wake_list::{WakeList, quietly};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::time::Duration;

/// Most polls in a round: how long what comes from outside may wait, in polls (tokio's and Go's figure).
pub(crate) const ROUND_MAX: u32 = 61;

/// Most polls in a row from the next slot: two tasks that wake each other must not keep out the others.
const SLOT_STREAK_MAX: u32 = 32;

/// Most batches that a round's end takes from the injector.
const INJECTED_BATCHES_MAX: usize = 4;

/// Of the entries that a worker puts into a queue, one in so many, or in up to twice as many, is measured: a sample
/// costs more than a hundred nanoseconds, which is then less than half of one for each entry.
const STAMP_GAP_MIN: u32 = 256;

/// What the loop's owner wants.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    GoOn,
    Stop,
}

/// One thread's part of the scheduler.
pub(crate) struct Worker {
    shared: Arc<Shared>,
    index: usize,
    queue: Local,
    /// What a search has found, to be polled next.
    found: Cell<Option<Notified>>,
    searching: Cell<bool>,
    /// While it is set, what is woken goes to the deque, and nobody is notified: one notification follows.
    batching: Cell<bool>,
    slot_streak: Cell<u32>,
    polls_since_driver: Cell<u32>,
    /// How many entries go into a queue before the next one is measured.
    unstamped: Cell<u32>,
    /// Of its own: what is measured must not change what a seed stands for.
    gaps: Rand,
    ready: RefCell<WakeList>,
    rand: Rand,
}

impl Worker {
    /// A worker's two halves: its own, once `shared` is there, and what others see.
    pub(crate) fn halves() -> (Local, Remote) {
        let queue = Local::new_fifo();
        let stealer = queue.stealer();
        let parker = super::park::Parker::new();
        let stats = CachePadded::new(Stats::default());
        (queue, Remote { stealer, slot: Slot::new(), parker, tick: AtomicU32::new(0), stats })
    }

    pub(crate) fn new(shared: Arc<Shared>, index: usize, queue: Local) -> Self {
        let seed = shared.options.seed.wrapping_add(index as u64);
        let (rand, gaps) = (Rand::new(seed), Rand::new(seed));
        Worker {
            shared,
            index,
            queue,
            found: Cell::new(None),
            searching: Cell::new(false),
            batching: Cell::new(false),
            slot_streak: Cell::new(0),
            polls_since_driver: Cell::new(0),
            unstamped: Cell::new(0),
            gaps,
            ready: RefCell::new(WakeList::new()),
            rand,
        }
    }

    pub(crate) fn belongs_to(&self, shared: &Shared) -> bool {
        std::ptr::eq(&*self.shared, shared)
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }

    pub(crate) fn rand(&self) -> &Rand {
        &self.rand
    }

    fn remote(&self) -> &Remote {
        &self.shared.remotes[self.index]
    }

    fn stats(&self) -> &Stats {
        &self.remote().stats
    }

    /// A task that was woken by this thread.
    #[inline]
    pub(crate) fn push(&self, task: Notified) {
        let task = self.stamped(task);
        if self.batching.get() || self.shared.options.fifo {
            self.queue.push(task);
            return;
        }
        if let Some(displaced) = self.remote().slot.replace(task) {
            self.queue.push(displaced);
            self.shared.notify();
        }
    }

    /// A task that this thread polled and that wants to be polled again.
    #[inline]
    pub(crate) fn push_back(&self, task: Notified) {
        self.queue.push(self.stamped(task));
    }

    /// With a stamp, if it is time for one.
    #[inline]
    fn stamped(&self, task: Notified) -> Notified {
        let left = self.unstamped.get();
        if left == 0 {
            return self.stamp(task);
        }
        self.unstamped.set(left - 1);
        task
    }

    #[cold]
    fn stamp(&self, task: Notified) -> Notified {
        let gap = match self.shared.options.stamps {
            Stamps::Never => {
                self.unstamped.set(u32::MAX);
                return task;
            }
            Stamps::Always => 0,
            // Not in equal steps: what comes in turns is all measured.
            Stamps::Sampled => STAMP_GAP_MIN + self.gaps.below(STAMP_GAP_MIN),
        };
        self.unstamped.set(gap);
        self.shared.stamp(task)
    }

    /// Runs until `step` says stop; [`current::run`](super::current::run) makes the thread this worker first.
    pub(super) fn run(&self, mut step: impl FnMut(&Worker) -> Step) {
        let _works = Works::start(self);
        // What was there before is polled after the first step.
        self.take_injected();
        while step(self) == Step::GoOn {
            self.round();
            // `step` may have polled something too: events must not wait for tasks alone.
            self.count_poll();
            self.end_round();
            if self.has_local() || self.search() {
                continue;
            }
            self.sleep();
        }
        if self.searching.get() {
            self.leave_search();
        }
    }

    /// Pauses do not stop it: work takes real time.
    fn real_ns(&self) -> u64 {
        self.shared.timers.source().real_ns()
    }

    fn has_local(&self) -> bool {
        let found = self.found.take();
        let has_found = found.is_some();
        self.found.set(found);
        has_found || !self.remote().slot.is_empty() || !self.queue.is_empty()
    }

    fn round(&self) {
        let mut from_queue = self.queue.len();
        for _ in 0..ROUND_MAX {
            let Some(task) = self.next(&mut from_queue) else { return };
            if self.searching.get() {
                self.leave_search();
            }
            self.poll(task);
        }
    }

    fn next(&self, from_queue: &mut usize) -> Option<Notified> {
        if let Some(task) = self.found.take() {
            return Some(task);
        }
        let streak = self.slot_streak.get();
        if streak < SLOT_STREAK_MAX {
            if let Some(task) = self.remote().slot.take() {
                self.slot_streak.set(streak + 1);
                return Some(task);
            }
        }
        self.slot_streak.set(0);
        if *from_queue > 0 {
            *from_queue -= 1;
            return self.queue.pop();
        }
        if streak < SLOT_STREAK_MAX {
            return None;
        }
        self.remote().slot.take()
    }

    fn poll(&self, task: Notified) {
        let remote = self.remote();
        // Before the poll: who awaits the task and then looks finds it counted.
        remote.stats.polls.add(1);
        match task.stamp_ns() {
            None => ticked(remote, || task.run()),
            Some(stamp_ns) => self.poll_measured(task, stamp_ns),
        }
        self.count_poll();
    }

    #[cold]
    fn poll_measured(&self, task: Notified, stamp_ns: u64) {
        let begin_ns = self.real_ns();
        self.stats().waits.record(begin_ns.saturating_sub(stamp_ns));
        ticked(self.remote(), || task.run());
        self.stats().poll_times.record(self.real_ns().saturating_sub(begin_ns));
    }

    fn count_poll(&self) {
        self.polls_since_driver.set(self.polls_since_driver.get() + 1);
    }

    /// What others have for us: the injector, timers, events.
    fn end_round(&self) {
        self.take_injected();
        let timers = &self.shared.timers;
        let mut ready = self.ready.take();
        if timers.next_deadline_ns().is_some() {
            timers.fire_all(timers.now_ns(), &mut ready);
        }
        if self.polls_since_driver.get() >= ROUND_MAX {
            self.polls_since_driver.set(0);
            if self.shared.driver_handle().has_sources() {
                self.shared.poll_driver(&mut ready);
            }
        }
        self.wake_ready(ready);
        // Tasks that this thread polled and put back told nobody of themselves.
        if !self.searching.get() && self.queue.len() > 1 {
            self.shared.notify();
        }
    }

    /// The one that waits longest is polled next: it must not wait for a long queue. The others go to the back.
    fn take_injected(&self) {
        if self.shared.injector.is_empty() {
            return;
        }
        let found = self.found.take();
        self.found.set(found.or_else(|| match self.shared.injector.steal() {
            Steal::Success(task) => Some(task),
            Steal::Retry | Steal::Empty => None,
        }));
        for _ in 0..INJECTED_BATCHES_MAX {
            if self.shared.injector.is_empty() {
                return;
            }
            let share = steal::fair_share(&self.shared);
            match self.shared.injector.steal_batch_with_limit(&self.queue, share) {
                Steal::Success(()) | Steal::Retry => {}
                Steal::Empty => return,
            }
        }
    }

    /// Wakes what became ready, as one batch. To the monitor this is a poll like others: a waker is foreign
    /// code, and may take its time.
    fn wake_ready(&self, mut ready: WakeList) {
        if !ready.is_empty() {
            if self.searching.get() {
                // While foreign code runs, others must not rely on us to find work.
                self.leave_search();
            }
            self.batching.set(true);
            ticked(self.remote(), || ready.wake_all());
            self.batching.set(false);
        }
        self.ready.replace(ready);
    }

    fn search(&self) -> bool {
        if !self.searching.get() {
            if !self.shared.idle.start_searching() {
                return false;
            }
            self.searching.set(true);
        }
        let found = steal::search(&self.shared, self.index, &self.queue, &self.rand);
        if let Some(steal::Found { is_stolen: true, .. }) = &found {
            self.stats().steals.add(1);
            self.stats().stolen.add(1 + self.queue.len() as u64);
        }
        let success = found.is_some();
        self.found.set(found.map(|found| found.task));
        success
    }

    /// The first poll after a search: whoever leaves it last sees to the work that others published
    /// meanwhile and told nobody of.
    fn leave_search(&self) {
        self.searching.set(false);
        if self.shared.idle.stop_searching() && self.shared.has_work() {
            self.shared.notify();
        }
    }

    fn sleep(&self) {
        let shared = &*self.shared;
        call(&shared.options.on_park);
        // What the hook has woken is polled first: nobody else would look into our slot.
        if !self.has_local() {
            shared.idle.lie_down(self.index, self.searching.take());
            let mut ready = self.ready.take();
            if !shared.has_work() {
                self.stats().falls_asleep(self.real_ns());
                self.park(&mut ready);
                self.stats().wakes_up(self.real_ns());
            }
            if shared.idle.get_up(self.index) == (GotUp::Self_ { was_first: true }) {
                shared.monitor.rouse();
            }
            self.searching.set(true);
            self.wake_ready(ready);
            if !self.searching.get() && self.queue.len() > 1 {
                shared.notify();
            }
        }
        call(&shared.options.on_unpark);
    }

    /// Sleeps: in the driver if it is free, else until somebody unparks us.
    fn park(&self, ready: &mut WakeList) {
        let shared = &*self.shared;
        let parker = &self.remote().parker;
        let Some(mut driver) = shared.try_driver() else {
            if shared.timers.source().is_paused() && shared.idle.all_asleep() {
                // Who sleeps in the driver moves the paused clock.
                shared.driver_handle().unpark();
            }
            parker.park();
            return;
        };
        if !parker.enter_driver() {
            return;
        }
        let deadline_ns = shared.timers.begin_park();
        let mut timeout = deadline_ns
            .map(|deadline_ns| Duration::from_nanos(deadline_ns.saturating_sub(shared.timers.now_ns())));
        if shared.timers.source().is_paused() {
            timeout = None;
            self.jump(&mut **driver, ready);
        }
        if ready.is_empty() {
            self.polls_since_driver.set(0);
            shared.turn(&mut **driver, timeout, ready);
        }
        shared.timers.end_park();
        parker.leave();
    }

    /// Moves the paused clock to the next timer, if there is nothing else to wait for.
    fn jump(&self, driver: &mut dyn crate::port::Driver, ready: &mut WakeList) {
        let shared = &*self.shared;
        let is_quiet = || {
            // The count first: who counted itself out has woken whom it had to before.
            shared.activity.is_none()
                && shared.idle.all_asleep()
                && !shared.remotes.iter().any(|remote| remote.parker.is_notified())
                && !shared.has_work()
        };
        if is_quiet() {
            shared.turn(driver, Some(Duration::ZERO), ready);
            if ready.is_empty() && is_quiet() {
                shared.timers.advance_to_next(ready);
            }
        }
    }

    /// Asks all tasks for their end; those that no queue holds go into ours.
    pub(crate) fn cancel_all(&self, homes: &[Arc<Home<Arc<Shared>>>]) {
        for home in homes {
            home.cancel_all(|task| self.queue.push(task));
        }
        self.shared.notify();
    }
}

/// Shows the monitor when foreign code begins and ends.
fn ticked(remote: &Remote, f: impl FnOnce()) {
    let tick = &remote.tick;
    let before = tick.load(Ordering::Relaxed);
    // ORDER: Relaxed: the monitor compares two readings milliseconds apart.
    tick.store(before.wrapping_add(1), Ordering::Relaxed);
    f();
    tick.store(before.wrapping_add(2), Ordering::Relaxed);
}

/// While this lives, the worker's time counts as busy. `step` may panic.
struct Works<'a>(&'a Worker);

impl<'a> Works<'a> {
    fn start(worker: &'a Worker) -> Self {
        worker.stats().starts(worker.real_ns());
        Works(worker)
    }
}

impl Drop for Works<'_> {
    fn drop(&mut self) {
        self.0.stats().stops(self.0.real_ns());
    }
}

fn call(hook: &Option<Hook>) {
    if let Some(hook) = hook {
        quietly(|| hook());
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("index", &self.index).finish_non_exhaustive()
    }
}
