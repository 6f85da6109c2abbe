//! A worker's loop.
//!
//! It runs in *rounds*. A round polls the tasks that were in the deque when it began, and what they put into
//! the next slot, [`ROUND_MAX`] polls at most. At its end the worker takes from the injector, fires timers,
//! and looks at the driver if it has not for a round's worth of polls. So what comes from outside waits for
//! one round at most, however much the tasks wake each other.
//!
//! A worker that a wake, a timer or an event has got up counts as searching until it polls its first task.

#![forbid(unsafe_code)]

use super::idle::{GotUp, Left};
use super::queue::{Local, Steal};
use super::seats::{Remote, Seat};
use super::shared::{Hook, Shared, Stamps};
use super::spares::SPARE_IDLE;
use super::stats::Stats;
use super::steal;
use crate::primitive::Arc;
use crate::primitive::atomic::Ordering;
use crate::primitive::doing;
use crate::task::{Home, Notified};
use crate::util::rand::Rand;
use crate::util::wake_list::{WakeList, quietly};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::time::{Duration, Instant};

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
    seat: Seat,
    queue: Local,
    /// What a search has found, to be polled next.
    found: Cell<Option<Notified>>,
    searching: Cell<bool>,
    /// While it is set, what is woken goes to the deque, and nobody is notified: one notification follows.
    batching: Cell<bool>,
    slot_streak: Cell<u32>,
    polls_since_driver: Cell<u32>,
    /// Of a spare: since when it has polled nothing, and how many polls it had made then.
    idle_since: Cell<(u64, Instant)>,
    /// How many entries go into a queue before the next one is measured.
    unstamped: Cell<u32>,
    /// Of its own: what is measured must not change what a seed stands for.
    gaps: Rand,
    ready: RefCell<WakeList>,
    rand: Rand,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, index: usize, queue: Local) -> Self {
        let seed = shared.options.seed.wrapping_add(index as u64);
        let (rand, gaps) = (Rand::new(seed), Rand::new(seed));
        let seat = Seat::clone(shared.seats.get(index));
        Worker {
            shared,
            index,
            seat,
            queue,
            found: Cell::new(None),
            searching: Cell::new(false),
            batching: Cell::new(false),
            slot_streak: Cell::new(0),
            polls_since_driver: Cell::new(0),
            idle_since: Cell::new((0, Instant::now())),
            unstamped: Cell::new(0),
            gaps,
            ready: RefCell::new(WakeList::new()),
            rand,
        }
    }

    pub(crate) fn belongs_to(&self, shared: &Shared) -> bool {
        std::ptr::eq(&*self.shared, shared)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Which home is its own. Spares share those of the first workers.
    pub(crate) fn home(&self) -> usize {
        self.index % self.shared.seats.base()
    }

    fn is_spare(&self) -> bool {
        self.index >= self.shared.seats.base()
    }

    /// Tells the monitor which thread it is, to be called once on the thread.
    pub(crate) fn sign_in(&self) {
        self.seat.thread.store(doing::thread_number(), Ordering::Relaxed);
    }

    pub(crate) fn rand(&self) -> &Rand {
        &self.rand
    }

    fn stats(&self) -> &Stats {
        &self.seat.stats
    }

    /// A task that was woken by this thread.
    #[inline]
    pub(crate) fn push(&self, task: Notified) {
        let task = self.stamped(task);
        if self.batching.get() || self.shared.options.is_single {
            self.queue.push(task);
            return;
        }
        if let Some(displaced) = self.seat.slot.replace(task) {
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
    pub(crate) fn real_ns(&self) -> u64 {
        self.shared.timers.source().real_ns()
    }

    fn has_local(&self) -> bool {
        let found = self.found.take();
        let has_found = found.is_some();
        self.found.set(found);
        has_found || !self.seat.slot.is_empty() || !self.queue.is_empty()
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
            if let Some(task) = self.seat.slot.take() {
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
        self.seat.slot.take()
    }

    fn poll(&self, task: Notified) {
        let remote: &Remote = &self.seat;
        // Before the poll: who awaits the task and then looks finds it counted.
        remote.stats.polls.add(1);
        remote.running.set(&task);
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
        ticked(&self.seat, || task.run());
        self.stats().poll_times.record(self.real_ns().saturating_sub(begin_ns));
    }

    fn count_poll(&self) {
        self.polls_since_driver.set(self.polls_since_driver.get() + 1);
    }

    /// What others have for us: the injector, timers, events.
    fn end_round(&self) {
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
        // After foreign code: what is found here nobody else can take.
        self.take_injected();
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
            self.seat.running.clear();
            ticked(&self.seat, || ready.wake_all());
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
        self.call(&shared.options.on_park);
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
        self.call(&shared.options.on_unpark);
    }

    fn call(&self, hook: &Option<Hook>) {
        if let Some(hook) = hook {
            if self.searching.get() {
                // As in `wake_ready`: it may take its time, or wait for a task.
                self.leave_search();
            }
            self.seat.running.clear();
            ticked(&self.seat, || quietly(|| hook()));
        }
    }

    /// Sleeps: in the driver if it is free, else until somebody unparks us.
    fn park(&self, ready: &mut WakeList) {
        let shared = &*self.shared;
        let parker = &self.seat.parker;
        let Some(mut driver) = shared.try_driver() else {
            if shared.timers.source().is_paused() && shared.idle.all_asleep() {
                // Who sleeps in the driver moves the paused clock.
                shared.driver_handle().unpark();
            }
            match self.sleep_max() {
                Some(at_most) => parker.park_timeout(at_most),
                None => parker.park(),
            }
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
            let timeout = timeout.into_iter().chain(self.sleep_max()).min();
            shared.turn(&mut **driver, timeout, ready);
        }
        shared.timers.end_park();
        parker.leave();
    }

    /// The longest sleep.
    fn sleep_max(&self) -> Option<Duration> {
        self.is_spare().then(|| self.idle_left())
    }

    /// How much longer a spare may do nothing, awake, asleep or at rest.
    pub(crate) fn idle_left(&self) -> Duration {
        let polls = self.stats().polls.get();
        let (polls_then, mut since) = self.idle_since.get();
        if polls != polls_then {
            since = Instant::now();
            self.idle_since.set((polls, since));
        }
        SPARE_IDLE.saturating_sub(since.elapsed())
    }

    /// Moves the paused clock to the next timer, if there is nothing else to wait for.
    fn jump(&self, driver: &mut dyn crate::port::Driver, ready: &mut WakeList) {
        let shared = &*self.shared;
        let is_quiet = || {
            // The count first: who counted itself out has woken whom it had to before.
            shared.activity.is_none()
                && shared.idle.all_asleep()
                && !shared.seats.iter().any(|seat| seat.parker.is_notified())
                && !shared.has_work()
        };
        if is_quiet() {
            shared.turn(driver, Some(Duration::ZERO), ready);
            if ready.is_empty() && is_quiet() {
                shared.timers.advance_to_next(ready);
            }
        }
    }

    /// Asks the tasks of `home` for their end; those that no queue holds go into ours.
    pub(crate) fn cancel_all(&self, home: &Home<Arc<Shared>>) {
        home.cancel_all(|task| self.queue.push(task));
        self.shared.notify();
    }

    /// Whether a spare is to stop, because nobody needs it any more. [`stand_down`](Self::stand_down) follows.
    pub(crate) fn is_to_stand_down(&self) -> bool {
        if !self.is_spare() {
            return false;
        }
        if self.shared.spares.retire() {
            return true;
        }
        let is_useless = !self.has_local() && self.idle_left().is_zero();
        if is_useless {
            self.shared.spares.uncount();
        }
        is_useless
    }

    /// What a spare does that has stopped: it leaves what it has to the others. `true`: it may rest. `false`: it is the only
    /// worker, and must go on.
    pub(crate) fn stand_down(&self) -> bool {
        let shared = &*self.shared;
        self.hand_over();
        match shared.idle.leave() {
            Left::Yes => true,
            Left::AllAsleep => {
                shared.get_one_up();
                true
            }
            Left::No => {
                shared.spares.recount();
                self.idle_since.set((self.stats().polls.get(), Instant::now()));
                false
            }
        }
    }

    fn hand_over(&self) {
        let mut is_empty = true;
        let own = [self.found.take(), self.seat.slot.take()];
        for task in own.into_iter().flatten().chain(std::iter::from_fn(|| self.queue.pop())) {
            self.shared.injector.push(task);
            is_empty = false;
        }
        if !is_empty {
            self.shared.notify();
        }
    }

    /// The poll that is going on is about to block its thread, and says so: whoever takes the place of the worker finds
    /// what it has. `true`: it is no worker until it [comes back](Self::come_back). `false`: it stays one, for want of
    /// others.
    pub(crate) fn step_aside(&self, stand_in: impl Fn() -> bool) -> bool {
        let shared = &*self.shared;
        shared.spares.enter_blocked();
        if let Some(task) = self.seat.slot.take() {
            shared.injector.push(task);
        }
        while shared.idle.has_help() || stand_in() {
            if shared.has_work() {
                shared.notify();
            }
            if shared.idle.leave() != Left::No {
                // Nobody waits for this poll any more: to the monitor it goes on when the worker is back.
                let tick = &self.seat.tick;
                tick.store(tick.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
                return true;
            }
        }
        false
    }

    /// After [`step_aside`](Self::step_aside), with its answer.
    pub(crate) fn come_back(&self, has_left: bool) {
        if has_left {
            if self.shared.idle.join() {
                self.shared.monitor.rouse();
            }
            let tick = &self.seat.tick;
            tick.store(tick.load(Ordering::Relaxed).wrapping_sub(1), Ordering::Relaxed);
        }
        self.shared.spares.leave_blocked();
    }

    /// The queue, when the worker's thread ends, and its place.
    pub(crate) fn into_place(self) -> (usize, Local) {
        (self.index, self.queue)
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

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("index", &self.index).finish_non_exhaustive()
    }
}
