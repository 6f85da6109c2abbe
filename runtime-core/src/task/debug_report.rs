//! What debug mode has to say: of a task, of a future, or of handles.

#![forbid(unsafe_code)]

use super::error::Whose;
use super::id::Id;
use std::fmt;
use std::io::Write;
use std::panic::Location;
use std::sync::Arc;

/// Something that debug mode finds suspicious: what the hook of `Builder::on_debug_report` is given. Its `Display` is one
/// line.
///
/// # Examples
/// ```
/// use runtime::DebugKind;
/// use std::sync::mpsc;
///
/// let (tell, told) = mpsc::channel();
/// let runtime = runtime::Builder::new_current_thread()
///     .debug(true)
///     .on_debug_report(move |report| tell.send((report.kind(), report.to_string())).unwrap())
///     .build()?;
/// let task = runtime.spawn(async { "never runs" });
/// task.abort();
/// assert!(runtime.block_on(task).unwrap_err().is_cancelled());
/// let (kind, line) = told.recv().unwrap();
/// assert_eq!(kind, DebugKind::TaskNeverPolled);
/// assert!(line.starts_with("task ") && line.ends_with(") was dropped before its first poll"), "{line}");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct DebugReport {
    kind: DebugKind,
    task: Option<(Id, Option<Box<str>>)>,
    site: Option<&'static Location<'static>>,
    message: Box<str>,
}

/// What debug mode found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DebugKind {
    /// A poll of a task took longer than 100 ms: whatever its worker had to do otherwise waited. What it spent in
    /// `block_in_place` or `block_on`, while others did that, is not counted.
    SlowPoll,
    /// A task was aborted, or its runtime ended, before it was polled once.
    TaskNeverPolled,
    /// A task has made a future of this runtime (or was given one), and dropped it without having polled it once: most likely
    /// an `.await` is missing. The message says which function made it, and where. Builds without debug assertions do not look
    /// for it.
    FutureNeverPolled,
    /// A task was given a lock or a permit for which it waits in a future that it has not polled for a second, although it was
    /// polled itself: a *futurelock*.
    Futurelock,
    /// A task gave a value, and its handle was dropped after that without reading it, and without asking for the task's end.
    ResultNeverRead,
    /// A task was woken in each of more than 1000 polls in a row while the poll went on, within a second, and no future of
    /// this runtime got anything done in them: most likely one that wakes itself and looks again.
    WakeStorm,
    /// A `JoinHandle` is still there when the runtime has ended.
    JoinHandleHeld,
    /// Clones of the runtime's `Handle`, or guards of `enter`, are still there when the runtime has ended.
    HandleHeld,
}

/// The hook of `Builder::on_debug_report`.
pub type DebugHook = Arc<dyn Fn(&DebugReport) + Send + Sync>;

impl DebugReport {
    pub(super) fn of_task(kind: DebugKind, whose: &Whose<'_>, message: String) -> Self {
        let task = Some((whose.id, whose.name.map(Box::from)));
        DebugReport { kind, task, site: Some(whose.spawn_site), message: message.into() }
    }

    pub(super) fn of_runtime(kind: DebugKind, message: String) -> Self {
        DebugReport { kind, task: None, site: None, message: message.into() }
    }

    /// What was found.
    pub fn kind(&self) -> DebugKind {
        self.kind
    }

    /// The name of the task it is about, if it is about one that has a name.
    pub fn task_name(&self) -> Option<&str> {
        self.task.as_ref()?.1.as_deref()
    }

    /// The id of the task it is about, if it is about one.
    pub fn task_id(&self) -> Option<Id> {
        Some(self.task.as_ref()?.0)
    }

    /// Where that task was spawned.
    pub fn spawn_site(&self) -> Option<&'static Location<'static>> {
        self.site
    }

    /// What is said of it: the `Display` without the task.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The line that a runtime without a hook writes on stderr.
    pub(super) fn print(&self) {
        // In one piece, so that lines of several threads do not mix.
        let line = format!("runtime: debug: {self}\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

impl fmt::Display for DebugReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.task_name(), self.task_id()) {
            (Some(name), _) => write!(f, "task '{name}' ")?,
            (None, Some(id)) => write!(f, "task {id} ")?,
            (None, None) => {}
        }
        if let Some(site) = self.site {
            write!(f, "(spawned at {}:{}) ", site.file(), site.line())?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Debug for DebugReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("DebugReport");
        debug.field("kind", &self.kind);
        if let Some((id, name)) = &self.task {
            debug.field("task_id", id).field("task_name", name);
        }
        if let Some(site) = self.site {
            debug.field("spawn_site", &format_args!("{site}"));
        }
        debug.field("message", &self.message).finish()
    }
}
