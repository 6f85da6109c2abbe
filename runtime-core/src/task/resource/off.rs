//! Nobody is told.

#![forbid(unsafe_code)]

use super::words::{Change, Count, Flag};
use std::task::Poll;
use std::time::Duration;

/// Something that tasks wait for.
#[derive(Debug)]
pub(crate) struct Resource;

impl Resource {
    #[inline(always)]
    pub(crate) const fn none() -> Self {
        Resource
    }

    #[inline(always)]
    pub(crate) const fn sync(_: &'static str) -> Self {
        Resource
    }

    #[inline(always)]
    pub(crate) const fn timer(_: &'static str) -> Self {
        Resource
    }

    #[inline(always)]
    pub(crate) fn start(&self, _: &'static str) -> Op {
        Op
    }

    #[inline(always)]
    pub(crate) fn op<F>(&self, _: &'static str, future: F) -> F {
        future
    }

    #[inline(always)]
    pub(crate) fn acquire<F>(&self, _: &'static str, _: usize, future: F) -> F {
        future
    }

    #[inline(always)]
    pub(crate) fn set(&self, _: Flag, _: bool) {}

    #[inline(always)]
    pub(crate) fn count(&self, _: Count, _: Change, _: usize) {}

    #[inline(always)]
    pub(crate) fn duration(&self, _: impl FnOnce() -> Duration) {}

    #[inline(always)]
    pub(crate) fn period(&self, _: Duration) {}
}

/// One wait for a resource.
#[derive(Debug)]
pub(crate) struct Op;

impl Op {
    #[inline(always)]
    pub(crate) const fn none() -> Self {
        Op
    }

    #[inline(always)]
    pub(crate) fn take(&mut self) -> Self {
        Op
    }

    #[inline(always)]
    pub(crate) fn resource(&self) -> Resource {
        Resource
    }

    #[inline(always)]
    pub(crate) fn around<F>(self, _: &'static str, future: F) -> F {
        future
    }

    #[inline(always)]
    pub(crate) fn poll<T>(&mut self, _: &'static str, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        poll()
    }
}
