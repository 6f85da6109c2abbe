//! In which order a queue gives out what it holds.

use super::item::Item;
use std::collections::VecDeque;

/// Room for so many items is kept when a queue has become empty; more goes back to the allocator. A burst that
/// comes once shall not be paid for ever after, and one that comes often must not allocate each time.
const KEPT_MAX: usize = 1024;

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

/// Lets go of what an empty vector holds, if that is much.
pub(super) fn give_back_room<T>(items: &mut Vec<T>) {
    if items.is_empty() && items.capacity() > KEPT_MAX {
        *items = Vec::new();
    }
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
        let item = self.0.pop_front();
        if self.0.is_empty() && self.0.capacity() > KEPT_MAX {
            self.0 = VecDeque::new();
        }
        item
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
        let item = self.0.pop();
        give_back_room(&mut self.0);
        item
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::heap::Heap;
    use super::super::tally::Tally;
    use super::*;
    use crate::primitive::Arc;

    /// Fills `store`, empties it, and says for how many items there was room before and after.
    fn burst<S: Store<Value = usize>>(
        mut store: S,
        count: usize,
        room: impl Fn(&S) -> usize,
    ) -> (usize, usize) {
        let tally = Arc::new(Tally::new());
        for value in 0..count {
            store.push(&mut Some(Item::new(value, Tally::begin(&tally))));
        }
        let before = room(&store);
        while store.pop().is_some() {}
        assert_eq!((store.len(), tally.open()), (0, 0));
        (before, room(&store))
    }

    #[test]
    fn a_burst_is_not_paid_for_ever_after() {
        for (count, keeps) in [(100, true), (10 * KEPT_MAX, false)] {
            let rooms = [
                burst(Fifo::default(), count, |fifo| fifo.0.capacity()),
                burst(Lifo::default(), count, |lifo| lifo.0.capacity()),
                burst(Heap::default(), count, |heap| heap.entries.capacity()),
            ];
            for (before, after) in rooms {
                assert!(before >= count);
                assert_eq!(after, if keeps { before } else { 0 });
            }
        }
    }
}
