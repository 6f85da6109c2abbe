//! A file descriptor that tasks wait for: its readiness, and who waits.
//!
//! *No lost wake-up.* A waiter stores its waker under the lock (w1) and looks at the readiness again
//! (w2). The driver sets the readiness (d1) and takes the wakers under the lock (d2). If w1 comes
//! before d2, d2 finds the waker. If d2 comes before w1, d1 happens before w2 through the lock, and w2
//! sees it.
//!
//! Wakers are cloned, woken and dropped only while the lock is free: they are foreign code.
#![forbid(unsafe_code)]
// `pub` for the loom models, which come in through `crate::internals`.
#![allow(unreachable_pub)]

use crate::readiness::{Initial, Readiness, Snapshot, Wanted};
use crate::ready::Ready;
use runtime_core::primitive::Mutex;
use runtime_core::util::wake_list::{WakeList, drop_quietly};
use slab::Slab;
use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll, Waker, ready};

/// How many wakers are kept beside the newest, for each source, when several tasks use the `poll_`
/// methods in one direction. There must be an end: a task may come with a new waker at every poll.
const DISPLACED_MAX: usize = 8;

/// One of the two waker slots of the `poll_` methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Reading, receiving, accepting.
    Read,
    /// Writing, sending, connecting.
    Write,
}

impl Direction {
    /// What an operation in this direction waits for.
    #[inline]
    pub fn wanted(self) -> Wanted {
        match self {
            Direction::Read => Wanted::READ,
            Direction::Write => Wanted::WRITE,
        }
    }

    /// Which events end a wait in this direction.
    fn woken_by(self, ready: Ready) -> bool {
        match self {
            Direction::Read => ready.intersects(Ready::READABLE | Ready::READ_CLOSED),
            Direction::Write => ready.intersects(Ready::WRITABLE | Ready::WRITE_CLOSED),
        }
    }
}

/// The place of one waiting future in its source's queue.
#[derive(Debug, Default)]
pub struct Ticket(Option<usize>);

#[derive(Debug, Default)]
struct Waiters {
    /// The last waker that came through a `poll_` method, for each direction.
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Everybody else; most sources never need it.
    more: Option<Box<More>>,
}

#[derive(Debug, Default)]
struct More {
    /// Futures that wait. An entry is removed by its future alone; an event takes only the waker.
    queue: Slab<Option<Waker>>,
    /// Wakers pushed out of a slot by those of other tasks.
    displaced: VecDeque<(Direction, Waker)>,
}

impl Waiters {
    fn slot(&mut self, direction: Direction) -> &mut Option<Waker> {
        match direction {
            Direction::Read => &mut self.reader,
            Direction::Write => &mut self.writer,
        }
    }

    /// Puts `waker` into its slot. Returns one that has to be dropped.
    fn store(&mut self, direction: Direction, waker: Waker) -> Option<Waker> {
        let displaced = self.slot(direction).replace(waker)?;
        let others = &mut self.more.get_or_insert_default().displaced;
        others.push_back((direction, displaced));
        if others.len() > DISPLACED_MAX { others.pop_front().map(|(_, waker)| waker) } else { None }
    }

    fn collect(&mut self, ready: Ready, wakers: &mut WakeList) {
        for direction in [Direction::Read, Direction::Write] {
            if direction.woken_by(ready) {
                if let Some(waker) = self.slot(direction).take() {
                    wakers.push(waker);
                }
            }
        }
        let Some(more) = &mut self.more else { return };
        for _ in 0..more.displaced.len() {
            match more.displaced.pop_front() {
                Some((direction, waker)) if direction.woken_by(ready) => wakers.push(waker),
                Some(kept) => more.displaced.push_back(kept),
                None => break,
            }
        }
        // Every future looks for itself whether the event was for it.
        for (_, waker) in &mut more.queue {
            if let Some(waker) = waker.take() {
                wakers.push(waker);
            }
        }
    }
}

/// A registered file descriptor.
#[derive(Debug)]
pub struct Source {
    readiness: Readiness,
    waiters: Mutex<Waiters>,
    key: u64,
}

