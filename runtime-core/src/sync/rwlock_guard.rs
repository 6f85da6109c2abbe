//! A [`RwLock`]'s value, and the guards that borrow the lock. Locking stands in `rwlock`, guards with an `Arc` in
//! `rwlock_owned`.
//!
//! # Invariants
//! - I1: `RwLock::value` is reached by who holds all permits, exclusively; by who holds one, shared; or through
//!   `&mut` or ownership of the whole.
//! - I2: a guard's [`Claim`] holds its permits from its making to its drop. Claims are moved between guards; only
//!   `downgrade` makes one smaller, and then the guard becomes one for reading.
//! - I3: `part` of a guard points to the value, or into it through a reference that the guard gave out, shared or
//!   exclusive as the guard is; it lives as long as the lock, which the claim borrows.
//! - I4: there is at least one permit, so a writer excludes writers.

use super::fault::{Fault, planted};
use super::mutex_guard::format_as_target;
use super::permits::Permits;
use super::reentry::{Hold, Holders, Mode, Site};
use crate::primitive::UnsafeValueCell;
use crate::task::resource::{Change, Count, Flag, Resource};
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr;

/// Readers of a lock that sets no bound itself; as in tokio.
pub(super) const READERS_MAX: u32 = u32::MAX >> 3;

/// A value that many may read at a time, or one may change, with guards that may be held across an `.await`.
///
/// Access is given first come, first served: a reader waits behind a writer that came before it, though others
/// are reading. So a stream of readers never keeps a writer out. There is no poisoning: when a holder panics the
/// lock is released and the value is as the panic left it.
///
/// # Examples
/// ```
/// use runtime::sync::RwLock;
///
/// runtime::run(async {
///     let routes = RwLock::new(vec!["/"]);
///     {
///         let (one, other) = (routes.read().await, routes.read().await);
///         assert_eq!(one.len() + other.len(), 2);
///     }
///     routes.write().await.push("/about");
///     assert_eq!(routes.read().await.len(), 2);
/// });
/// ```
pub struct RwLock<T: ?Sized> {
    pub(super) core: Core,
    value: UnsafeValueCell<T>,
}

// SAFETY: whoever has the lock can move the value out of it, so T must be Send; nothing else is needed.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: I1: readers share it between threads, so T must be Sync; a writer may move it out, so it must be Send.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

/// The part of a lock that does not depend on its value.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) permits: Permits,
    /// How many permits there are.
    pub(super) all: usize,
    pub(super) holders: Holders,
    pub(super) resource: Resource,
}

impl Core {
    /// How many permits `mode` needs.
    pub(super) fn count(&self, mode: Mode) -> usize {
        match mode {
            Mode::Shared => 1,
            Mode::Exclusive => self.all,
        }
    }

    /// For who has just taken the permits for `mode`, at `site` (I2).
    pub(super) fn took(&self, mode: Mode, site: Site) -> Share {
        let share = Share { count: self.count(mode), hold: self.holders.took(mode, site) };
        self.tell(&share, true);
        share
    }

    /// Tells who looks from outside that `share` is held, or no longer. The only reader that there may be is like a writer.
    fn tell(&self, share: &Share, is_held: bool) {
        if share.count == self.all {
            self.resource.set(Flag::WriteLocked, is_held);
        } else {
            let change = if is_held { Change::Add } else { Change::Sub };
            self.resource.count(Count::CurrentReaders, change, 1);
        }
    }

    /// Keeps one permit of all in `share`.
    pub(super) fn downgrade(&self, share: &mut Share) {
        self.tell(share, false);
        let held = std::mem::replace(&mut share.count, 1);
        self.tell(share, true);
        self.holders.downgraded(&share.hold);
        self.permits.release(if planted(Fault::DowngradeGivesAll) { held } else { held - 1 });
    }

    /// Gives the permits of `share` back; it is dropped.
    pub(super) fn give_back(&self, share: &Share) {
        self.tell(share, false);
        self.holders.left(&share.hold);
        self.permits.release(share.count);
    }
}

/// The permits that a guard holds.
#[derive(Debug)]
pub(super) struct Share {
    count: usize,
    hold: Hold,
}

/// They are given back on drop.
#[derive(Debug)]
struct Claim<'a> {
    core: &'a Core,
    share: Share,
}

impl<'a> Claim<'a> {
    fn new(core: &'a Core, mode: Mode, site: Site) -> Self {
        Claim { core, share: core.took(mode, site) }
    }

    fn downgrade(&mut self) {
        self.core.downgrade(&mut self.share);
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.core.give_back(&self.share);
    }
}

