//! Queues with many producers and many consumers, which know when all the work is done.
//!
//! | type | gives out |
//! |---|---|
//! | [`Queue`] | the oldest item first |
//! | [`PriorityQueue`] | the smallest item first; of equal ones the oldest |
//! | [`LifoQueue`] | the newest item first |
//!
//! All three are one implementation (`hub`) around different stores (`store`, `heap`). What distinguishes them
//! from [`mpsc`](super::mpsc), besides any number of consumers: what one gets is an [`Item`], whose drop says
//! that it was dealt with, and `join` waits until that is true of all.
//!
//! A queue is a handle: clones are the same queue. It does not close because handles are dropped, only by
//! `close` and `close_now`; what is left in it goes with the last handle.
//!
//! Deliberately absent: values that are moved to a waiting `get` by the one who puts them. A turn is handed
//! over, and the value stays in the queue until it is used: so nothing can be lost on the way.

mod error;
mod heap;
mod hub;
mod item;
mod lock;
mod store;
mod tally;

use crate::primitive::Arc;
use crate::task::unpolled::must_await;
pub use error::{Closed, TryGetError, TryPutError};
use heap::Heap;
use hub::Hub;
pub use item::Item;
use std::fmt;
use store::{Fifo, Lifo};

/// One of the three: name, store, what values must be able to do.
macro_rules! queue {
    ($(#[$doc:meta])* $name:ident, $store:ident $(, $ord:ident)?) => {
        $(#[$doc])*
        pub struct $name<T> {
            hub: Arc<Hub<$store<T>>>,
        }

        impl<T $(: $ord)?> $name<T> {
            /// A queue with room for `capacity` items: a [`put`](Self::put) waits while it is full.
            ///
            /// # Panics
            /// If `capacity` is 0. (asyncio's `maxsize=0` is [`unbounded`](Self::unbounded).)
            #[track_caller]
            pub fn bounded(capacity: usize) -> Self {
                $name { hub: Arc::new(Hub::bounded(capacity)) }
            }

            /// A queue with room for everything: a [`put`](Self::put) never waits.
            pub fn unbounded() -> Self {
                $name { hub: Arc::new(Hub::unbounded()) }
            }

            /// Puts `value` in, and waits for room before, in turn.
            ///
            /// # Cancel safety
            /// A dropped wait has put nothing, and its turn is the next one's; the value is dropped with it. To
            /// give up waiting and keep the value, poll the future by reference (`&mut put`), or use
            /// [`try_put`](Self::try_put), which gives it back.
            ///
            /// # Errors
            /// If the queue is, or gets, closed; gives the value back.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use runtime::sync::", stringify!($name), ";")]
            ///
            /// # runtime::run(async {
            #[doc = concat!("let queue = ", stringify!($name), "::bounded(1);")]
            /// queue.put("first").await.unwrap();
            ///
            /// let producer = queue.clone();
            /// let second = runtime::spawn(async move { producer.put("second").await });
            /// assert_eq!(*queue.get().await.unwrap(), "first");
            /// second.await.unwrap().unwrap(); // there is room now
            /// # });
            /// ```
            #[track_caller]
            pub fn put(&self, value: T) -> impl Future<Output = Result<(), Closed<T>>> {
must_await("Queue::put", async move {
                self.hub.put(value).await
            })
}

            /// Puts `value` in if that needs no waiting.
            ///
            /// # Errors
            /// `Full` if there is no room, or others wait for it; `Closed` if the queue is. Both give the
            /// value back.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use runtime::sync::{", stringify!($name), ", queue::TryPutError};")]
            ///
            #[doc = concat!("let queue = ", stringify!($name), "::bounded(1);")]
            /// assert!(queue.try_put(1).is_ok());
            /// assert_eq!(queue.try_put(2), Err(TryPutError::Full(2)));
            /// queue.close();
            /// assert_eq!(queue.try_put(3), Err(TryPutError::Closed(3)));
            /// ```
            pub fn try_put(&self, value: T) -> Result<(), TryPutError<T>> {
                self.hub.try_put(value)
            }

            /// Takes the next item out, and waits for one before, in turn.
            ///
            /// # Cancel safety
            /// A dropped wait has taken nothing; an item that was promised to it is the next one's.
            ///
            /// # Errors
            /// If the queue is, or gets, closed, and nothing is left in it.
            ///
            /// # Examples
            /// A worker works until the queue is closed and empty:
            /// ```
            #[doc = concat!("use runtime::sync::", stringify!($name), ";")]
            ///
            /// # runtime::run(async {
            #[doc = concat!("let queue = ", stringify!($name), "::unbounded();")]
            /// let jobs = queue.clone();
            /// let worker = runtime::spawn(async move {
            ///     let mut sum = 0;
            ///     while let Ok(job) = jobs.get().await {
            ///         sum += *job; // done at the end of the round
            ///     }
            ///     sum
            /// });
            /// for job in 1..=4 {
            ///     queue.put(job).await.unwrap();
            /// }
            /// queue.close();
            /// assert_eq!(worker.await.unwrap(), 10);
            /// # });
            /// ```
            #[track_caller]
            pub fn get(&self) -> impl Future<Output = Result<Item<T>, Closed<()>>> {
must_await("Queue::get", async move {
                self.hub.get().await
            })
}

            /// Takes the next item out if that needs no waiting.
            ///
            /// # Errors
            /// `Empty` if there is none, or others wait for it; `Closed` if the queue is closed, and nothing is
            /// left in it.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use runtime::sync::{", stringify!($name), ", queue::TryGetError};")]
            ///
            #[doc = concat!("let queue = ", stringify!($name), "::unbounded();")]
            /// assert_eq!(queue.try_get().unwrap_err(), TryGetError::Empty);
            /// queue.try_put(1).unwrap();
            /// assert_eq!(queue.try_get().unwrap().into_inner(), 1);
            /// ```
            pub fn try_get(&self) -> Result<Item<T>, TryGetError> {
                self.hub.try_get()
            }

            /// Waits until every item that was put in is done: taken out, and its [`Item`] dropped. It is enough
            /// that this is so at one moment; others may be put in afterwards.
            ///
            /// # Cancel safety
            /// Yes.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use runtime::sync::", stringify!($name), ";")]
            ///
            /// # runtime::run(async {
            #[doc = concat!("let queue = ", stringify!($name), "::unbounded();")]
            /// for job in 0..6 {
            ///     queue.put(job).await.unwrap();
            /// }
            /// let workers: Vec<_> = (0..3)
            ///     .map(|_| {
            ///         let queue = queue.clone();
            ///         runtime::spawn(async move {
            ///             while let Ok(job) = queue.get().await {
            ///                 runtime::task::yield_now().await; // work on it
            ///                 job.done();
            ///             }
            ///         })
            ///     })
            ///     .collect();
            /// queue.join().await;
            /// queue.close(); // the workers wait for more: let them go
            /// for worker in workers {
            ///     worker.await.unwrap();
            /// }
            /// # });
            /// ```
            #[track_caller]
            pub fn join(&self) -> impl Future<Output = ()> {
must_await("Queue::join", async move {
                self.hub.join().await;
            })
}

            /// Takes nothing in any more: each put fails, also those that wait. What is inside can still be taken
            /// out; once nothing is left, each get fails. asyncio's `shutdown()`.
            pub fn close(&self) {
                self.hub.close();
            }

            /// Closes, and drops what is inside, which counts as done: a [`join`](Self::join) then waits only for
            /// items that somebody has. asyncio's `shutdown(immediate=True)`.
            ///
            /// # Examples
            /// ```
            #[doc = concat!("use runtime::sync::", stringify!($name), ";")]
            ///
            /// # runtime::run(async {
            #[doc = concat!("let queue = ", stringify!($name), "::unbounded();")]
            /// queue.put(1).await.unwrap();
            /// queue.close_now();
            /// assert!(queue.get().await.is_err());
            /// queue.join().await;
            /// # });
            /// ```
            pub fn close_now(&self) {
                self.hub.close_now();
            }

            /// How many items are inside. When you look at the number it may be another one already, and some
            /// may be promised to gets that have not taken them yet.
            pub fn len(&self) -> usize {
                self.hub.len()
            }

            /// Whether nothing is inside; see [`len`](Self::len).
            pub fn is_empty(&self) -> bool {
                self.hub.len() == 0
            }

            /// Whether there is no room; see [`len`](Self::len). Never without bound.
            pub fn is_full(&self) -> bool {
                self.hub.is_full()
            }
        }

        impl<T> $name<T> {
            /// For how many items there is room; `None` if for all.
            pub fn capacity(&self) -> Option<usize> {
                self.hub.capacity()
            }

            /// Whether [`close`](Self::close) or [`close_now`](Self::close_now) was called.
            pub fn is_closed(&self) -> bool {
                self.hub.is_closed()
            }
        }

        impl<T> Clone for $name<T> {
            /// Another handle of the same queue.
            fn clone(&self) -> Self {
                $name { hub: Arc::clone(&self.hub) }
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.hub.fmt(stringify!($name), f)
            }
        }
    };
}

queue! {
    /// A queue that gives out the oldest item first: asyncio's `Queue`.
    ///
    /// Any number of tasks put items in and take them out; each side waits first in, first out. What one gets
    /// is an [`Item`], and [`join`](Self::join) waits until all of them were dealt with. See the
    /// [module](self) for the whole family.
    ///
    /// # Examples
    /// ```
    /// use runtime::sync::Queue;
    ///
    /// # runtime::run(async {
    /// let queue = Queue::bounded(2);
    /// let producer = queue.clone();
    /// runtime::spawn(async move {
    ///     for page in ["a", "b", "c"] {
    ///         producer.put(page).await.unwrap(); // waits while two are inside
    ///     }
    ///     producer.close();
    /// });
    /// let mut pages = Vec::new();
    /// while let Ok(page) = queue.get().await {
    ///     pages.push(page.into_inner());
    /// }
    /// assert_eq!(pages, ["a", "b", "c"]);
    /// # });
    /// ```
    Queue, Fifo
}

queue! {
    /// A queue that gives out the smallest item first, of equal ones the oldest: asyncio's `PriorityQueue`.
    ///
    /// Wrap values in [`Reverse`](std::cmp::Reverse) for the largest first; pair them with a number
    /// (`(priority, value)`) if they have no order themselves. All else is as with [`Queue`].
    ///
    /// Values are compared under a lock, which is short of the rule of this crate that no foreign code runs
    /// under one. So `Ord` must compare and no more: one that uses the queue itself panics. A panic in a
    /// comparison goes to the caller of `put` or `get`, which then has not happened: the value of a `put` is
    /// dropped, and no item is lost. (After `close`, its waiting gets go on with what is left as ever.)
    ///
    /// # Examples
    /// ```
    /// use runtime::sync::PriorityQueue;
    ///
    /// # runtime::run(async {
    /// let queue = PriorityQueue::unbounded();
    /// for job in [(3, "sweep"), (1, "put out the fire"), (2, "call")] {
    ///     queue.put(job).await.unwrap();
    /// }
    /// assert_eq!(*queue.get().await.unwrap(), (1, "put out the fire"));
    /// # });
    /// ```
    PriorityQueue, Heap, Ord
}

queue! {
    /// A queue that gives out the newest item first: asyncio's `LifoQueue`. All else is as with [`Queue`].
    ///
    /// # Examples
    /// ```
    /// use runtime::sync::LifoQueue;
    ///
    /// # runtime::run(async {
    /// let queue = LifoQueue::unbounded();
    /// queue.put("old").await.unwrap();
    /// queue.put("new").await.unwrap();
    /// assert_eq!(*queue.get().await.unwrap(), "new");
    /// # });
    /// ```
    LifoQueue, Lifo
}
