//! A [`Mutex`]'s value, and the guards through which one reaches it. Locking stands in `mutex`.
//!
//! # Invariants
//! - I1: `Mutex::value` is reached only by the holder of the one permit, or through `&mut` or ownership
//!   of the whole.
//! - I2: a guard holds that permit from its making to its drop; a guard made from another takes it over
//!   (the other one's `Drop` is skipped).
//! - I3: the pointer in a mapped guard came from the exclusive reference of the guard that it was made
//!   from, and lives as long as the mutex, which the guard borrows or owns a share of.

use super::permits::Permits;
use super::reentry::{Holders, Mode, Site};
use crate::primitive::UnsafeValueCell;
use crate::task::resource::{Flag, Resource};
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::Arc;

/// A lock that may be held across an `.await`, around a value.
///
/// Waiting is first in, first out, and unlocking hands the lock over: a task that unlocks and locks again
/// queues up behind those who wait. There is no poisoning: when a holder panics the lock is released and
/// the value is as the panic left it. For a lock held only for a moment and never across an `.await`,
/// `std::sync::Mutex` is the cheaper choice, also in async code.
///
/// # Examples
/// ```
/// use runtime_core::sync::Mutex;
///
/// # futures::executor::block_on(async {
/// let log = Mutex::new(Vec::new());
/// let mut guard = log.lock().await;
/// guard.push("locked");
/// std::future::ready(()).await;
/// guard.push("still locked");
/// drop(guard);
/// assert_eq!(log.into_inner().len(), 2);
/// # });
/// ```
///
/// What is locked can be shared between threads only if it may be sent between them:
/// ```compile_fail
/// fn assert_sync<T: Sync>() {}
/// assert_sync::<runtime_core::sync::Mutex<std::rc::Rc<()>>>();
/// ```
pub struct Mutex<T: ?Sized> {
    pub(super) lock: Lock,
    value: UnsafeValueCell<T>,
}

/// The part of a mutex that does not depend on its value.
#[derive(Debug)]
pub(super) struct Lock {
    pub(super) permit: Permits,
    pub(super) holders: Holders,
    pub(super) resource: Resource,
}

impl Lock {
    /// For who has just taken the permit (I2), at `site`.
    fn took(&self, site: Site) {
        let _ = self.holders.took(Mode::Exclusive, site);
        self.resource.set(Flag::Locked, true);
    }

    fn unlock(&self) {
        self.resource.set(Flag::Locked, false);
        self.holders.all_left();
        self.permit.release(1);
    }
}

// SAFETY: whoever has the mutex can move the value out of it, so T must be Send; nothing else is needed.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: I1: the value is reached by one thread at a time, so T need not be Sync.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    crate::const_fn! {
        /// An unlocked mutex, for statics.
        ///
        /// # Examples
        /// ```
        /// use runtime_core::sync::Mutex;
        ///
        /// static NAMES: Mutex<Vec<String>> = Mutex::const_new(Vec::new());
        /// assert!(NAMES.try_lock().unwrap().is_empty());
        /// ```
        pub const fn const_new(value: T) -> Self {
            Self::with(value, Resource::none())
        }

        pub(super) const fn with(value: T, resource: Resource) -> Self {
            let lock = Lock { permit: Permits::new(1), holders: Holders::none(), resource };
            Mutex { lock, value: UnsafeValueCell::new(value) }
        }
    }

    /// The value, taken out.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// The value, without locking: `&mut` proves that nobody else has it.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.with_mut(|value| {
            // SAFETY: I1: `self` is exclusive.
            unsafe { &mut *value }
        })
    }
}

/// Access to the value of a [`Mutex`]; dropping it unlocks.
///
/// It is `Send`, so that a task may hold it across an `.await`, and `Sync` only if the value is:
/// ```compile_fail
/// fn assert_sync<T: Sync>() {}
/// assert_sync::<runtime_core::sync::MutexGuard<'static, std::cell::Cell<u8>>>();
/// ```
#[must_use = "the mutex unlocks at once if the guard is not kept"]
#[clippy::has_significant_drop]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    /// The guard is Send and Sync when `&mut T` is, not when `&Mutex<T>` is.
    _value: PhantomData<&'a mut T>,
}

/// Like [`MutexGuard`], with an `Arc` instead of a lifetime.
///
/// ```compile_fail
/// fn assert_sync<T: Sync>() {}
/// assert_sync::<runtime_core::sync::OwnedMutexGuard<std::cell::Cell<u8>>>();
/// ```
#[must_use = "the mutex unlocks at once if the guard is not kept"]
#[clippy::has_significant_drop]
pub struct OwnedMutexGuard<T: ?Sized> {
    mutex: Arc<Mutex<T>>,
    /// As in `MutexGuard`.
    _value: PhantomData<Box<T>>,
}

