//! The three queues: order, turns, the end, and when all is done.

mod sync_support;

use futures::executor::block_on;
use runtime_core::sync::queue::{Closed, Item, TryGetError, TryPutError};
use runtime_core::sync::{LifoQueue, PriorityQueue, Queue};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::Context;
use std::thread;
use sync_support::{Event, Polled, nosy_waker, within_bounds};

/// What is in `queue`, in the order in which it comes out.
fn drain<T>(try_get: impl Fn() -> Result<Item<T>, TryGetError>) -> Vec<T> {
    std::iter::from_fn(|| try_get().ok().map(Item::into_inner)).collect()
}

#[test]
fn each_gives_out_in_its_own_order() {
    let (fifo, lifo, least) = (Queue::unbounded(), LifoQueue::unbounded(), PriorityQueue::unbounded());
    for value in [3, 1, 2, 5, 4] {
        fifo.try_put(value).unwrap();
        lifo.try_put(value).unwrap();
        least.try_put(value).unwrap();
    }
    assert_eq!(drain(|| fifo.try_get()), [3, 1, 2, 5, 4]);
    assert_eq!(drain(|| lifo.try_get()), [4, 5, 2, 1, 3]);
    assert_eq!(drain(|| least.try_get()), [1, 2, 3, 4, 5]);
}

#[test]
fn a_full_queue_gives_values_back_or_lets_them_wait() {
    let queue = Queue::bounded(2);
    assert_eq!((queue.capacity(), queue.is_empty(), queue.is_full()), (Some(2), true, false));
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    assert!(queue.is_full() && queue.len() == 2);
    assert_eq!(queue.try_put(3), Err(TryPutError::Full(3)));
    let mut put = Polled::new(queue.put(3));
    put.pending();
    assert_eq!(*queue.try_get().unwrap(), 1);
    assert_eq!(put.wakes(), 1);
    assert_eq!(put.ready(), Ok(()));
    assert_eq!(drain(|| queue.try_get()), [2, 3]);
    assert_eq!(queue.try_get().unwrap_err(), TryGetError::Empty);
}

#[test]
fn without_bound_it_is_never_full() {
    let queue = Queue::unbounded();
    for value in 0..10_000 {
        assert!(Polled::new(queue.put(value)).ready().is_ok());
    }
    assert_eq!((queue.capacity(), queue.is_full(), queue.len()), (None, false, 10_000));
    let huge = Queue::<u8>::bounded(usize::MAX);
    huge.try_put(1).unwrap();
    assert_eq!((huge.capacity(), huge.is_full()), (Some(usize::MAX), false));
}

#[test]
fn no_room_at_all_is_refused_with_the_remedy() {
    for make in [
        || drop(Queue::<u8>::bounded(0)),
        || drop(LifoQueue::<u8>::bounded(0)),
        || drop(PriorityQueue::<u8>::bounded(0)),
    ] {
        let panic = catch_unwind(make).unwrap_err();
        let message = panic.downcast_ref::<&str>().unwrap();
        assert!(message.contains("at least one item") && message.contains("`unbounded()`"), "{message}");
    }
}

#[test]
fn gets_and_puts_have_their_turn_in_order() {
    let queue = Queue::bounded(1);
    let mut gets: Vec<_> = (0..3).map(|_| Polled::new(queue.get())).collect();
    gets.iter_mut().for_each(Polled::pending);
    queue.try_put('a').unwrap();
    assert_eq!(queue.try_get().unwrap_err(), TryGetError::Empty, "the item was taken past those who wait");
    gets[1].pending();
    assert_eq!(*gets[0].ready().unwrap(), 'a');
    queue.try_put('b').unwrap();
    assert_eq!(*gets[1].ready().unwrap(), 'b');
    drop(gets);

    queue.try_put('c').unwrap();
    let mut puts: Vec<_> = ['d', 'e'].into_iter().map(|value| Polled::new(queue.put(value))).collect();
    puts.iter_mut().for_each(Polled::pending);
    assert_eq!(*queue.try_get().unwrap(), 'c');
    assert_eq!(queue.try_put('x'), Err(TryPutError::Full('x')), "the room was taken past those who wait");
    puts[1].pending();
    assert!(puts[0].ready().is_ok());
    assert_eq!(*queue.try_get().unwrap(), 'd');
    assert!(puts[1].ready().is_ok());
}

