//! The monitor: a thread that looks after workers which are stuck in a poll.
//!
//! While any worker is awake it looks every [`LOOK_EVERY`]. A worker that is still in the same poll as at the
//! last look keeps back what is in its next slot, and perhaps events and timers that nobody else attends
//! to: the monitor moves the slot's task to the injector, polls an unattended driver, fires overdue timers.
//! All of that wakes a sleeping worker, if there is one.
//!
//! It sleeps when all workers do, after lingering a little: an edge from idle to busy then costs no system
//! call most of the time. The proof that none is missed is that of `idle`: the monitor stores `asleep`,
//! fences, and looks whether all sleep; who gets up first changes the word, fences, and loads `asleep`.

#![forbid(unsafe_code)]

use super::shared::{Homes, Shared};
use crate::primitive::atomic::{AtomicBool, Ordering, fence};
use crate::primitive::{Arc, Condvar, Mutex};
use crate::util::fault::{Fault, planted};
use crate::util::wake_list::WakeList;
use std::time::Duration;

/// How long a poll may keep others waiting before the monitor steps in: between one and two looks.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Looks at an idle runtime before the monitor sleeps.
const LINGER_LOOKS: u32 = 2;

/// How overdue a timer is that nobody fires, in nanoseconds.
const OVERDUE_NS: u64 = 5_000_000;

/// How the monitor is woken and ended.
#[derive(Debug)]
pub struct Signal {
    asleep: AtomicBool,
    ended: Mutex<bool>,
    changed: Condvar,
}

impl Default for Signal {
    fn default() -> Self {
        Signal { asleep: AtomicBool::new(false), ended: Mutex::new(false), changed: Condvar::new() }
    }
}

impl Signal {
    /// The first worker got up.
    pub fn rouse(&self) {
        // ORDER: the fence of the proof above.
        if !planted(Fault::RouseUnfenced) {
            fence(Ordering::SeqCst);
        }
        if self.asleep.load(Ordering::Relaxed) {
            let _ended = self.ended.lock();
            self.asleep.store(false, Ordering::Relaxed);
            self.changed.notify_all();
        }
    }

    /// Ends the monitor's thread.
    pub fn end(&self) {
        *self.ended.lock() = true;
        self.changed.notify_all();
    }

    /// Waits for the next look. `false`: the end.
    fn wait(&self) -> bool {
        let ended = self.ended.lock();
        if *ended {
            return false;
        }
        let (ended, _) = self.changed.wait_timeout(ended, LOOK_EVERY);
        !*ended
    }

    /// Sleeps while all workers sleep. `false`: the end.
    pub fn sleep_while(&self, all_asleep: impl Fn() -> bool) -> bool {
        let mut ended = self.ended.lock();
        self.asleep.store(true, Ordering::Relaxed);
        // ORDER: the fence of the proof above.
        if !planted(Fault::MonitorUnfenced) {
            fence(Ordering::SeqCst);
        }
        if !all_asleep() {
            self.asleep.store(false, Ordering::Relaxed);
        }
        while !*ended && self.asleep.load(Ordering::Relaxed) {
            ended = self.changed.wait(ended);
        }
        !*ended
    }
}

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
        while shared.monitor.wait() {
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
