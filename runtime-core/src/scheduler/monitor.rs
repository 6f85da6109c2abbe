//! The monitor: a thread that looks after workers which are stuck in a poll.
//!
//! While any worker is awake it looks every [`LOOK_EVERY`]. A worker that is still in the same poll as at the
//! last look keeps back what is in its next slot, and perhaps events and timers that nobody else attends
//! to: the monitor moves the slot's task to the injector, polls an unattended driver, fires overdue timers.
//! All of that wakes a sleeping worker, if there is one.
//!
//! It sleeps when all workers do (`signal`), after lingering a little: an edge from idle to busy then costs
//! no system call most of the time.

#![forbid(unsafe_code)]

use super::shared::{Homes, Shared};
use crate::primitive::Arc;
use crate::primitive::atomic::Ordering;
use crate::util::wake_list::WakeList;
use std::time::Duration;

/// How long a poll may keep others waiting before the monitor steps in: between one and two looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Looks at an idle runtime before the monitor sleeps.
const LINGER_LOOKS: u32 = 2;

/// How overdue a timer is that nobody fires, in nanoseconds.
const OVERDUE_NS: u64 = 5_000_000;

/// What the monitor remembers of its last look.
#[derive(Debug)]
pub(crate) struct Monitor {
    shared: Arc<Shared>,
    /// Keeps the runtime's memory alive while a wake is under way.
    _homes: Homes,
    ticks: Vec<u32>,
    turns: u32,
}

impl Monitor {
    pub(crate) fn new(shared: Arc<Shared>, homes: Homes) -> Self {
        let ticks = vec![0; shared.remotes.len()];
        Monitor { shared, _homes: homes, ticks, turns: 0 }
    }

    /// Looks until the runtime ends.
    pub(crate) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let mut idle_looks = 0;
        while shared.monitor.wait(LOOK_EVERY) {
            if !shared.idle.all_asleep() {
                idle_looks = 0;
                self.look();
                continue;
            }
            idle_looks += 1;
            if idle_looks > LINGER_LOOKS {
                idle_looks = 0;
                if !shared.monitor.sleep_while(|| shared.idle.all_asleep()) {
                    return;
                }
            }
        }
    }

    fn look(&mut self) {
        let mut stuck = false;
        for (remote, last) in self.shared.remotes.iter().zip(&mut self.ticks) {
            let tick = remote.tick.load(Ordering::Relaxed);
            if tick % 2 == 1 && tick == *last {
                stuck = true;
                if let Some(task) = remote.slot.take() {
                    self.shared.inject(task);
                }
            }
            *last = tick;
        }
        let mut ready = WakeList::new();
        let timers = &self.shared.timers;
        if stuck && !timers.source().is_paused() {
            let now_ns = timers.now_ns();
            if timers.next_deadline_ns().is_some_and(|next_ns| next_ns + OVERDUE_NS < now_ns) {
                timers.fire_all(now_ns, &mut ready);
            }
        }
        let turns = self.shared.turns();
        if stuck && turns == self.turns && self.shared.driver_handle().has_sources() {
            self.shared.poll_driver(&mut ready);
        }
        self.turns = self.shared.turns();
        ready.wake_all();
        if stuck && self.shared.has_work() {
            self.shared.notify();
        }
    }
}
