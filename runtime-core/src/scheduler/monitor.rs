//! The monitor: a thread that looks after workers which are stuck in a poll.
//!
//! While any worker is awake it looks every few milliseconds. A worker that is still in the same poll as at the last look
//! is *stuck*: it keeps back what is in its next slot, and perhaps events and timers that nobody else attends to. The
//! monitor moves the slot's task to the injector, polls an unattended driver, fires overdue timers. If work waits then, it
//! wakes a sleeping worker; if there is none, it adds spares (`rescue` says how many), and in the end reports the task.
//!
//! Only the monitor marks a worker as stuck, and only for itself: a poll that returns costs no look at any mark.
//!
//! It sleeps when all workers do (`signal`), after lingering a little: an edge from idle to busy then costs
//! no system call most of the time.

#![forbid(unsafe_code)]

use super::rescue::Sight;
use super::seats::Remote;
use super::shared::{Homes, Shared};
use super::stall::StuckTask;
use super::stand_in::add_spare;
use crate::primitive::Arc;
use crate::primitive::atomic::{Ordering, fence};
use crate::primitive::doing::{Doing, doing, stack};
use crate::util::wake_list::{WakeList, quietly};
use std::collections::HashMap;
use std::panic::Location;
use std::time::{Duration, Instant};

/// Looks at an idle runtime before the monitor sleeps.
const LINGER_LOOKS: u32 = 2;

/// How overdue a timer is that nobody fires, in nanoseconds.
const OVERDUE_NS: u64 = 5_000_000;

/// A look that comes so many times later than it should: the whole process was stopped, or had no processor, and what was
/// seen before has not lasted so long for its own fault.
const LATE_LOOKS: u32 = 10;

/// So many looks long a spare that was called stays, whether or not as many are stuck: threads take a while to come, and
/// what they take up is known to be stuck a look later.
const CALLED_LOOKS: u32 = 4;

/// Reports of tasks from one place are this far apart.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// Places that are remembered as reported: when there are more, those that are due again are forgotten.
const REPORTED_MAX: usize = 1000;

/// What the monitor remembers of its last looks.
#[derive(Debug)]
pub(crate) struct Monitor {
    shared: Arc<Shared>,
    /// Keeps the runtime's memory alive while a wake is under way, and knows the names of tasks.
    homes: Homes,
    seen: Vec<Seen>,
    /// The last look.
    looked: Instant,
    turns: u32,
    /// How many spares there were to be when some were last called, and for how many looks that holds.
    called: usize,
    called_looks: u32,
    reported: HashMap<&'static Location<'static>, Instant>,
}

/// What was seen of one worker.
#[derive(Debug, Clone, Copy)]
struct Seen {
    tick: u32,
    /// When it was first seen in this poll.
    since: Instant,
    is_stuck: bool,
    /// Somebody waited for it.
    is_in_the_way: bool,
    is_counted: bool,
    is_reported: bool,
}

impl Seen {
    fn new(tick: u32, since: Instant) -> Self {
        Seen { tick, since, is_stuck: false, is_in_the_way: false, is_counted: false, is_reported: false }
    }
}

impl Monitor {
    pub(crate) fn new(shared: Arc<Shared>, homes: Homes) -> Self {
        Monitor {
            shared,
            homes,
            seen: Vec::new(),
            looked: Instant::now(),
            turns: 0,
            called: 0,
            called_looks: 0,
            reported: HashMap::new(),
        }
    }

