//! A semaphore that can't be given more than was taken.
//!
//! The permits are counted as everywhere, in `permits`. Beside them stands the number of those that were taken and
//! [forgotten](BoundedPermit::forget): each may be given back once by hand. A permit that is still held is given
//! back by its drop, so giving it back by hand as well would be one too many: that is why what is held does not
//! count here.

use super::permits::Permits;
use super::semaphore::TryAcquireError;
use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::task::futurelock::What;
use crate::task::resource::{Change, Count, Resource};
use crate::task::unpolled::must_await;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// A [`Semaphore`](super::Semaphore) whose permits never become more than there were in the beginning: asyncio's
/// `BoundedSemaphore`.
///
/// A permit is given back by dropping what [`acquire`](Self::acquire) gave. Where taking and giving back are in
/// different places of the program, as with asyncio's `acquire()` and `release()`, [`forget`](BoundedPermit::forget)
/// the permit and [`release`](Self::release) it later. A release that nobody has a permit forgotten for is a
/// mistake, and an error.
///
/// # Examples
/// ```
/// use runtime::sync::BoundedSemaphore;
///
/// runtime::run(async {
///     let seats = BoundedSemaphore::new(2);
///     let permit = seats.acquire().await;
///     seats.acquire().await.forget();
///     assert_eq!(seats.available_permits(), 0);
///
///     assert!(seats.release().is_ok());
///     assert!(seats.release().is_err(), "the other one is still held");
///     drop(permit);
///     assert_eq!(seats.available_permits(), 2);
/// });
/// ```
pub struct BoundedSemaphore {
    permits: Permits,
    bound: usize,
    /// How many were taken and forgotten.
    forgotten: AtomicUsize,
    resource: Resource,
}

impl BoundedSemaphore {
    /// A semaphore with `permits` free permits. With 0, as in asyncio, nobody ever gets one: none can be added.
    ///
    /// # Panics
    /// If `permits` is more than [`Semaphore::MAX_PERMITS`](super::Semaphore::MAX_PERMITS).
    #[track_caller]
    pub fn new(permits: usize) -> Self {
        let semaphore = Self::with(permits, Resource::sync("BoundedSemaphore"));
        semaphore.resource.count(Count::Permits, Change::Set, permits);
        semaphore
    }

    crate::const_fn! {
        /// The same, for statics.
        ///
        /// # Panics
        /// As [`new`](Self::new).
        #[track_caller]
        pub const fn const_new(permits: usize) -> Self {
            Self::with(permits, Resource::none())
        }

        #[track_caller]
        const fn with(permits: usize, resource: Resource) -> Self {
            let (bound, forgotten) = (permits, AtomicUsize::new(0));
            BoundedSemaphore { permits: Permits::new(permits), bound, forgotten, resource }
        }
    }