#[test]
fn a_dropped_get_hands_its_item_on() {
    let queue = Queue::unbounded();
    let (mut first, mut second) = (Polled::new(queue.get()), Polled::new(queue.get()));
    first.pending();
    second.pending();
    queue.try_put(1).unwrap();
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    drop(first);
    assert_eq!(second.wakes(), 1);
    assert_eq!(*second.ready().unwrap(), 1);
}

#[test]
fn a_dropped_put_puts_nothing_and_hands_its_room_on() {
    let queue = Queue::bounded(1);
    let value = Arc::new(());
    queue.try_put(Arc::new(())).unwrap();
    let (mut first, mut second) =
        (Polled::new(queue.put(value.clone())), Polled::new(queue.put(Arc::new(()))));
    first.pending();
    second.pending();
    drop(queue.try_get());
    drop(first);
    assert_eq!(Arc::strong_count(&value), 1, "the value stayed somewhere");
    assert_eq!(second.wakes(), 1);
    assert!(second.ready().is_ok());
    assert_eq!(queue.len(), 1);
}

#[test]
fn a_join_waits_until_items_are_done() {
    let queue = Queue::unbounded();
    Polled::new(queue.join()).ready();
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    queue.try_put(3).unwrap();
    let mut joins = [Polled::new(queue.join()), Polled::new(queue.join())];
    joins.iter_mut().for_each(Polled::pending);
    queue.try_get().unwrap().done();
    let second = queue.try_get().unwrap();
    assert_eq!(queue.try_get().unwrap().into_inner(), 3);
    assert!(queue.is_empty());
    joins.iter_mut().for_each(Polled::pending);
    assert_eq!(*second, 2);
    drop(second);
    assert_eq!(joins[0].wakes(), 1);
    joins.into_iter().for_each(|mut join| join.ready());
}

/// As asyncio's does: the moment without items counts, also when it is over.
#[test]
fn a_join_does_not_wait_for_what_comes_afterwards() {
    let queue = Queue::unbounded();
    queue.try_put(1).unwrap();
    let mut join = Polled::new(queue.join());
    join.pending();
    queue.try_get().unwrap().done();
    queue.try_put(2).unwrap();
    join.ready();
    Polled::new(queue.join()).pending();
}

#[test]
fn an_item_is_done_after_its_value_was_dropped() {
    struct Late(Queue<Option<Late>>, Arc<AtomicUsize>);
    impl Drop for Late {
        fn drop(&mut self) {
            let is_pending = Polled::new(self.0.join()).poll().is_pending();
            self.1.store(if is_pending { 1 } else { 2 }, SeqCst);
        }
    }
    let (queue, seen) = (Queue::unbounded(), Arc::new(AtomicUsize::new(0)));
    assert!(queue.try_put(Some(Late(queue.clone(), seen.clone()))).is_ok());
    drop(queue.try_get().unwrap());
    assert_eq!(seen.load(SeqCst), 1, "a join ended while the value was being dropped");
    Polled::new(queue.join()).ready();
}

#[test]
fn an_item_whose_value_panics_is_done_all_the_same() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in a drop");
        }
    }
    let queue = Queue::unbounded();
    assert!(queue.try_put(Bomb).is_ok());
    let item = queue.try_get().unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(item))).is_err());
    Polled::new(queue.join()).ready();

    // Those that nobody took, too, and the queue is as closed as ever.
    assert!(queue.try_put(Bomb).is_ok());
    let mut get = Polled::new(queue.join());
    get.pending();
    assert!(catch_unwind(AssertUnwindSafe(|| queue.close_now())).is_err());
    get.ready();
    assert_eq!(queue.try_get().err(), Some(TryGetError::Closed));
}

#[test]
fn items_outlive_their_queue_and_change() {
    let queue = Queue::unbounded();
    queue.try_put(vec![1]).unwrap();
    let mut item = queue.try_get().unwrap();
    drop(queue);
    item.push(2);
    assert_eq!(format!("{item:?}"), "[1, 2]");
    let item = thread::spawn(move || item.into_inner()).join().unwrap();
    assert_eq!(item, [1, 2]);
}

#[test]
fn a_closed_queue_gives_out_the_rest_and_then_fails() {
    let queue = Queue::bounded(2);
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    let mut put = Polled::new(queue.put(3));
    put.pending();
    assert!(!queue.is_closed());
    queue.close();
    assert!(queue.is_closed());
    assert_eq!(put.wakes(), 1);
    assert_eq!(put.ready(), Err(Closed(3)));
    assert_eq!(queue.try_put(4), Err(TryPutError::Closed(4)));
    assert_eq!(Polled::new(queue.put(5)).ready().unwrap_err().into_inner(), 5);
    assert_eq!(*queue.try_get().unwrap(), 1);
    let mut join = Polled::new(queue.join());
    join.pending();
    assert_eq!(*Polled::new(queue.get()).ready().unwrap(), 2);
    join.ready();
    assert_eq!(queue.try_get().unwrap_err(), TryGetError::Closed);
    assert_eq!(Polled::new(queue.get()).ready().unwrap_err(), Closed(()));
    queue.close();
    queue.close_now();
}

