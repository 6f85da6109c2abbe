//! The receivers of both kinds of channel.

use super::chan::{Nothing, Rx};
use super::error::TryRecvError;
use super::room::{Bounded, Boundless};
use crate::sync::blocking::block_on;
use crate::task::unpolled::must_await;
use futures_core::Stream;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Receives from a bounded channel; from [`channel`](super::channel). Dropping it closes the channel and
/// drops the values that are left.
///
/// # Examples
/// A clean end: close, then receive what is left.
/// ```
/// use runtime_core::sync::mpsc;
///
/// # futures::executor::block_on(async {
/// let (tx, mut rx) = mpsc::channel(10);
/// tx.send("one").await.unwrap();
/// rx.close();
/// assert_eq!(tx.send("two").await, Err(mpsc::error::SendError("two")));
/// assert_eq!(rx.recv().await, Some("one"));
/// assert_eq!(rx.recv().await, None);
/// # });
/// ```
/// It is a [`Stream`]:
/// ```
/// use futures::StreamExt;
///
/// # runtime::run(async {
/// let (tx, rx) = runtime::sync::mpsc::channel(10);
/// for i in 1..=4 {
///     tx.send(i).await.unwrap();
/// }
/// drop(tx);
/// let even: Vec<_> = rx.filter(|i| std::future::ready(i % 2 == 0)).collect().await;
/// assert_eq!(even, [2, 4]);
/// # });
/// ```
pub struct Receiver<T> {
    pub(super) rx: Rx<T, Bounded>,
}

/// Receives from an unbounded channel; from [`unbounded_channel`](super::unbounded_channel). Dropping it
/// closes the channel and drops the values that are left.
pub struct UnboundedReceiver<T> {
    pub(super) rx: Rx<T, Boundless>,
}

impl<T> Receiver<T> {
    /// For how many more values there is room right now: none while senders wait.
    pub fn capacity(&self) -> usize {
        self.rx.room().free()
    }

    /// For how many values there is room in all.
    pub fn max_capacity(&self) -> usize {
        self.rx.room().capacity
    }
}

/// What both receivers can do.
macro_rules! receiver {
    ($receiver:ident) => {
        impl<T> $receiver<T> {
            /// Waits for the next value. `None` when nothing is left and nothing can come: all senders are
            /// gone, or the channel is closed and all room that was reserved has been used or given back.
            ///
            /// # Cancel safety
            /// A dropped wait has received nothing; no value is lost.
            #[track_caller]
            pub fn recv(&mut self) -> impl Future<Output = Option<T>> {
                must_await("Receiver::recv", async move { poll_fn(|cx| self.poll_recv(cx)).await })
            }

            /// Waits for at least one value and appends all that are there, up to `limit`, to `buffer`. Says
            /// how many; 0 only if `limit` is 0 or where [`recv`](Self::recv) gives `None`.
            ///
            /// # Cancel safety
            /// A dropped wait has received nothing; no value is lost.
            #[track_caller]
            pub fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> impl Future<Output = usize> {
                must_await("Receiver::recv_many", async move {
                    poll_fn(|cx| self.poll_recv_many(cx, buffer, limit)).await
                })
            }

            /// The next value, if it is there.
            ///
            /// # Errors
            /// `Empty` if none is there right now, `Disconnected` where [`recv`](Self::recv) gives `None`.
            pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
                self.rx.try_recv().map_err(|nothing| match nothing {
                    Nothing::Yet => TryRecvError::Empty,
                    Nothing::EverAgain => TryRecvError::Disconnected,
                })
            }

            /// [`recv`](Self::recv) for a thread without async code.
            ///
            /// # Panics
            /// On a thread that is running tasks: it would hold them up.
            #[track_caller]
            pub fn blocking_recv(&mut self) -> Option<T> {
                block_on(self.recv())
            }

            /// [`recv_many`](Self::recv_many) for a thread without async code.
            ///
            /// # Panics
            /// On a thread that is running tasks: it would hold them up.
            #[track_caller]
            pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
                block_on(self.recv_many(buffer, limit))
            }

            /// The poll of [`recv`](Self::recv). Only the waker of the last call is woken.
            pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
                let mut first = None;
                self.rx.poll_take(cx, 1, |value| first = Some(value)).map(|_| first)
            }

            /// The poll of [`recv_many`](Self::recv_many). Only the waker of the last call is woken.
            pub fn poll_recv_many(
                &mut self,
                cx: &mut Context<'_>,
                buffer: &mut Vec<T>,
                limit: usize,
            ) -> Poll<usize> {
                if limit == 0 {
                    return Poll::Ready(0);
                }
                self.rx.poll_take(cx, limit, |value| buffer.push(value))
            }

            /// Refuses what was not sent yet. What was sent, or is sent into room reserved before, can still
            /// be received.
            pub fn close(&mut self) {
                self.rx.close();
            }

            /// Whether nothing new can be sent: the channel is closed, or all senders are gone.
            pub fn is_closed(&self) -> bool {
                self.rx.is_closed() || self.rx.strong_count() == 0
            }

            /// Whether no value is there.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// How many values are there.
            pub fn len(&self) -> usize {
                self.rx.len()
            }

            /// How many senders there are.
            pub fn sender_strong_count(&self) -> usize {
                self.rx.strong_count()
            }

            /// How many weak senders there are.
            pub fn sender_weak_count(&self) -> usize {
                self.rx.weak_count()
            }
        }

        /// The values; ends where [`recv`](Self::recv) gives `None`.
        impl<T> Stream for $receiver<T> {
            type Item = T;

            fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
                self.get_mut().poll_recv(cx)
            }
        }

        impl<T> fmt::Debug for $receiver<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($receiver))
                    .field("len", &self.len())
                    .field("is_closed", &self.is_closed())
                    .finish()
            }
        }
    };
}

receiver!(Receiver);
receiver!(UnboundedReceiver);
