//! Nobody looks.

#![forbid(unsafe_code)]

use super::{What, message};
use crate::task::Id;

/// A wait that was left: there is none.
#[derive(Debug)]
pub(in crate::task) struct Left(What);

impl Left {
    pub(in crate::task) fn message(&self) -> String {
        message(self.0)
    }
}

/// A wait for permits.
#[derive(Debug)]
pub(crate) struct Watching;

impl Watching {
    pub(crate) fn new(_: What) -> Self {
        Watching
    }

    pub(crate) fn queues<W>(&mut self, _: &W) {}

    pub(crate) fn ends<W>(&mut self, _: &W) {}
}

pub(crate) fn turn_on() {}

pub(crate) fn granted<W>(_: impl FnOnce() -> Option<*const W>) {}

pub(in crate::task) fn poll_begins(_: impl FnOnce() -> Id) -> bool {
    false
}

pub(in crate::task) fn poll_ended(_: Id) -> Vec<Left> {
    Vec::new()
}

pub(in crate::task) fn left(_: &Left) -> bool {
    false
}
