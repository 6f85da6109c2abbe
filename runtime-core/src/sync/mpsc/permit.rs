//! Room in a bounded channel, reserved before there is a value.

use super::bounded::Sender;
use super::chan::{Chan, Tx};
use super::error::{SendError, TrySendError};
use super::room::Bounded;
use crate::task::unpolled::must_await;
use std::fmt;
use std::iter::FusedIterator;
use std::mem;

/// Room for one value; from [`Sender::reserve`]. Dropping it gives the room back.
#[must_use = "the room is given back at once if the permit is not kept"]
pub struct Permit<'a, T> {
    chan: &'a Chan<T, Bounded>,
}

/// Room for some values, as an iterator of permits; from [`Sender::reserve_many`]. Dropping it gives the
/// room that is left back.
#[must_use = "the room is given back at once if the permits are not kept"]
pub struct PermitIterator<'a, T> {
    chan: &'a Chan<T, Bounded>,
    count: usize,
}

/// Like [`Permit`], with the sender inside; from [`Sender::reserve_owned`].
#[must_use = "the room is given back at once if the permit is not kept"]
pub struct OwnedPermit<T> {
    /// `None` once it was used.
    tx: Option<Tx<T, Bounded>>,
}

impl<T> Sender<T> {
    /// Waits, in turn, for room for one value.
    ///
    /// # Cancel safety
    /// A dropped wait loses its place in the queue, and no room.
    ///
    /// # Errors
    /// If the channel is, or gets, closed.
    ///
    /// # Examples
    /// Nothing is taken from elsewhere before there is room for it here:
    /// ```
    /// use runtime_core::sync::mpsc;
    ///
    /// # futures::executor::block_on(async {
    /// let (tx, mut rx) = mpsc::channel(1);
    /// let permit = tx.reserve().await.unwrap();
    /// assert!(tx.try_send("no room").is_err());
    /// permit.send("in time");
    /// assert_eq!(rx.recv().await, Some("in time"));
    /// # });
    /// ```
    #[track_caller]
    pub fn reserve(&self) -> impl Future<Output = Result<Permit<'_, T>, SendError<()>>> {
        must_await("Sender::reserve", async move {
            self.tx.room().resource.acquire("Sender::reserve", 1, self.tx.reserve(1)).await?;
            Ok(Permit { chan: &self.tx })
        })
    }

    /// Waits, in turn, for room for `n` values, all at once.
    ///
    /// # Cancel safety
    /// A dropped wait loses its place in the queue, and no room.
    ///
    /// # Errors
    /// If the channel is, or gets, closed, or can never have so much room.
    ///
    /// # Examples
    /// ```
    /// # futures::executor::block_on(async {
    /// let (tx, rx) = runtime_core::sync::mpsc::channel(3);
    /// for (permit, value) in tx.reserve_many(3).await.unwrap().zip(["a", "b", "c"]) {
    ///     permit.send(value);
    /// }
    /// assert_eq!(rx.len(), 3);
    /// # });
    /// ```
    #[track_caller]
    pub fn reserve_many(
        &self,
        n: usize,
    ) -> impl Future<Output = Result<PermitIterator<'_, T>, SendError<()>>> {
        must_await("Sender::reserve_many", async move {
            self.tx.room().resource.acquire("Sender::reserve_many", n, self.tx.reserve(n)).await?;
            Ok(PermitIterator { chan: &self.tx, count: n })
        })
    }

    /// [`reserve`](Self::reserve) with a permit that may go anywhere.
    ///
    /// # Cancel safety
    /// A dropped wait loses its place in the queue and drops the sender; no room is lost.
    ///
    /// # Errors
    /// If the channel is, or gets, closed.
    ///
    /// # Examples
    /// ```
    /// # futures::executor::block_on(async {
    /// let (tx, mut rx) = runtime_core::sync::mpsc::channel(1);
    /// let permit = tx.reserve_owned().await.unwrap();
    /// let tx = permit.send(1);
    /// assert_eq!(rx.recv().await, Some(1));
    /// # drop(tx);
    /// # });
    /// ```
    #[track_caller]
    pub fn reserve_owned(self) -> impl Future<Output = Result<OwnedPermit<T>, SendError<()>>> {
        must_await("Sender::reserve_owned", async move {
            self.tx.room().resource.acquire("Sender::reserve_owned", 1, self.tx.reserve(1)).await?;
            Ok(OwnedPermit { tx: Some(self.tx) })
        })
    }

    /// Takes room for one value if that needs no waiting.
    ///
    /// # Errors
    /// `Full` if there is none, or others wait for it; `Closed` if the channel is.
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        self.tx.try_reserve(1)?;
        Ok(Permit { chan: &self.tx })
    }

    /// Takes room for `n` values if that needs no waiting.
    ///
    /// # Errors
    /// `Full` if there is less, or others wait for it; `Closed` if the channel is.
    pub fn try_reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        self.tx.try_reserve(n)?;
        Ok(PermitIterator { chan: &self.tx, count: n })
    }

    /// [`try_reserve`](Self::try_reserve) with a permit that may go anywhere.
    ///
    /// # Errors
    /// As there; gives the sender back.
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        match self.tx.try_reserve(1) {
            Ok(()) => Ok(OwnedPermit { tx: Some(self.tx) }),
            Err(TrySendError::Full(())) => Err(TrySendError::Full(self)),
            Err(TrySendError::Closed(())) => Err(TrySendError::Closed(self)),
        }
    }
}

impl<T> Permit<'_, T> {
    /// Sends `value` into the room. It arrives even if the channel was closed meanwhile; if the receiver was
    /// dropped, the value is dropped with the channel.
    pub fn send(self, value: T) {
        self.chan.send_reserved(value);
        mem::forget(self);
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        self.chan.give_back(1);
    }
}

impl<'a, T> Iterator for PermitIterator<'a, T> {
    type Item = Permit<'a, T>;

    fn next(&mut self) -> Option<Permit<'a, T>> {
        self.count = self.count.checked_sub(1)?;
        Some(Permit { chan: self.chan })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl<T> ExactSizeIterator for PermitIterator<'_, T> {}
impl<T> FusedIterator for PermitIterator<'_, T> {}

impl<T> Drop for PermitIterator<'_, T> {
    fn drop(&mut self) {
        if self.count > 0 {
            self.chan.give_back(self.count);
        }
    }
}

impl<T> OwnedPermit<T> {
    /// Sends `value` into the room, as [`Permit::send`], and gives the sender back.
    pub fn send(mut self, value: T) -> Sender<T> {
        let Some(tx) = self.tx.take() else { unreachable!("an owned permit is used once") };
        tx.send_reserved(value);
        Sender { tx }
    }

    /// Gives the room back, and the sender.
    pub fn release(mut self) -> Sender<T> {
        let Some(tx) = self.tx.take() else { unreachable!("an owned permit is used once") };
        tx.give_back(1);
        Sender { tx }
    }

    /// Whether both are for the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.tx.as_ref().zip(other.tx.as_ref()).is_some_and(|(own, other)| own.is_same(other))
    }

    /// Whether this is for the channel into which `sender` sends.
    pub fn same_channel_as_sender(&self, sender: &Sender<T>) -> bool {
        self.tx.as_ref().is_some_and(|tx| tx.is_same(&sender.tx))
    }
}

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        if let Some(tx) = self.tx.take() {
            tx.give_back(1);
        }
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for PermitIterator<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PermitIterator").field("count", &self.count).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").finish_non_exhaustive()
    }
}
