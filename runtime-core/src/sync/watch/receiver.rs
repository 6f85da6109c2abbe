//! The receiving end.

use super::borrowed::Ref;
use super::error::RecvError;
use super::shared::{Shared, Version};
use crate::coop;
use crate::primitive::Arc;
use crate::primitive::atomic::Ordering;
use crate::task::unpolled::must_await;
use std::fmt;
use std::future::poll_fn;
use std::task::{Poll, ready};

/// Sees the value, and is told when there is another one; from [`channel`](super::channel) and
/// [`Sender::subscribe`](super::Sender::subscribe). A clone has seen what this one has.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    seen: Version,
}

impl<T> Receiver<T> {
    /// One receiver more.
    pub(super) fn new(shared: Arc<Shared<T>>, seen: Version) -> Self {
        // Relaxed: nothing is published by it.
        shared.receivers.fetch_add(1, Ordering::Relaxed);
        Receiver { shared, seen }
    }

    /// The value, locked as long as the [`Ref`] lives. It does not count as seen.
    ///
    /// # Panics
    /// In the closure of [`send_modify`](super::Sender::send_modify) of the same channel, which would wait for itself.
    ///
    /// # Examples
    /// ```
    /// let (_tx, rx) = runtime::sync::watch::channel("hello");
    /// assert_eq!(*rx.borrow(), "hello");
    /// ```
    #[track_caller]
    pub fn borrow(&self) -> Ref<'_, T> {
        let guard = self.shared.value.read();
        let has_changed = self.shared.version() != self.seen;
        Ref { guard, has_changed }
    }

    /// The value, locked as long as the [`Ref`] lives, and seen. In a loop with [`changed`](Self::changed), prefer it
    /// to [`borrow`](Self::borrow): a value that comes between the two is then not looked at twice.
    ///
    /// # Panics
    /// As [`borrow`](Self::borrow).
    ///
    /// # Examples
    /// ```
    /// let (tx, mut rx) = runtime::sync::watch::channel(1);
    /// tx.send(2).unwrap();
    /// assert_eq!(*rx.borrow_and_update(), 2);
    /// assert!(!rx.has_changed().unwrap());
    /// ```
    #[track_caller]
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let guard = self.shared.value.read();
        let version = self.shared.version();
        let has_changed = version != self.seen;
        self.seen = version;
        Ref { guard, has_changed }
    }

    /// Whether there is a version that this receiver has not seen. It does not count as seen afterwards.
    ///
    /// # Errors
    /// If all senders are gone, whatever this receiver has seen.
    ///
    /// # Examples
    /// ```
    /// let (tx, rx) = runtime::sync::watch::channel(1);
    /// tx.send(2).unwrap();
    /// assert_eq!(rx.has_changed(), Ok(true));
    /// drop(tx);
    /// assert!(rx.has_changed().is_err());
    /// ```
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        if self.is_closed() {
            return Err(RecvError(()));
        }
        Ok(self.shared.version() != self.seen)
    }

    /// Whether all senders are gone.
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Takes the version there is for one that was not seen.
    ///
    /// # Examples
    /// A receiver that shall begin with the value there is:
    /// ```
    /// # runtime::run(async {
    /// let (_tx, mut rx) = runtime::sync::watch::channel("hello");
    /// rx.mark_changed();
    /// rx.changed().await.unwrap();
    /// assert_eq!(*rx.borrow(), "hello");
    /// # });
    /// ```
    pub fn mark_changed(&mut self) {
        self.seen = self.shared.version().before();
    }

    /// Takes the version there is for seen.
    pub fn mark_unchanged(&mut self) {
        self.seen = self.shared.version();
    }

    /// Waits for a version that this receiver has not seen, and takes it for seen. At once if there is one.
    ///
    /// # Cancel safety
    /// A dropped wait has seen nothing; no change is missed.
    ///
    /// # Errors
    /// If all senders are gone and the last version was seen.
    ///
    /// # Examples
    /// ```
    /// # runtime::run(async {
    /// let (tx, mut rx) = runtime::sync::watch::channel(0);
    /// let sender = runtime::spawn(async move { tx.send(1).unwrap() });
    /// rx.changed().await.unwrap();
    /// assert_eq!(*rx.borrow(), 1);
    /// assert!(rx.changed().await.is_err());
    /// # sender.await.unwrap();
    /// # });
    /// ```
    #[track_caller]
    pub fn changed(&mut self) -> impl Future<Output = Result<(), RecvError>> {
        must_await("watch::Receiver::changed", async move { self.shared.changed(&mut self.seen).await })
    }

    /// Waits until `condition` holds for the value, beginning with the one there is, seen or not. Gives the value,
    /// locked and seen; it [has changed](Ref::has_changed) if it had not been seen before this call.
    ///
    /// `condition` runs under the value's lock: let it be short, and not send into the channel.
    ///
    /// # Cancel safety
    /// A dropped wait loses nothing. What `condition` said no to counts as seen.
    ///
    /// # Errors
    /// If all senders are gone and `condition` does not hold for the last value.
    ///
    /// # Examples
    /// ```
    /// # runtime::run(async {
    /// let (tx, mut rx) = runtime::sync::watch::channel(0);
    /// let counter = runtime::spawn(async move {
    ///     for count in 1..=10 {
    ///         tx.send(count).unwrap();
    ///     }
    /// });
    /// assert!(*rx.wait_for(|count| *count >= 5).await.unwrap() >= 5);
    /// # counter.await.unwrap();
    /// # });
    /// ```
    #[track_caller]
    pub fn wait_for(
        &mut self,
        mut condition: impl FnMut(&T) -> bool,
    ) -> impl Future<Output = Result<Ref<'_, T>, RecvError>> {
        must_await("watch::Receiver::wait_for", async move {
            // A loop around a condition that holds at once must not keep its thread for ever.
            poll_fn(|cx| {
                ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Channel)).made_progress();
                Poll::Ready(())
            })
            .await;
            let seen_before = self.seen;
            loop {
                {
                    let guard = self.shared.value.read();
                    self.seen = self.shared.version();
                    if condition(&guard) {
                        return Ok(Ref { guard, has_changed: self.seen != seen_before });
                    }
                }
                self.shared.changed(&mut self.seen).await?;
            }
        })
    }

    /// Whether both see the same value.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Receiver::new(Arc::clone(&self.shared), self.seen)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // ORDER: AcqRel; a sender that sees zero sees what was done before.
        if self.shared.receivers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.deserted.notify_waiters();
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Receiver");
        match self.shared.value.try_read() {
            Some(value) => out.field("value", &*value),
            None => out.field("value", &format_args!("<locked>")),
        };
        out.field("is_closed", &self.is_closed()).finish()
    }
}
