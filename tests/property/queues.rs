//! The queues: no item is lost or doubled, no turn is lost, joins end when they should.

use crate::crowd::{Crowd, World, play};
use runtime_core::sync::queue::{Closed, Item};
use runtime_core::sync::{LifoQueue, PriorityQueue, Queue};
use runtime_core::util::rand::Rand;
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;

type Boxed<T> = Pin<Box<dyn Future<Output = T>>>;

/// The three queues, and which of the values inside is the next.
trait AnyQueue: Clone + 'static {
    fn put(&self, value: u64) -> Boxed<Result<(), Closed<u64>>>;
    fn get(&self) -> Boxed<Result<Item<u64>, Closed<()>>>;
    fn join(&self) -> Boxed<()>;
    fn try_put(&self, value: u64) -> bool;
    fn try_get(&self) -> Option<Item<u64>>;
    fn close(&self, now: bool);
    fn len(&self) -> usize;
    /// Which of `inside`, in the order in which they came, is next.
    fn next(inside: &[u64]) -> Option<usize>;
}

macro_rules! any_queue {
    ($name:ident, |$inside:ident| $next:expr) => {
        impl AnyQueue for $name<u64> {
            fn put(&self, value: u64) -> Boxed<Result<(), Closed<u64>>> {
                let queue = self.clone();
                Box::pin(async move { queue.put(value).await })
            }

            fn get(&self) -> Boxed<Result<Item<u64>, Closed<()>>> {
                let queue = self.clone();
                Box::pin(async move { queue.get().await })
            }

            fn join(&self) -> Boxed<()> {
                let queue = self.clone();
                Box::pin(async move { queue.join().await })
            }

            fn try_put(&self, value: u64) -> bool {
                $name::try_put(self, value).is_ok()
            }

            fn try_get(&self) -> Option<Item<u64>> {
                $name::try_get(self).ok()
            }

            fn close(&self, now: bool) {
                if now { $name::close_now(self) } else { $name::close(self) }
            }

            fn len(&self) -> usize {
                $name::len(self)
            }

            fn next($inside: &[u64]) -> Option<usize> {
                $next
            }
        }
    };
}

any_queue!(Queue, |inside| (!inside.is_empty()).then_some(0));
any_queue!(LifoQueue, |inside| inside.len().checked_sub(1));
any_queue!(PriorityQueue, |inside| (0..inside.len()).min_by_key(|at| inside[*at]));

#[derive(Debug, Clone)]
enum Kind {
    Put(u64),
    Get,
    /// How many moments without items there had been when it was first polled.
    Join(usize),
}

enum Output {
    Put(Result<(), Closed<u64>>),
    Got(Result<Item<u64>, Closed<()>>),
    Joined,
}

struct QueueWorld<Q> {
    queue: Q,
    capacity: usize,
    /// Put and not taken, in that order.
    inside: Vec<u64>,
    held: Vec<Item<u64>>,
    /// Moments without items.
    zeros: usize,
    is_closed: bool,
    put: BTreeSet<u64>,
    count: u64,
}

impl<Q: AnyQueue> QueueWorld<Q> {
    fn new(queue: Q, capacity: usize) -> Self {
        let (inside, held, put) = (Vec::new(), Vec::new(), BTreeSet::new());
        QueueWorld { queue, capacity, inside, held, zeros: 0, is_closed: false, put, count: 0 }
    }

    /// A value like no other, in no order.
    fn value(&mut self, rand: &Rand) -> u64 {
        self.count += 1;
        u64::from(rand.below(1000)) << 32 | self.count
    }

    fn came(&mut self, value: u64) {
        assert!(!self.is_closed, "put into a closed queue");
        assert!(self.put.insert(value), "put twice");
        self.inside.push(value);
        assert!(self.inside.len() <= self.capacity, "more than there is room for");
    }

    fn got(&mut self, item: Item<u64>) {
        let next = Q::next(&self.inside).expect("an item out of nowhere");
        assert_eq!(self.inside.remove(next), *item);
        self.held.push(item);
    }

    fn finish(&mut self, at: usize) {
        drop(self.held.swap_remove(at));
        self.note_zero();
    }