impl<T> RwLock<T> {
    crate::const_fn! {
        /// An unlocked lock, for statics.
        ///
        /// # Examples
        /// ```
        /// use runtime::sync::RwLock;
        ///
        /// static NAMES: RwLock<Vec<String>> = RwLock::const_new(Vec::new());
        /// assert!(NAMES.try_read().unwrap().is_empty());
        /// ```
        pub const fn const_new(value: T) -> Self {
            Self::const_with_max_readers(value, READERS_MAX)
        }

        /// [`with_max_readers`](Self::with_max_readers), for statics.
        ///
        /// # Panics
        /// If `readers_max` is 0, or more than `u32::MAX >> 3`.
        #[track_caller]
        pub const fn const_with_max_readers(value: T, readers_max: u32) -> Self {
            Self::with(value, readers_max, Resource::none())
        }

        #[track_caller]
        pub(super) const fn with(value: T, readers_max: u32, resource: Resource) -> Self {
            // I4. With no permits, a writer would take none, and two would write.
            assert!(readers_max > 0, "a `RwLock` must allow at least one reader");
            assert!(readers_max <= READERS_MAX, "a `RwLock` may not allow more than `u32::MAX >> 3` readers");
            let all = readers_max as usize;
            let core = Core { permits: Permits::new(all), all, holders: Holders::none(), resource };
            RwLock { core, value: UnsafeValueCell::new(value) }
        }
    }

    /// The value, taken out.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// The value, without locking: `&mut` proves that nobody else has it.
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: I1: `self` is exclusive.
        unsafe { &mut *self.value() }
    }

    /// Where the value is.
    pub(super) fn value(&self) -> *mut T {
        self.value.with_mut(|value| value)
    }
}

/// Shared access to the value of a [`RwLock`], or to a part of it; dropping it gives the access back.
#[must_use = "the lock is released at once if the guard is not kept"]
#[clippy::has_significant_drop]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    claim: Claim<'a>,
    part: *const T,
    _part: PhantomData<&'a T>,
}

// SAFETY: I3: it is a shared reference, and giving back works from any thread.
unsafe impl<T: ?Sized + Sync> Send for RwLockReadGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Sync> Sync for RwLockReadGuard<'_, T> {}

/// Exclusive access to the value of a [`RwLock`]; dropping it gives the access back.
#[must_use = "the lock is released at once if the guard is not kept"]
#[clippy::has_significant_drop]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    claim: Claim<'a>,
    part: *mut T,
    _part: PhantomData<&'a mut T>,
}

// SAFETY: I3: an exclusive reference, so T must be Send; and Sync, since it may become a shared one, beside which
// others may arise on the thread that it came from.
unsafe impl<T: ?Sized + Send + Sync> Send for RwLockWriteGuard<'_, T> {}
// SAFETY: shared, it gives out shared references only.
unsafe impl<T: ?Sized + Sync> Sync for RwLockWriteGuard<'_, T> {}

/// Exclusive access to a part of the value of a [`RwLock`], from [`RwLockWriteGuard::map`]. It can't become a
/// guard for reading.
#[must_use = "the lock is released at once if the guard is not kept"]
#[clippy::has_significant_drop]
pub struct RwLockMappedWriteGuard<'a, T: ?Sized> {
    claim: Claim<'a>,
    part: *mut T,
    _part: PhantomData<&'a mut T>,
}

