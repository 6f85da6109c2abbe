//! Which members of a set have ended, in the order in which they did.
//!
//! Each member's task is given a waker of its own that knows which member it is. Waking it puts the member into
//! a queue and wakes whoever polls the set, so finding the next one that has ended never looks at the others.

#![forbid(unsafe_code)]

use crate::primitive::{Arc, Mutex};
use crate::task::Id;
use crate::util::fault::{Fault, planted};
use crate::util::wake_list::{drop_quietly, wake};
use std::collections::VecDeque;
use std::task::{Context, Poll, Wake, Waker};

/// A member: where it stands, and who it is, because places are used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its place.
    pub index: usize,
    /// Its task.
    pub id: Id,
}

/// The queue, shared by the set and its members' wakers.
#[derive(Debug, Default)]
pub struct Ended {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    keys: VecDeque<Key>,
    /// Of who polls the set.
    waker: Option<Waker>,
}

struct Member {
    ended: Arc<Ended>,
    key: Key,
}

impl Wake for Member {
    fn wake(self: std::sync::Arc<Self>) {
        self.ended.add(self.key);
    }

    fn wake_by_ref(self: &std::sync::Arc<Self>) {
        self.ended.add(self.key);
    }
}

impl Ended {
    /// The waker for `key`'s task.
    pub fn waker(ended: &Arc<Ended>, key: Key) -> Waker {
        Waker::from(std::sync::Arc::new(Member { ended: Arc::clone(ended), key }))
    }

    /// `key`'s task has ended.
    pub fn add(&self, key: Key) {
        let mut state = self.state.lock();
        state.keys.push_back(key);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            wake(waker);
        }
    }

    /// The next member that has ended.
    pub fn pop(&self) -> Option<Key> {
        self.state.lock().keys.pop_front()
    }

    /// The next member that has ended; if there is none, `cx` is woken when there is.
    pub fn poll_pop(&self, cx: &Context<'_>) -> Poll<Key> {
        let mut state = self.state.lock();
        if let Some(key) = state.keys.pop_front() {
            return Poll::Ready(key);
        }
        if state.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        drop(state);
        // A waker's clone and drop are foreign code: not under the lock.
        let waker = cx.waker().clone();
        let mut state = self.state.lock();
        let key = if planted(Fault::MemberUnseen) { None } else { state.keys.pop_front() };
        let unused = match key {
            Some(_) => Some(waker),
            None => state.waker.replace(waker),
        };
        drop(state);
        drop_quietly(unused);
        key.map_or(Poll::Pending, Poll::Ready)
    }

    /// The set is empty: nobody waits, and what is queued is of no interest any more.
    pub fn clear(&self) {
        let mut state = self.state.lock();
        let keys = std::mem::take(&mut state.keys);
        let waker = state.waker.take();
        drop(state);
        drop(keys);
        drop_quietly(waker);
    }
}
