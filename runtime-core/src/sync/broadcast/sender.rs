//! The sending end.

use super::error::SendError;
use super::receiver::Receiver;
use super::ring::Ring;
use crate::coop;
use crate::primitive::Arc;
use crate::primitive::atomic::Ordering;
use crate::task::unpolled::must_await;
use std::fmt;

/// Sends to all receivers; from [`channel`](super::channel). Clone it for further senders.
///
/// ```compile_fail
/// fn assert_send<T: Send>() {}
/// assert_send::<runtime_core::sync::broadcast::Sender<std::rc::Rc<()>>>();
/// ```
pub struct Sender<T> {
    ring: Arc<Ring<T>>,
}

/// A [`Sender`] that does not keep the channel open.
///
/// # Examples
/// ```
/// use runtime::sync::broadcast::{channel, error::TryRecvError};
///
/// let (tx, mut rx) = channel::<()>(1);
/// let weak = tx.downgrade();
/// assert!(weak.upgrade().is_some());
/// drop(tx);
/// assert!(weak.upgrade().is_none());
/// assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
/// ```
pub struct WeakSender<T> {
    ring: Arc<Ring<T>>,
}

impl<T> Sender<T> {
    /// A sender without a receiver so far. `capacity` is that of [`channel`](super::channel).
    ///
    /// # Panics
    /// If `capacity` is 0, or more than 2³¹, or there is no memory for it.
    ///
    /// # Examples
    /// ```
    /// use runtime::sync::broadcast::{Sender, error::SendError};
    ///
    /// let tx = Sender::new(4);
    /// assert_eq!(tx.send("nobody is there"), Err(SendError("nobody is there")));
    /// let _rx = tx.subscribe();
    /// assert_eq!(tx.send("somebody is"), Ok(1));
    /// ```
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        Sender { ring: Arc::new(Ring::new(capacity)) }
    }

    /// Sends `value` to all receivers there are now, and says how many. Never waits for one of them to receive; if
    /// the slot that it takes holds a value that is being cloned right now, it waits for the end of that.
    ///
    /// `Ok` does not mean that they will receive it: they may lag behind, or be dropped.
    ///
    /// # Errors
    /// If there is no receiver. Gives the value back. It may succeed later: see [`subscribe`](Self::subscribe).
    ///
    /// # Panics
    /// If it is called by the `clone` of a value of this channel, and would overwrite that value.
    #[track_caller]
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        self.ring.send(value).map_err(SendError)
    }

    /// A receiver of what is sent from now on.
    ///
    /// # Examples
    /// ```
    /// let (tx, _) = runtime::sync::broadcast::channel(4);
    /// let mut early = tx.subscribe();
    /// tx.send(1).unwrap();
    /// let mut late = tx.subscribe();
    /// tx.send(2).unwrap();
    /// assert_eq!((early.try_recv(), late.try_recv()), (Ok(1), Ok(2)));
    /// ```
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(Arc::clone(&self.ring))
    }

    /// How many values are kept that some receiver has not received yet.
    ///
    /// # Examples
    /// ```
    /// let (tx, mut rx) = runtime::sync::broadcast::channel(4);
    /// let mut other = tx.subscribe();
    /// tx.send(1).unwrap();
    /// tx.send(2).unwrap();
    /// rx.try_recv().unwrap();
    /// assert_eq!(tx.len(), 2);
    /// other.try_recv().unwrap();
    /// assert_eq!(tx.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether all receivers have received everything.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.ring.receivers()
    }

    /// Whether both send into the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.ring, &other.ring)
    }

    /// Waits until there is no receiver.
    ///
    /// # Cancel safety
    /// Yes.
    ///
    /// # Examples
    /// ```
    /// # runtime::run(async {
    /// let (tx, rx) = runtime::sync::broadcast::channel::<()>(1);
    /// let task = runtime::spawn(async move { drop(rx) });
    /// tx.closed().await;
    /// assert_eq!(tx.receiver_count(), 0);
    /// # task.await.unwrap();
    /// # });
    /// ```
    #[track_caller]
    pub fn closed(&self) -> impl Future<Output = ()> {
        must_await("broadcast::Sender::closed", async move {
            // For whoever asks in a loop when nobody is there any more.
            coop::futures::consume_budget().await;
            loop {
                // Made before the look: it gets every `notify_waiters` from here on.
                let told = self.ring.deserted.notified();
                if self.ring.receivers() == 0 {
                    return;
                }
                told.await;
            }
        })
    }

    /// A sender that does not keep the channel open.
    #[must_use = "downgrading leaves this sender as it is"]
    pub fn downgrade(&self) -> WeakSender<T> {
        self.ring.weak_senders.fetch_add(1, Ordering::Relaxed);
        WeakSender { ring: Arc::clone(&self.ring) }
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.ring.senders.load(Ordering::Acquire)
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.ring.weak_senders.load(Ordering::Relaxed)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        // Relaxed: this sender keeps the count above zero.
        self.ring.senders.fetch_add(1, Ordering::Relaxed);
        Sender { ring: Arc::clone(&self.ring) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // ORDER: AcqRel; who sees zero sees what was done before.
        if self.ring.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.ring.end_sending();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("len", &self.len())
            .field("receiver_count", &self.receiver_count())
            .finish_non_exhaustive()
    }
}

impl<T> WeakSender<T> {
    /// A sender, if the channel still has one.
    #[must_use]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        let one_more = |count| if count == 0 { None } else { Some(count + 1) };
        // Relaxed, as in a clone: a count above zero stays there until this is done.
        self.ring.senders.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Sender { ring: Arc::clone(&self.ring) })
    }

    /// How many senders there are.
    pub fn strong_count(&self) -> usize {
        self.ring.senders.load(Ordering::Acquire)
    }

    /// How many weak senders there are.
    pub fn weak_count(&self) -> usize {
        self.ring.weak_senders.load(Ordering::Relaxed)
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        self.ring.weak_senders.fetch_add(1, Ordering::Relaxed);
        WeakSender { ring: Arc::clone(&self.ring) }
    }
}

impl<T> Drop for WeakSender<T> {
    fn drop(&mut self) {
        self.ring.weak_senders.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").field("strong_count", &self.strong_count()).finish()
    }
}
