//! How a [`Mutex`] is locked: it is a semaphore with one permit around a cell.

use super::blocking::block_on;
use super::mutex_guard::{Mutex, MutexGuard, OwnedMutexGuard};
use super::reentry::{Mode, Site};
use crate::task::futurelock::What;
use crate::task::resource::{Flag, Resource};
use crate::task::unpolled::must_await;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

/// Someone else holds the lock, or waits for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TryLockError(pub(super) ());

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("operation would block")
    }
}

impl Error for TryLockError {}

impl<T> Mutex<T> {
    /// An unlocked mutex around `value`.
    #[track_caller]
    pub fn new(value: T) -> Self {
        let mutex = Self::with(value, Resource::sync("Mutex"));
        mutex.lock.resource.set(Flag::Locked, false);
        mutex
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits for the lock, in turn.
    ///
    /// A task that holds the lock and asks for it again waits for itself, for ever. A debug build says so, on
    /// stderr, with both places in the code.
    ///
    /// # Cancel safety
    /// A dropped wait loses its place in the queue; if it had been handed the lock, the next one gets it.
    #[track_caller]
    pub fn lock(&self) -> impl Future<Output = MutexGuard<'_, T>> {
        let site = Site::here();
        must_await("Mutex::lock", async move { self.lock_at(site).await })
    }

    /// [`lock`](Self::lock) for somebody who asks at `site`.
    pub(super) async fn lock_at(&self, site: Site) -> MutexGuard<'_, T> {
        self.lock.resource.op("Mutex::lock", self.acquire(site)).await;
        MutexGuard::new(self, site)
    }

    /// [`lock`](Self::lock) with a guard that may go anywhere.
    ///
    /// # Cancel safety
    /// As [`lock`](Self::lock).
    ///
    /// # Examples
    /// ```
    /// use runtime_core::sync::Mutex;
    /// use std::sync::Arc;
    ///
    /// # futures::executor::block_on(async {
    /// let count = Arc::new(Mutex::new(0));
    /// let mut guard = count.clone().lock_owned().await;
    /// let adder = std::thread::spawn(move || *guard += 1);
    /// adder.join().unwrap();
    /// assert_eq!(*count.lock().await, 1);
    /// # });
    /// ```
    #[track_caller]
    pub fn lock_owned(self: Arc<Self>) -> impl Future<Output = OwnedMutexGuard<T>> {
        let site = Site::here();
        must_await("Mutex::lock_owned", async move {
            self.lock.resource.op("Mutex::lock_owned", self.acquire(site)).await;
            OwnedMutexGuard::new(self, site)
        })
    }

    async fn acquire(&self, site: Site) {
        self.lock.holders.look(Mode::Exclusive, site);
        if self.lock.permit.acquire(1, What::Mutex).await.is_err() {
            unreachable!("nobody closes the semaphore of a mutex");
        }
    }

    /// Takes the lock if that needs no waiting.
    ///
    /// # Errors
    /// If someone holds it or waits for it.
    #[track_caller]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        self.lock.permit.try_acquire(1).map_err(|_| TryLockError(()))?;
        Ok(MutexGuard::new(self, Site::here()))
    }

    /// [`try_lock`](Self::try_lock) with a guard that may go anywhere.
    ///
    /// # Errors
    /// If someone holds it or waits for it.
    #[track_caller]
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        self.lock.permit.try_acquire(1).map_err(|_| TryLockError(()))?;
        Ok(OwnedMutexGuard::new(self, Site::here()))
    }

    /// [`lock`](Self::lock) for a thread without async code.
    ///
    /// # Panics
    /// On a thread that is running tasks: it would hold them up.
    ///
    /// # Examples
    /// ```
    /// let mutex = runtime_core::sync::Mutex::new(1);
    /// *mutex.blocking_lock() += 1;
    /// assert_eq!(mutex.into_inner(), 2);
    /// ```
    #[track_caller]
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        block_on(self.lock())
    }

    /// [`lock_owned`](Self::lock_owned) for a thread without async code.
    ///
    /// # Panics
    /// On a thread that is running tasks: it would hold them up.
    #[track_caller]
    pub fn blocking_lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        block_on(self.lock_owned())
    }
}

impl<T> From<T> for Mutex<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Mutex::new(value)
    }
}

impl<T: Default> Default for Mutex<T> {
    #[track_caller]
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => f.field("data", &&*guard),
            Err(_) => f.field("data", &format_args!("<locked>")),
        };
        f.finish()
    }
}
