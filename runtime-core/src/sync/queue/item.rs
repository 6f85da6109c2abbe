//! What a queue gives out.

use super::tally::Ticket;
use std::fmt;
use std::ops::{Deref, DerefMut};

/// A value from a queue, and the duty to deal with it: [`join`](super::Queue::join) waits until every item is
/// done, which it is when this is dropped, at the end of the scope or by [`done`](Self::done).
///
/// This is asyncio's `task_done()`, which here can be neither forgotten nor called twice. Who must not count
/// as done before something else has happened keeps the item until then: it is owned and may go anywhere.
///
/// # Examples
/// ```
/// use runtime::sync::Queue;
///
/// # runtime::run(async {
/// let queue = Queue::unbounded();
/// queue.put("a letter".to_owned()).await.unwrap();
/// let mut letter = queue.get().await.unwrap();
/// letter.push('!');
/// assert_eq!(*letter, "a letter!");
/// letter.done();
/// queue.join().await;
/// # });
/// ```
#[must_use = "an item counts as done as soon as it is dropped"]
pub struct Item<T> {
    // The order matters: the value is dropped before the item counts as done.
    value: T,
    ticket: Ticket,
}

impl<T> Item<T> {
    pub(super) fn new(value: T, ticket: Ticket) -> Self {
        Item { value, ticket }
    }

    /// The item is done: drops the value and counts it off.
    pub fn done(self) {
        drop(self);
    }

    /// The value; it counts as done from now on.
    pub fn into_inner(self) -> T {
        let Item { value, ticket } = self;
        drop(ticket);
        value
    }
}

impl<T> Deref for Item<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Item<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Item<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for Item<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}
