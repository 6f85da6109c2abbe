//! The guards of a [`RwLock`] that hold an `Arc` of it instead of borrowing it.
//!
//! # Invariants
//! - I1 to I4 of `rwlock_guard` hold for the guards here, too.
//! - I5: `part` points into the value of the lock whose `Arc` is in the claim beside it, which keeps it alive and
//!   in place.

use super::mutex_guard::format_as_target;
use super::reentry::{Mode, Site};
use super::rwlock_guard::{RwLock, Share};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::Arc;

/// Permits of a lock, given back on drop.
#[derive(Debug)]
struct Claim<T: ?Sized> {
    lock: Arc<RwLock<T>>,
    share: Share,
}

impl<T: ?Sized> Claim<T> {
    fn new(lock: Arc<RwLock<T>>, mode: Mode, site: Site) -> Self {
        let share = lock.core.took(mode, site);
        Claim { lock, share }
    }

    fn downgrade(&mut self) {
        self.lock.core.downgrade(&mut self.share);
    }
}

impl<T: ?Sized> Drop for Claim<T> {
    fn drop(&mut self) {
        self.lock.core.give_back(&self.share);
    }
}

/// Like [`RwLockReadGuard`](super::RwLockReadGuard), with an `Arc` instead of a lifetime: shared access to a part
/// `U` of the value of a `RwLock<T>`, or to all of it.
#[must_use = "the lock is released at once if the guard is not kept"]
#[clippy::has_significant_drop]
pub struct OwnedRwLockReadGuard<T: ?Sized, U: ?Sized = T> {
    claim: Claim<T>,
    part: *const U,
    _part: PhantomData<Box<U>>,
}

// SAFETY: I5: a shared reference to U, and a share of the lock, which may drop T elsewhere.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Sync> Send for OwnedRwLockReadGuard<T, U> {}
// SAFETY: as above; shared, it gives out shares of the lock.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Sync> Sync for OwnedRwLockReadGuard<T, U> {}

/// Like [`RwLockWriteGuard`](super::RwLockWriteGuard), with an `Arc` instead of a lifetime.
#[must_use = "the lock is released at once if the guard is not kept"]
#[clippy::has_significant_drop]
pub struct OwnedRwLockWriteGuard<T: ?Sized> {
    claim: Claim<T>,
    part: *mut T,
    _part: PhantomData<Box<T>>,
}

// SAFETY: I5: an exclusive reference that may become a shared one, and a share of the lock.
unsafe impl<T: ?Sized + Send + Sync> Send for OwnedRwLockWriteGuard<T> {}
// SAFETY: shared, it gives out shared references, and shares of the lock.
unsafe impl<T: ?Sized + Send + Sync> Sync for OwnedRwLockWriteGuard<T> {}

/// Like [`RwLockMappedWriteGuard`](super::RwLockMappedWriteGuard), with an `Arc` instead of a lifetime: exclusive
/// access to a part `U` of the value of a `RwLock<T>`.
#[must_use = "the lock is released at once if the guard is not kept"]
#[clippy::has_significant_drop]
pub struct OwnedRwLockMappedWriteGuard<T: ?Sized, U: ?Sized = T> {
    claim: Claim<T>,
    part: *mut U,
    _part: PhantomData<Box<U>>,
}

// SAFETY: I5: an exclusive reference to U that stays one, and a share of the lock.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send> Send for OwnedRwLockMappedWriteGuard<T, U> {}
// SAFETY: shared, it gives out shared references to U, and shares of the lock.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Sync> Sync for OwnedRwLockMappedWriteGuard<T, U> {}

impl<T: ?Sized> OwnedRwLockReadGuard<T> {
    /// For who has just taken a permit (I2), at `site`.
    pub(super) fn new(lock: Arc<RwLock<T>>, site: Site) -> Self {
        let part = lock.value();
        OwnedRwLockReadGuard { claim: Claim::new(lock, Mode::Shared, site), part, _part: PhantomData }
    }
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockReadGuard<T, U> {
    /// Narrows the guard to a part of what it gives access to.
    ///
    /// # Examples
    /// ```
    /// use runtime::sync::{OwnedRwLockReadGuard, RwLock};
    /// use std::sync::Arc;
    ///
    /// let pair = Arc::new(RwLock::new((1, "one".to_owned())));
    /// let name = OwnedRwLockReadGuard::map(pair.try_read_owned().unwrap(), |pair| &pair.1);
    /// assert_eq!(*name, "one");
    /// ```
    pub fn map<V: ?Sized>(this: Self, f: impl FnOnce(&U) -> &V) -> OwnedRwLockReadGuard<T, V> {
        let part = ptr::from_ref(f(&this));
        OwnedRwLockReadGuard { claim: this.claim, part, _part: PhantomData }
    }

    /// Narrows the guard to a part that may not be there.
    ///
    /// # Errors
    /// The guard itself, if `f` gives `None`.
    pub fn try_map<V: ?Sized>(
        this: Self,
        f: impl FnOnce(&U) -> Option<&V>,
    ) -> Result<OwnedRwLockReadGuard<T, V>, Self> {
        let Some(part) = f(&this).map(ptr::from_ref) else { return Err(this) };
        Ok(OwnedRwLockReadGuard { claim: this.claim, part, _part: PhantomData })
    }

    /// The lock that this reads.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.claim.lock
    }
}

