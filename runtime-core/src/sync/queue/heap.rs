//! Smallest first: a binary heap whose comparisons may panic.
//!
//! Both moves first find out where things will stand, by comparisons that change nothing, and then go there
//! by swaps that compare nothing. So a move whose comparison panics has not happened: no item is lost, none
//! is out of order. (std's heap drops the item that it was about to give out.)

use super::item::Item;
use super::store::{Store, give_back_room};
use std::cmp::Ordering;

/// The least value first; of equal ones the one that came first.
pub(super) struct Heap<T> {
    /// No entry is before its parent; that of `i` is `(i - 1) / 2`.
    pub(super) entries: Vec<Entry<T>>,
    /// How many have come.
    count: u64,
}

pub(super) struct Entry<T> {
    item: Item<T>,
    number: u64,
}

impl<T: Ord> Entry<T> {
    fn is_before(&self, other: &Self) -> bool {
        let order = T::cmp(&self.item, &other.item);
        order.then(self.number.cmp(&other.number)) == Ordering::Less
    }
}

fn parent(at: usize) -> usize {
    (at - 1) / 2
}

impl<T: Ord> Heap<T> {
    /// Where a value that comes now belongs.
    fn place_for(&self, value: &T) -> usize {
        let mut place = self.entries.len();
        // Equal ones came before it.
        while place > 0 && value.cmp(&self.entries[parent(place)].item) == Ordering::Less {
            place = parent(place);
        }
        place
    }

    /// Where the entry at `last` belongs when the first one is gone.
    fn place_for_last(&self, last: usize) -> usize {
        let mut place = 0;
        loop {
            let (left, right) = (2 * place + 1, 2 * place + 2);
            if left >= last {
                return place;
            }
            let is_right = right < last && self.entries[right].is_before(&self.entries[left]);
            let child = if is_right { right } else { left };
            if !self.entries[child].is_before(&self.entries[last]) {
                return place;
            }
            place = child;
        }
    }
}

impl<T> Default for Heap<T> {
    fn default() -> Self {
        Heap { entries: Vec::new(), count: 0 }
    }
}

impl<T: Ord> Store for Heap<T> {
    type Value = T;

    const COMPARES: bool = true;

    fn push(&mut self, item: &mut Option<Item<T>>) {
        let Some(value) = item.as_deref() else { return };
        let place = self.place_for(value);
        let mut at = self.entries.len();
        let number = self.count;
        self.count += 1;
        self.entries.extend(item.take().map(|item| Entry { item, number }));
        while at > place {
            self.entries.swap(at, parent(at));
            at = parent(at);
        }
    }

    fn pop(&mut self) -> Option<Item<T>> {
        let last = self.entries.len().checked_sub(1)?;
        let mut at = self.place_for_last(last);
        // The last one goes to its place, who stood there and all above it one up, and the first to the end.
        while at > 0 {
            self.entries.swap(at, last);
            at = parent(at);
        }
        self.entries.swap(0, last);
        let first = self.entries.pop();
        give_back_room(&mut self.entries);
        first.map(|entry| entry.item)
    }

    fn len(&self) -> usize {
        self.entries.len()
    }
}
