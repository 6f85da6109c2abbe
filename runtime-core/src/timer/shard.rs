//! One worker's timers: a wheel behind a lock, and its earliest deadline for all to see.
//!
//! No user code runs under the lock: wakers are cloned before it, collected within it, woken or dropped
//! after it.

#![forbid(unsafe_code)]

use crate::primitive::atomic::{AtomicU64, Ordering};
use crate::primitive::{Arc, CachePadded, Mutex, MutexGuard};
use crate::timer::clock::{NEVER, TimeSource};
use crate::timer::entry::EntryRef;
use crate::timer::parking::Parking;
use crate::timer::wheel::Wheel;
use crate::util::wake_list::{WakeList, drop_quietly};
use std::fmt;
use std::task::Waker;

/// Sleepers wait until the end of a span of 2^17 ns = 131 µs, so that timers which are due close to each
/// other fire together. A paused clock jumps to exact deadlines instead.
const SPAN_NS: u64 = 1 << 17;

/// So many timers fire before the lock is let go for a moment, for those who file and remove.
const FIRE_BATCH_MAX: usize = 256;

/// The runtime is shutting down: its timers fire no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

/// What the shards of a runtime share.
pub struct Common {
    /// The runtime's time.
    pub source: TimeSource,
    /// Who sleeps in the driver, and until when.
    pub parking: Parking,
    /// Makes the driver's park return.
    pub unpark: Box<dyn Fn() + Send + Sync>,
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Common").field("source", &self.source).finish_non_exhaustive()
    }
}

/// The timers of one worker.
#[derive(Debug)]
pub struct Shard {
    inner: CachePadded<Mutex<Inner>>,
    /// Not later than the earliest deadline, or [`NEVER`]. Written under the lock. On a line of its own:
    /// all workers look at it after each round.
    earliest_ns: CachePadded<AtomicU64>,
    common: Arc<Common>,
}

#[derive(Debug)]
struct Inner {
    wheel: Wheel,
    closed: bool,
}

impl Shard {
    /// No timers.
    pub fn new(common: Arc<Common>) -> Self {
        Shard {
            inner: CachePadded::new(Mutex::new(Inner { wheel: Wheel::new(), closed: false })),
            earliest_ns: CachePadded::new(AtomicU64::new(NEVER)),
            common,
        }
    }

    /// The time of this shard's runtime.
    pub fn source(&self) -> &TimeSource {
        &self.common.source
    }

    /// When something may be due at the earliest; [`NEVER`] if nothing waits.
    #[inline]
    pub fn earliest_ns(&self) -> u64 {
        // ORDER: Relaxed; a hint. Who must not miss a timer asks `earliest_locked_ns`.
        self.earliest_ns.load(Ordering::Relaxed)
    }

    /// The same, read under the lock: every timer filed before this is in it (see `parking`).
    pub fn earliest_locked_ns(&self) -> u64 {
        let _inner = self.inner.lock();
        self.earliest_ns()
    }

    /// The earliest deadline itself. For a clock that jumps to it: looks at many timers.
    pub fn exact_earliest_ns(&self) -> u64 {
        self.inner.lock().wheel.earliest_ns()
    }

    /// How many timers wait.
    pub fn count(&self) -> usize {
        self.inner.lock().wheel.len()
    }

    /// Files an idle entry, and unparks the driver if its sleeper would wake too late.
    ///
    /// # Errors
    /// [`Closed`] after [`close`](Self::close).
    pub fn start(&self, entry: EntryRef, deadline_ns: u64, waker: Waker) -> Result<(), Closed> {
        let inner = self.inner.lock();
        if inner.closed {
            drop(inner);
            drop_quietly(waker);
            return Err(Closed);
        }
        let stale = entry.set_waker(Some(waker));
        debug_assert!(stale.is_none(), "who fires or removes an entry takes its waker");
        self.file(inner, entry, deadline_ns);
        Ok(())
    }

