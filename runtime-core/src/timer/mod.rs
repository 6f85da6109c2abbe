//! Timers: who wants to be woken when. The mechanism; the futures that use it are in [`time`](crate::time).
//!
//! Each worker has a shard: a wheel behind a lock of its own. A future's [`Alarm`] files its entry, which
//! lies inside the future, in the shard of the thread that polls it. Workers fire their shard between
//! rounds, and any other shard that is overdue; whoever sleeps in the driver sleeps until the earliest
//! deadline of all ([`Timers::begin_park`]), and an earlier timer unparks it (`parking`).
//!
//! This module knows wakers, not workers: it wakes nobody, it fills [`WakeList`]s.

use crate::primitive::Arc;
use crate::timer::clock::{Clock, NEVER, TimeSource, WrongState};
use crate::timer::parking::Parking;
use crate::timer::shard::{Common, Shard};
use crate::util::wake_list::WakeList;
use std::time::Duration;

pub mod alarm;
pub mod clock;
pub mod entry;
pub mod parking;
pub mod shard;
pub mod wheel;

#[cfg(all(test, not(loom)))]
mod tests;

pub use crate::timer::alarm::Alarm;

/// All timers of one runtime, and its time.
#[derive(Debug)]
pub struct Timers {
    common: Arc<Common>,
    shards: Box<[Arc<Shard>]>,
}

impl Timers {
    /// The timers of a runtime with `shard_count` workers; its moment 0 is now. `unpark` makes the driver's
    /// park return. It is called, with no lock held, when a new deadline is earlier than the one until
    /// which the driver sleeps.
    ///
    /// # Panics
    /// If `shard_count` is 0.
    pub fn new(
        base: std::sync::Arc<dyn Clock>,
        shard_count: usize,
        unpark: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        assert!(shard_count > 0, "timers need a shard");
        let source = TimeSource::new(base);
        let common = Arc::new(Common { source, parking: Parking::new(), unpark: Box::new(unpark) });
        let shards = (0..shard_count).map(|_| Arc::new(Shard::new(Arc::clone(&common)))).collect();
        Timers { common, shards }
    }

    /// The runtime's time.
    #[inline]
    pub fn source(&self) -> &TimeSource {
        &self.common.source
    }

    /// The present moment, in nanoseconds since the runtime's start.
    #[inline]
    pub fn now_ns(&self) -> u64 {
        self.common.source.now_ns()
    }

    /// How many shards there are.
    pub fn shard_count(&self) -> usize {
        self.shards.len()
    }

    /// One shard, for an [`Alarm`] to start in.
    ///
    /// # Panics
    /// If there is none of this number.
    #[inline]
    pub fn shard(&self, shard: usize) -> &Arc<Shard> {
        &self.shards[shard]
    }

    /// When `shard` has something to fire at the earliest; [`NEVER`] if it has nothing. One relaxed load, for
    /// the ends of rounds: call [`fire`](Self::fire) when this is not later than now. It may be too early,
    /// after a timer was dropped; then `fire` finds nothing and corrects it.
    #[inline]
    pub fn earliest_of(&self, shard: usize) -> u64 {
        self.shards[shard].earliest_ns()
    }

    /// When any shard has something to fire at the earliest; `None` if nothing waits. A hint like
    /// [`earliest_of`](Self::earliest_of): who is about to sleep calls [`begin_park`](Self::begin_park).
    pub fn next_deadline_ns(&self) -> Option<u64> {
        some_moment(self.shards.iter().map(|shard| shard.earliest_ns()).min())
    }

    /// Called by the holder of the driver before sleeping in it: until when to sleep (`None`: without an
    /// end). From here to [`end_park`](Self::end_park) a timer that is earlier unparks the driver, so park
    /// in any case, or call `end_park`.
    #[must_use]
    pub fn begin_park(&self) -> Option<u64> {
        let parking = &self.common.parking;
        parking.announce();
        let deadline_ns = self.shards.iter().map(|shard| shard.earliest_locked_ns()).min();
        parking.publish(deadline_ns.unwrap_or(NEVER));
        some_moment(deadline_ns)
    }

    /// Called after sleeping in the driver, before letting go of it.
    pub fn end_park(&self) {
        self.common.parking.clear();
    }

    /// Fires what is due in `shard` at `now_ns`: the wakers go to `ready`, none is woken here. Returns how
    /// many timers fired. Any thread may call it for any shard.
    pub fn fire(&self, shard: usize, now_ns: u64, ready: &mut WakeList) -> usize {
        self.shards[shard].fire(now_ns, ready)
    }

    /// [`fire`](Self::fire) for every shard that may have something.
    pub fn fire_all(&self, now_ns: u64, ready: &mut WakeList) -> usize {
        let overdue = self.shards.iter().filter(|shard| shard.earliest_ns() <= now_ns);
        overdue.map(|shard| shard.fire(now_ns, ready)).sum()
    }

    /// How many timers wait.
    pub fn count(&self) -> usize {
        self.shards.iter().map(|shard| shard.count()).sum()
    }

    /// Stops the time.
    ///
    /// # Errors
    /// When it stands still already.
    pub fn pause(&self) -> Result<(), WrongState> {
        self.common.source.pause()
    }

    /// Lets the time run on, and unparks the driver: who slept while the time stood still did not look at
    /// deadlines.
    ///
    /// # Errors
    /// When it is running.
    pub fn resume(&self) -> Result<(), WrongState> {
        self.common.source.resume()?;
        (self.common.unpark)();
        Ok(())
    }

    /// Moves the paused time by `duration` and fires what is due then. Returns how many timers fired.
    ///
    /// # Errors
    /// When the time is running.
    pub fn advance(&self, duration: Duration, ready: &mut WakeList) -> Result<usize, WrongState> {
        let now_ns = self.common.source.advance(duration)?;
        Ok(self.fire_every_shard(now_ns, ready))
    }

    /// For a runtime that has nothing left to do: if the time is paused, moves it to the earliest deadline
    /// and fires what is due then. Returns how many timers fired: 0 if the time runs, or no timer waits.
    pub fn advance_to_next(&self, ready: &mut WakeList) -> usize {
        if !self.common.source.is_paused() {
            return 0;
        }
        let Some(next_ns) = some_moment(self.shards.iter().map(|shard| shard.exact_earliest_ns()).min())
        else {
            return 0;
        };
        match self.common.source.advance_to(next_ns) {
            Ok(now_ns) => self.fire_every_shard(now_ns, ready),
            // Resumed by another thread since we looked.
            Err(WrongState) => 0,
        }
    }

    /// Marks every timer as shut down and adds its waker to `ready`; later ones are refused. Whoever polls
    /// such a timer panics: see [`time::Sleep`](crate::time::Sleep).
    pub fn shutdown(&self, ready: &mut WakeList) {
        for shard in &self.shards {
            shard.close(ready);
        }
    }

    /// Who sleeps in the driver: for the model that gets its steps in the wrong order.
    #[doc(hidden)]
    pub fn parking(&self) -> &Parking {
        &self.common.parking
    }

    /// Not [`fire_all`](Self::fire_all): what a shard shows was rounded up if the time ran when it was filed.
    fn fire_every_shard(&self, now_ns: u64, ready: &mut WakeList) -> usize {
        self.shards.iter().map(|shard| shard.fire(now_ns, ready)).sum()
    }
}

fn some_moment(moment_ns: Option<u64>) -> Option<u64> {
    moment_ns.filter(|moment_ns| *moment_ns != NEVER)
}
