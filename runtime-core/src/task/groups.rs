//! Groups of tasks, as whoever awaits them sees them: a task, or an outer group in whose body they are.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// What those are asked for who are in a group, since whoever awaits it was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask {
    /// The group's future is dropped where it waits, and whoever awaits it waits for its tasks without it.
    pub(crate) ends: bool,
    /// How long the tasks may clean up, if not as long as their runtime says.
    pub(crate) grace: Option<Duration>,
}

/// A task of a group.
pub(crate) trait Member: Send {
    /// Asks it for its end, and adds the tasks of the groups that it awaits, which are to be asked next.
    fn ask(&self, grace: Option<Duration>, others: &mut Members);
}

/// Tasks that are to be asked, one after the other, so that it does not matter how deep they are nested.
pub(crate) type Members = VecDeque<Box<dyn Member>>;

/// A group that somebody awaits.
pub(crate) trait Group: Send + Sync {
    /// Whoever awaits it at `seat` was asked: adds its tasks. Nothing happens if it has another seat by now.
    fn ask(&self, seat: u64, ask: Ask, tasks: &mut Members);
}

/// A group, and which of its seats it was that it took here.
#[derive(Clone)]
pub(crate) struct Seated {
    pub(crate) group: Arc<dyn Group>,
    pub(crate) seat: u64,
}

impl Seated {
    pub(crate) fn ask(&self, ask: Ask, tasks: &mut Members) {
        self.group.ask(self.seat, ask, tasks);
    }
}

/// Those that somebody awaits, in the order in which they came.
#[derive(Default)]
pub(crate) struct Groups {
    seated: BTreeMap<u64, Seated>,
    number: u64,
}

impl Groups {
    /// With the number it [leaves](Self::leave).
    #[must_use]
    pub(crate) fn enter(&mut self, group: Seated) -> u64 {
        self.number += 1;
        self.seated.insert(self.number, group);
        self.number
    }

    /// Dropping it may run foreign code.
    #[must_use]
    pub(crate) fn leave(&mut self, number: u64) -> Option<Seated> {
        self.seated.remove(&number)
    }

    /// All leave. Dropping them may run foreign code.
    #[must_use]
    pub(crate) fn clear(&mut self) -> impl Sized + use<> {
        std::mem::take(&mut self.seated)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.seated.is_empty()
    }

    #[must_use]
    pub(crate) fn all(&self) -> Vec<Seated> {
        self.seated.values().cloned().collect()
    }
}