    /// Looks until the runtime ends.
    pub(crate) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let look_every = shared.options.rescue.look_every();
        let mut idle_looks = 0;
        while shared.monitor.wait(look_every) {
            if !shared.idle.all_asleep() {
                idle_looks = 0;
                self.look();
                continue;
            }
            idle_looks += 1;
            if idle_looks > LINGER_LOOKS {
                idle_looks = 0;
                // Who sleeps is not stuck.
                shared.spares.set_stuck(0);
                if !shared.monitor.sleep_while(|| shared.idle.all_asleep()) {
                    return;
                }
            }
        }
    }

    fn look(&mut self) {
        let now = Instant::now();
        let late = self.shared.options.rescue.look_every().saturating_mul(LATE_LOOKS);
        if now.saturating_duration_since(self.looked) > late {
            self.seen.iter_mut().for_each(|seen| seen.since = now);
        }
        self.looked = now;
        let stuck = self.look_at_workers(now);
        let was_late = self.attend();
        self.help_to_end();
        let waiting = self.shared.work_count();
        for seen in &mut self.seen {
            seen.is_in_the_way |= seen.is_stuck && (was_late || waiting > 0);
            if seen.is_in_the_way && !seen.is_counted {
                seen.is_counted = true;
                self.shared.rescues.add(1);
            }
        }
        if waiting > 0 && stuck + self.shared.spares.blocked() > 0 {
            if self.shared.idle.has_help() {
                self.shared.notify();
            } else if self.shared.spares.has_room() {
                // Asking what hundreds of threads do takes a while.
                self.add_spares(waiting);
            }
        }
        if stuck > 0 {
            self.report(now);
        }
    }

    /// How many workers are in the same poll as at the last look.
    fn look_at_workers(&mut self, now: Instant) -> usize {
        let mut stuck = 0;
        for (index, seat) in self.shared.seats.iter().enumerate() {
            let tick = seat.tick.load(Ordering::Relaxed);
            let is_stuck = tick % 2 == 1 && self.seen.get(index).is_some_and(|seen| seen.tick == tick);
            if is_stuck {
                stuck += 1;
                self.seen[index].is_stuck = true;
                if let Some(task) = seat.slot.take() {
                    self.seen[index].is_in_the_way = true;
                    self.shared.inject(task);
                }
                continue;
            }
            let seen = Seen::new(tick, now);
            match self.seen.get_mut(index) {
                Some(old) => *old = seen,
                None => self.seen.push(seen),
            }
        }
        self.called_looks = self.called_looks.saturating_sub(1);
        let called = if self.called_looks > 0 { self.called } else { 0 };
        self.shared.spares.set_stuck(stuck.max(called));
        stuck
    }

    /// Events and timers that nobody else attends to; whether there were any.
    fn attend(&mut self) -> bool {
        let mut ready = WakeList::new();
        let timers = &self.shared.timers;
        if !timers.source().is_paused() {
            let now_ns = timers.now_ns();
            if timers.next_deadline_ns().is_some_and(|next_ns| next_ns.saturating_add(OVERDUE_NS) < now_ns) {
                timers.fire_all(now_ns, &mut ready);
            }
        }
        let turns = self.shared.turns();
        if turns == self.turns && self.shared.driver_handle().has_sources() {
            self.shared.poll_driver(&mut ready);
            self.give_driver_back();
        }
        self.turns = self.shared.turns();
        let was_late = !ready.is_empty();
        ready.wake_all();
        was_late
    }

    /// At the end the workers cancel all tasks; if they are stuck, nobody does.
    fn help_to_end(&self) {
        if !self.shared.is_closing() {
            return;
        }
        while let Some(home) = self.shared.home_to_cancel(self.homes.len()) {
            self.homes[home].cancel_all(|task| self.shared.injector.push(task));
        }
        self.shared.notify();
    }

    /// A worker that lay down while the monitor was in the driver sleeps on its condition variable. If all
    /// do, nobody sits in the driver: one must get up and go there. A worker lies down, fences, and tries for
    /// the driver; the monitor lets go of it, fences, and looks whether all sleep: one sees the other.
    fn give_driver_back(&self) {
        // ORDER: the fence of the proof above.
        fence(Ordering::SeqCst);
        if self.shared.idle.all_asleep() {
            self.shared.get_one_up();
        }
    }

    /// Work waits, and nobody sleeps or searches.
    fn add_spares(&mut self, waiting: usize) {
        let shared = Arc::clone(&self.shared);
        let mut sight =
            Sight { base: shared.seats.base(), workers: shared.idle.workers(), waiting, ..Sight::default() };
        for (seat, seen) in shared.seats.iter().zip(&self.seen) {
            if seen.tick % 2 == 0 {
                continue;
            }
            // A thread that sleeps in the middle of a poll blocks it, however short it has been. One that computes may
            // be about to end.
            match what_it_does(seat, seen) {
                Some(Doing::Waiting(_)) => sight.asleep += 1,
                Some(_) if seen.is_stuck => sight.computing += 1,
                Some(_) | None => {}
            }
        }
        let needed = sight.spares_needed();
        if needed == 0 {
            return;
        }
        // Before they come: who comes and is not needed goes, and takes nothing up.
        self.called = (shared.spares.working() + needed).saturating_sub(shared.spares.blocked());
        self.called_looks = CALLED_LOOKS;
        shared.spares.set_stuck(self.called);
        for _ in 0..needed {
            if !add_spare(&shared) {
                return;
            }
        }
    }

    /// Reports the tasks that have kept others waiting for long.
    fn report(&mut self, now: Instant) {
        let rescue = &self.shared.options.rescue;
        for (seat, seen) in self.shared.seats.iter().zip(&mut self.seen) {
            let stuck_for = now - seen.since;
            if !seen.is_in_the_way || seen.is_reported || !rescue.is_report_due(stuck_for) {
                continue;
            }
            seen.is_reported = true;
            let Some((id, spawn_site)) = seat.running.get() else { continue };
            if self.reported.get(spawn_site).is_some_and(|last| now - *last < REPORT_EVERY) {
                continue;
            }
            let stack = stack(seat.thread.load(Ordering::Relaxed));
            let Some(doing) = what_it_does(seat, seen) else { continue };
            if self.reported.len() >= REPORTED_MAX {
                self.reported.retain(|_, last| now - *last < REPORT_EVERY);
            }
            self.reported.insert(spawn_site, now);
            let name = self.homes.iter().find_map(|home| home.name_of(id));
            let stuck = StuckTask { id, name, spawn_site, stuck_for, doing, stack };
            quietly(|| rescue.report(&stuck));
        }
    }
}

/// `None`: it is not in the poll any more in which it was seen.
fn what_it_does(seat: &Remote, seen: &Seen) -> Option<Doing> {
    let doing = doing(seat.thread.load(Ordering::Relaxed));
    (seat.tick.load(Ordering::Relaxed) == seen.tick).then_some(doing)
}
