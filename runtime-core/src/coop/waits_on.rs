//! What a task waits for, by kind.

#![forbid(unsafe_code)]

/// What kind of future of this runtime a task was last found waiting in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WaitsOn {
    /// Time: a sleep, a time-out, an interval.
    Time,
    /// A socket or another file descriptor.
    Io,
    /// The end of another task, or of a blocking job.
    Task,
    /// A value: from any channel, queue or promise, or room in one.
    Channel,
    /// A lock or a permit.
    Lock,
    /// A notification, an event, a condition, a barrier, a cancellation.
    Signal,
}

/// Those that there are, in the order of their codes from 1 on.
const ALL: [WaitsOn; 6] =
    [WaitsOn::Time, WaitsOn::Io, WaitsOn::Task, WaitsOn::Channel, WaitsOn::Lock, WaitsOn::Signal];

impl WaitsOn {
    /// As a number; 0 is nothing.
    pub(crate) fn encode(waits_on: Option<WaitsOn>) -> u64 {
        waits_on.map_or(0, |waits_on| waits_on as u64 + 1)
    }

    /// From [`encode`](Self::encode).
    pub(crate) fn decode(code: u64) -> Option<WaitsOn> {
        ALL.get(usize::try_from(code.checked_sub(1)?).ok()?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_come_back() {
        for waits_on in ALL.into_iter().map(Some).chain([None]) {
            assert_eq!(WaitsOn::decode(WaitsOn::encode(waits_on)), waits_on);
        }
        assert_eq!(WaitsOn::decode(7), None);
    }
}
