//! What all threads of one runtime see.

#![forbid(unsafe_code)]

use super::activity::Activity;
use super::idle::{Idle, Picked};
use super::park::Parker;
use super::queue::{Injector, Stealer};
use super::signal::Signal;
use super::slot::Slot;
use super::stats::Stats;
use crate::port::{Driver, DriverHandle};
use crate::primitive::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use crate::primitive::{Arc, CachePadded, Condvar, Count, Mutex};
use crate::task::{Home, Keeper, Notified};
use crate::timer::Timers;
use crate::tls;
use crate::util::wake_list::WakeList;
use std::cell::Cell;
use std::fmt;
use std::io::Write;
use std::time::{Duration, Instant};

/// The homes of a runtime's tasks. They stand outside of [`Shared`], which they keep alive. (std's Arc:
/// loom's holds no slices.)
pub(crate) type Homes = std::sync::Arc<[Arc<Home<Arc<Shared>>>]>;

/// A hook of the builder.
pub(crate) type Hook = std::sync::Arc<dyn Fn() + Send + Sync>;

/// What the workers need to know of the configuration.
#[derive(Default, Clone)]
pub(crate) struct Options {
    pub(crate) on_park: Option<Hook>,
    pub(crate) on_unpark: Option<Hook>,
    pub(crate) seed: u64,
    /// Woken tasks run first in, first out: no next slot.
    pub(crate) fifo: bool,
    pub(crate) stamps: Stamps,
}

/// Which queue entries carry a stamp, and so are measured.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stamps {
    /// None.
    #[default]
    Never,
    /// One in a few hundred.
    Sampled,
    /// All.
    Always,
}

/// What all threads of one runtime see. Its parts are guarded one by one.
pub struct Shared {
    pub(crate) injector: Injector,
    pub(crate) idle: Idle,
    pub(crate) remotes: Box<[CachePadded<Remote>]>,
    pub(crate) timers: Arc<Timers>,
    pub(crate) activity: Activity,
    pub(crate) monitor: Signal,
    pub(crate) options: Options,
    driver: Mutex<Box<dyn Driver>>,
    driver_handle: std::sync::Arc<dyn DriverHandle>,
    /// How often the driver was polled: the monitor sees whether anybody does.
    turns: AtomicU32,
    /// Workers that others had to stand in for, and threads that were started for that.
    pub(crate) rescues: Count,
    pub(crate) spares: Count,
    closing: AtomicBool,
    /// Homes that still have tasks, or are not closed.
    homes_left: AtomicUsize,
    exits: Exits,
    /// The runtime; from its making to its end.
    keeper: Mutex<Option<std::sync::Arc<dyn Keeper>>>,
}

/// What others see of one worker.
pub(crate) struct Remote {
    pub(crate) stealer: Stealer,
    pub(crate) slot: Slot,
    pub(crate) parker: Parker,
    /// Odd while the worker polls a task; it changes at the start and at the end of each poll.
    pub(crate) tick: AtomicU32,
    pub(crate) stats: CachePadded<Stats>,
}

/// Threads that have not ended yet.
struct Exits {
    running: Mutex<usize>,
    changed: Condvar,
}

impl Shared {
    pub(crate) fn new(
        remotes: Vec<Remote>,
        homes: usize,
        timers: Arc<Timers>,
        driver: Box<dyn Driver>,
        driver_handle: std::sync::Arc<dyn DriverHandle>,
        options: Options,
    ) -> Self {
        Shared {
            injector: Injector::new(),
            idle: Idle::new(remotes.len()),
            remotes: remotes.into_iter().map(CachePadded::new).collect(),
            timers,
            activity: Activity::default(),
            monitor: Signal::default(),
            options,
            driver: Mutex::new(driver),
            driver_handle,
            turns: AtomicU32::new(0),
            rescues: Count::new(),
            spares: Count::new(),
            closing: AtomicBool::new(false),
            homes_left: AtomicUsize::new(homes),
            exits: Exits { running: Mutex::new(0), changed: Condvar::new() },
            keeper: Mutex::new(None),
        }
    }

    /// The shared half of the driver.
    pub(crate) fn driver_handle(&self) -> &std::sync::Arc<dyn DriverHandle> {
        &self.driver_handle
    }

