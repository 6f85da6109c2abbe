//! What one thread is at, for those who ask: who was left behind by a shutdown, and for how long it has been running.
//!
//! Asked seldom and written at every job, so writing costs a few plain stores. The id is the seal: it is taken off
//! before anything else is written and put on afterwards, so who finds the same id before and after has read what
//! belongs to it (ids are not used twice). The clock is not read for each of many short jobs: see [`Pace`].

use runtime_core::port::RunningJob;
use runtime_core::primitive::AtomicCell;
use runtime_core::task::Id;
use std::panic::Location;
use std::sync::Arc;
use std::time::Instant;

/// Where a job was spawned.
pub(super) type Site = &'static Location<'static>;

/// So many short jobs are run between two looks at the clock, which costs half as much as the shortest of them.
const UNTIMED_MAX: u32 = 64;
/// Shorter jobs than this are short: the clock would be more than 2 % of them.
const SHORT_NS: u64 = 1_000;

/// One thread's desk. Written by that thread only.
#[derive(Debug)]
pub(super) struct Desk {
    thread: Arc<str>,
    /// What `since_ns` counts from.
    born: Instant,
    id: AtomicCell<Option<Id>>,
    site: AtomicCell<Option<Site>>,
    since_ns: AtomicCell<u64>,
}

impl Desk {
    pub(super) fn new(thread: &str) -> Self {
        Desk {
            thread: thread.into(),
            born: Instant::now(),
            id: AtomicCell::new(None),
            site: AtomicCell::new(None),
            since_ns: AtomicCell::new(0),
        }
    }

    /// Since the desk's birth.
    fn now_ns(&self) -> u64 {
        self.born.elapsed().as_nanos() as u64
    }

    /// The thread is going to run a job.
    pub(super) fn begin(&self, id: Id, site: Site, since_ns: u64) {
        self.id.store(None);
        self.site.store(Some(site));
        self.since_ns.store(since_ns);
        self.id.store(Some(id));
    }

    /// It has none any more.
    pub(super) fn clear(&self) {
        self.id.store(None);
    }

    pub(super) fn running(&self) -> Option<RunningJob> {
        loop {
            let id = self.id.load()?;
            let (site, since_ns) = (self.site.load(), self.since_ns.load());
            if self.id.load() == Some(id) {
                let elapsed = std::time::Duration::from_nanos(self.now_ns().saturating_sub(since_ns));
                return Some(RunningJob::new(id, site?, self.thread.clone(), elapsed));
            }
        }
    }
}

/// When the jobs of one thread begin that it takes one after the other.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last_ns: u64,
    /// Jobs since then.
    untimed: u32,
    /// Jobs that will be run until the next look at the clock.
    left: u32,
}

impl Pace {
    /// A job begins: when, or at most [`UNTIMED_MAX`] short jobs before.
    pub(super) fn start(&mut self, desk: &Desk) -> u64 {
        if self.left > 0 {
            (self.left, self.untimed) = (self.left - 1, self.untimed + 1);
            return self.last_ns;
        }
        let now = desk.now_ns();
        let jobs = u64::from(self.untimed) + 1;
        let is_first = self.last_ns == 0;
        let is_short = !is_first && now - self.last_ns < jobs * SHORT_NS;
        *self = Pace { last_ns: now, untimed: 0, left: if is_short { UNTIMED_MAX - 1 } else { 0 } };
        now
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn short_jobs_share_a_look_at_the_clock_and_long_ones_do_not() {
        let desk = Desk::new("desk");
        let mut pace = Pace::default();
        let long = Duration::from_micros(10);
        let mut last = 0;
        for _ in 0..100 {
            std::thread::sleep(long);
            let start = pace.start(&desk);
            assert!(start > last, "a long job before it, and the clock was not read");
            last = start;
        }
        let starts: Vec<u64> = (0..100_000).map(|_| pace.start(&desk)).collect();
        let looks = 1 + starts.windows(2).filter(|pair| pair[0] != pair[1]).count();
        // A busy machine may interrupt any of them, but not every one.
        assert!(looks < starts.len() / 4, "{looks} looks at the clock");
    }

    #[test]
    fn what_is_read_belongs_together() {
        let desk = Arc::new(Desk::new("desk"));
        assert!(desk.running().is_none());
        let site = Location::caller();
        let jobs: Vec<_> =
            (0..2).map(|_| runtime_core::task::Job::new(|| {}, site, None, || {}).0.id()).collect();
        desk.begin(jobs[0], site, 0);
        let seen = desk.running().unwrap();
        assert_eq!((seen.id, seen.spawn_site, &*seen.thread), (jobs[0], site, "desk"));
        desk.begin(jobs[1], site, desk.now_ns());
        assert_eq!(desk.running().unwrap().id, jobs[1]);
        desk.clear();
        assert!(desk.running().is_none());
    }
}
