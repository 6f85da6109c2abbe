//! Timers (skeleton: signatures are final, bodies follow).

use crate::timer::clock::{Clock, TimeSource, WrongState};
use crate::util::wake_list::WakeList;
use std::sync::Arc;
use std::time::Duration;

pub mod clock;

/// All timers of one runtime.
#[derive(Debug)]
pub struct Timers {
    source: TimeSource,
}

impl Timers {
    /// The timers of a runtime with `shard_count` workers (at least 1). `unpark` makes the driver's park return; it
    /// is called, with no lock held, when a new deadline is earlier than what the parked one waits for.
    pub fn new(base: Arc<dyn Clock>, shard_count: usize, unpark: impl Fn() + Send + Sync + 'static) -> Self {
        let _ = (shard_count, unpark);
        Timers { source: TimeSource::new(base) }
    }

    /// The runtime's time.
    pub fn source(&self) -> &TimeSource {
        &self.source
    }

    /// The present moment, in nanoseconds since the runtime's start.
    pub fn now_ns(&self) -> u64 {
        self.source.now_ns()
    }

    /// How many shards there are.
    pub fn shard_count(&self) -> usize {
        todo!()
    }

    /// When `shard` has something to fire at the earliest ([`NEVER`](clock::NEVER): nothing). One relaxed load, for round
    /// ends: call [`fire`](Self::fire) when this is not later than now. It may be too early, after a
    /// cancelled timer, never too late.
    pub fn earliest_of(&self, _shard: usize) -> u64 {
        todo!()
    }

    /// The earliest deadline of all shards.
    pub fn next_deadline_ns(&self) -> Option<u64> {
        todo!()
    }

    /// Announces that the caller, who holds the driver, is about to sleep in it, and says until when at
    /// most. From here to [`end_park`](Self::end_park) an earlier timer unparks the driver.
    pub fn begin_park(&self) -> Option<u64> {
        todo!()
    }

    /// The caller has left the driver.
    pub fn end_park(&self) {
        todo!()
    }

    /// Fires what is due in `shard` at `now_ns`: the wakers go to `ready`, none is woken here. Returns how
    /// many timers fired. Any thread may call it for any shard.
    pub fn fire(&self, _shard: usize, _now_ns: u64, _ready: &mut WakeList) -> usize {
        todo!()
    }

    /// [`fire`](Self::fire) for all shards.
    pub fn fire_all(&self, _now_ns: u64, _ready: &mut WakeList) -> usize {
        todo!()
    }

    /// How many timers are registered.
    pub fn count(&self) -> usize {
        todo!()
    }

    /// Stops the time.
    ///
    /// # Errors
    /// When it stands still already.
    pub fn pause(&self) -> Result<(), WrongState> {
        self.source.pause()
    }

    /// Lets the time run on, and unparks the driver (who slept without an end while the time stood still).
    ///
    /// # Errors
    /// When it is running.
    pub fn resume(&self) -> Result<(), WrongState> {
        self.source.resume()
    }

    /// Moves the paused time by `duration` and fires what is due then.
    ///
    /// # Errors
    /// When the time is running.
    pub fn advance(&self, _duration: Duration, _ready: &mut WakeList) -> Result<usize, WrongState> {
        todo!()
    }

    /// For a runtime that has nothing left to do: if the time is paused, moves it to the earliest deadline
    /// and fires what is due then. Returns how many timers fired: 0 if the time runs or no timer waits.
    pub fn advance_to_next(&self, _ready: &mut WakeList) -> usize {
        todo!()
    }

    /// Marks every timer as shut down and adds its waker to `ready`; later ones are refused. Whoever polls
    /// such a timer panics: see `time::Sleep`.
    pub fn shutdown(&self, _ready: &mut WakeList) {
        todo!()
    }
}
