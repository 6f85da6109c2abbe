//! A cell that is set once, and that tasks wait for: a value behind an event that is never cleared.
//!
//! # Invariants
//! - I1: `value` is written by the one caller whom [`Event::set_first`] lets, before the event is set. From then on
//!   it is only read, except through `&mut` or ownership of the whole.

use super::event::Event;
use crate::primitive::UnsafeValueCell;
use crate::task::unpolled::must_await;
use std::error::Error;
use std::fmt;

/// A cell that is set once, by anybody; others wait for the value.
///
/// # Examples
/// ```
/// use runtime::sync::SetOnce;
///
/// static ADDRESS: SetOnce<String> = SetOnce::const_new();
///
/// runtime::run(async {
///     let client = runtime::spawn(async { ADDRESS.wait().await.len() });
///     ADDRESS.set("::1".to_owned()).unwrap();
///     assert_eq!(client.await.unwrap(), 3);
/// });
/// ```
pub struct SetOnce<T> {
    event: Event,
    value: UnsafeValueCell<Option<T>>,
}

// SAFETY: whoever has the cell can move the value out of it.
unsafe impl<T: Send> Send for SetOnce<T> {}
// SAFETY: it is read on several threads, so T must be Sync, and may be put in on another one than takes it out, so
// it must be Send.
unsafe impl<T: Send + Sync> Sync for SetOnce<T> {}

impl<T> SetOnce<T> {
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
            SetOnce { event: Event::const_new(), value: UnsafeValueCell::new(None) }
        }

        /// A cell that is set, for statics.
        ///
        /// # Examples
        /// ```
        /// use runtime::sync::SetOnce;
        ///
        /// static ANSWER: SetOnce<u8> = SetOnce::const_new_with(42);
        /// assert_eq!(ANSWER.get(), Some(&42));
        /// ```
        pub const fn const_new_with(value: T) -> Self {
            SetOnce { event: Event::const_new_set(), value: UnsafeValueCell::new(Some(value)) }
        }
    }

    /// Whether the cell is set.
    pub fn initialized(&self) -> bool {
        self.event.is_set()
    }

    /// The value, if it is there.
    pub fn get(&self) -> Option<&T> {
        if !self.initialized() {
            return None;
        }
        self.value.with(|value| {
            // SAFETY: I1: it is set, so nobody writes while `self` is borrowed.
            unsafe { &*value }.as_ref()
        })
    }

    /// Sets the cell: all who wait go on.
    ///
    /// # Errors
    /// If it is set already. Gives the value back.
    pub fn set(&self, value: T) -> Result<(), SetOnceError<T>> {
        let mut value = Some(value);
        self.event.set_first(|| {
            self.value.with_mut(|place| {
                // SAFETY: I1. What was there is `None`, so nothing is dropped.
                unsafe { *place = value.take() }
            });
        });
        value.map_or(Ok(()), |value| Err(SetOnceError(value)))
    }

    /// Waits until the cell is set.
    ///
    /// # Cancel safety
    /// A dropped wait leaves no trace.
    #[track_caller]
    pub fn wait(&self) -> impl Future<Output = &T> {
        must_await("SetOnce::wait", async move {
            if let Some(value) = self.get() {
                return value;
            }
            self.event.wait().await;
            self.get().unwrap_or_else(|| unreachable!("the wait ends when the value is there"))
        })
    }

    /// The value, taken out of the whole.
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }
}

impl<T> Default for SetOnce<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<T> for SetOnce<T> {
    fn from(value: T) -> Self {
        Self::const_new_with(value)
    }
}

impl<T: Clone> Clone for SetOnce<T> {
    fn clone(&self) -> Self {
        Self::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for SetOnce<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for SetOnce<T> {}

impl<T: fmt::Debug> fmt::Debug for SetOnce<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetOnce").field("value", &self.get()).finish()
    }
}

/// The cell is set already; has the value that came too late.
#[derive(Debug, PartialEq, Eq)]
pub struct SetOnceError<T>(pub T);

impl<T> fmt::Display for SetOnceError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the `SetOnce` is set already")
    }
}

impl<T: fmt::Debug> Error for SetOnceError<T> {}