impl<T: ?Sized> OwnedRwLockWriteGuard<T> {
    /// For who has just taken all permits (I2), at `site`.
    pub(super) fn new(lock: Arc<RwLock<T>>, site: Site) -> Self {
        let part = lock.value();
        OwnedRwLockWriteGuard { claim: Claim::new(lock, Mode::Exclusive, site), part, _part: PhantomData }
    }

    /// Narrows the guard to a part of the value. The access stays exclusive.
    pub fn map<U: ?Sized>(
        mut this: Self,
        f: impl FnOnce(&mut T) -> &mut U,
    ) -> OwnedRwLockMappedWriteGuard<T, U> {
        let part = ptr::from_mut(f(&mut this));
        OwnedRwLockMappedWriteGuard { claim: this.claim, part, _part: PhantomData }
    }

    /// Narrows the guard to a part of the value that may not be there.
    ///
    /// # Errors
    /// The guard itself, if `f` gives `None`.
    pub fn try_map<U: ?Sized>(
        mut this: Self,
        f: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<OwnedRwLockMappedWriteGuard<T, U>, Self> {
        let Some(part) = f(&mut this).map(ptr::from_mut) else { return Err(this) };
        Ok(OwnedRwLockMappedWriteGuard { claim: this.claim, part, _part: PhantomData })
    }

    /// Turns the guard into one like [`map`](Self::map)'s, for the whole value.
    pub fn into_mapped(this: Self) -> OwnedRwLockMappedWriteGuard<T> {
        OwnedRwLockMappedWriteGuard { claim: this.claim, part: this.part, _part: PhantomData }
    }

    /// Turns the exclusive access into shared access. Nobody else writes in between.
    pub fn downgrade(self) -> OwnedRwLockReadGuard<T> {
        Self::downgrade_map(self, |value| value)
    }

    /// [`downgrade`](Self::downgrade) to a part of the value.
    ///
    /// `f` is called while the access is exclusive still.
    pub fn downgrade_map<U: ?Sized>(this: Self, f: impl FnOnce(&T) -> &U) -> OwnedRwLockReadGuard<T, U> {
        let part = ptr::from_ref(f(&this));
        let mut claim = this.claim;
        claim.downgrade();
        OwnedRwLockReadGuard { claim, part, _part: PhantomData }
    }

    /// [`downgrade`](Self::downgrade) to a part of the value that may not be there.
    ///
    /// `f` is called while the access is exclusive still.
    ///
    /// # Errors
    /// The guard itself, exclusive as before, if `f` gives `None`.
    pub fn try_downgrade_map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&T) -> Option<&U>,
    ) -> Result<OwnedRwLockReadGuard<T, U>, Self> {
        let Some(part) = f(&this).map(ptr::from_ref) else { return Err(this) };
        let mut claim = this.claim;
        claim.downgrade();
        Ok(OwnedRwLockReadGuard { claim, part, _part: PhantomData })
    }

    /// The lock that this writes.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.claim.lock
    }
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockMappedWriteGuard<T, U> {
    /// Narrows the guard further.
    pub fn map<V: ?Sized>(
        mut this: Self,
        f: impl FnOnce(&mut U) -> &mut V,
    ) -> OwnedRwLockMappedWriteGuard<T, V> {
        let part = ptr::from_mut(f(&mut this));
        OwnedRwLockMappedWriteGuard { claim: this.claim, part, _part: PhantomData }
    }

    /// Narrows the guard further, to a part that may not be there.
    ///
    /// # Errors
    /// The guard itself, if `f` gives `None`.
    pub fn try_map<V: ?Sized>(
        mut this: Self,
        f: impl FnOnce(&mut U) -> Option<&mut V>,
    ) -> Result<OwnedRwLockMappedWriteGuard<T, V>, Self> {
        let Some(part) = f(&mut this).map(ptr::from_mut) else { return Err(this) };
        Ok(OwnedRwLockMappedWriteGuard { claim: this.claim, part, _part: PhantomData })
    }

    /// The lock that this writes.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.claim.lock
    }
}

impl<T: ?Sized, U: ?Sized> Deref for OwnedRwLockReadGuard<T, U> {
    type Target = U;
    fn deref(&self) -> &U {
        // SAFETY: I1, I5.
        unsafe { &*self.part }
    }
}

impl<T: ?Sized> Deref for OwnedRwLockWriteGuard<T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: I1, I5.
        unsafe { &*self.part }
    }
}

impl<T: ?Sized> DerefMut for OwnedRwLockWriteGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: I1, I5, and `self` is exclusive.
        unsafe { &mut *self.part }
    }
}

impl<T: ?Sized, U: ?Sized> Deref for OwnedRwLockMappedWriteGuard<T, U> {
    type Target = U;
    fn deref(&self) -> &U {
        // SAFETY: I1, I5.
        unsafe { &*self.part }
    }
}

impl<T: ?Sized, U: ?Sized> DerefMut for OwnedRwLockMappedWriteGuard<T, U> {
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: I1, I5, and `self` is exclusive.
        unsafe { &mut *self.part }
    }
}

format_as_target! {
    OwnedRwLockReadGuard<T, [U]>
    OwnedRwLockWriteGuard<[T]>
    OwnedRwLockMappedWriteGuard<T, [U]>
}