    /// The driver, unless somebody is in it.
    pub(crate) fn try_driver(&self) -> Option<crate::primitive::MutexGuard<'_, Box<dyn Driver>>> {
        self.driver.try_lock()
    }

    /// One look at the driver without waiting; `false` if somebody is in it.
    pub(crate) fn poll_driver(&self, ready: &mut WakeList) -> bool {
        let Some(mut driver) = self.try_driver() else { return false };
        self.turn(&mut **driver, Some(Duration::ZERO), ready);
        true
    }

    /// One turn of the driver.
    pub(crate) fn turn(&self, driver: &mut dyn Driver, timeout: Option<Duration>, ready: &mut WakeList) {
        self.turns.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = driver.park(timeout, ready) {
            // Nothing is lost by going on: the next turn looks again. Waiting a little keeps a driver
            // that always fails from spinning.
            let _ = writeln!(std::io::stderr(), "runtime: waiting for events failed, trying again: {error}");
            crate::primitive::thread::sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn turns(&self) -> u32 {
        self.turns.load(Ordering::Relaxed)
    }

    /// Wakes a worker for work that has just been published, if one must be woken.
    #[inline]
    pub(crate) fn notify(&self) {
        if self.idle.needs_wake() {
            self.wake_one();
        }
    }

    #[cold]
    fn wake_one(&self) {
        // Waking the one in the driver costs a system call more, and takes the driver from its place.
        let picked = self.idle.pick(|worker| !self.remotes[worker].parker.is_in_driver());
        if let Some(Picked { worker, was_first }) = picked {
            if was_first {
                self.monitor.rouse();
            }
            self.unpark(worker);
        }
    }

    pub(crate) fn unpark(&self, worker: usize) {
        self.remotes[worker].parker.unpark(&*self.driver_handle);
    }

    fn unpark_all(&self) {
        for worker in 0..self.remotes.len() {
            self.unpark(worker);
        }
    }

    /// Whether a searcher would find something.
    pub(crate) fn has_work(&self) -> bool {
        !self.injector.is_empty() || self.remotes.iter().any(|remote| !remote.stealer.is_empty())
    }

    /// Work from a thread that is no worker.
    pub(crate) fn inject(&self, task: Notified) {
        self.injector.push(self.stamp_injected(task));
        self.notify();
    }

    #[inline]
    fn stamp_injected(&self, task: Notified) -> Notified {
        let is_due = match self.options.stamps {
            Stamps::Never => false,
            Stamps::Always => true,
            // On a thread whose locals are gone nothing is measured any more.
            Stamps::Sampled => UNSTAMPED.try_with(count_down).unwrap_or(false),
        };
        if is_due { self.stamp(task) } else { task }
    }

    /// Notes the moment at which `task` goes into a queue.
    #[cold]
    pub(crate) fn stamp(&self, task: Notified) -> Notified {
        task.stamp(self.timers.source().real_ns())
    }

    /// Something outside of the workers has ended: a paused clock may jump now.
    pub(crate) fn leave_activity(&self) {
        if self.activity.leave() && self.timers.source().is_paused() {
            self.driver_handle.unpark();
        }
    }

    /// From here on workers cancel their tasks and end when all are gone.
    pub(crate) fn begin_close(&self) {
        // ORDER: Release: the homes are closed before; pairs with the Acquire in `is_closing`.
        self.closing.store(true, Ordering::Release);
        self.unpark_all();
    }

    pub(crate) fn is_closing(&self) -> bool {
        // ORDER: Acquire: sees the closed homes.
        self.closing.load(Ordering::Acquire)
    }

    /// A closed home has become empty.
    pub(crate) fn home_vacated(&self) {
        // ORDER: AcqRel: the last one sees what all did.
        if self.homes_left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.unpark_all();
        }
    }

    /// Whether every home is closed and empty.
    pub(crate) fn is_vacated(&self) -> bool {
        // ORDER: Acquire: what the last tasks did is visible to whoever goes on.
        self.homes_left.load(Ordering::Acquire) == 0
    }

    pub(crate) fn set_keeper(&self, keeper: std::sync::Arc<dyn Keeper>) {
        *self.keeper.lock() = Some(keeper);
    }

    pub(crate) fn keeper(&self) -> Option<std::sync::Arc<dyn Keeper>> {
        self.keeper.lock().clone()
    }

    /// Wakes whoever still waits for something of this runtime: timers and sources are shut down.
    pub(crate) fn shut_down_parts(&self) {
        // It knows the runtime's handle, which knows us.
        let keeper = self.keeper.lock().take();
        drop(keeper);
        let mut ready = WakeList::new();
        self.timers.shutdown(&mut ready);
        ready.wake_all();
        self.driver.lock().shutdown(&mut ready);
        ready.wake_all();
    }

    pub(crate) fn thread_starts(&self) {
        *self.exits.running.lock() += 1;
    }

    /// `true`: it was the last.
    pub(crate) fn thread_ends(&self) -> bool {
        let mut running = self.exits.running.lock();
        *running -= 1;
        self.exits.changed.notify_all();
        *running == 0
    }

    /// Waits until all threads have ended, until `deadline` at most. Returns how many have not.
    pub(crate) fn wait_for_threads(&self, deadline: Option<Instant>) -> usize {
        let mut running = self.exits.running.lock();
        while *running > 0 {
            running = match deadline {
                None => self.exits.changed.wait(running),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    self.exits.changed.wait_timeout(running, left).0
                }
            };
        }
        *running
    }
}

tls! {
    /// How many entries this thread puts into injectors before the next one is measured.
    static UNSTAMPED: Cell<u32> = Cell::new(INJECTED_GAP);
}

/// Of entries from one foreign thread, one in so many is measured. A prime: what comes in turns is all measured.
const INJECTED_GAP: u32 = 97;

fn count_down(left: &Cell<u32>) -> bool {
    let is_due = left.get() == 0;
    left.set(if is_due { INJECTED_GAP - 1 } else { left.get() - 1 });
    is_due
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("idle", &self.idle).finish_non_exhaustive()
    }
}
