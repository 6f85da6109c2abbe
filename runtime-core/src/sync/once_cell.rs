//! A cell that is filled once, by whoever comes first.
//!
//! One permit is the right to fill the cell. Who has filled it closes the permits, so "closed" means "full", and
//! those who wait for the permit are told by the same move.
//!
//! # Invariants
//! - I1: while the permits are not closed, `value` is touched only by who holds the permit, or through `&mut` or
//!   ownership of the whole.
//! - I2: they are closed by the holder after it has put `Some` there, or were so from the beginning with `Some` in
//!   it. From then on `value` is only read, except through `&mut` or ownership.

use super::fault::{Fault, planted};
use super::permits::{Permits, Refusal};
use crate::primitive::UnsafeValueCell;
use crate::task::futurelock::What;
use crate::task::unpolled::must_await;
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::mem;

/// A cell that is filled once, by an async initialisation if need be; then it is read without waiting.
///
/// # Examples
/// ```
/// use runtime::sync::OnceCell;
///
/// static CONFIG: OnceCell<String> = OnceCell::const_new();
///
/// async fn config() -> &'static str {
///     CONFIG.get_or_init(|| async { "loaded once".to_owned() }).await
/// }
///
/// runtime::run(async {
///     assert_eq!(config().await, "loaded once");
///     assert_eq!(CONFIG.get().map(String::as_str), Some("loaded once"));
/// });
/// ```
pub struct OnceCell<T> {
    permit: Permits,
    value: UnsafeValueCell<Option<T>>,
}

// SAFETY: whoever has the cell can move the value out of it.
unsafe impl<T: Send> Send for OnceCell<T> {}
// SAFETY: it is read on several threads, so T must be Sync, and may be put in on another one than takes it out, so
// it must be Send.
unsafe impl<T: Send + Sync> Sync for OnceCell<T> {}

/// The permit, given back unless the cell was filled.
struct Turn<'a, T>(&'a OnceCell<T>);

impl<'a, T> Turn<'a, T> {
    /// Fills the cell.
    fn fill(self, value: T) -> &'a T {
        let cell = self.0;
        cell.value.with_mut(|place| {
            // SAFETY: I1: the permit is ours. What was there is `None`, so nothing is dropped.
            unsafe { *place = Some(value) }
        });
        // I2. The permit goes back to where nobody gets it any more.
        cell.permit.close();
        cell.get().unwrap_or_else(|| unreachable!("closed is full"))
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        if !planted(Fault::TurnKept) {
            self.0.permit.release(1);
        }
    }
}

impl<T> OnceCell<T> {
    /// An empty cell.
    pub fn new() -> Self {
        Self::const_new()
    }

    /// A cell with `value` in it, if there is one.
    pub fn new_with(value: Option<T>) -> Self {
        value.map_or_else(Self::new, Self::const_new_with)
    }

    crate::const_fn! {
        /// An empty cell, for statics.
        pub const fn const_new() -> Self {
            OnceCell { permit: Permits::new(1), value: UnsafeValueCell::new(None) }
        }

        /// A full cell, for statics.
        ///
        /// # Examples
        /// ```
        /// use runtime::sync::OnceCell;
        ///
        /// static ANSWER: OnceCell<u8> = OnceCell::const_new_with(42);
        /// assert_eq!(ANSWER.get(), Some(&42));
        /// ```
        pub const fn const_new_with(value: T) -> Self {
            OnceCell { permit: Permits::new_closed(), value: UnsafeValueCell::new(Some(value)) }
        }
    }

    /// Whether the cell is full.
    pub fn initialized(&self) -> bool {
        self.permit.is_closed()
    }

    /// The value, if it is there.
    pub fn get(&self) -> Option<&T> {
        if !self.initialized() {
            return None;
        }
        self.value.with(|value| {
            // SAFETY: I2: closed, so nobody writes while `self` is borrowed.
            unsafe { &*value }.as_ref()
        })
    }

