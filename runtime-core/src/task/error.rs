//! Why a task gave no result.

use super::backtrace::{message, of_panic};
use super::id::Id;
use crate::primitive::Mutex;
use std::any::Any;
use std::backtrace::Backtrace;
use std::fmt;
use std::io;
use std::panic::Location;
use std::sync::Arc;

/// Why awaiting a [`JoinHandle`](super::JoinHandle) gave no result: the task panicked, was cancelled, or
/// (a blocking job) no thread could be had for it.
pub struct JoinError(Box<Inner>);

struct Inner {
    id: Id,
    name: Option<Box<str>>,
    spawn_site: &'static Location<'static>,
    kind: Kind,
    /// Of the panic, if it was one and backtraces are enabled.
    backtrace: Option<Arc<Backtrace>>,
}

enum Kind {
    Cancelled,
    // A mutex only because a payload is not Sync; there is never anybody else.
    Panic(Mutex<Box<dyn Any + Send>>),
    Refused(io::Error),
}

/// Who failed.
pub(crate) struct Whose<'a> {
    pub(crate) id: Id,
    pub(crate) name: Option<&'a str>,
    pub(crate) spawn_site: &'static Location<'static>,
}

impl JoinError {
    fn new(whose: Whose<'_>, kind: Kind) -> Self {
        let Whose { id, name, spawn_site } = whose;
        JoinError(Box::new(Inner { id, name: name.map(Box::from), spawn_site, kind, backtrace: None }))
    }

    pub(crate) fn cancelled(whose: Whose<'_>) -> Self {
        Self::new(whose, Kind::Cancelled)
    }

    pub(crate) fn panic(whose: Whose<'_>, payload: Box<dyn Any + Send>) -> Self {
        let backtrace = of_panic(&*payload);
        let mut error = Self::new(whose, Kind::Panic(Mutex::new(payload)));
        error.0.backtrace = backtrace;
        error
    }

    pub(crate) fn refused(whose: Whose<'_>, source: io::Error) -> Self {
        Self::new(whose, Kind::Refused(source))
    }

    /// Whether the task was aborted, or its runtime shut down before it ended.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0.kind, Kind::Cancelled)
    }

    /// Whether the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.0.kind, Kind::Panic(_))
    }

    /// The panic's payload, to be passed to [`std::panic::resume_unwind`].
    ///
    /// # Panics
    /// If the task did not panic; [`try_into_panic`](Self::try_into_panic) does not.
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!("`JoinError::into_panic` on an error that is no panic: {error}"),
        }
    }

    /// The panic's payload.
    ///
    /// # Errors
    /// Gives the error back if the task did not panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send + 'static>, JoinError> {
        match self.0.kind {
            Kind::Panic(payload) => Ok(payload.into_inner()),
            kind => Err(JoinError(Box::new(Inner { kind, ..*self.0 }))),
        }
    }

    /// Where it panicked, if it did and backtraces are enabled: by `RUST_BACKTRACE`, or by `RUST_LIB_BACKTRACE`, which
    /// beats it, as for [`Backtrace::capture`].
    ///
    /// It is taken by a panic hook, which the first runtime that is built sets in front of the one that is there, and only
    /// with backtraces enabled. So there is none for a panic that calls no hook
    /// ([`resume_unwind`](std::panic::resume_unwind)), and none where the program has set a hook since then that does not call
    /// the one before it.
    ///
    /// # Examples
    /// ```
    /// use std::backtrace::{Backtrace, BacktraceStatus};
    ///
    /// let is_enabled = Backtrace::capture().status() == BacktraceStatus::Captured;
    /// let error = runtime::run(async { runtime::spawn(async { panic!("no more data") }).await.unwrap_err() });
    /// assert_eq!(error.backtrace().is_some(), is_enabled);
    /// ```
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.0.backtrace.as_deref()
    }

    /// For who keeps it longer.
    pub(super) fn shared_backtrace(&self) -> Option<Arc<Backtrace>> {
        self.0.backtrace.clone()
    }

    /// Which task it was.
    pub fn id(&self) -> Id {
        self.0.id
    }

    /// Where it was spawned.
    pub fn spawn_site(&self) -> &'static Location<'static> {
        self.0.spawn_site
    }

    /// The name given by `task::Builder::name`.
    pub fn task_name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    pub(super) fn whose(&self) -> Whose<'_> {
        Whose { id: self.0.id, name: self.task_name(), spawn_site: self.0.spawn_site }
    }

    /// What it panicked with; `None` if it did not panic.
    pub(super) fn panic_message(&self) -> Option<String> {
        match &self.0.kind {
            Kind::Panic(payload) => Some(message(&**payload.lock()).unwrap_or("Box<dyn Any>").to_owned()),
            _ => None,
        }
    }

    fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.0.id)?;
        if let Some(name) = &self.0.name {
            write!(f, " {name:?}")?;
        }
        write!(f, ", spawned at {},", self.0.spawn_site)
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(f)?;
        match &self.0.kind {
            Kind::Cancelled => f.write_str(" was cancelled"),
            Kind::Panic(payload) => match message(&**payload.lock()) {
                Some(text) => write!(f, " panicked: {text}"),
                None => f.write_str(" panicked"),
            },
            Kind::Refused(source) => write!(f, " found no thread to run on: {source}"),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl std::error::Error for JoinError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.kind {
            Kind::Refused(source) => Some(source),
            _ => None,
        }
    }
}

impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> io::Error {
        let kind = match &error.0.kind {
            Kind::Refused(source) => source.kind(),
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}