/// Access to a part of the value of a [`Mutex`], from [`MutexGuard::map`]; dropping it unlocks.
///
/// ```compile_fail
/// fn assert_send<T: Send>() {}
/// assert_send::<runtime_core::sync::MappedMutexGuard<'static, std::rc::Rc<()>>>();
/// ```
#[must_use = "the mutex unlocks at once if the guard is not kept"]
#[clippy::has_significant_drop]
pub struct MappedMutexGuard<'a, T: ?Sized> {
    lock: &'a Lock,
    part: *mut T,
    _part: PhantomData<&'a mut T>,
}

// SAFETY: I3: it is an exclusive reference to T, and unlocking works from any thread.
unsafe impl<T: ?Sized + Send> Send for MappedMutexGuard<'_, T> {}
// SAFETY: shared, it gives out shared references to T only.
unsafe impl<T: ?Sized + Sync> Sync for MappedMutexGuard<'_, T> {}

/// Access to a part `U` of the value of a `Mutex<T>`, from [`OwnedMutexGuard::map`]; dropping it unlocks.
#[must_use = "the mutex unlocks at once if the guard is not kept"]
#[clippy::has_significant_drop]
pub struct OwnedMappedMutexGuard<T: ?Sized, U: ?Sized = T> {
    mutex: Arc<Mutex<T>>,
    part: *mut U,
    _part: PhantomData<Box<U>>,
}

// SAFETY: I3: an exclusive reference to U, and a share of the mutex, which may drop T elsewhere.
unsafe impl<T: ?Sized + Send, U: ?Sized + Send> Send for OwnedMappedMutexGuard<T, U> {}
// SAFETY: shared, it gives out shared references to U; nothing reaches T through it while it is locked.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Sync for OwnedMappedMutexGuard<T, U> {}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// For who has just taken the permit (I2), at `site`.
    pub(super) fn new(mutex: &'a Mutex<T>, site: Site) -> Self {
        mutex.lock.took(site);
        MutexGuard { mutex, _value: PhantomData }
    }

    /// Narrows the guard to a part of the value. The lock stays held.
    ///
    /// An associated function: `MutexGuard::map(guard, …)`, so that it hides no method of the value.
    ///
    /// # Examples
    /// ```
    /// use runtime_core::sync::{Mutex, MutexGuard};
    ///
    /// let pair = Mutex::new((1, "one"));
    /// let mut number = MutexGuard::map(pair.try_lock().unwrap(), |pair| &mut pair.0);
    /// *number += 1;
    /// assert!(pair.try_lock().is_err());
    /// drop(number);
    /// assert_eq!(pair.try_lock().unwrap().0, 2);
    /// ```
    pub fn map<U: ?Sized>(mut this: Self, f: impl FnOnce(&mut T) -> &mut U) -> MappedMutexGuard<'a, U> {
        let part = ptr::from_mut(f(&mut this));
        let this = ManuallyDrop::new(this);
        MappedMutexGuard { lock: &this.mutex.lock, part, _part: PhantomData }
    }

    /// Narrows the guard to a part of the value that may not be there.
    ///
    /// # Errors
    /// The guard itself, if `f` gives `None`.
    pub fn try_map<U: ?Sized>(
        mut this: Self,
        f: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<MappedMutexGuard<'a, U>, Self> {
        let Some(part) = f(&mut this).map(ptr::from_mut) else { return Err(this) };
        let this = ManuallyDrop::new(this);
        Ok(MappedMutexGuard { lock: &this.mutex.lock, part, _part: PhantomData })
    }

    /// The mutex that this locks.
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.mutex
    }
}

impl<T: ?Sized> OwnedMutexGuard<T> {
    /// For who has just taken the permit (I2), at `site`.
    pub(super) fn new(mutex: Arc<Mutex<T>>, site: Site) -> Self {
        mutex.lock.took(site);
        OwnedMutexGuard { mutex, _value: PhantomData }
    }

    /// The share of the mutex, without unlocking (I2: the permit goes to the caller).
    fn into_mutex(self) -> Arc<Mutex<T>> {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used or dropped any more.
        unsafe { ptr::read(&this.mutex) }
    }

    /// Narrows the guard to a part of the value. The lock stays held.
    pub fn map<U: ?Sized>(mut this: Self, f: impl FnOnce(&mut T) -> &mut U) -> OwnedMappedMutexGuard<T, U> {
        let part = ptr::from_mut(f(&mut this));
        OwnedMappedMutexGuard { mutex: this.into_mutex(), part, _part: PhantomData }
    }

    /// Narrows the guard to a part of the value that may not be there.
    ///
    /// # Errors
    /// The guard itself, if `f` gives `None`.
    pub fn try_map<U: ?Sized>(
        mut this: Self,
        f: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<OwnedMappedMutexGuard<T, U>, Self> {
        let Some(part) = f(&mut this).map(ptr::from_mut) else { return Err(this) };
        Ok(OwnedMappedMutexGuard { mutex: this.into_mutex(), part, _part: PhantomData })
    }

    /// The mutex that this locks.
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        &this.mutex
    }
}

