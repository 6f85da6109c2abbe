//! How a [`Mutex`] is locked: it is a semaphore with one permit around a cell.

use super::blocking::block_on;
use super::mutex_guard::{Mutex, MutexGuard, OwnedMutexGuard};
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Someone else holds the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TryLockError(());

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("operation would block")
    }
}

impl Error for TryLockError {}

impl<T> Mutex<T> {
    /// An unlocked mutex around `value`.
    pub fn new(value: T) -> Self {
        Self::const_new(value)
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits for the lock, in turn.
    ///
    /// # Cancel safety
    /// A dropped wait loses its place in the queue; if it had been handed the lock, the next one gets it.
    pub async fn lock(&self) -> MutexGuard<'_, T> {
        self.acquire().await;
        MutexGuard::new(self)
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
    pub async fn lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        self.acquire().await;
        OwnedMutexGuard::new(self)
    }

    async fn acquire(&self) {
        if self.permit.acquire(1).await.is_err() {
            unreachable!("nobody closes the semaphore of a mutex");
        }
    }

    /// Takes the lock if that needs no waiting.
    ///
    /// # Errors
    /// If someone holds it or waits for it.
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        self.permit.try_acquire(1).map_err(|_| TryLockError(()))?;
        Ok(MutexGuard::new(self))
    }

    /// [`try_lock`](Self::try_lock) with a guard that may go anywhere.
    ///
    /// # Errors
    /// If someone holds it or waits for it.
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        self.permit.try_acquire(1).map_err(|_| TryLockError(()))?;
        Ok(OwnedMutexGuard::new(self))
    }

    /// [`lock`](Self::lock) for a thread without async code. In a task it would hold up the worker.
    ///
    /// # Examples
    /// ```
    /// let mutex = runtime_core::sync::Mutex::new(1);
    /// *mutex.blocking_lock() += 1;
    /// assert_eq!(mutex.into_inner(), 2);
    /// ```
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        block_on(self.lock())
    }

    /// [`lock_owned`](Self::lock_owned) for a thread without async code.
    pub fn blocking_lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        block_on(self.lock_owned())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Mutex::new(value)
    }
}

impl<T: Default> Default for Mutex<T> {
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
