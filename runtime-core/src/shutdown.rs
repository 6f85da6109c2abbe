//! What a shutdown that waits is told, and what it says: who had to be left behind.

#![forbid(unsafe_code)]

use crate::handle::Handle;
use crate::port::RunningJob;
use crate::task::{Id, TaskInfo, TaskState};
use std::collections::HashSet;
use std::fmt;
use std::panic::Location;
use std::time::{Duration, Instant};

/// How long each phase takes, unless the options say otherwise.
const PHASE: Duration = Duration::from_secs(10);

/// How long the phases of [`Runtime::shutdown`](crate::runtime::Runtime::shutdown) may take.
///
/// # Examples
/// ```
/// use runtime::ShutdownOptions;
/// use std::time::Duration;
///
/// let quick = ShutdownOptions::default().grace(Duration::ZERO).blocking(Duration::from_millis(100));
/// assert!(runtime::Runtime::new()?.shutdown(quick).is_clean());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct ShutdownOptions {
    pub(crate) grace: Duration,
    pub(crate) blocking: Duration,
}

impl Default for ShutdownOptions {
    /// 10 seconds for tasks that listen, and 10 seconds for polls and blocking jobs.
    fn default() -> Self {
        ShutdownOptions { grace: PHASE, blocking: PHASE }
    }
}

impl ShutdownOptions {
    /// How long tasks that listen ([`cancelled`](crate::task::cancelled)) may clean up: 10 s, unless this says otherwise. With
    /// zero nobody is asked, and all tasks are dropped where they wait.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How long polls that go on and blocking jobs that run are waited for after that: 10 s, unless this says otherwise. The
    /// jobs are asked for their end first.
    pub fn blocking(mut self, limit: Duration) -> Self {
        self.blocking = limit;
        self
    }
}

/// What was left behind by [`Runtime::shutdown`](crate::runtime::Runtime::shutdown). Its `Display` has a line for each.
///
/// # Examples
/// ```
/// use runtime::ShutdownOptions;
/// use std::time::Duration;
///
/// let runtime = runtime::Runtime::new()?;
/// let (started, has_started) = std::sync::mpsc::channel();
/// runtime.spawn_blocking(move || {
///     started.send(()).unwrap();
///     std::thread::sleep(Duration::from_secs(3600));
/// });
/// has_started.recv().unwrap();
/// let report = runtime.shutdown(ShutdownOptions::default().blocking(Duration::from_millis(10)));
/// assert_eq!(report.survivors().len(), 1);
/// println!("{report}"); // job 1 (spawned at src/main.rs:6:9), running for 0.0 s
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct ShutdownReport {
    survivors: Vec<Survivor>,
}

impl ShutdownReport {
    /// What was left behind: first tasks, then blocking jobs.
    pub fn survivors(&self) -> &[Survivor] {
        &self.survivors
    }

    /// Whether nothing was.
    pub fn is_clean(&self) -> bool {
        self.survivors.is_empty()
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.survivors.iter().try_for_each(|survivor| writeln!(f, "{survivor}"))
    }
}

/// What a [`Survivor`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SurvivorKind {
    /// A task whose poll has not ended: it blocks its thread, or computes.
    StuckTask,
    /// A task that waits, and that nobody could drop: its thread is stuck, or it is a local one of another thread.
    WaitingTask,
    /// A blocking job that runs.
    Job,
}

/// A task or blocking job that has outlived its runtime. See [`ShutdownReport`].
#[derive(Debug, Clone)]
pub struct Survivor {
    kind: SurvivorKind,
    id: Id,
    name: Option<Box<str>>,
    spawn_site: &'static Location<'static>,
    running_for: Duration,
}

impl Survivor {
    fn job(job: &RunningJob) -> Self {
        Survivor {
            kind: SurvivorKind::Job,
            id: job.id,
            name: None,
            spawn_site: job.spawn_site,
            running_for: job.elapsed,
        }
    }

    fn task(task: &TaskInfo, polls: &Polls) -> Self {
        let kind = if is_polled(task) { SurvivorKind::StuckTask } else { SurvivorKind::WaitingTask };
        let is_known = kind == SurvivorKind::StuckTask && polls.tasks.contains(&task.id());
        Survivor {
            kind,
            id: task.id(),
            name: task.name().map(Box::from),
            spawn_site: task.spawn_site(),
            running_for: if is_known { polls.since.elapsed() } else { Duration::ZERO },
        }
    }

    /// What it is.
    pub fn kind(&self) -> SurvivorKind {
        self.kind
    }

    /// The id of the task or job, as its handle has it.
    pub fn id(&self) -> Id {
        self.id
    }

    /// The task's name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where it was spawned.
    pub fn spawn_site(&self) -> &'static Location<'static> {
        self.spawn_site
    }

    /// For how long it has been running: a job since its start; a stuck task since the shutdown began, if it was being
    /// polled then (how long before that is not measured), else zero.
    pub fn running_for(&self) -> Duration {
        self.running_for
    }
}

impl fmt::Display for Survivor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Survivor { kind, id, name, spawn_site, running_for } = self;
        f.write_str(if *kind == SurvivorKind::Job { "job " } else { "task " })?;
        match name {
            Some(name) => write!(f, "'{name}'")?,
            None => write!(f, "{id}")?,
        }
        write!(f, " (spawned at {spawn_site}), ")?;
        let secs = running_for.as_secs_f64();
        match kind {
            SurvivorKind::Job => write!(f, "running for {secs:.1} s"),
            SurvivorKind::StuckTask => write!(f, "stuck in a poll for {secs:.1} s or longer"),
            SurvivorKind::WaitingTask => f.write_str("waiting: nobody could drop it"),
        }
    }
}

/// The tasks that were being polled when a shutdown began.
pub(crate) struct Polls {
    since: Instant,
    tasks: HashSet<Id>,
}

impl Polls {
    pub(crate) fn now(handle: &Handle) -> Self {
        let tasks = handle.tasks();
        let tasks = tasks.iter().filter(|task| is_polled(task)).map(TaskInfo::id).collect();
        Polls { since: Instant::now(), tasks }
    }
}

fn is_polled(task: &TaskInfo) -> bool {
    task.state() == TaskState::Running
}

/// What is left of the runtime at this moment. `has_waited`: tasks that wait should have been dropped by now. If not, a
/// task that has been taken up since `polls` is about to be dropped.
pub(crate) fn report(handle: &Handle, polls: &Polls, has_waited: bool) -> ShutdownReport {
    let tasks = handle.tasks();
    let is_left = |task: &&TaskInfo| match has_waited {
        true => task.state() != TaskState::Finished,
        false => is_polled(task) && polls.tasks.contains(&task.id()),
    };
    let tasks = tasks.iter().filter(is_left);
    let mut survivors: Vec<Survivor> = tasks.map(|task| Survivor::task(task, polls)).collect();
    survivors.extend(handle.inner().blocking.running().iter().map(Survivor::job));
    ShutdownReport { survivors }
}
