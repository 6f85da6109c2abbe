//! A counting semaphore.

use super::blocking::block_on;
use super::permits::{PERMITS_MAX, Permits, Refusal};
use crate::task::futurelock::What;
use crate::task::resource::{Change, Count, Resource};
use crate::task::unpolled::must_await;
use std::error::Error;
use std::fmt;
use std::mem;
use std::ptr;
use std::sync::Arc;

/// A number of permits that tasks take and give back: at most that many do something at once.
///
/// Waiting is strictly first in, first out, also for different numbers of permits: while the first one
/// waits for many, those behind it wait too, even for one. An acquire that is dropped leaves no trace; if
/// it had been granted its permits, the next one gets them.
///
/// # Examples
/// ```
/// use runtime_core::sync::Semaphore;
///
/// # futures::executor::block_on(async {
/// let seats = Semaphore::new(2);
/// let first = seats.acquire().await.unwrap();
/// let second = seats.acquire().await.unwrap();
/// assert!(seats.try_acquire().is_err());
///
/// drop(first);
/// assert_eq!(seats.available_permits(), 1);
/// # drop(second);
/// # });
/// ```
pub struct Semaphore {
    permits: Permits,
    resource: Resource,
}

/// Permits of a [`Semaphore`], given back when this is dropped.
#[must_use = "permits are given back at once if this is not kept"]
#[clippy::has_significant_drop]
#[derive(Debug)]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    count: usize,
}

/// Like [`SemaphorePermit`], with an `Arc` instead of a lifetime.
#[must_use = "permits are given back at once if this is not kept"]
#[clippy::has_significant_drop]
#[derive(Debug)]
pub struct OwnedSemaphorePermit {
    semaphore: Arc<Semaphore>,
    count: usize,
}

/// The semaphore was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcquireError(());

/// Why [`Semaphore::try_acquire`] took nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TryAcquireError {
    /// The semaphore was closed.
    Closed,
    /// Too few permits are free, or others wait for them already.
    NoPermits,
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("permits", &self.available_permits())
            .field("closed", &self.is_closed())
            .finish()
    }
}

impl Semaphore {
    /// The most permits that a semaphore can have.
    pub const MAX_PERMITS: usize = PERMITS_MAX;

    /// A semaphore with `permits` free permits.
    ///
    /// # Panics
    /// If `permits` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[track_caller]
    pub fn new(permits: usize) -> Self {
        let semaphore = Self::with(permits, Resource::sync("Semaphore"));
        semaphore.resource.count(Count::Permits, Change::Set, permits);
        semaphore
    }

    crate::const_fn! {
        /// The same, for statics.
        ///
        /// # Panics
        /// As [`new`](Self::new).
        ///
        /// # Examples
        /// ```
        /// use runtime_core::sync::Semaphore;
        ///
        /// static DOWNLOADS: Semaphore = Semaphore::const_new(8);
        /// assert_eq!(DOWNLOADS.available_permits(), 8);
        /// ```
        #[track_caller]
        pub const fn const_new(permits: usize) -> Self {
            Self::with(permits, Resource::none())
        }

        #[track_caller]
        const fn with(permits: usize, resource: Resource) -> Self {
            Semaphore { permits: Permits::new(permits), resource }
        }
    }

    /// `count` permits were taken.
    fn took(&self, count: usize) {
        self.resource.count(Count::Permits, Change::Sub, count);
    }

    /// Adds `count` permits.
    fn give(&self, count: usize) {
        self.resource.count(Count::Permits, Change::Add, count);
        self.permits.release(count);
    }

    /// How many permits an acquire could get right now: none while others wait.
    pub fn available_permits(&self) -> usize {
        self.permits.free()
    }

    /// Adds `n` permits; those who wait get them first.
    ///
    /// # Panics
    /// If there would be more than [`MAX_PERMITS`](Self::MAX_PERMITS); none is added then.
    #[track_caller]
    pub fn add_permits(&self, n: usize) {
        self.give(n);
    }

    /// Takes up to `n` free permits away for good. Says how many it were.
    pub fn forget_permits(&self, n: usize) -> usize {
        let gone = self.permits.forget(n);
        self.took(gone);
        gone
    }

