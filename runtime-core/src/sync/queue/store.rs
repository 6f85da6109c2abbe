//! In which order a queue gives out what it holds.

use super::item::Item;
use std::collections::VecDeque;

/// The items of a queue. All of it runs under the queue's lock, so nothing here drops an item.
pub(super) trait Store: Default {
    /// What is inside of the items.
    type Value;

    /// Whether it compares values: that is user code, which may panic and come back to this queue.
    const COMPARES: bool = false;

    /// Takes the item out of `item`. A comparison that panics leaves both as they were.
    fn push(&mut self, item: &mut Option<Item<Self::Value>>);

    /// The next item. A comparison that panics leaves all as it was.
    fn pop(&mut self) -> Option<Item<Self::Value>>;

    fn len(&self) -> usize;
}

/// First in, first out.
pub(super) struct Fifo<T>(VecDeque<Item<T>>);

/// Last in, first out.
pub(super) struct Lifo<T>(Vec<Item<T>>);

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Fifo(VecDeque::new())
    }
}

impl<T> Store for Fifo<T> {
    type Value = T;

    fn push(&mut self, item: &mut Option<Item<T>>) {
        self.0.extend(item.take());
    }

    fn pop(&mut self) -> Option<Item<T>> {
        self.0.pop_front()
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

impl<T> Default for Lifo<T> {
    fn default() -> Self {
        Lifo(Vec::new())
    }
}

impl<T> Store for Lifo<T> {
    type Value = T;

    fn push(&mut self, item: &mut Option<Item<T>>) {
        self.0.extend(item.take());
    }

    fn pop(&mut self) -> Option<Item<T>> {
        self.0.pop()
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}