    /// Waits for a permit, in turn.
    ///
    /// # Cancel safety
    /// A dropped wait loses its place in the queue, and no permit.
    #[track_caller]
    pub fn acquire(&self) -> impl Future<Output = BoundedPermit<'_>> {
        must_await("BoundedSemaphore::acquire", async move {
            self.resource.acquire("BoundedSemaphore::acquire", 1, self.take()).await;
            self.took();
            BoundedPermit { semaphore: self, is_forgotten: false }
        })
    }

    /// [`acquire`](Self::acquire) with a permit that may go anywhere.
    ///
    /// # Cancel safety
    /// As [`acquire`](Self::acquire).
    ///
    /// # Examples
    /// ```
    /// use runtime::sync::BoundedSemaphore;
    /// use std::sync::Arc;
    ///
    /// runtime::run(async {
    ///     let limit = Arc::new(BoundedSemaphore::new(1));
    ///     let permit = limit.clone().acquire_owned().await;
    ///     runtime::spawn(async move { drop(permit) }).await.unwrap();
    ///     assert_eq!(limit.available_permits(), 1);
    /// });
    /// ```
    #[track_caller]
    pub fn acquire_owned(self: Arc<Self>) -> impl Future<Output = OwnedBoundedPermit> {
        must_await("BoundedSemaphore::acquire_owned", async move {
            self.resource.acquire("BoundedSemaphore::acquire_owned", 1, self.take()).await;
            self.took();
            OwnedBoundedPermit { semaphore: self, is_forgotten: false }
        })
    }

    /// One permit was taken.
    fn took(&self) {
        self.resource.count(Count::Permits, Change::Sub, 1);
    }

    /// Gives one permit back.
    fn give(&self) {
        self.resource.count(Count::Permits, Change::Add, 1);
        self.permits.release(1);
    }

    async fn take(&self) {
        if self.permits.acquire(1, What::Semaphore).await.is_err() {
            unreachable!("nobody closes a bounded semaphore");
        }
    }

    /// Takes a permit if that needs no waiting.
    ///
    /// # Errors
    /// [`TryAcquireError::NoPermits`] if none is free or others wait.
    pub fn try_acquire(&self) -> Result<BoundedPermit<'_>, TryAcquireError> {
        self.permits.try_acquire(1)?;
        self.took();
        Ok(BoundedPermit { semaphore: self, is_forgotten: false })
    }

    /// [`try_acquire`](Self::try_acquire) with a permit that may go anywhere.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedBoundedPermit, TryAcquireError> {
        self.permits.try_acquire(1)?;
        self.took();
        Ok(OwnedBoundedPermit { semaphore: self, is_forgotten: false })
    }

    /// Gives a permit back that was [forgotten](BoundedPermit::forget); who waits gets it first.
    ///
    /// # Errors
    /// If no permit is forgotten: all are free, or held by somebody whose drop gives them back. Nothing is changed
    /// then.
    pub fn release(&self) -> Result<(), OverRelease> {
        // ORDER: Acquire; pairs with `forget`, whose permit this gives back.
        let one_less = |forgotten: usize| forgotten.checked_sub(1);
        let taken = self.forgotten.fetch_update(Ordering::Acquire, Ordering::Relaxed, one_less);
        taken.map_err(|_| OverRelease { bound: self.bound })?;
        self.give();
        Ok(())
    }

    /// How many permits somebody could get right now: none while others wait.
    pub fn available_permits(&self) -> usize {
        self.permits.free()
    }

    fn forget(&self) {
        // ORDER: Release; what was done with the permit is seen by who gets it after `release`.
        self.forgotten.fetch_add(1, Ordering::Release);
    }
}

impl fmt::Debug for BoundedSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedSemaphore")
            .field("permits", &self.available_permits())
            .field("bound", &self.bound)
            .finish()
    }
}

/// A permit of a [`BoundedSemaphore`], given back when this is dropped.
#[must_use = "the permit is given back at once if this is not kept"]
#[clippy::has_significant_drop]
#[derive(Debug)]
pub struct BoundedPermit<'a> {
    semaphore: &'a BoundedSemaphore,
    is_forgotten: bool,
}

/// A permit, by the short name: what [`BoundedSemaphore::acquire`] gives. (Room in a channel is
/// [`mpsc::Permit`](super::mpsc::Permit).)
pub type Permit<'a> = BoundedPermit<'a>;

impl BoundedPermit<'_> {
    /// Keeps the permit taken, until somebody calls [`BoundedSemaphore::release`].
    pub fn forget(mut self) {
        self.is_forgotten = true;
        self.semaphore.forget();
    }
}

impl Drop for BoundedPermit<'_> {
    fn drop(&mut self) {
        if !self.is_forgotten {
            self.semaphore.give();
        }
    }
}

/// Like [`BoundedPermit`], with an `Arc` instead of a lifetime.
#[must_use = "the permit is given back at once if this is not kept"]
#[clippy::has_significant_drop]
#[derive(Debug)]
pub struct OwnedBoundedPermit {
    semaphore: Arc<BoundedSemaphore>,
    is_forgotten: bool,
}

impl OwnedBoundedPermit {
    /// Keeps the permit taken, until somebody calls [`BoundedSemaphore::release`].
    pub fn forget(mut self) {
        self.is_forgotten = true;
        self.semaphore.forget();
    }
}

impl Drop for OwnedBoundedPermit {
    fn drop(&mut self) {
        if !self.is_forgotten {
            self.semaphore.give();
        }
    }
}

/// [`BoundedSemaphore::release`] was called although no permit was forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverRelease {
    bound: usize,
}

impl fmt::Display for OverRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = self.bound;
        write!(f, "released a permit that nobody has forgotten, of a bounded semaphore of {bound}")
    }
}

impl Error for OverRelease {}