impl<'a, T: ?Sized> MappedMutexGuard<'a, T> {
    /// Narrows the guard further.
    pub fn map<U: ?Sized>(mut this: Self, f: impl FnOnce(&mut T) -> &mut U) -> MappedMutexGuard<'a, U> {
        let part = ptr::from_mut(f(&mut this));
        let this = ManuallyDrop::new(this);
        MappedMutexGuard { lock: this.lock, part, _part: PhantomData }
    }

    /// Narrows the guard further, to a part that may not be there.
    ///
    /// # Errors
    /// The guard itself, if `f` gives `None`.
    pub fn try_map<U: ?Sized>(
        mut this: Self,
        f: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<MappedMutexGuard<'a, U>, Self> {
        let Some(part) = f(&mut this).map(ptr::from_mut) else { return Err(this) };
        let this = ManuallyDrop::new(this);
        Ok(MappedMutexGuard { lock: this.lock, part, _part: PhantomData })
    }
}

impl<T: ?Sized, U: ?Sized> OwnedMappedMutexGuard<T, U> {
    /// The share of the mutex, without unlocking (I2: the permit goes to the caller).
    fn into_mutex(self) -> Arc<Mutex<T>> {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used or dropped any more.
        unsafe { ptr::read(&this.mutex) }
    }

    /// Narrows the guard further.
    pub fn map<S: ?Sized>(mut this: Self, f: impl FnOnce(&mut U) -> &mut S) -> OwnedMappedMutexGuard<T, S> {
        let part = ptr::from_mut(f(&mut this));
        OwnedMappedMutexGuard { mutex: this.into_mutex(), part, _part: PhantomData }
    }

    /// Narrows the guard further, to a part that may not be there.
    ///
    /// # Errors
    /// The guard itself, if `f` gives `None`.
    pub fn try_map<S: ?Sized>(
        mut this: Self,
        f: impl FnOnce(&mut U) -> Option<&mut S>,
    ) -> Result<OwnedMappedMutexGuard<T, S>, Self> {
        let Some(part) = f(&mut this).map(ptr::from_mut) else { return Err(this) };
        Ok(OwnedMappedMutexGuard { mutex: this.into_mutex(), part, _part: PhantomData })
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.mutex.value.with(|value| {
            // SAFETY: I1, I2.
            unsafe { &*value }
        })
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.mutex.value.with_mut(|value| {
            // SAFETY: I1, I2, and `self` is exclusive.
            unsafe { &mut *value }
        })
    }
}

impl<T: ?Sized> Deref for OwnedMutexGuard<T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.mutex.value.with(|value| {
            // SAFETY: I1, I2.
            unsafe { &*value }
        })
    }
}

impl<T: ?Sized> DerefMut for OwnedMutexGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.mutex.value.with_mut(|value| {
            // SAFETY: I1, I2, and `self` is exclusive.
            unsafe { &mut *value }
        })
    }
}

impl<T: ?Sized> Deref for MappedMutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: I3.
        unsafe { &*self.part }
    }
}

impl<T: ?Sized> DerefMut for MappedMutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: I3, and `self` is exclusive.
        unsafe { &mut *self.part }
    }
}

impl<T: ?Sized, U: ?Sized> Deref for OwnedMappedMutexGuard<T, U> {
    type Target = U;
    fn deref(&self) -> &U {
        // SAFETY: I3.
        unsafe { &*self.part }
    }
}

impl<T: ?Sized, U: ?Sized> DerefMut for OwnedMappedMutexGuard<T, U> {
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: I3, and `self` is exclusive.
        unsafe { &mut *self.part }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        self.mutex.lock.unlock();
    }
}

impl<T: ?Sized> Drop for OwnedMutexGuard<T> {
    fn drop(&mut self) {
        self.mutex.lock.unlock();
    }
}

impl<T: ?Sized> Drop for MappedMutexGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.unlock();
    }
}

impl<T: ?Sized, U: ?Sized> Drop for OwnedMappedMutexGuard<T, U> {
    fn drop(&mut self) {
        self.mutex.lock.unlock();
    }
}

/// `Debug` and `Display` of a guard are those of what it guards.
macro_rules! format_as_target {
    ($($guard:ident<$($lifetime:lifetime,)? $($other:ident,)? [$target:ident]>)+) => {$(
        impl<$($other: ?Sized,)? $target: ?Sized + fmt::Debug> fmt::Debug for $guard<$($lifetime,)? $($other,)? $target> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }
        impl<$($other: ?Sized,)? $target: ?Sized + fmt::Display> fmt::Display for $guard<$($lifetime,)? $($other,)? $target> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }
    )+};
}
pub(super) use format_as_target;

format_as_target! {
    MutexGuard<'_, [T]>
    OwnedMutexGuard<[T]>
    MappedMutexGuard<'_, [T]>
    OwnedMappedMutexGuard<T, [U]>
}
