//! The sending end.

use super::borrowed::Ref;
use super::error::SendError;
use super::receiver::Receiver;
use super::shared::Shared;
use crate::coop;
use crate::primitive::Arc;
use crate::primitive::atomic::Ordering;
use crate::task::unpolled::must_await;
use std::fmt;
use std::mem;

/// Changes the value; from [`channel`](super::channel). Clone it for further senders.
///
/// Whenever it changes the value while a [`Ref`] is alive, it waits for that, and blocks its thread meanwhile. See
/// [the module](super).
///
/// ```compile_fail
/// // A value is looked at by many threads at once.
/// fn assert_send<T: Send>() {}
/// assert_send::<runtime_core::sync::watch::Sender<std::cell::Cell<u8>>>();
/// ```
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// A sender without a receiver so far.
    ///
    /// # Examples
    /// ```
    /// use runtime::sync::watch::Sender;
    ///
    /// let tx = Sender::new(1);
    /// assert!(tx.is_closed());
    /// tx.send_replace(2);
    /// assert_eq!(*tx.subscribe().borrow(), 2);
    /// ```
    pub fn new(init: T) -> Self {
        Sender { shared: Arc::new(Shared::new(init)) }
    }

    /// Replaces the value and tells all receivers.
    ///
    /// # Errors
    /// If there is no receiver; the value then stays, and this one comes back. The other methods change it all the
    /// same.
    ///
    /// # Panics
    /// If this thread holds a [`Ref`] of this channel, or is modifying its value: this would wait for ever. (It does, if
    /// the thread holds too many for us to know: see [the module](super).)
    ///
    /// # Examples
    /// ```
    /// use runtime::sync::watch::{channel, error::SendError};
    ///
    /// let (tx, rx) = channel(1);
    /// tx.send(2).unwrap();
    /// assert_eq!(*rx.borrow(), 2);
    /// drop(rx);
    /// assert_eq!(tx.send(3), Err(SendError(3)));
    /// ```
    #[track_caller]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.is_closed() {
            return Err(SendError(value));
        }
        self.send_replace(value);
        Ok(())
    }

    /// Changes the value in place and tells all receivers.
    ///
    /// `modify` runs under the value's lock: let it be short, and not touch the channel. If it panics, the value
    /// stays as it left it, and receivers are not told.
    ///
    /// # Panics
    /// As [`send`](Self::send), and if `modify` does.
    ///
    /// # Examples
    /// ```
    /// let (tx, mut rx) = runtime::sync::watch::channel(vec!["a"]);
    /// tx.send_modify(|list| list.push("b"));
    /// assert_eq!(*rx.borrow_and_update(), ["a", "b"]);
    /// ```
    #[track_caller]
    pub fn send_modify<F>(&self, modify: F)
    where
        F: FnOnce(&mut T),
    {
        self.send_if_modified(|value| {
            modify(value);
            true
        });
    }

    /// [`send_modify`](Self::send_modify) that tells the receivers only if `modify` answers `true`; says what it
    /// answered.
    ///
    /// # Panics
    /// As [`send`](Self::send), and if `modify` does.
    ///
    /// # Examples
    /// ```
    /// let (tx, rx) = runtime::sync::watch::channel(5);
    /// let raise_to = |new: u32| {
    ///     tx.send_if_modified(|value| {
    ///         let is_more = new > *value;
    ///         *value = new.max(*value);
    ///         is_more
    ///     })
    /// };
    /// assert!(!raise_to(4));
    /// assert!(!rx.has_changed().unwrap());
    /// assert!(raise_to(6));
    /// assert!(rx.has_changed().unwrap());
    /// ```
    #[track_caller]
    pub fn send_if_modified<F>(&self, modify: F) -> bool
    where
        F: FnOnce(&mut T) -> bool,
    {
        self.shared.modify(modify)
    }

    /// Replaces the value, tells all receivers, if there are any, and gives the old one.
    ///
    /// # Panics
    /// As [`send`](Self::send).
    ///
    /// # Examples
    /// ```
    /// let (tx, _rx) = runtime::sync::watch::channel(1);
    /// assert_eq!(tx.send_replace(2), 1);
    /// ```
    #[track_caller]
    pub fn send_replace(&self, mut value: T) -> T {
        self.send_modify(|old| mem::swap(old, &mut value));
        value
    }

    /// The value, locked as long as the [`Ref`] lives.
    ///
    /// # Panics
    /// In the closure of [`send_modify`](Self::send_modify) of the same channel, which would wait for itself.
    #[track_caller]
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref { guard: self.shared.value.read(), has_changed: false }
    }

    /// Whether there is no receiver. [`subscribe`](Self::subscribe) makes one.
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }

    /// Waits until there is no receiver.
    ///
    /// # Cancel safety
    /// Yes.
    ///
    /// # Examples
    /// ```
    /// # runtime::run(async {
    /// let (tx, rx) = runtime::sync::watch::channel(1);
    /// let task = runtime::spawn(async move { drop(rx) });
    /// tx.closed().await;
    /// assert!(tx.is_closed());
    /// # task.await.unwrap();
    /// # });
    /// ```
    #[track_caller]
    pub fn closed(&self) -> impl Future<Output = ()> {
        must_await("watch::Sender::closed", async move {
            // For whoever asks in a loop when nobody is there any more.
            coop::futures::consume_budget().await;
            loop {
                // Made before the look: it gets every `notify_waiters` from here on.
                let told = self.shared.deserted.notified();
                if self.is_closed() {
                    return;
                }
                told.await;
            }
        })
    }

    /// A receiver that has seen the value as it is now.
    ///
    /// # Examples
    /// ```
    /// let (tx, _) = runtime::sync::watch::channel(1);
    /// let rx = tx.subscribe();
    /// assert!(!rx.has_changed().unwrap());
    /// tx.send(2).unwrap();
    /// assert!(rx.has_changed().unwrap());
    /// ```
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(Arc::clone(&self.shared), self.shared.version())
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.shared.receiver_count()
    }

    /// How many senders there are.
    pub fn sender_count(&self) -> usize {
        self.shared.senders.load(Ordering::Relaxed)
    }

    /// Whether both send into the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T: Default> Default for Sender<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        // Relaxed: this sender keeps the count above zero.
        self.shared.senders.fetch_add(1, Ordering::Relaxed);
        Sender { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // ORDER: AcqRel; the last one sees, and publishes, what the others did.
        if self.shared.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.close();
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Sender");
        match self.shared.value.try_read() {
            Some(value) => out.field("value", &*value),
            None => out.field("value", &format_args!("<locked>")),
        };
        out.field("receiver_count", &self.receiver_count()).finish()
    }
}
