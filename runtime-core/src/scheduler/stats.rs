//! What a worker counts, for people to read.
//!
//! Each worker writes its own, by loads and stores; whoever asks for metrics reads. Nothing is decided by it, and
//! nothing of it is consistent with anything else.

#![forbid(unsafe_code)]

use crate::primitive::Count;
use crate::util::histogram::Recorder;

/// One worker's figures.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    /// Tasks taken out of a queue and polled, or dropped because their end was asked for.
    pub(crate) polls: Count,
    /// Thefts that found something.
    pub(crate) steals: Count,
    /// What they found, in tasks.
    pub(crate) stolen: Count,
    /// Counts each falling asleep and each waking up: odd while the worker sleeps.
    pub(crate) parks: Count,
    busy: Busy,
    /// How long tasks with a stamp waited in queues.
    pub(crate) waits: Recorder,
    /// How long their polls took.
    pub(crate) poll_times: Recorder,
}

impl Stats {
    /// The worker works from `now_ns` on.
    pub(crate) fn starts(&self, now_ns: u64) {
        self.busy.start(now_ns);
    }

    /// It does not, until it starts again.
    pub(crate) fn stops(&self, now_ns: u64) {
        self.busy.stop(now_ns);
    }

    /// It sleeps for want of work.
    pub(crate) fn falls_asleep(&self, now_ns: u64) {
        // In this order: who finds it asleep finds it stopped.
        self.busy.stop(now_ns);
        self.parks.add(1);
    }

    /// It has slept.
    pub(crate) fn wakes_up(&self, now_ns: u64) {
        self.parks.add(1);
        self.busy.start(now_ns);
    }

    /// How long it has worked until `now_ns`.
    pub(crate) fn busy_ns(&self, now_ns: u64) -> u64 {
        self.busy.until(now_ns)
    }
}

/// How long a worker has worked, in one word, so that who reads it never counts a stretch twice.
///
/// | bits | meaning |
/// |---|---|
/// | 0 | set while the worker works |
/// | 1.. | it works: the moment at which it would have begun, had it never paused; else: how long it has worked |
#[derive(Debug, Default)]
struct Busy(Count);

impl Busy {
    fn start(&self, now_ns: u64) {
        let busy_ns = self.until(now_ns);
        self.0.set(now_ns.saturating_sub(busy_ns) << 1 | 1);
    }

    fn stop(&self, now_ns: u64) {
        self.0.set(self.until(now_ns) << 1);
    }

    fn until(&self, now_ns: u64) -> u64 {
        let word = self.0.get();
        if word & 1 != 0 { now_ns.saturating_sub(word >> 1) } else { word >> 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_counted_and_pauses_are_not() {
        let stats = Stats::default();
        assert_eq!(stats.busy_ns(5), 0);
        stats.starts(10);
        assert_eq!(stats.busy_ns(13), 3);
        stats.falls_asleep(20);
        assert_eq!((stats.busy_ns(90), stats.parks.get()), (10, 1));
        stats.wakes_up(100);
        stats.starts(105);
        assert_eq!(stats.busy_ns(107), 17, "starting twice changes nothing");
        stats.stops(110);
        assert_eq!((stats.busy_ns(500), stats.parks.get()), (20, 2));
    }
}
