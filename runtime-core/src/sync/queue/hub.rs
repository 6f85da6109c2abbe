//! One queue, whatever its order: who waits for what, and how it ends.
//!
//! Two numbers of [`Permits`] stand on either side of the items. A `put` takes one of `room`, adds its item
//! under the lock, and adds one to `items`; a `get` takes one of `items`, takes an item out under the lock,
//! and gives one back to `room`. So both sides wait in the one way that everything here waits: first in, first
//! out, and a turn that is dropped before it was used is handed on.
//!
//! # The end
//! `room` is closed when the queue is: that refuses the puts that wait, and under the lock those that had
//! room already. Nothing is added after that, so the one who then takes the last item out, or finds none, knows
//! that it was the last, and closes `items`: that refuses the gets that wait. Before that nobody may refuse
//! them. One item may be promised to a `get` that is dropped before it takes it, and then it is the next one's.

use super::error::{Closed, TryGetError, TryPutError};
use super::item::Item;
use super::lock::Lock;
use super::store::Store;
use super::tally::Tally;
use crate::primitive::Arc;
use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::sync::fault::{Fault, planted};
use crate::sync::permits::{PERMITS_MAX, Permits, Refusal};
use crate::task::futurelock::What;
use std::fmt;
use std::mem;

/// What all handles of a queue share.
pub(super) struct Hub<S> {
    items: Permits,
    room: Permits,
    capacity: Option<usize>,
    store: Lock<S>,
    /// That of the store, for who only wants to know: no comparison is waited for.
    len: AtomicUsize,
    tally: Arc<Tally>,
}

/// One permit, given back when dropped: the turn of who panics or gives up is the next one's.
struct Turn<'a>(&'a Permits);

impl Turn<'_> {
    /// The turn was used.
    fn spend(self) {
        mem::forget(self);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.release(1);
    }
}

impl<S: Store> Hub<S> {
    #[track_caller]
    pub(super) fn bounded(capacity: usize) -> Self {
        assert!(
            capacity > 0,
            "a queue needs room for at least one item; for one without bound there is `unbounded()`"
        );
        Self::new(Some(capacity))
    }

    pub(super) fn unbounded() -> Self {
        Self::new(None)
    }

    fn new(capacity: Option<usize>) -> Self {
        // So many items fit into no memory.
        let room = capacity.map_or(PERMITS_MAX, |capacity| capacity.min(PERMITS_MAX));
        Hub {
            items: Permits::new(0),
            room: Permits::new(room),
            capacity,
            store: Lock::new(),
            len: AtomicUsize::new(0),
            tally: Arc::new(Tally::new()),
        }
    }

    pub(super) async fn put(&self, value: S::Value) -> Result<(), Closed<S::Value>> {
        match self.room.acquire(1, What::Room).await {
            Ok(()) => self.push(Turn(&self.room), value),
            Err(_) => Err(Closed(value)),
        }
    }

    pub(super) fn try_put(&self, value: S::Value) -> Result<(), TryPutError<S::Value>> {
        match self.room.try_acquire(1) {
            Ok(()) => Ok(self.push(Turn(&self.room), value)?),
            Err(Refusal::NoPermits) => Err(TryPutError::Full(value)),
            Err(Refusal::Closed) => Err(TryPutError::Closed(value)),
        }
    }

    fn push(&self, room: Turn<'_>, value: S::Value) -> Result<(), Closed<S::Value>> {
        // Outlives the lock: what a panic leaves in here is not dropped under it.
        let mut item;
        let mut store = self.store.lock();
        if self.room.is_closed() {
            return Err(Closed(value));
        }
        item = Some(Item::new(value, Tally::begin(&self.tally)));
        store.push(&mut item);
        self.len.store(store.len(), Ordering::Relaxed);
        drop(store);
        room.spend();
        self.items.release(1);
        Ok(())
    }

    pub(super) async fn get(&self) -> Result<Item<S::Value>, Closed<()>> {
        self.items.acquire(1, What::Item).await.map_err(|_| Closed(()))?;
        self.pop(Turn(&self.items))
    }

    pub(super) fn try_get(&self) -> Result<Item<S::Value>, TryGetError> {
        match self.items.try_acquire(1) {
            Ok(()) => Ok(self.pop(Turn(&self.items))?),
            Err(Refusal::NoPermits) => Err(TryGetError::Empty),
            Err(Refusal::Closed) => Err(TryGetError::Closed),
        }
    }

    fn pop(&self, turn: Turn<'_>) -> Result<Item<S::Value>, Closed<()>> {
        let mut store = self.store.lock();
        let item = store.pop();
        self.len.store(store.len(), Ordering::Relaxed);
        // Under the lock, and final: nothing is added any more.
        let is_last = store.len() == 0 && self.room.is_closed();
        drop(store);
        // It had an item until `close_now`.
        let item = item.ok_or(Closed(()))?;
        turn.spend();
        self.room.release(1);
        if is_last && !planted(Fault::EndKept) {
            self.items.close();
        }
        Ok(item)
    }

    pub(super) fn close(&self) {
        self.room.close();
        let is_over = self.store.lock().len() == 0;
        if is_over {
            self.items.close();
        }
    }

    pub(super) fn close_now(&self) {
        self.room.close();
        let mut store = self.store.lock();
        let left = mem::take(&mut *store);
        self.len.store(0, Ordering::Relaxed);
        drop(store);
        self.items.close();
        // Each that is dropped counts as done.
        drop(left);
    }

    pub(super) async fn join(&self) {
        self.tally.join().await;
    }

    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    pub(super) fn is_full(&self) -> bool {
        self.capacity.is_some_and(|capacity| self.len() >= capacity)
    }
}

impl<S> Hub<S> {
    pub(super) fn capacity(&self) -> Option<usize> {
        self.capacity
    }

    pub(super) fn is_closed(&self) -> bool {
        self.room.is_closed()
    }

    /// The fields of the queue called `name`.
    pub(super) fn fmt(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct(name);
        f.field("len", &self.len.load(Ordering::Relaxed)).field("capacity", &self.capacity);
        f.field("not_done", &self.tally.open()).field("is_closed", &self.is_closed()).finish()
    }
}
