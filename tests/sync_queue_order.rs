//! `PriorityQueue`: what it owes to, and suffers from, the comparisons of its values.

mod sync_support;

use runtime_core::sync::PriorityQueue;
use runtime_core::sync::queue::Item;
use std::cell::Cell;
use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use sync_support::{Polled, within_bounds};

/// What is in `queue`, in the order in which it comes out.
fn drain<T: Ord>(queue: &PriorityQueue<T>) -> Vec<T> {
    std::iter::from_fn(|| queue.try_get().ok().map(Item::into_inner)).collect()
}

/// Compared by its first field alone.
#[derive(Debug)]
struct Job(u32, u32);

impl PartialEq for Job {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Job {}

impl PartialOrd for Job {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Job {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

#[test]
fn equal_ones_come_out_as_they_went_in() {
    let queue = PriorityQueue::unbounded();
    let mut expected = Vec::new();
    for at in 0..200 {
        let priority = at * 7919 % 5;
        queue.try_put(Job(priority, at)).unwrap();
        expected.push((priority, at));
        // Now and then one leaves: that moves the others about.
        if at % 3 == 0 {
            let least = *expected.iter().min().unwrap();
            expected.retain(|job| *job != least);
            let Job(priority, number) = queue.try_get().unwrap().into_inner();
            assert_eq!((priority, number), least);
        }
    }
    expected.sort();
    let rest: Vec<_> = drain(&queue).into_iter().map(|job| (job.0, job.1)).collect();
    assert_eq!(rest, expected);
}

thread_local! {
    static COMPARISONS_LEFT: Cell<u32> = const { Cell::new(u32::MAX) };
}

/// Panics in a comparison when `COMPARISONS_LEFT` is used up.
#[derive(Debug, PartialEq, Eq)]
struct Touchy(u32, Arc<()>);

impl PartialOrd for Touchy {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Touchy {
    fn cmp(&self, other: &Self) -> Ordering {
        let left = COMPARISONS_LEFT.get();
        assert!(left > 0, "no more comparisons");
        COMPARISONS_LEFT.set(left - 1);
        self.0.cmp(&other.0)
    }
}

/// Whatever comparison panics: what was inside stays, in order, and can still be taken out and joined.
#[test]
fn a_comparison_that_panics_loses_nothing() {
    let values = [5, 3, 8, 1, 9, 2, 7, 4, 6, 0];
    for allowed in 0..8 {
        let (queue, count) = (PriorityQueue::unbounded(), Arc::new(()));
        for value in values {
            queue.try_put(Touchy(value, count.clone())).unwrap();
        }
        let with_few = |operation: &dyn Fn()| {
            COMPARISONS_LEFT.set(allowed);
            let result = catch_unwind(AssertUnwindSafe(operation));
            COMPARISONS_LEFT.set(u32::MAX);
            result.is_err()
        };
        let put_panicked = with_few(&|| drop(queue.try_put(Touchy(0, count.clone()))));
        assert_eq!(put_panicked, allowed < 3, "three comparisons lead from the end to the top");
        let mut expected: Vec<_> = values.into_iter().chain((!put_panicked).then_some(0)).collect();
        expected.sort_unstable();
        assert_eq!((queue.len(), Arc::strong_count(&count)), (expected.len(), expected.len() + 1));
        let get_panicked = with_few(&|| drop(Polled::new(queue.get()).ready()));
        if !get_panicked {
            expected.remove(0);
        }
        assert!(get_panicked || allowed > 3);
        assert_eq!(Arc::strong_count(&count), expected.len() + 1);
        let mut join = Polled::new(queue.join());
        join.pending();
        let rest: Vec<_> = drain(&queue).into_iter().map(|touchy| touchy.0).collect();
        assert_eq!(rest, expected, "{allowed} comparisons");
        join.ready();
    }
}

/// The get that panicked gave its turn back.
#[test]
fn a_get_that_panics_hands_its_turn_on() {
    let queue = PriorityQueue::unbounded();
    let mut gets = [Polled::new(queue.get()), Polled::new(queue.get())];
    gets.iter_mut().for_each(Polled::pending);
    let count = Arc::new(());
    for value in [2, 1, 3] {
        queue.try_put(Touchy(value, count.clone())).unwrap();
    }
    let [mut first, mut second] = gets;
    COMPARISONS_LEFT.set(0);
    assert!(catch_unwind(AssertUnwindSafe(|| first.ready())).is_err());
    COMPARISONS_LEFT.set(u32::MAX);
    assert_eq!(second.ready().unwrap().0, 1);
    assert_eq!(drain(&queue).len(), 2);
}

/// A comparison that uses its own queue is told so, instead of waiting for itself.
#[test]
fn a_comparison_that_uses_its_queue_is_told() {
    struct Nosy(u32, PriorityQueue<Nosy>);
    impl PartialEq for Nosy {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }
    impl Eq for Nosy {}
    impl PartialOrd for Nosy {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }
    impl Ord for Nosy {
        fn cmp(&self, other: &Self) -> Ordering {
            // These only look.
            assert!(!self.1.is_empty() && !self.1.is_closed());
            drop(self.1.try_get());
            self.0.cmp(&other.0)
        }
    }
    within_bounds(|| {
        let queue = PriorityQueue::unbounded();
        assert!(queue.try_put(Nosy(1, queue.clone())).is_ok());
        let panic = catch_unwind(AssertUnwindSafe(|| drop(queue.try_put(Nosy(2, queue.clone())))));
        let panic = panic.unwrap_err();
        let message = panic.downcast_ref::<&str>().unwrap();
        assert!(message.contains("`Ord` must only compare"), "{message}");
        // It works on, on this thread and on others.
        assert_eq!(queue.try_get().unwrap().0, 1);
        let other = queue.clone();
        assert!(thread::spawn(move || other.try_put(Nosy(3, other.clone())).is_ok()).join().unwrap());
        queue.close_now();
    });
}