// SAFETY: I3: an exclusive reference that stays one, and giving back works from any thread.
unsafe impl<T: ?Sized + Send> Send for RwLockMappedWriteGuard<'_, T> {}
// SAFETY: shared, it gives out shared references only.
unsafe impl<T: ?Sized + Sync> Sync for RwLockMappedWriteGuard<'_, T> {}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// For who has just taken a permit (I2), at `site`.
    pub(super) fn new(lock: &'a RwLock<T>, site: Site) -> Self {
        let claim = Claim::new(&lock.core, Mode::Shared, site);
        RwLockReadGuard { claim, part: lock.value(), _part: PhantomData }
    }

    /// Narrows the guard to a part of the value.
    ///
    /// An associated function: `RwLockReadGuard::map(guard, …)`, so that it hides no method of the value.
    ///
    /// # Examples
    /// ```
    /// use runtime::sync::{RwLock, RwLockReadGuard};
    ///
    /// let pair = RwLock::new((1, "one"));
    /// let name = RwLockReadGuard::map(pair.try_read().unwrap(), |pair| pair.1);
    /// assert_eq!(&*name, "one");
    /// ```
    pub fn map<U: ?Sized>(this: Self, f: impl FnOnce(&T) -> &U) -> RwLockReadGuard<'a, U> {
        let part = ptr::from_ref(f(&this));
        RwLockReadGuard { claim: this.claim, part, _part: PhantomData }
    }

    /// Narrows the guard to a part of the value that may not be there.
    ///
    /// # Errors
    /// The guard itself, if `f` gives `None`.
    pub fn try_map<U: ?Sized>(
        this: Self,
        f: impl FnOnce(&T) -> Option<&U>,
    ) -> Result<RwLockReadGuard<'a, U>, Self> {
        let Some(part) = f(&this).map(ptr::from_ref) else { return Err(this) };
        Ok(RwLockReadGuard { claim: this.claim, part, _part: PhantomData })
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// For who has just taken all permits (I2), at `site`.
    pub(super) fn new(lock: &'a RwLock<T>, site: Site) -> Self {
        let claim = Claim::new(&lock.core, Mode::Exclusive, site);
        RwLockWriteGuard { claim, part: lock.value(), _part: PhantomData }
    }

    /// Narrows the guard to a part of the value. The access stays exclusive.
    ///
    /// An associated function: `RwLockWriteGuard::map(guard, …)`, so that it hides no method of the value.
    ///
    /// # Examples
    /// ```
    /// use runtime::sync::{RwLock, RwLockWriteGuard};
    ///
    /// let pair = RwLock::new((1, "one"));
    /// let mut number = RwLockWriteGuard::map(pair.try_write().unwrap(), |pair| &mut pair.0);
    /// *number += 1;
    /// drop(number);
    /// assert_eq!(pair.into_inner().0, 2);
    /// ```
    pub fn map<U: ?Sized>(mut this: Self, f: impl FnOnce(&mut T) -> &mut U) -> RwLockMappedWriteGuard<'a, U> {
        let part = ptr::from_mut(f(&mut this));
        RwLockMappedWriteGuard { claim: this.claim, part, _part: PhantomData }
    }

    /// Narrows the guard to a part of the value that may not be there.
    ///
    /// # Errors
    /// The guard itself, if `f` gives `None`.
    pub fn try_map<U: ?Sized>(
        mut this: Self,
        f: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<RwLockMappedWriteGuard<'a, U>, Self> {
        let Some(part) = f(&mut this).map(ptr::from_mut) else { return Err(this) };
        Ok(RwLockMappedWriteGuard { claim: this.claim, part, _part: PhantomData })
    }

    /// Turns the guard into one like [`map`](Self::map)'s, for the whole value.
    pub fn into_mapped(this: Self) -> RwLockMappedWriteGuard<'a, T> {
        RwLockMappedWriteGuard { claim: this.claim, part: this.part, _part: PhantomData }
    }

    /// Turns the exclusive access into shared access. Nobody else writes in between.
    ///
    /// # Examples
    /// ```
    /// let lock = runtime::sync::RwLock::new(1);
    /// let mut writing = lock.try_write().unwrap();
    /// *writing += 1;
    /// let reading = writing.downgrade();
    /// assert_eq!((*reading, *lock.try_read().unwrap()), (2, 2));
    /// assert!(lock.try_write().is_err());
    /// ```
    pub fn downgrade(self) -> RwLockReadGuard<'a, T> {
        Self::downgrade_map(self, |value| value)
    }

    /// [`downgrade`](Self::downgrade) to a part of the value.
    ///
    /// `f` is called while the access is exclusive still.
    pub fn downgrade_map<U: ?Sized>(this: Self, f: impl FnOnce(&T) -> &U) -> RwLockReadGuard<'a, U> {
        let part = ptr::from_ref(f(&this));
        let mut claim = this.claim;
        claim.downgrade();
        RwLockReadGuard { claim, part, _part: PhantomData }
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
    ) -> Result<RwLockReadGuard<'a, U>, Self> {
        let Some(part) = f(&this).map(ptr::from_ref) else { return Err(this) };
        let mut claim = this.claim;
        claim.downgrade();
        Ok(RwLockReadGuard { claim, part, _part: PhantomData })
    }
}

impl<'a, T: ?Sized> RwLockMappedWriteGuard<'a, T> {
    /// Narrows the guard further.
    pub fn map<U: ?Sized>(mut this: Self, f: impl FnOnce(&mut T) -> &mut U) -> RwLockMappedWriteGuard<'a, U> {
        let part = ptr::from_mut(f(&mut this));
        RwLockMappedWriteGuard { claim: this.claim, part, _part: PhantomData }
    }

    /// Narrows the guard further, to a part that may not be there.
    ///
    /// # Errors
    /// The guard itself, if `f` gives `None`.
    pub fn try_map<U: ?Sized>(
        mut this: Self,
        f: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<RwLockMappedWriteGuard<'a, U>, Self> {
        let Some(part) = f(&mut this).map(ptr::from_mut) else { return Err(this) };
        Ok(RwLockMappedWriteGuard { claim: this.claim, part, _part: PhantomData })
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: I1, I3.
        unsafe { &*self.part }
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: I1, I3.
        unsafe { &*self.part }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: I1, I3, and `self` is exclusive.
        unsafe { &mut *self.part }
    }
}

impl<T: ?Sized> Deref for RwLockMappedWriteGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: I1, I3.
        unsafe { &*self.part }
    }
}

impl<T: ?Sized> DerefMut for RwLockMappedWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: I1, I3, and `self` is exclusive.
        unsafe { &mut *self.part }
    }
}

format_as_target! {
    RwLockReadGuard<'_, [T]>
    RwLockWriteGuard<'_, [T]>
    RwLockMappedWriteGuard<'_, [T]>
}
