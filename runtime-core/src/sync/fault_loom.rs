//! Faults that a loom model can plant, to prove that it would see them.

// std's, not loom's: which fault is planted is no part of the model.
#![allow(clippy::disallowed_types)]

use std::sync::atomic::{AtomicU8, Ordering};

/// One way to break a protocol of this folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Fault {
    /// `AtomicWaker::wake` does not tell a registration that is going on.
    WakeMissesRegistration = 1,
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

static PLANTED: AtomicU8 = AtomicU8::new(0);

/// Breaks the protocol in this process from now on.
pub fn plant(fault: Fault) {
    PLANTED.store(fault as u8, Ordering::Relaxed);
}

/// Whether `fault` was planted.
pub(super) fn planted(fault: Fault) -> bool {
    PLANTED.load(Ordering::Relaxed) == fault as u8
}
