//! How a [`RwLock`] is locked: it is a semaphore around a cell. A reader takes one permit, a writer all of them.

use super::TryLockError;
use super::blocking::block_on;
use super::reentry::{Mode, Site};
use super::rwlock_guard::{Core, READERS_MAX, RwLock, RwLockReadGuard, RwLockWriteGuard};
use super::rwlock_owned::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard};
use crate::task::futurelock::What;
use crate::task::resource::{Change, Count, Flag, Resource};
use crate::task::unpolled::must_await;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

impl<T> RwLock<T> {
    /// An unlocked lock around `value`.
    #[track_caller]
    pub fn new(value: T) -> Self {
        Self::with_max_readers(value, READERS_MAX)
    }

    /// The same, for at most `readers_max` readers at a time: further ones wait.
    ///
    /// # Panics
    /// If `readers_max` is 0, or more than `u32::MAX >> 3`.
    ///
    /// # Examples
    /// ```
    /// use runtime::sync::RwLock;
    ///
    /// let lock = RwLock::with_max_readers(5, 2);
    /// let both = (lock.try_read().unwrap(), lock.try_read().unwrap());
    /// assert!(lock.try_read().is_err());
    /// # drop(both);
    /// ```
    #[track_caller]
    pub fn with_max_readers(value: T, readers_max: u32) -> Self {
        let lock = Self::with(value, readers_max, Resource::sync("RwLock"));
        let resource = &lock.core.resource;
        resource.count(Count::MaxReaders, Change::Set, readers_max as usize);
        resource.set(Flag::WriteLocked, false);
        resource.count(Count::CurrentReaders, Change::Set, 0);
        lock
    }
}

impl Core {
    /// The permits for `mode`, in turn.
    async fn acquire(&self, mode: Mode, site: Site) {
        self.holders.look(mode, site);
        if self.permits.acquire(self.count(mode), What::RwLock).await.is_err() {
            unreachable!("nobody closes the semaphore of a lock");
        }
    }

    fn try_acquire(&self, mode: Mode) -> Result<(), TryLockError> {
        self.permits.try_acquire(self.count(mode)).map_err(|_| TryLockError(()))
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits for shared access, in turn: behind a writer that waits already.
    ///
    /// A task that reads and asks to read again may therefore wait for itself: a writer that came in between
    /// waits for its first guard, and it waits for the writer. A task that writes and asks to read certainly does;
    /// a debug build says so, on stderr, with both places in the code.
    ///
    /// # Cancel safety
    /// A dropped wait loses its place in the queue, and holds up nobody.
    ///
    /// # Examples
    /// ```
    /// use runtime::sync::RwLock;
    ///
    /// runtime::run(async {
    ///     let lock = RwLock::new(1);
    ///     let (one, other) = (lock.read().await, lock.read().await);
    ///     assert_eq!(*one + *other, 2);
    ///     assert!(lock.try_write().is_err());
    /// });
    /// ```
    #[track_caller]
    pub fn read(&self) -> impl Future<Output = RwLockReadGuard<'_, T>> {
        let site = Site::here();
        must_await("RwLock::read", async move {
            self.core.resource.op("RwLock::read", self.core.acquire(Mode::Shared, site)).await;
            RwLockReadGuard::new(self, site)
        })
    }