    /// Waits for one permit.
    ///
    /// # Cancel safety
    /// A dropped wait loses its place in the queue, and no permit.
    ///
    /// # Errors
    /// If the semaphore is, or gets, closed.
    #[track_caller]
    pub fn acquire(&self) -> impl Future<Output = Result<SemaphorePermit<'_>, AcquireError>> {
        must_await("Semaphore::acquire", async move {
            let permit = self.permits.acquire(1, What::Semaphore);
            self.resource.acquire("Semaphore::acquire", 1, permit).await?;
            self.took(1);
            Ok(SemaphorePermit { semaphore: self, count: 1 })
        })
    }

    /// Waits for `n` permits, all at once.
    ///
    /// # Cancel safety
    /// A dropped wait loses its place in the queue, and no permit.
    ///
    /// # Errors
    /// If the semaphore is, or gets, closed.
    ///
    /// # Examples
    /// ```
    /// # futures::executor::block_on(async {
    /// let memory = runtime_core::sync::Semaphore::new(1024);
    /// let large = memory.acquire_many(1000).await.unwrap();
    /// assert_eq!((large.num_permits(), memory.available_permits()), (1000, 24));
    /// # });
    /// ```
    #[track_caller]
    pub fn acquire_many(&self, n: u32) -> impl Future<Output = Result<SemaphorePermit<'_>, AcquireError>> {
        must_await("Semaphore::acquire_many", async move {
            let count = n as usize;
            let permits = self.permits.acquire(count, What::Semaphore);
            self.resource.acquire("Semaphore::acquire_many", count, permits).await?;
            self.took(count);
            Ok(SemaphorePermit { semaphore: self, count })
        })
    }

    /// Takes one permit if that needs no waiting.
    ///
    /// # Errors
    /// If none is free, others wait, or the semaphore is closed.
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits if that needs no waiting.
    ///
    /// # Errors
    /// If fewer are free, others wait, or the semaphore is closed.
    pub fn try_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        let count = n as usize;
        self.permits.try_acquire(count)?;
        self.took(count);
        Ok(SemaphorePermit { semaphore: self, count })
    }

    /// [`acquire`](Self::acquire) for a thread without async code.
    ///
    /// # Errors
    /// If the semaphore is, or gets, closed.
    ///
    /// # Panics
    /// On a thread that is running tasks: it would hold them up.
    #[track_caller]
    pub fn blocking_acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        block_on(self.acquire())
    }

    /// [`acquire_many`](Self::acquire_many) for a thread without async code.
    ///
    /// # Errors
    /// If the semaphore is, or gets, closed.
    ///
    /// # Panics
    /// On a thread that is running tasks: it would hold them up.
    #[track_caller]
    pub fn blocking_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        block_on(self.acquire_many(n))
    }

    /// [`acquire`](Self::acquire) with a permit that may go anywhere.
    ///
    /// # Cancel safety
    /// A dropped wait loses its place in the queue, and no permit.
    ///
    /// # Errors
    /// If the semaphore is, or gets, closed.
    ///
    /// # Examples
    /// ```
    /// use runtime_core::sync::Semaphore;
    /// use std::sync::Arc;
    ///
    /// # futures::executor::block_on(async {
    /// let limit = Arc::new(Semaphore::new(1));
    /// let permit = limit.clone().acquire_owned().await.unwrap();
    /// let job = std::thread::spawn(move || drop(permit));
    /// job.join().unwrap();
    /// assert_eq!(limit.available_permits(), 1);
    /// # });
    /// ```
    #[track_caller]
    pub fn acquire_owned(
        self: Arc<Self>,
    ) -> impl Future<Output = Result<OwnedSemaphorePermit, AcquireError>> {
        must_await("Semaphore::acquire_owned", async move {
            let permit = self.permits.acquire(1, What::Semaphore);
            self.resource.acquire("Semaphore::acquire_owned", 1, permit).await?;
            self.took(1);
            Ok(OwnedSemaphorePermit { semaphore: self, count: 1 })
        })
    }

    /// [`acquire_many`](Self::acquire_many) with a permit that may go anywhere.
    ///
    /// # Cancel safety
    /// A dropped wait loses its place in the queue, and no permit.
    ///
    /// # Errors
    /// If the semaphore is, or gets, closed.
    #[track_caller]
    pub fn acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> impl Future<Output = Result<OwnedSemaphorePermit, AcquireError>> {
        must_await("Semaphore::acquire_many_owned", async move {
            let count = n as usize;
            let permits = self.permits.acquire(count, What::Semaphore);
            self.resource.acquire("Semaphore::acquire_many_owned", count, permits).await?;
            self.took(count);
            Ok(OwnedSemaphorePermit { semaphore: self, count })
        })
    }

    /// [`try_acquire`](Self::try_acquire) with a permit that may go anywhere.
    ///
    /// # Errors
    /// If none is free, others wait, or the semaphore is closed.
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// [`try_acquire_many`](Self::try_acquire_many) with a permit that may go anywhere.
    ///
    /// # Errors
    /// If fewer are free, others wait, or the semaphore is closed.
    pub fn try_acquire_many_owned(self: Arc<Self>, n: u32) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        let count = n as usize;
        self.permits.try_acquire(count)?;
        self.took(count);
        Ok(OwnedSemaphorePermit { semaphore: self, count })
    }

    /// [`acquire_owned`](Self::acquire_owned) for a thread without async code.
    ///
    /// # Errors
    /// If the semaphore is, or gets, closed.
    ///
    /// # Panics
    /// On a thread that is running tasks: it would hold them up.
    #[track_caller]
    pub fn blocking_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        block_on(self.acquire_owned())
    }

    /// [`acquire_many_owned`](Self::acquire_many_owned) for a thread without async code.
    ///
    /// # Errors
    /// If the semaphore is, or gets, closed.
    ///
    /// # Panics
    /// On a thread that is running tasks: it would hold them up.
    #[track_caller]
    pub fn blocking_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        block_on(self.acquire_many_owned(n))
    }

    /// Refuses every acquire from now on, and those that wait: also one that was about to get its permits and has
    /// not been polled since. Permits that are out stay good.
    pub fn close(&self) {
        self.permits.close();
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        self.permits.is_closed()
    }
}

