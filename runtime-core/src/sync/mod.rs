//! Synchronization between tasks, and between tasks and threads.
//!
//! | type | for |
//! |---|---|
//! | [`oneshot`] | one value from one task to another |
//! | [`promise()`] | one value that any number of tasks wait for |
//! | [`mpsc`] | many values from many senders to one receiver, bounded or not |
//! | [`broadcast`] | many values from many senders, each for every receiver |
//! | [`watch`] | the latest value, for many to see |
//! | [`Queue`], [`PriorityQueue`], [`LifoQueue`] | work for many from many, and to wait until all is done |
//! | [`Mutex`] | a lock that may be held across an `.await` |
//! | [`RwLock`] | the same, with many readers at a time |
//! | [`Condvar`] | waiting, under a mutex, for a condition |
//! | [`Semaphore`] | a limit on how many do something at once |
//! | [`BoundedSemaphore`] | the same, where giving back too many is an error |
//! | [`Barrier`] | tasks that wait for each other |
//! | [`Notify`] | a wake-up without a value |
//! | [`Event`] | a flag to wait for |
//! | [`OnceCell`] | a value made once, by the first who needs it |
//! | [`SetOnce`] | a value set once, by anybody, to wait for |
//! | [`CancellationToken`] | a request to stop, for a tree of tasks |
//!
//! Everything here works in any executor and needs no runtime of ours, with two exceptions:
//! [`PromiseFuture::on_done`], which has the runtime call the callback, and [`mpsc::Sender::send_timeout`] where it
//! has to wait, which takes the time from it. Outside of a runtime, these panic. Every wait is first in, first
//! out, and may be dropped at any time: a waiter that had been granted its turn and is dropped before it
//! took it hands the turn on to the next.
//!
//! # How it is laid
//!
//! All waiting stands on one list of wakers, `wait_list`, whose nodes lie inside the waiting futures:
//! waiting allocates nothing. `permits` puts a counter in front of it (semaphores, locks, [`OnceCell`], room in a
//! channel), [`Notify`] a flag; either way the uncontended path is one atomic operation and takes no lock.
//! [`Event`], [`Barrier`] and [`Condvar`] keep what they need under the lock of the list.
//! A single waiter whose identity never changes needs no list: channel receivers use `atomic_waker`.
//! Wakers are foreign code: they are never cloned, called or dropped under a lock.

mod atomic_waker;
mod barrier;
pub(crate) mod blocking;
mod bounded_semaphore;
mod cancellation;
mod condvar;
mod event;
mod mutex;
mod mutex_guard;
mod notify;
mod once_cell;
mod permits;
mod reentry;
mod rwlock;
mod rwlock_guard;
mod rwlock_owned;
mod semaphore;
mod set_once;
pub(crate) mod wait_list;

pub mod broadcast;
pub mod mpsc;
pub mod oneshot;
pub mod promise;
pub mod queue;
pub mod watch;

pub use promise::{Promise, PromiseFuture, promise};
pub use queue::{LifoQueue, PriorityQueue, Queue};

use crate::util::fault;
pub use barrier::{Barrier, BarrierWaitResult};
pub use bounded_semaphore::{BoundedPermit, BoundedSemaphore, OverRelease, OwnedBoundedPermit, Permit};
pub use cancellation::{
    CancellationToken, DropGuard, DropGuardRef, WaitForCancellationFuture, WaitForCancellationFutureOwned,
};
pub use condvar::Condvar;
pub use event::Event;
pub use mutex::TryLockError;
pub use mutex_guard::{MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};
pub use notify::{Notified, Notify, OwnedNotified};
pub use once_cell::{OnceCell, SetError};
pub use rwlock_guard::{RwLock, RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard};
pub use rwlock_owned::{OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard};
pub use semaphore::{AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError};
pub use set_once::{SetOnce, SetOnceError};

/// Futures with a name, where tokio has them.
pub mod futures {
    pub use super::notify::{Notified, OwnedNotified};
}

/// What models and tests reach into.
#[doc(hidden)]
pub mod internals {
    pub use super::atomic_waker::AtomicWaker;
    pub use super::fault::Fault;
    #[cfg(loom)]
    pub use super::fault::plant;
}
