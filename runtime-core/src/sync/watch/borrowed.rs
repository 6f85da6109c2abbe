//! The value, borrowed.

use super::lock::ReadGuard;
use std::fmt;
use std::ops::Deref;

/// The value of a channel, borrowed; from [`Receiver::borrow`](super::Receiver::borrow) and its like.
///
/// A read lock: sending waits while it lives. See [the module](super).
///
/// ```compile_fail
/// fn assert_send<T: Send>() {}
/// assert_send::<runtime_core::sync::watch::Ref<'_, u8>>();
/// ```
pub struct Ref<'a, T> {
    pub(super) guard: ReadGuard<'a, T>,
    pub(super) has_changed: bool,
}

impl<T> Ref<'_, T> {
    /// Whether the receiver had not seen this version when it was borrowed. Always `false` of a sender's.
    ///
    /// # Examples
    /// ```
    /// let (tx, mut rx) = runtime::sync::watch::channel(1);
    /// tx.send(2).unwrap();
    /// assert!(rx.borrow_and_update().has_changed());
    /// assert!(!rx.borrow_and_update().has_changed());
    /// ```
    pub fn has_changed(&self) -> bool {
        self.has_changed
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ref").field("value", &**self).field("has_changed", &self.has_changed).finish()
    }
}
