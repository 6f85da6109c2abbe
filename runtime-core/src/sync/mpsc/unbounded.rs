//! The unbounded channel's sender.

use super::chan::{Tx, WeakTx, pair};
use super::error::SendError;
use super::receiver::UnboundedReceiver;
use super::room::Boundless;
use crate::task::unpolled::must_await;
use std::fmt;

/// Makes a channel without a bound: sending never waits, and a receiver that is too slow costs memory.
///
/// # Examples
/// ```
/// use runtime_core::sync::mpsc;
///
/// # futures::executor::block_on(async {
/// let (tx, mut rx) = mpsc::unbounded_channel();
/// for i in 0..100 {
///     tx.send(i).unwrap();
/// }
/// drop(tx);
/// let mut all = Vec::new();
/// while rx.recv_many(&mut all, 64).await > 0 {}
/// assert!(all.into_iter().eq(0..100));
/// # });
/// ```
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let (tx, rx) = pair(Boundless::new());
    (UnboundedSender { tx }, UnboundedReceiver { rx })
}

/// Sends into an unbounded channel; from [`unbounded_channel`]. Clone it for further senders.
pub struct UnboundedSender<T> {
    tx: Tx<T, Boundless>,
}

/// An [`UnboundedSender`] that does not keep the channel open.
pub struct WeakUnboundedSender<T> {
    tx: WeakTx<T, Boundless>,
}

impl<T> UnboundedSender<T> {
    /// Sends `value`. Never waits.
    ///
    /// # Errors
    /// If the channel is closed. Gives the value back.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.tx.send(value).map_err(SendError)
    }

    /// Waits until the receiver is closed or dropped.
    ///
    /// # Cancel safety
    /// Yes.
    #[track_caller]
    pub fn closed(&self) -> impl Future<Output = ()> {
        must_await("UnboundedSender::closed", self.tx.closed())
    }

    /// Whether the receiver is closed or dropped.
    pub fn is_closed(&self) -> bool {
        self.tx.is_closed()
    }

    /// Whether both send into the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.tx.is_same(&other.tx)
    }

    /// A sender that does not keep the channel open.
    #[must_use = "downgrading leaves this sender as it is"]
    pub fn downgrade(&self) -> WeakUnboundedSender<T> {
        WeakUnboundedSender { tx: self.tx.downgrade() }
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.tx.strong_count()
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.tx.weak_count()
    }
}

impl<T> Clone for UnboundedSender<T> {
    fn clone(&self) -> Self {
        UnboundedSender { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for UnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnboundedSender").field("is_closed", &self.is_closed()).finish()
    }
}

impl<T> WeakUnboundedSender<T> {
    /// A sender, if the channel still has one.
    pub fn upgrade(&self) -> Option<UnboundedSender<T>> {
        self.tx.upgrade().map(|tx| UnboundedSender { tx })
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.tx.strong_count()
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.tx.weak_count()
    }
}

impl<T> Clone for WeakUnboundedSender<T> {
    fn clone(&self) -> Self {
        WeakUnboundedSender { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for WeakUnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakUnboundedSender").field("strong_count", &self.strong_count()).finish()
    }
}