impl<'a> SemaphorePermit<'a> {
    /// Never gives the permits back.
    pub fn forget(mut self) {
        self.count = 0;
    }

    /// Takes the permits of `other` over.
    ///
    /// # Panics
    /// If `other` is of another semaphore.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        let is_same = ptr::eq(self.semaphore, other.semaphore);
        assert!(is_same, "merging permits from different semaphore instances");
        self.count += mem::take(&mut other.count);
    }

    /// Splits `n` permits off; `None` if there are fewer.
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.count = self.count.checked_sub(n)?;
        Some(SemaphorePermit { semaphore: self.semaphore, count: n })
    }

    /// Where the permits belong.
    pub fn semaphore(&self) -> &Semaphore {
        self.semaphore
    }

    /// How many permits this stands for.
    pub fn num_permits(&self) -> usize {
        self.count
    }
}

impl OwnedSemaphorePermit {
    /// Never gives the permits back.
    pub fn forget(mut self) {
        self.count = 0;
    }

    /// Takes the permits of `other` over.
    ///
    /// # Panics
    /// If `other` is of another semaphore.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        let is_same = Arc::ptr_eq(&self.semaphore, &other.semaphore);
        assert!(is_same, "merging permits from different semaphore instances");
        self.count += mem::take(&mut other.count);
    }

    /// Splits `n` permits off; `None` if there are fewer.
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.count = self.count.checked_sub(n)?;
        Some(OwnedSemaphorePermit { semaphore: Arc::clone(&self.semaphore), count: n })
    }

    /// Where the permits belong.
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }

    /// How many permits this stands for.
    pub fn num_permits(&self) -> usize {
        self.count
    }
}

impl Drop for SemaphorePermit<'_> {
    fn drop(&mut self) {
        self.semaphore.give(self.count);
    }
}

impl Drop for OwnedSemaphorePermit {
    fn drop(&mut self) {
        self.semaphore.give(self.count);
    }
}

impl From<Refusal> for TryAcquireError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Closed => TryAcquireError::Closed,
            Refusal::NoPermits => TryAcquireError::NoPermits,
        }
    }
}

impl From<Refusal> for AcquireError {
    fn from(_: Refusal) -> Self {
        AcquireError(())
    }
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("semaphore closed")
    }
}

impl Error for AcquireError {}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryAcquireError::Closed => "semaphore closed",
            TryAcquireError::NoPermits => "no permits available",
        })
    }
}

impl Error for TryAcquireError {}
