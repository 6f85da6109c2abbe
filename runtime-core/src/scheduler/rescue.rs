//! What to do about workers that are stuck: the settings, and the arithmetic.
//!
//! There shall be as many workers that get on with their work as there were at the beginning, less those that compute in
//! one long poll: a thread that sleeps in a system call leaves its core to another, one that computes does not, and the
//! system shares the cores well enough. One at least shall get on, whatever the others do.

#![forbid(unsafe_code)]

use super::stall::StuckTask;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long a poll may keep its worker, and others waiting, unless the configuration says otherwise.
const AFTER: Duration = Duration::from_millis(10);

/// How long a poll keeps others waiting before it is reported, unless the configuration says otherwise: asyncio's figure
/// for a slow callback.
const REPORT_AFTER: Duration = Duration::from_millis(100);

/// Most spares, unless the configuration says otherwise.
const SPARES: usize = 256;

/// The most that the configuration may ask for.
const SPARES_MAX: usize = 4096;

/// Spares per worker that may stand in for threads that compute: the system gives each thread on a core some
/// milliseconds in turn, so that with more the others would wait for longer than they do now.
const COMPUTING_MAX: usize = 4;

type OnReport = Arc<dyn Fn(&StuckTask) + Send + Sync>;

/// What a multi_thread runtime does about polls that block their worker.
///
/// A poll that lasts for longer than [`after`](Self::after) while others wait is rescued: another worker takes what it
/// keeps from them, and a spare worker is started for it if there is no other. See `docs/blocking.md` in the repository.
///
/// # Examples
/// ```
/// use runtime::{Builder, RescueConfig, time::Duration};
///
/// let rescue = RescueConfig::default().after(Duration::from_millis(20)).spares(32);
/// let runtime = Builder::new_multi_thread().worker_threads(1).rescue(rescue).build()?;
/// runtime.block_on(async {
///     let blocker = runtime::spawn(async { std::thread::sleep(Duration::from_millis(200)) });
///     let other = runtime::spawn(async { 42 });
///     assert_eq!(other.await.unwrap(), 42); // did not wait for the blocker
///     blocker.await.unwrap();
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct RescueConfig {
    is_on: bool,
    after: Duration,
    spares: usize,
    report_after: Duration,
    on_report: Option<OnReport>,
}

impl Default for RescueConfig {
    fn default() -> Self {
        RescueConfig {
            is_on: true,
            after: AFTER,
            spares: SPARES,
            report_after: REPORT_AFTER,
            on_report: None,
        }
    }
}

impl RescueConfig {
    /// Nobody looks after stuck workers, nothing is reported, and there is no thread for it: as in other runtimes. What says
    /// that it blocks (`block_in_place`, `block_on`) still gets a stand-in.
    pub fn off() -> Self {
        RescueConfig { is_on: false, ..Self::default() }
    }

    /// How long a poll may keep its worker, and others waiting, before these are seen to (10 ms): at most so long, at least
    /// half of it.
    pub fn after(mut self, after: Duration) -> Self {
        self.after = after;
        self
    }

    /// Most workers that stand in for others at the same time (256, at most 4096). With 0, what waits goes to other workers, but
    /// there are never more of them.
    pub fn spares(mut self, spares: usize) -> Self {
        self.spares = spares;
        self
    }

    /// How long a poll keeps its worker, and others waiting, before its task is reported (100 ms).
    pub fn report_after(mut self, after: Duration) -> Self {
        self.report_after = after;
        self
    }

    /// Who is told of a task that keeps others waiting, instead of a line on stderr: once a minute for each place where
    /// tasks are spawned. It is called on the thread that looks after the workers, and must not block. Dropping the runtime
    /// there waits for nothing.
    pub fn on_report(mut self, f: impl Fn(&StuckTask) + Send + Sync + 'static) -> Self {
        self.on_report = Some(Arc::new(f));
        self
    }

