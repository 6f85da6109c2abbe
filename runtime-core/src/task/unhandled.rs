//! Failures of tasks that nobody took: what is known of them, and who is told.
//!
//! A result is dropped untaken in one place, `drop_stage` of `harness`: by the thread that ends a task whose handle is
//! gone, or by the handle that goes after the end. The state's moves give it to one of the two, so a failure is
//! reported once.

#![forbid(unsafe_code)]

use super::Owner;
use super::error::{JoinError, Whose};
use super::hook::{self, Hook};
use super::id::Id;
use super::outcome::{TaskInfo, TaskState};
use crate::util::wake_list::quietly;
use std::backtrace::Backtrace;
use std::fmt;
use std::io::Write;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;

/// A failure of a task that nobody took: what the hook of `Builder::on_unhandled` is given. Its `Display` is one line.
///
/// # Examples
/// ```
/// use std::sync::mpsc;
///
/// let (tell, told) = mpsc::channel();
/// let runtime = runtime::Builder::new_multi_thread()
///     .on_unhandled(move |unhandled| tell.send(unhandled.to_string()).unwrap())
///     .build()?;
/// let task = runtime::task::Builder::new().name("reader");
/// drop(task.spawn_on(async { panic!("no more data") }, runtime.handle()));
/// let line = told.recv().unwrap();
/// assert!(line.starts_with("task 'reader' (spawned at "), "{line}");
/// assert!(line.ends_with(") panicked and nobody took the result: no more data"), "{line}");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Unhandled {
    kind: UnhandledKind,
    task: TaskInfo,
    message: Box<str>,
    backtrace: Option<Arc<Backtrace>>,
}

/// What kind of failure nobody took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnhandledKind {
    /// The task panicked.
    Panic,
    /// The task gave an `Err`, and was spawned by `spawn_checked`.
    Error,
}

/// What a runtime does about a failure that nobody took, after it was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum UnhandledPolicy {
    /// Nothing more.
    #[default]
    Log,
    /// The runtime shuts down: its tasks are cancelled, and each `block_on` that is going on or comes later panics with
    /// a text that says which task it was.
    Shutdown,
    /// The process aborts.
    Abort,
}

/// The hook of `Builder::on_unhandled`.
pub type UnhandledHook = Arc<dyn Fn(&Unhandled) + Send + Sync>;

/// Who is told, and what follows.
#[derive(Clone, Default)]
pub struct Reporter {
    /// Without one: a line on stderr.
    pub hook: Option<UnhandledHook>,
    /// What follows.
    pub policy: UnhandledPolicy,
}

impl Reporter {
    /// Tells the hook. A line on stderr, where there is none, where it panics, and inside of a hook: one that causes the
    /// next failure would never end. Then the process aborts, if that is the policy.
    pub(crate) fn tell(&self, unhandled: &Unhandled) {
        let is_told = self.hook.as_ref().is_some_and(|hook| hook::call(Hook::Unhandled, || hook(unhandled)));
        if !is_told {
            unhandled.print();
        }
        if self.policy == UnhandledPolicy::Abort {
            std::process::abort();
        }
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl Unhandled {
    /// `None`: the task did not panic.
    pub(crate) fn panic(error: &JoinError) -> Option<Unhandled> {
        let message = error.panic_message()?.into();
        Some(Unhandled {
            kind: UnhandledKind::Panic,
            task: TaskInfo::new(error.whose(), TaskState::Finished, None),
            message,
            backtrace: error.shared_backtrace(),
        })
    }

    /// The error is foreign code: its text may panic.
    fn error(error: &dyn fmt::Debug, whose: Whose<'_>) -> Unhandled {
        let text = catch_unwind(AssertUnwindSafe(|| format!("{error:?}")));
        let message = text.unwrap_or_else(|payload| {
            quietly(|| drop(payload));
            "an error whose `Debug` panics".to_owned()
        });
        Unhandled {
            kind: UnhandledKind::Error,
            task: TaskInfo::new(whose, TaskState::Finished, None),
            message: message.into(),
            backtrace: None,
        }
    }

    /// Whether the task panicked or gave an `Err`.
    pub fn kind(&self) -> UnhandledKind {
        self.kind
    }

    /// The task's id.
    pub fn task_id(&self) -> Id {
        self.task.id()
    }

    /// The task's name, if it was given one.
    pub fn task_name(&self) -> Option<&str> {
        self.task.name()
    }

    /// Where the task was spawned.
    pub fn spawn_site(&self) -> &'static Location<'static> {
        self.task.spawn_site()
    }

    /// The panic's message, or the error's `Debug` text: as it is, so of several lines perhaps. A panic whose payload is no
    /// text has `Box<dyn Any>`, as in the line of the panic hook.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where the task panicked, if it did and backtraces are enabled: see [`JoinError::backtrace`].
    ///
    /// # Examples
    /// ```
    /// use std::backtrace::{Backtrace, BacktraceStatus};
    /// use std::sync::mpsc;
    ///
    /// let (tell, told) = mpsc::channel();
    /// let runtime = runtime::Builder::new_multi_thread()
    ///     .on_unhandled(move |unhandled| tell.send(unhandled.backtrace().map(ToString::to_string)).unwrap())
    ///     .build()?;
    /// drop(runtime.spawn(async { panic!("no more data") }));
    /// let is_enabled = Backtrace::capture().status() == BacktraceStatus::Captured;
    /// assert_eq!(told.recv().unwrap().is_some(), is_enabled);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.backtrace.as_deref()
    }

    /// The line that a runtime without a hook writes on stderr, and behind it the backtrace, if there is one.
    pub fn print(&self) {
        // In one piece, so that lines of several threads do not mix.
        let mut line = format!("runtime: {self}\n");
        if let Some(backtrace) = &self.backtrace {
            line += &format!("stack backtrace:\n{backtrace}");
        }
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

impl fmt::Display for Unhandled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.task_name() {
            Some(name) => write!(f, "task '{name}'")?,
            None => write!(f, "task {}", self.task_id())?,
        }
        let did = match self.kind {
            UnhandledKind::Panic => "panicked",
            UnhandledKind::Error => "failed",
        };
        let site = self.spawn_site();
        write!(f, " (spawned at {}:{}) {did} and nobody took the result:", site.file(), site.line())?;
        let lines = self.message.lines().map(str::trim).filter(|line| !line.is_empty());
        for (index, line) in lines.enumerate() {
            write!(f, "{} {line}", if index == 0 { "" } else { ";" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Unhandled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unhandled")
            .field("kind", &self.kind)
            .field("task", &self.task)
            .field("message", &self.message)
            .finish()
    }
}

/// A task's result was an error of the task itself, and goes untaken.
#[cold]
pub(super) fn report_panic(error: &JoinError, owner: &dyn Owner) {
    if let Some(unhandled) = Unhandled::panic(error) {
        quietly(|| owner.unhandled(&unhandled));
    }
}

/// The output of a checked task was an `Err`, and goes untaken.
#[cold]
pub(super) fn report_error(error: &dyn fmt::Debug, whose: Whose<'_>, owner: &dyn Owner) {
    let unhandled = Unhandled::error(error, whose);
    quietly(|| owner.unhandled(&unhandled));
}
