//! Faults that a loom model can plant, to prove that it would see them. An ordinary build has none:
//! [`planted`] is a constant there, and the branches behind it are gone.

/// One way to break a protocol of this folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `AtomicWaker::wake` does not tell a registration that is going on.
    WakeMissesRegistration,
    /// A waiter that was granted permits and is dropped keeps them.
    GrantKept,
    /// A dropped waiter at the head does not let the next ones have what it had been waiting for.
    HeadKept,
    /// A dropped `Notified` keeps the notification it was given.
    NotificationKept,
    /// A oneshot receiver does not look at what was there when it left its waker.
    OneshotUnchecked,
    /// A oneshot sender publishes its value without looking whether the receiver closed.
    OneshotSendsClosed,
    /// A channel's receiver goes to sleep without marking the slot it waits for.
    SlotUnmarked,
    /// A channel's receiver looks for the last sender before it leaves its waker.
    SendersSeenEarly,
    /// A channel's sender goes to sleep without a second look at the room the receiver made.
    RoomUnchecked,
    /// A permit given back after the channel closed does not tell the receiver.
    LastPermitSilent,
}

/// Whether `fault` is in the build: never.
#[inline(always)]
pub(super) const fn planted(_: Fault) -> bool {
    false
}