    /// Waits for exclusive access, in turn. Readers that come later wait behind it.
    ///
    /// A task that holds the lock and asks for it again waits for itself, for ever. A debug build says so, on
    /// stderr, with both places in the code.
    ///
    /// # Cancel safety
    /// A dropped wait loses its place in the queue, and those behind it go on if they can.
    ///
    /// # Examples
    /// ```
    /// use runtime::sync::RwLock;
    ///
    /// runtime::run(async {
    ///     let lock = RwLock::new(1);
    ///     *lock.write().await += 1;
    ///     assert_eq!(*lock.read().await, 2);
    /// });
    /// ```
    #[track_caller]
    pub fn write(&self) -> impl Future<Output = RwLockWriteGuard<'_, T>> {
        let site = Site::here();
        must_await("RwLock::write", async move {
            self.core.resource.op("RwLock::write", self.core.acquire(Mode::Exclusive, site)).await;
            RwLockWriteGuard::new(self, site)
        })
    }

    /// [`read`](Self::read) with a guard that may go anywhere.
    ///
    /// # Cancel safety
    /// As [`read`](Self::read).
    ///
    /// # Examples
    /// ```
    /// use runtime::sync::RwLock;
    /// use std::sync::Arc;
    ///
    /// runtime::run(async {
    ///     let lock = Arc::new(RwLock::new(1));
    ///     let guard = lock.read_owned().await;
    ///     let task = runtime::spawn(async move { *guard });
    ///     assert_eq!(task.await.unwrap(), 1);
    /// });
    /// ```
    #[track_caller]
    pub fn read_owned(self: Arc<Self>) -> impl Future<Output = OwnedRwLockReadGuard<T>> {
        let site = Site::here();
        must_await("RwLock::read_owned", async move {
            self.core.resource.op("RwLock::read_owned", self.core.acquire(Mode::Shared, site)).await;
            OwnedRwLockReadGuard::new(self, site)
        })
    }

    /// [`write`](Self::write) with a guard that may go anywhere.
    ///
    /// # Cancel safety
    /// As [`write`](Self::write).
    ///
    /// # Examples
    /// ```
    /// use runtime::sync::RwLock;
    /// use std::sync::Arc;
    ///
    /// runtime::run(async {
    ///     let lock = Arc::new(RwLock::new(1));
    ///     let mut guard = lock.clone().write_owned().await;
    ///     runtime::spawn(async move { *guard += 1 }).await.unwrap();
    ///     assert_eq!(*lock.read().await, 2);
    /// });
    /// ```
    #[track_caller]
    pub fn write_owned(self: Arc<Self>) -> impl Future<Output = OwnedRwLockWriteGuard<T>> {
        let site = Site::here();
        must_await("RwLock::write_owned", async move {
            self.core.resource.op("RwLock::write_owned", self.core.acquire(Mode::Exclusive, site)).await;
            OwnedRwLockWriteGuard::new(self, site)
        })
    }

    /// Takes shared access if that needs no waiting.
    ///
    /// # Errors
    /// If someone writes, somebody waits, or there are as many readers as there may be.
    ///
    /// # Examples
    /// ```
    /// let lock = runtime::sync::RwLock::new(1);
    /// let writing = lock.try_write().unwrap();
    /// assert!(lock.try_read().is_err());
    /// drop(writing);
    /// assert_eq!(*lock.try_read().unwrap(), 1);
    /// ```
    #[track_caller]
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        self.core.try_acquire(Mode::Shared)?;
        Ok(RwLockReadGuard::new(self, Site::here()))
    }

    /// Takes exclusive access if that needs no waiting.
    ///
    /// # Errors
    /// If someone reads, writes or waits.
    #[track_caller]
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        self.core.try_acquire(Mode::Exclusive)?;
        Ok(RwLockWriteGuard::new(self, Site::here()))
    }

    /// [`try_read`](Self::try_read) with a guard that may go anywhere.
    ///
    /// # Errors
    /// As [`try_read`](Self::try_read).
    #[track_caller]
    pub fn try_read_owned(self: Arc<Self>) -> Result<OwnedRwLockReadGuard<T>, TryLockError> {
        self.core.try_acquire(Mode::Shared)?;
        Ok(OwnedRwLockReadGuard::new(self, Site::here()))
    }

    /// [`try_write`](Self::try_write) with a guard that may go anywhere.
    ///
    /// # Errors
    /// As [`try_write`](Self::try_write).
    #[track_caller]
    pub fn try_write_owned(self: Arc<Self>) -> Result<OwnedRwLockWriteGuard<T>, TryLockError> {
        self.core.try_acquire(Mode::Exclusive)?;
        Ok(OwnedRwLockWriteGuard::new(self, Site::here()))
    }

    /// [`read`](Self::read) for a thread without async code.
    ///
    /// # Panics
    /// On a thread that is running tasks: it would hold them up.
    ///
    /// # Examples
    /// ```
    /// let lock = runtime::sync::RwLock::new(1);
    /// *lock.blocking_write() += 1;
    /// assert_eq!(*lock.blocking_read(), 2);
    /// ```
    #[track_caller]
    pub fn blocking_read(&self) -> RwLockReadGuard<'_, T> {
        block_on(self.read())
    }

    /// [`write`](Self::write) for a thread without async code.
    ///
    /// # Panics
    /// On a thread that is running tasks: it would hold them up.
    #[track_caller]
    pub fn blocking_write(&self) -> RwLockWriteGuard<'_, T> {
        block_on(self.write())
    }
}

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        RwLock::new(value)
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => f.field("data", &&*guard),
            Err(_) => f.field("data", &format_args!("<locked>")),
        };
        f.finish()
    }
}
