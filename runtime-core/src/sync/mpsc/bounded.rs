//! The bounded channel's sender.

use super::chan::{Chan, Tx, WeakTx, pair};
use super::error::{SendError, TrySendError};
use super::receiver::Receiver;
use super::room::Bounded;
use crate::coop;
use crate::sync::blocking::block_on;
use crate::sync::permits::{PERMITS_MAX, Refusal};
use crate::task::futurelock::What;
use crate::task::unpolled::must_await;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::task::{Poll, ready};

/// Makes a channel with room for `buffer` values, sent or reserved and not received.
///
/// # Panics
/// If `buffer` is 0 or more than [`Semaphore::MAX_PERMITS`](crate::sync::Semaphore::MAX_PERMITS).
///
/// # Examples
/// ```
/// use runtime_core::sync::mpsc;
///
/// # futures::executor::block_on(async {
/// let (tx, mut rx) = mpsc::channel(2);
/// std::thread::spawn(move || {
///     for i in 0..10 {
///         tx.blocking_send(i).unwrap();
///     }
/// });
/// let mut sum = 0;
/// while let Some(i) = rx.recv().await {
///     sum += i;
/// }
/// assert_eq!(sum, 45);
/// # });
/// ```
#[track_caller]
pub fn channel<T>(buffer: usize) -> (Sender<T>, Receiver<T>) {
    assert!(buffer > 0, "mpsc bounded channel requires buffer > 0");
    assert!(buffer <= PERMITS_MAX, "a bounded channel's buffer may not exceed `Semaphore::MAX_PERMITS`");
    let (tx, rx) = pair(Bounded::new(buffer));
    (Sender { tx }, Receiver { rx })
}

/// Sends into a bounded channel; from [`channel`]. Clone it for further senders.
///
/// ```compile_fail
/// fn assert_send<T: Send>() {}
/// assert_send::<runtime_core::sync::mpsc::Sender<std::rc::Rc<()>>>();
/// ```
pub struct Sender<T> {
    pub(super) tx: Tx<T, Bounded>,
}

/// A [`Sender`] that does not keep the channel open.
///
/// # Examples
/// ```
/// use runtime_core::sync::mpsc;
///
/// let (tx, mut rx) = mpsc::channel::<()>(1);
/// let weak = tx.downgrade();
/// assert!(weak.upgrade().is_some());
/// drop(tx);
/// assert!(weak.upgrade().is_none());
/// assert_eq!(rx.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
/// ```
pub struct WeakSender<T> {
    tx: WeakTx<T, Bounded>,
}

impl<T> Chan<T, Bounded> {
    /// Waits, in turn, for room for `n` values.
    pub(super) async fn reserve(&self, n: usize) -> Result<(), SendError<()>> {
        if n > self.room().permits_max() {
            return Err(SendError(()));
        }
        // Dropped after the wait below, which may have given back what it had been granted.
        let give_back = GiveBack(self);
        self.room().permits.acquire(n, What::Room).await.map_err(|_| SendError(()))?;
        mem::forget(give_back);
        Ok(())
    }

    /// Takes room for `n` values if that needs no waiting.
    pub(super) fn try_reserve(&self, n: usize) -> Result<(), TrySendError<()>> {
        if n > self.room().permits_max() {
            return Err(TrySendError::Full(()));
        }
        self.room().permits.try_acquire(n).map_err(|refusal| match refusal {
            Refusal::NoPermits => TrySendError::Full(()),
            Refusal::Closed => TrySendError::Closed(()),
        })
    }

    /// Gives room for `n` values back unused.
    pub(super) fn give_back(&self, n: usize) {
        self.room().permits.release(n);
        self.after_give_back();
    }
}

/// Tells the receiver when a reservation ended without a value.
struct GiveBack<'a, T>(&'a Chan<T, Bounded>);

impl<T> Drop for GiveBack<'_, T> {
    fn drop(&mut self) {
        self.0.after_give_back();
    }
}