    /// What makes no sense in it.
    pub fn check(&self) -> Result<(), String> {
        if self.after < Duration::from_millis(1) {
            return Err(format!("rescue: after is {:?}: at least 1 ms must go by", self.after));
        }
        if self.spares > SPARES_MAX {
            return Err(format!("rescue: spares is {}: at most {SPARES_MAX} are possible", self.spares));
        }
        Ok(())
    }

    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    pub(crate) fn spares_max(&self) -> usize {
        self.spares
    }

    /// How far the monitor's looks are apart.
    pub(crate) fn look_every(&self) -> Duration {
        self.after / 2
    }

    pub(crate) fn is_report_due(&self, stuck_for: Duration) -> bool {
        stuck_for >= self.report_after
    }

    pub(crate) fn report(&self, stuck: &StuckTask) {
        match &self.on_report {
            Some(f) => f(stuck),
            None => stuck.print(),
        }
    }
}

impl fmt::Debug for RescueConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RescueConfig { is_on, after, spares, report_after, .. } = self;
        f.debug_struct("RescueConfig")
            .field("is_on", is_on)
            .field("after", after)
            .field("spares", spares)
            .field("report_after", report_after)
            .finish_non_exhaustive()
    }
}

/// What the monitor sees when work waits and nobody is there for it.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Sight {
    /// Workers that a runtime has without spares.
    pub(crate) base: usize,
    /// Workers now, those that are stuck included.
    pub(crate) workers: usize,
    /// Of these, in a poll and asleep in a system call.
    pub(crate) asleep: usize,
    /// Of these, in one long poll and computing, or nobody knows what.
    pub(crate) computing: usize,
    /// Tasks that wait in queues.
    pub(crate) waiting: usize,
}

impl Sight {
    /// How many spares to add.
    pub(crate) fn spares_needed(&self) -> usize {
        let well = self.workers.saturating_sub(self.asleep + self.computing);
        let wanted = self.base.saturating_sub(self.computing).max(1);
        if well >= wanted {
            return 0;
        }
        if well == 0 && self.asleep >= self.computing {
            // Whatever is taken up blocks: twice as many each time, until it does not.
            return self.workers.min(self.waiting);
        }
        if self.computing > self.asleep && self.computing >= (COMPUTING_MAX + 1) * self.base {
            return 0;
        }
        let missing = if well == 0 { wanted.max(self.base / 2) } else { wanted - well };
        missing.min(self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(workers: usize, asleep: usize, computing: usize, waiting: usize) -> Sight {
        Sight { base: 4, workers, asleep, computing, waiting }
    }

    #[test]
    fn one_for_each_that_sleeps() {
        assert_eq!(sight(4, 1, 0, 100).spares_needed(), 1);
        assert_eq!(sight(4, 3, 0, 100).spares_needed(), 3);
        assert_eq!(sight(7, 3, 0, 100).spares_needed(), 0);
        assert_eq!(sight(4, 3, 0, 1).spares_needed(), 1, "no more than there is work");
    }

    #[test]
    fn twice_as_many_while_all_sleep() {
        assert_eq!(sight(4, 4, 0, 196).spares_needed(), 4);
        assert_eq!(sight(64, 64, 0, 196).spares_needed(), 64);
        assert_eq!(sight(128, 128, 0, 72).spares_needed(), 72);
    }

    #[test]
    fn who_computes_keeps_its_core() {
        assert_eq!(sight(4, 0, 3, 100).spares_needed(), 0);
        assert_eq!(sight(5, 0, 4, 100).spares_needed(), 0, "one gets on");
        assert_eq!(
            sight(4, 0, 4, 100).spares_needed(),
            2,
            "one always gets on, though the next may compute, too"
        );
        assert_eq!(sight(6, 0, 6, 100).spares_needed(), 2);
        assert_eq!(sight(20, 0, 20, 100).spares_needed(), 0, "the cores are shared by enough");
        assert_eq!(sight(4, 2, 2, 100).spares_needed(), 4);
    }
}