    /// Files a waiting entry again, with another deadline; `false` if it has fired or was closed.
    #[must_use]
    pub fn restart(&self, entry: EntryRef, deadline_ns: u64) -> bool {
        let mut inner = self.inner.lock();
        let waits = inner.wheel.remove(entry);
        if waits {
            self.file(inner, entry, deadline_ns);
        }
        waits
    }

    fn file(&self, mut inner: MutexGuard<'_, Inner>, entry: EntryRef, deadline_ns: u64) {
        entry.arm(deadline_ns);
        inner.wheel.insert(entry);
        let shown_ns = self.shown_ns(deadline_ns);
        if shown_ns < self.earliest_ns() {
            self.show(shown_ns);
        }
        drop(inner);
        if self.common.parking.claim(shown_ns) {
            (self.common.unpark)();
        }
    }

    /// Makes `waker` the one that a waiting entry wakes; `false` if it has fired or was closed.
    #[must_use]
    pub fn renew_waker(&self, entry: EntryRef, waker: &Waker) -> bool {
        match self.has_waker(entry, waker) {
            Some(true) => return true,
            Some(false) => {}
            None => return false,
        }
        let waker = waker.clone();
        let inner = self.inner.lock();
        let waits = entry.slot().is_some();
        let unused = if waits { entry.set_waker(Some(waker)) } else { Some(waker) };
        drop(inner);
        drop_quietly(unused);
        waits
    }

    /// Whether a waiting entry has this waker; `None` if it waits no more.
    fn has_waker(&self, entry: EntryRef, waker: &Waker) -> Option<bool> {
        let _inner = self.inner.lock();
        entry.slot().map(|_| entry.will_wake(waker))
    }

    /// Takes an entry out, if it is still in: afterwards nobody else touches it. Gives back the waker of one
    /// that waited.
    #[must_use]
    pub fn cancel(&self, entry: EntryRef) -> Option<Waker> {
        let mut inner = self.inner.lock();
        let waits = inner.wheel.remove(entry);
        if waits { entry.set_waker(None) } else { None }
    }

    /// Fires what is due at `now_ns`; says how many.
    pub fn fire(&self, now_ns: u64, ready: &mut WakeList) -> usize {
        let mut fired_count = 0;
        loop {
            let mut inner = self.inner.lock();
            let now_ns = inner.wheel.advance(now_ns);
            let batch_count = fire_batch(&mut inner.wheel, now_ns, ready);
            fired_count += batch_count;
            if batch_count < FIRE_BATCH_MAX {
                self.show(self.shown_ns(inner.wheel.bound_ns()));
                return fired_count;
            }
        }
    }

    /// Refuses timers from now on, and closes those that wait.
    pub fn close(&self, ready: &mut WakeList) {
        let mut inner = self.inner.lock();
        inner.closed = true;
        while let Some(entry) = inner.wheel.pop_any() {
            if let Some(waker) = entry.close() {
                ready.push(waker);
            }
        }
        self.show(NEVER);
    }

    /// The moment for which a sleeper sets its alarm.
    fn shown_ns(&self, deadline_ns: u64) -> u64 {
        if self.common.source.is_shifted() {
            return deadline_ns;
        }
        deadline_ns.checked_next_multiple_of(SPAN_NS).unwrap_or(deadline_ns)
    }

    /// Called with the lock held.
    fn show(&self, earliest_ns: u64) {
        // ORDER: Relaxed; the lock orders it for who must not miss it.
        self.earliest_ns.store(earliest_ns, Ordering::Relaxed);
    }
}

/// Fires at most [`FIRE_BATCH_MAX`] of the timers that the wheel has found due.
fn fire_batch(wheel: &mut Wheel, now_ns: u64, ready: &mut WakeList) -> usize {
    let mut fired_count = 0;
    while fired_count < FIRE_BATCH_MAX {
        let Some(entry) = wheel.pop_due() else { break };
        match entry.try_fire(now_ns) {
            Ok(waker) => {
                fired_count += 1;
                if let Some(waker) = waker {
                    ready.push(waker);
                }
            }
            Err(_extended) => wheel.insert(entry),
        }
    }
    fired_count
}
