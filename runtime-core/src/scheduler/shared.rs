//! What all threads of one runtime see.

#![forbid(unsafe_code)]

use super::activity::Activity;
use super::failure::Failure;
use super::idle::{Idle, Picked};
use super::queue::Injector;
use super::rescue::RescueConfig;
use super::seats::{Seat, Seats};
use super::signal::Signal;
use super::spares::Spares;
use crate::port::{Driver, DriverHandle};
use crate::primitive::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use crate::primitive::{Arc, Condvar, Count, Mutex};
use crate::task::{Home, Keeper, Notified, Reporter, Unhandled, UnhandledPolicy};
use crate::timer::Timers;
use crate::tls;
use crate::util::wake_list::WakeList;
use std::cell::Cell;
use std::fmt;
use std::io::{self, Write};
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
    /// A current_thread runtime: woken tasks run first in, first out (no next slot), and nobody can stand in for the
    /// only worker.
    pub(crate) is_single: bool,
    pub(crate) rescue: RescueConfig,
    /// Who is told of failures that nobody took.
    pub(crate) reporter: Reporter,
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
    pub(crate) seats: Seats,
    pub(crate) spares: Spares,
    pub(crate) timers: Arc<Timers>,
    pub(crate) activity: Activity,
    pub(crate) monitor: Signal,
    pub(crate) options: Options,
    /// Where a failure that nobody took shuts the runtime down.
    pub(crate) failure: Option<Failure>,
    driver: Mutex<Box<dyn Driver>>,
    driver_handle: std::sync::Arc<dyn DriverHandle>,
    /// How often the driver was polled: the monitor sees whether anybody does.
    turns: AtomicU32,
    /// Polls that kept others waiting until somebody stepped in.
    pub(crate) rescues: Count,
    closing: AtomicBool,
    /// Homes that still have tasks, or are not closed.
    homes_left: AtomicUsize,
    /// The next home whose tasks are to be cancelled.
    next_cancel: AtomicUsize,
    exits: Exits,
    /// From the runtime's start to its end.
    starter: Mutex<Option<std::sync::Arc<dyn Starter>>>,
    /// The runtime; from its making to its end.
    keeper: Mutex<Option<std::sync::Arc<dyn Keeper>>>,
}

/// Starts the thread of a spare.
pub(crate) trait Starter: Send + Sync {
    /// # Errors
    /// The system's.
    fn start(&self) -> io::Result<()>;
}

/// Threads that have not ended yet.
struct Exits {
    running: Mutex<usize>,
    changed: Condvar,
}

impl Shared {
    pub(crate) fn new(
        seats: Vec<Seat>,
        homes: usize,
        timers: Arc<Timers>,
        driver: Box<dyn Driver>,
        driver_handle: std::sync::Arc<dyn DriverHandle>,
        options: Options,
    ) -> Self {
        let spares = options.rescue.spares_max();
        let can_fail = options.reporter.policy == UnhandledPolicy::Shutdown;
        Shared {
            injector: Injector::new(),
            idle: Idle::new(seats.len()),
            seats: Seats::new(seats, spares),
            spares: Spares::new(spares),
            timers,
            activity: Activity::default(),
            monitor: Signal::default(),
            options,
            failure: can_fail.then(Failure::default),
            driver: Mutex::new(driver),
            driver_handle,
            turns: AtomicU32::new(0),
            rescues: Count::new(),
            closing: AtomicBool::new(false),
            homes_left: AtomicUsize::new(homes),
            next_cancel: AtomicUsize::new(0),
            exits: Exits { running: Mutex::new(0), changed: Condvar::new() },
            starter: Mutex::new(None),
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
        let picked = self.idle.pick(|worker| !self.seats.get(worker).parker.is_in_driver());
        if let Some(Picked { worker, was_first }) = picked {
            if was_first {
                self.monitor.rouse();
            }
            self.unpark(worker);
        }
    }

    pub(crate) fn unpark(&self, worker: usize) {
        self.seats.get(worker).parker.unpark(&*self.driver_handle);
    }

    /// All sleep, and perhaps nobody in the driver: one gets up, and looks.
    pub(crate) fn get_one_up(&self) {
        if let Some(worker) = self.idle.any_sleeper() {
            self.unpark(worker);
        }
    }

    fn unpark_all(&self) {
        for seat in self.seats.iter() {
            seat.parker.unpark(&*self.driver_handle);
        }
    }

    /// Whether a searcher would find something.
    pub(crate) fn has_work(&self) -> bool {
        !self.injector.is_empty() || self.seats.iter().any(|seat| !seat.stealer.is_empty())
    }

    /// How much a searcher would find.
    pub(crate) fn work_count(&self) -> usize {
        self.injector.len() + self.seats.iter().map(|seat| seat.stealer.len()).sum::<usize>()
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
            self.spares.close();
            self.monitor.end();
        }
    }

    /// At the end: a home whose tasks the caller is to cancel. Each is given once, to whoever comes first: a worker that is
    /// blocked must not keep its home's tasks alive.
    pub(crate) fn home_to_cancel(&self, homes: usize) -> Option<usize> {
        let home = self.next_cancel.fetch_add(1, Ordering::Relaxed);
        (home < homes).then_some(home)
    }

    /// Whether every home is closed and empty.
    pub(crate) fn is_vacated(&self) -> bool {
        // ORDER: Acquire: what the last tasks did is visible to whoever goes on.
        self.homes_left.load(Ordering::Acquire) == 0
    }

    pub(crate) fn set_starter(&self, starter: std::sync::Arc<dyn Starter>) {
        *self.starter.lock() = Some(starter);
    }

    /// Nobody stands in for anybody on a current_thread runtime, and at the end.
    pub(crate) fn starter(&self) -> Option<std::sync::Arc<dyn Starter>> {
        self.starter.lock().clone()
    }

    pub(crate) fn set_keeper(&self, keeper: std::sync::Arc<dyn Keeper>) {
        *self.keeper.lock() = Some(keeper);
    }

    pub(crate) fn keeper(&self) -> Option<std::sync::Arc<dyn Keeper>> {
        self.keeper.lock().clone()
    }

    /// A task failed, and nobody took its result. After the runtime's end there is no more than the hook.
    pub(crate) fn unhandled(&self, unhandled: &Unhandled) {
        match self.keeper() {
            Some(keeper) => keeper.unhandled(unhandled),
            None => self.options.reporter.tell(unhandled),
        }
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failure.as_ref().is_some_and(Failure::has_failed)
    }

    /// # Panics
    /// If a failure that nobody took has shut the runtime down.
    #[inline]
    #[track_caller]
    pub(crate) fn check_failure(&self) {
        if let Some(failure) = &self.failure {
            failure.check();
        }
    }

    /// Wakes whoever still waits for something of this runtime: timers and sources are shut down.
    pub(crate) fn shut_down_parts(&self) {
        // It knows the runtime's handle, which knows us.
        let keeper = self.keeper.lock().take();
        drop(keeper);
        let starter = self.starter.lock().take();
        drop(starter);
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
