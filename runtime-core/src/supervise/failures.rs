//! What goes wrong among several tasks.

#![forbid(unsafe_code)]

use crate::task::JoinError;
use crate::unhandled::report_lost;
use std::fmt;

/// Why one of several tasks gave no value.
#[derive(Debug)]
pub enum TaskError<E> {
    /// The error that the future gave.
    Failed(E),
    /// It panicked, or was cancelled.
    Join(JoinError),
}

impl<E> TaskError<E> {
    /// Whether the future panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self, TaskError::Join(error) if error.is_panic())
    }

    /// The error that the future gave.
    ///
    /// # Errors
    /// The [`JoinError`] if it panicked or was cancelled instead.
    pub fn into_inner(self) -> Result<E, JoinError> {
        match self {
            TaskError::Failed(error) => Ok(error),
            TaskError::Join(error) => Err(error),
        }
    }
}

impl<E> TaskError<E> {
    /// It was taken from its task, for somebody who went before it could be given to them.
    pub(super) fn is_lost(&self) {
        if let TaskError::Join(error) = self {
            report_lost(error);
        }
    }
}

impl<E: fmt::Display> fmt::Display for TaskError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskError::Failed(error) => error.fmt(f),
            TaskError::Join(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for TaskError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            TaskError::Failed(error) => Some(error),
            TaskError::Join(error) => Some(error),
        }
    }
}

/// Everything that went wrong in a [`group`](super::group::group), in the order in which it did.
#[derive(Debug)]
pub struct GroupError<E> {
    pub(super) errors: Vec<TaskError<E>>,
}

impl<E> GroupError<E> {
    /// The errors of tasks and body, panics of tasks included.
    pub fn errors(&self) -> &[TaskError<E>] {
        &self.errors
    }

    /// The errors, by value.
    pub fn into_errors(self) -> Vec<TaskError<E>> {
        self.errors
    }

    /// Whether there was no error, and [`TaskGroup::cancel`](super::group::TaskGroup::cancel) ended the body.
    pub fn is_cancelled(&self) -> bool {
        self.errors.is_empty()
    }
}

impl<E: fmt::Display> fmt::Display for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errors.as_slice() {
            [] => return f.write_str("the group was cancelled"),
            [one] => return write!(f, "a task of the group failed: {one}"),
            more => write!(f, "{} tasks of the group failed", more.len())?,
        }
        for (index, error) in self.errors.iter().enumerate() {
            write!(f, "{} {error}", if index == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

impl<E: std::error::Error + 'static> std::error::Error for GroupError<E> {
    /// The first error.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.errors.first().map(|error| error as _)
    }
}
