//! The receiving end.

use super::error::{RecvError, TryRecvError};
use super::ring::Ring;
use crate::coop;
use crate::primitive::Arc;
use crate::primitive::atomic::Ordering;
use crate::sync::blocking::block_on;
use crate::sync::wait_list::Waiter;
use crate::task::unpolled::must_await;
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Receives all that is sent after it was made; from [`channel`](super::channel),
/// [`Sender::subscribe`](super::Sender::subscribe) and [`resubscribe`](Self::resubscribe).
///
/// Deliberately not `Clone`: see [`resubscribe`](Self::resubscribe).
///
/// Only `T: Send` is asked for, not `Sync`: a value is cloned by one receiver after the other.
///
/// ```compile_fail
/// fn assert_send<T: Send>() {}
/// assert_send::<runtime_core::sync::broadcast::Receiver<std::rc::Rc<()>>>();
/// ```
pub struct Receiver<T> {
    ring: Arc<Ring<T>>,
    /// The position of the next value.
    next: u64,
}

impl<T> Receiver<T> {
    /// One receiver more.
    pub(super) fn new(ring: Arc<Ring<T>>) -> Self {
        let next = ring.subscribe();
        Receiver { ring, next }
    }

    /// How many values were sent and not received here; those that were overwritten count.
    ///
    /// # Examples
    /// ```
    /// let (tx, mut rx) = runtime::sync::broadcast::channel(4);
    /// tx.send(1).unwrap();
    /// tx.send(2).unwrap();
    /// assert_eq!(rx.len(), 2);
    /// rx.try_recv().unwrap();
    /// assert_eq!(rx.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        (self.ring.end() - self.next) as usize
    }

    /// Whether everything that was sent has been received here.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether both receive from the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.ring, &other.ring)
    }

    /// Another receiver, of what is sent from now on: it does not get what this one has not received yet. A
    /// clone that does would have to count as a receiver of values that others may just be overwriting.
    ///
    /// # Examples
    /// ```
    /// let (tx, mut rx) = runtime::sync::broadcast::channel(4);
    /// tx.send(1).unwrap();
    /// let mut late = rx.resubscribe();
    /// tx.send(2).unwrap();
    /// assert_eq!((rx.try_recv(), late.try_recv()), (Ok(1), Ok(2)));
    /// ```
    pub fn resubscribe(&self) -> Self {
        Receiver::new(Arc::clone(&self.ring))
    }

    /// How many senders there are.
    pub fn sender_strong_count(&self) -> usize {
        // ORDER: Acquire; pairs with the last sender's drop.
        self.ring.senders.load(Ordering::Acquire)
    }

    /// How many weak senders there are.
    pub fn sender_weak_count(&self) -> usize {
        self.ring.weak_senders.load(Ordering::Relaxed)
    }

    /// Whether all senders are gone. What was sent can still be received.
    pub fn is_closed(&self) -> bool {
        self.sender_strong_count() == 0
    }
}

impl<T: Clone> Receiver<T> {
    /// Waits for the next value.
    ///
    /// `T::clone` runs under the lock of this value: others who want it wait. It may use the channel, but neither
    /// receive the value that it clones nor send so much that this is overwritten: both panic. The last one to receive
    /// a value gets it without a clone. If a clone panics, so does this call, and the value counts as received.
    ///
    /// # Cancel safety
    /// A dropped wait has received nothing; no value is lost.
    ///
    /// # Errors
    /// [`RecvError::Lagged`] if values were overwritten before this receiver got them; the next call goes on with
    /// the oldest one left. [`RecvError::Closed`] when nothing is left and all senders are gone.
    ///
    /// # Examples
    /// ```
    /// use runtime::sync::broadcast::{self, error::RecvError};
    ///
    /// # runtime::run(async {
    /// let (tx, mut rx) = broadcast::channel(8);
    /// let sender = runtime::spawn(async move { tx.send("last words").unwrap() });
    /// loop {
    ///     match rx.recv().await {
    ///         Ok(words) => assert_eq!(words, "last words"),
    ///         Err(RecvError::Lagged(missed)) => eprintln!("{missed} missed"),
    ///         Err(RecvError::Closed) => break,
    ///     }
    /// }
    /// # sender.await.unwrap();
    /// # });
    /// ```
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = Result<T, RecvError>> {
        must_await("broadcast::Receiver::recv", async move {
            Recv { receiver: self, waiter: Waiter::new() }.await
        })
    }

    /// The next value, if it is there. As [`recv`](Self::recv) otherwise.
    ///
    /// # Errors
    /// [`TryRecvError::Empty`] if nothing is there right now; the others are those of [`recv`](Self::recv).
    ///
    /// # Examples
    /// ```
    /// use runtime::sync::broadcast::{channel, error::TryRecvError};
    ///
    /// let (tx, mut rx) = channel(1);
    /// assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    /// tx.send(1).unwrap();
    /// tx.send(2).unwrap();
    /// assert_eq!(rx.try_recv(), Err(TryRecvError::Lagged(1)));
    /// assert_eq!(rx.try_recv(), Ok(2));
    /// drop(tx);
    /// assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.ring.take(&mut self.next, None)
    }

    /// [`recv`](Self::recv) for a thread without async code.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Panics
    /// On a thread that is running tasks: it would hold them up.
    ///
    /// # Examples
    /// ```
    /// let (tx, mut rx) = runtime::sync::broadcast::channel(1);
    /// let receiver = std::thread::spawn(move || rx.blocking_recv());
    /// tx.send(7).unwrap();
    /// assert_eq!(receiver.join().unwrap(), Ok(7));
    /// ```
    #[track_caller]
    pub fn blocking_recv(&mut self) -> Result<T, RecvError> {
        block_on(self.recv())
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.ring.unsubscribe(self.next);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("len", &self.len()).field("is_closed", &self.is_closed()).finish()
    }
}

pin_project! {
    /// One wait for a value.
    struct Recv<'a, T> {
        receiver: &'a mut Receiver<T>,
        #[pin]
        waiter: Waiter,
    }

    impl<T> PinnedDrop for Recv<'_, T> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let waiter = this.waiter.into_ref();
            if !waiter.is_idle() && waiter.outcome().is_none() {
                this.receiver.ring.stop_waiting(waiter);
            }
        }
    }
}

impl<T: Clone> Future for Recv<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let progress = ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Channel));
        let this = self.project();
        let Receiver { ring, next } = &mut **this.receiver;
        let waiter = this.waiter.into_ref();
        let taken = if waiter.is_idle() {
            ring.take(next, Some((waiter, cx)))
        } else if ring.has_been_told(waiter, cx) {
            ring.take(next, None)
        } else {
            return Poll::Pending;
        };
        let result = match taken {
            Ok(value) => Ok(value),
            Err(TryRecvError::Lagged(missed)) => Err(RecvError::Lagged(missed)),
            Err(TryRecvError::Closed) => Err(RecvError::Closed),
            Err(TryRecvError::Empty) => {
                // Just queued: who was told finds a value or the end.
                debug_assert!(!waiter.is_idle(), "a receiver that finds nothing waits");
                return Poll::Pending;
            }
        };
        progress.made_progress();
        Poll::Ready(result)
    }
}