    /// The value, to be changed, if it is there.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.with_mut(|value| {
            // SAFETY: I1, I2: `self` is exclusive.
            unsafe { &mut *value }.as_mut()
        })
    }

    /// Fills the cell with `value`.
    ///
    /// # Errors
    /// If it is full, or somebody is about to fill it. Gives the value back.
    ///
    /// # Examples
    /// ```
    /// let cell = runtime::sync::OnceCell::new();
    /// assert!(cell.set(1).is_ok());
    /// assert!(cell.set(2).unwrap_err().is_already_init_err());
    /// assert_eq!(cell.into_inner(), Some(1));
    /// ```
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        match self.permit.try_acquire(1) {
            Ok(()) => {
                Turn(self).fill(value);
                Ok(())
            }
            Err(Refusal::NoPermits) => Err(SetError::InitializingError(value)),
            Err(Refusal::Closed) => Err(SetError::AlreadyInitializedError(value)),
        }
    }

    /// The value; if the cell is empty, what `f` makes, which goes into it.
    ///
    /// Of several calls one initialises at a time, and the others wait for it. If it panics or is dropped, the
    /// next one tries with its own `f`. A call from inside of `f`, on the same cell, waits for itself, for ever.
    ///
    /// # Cancel safety
    /// A dropped call leaves the cell to the next one. What `f` had done so far is dropped with it.
    #[track_caller]
    pub fn get_or_init<F, Fut>(&self, f: F) -> impl Future<Output = &T>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        must_await("OnceCell::get_or_init", async move {
            let made = self.get_or_try_init(|| async { Ok::<T, Infallible>(f().await) }).await;
            made.unwrap_or_else(|never| match never {})
        })
    }

    /// [`get_or_init`](Self::get_or_init) where `f` may fail: the cell then stays empty.
    ///
    /// # Cancel safety
    /// As [`get_or_init`](Self::get_or_init).
    ///
    /// # Errors
    /// If `f` was called and failed.
    ///
    /// # Examples
    /// ```
    /// use runtime::sync::OnceCell;
    ///
    /// runtime::run(async {
    ///     let cell = OnceCell::new();
    ///     assert_eq!(cell.get_or_try_init(|| async { Err("no") }).await, Err("no"));
    ///     assert_eq!(cell.get_or_try_init(|| async { Ok::<_, ()>(1) }).await, Ok(&1));
    /// });
    /// ```
    #[track_caller]
    pub fn get_or_try_init<E, F, Fut>(&self, f: F) -> impl Future<Output = Result<&T, E>>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        must_await("OnceCell::get_or_try_init", async move {
            if let Some(value) = self.get() {
                return Ok(value);
            }
            match self.permit.acquire(1, What::OnceCell).await {
                Ok(()) => {
                    let turn = Turn(self);
                    let value = f().await?;
                    Ok(turn.fill(value))
                }
                Err(_) => Ok(self.get().unwrap_or_else(|| unreachable!("closed is full"))),
            }
        })
    }

    /// The value, taken out of the whole.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// The value, taken out; the cell is empty again.
    pub fn take(&mut self) -> Option<T> {
        mem::take(self).into_inner()
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<T> for OnceCell<T> {
    fn from(value: T) -> Self {
        Self::const_new_with(value)
    }
}

impl<T: Clone> Clone for OnceCell<T> {
    fn clone(&self) -> Self {
        Self::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for OnceCell<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceCell<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceCell").field("value", &self.get()).finish()
    }
}

/// Why [`OnceCell::set`] did not; has the value.
#[derive(Debug, PartialEq, Eq)]
pub enum SetError<T> {
    /// The cell is full.
    AlreadyInitializedError(T),
    /// Somebody is about to fill it.
    InitializingError(T),
}

impl<T> SetError<T> {
    /// Whether the cell is full.
    pub fn is_already_init_err(&self) -> bool {
        matches!(self, SetError::AlreadyInitializedError(_))
    }

    /// Whether somebody is about to fill the cell.
    pub fn is_initializing_err(&self) -> bool {
        matches!(self, SetError::InitializingError(_))
    }
}

impl<T> fmt::Display for SetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SetError::AlreadyInitializedError(_) => "AlreadyInitializedError",
            SetError::InitializingError(_) => "InitializingError",
        })
    }
}

impl<T: fmt::Debug> Error for SetError<T> {}
