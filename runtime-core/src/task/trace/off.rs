//! Nobody is told.

#![forbid(unsafe_code)]
// The signatures are those of `on`.
#![allow(clippy::extra_unused_type_parameters)]

use super::super::error::Whose;
use std::future::Future;
use std::panic::Location;

/// Whether somebody may want to be told.
pub(crate) const fn is_on() -> bool {
    false
}

/// What the span says that the cell does not know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told;

impl Told {
    #[inline]
    pub(crate) const fn task() -> Self {
        Told
    }

    #[inline]
    pub(crate) fn local(self) -> Self {
        self
    }

    #[inline]
    pub(crate) fn sized<F>(self) -> Self {
        self
    }
}

/// The span of a task, if it has one.
pub(crate) struct Traced;

/// The span is entered while this lives.
#[must_use]
pub(crate) struct Entered;

impl Traced {
    #[inline]
    pub(crate) const fn none() -> Self {
        Traced
    }

    #[inline]
    pub(crate) fn task<F>(_: Told, _: Whose<'_>) -> Self {
        Traced
    }

    #[inline]
    pub(crate) fn job<F>(_: Whose<'_>) -> Self {
        Traced
    }

    #[inline]
    pub(crate) const fn is_some(&self) -> bool {
        false
    }

    #[inline]
    pub(crate) fn enter(&self) -> Entered {
        Entered
    }

    #[inline]
    pub(crate) fn polled(&self) {}

    #[inline]
    pub(crate) fn close(&self) {}
}

/// What became of a waker.
pub(crate) enum Op {
    Wake,
    WakeByRef,
    Clone,
    Drop,
}

#[inline]
pub(crate) fn waker_op<'a>(_: Op, _: impl FnOnce() -> Option<&'a Traced>) {}

#[inline]
pub(crate) fn driven<F: Future>(future: F, _: &'static Location<'static>) -> F {
    future
}