#[test]
fn an_empty_queue_that_closes_tells_all_who_wait() {
    for close in [Queue::close, Queue::close_now] {
        let queue = Queue::<u8>::bounded(1);
        let mut gets = [Polled::new(queue.get()), Polled::new(queue.get())];
        gets.iter_mut().for_each(Polled::pending);
        close(&queue);
        for mut get in gets {
            assert_eq!(get.wakes(), 1);
            assert!(get.ready().is_err());
        }
    }
}

/// The put had its room already, but had not used it.
#[test]
fn a_put_that_comes_after_the_close_gets_its_value_back() {
    let queue = Queue::bounded(1);
    queue.try_put(1).unwrap();
    let mut put = Polled::new(queue.put(2));
    put.pending();
    assert_eq!(*queue.try_get().unwrap(), 1);
    queue.close();
    assert_eq!(put.ready(), Err(Closed(2)));
    assert_eq!(queue.try_get().unwrap_err(), TryGetError::Closed);
}

/// The last item of a closed queue was promised to one who gave up: the next one gets it, and only after that
/// are the others told.
#[test]
fn the_last_item_of_a_closed_queue_is_handed_on() {
    let queue = Queue::unbounded();
    let mut gets: Vec<_> = (0..3).map(|_| Polled::new(queue.get())).collect();
    gets.iter_mut().for_each(Polled::pending);
    queue.try_put(1).unwrap();
    queue.close();
    let mut third = gets.pop().unwrap();
    let mut second = gets.pop().unwrap();
    second.pending();
    third.pending();
    drop(gets);
    assert_eq!(*second.ready().unwrap(), 1);
    assert_eq!(third.wakes(), 1);
    assert!(third.ready().is_err());
}

#[test]
fn close_now_drops_what_is_inside_and_releases_the_joins() {
    let queue = Queue::bounded(3);
    let value = Arc::new(());
    for _ in 0..3 {
        queue.try_put(value.clone()).unwrap();
    }
    let held = queue.try_get().unwrap();
    let mut join = Polled::new(queue.join());
    join.pending();
    queue.close_now();
    assert_eq!((queue.len(), Arc::strong_count(&value)), (0, 2));
    assert_eq!(queue.try_get().unwrap_err(), TryGetError::Closed);
    assert!(queue.try_put(value.clone()).unwrap_err().is_closed());
    join.pending();
    held.done();
    assert_eq!(join.wakes(), 1);
    join.ready();
}

/// A get was promised an item that is thrown away before it takes it.
#[test]
fn close_now_takes_promised_items_back() {
    let queue = Queue::unbounded();
    let (mut first, mut second) = (Polled::new(queue.get()), Polled::new(queue.get()));
    first.pending();
    second.pending();
    queue.try_put(1).unwrap();
    queue.close_now();
    assert_eq!((first.wakes(), second.wakes()), (1, 1));
    assert!(first.ready().is_err() && second.ready().is_err());
    Polled::new(queue.join()).ready();
}

/// Values whose drop uses the queue find no lock held: one that is thrown away, one that comes back.
#[test]
fn values_use_their_queue_when_they_are_dropped() {
    struct Nosy(PriorityQueue<u32>, Queue<Nosy>);
    impl Drop for Nosy {
        fn drop(&mut self) {
            let _ = (self.0.try_put(1), self.1.len(), self.1.try_get());
            self.1.close();
        }
    }
    within_bounds(|| {
        let (log, queue) = (PriorityQueue::unbounded(), Queue::unbounded());
        for _ in 0..3 {
            assert!(queue.try_put(Nosy(log.clone(), queue.clone())).is_ok());
        }
        queue.close_now();
        assert_eq!(log.len(), 3);
        let mut put = Polled::new(queue.put(Nosy(log.clone(), queue.clone())));
        drop(put.ready());
        assert_eq!(log.len(), 4);
    });
}