impl<T> Sender<T> {
    /// Sends `value`, waiting, in turn, for room.
    ///
    /// # Cancel safety
    /// A dropped wait has not sent: the value is dropped with it, and the place in the queue lost. To keep
    /// the value, [`reserve`](Self::reserve) first.
    ///
    /// # Errors
    /// If the channel is, or gets, closed. Gives the value back.
    #[track_caller]
    pub fn send(&self, value: T) -> impl Future<Output = Result<(), SendError<T>>> {
        must_await("Sender::send", async move {
            // With room, this takes it and sends in one step, and nothing has to be laid out for a wait.
            let mut value = Some(value);
            let tried = poll_fn(|cx| {
                let progress = ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Channel));
                let Some(unsent) = value.take() else { unreachable!("polled after it was ready") };
                let tried = self.tx.try_send(unsent);
                progress.made_progress();
                Poll::Ready(tried)
            });
            match tried.await {
                Ok(()) => Ok(()),
                Err((value, Refusal::Closed)) => Err(SendError(value)),
                Err((value, Refusal::NoPermits)) => {
                    let room = self.tx.reserve(1);
                    match self.tx.room().resource.op("Sender::send", room).await {
                        Ok(()) => {
                            self.tx.send_reserved(value);
                            Ok(())
                        }
                        Err(_) => Err(SendError(value)),
                    }
                }
            }
        })
    }

    /// Sends `value` if there is room.
    ///
    /// # Errors
    /// `Full` if there is none, or others wait for it; `Closed` if the channel is. Both give the value back.
    ///
    /// # Examples
    /// ```
    /// use runtime_core::sync::mpsc::{self, error::TrySendError};
    ///
    /// let (tx, rx) = mpsc::channel(1);
    /// tx.try_send(1).unwrap();
    /// assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
    /// drop(rx);
    /// assert_eq!(tx.try_send(3), Err(TrySendError::Closed(3)));
    /// ```
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.tx.try_send(value).map_err(|(value, refusal)| match refusal {
            Refusal::NoPermits => TrySendError::Full(value),
            Refusal::Closed => TrySendError::Closed(value),
        })
    }

    /// [`send`](Self::send) for a thread without async code.
    ///
    /// # Errors
    /// If the channel is, or gets, closed. Gives the value back.
    ///
    /// # Panics
    /// On a thread that is running tasks: it would hold them up.
    #[track_caller]
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        block_on(self.send(value))
    }

    /// Waits until the receiver is closed or dropped.
    ///
    /// # Cancel safety
    /// Yes.
    #[track_caller]
    pub fn closed(&self) -> impl Future<Output = ()> {
        must_await("Sender::closed", self.tx.closed())
    }

    /// Whether the receiver is closed or dropped.
    pub fn is_closed(&self) -> bool {
        self.tx.is_closed()
    }

    /// Whether both send into the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.tx.is_same(&other.tx)
    }

    /// For how many more values there is room right now: none while senders wait.
    pub fn capacity(&self) -> usize {
        self.tx.room().free()
    }

    /// For how many values there is room in all.
    pub fn max_capacity(&self) -> usize {
        self.tx.room().capacity
    }

    /// A sender that does not keep the channel open.
    #[must_use = "downgrading leaves this sender as it is"]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender { tx: self.tx.downgrade() }
    }

    /// How many senders there are. Owned permits count.
    pub fn strong_count(&self) -> usize {
        self.tx.strong_count()
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.tx.weak_count()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("capacity", &self.capacity())
            .field("max_capacity", &self.max_capacity())
            .field("is_closed", &self.is_closed())
            .finish()
    }
}

impl<T> WeakSender<T> {
    /// A sender, if the channel still has one.
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.tx.upgrade().map(|tx| Sender { tx })
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

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        WeakSender { tx: self.tx.clone() }
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").field("strong_count", &self.strong_count()).finish()
    }
}
