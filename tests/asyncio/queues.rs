//! `Queue`, `PriorityQueue`, `LifoQueue`. tokio's channels have no `join`.

use crate::{Log, ms};
use runtime::spawn;
use runtime::sync::{LifoQueue, PriorityQueue, Queue};
use runtime::time::{Instant, sleep, timeout};
use std::sync::Arc;

/// `join` waits until every item has been *done*, not only until the queue is empty.
#[runtime::test(start_paused = true)]
async fn join_waits_until_every_item_is_done() {
    let (queue, start) = (Arc::new(Queue::unbounded()), Instant::now());
    for item in 0..4 {
        queue.put(item).await.unwrap();
    }
    for _ in 0..2 {
        let queue = queue.clone();
        spawn(async move {
            while let Ok(item) = queue.get().await {
                sleep(ms(100)).await;
                item.done();
            }
        });
    }
    sleep(ms(150)).await;
    assert!(queue.is_empty());
    queue.join().await;
    assert_eq!(start.elapsed(), ms(200));
    // Nothing is open: no wait.
    queue.join().await;
    assert_eq!(start.elapsed(), ms(200));
}

/// A worker that fails with an item in its hands does not hold up `join` for ever, as in asyncio it would.
#[runtime::test(start_paused = true)]
async fn an_item_that_is_dropped_is_done() {
    let queue = Arc::new(Queue::unbounded());
    queue.put(1).await.unwrap();
    let failing = queue.clone();
    let worker = spawn(async move {
        let _item = failing.get().await.unwrap();
        sleep(ms(100)).await;
        panic!("on purpose");
    });
    let start = Instant::now();
    queue.join().await;
    assert_eq!(start.elapsed(), ms(100));
    let failed: Result<(), _> = worker.await;
    assert!(failed.unwrap_err().is_panic());
}

#[runtime::test(start_paused = true)]
async fn a_full_queue_makes_producers_wait() {
    let (queue, log) = (Arc::new(Queue::bounded(2)), Log::default());
    let (inner, said) = (queue.clone(), log.clone());
    let producer = spawn(async move {
        for item in 0..4 {
            inner.put(item).await.unwrap();
            said.say(format!("put {item}"));
        }
    });
    sleep(ms(1)).await;
    assert!(queue.is_full() && queue.len() == 2);
    assert_eq!(queue.try_put(9).unwrap_err().into_inner(), 9);
    assert_eq!(log.said(), ["put 0", "put 1"]);
    assert_eq!(queue.get().await.unwrap().into_inner(), 0);
    sleep(ms(1)).await;
    assert_eq!(log.said(), ["put 0", "put 1", "put 2"]);
    for expected in 1..4 {
        assert_eq!(queue.get().await.unwrap().into_inner(), expected);
    }
    producer.await.unwrap();
    assert!(queue.try_get().is_err() && queue.is_empty());
    assert!(timeout(ms(100), queue.get()).await.is_err());
}

/// `shutdown()`: what is in it comes out, then there is an error; nothing comes in any more.
#[runtime::test(start_paused = true)]
async fn a_closed_queue_drains_then_errors() {
    let queue = Arc::new(Queue::bounded(2));
    queue.put(1).await.unwrap();
    queue.put(2).await.unwrap();
    let blocked = queue.clone();
    let putting = spawn(async move { blocked.put(3).await });
    sleep(ms(1)).await;
    queue.close();
    // The value comes back.
    assert_eq!(putting.await.unwrap().unwrap_err().0, 3);
    assert_eq!(queue.put(4).await.unwrap_err().0, 4);
    let (first, second) = (queue.get().await.unwrap(), queue.get().await.unwrap());
    assert_eq!((*first, *second), (1, 2));
    assert!(queue.get().await.is_err());
    // `join` still counts what is in their hands.
    assert!(timeout(ms(100), queue.join()).await.is_err());
    drop((first, second));
    queue.join().await;
}

/// `shutdown(immediate=True)`: the items are dropped, and `join` is released.
#[runtime::test(start_paused = true)]
async fn a_queue_that_is_closed_now_drops_its_items_and_releases_join() {
    let (queue, log) = (Arc::new(Queue::unbounded()), Log::default());
    for _ in 0..2 {
        queue.put(log.on_drop("dropped")).await.ok().unwrap();
    }
    let inner = queue.clone();
    let joining = spawn(async move { inner.join().await });
    let inner = queue.clone();
    sleep(ms(1)).await;
    assert!(!joining.is_finished());
    queue.close_now();
    joining.await.unwrap();
    assert_eq!(log.said(), ["dropped", "dropped"]);
    assert!(inner.get().await.is_err());
}

#[runtime::test]
async fn a_closed_queue_wakes_who_waits_for_items() {
    let queue = Arc::new(Queue::<u32>::unbounded());
    let inner = queue.clone();
    let getting = spawn(async move { inner.get().await.is_err() });
    runtime::task::yield_now().await;
    queue.close();
    assert!(getting.await.unwrap());
}

#[runtime::test]
async fn the_smallest_the_last_the_first() {
    let (smallest, last, first) = (PriorityQueue::unbounded(), LifoQueue::unbounded(), Queue::unbounded());
    for item in [2, 3, 1] {
        smallest.put(item).await.unwrap();
        last.put(item).await.unwrap();
        first.put(item).await.unwrap();
    }
    let mut taken = Vec::new();
    for _ in 0..3 {
        let of = (smallest.get().await.unwrap(), last.get().await.unwrap(), first.get().await.unwrap());
        taken.push((*of.0, *of.1, *of.2));
    }
    assert_eq!(taken, [(1, 1, 2), (2, 3, 3), (3, 2, 1)]);
}

/// What somebody has in hand is still waited for.
#[runtime::test(start_paused = true)]
async fn a_queue_that_is_closed_now_still_waits_for_what_is_in_hand() {
    let queue = Arc::new(Queue::unbounded());
    queue.put(1).await.unwrap();
    queue.put(2).await.unwrap();
    let in_hand = queue.get().await.unwrap();
    let inner = queue.clone();
    let joining = spawn(async move { inner.join().await });
    queue.close_now();
    sleep(ms(1)).await;
    assert!(!joining.is_finished());
    drop(in_hand);
    joining.await.unwrap();
}