/// Wakers are called without a lock: they use the queue that wakes them.
#[test]
fn wakers_use_the_queue_that_wakes_them() {
    within_bounds(|| {
        let queue = Queue::bounded(1);
        let used = Arc::new(AtomicUsize::new(0));
        let (user, count) = (queue.clone(), used.clone());
        let waker = nosy_waker(move |event| {
            if event == Event::Woken {
                count.fetch_add(1, SeqCst);
            }
            let _ = (user.try_put(0), user.try_get(), user.len());
            let _ = Polled::new(user.join()).poll();
        });
        let mut cx = Context::from_waker(&waker);
        let (mut get, mut join) = (Box::pin(queue.get()), Box::pin(queue.join()));
        assert!(get.as_mut().poll(&mut cx).is_pending());
        let _ = queue.try_put(1);
        assert!(join.as_mut().poll(&mut cx).is_pending());
        drop(get);
        drop(queue.try_get());
        queue.close();
        assert!(used.load(SeqCst) >= 2);
    });
}

#[test]
fn debug_says_how_it_stands() {
    let queue = LifoQueue::bounded(4);
    queue.try_put(1).unwrap();
    queue.try_put(2).unwrap();
    let _item = queue.try_get().unwrap();
    drop(queue.try_get());
    let said = format!("{queue:?}");
    assert_eq!(said, "LifoQueue { len: 0, capacity: Some(4), not_done: 1, is_closed: false }");
    assert_eq!(Closed(1).to_string(), "queue closed");
    assert_eq!(TryPutError::Full(1).to_string(), "queue full");
    assert_eq!(TryGetError::Empty.to_string(), "queue empty");
}

/// A task that does nothing but one of these lets others run.
#[test]
fn puts_gets_and_joins_use_up_the_budget() {
    const MANY: usize = 1000;
    async fn puts(queue: Queue<usize>) {
        for value in 0..MANY {
            queue.put(value).await.unwrap();
        }
    }
    async fn gets(queue: Queue<usize>) {
        for _ in 0..MANY {
            queue.get().await.unwrap().done();
        }
    }
    async fn joins(queue: Queue<usize>) {
        for _ in 0..MANY {
            queue.join().await;
        }
    }
    async fn goes_first(busy: impl Future<Output = ()> + Send + 'static) -> bool {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = is_over.clone();
        let busy = runtime::spawn(async move {
            busy.await;
            over.store(true, SeqCst);
        });
        let was_over = runtime::spawn(async move { is_over.load(SeqCst) }).await.unwrap();
        busy.await.unwrap();
        was_over
    }
    runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        let queue = Queue::unbounded();
        assert!(!goes_first(puts(queue.clone())).await);
        assert!(!goes_first(gets(queue.clone())).await);
        assert!(!goes_first(joins(queue)).await);
    });
}

/// Many of each kind on threads, half of them giving up now and then: each value comes out once, and the join
/// ends when all were dealt with.
#[test]
fn threads_put_get_give_up_and_join() {
    const EACH: usize = 2000;
    within_bounds(|| {
        let queue = Queue::bounded(3);
        let (sum, count) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let producers: Vec<_> = (0..2)
            .map(|which| {
                let queue = queue.clone();
                thread::spawn(move || {
                    for round in 0..EACH {
                        let value = which * EACH + round;
                        let is_put = round % 3 == 0 && Polled::new(queue.put(value)).poll().is_ready();
                        if !is_put {
                            block_on(queue.put(value)).unwrap();
                        }
                    }
                })
            })
            .collect();
        let consumers: Vec<_> = (0..2)
            .map(|_| {
                let (queue, sum, count) = (queue.clone(), sum.clone(), count.clone());
                thread::spawn(move || {
                    let mut round = 0;
                    let take = |item: Item<usize>| {
                        sum.fetch_add(*item, SeqCst);
                        count.fetch_add(1, SeqCst);
                        item.done();
                    };
                    loop {
                        round += 1;
                        if round % 3 == 0 {
                            // Polled once, then dropped.
                            if let std::task::Poll::Ready(Ok(item)) = Polled::new(queue.get()).poll() {
                                take(item);
                            }
                        }
                        match block_on(queue.get()) {
                            Ok(item) => take(item),
                            Err(Closed(())) => return,
                        }
                    }
                })
            })
            .collect();
        producers.into_iter().for_each(|producer| producer.join().unwrap());
        block_on(queue.join());
        assert_eq!(count.load(SeqCst), 2 * EACH);
        queue.close();
        consumers.into_iter().for_each(|consumer| consumer.join().unwrap());
        assert_eq!(sum.load(SeqCst), (0..2 * EACH).sum());
    });
}