    fn note_zero(&mut self) {
        self.zeros += usize::from(self.open_items() == 0);
    }

    fn open_items(&self) -> usize {
        self.inside.len() + self.held.len()
    }

    fn close(&mut self, now: bool) {
        self.queue.close(now);
        self.is_closed = true;
        if now {
            self.inside.clear();
            self.note_zero();
        }
    }
}

impl<Q: AnyQueue> World for QueueWorld<Q> {
    type Kind = Kind;
    type Output = Output;

    fn act(&mut self, crowd: &mut Crowd<Self>, rand: &Rand) {
        let value = self.value(rand);
        match rand.below(200) {
            0..60 => {
                let put = self.queue.put(value);
                crowd.add(rand, Kind::Put(value), async move { Output::Put(put.await) });
            }
            60..120 => {
                let get = self.queue.get();
                crowd.add(rand, Kind::Get, async move { Output::Got(get.await) });
            }
            120..140 => {
                let join = self.queue.join();
                crowd.add(rand, Kind::Join(0), async move {
                    join.await;
                    Output::Joined
                });
            }
            140..150 if self.queue.try_put(value) => self.came(value),
            150..160 => {
                if let Some(item) = self.queue.try_get() {
                    self.got(item);
                }
            }
            160..198 if !self.held.is_empty() => self.finish(rand.below(self.held.len() as u32) as usize),
            198 => self.close(false),
            199 => self.close(true),
            _ => {}
        }
        assert_eq!(self.queue.len(), self.inside.len());
    }

    fn begins(&mut self, kind: &mut Kind) {
        if let Kind::Join(zeros) = kind {
            *zeros = self.zeros;
        }
    }

    fn done(&mut self, kind: Kind, output: Output) {
        match (kind, output) {
            (Kind::Put(value), Output::Put(Ok(()))) => self.came(value),
            (Kind::Put(value), Output::Put(Err(Closed(back)))) => assert!(self.is_closed && back == value),
            (Kind::Get, Output::Got(Ok(item))) => self.got(item),
            (Kind::Get, Output::Got(Err(_))) => assert!(self.is_closed && self.inside.is_empty()),
            (Kind::Join(zeros), Output::Joined) => {
                assert!(self.open_items() == 0 || self.zeros > zeros, "the join ended too early");
            }
            _ => unreachable!(),
        }
    }

    fn check(&self, asleep: &[Kind]) {
        for kind in asleep {
            match kind {
                Kind::Put(_) => {
                    assert!(!self.is_closed && self.inside.len() == self.capacity, "there is room")
                }
                Kind::Get => assert!(!self.is_closed && self.inside.is_empty(), "something is there"),
                Kind::Join(zeros) => assert!(self.open_items() > 0 && self.zeros == *zeros, "all is done"),
            }
        }
    }

    fn open(&mut self) -> bool {
        let was_closed = self.is_closed;
        if !was_closed {
            self.close(false);
        } else if !self.held.is_empty() {
            self.finish(0);
        } else if let Some(item) = self.queue.try_get() {
            self.got(item);
        } else {
            return false;
        }
        true
    }

    fn may_overtake(second: &Kind, first: &Kind) -> bool {
        !matches!((second, first), (Kind::Put(_), Kind::Put(_)) | (Kind::Get, Kind::Get))
    }

    fn end(self) {
        assert_eq!(self.open_items() + self.queue.len(), 0);
    }
}

/// With little room, and with room for everything.
fn capacity(rand: &Rand) -> Option<usize> {
    Some(1 + rand.below(4) as usize).filter(|capacity| *capacity < 4)
}

macro_rules! world {
    ($name:ident) => {
        |rand| match capacity(rand) {
            Some(capacity) => QueueWorld::new($name::bounded(capacity), capacity),
            None => QueueWorld::new($name::unbounded(), usize::MAX),
        }
    };
}

#[test]
fn p44_a_queue_loses_no_item_and_no_turn() {
    play(world!(Queue));
}

#[test]
fn p44_a_priority_queue_loses_no_item_and_no_turn() {
    play(world!(PriorityQueue));
}

#[test]
fn p44_a_lifo_queue_loses_no_item_and_no_turn() {
    play(world!(LifoQueue));
}
