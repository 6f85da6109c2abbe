//! How a resource stands.

#![forbid(unsafe_code)]

/// What is so, or is not.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Flag {
    /// Of a mutex.
    Locked,
    /// Of a `RwLock`: by a writer.
    WriteLocked,
    /// Of a oneshot channel: without a value.
    TxDropped,
    RxDropped,
    ValueSent,
    ValueReceived,
}

/// What there are a number of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Count {
    /// Free, of a semaphore.
    Permits,
    /// Of a `RwLock`: at most.
    MaxReaders,
    CurrentReaders,
    /// Of a barrier: how many it is for. Of a channel: how many values have room.
    Size,
    /// How many wait there.
    Arrived,
}

/// What becomes of a [`Count`].
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    /// It is so many from now on.
    Set,
    Add,
    Sub,
}