impl Source {
    /// A source that the driver knows as `key`.
    pub fn new(key: u64, initial: Initial) -> Source {
        Source { readiness: Readiness::new(initial), waiters: Mutex::new(Waiters::default()), key }
    }

    /// How the driver knows it.
    pub fn key(&self) -> u64 {
        self.key
    }

    /// Its readiness right now.
    ///
    /// # Errors
    /// When the runtime has ended.
    #[inline]
    pub fn look(&self) -> io::Result<Snapshot> {
        let seen = self.readiness.load();
        if seen.is_shut_down() { Err(shut_down_error()) } else { Ok(seen) }
    }

    /// An operation met `WouldBlock` after it had seen `seen`.
    pub fn clear(&self, seen: Snapshot, wanted: Wanted) {
        self.readiness.clear(seen, wanted);
    }

    #[inline]
    fn poll_look(&self, wanted: Wanted) -> Poll<io::Result<Snapshot>> {
        match self.look() {
            Ok(seen) if !seen.answers(wanted) => Poll::Pending,
            result => Poll::Ready(result),
        }
    }

    /// Waits in the slot of `direction`.
    #[inline]
    pub fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        wanted: Wanted,
    ) -> Poll<io::Result<Snapshot>> {
        if let Poll::Ready(result) = self.poll_look(wanted) {
            return Poll::Ready(result);
        }
        self.wait_in_slot(cx.waker(), direction);
        self.poll_look(wanted)
    }

    /// The step w1 of the proof, for a slot.
    fn wait_in_slot(&self, waker: &Waker, direction: Direction) {
        let known = match self.waiters.lock().slot(direction) {
            Some(old) => old.will_wake(waker),
            None => false,
        };
        if !known {
            let new = waker.clone();
            let old = self.waiters.lock().store(direction, new);
            drop_quietly(old);
        }
    }

    /// Waits in the queue, where any number of futures have room. `ticket` must be given back with
    /// [`leave`](Self::leave).
    pub fn poll_ready_queued(
        &self,
        cx: &mut Context<'_>,
        ticket: &mut Ticket,
        wanted: Wanted,
    ) -> Poll<io::Result<Snapshot>> {
        if let Poll::Ready(result) = self.poll_look(wanted) {
            return Poll::Ready(result);
        }
        self.wait_in_queue(cx.waker(), ticket);
        let result = ready!(self.poll_look(wanted));
        Poll::Ready(result)
    }

    /// The step w1 of the proof, for the queue.
    fn wait_in_queue(&self, waker: &Waker, ticket: &mut Ticket) {
        let new = waker.clone();
        let mut waiters = self.waiters.lock();
        let queue = &mut waiters.more.get_or_insert_default().queue;
        let old = match ticket.0 {
            Some(place) => queue[place].replace(new),
            None => {
                ticket.0 = Some(queue.insert(Some(new)));
                None
            }
        };
        drop(waiters);
        drop_quietly(old);
    }

    /// Gives back a place in the queue.
    pub fn leave(&self, ticket: &mut Ticket) {
        let Some(place) = ticket.0.take() else { return };
        let mut waiters = self.waiters.lock();
        let waker = waiters.more.as_mut().and_then(|more| more.queue.try_remove(place)).flatten();
        drop(waiters);
        drop_quietly(waker);
    }

    /// The driver saw an event: sets the readiness and collects whom to wake.
    pub fn set(&self, ready: Ready, wakers: &mut WakeList) {
        self.readiness.set(ready);
        self.collect(ready, wakers);
    }

    /// The runtime ends: everybody is woken, to get an error.
    pub fn shut_down(&self, wakers: &mut WakeList) {
        self.readiness.shut_down();
        self.collect(Ready::ALL, wakers);
    }

    /// The step d2 of the proof.
    fn collect(&self, ready: Ready, wakers: &mut WakeList) {
        self.waiters.lock().collect(ready, wakers);
    }
}

/// What every operation says after the runtime has ended.
#[cold]
pub fn shut_down_error() -> io::Error {
    io::Error::other("the runtime that owns this socket has shut down")
}
