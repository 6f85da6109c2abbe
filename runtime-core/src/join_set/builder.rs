//! Names for the members of a set.

#![forbid(unsafe_code)]

use super::JoinSet;
use crate::handle::Handle;
use crate::local_set::LocalSet;
use crate::spawn;
use crate::task::AbortHandle;
use std::fmt;
use std::future::Future;
use std::io;

/// Gives a task a name before it is spawned on a [`JoinSet`]; from [`JoinSet::build_task`].
#[must_use = "a builder does nothing until it spawns"]
pub struct Builder<'a, T> {
    set: &'a mut JoinSet<T>,
    task: spawn::Builder<'a>,
}

impl<'a, T: 'static> Builder<'a, T> {
    pub(super) fn new(set: &'a mut JoinSet<T>) -> Self {
        Builder { set, task: spawn::Builder::new() }
    }

    /// The task's name.
    pub fn name(self, name: &'a str) -> Self {
        Builder { task: self.task.name(name), ..self }
    }

    /// As [`JoinSet::spawn`].
    ///
    /// # Errors
    /// None today; the signature leaves room for refused tasks.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        let handle = self.task.spawn(future)?;
        Ok(self.set.insert(handle))
    }

    /// As [`JoinSet::spawn_on`].
    ///
    /// # Errors
    /// None today.
    #[track_caller]
    pub fn spawn_on<F>(self, future: F, handle: &Handle) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        let handle = self.task.spawn_on(future, handle)?;
        Ok(self.set.insert(handle))
    }

    /// As [`JoinSet::spawn_local`].
    ///
    /// # Errors
    /// None today.
    ///
    /// # Panics
    /// As [`spawn_local`](spawn::spawn_local).
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + 'static,
    {
        let handle = self.task.spawn_local(future)?;
        Ok(self.set.insert(handle))
    }

    /// As [`JoinSet::spawn_local_on`].
    ///
    /// # Errors
    /// None today.
    #[track_caller]
    pub fn spawn_local_on<F>(self, future: F, local_set: &LocalSet) -> io::Result<AbortHandle>
    where
        F: Future<Output = T> + 'static,
    {
        let handle = self.task.spawn_local_on(future, local_set)?;
        Ok(self.set.insert(handle))
    }
}

impl<T> fmt::Debug for Builder<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("join_set::Builder").field("set", &self.set).field("task", &self.task).finish()
    }
}
