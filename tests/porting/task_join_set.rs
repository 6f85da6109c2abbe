//! `tokio::task::JoinSet`.

use std::future::{pending, poll_fn};
use std::rc::Rc;
use tokio::runtime::Handle;
use tokio::task::{JoinSet, LocalSet};

/// `task::JoinSet`: `new`, `spawn`, `len`, `is_empty`, `join_next`, `join_next_with_id`, `join_all`.
#[tokio::test]
async fn join() {
    let mut set = JoinSet::new();
    assert!(set.is_empty() && set.join_next().await.is_none());
    for number in 0..3 {
        set.spawn(async move { number });
    }
    assert_eq!(set.len(), 3);
    let mut numbers = vec![set.join_next().await.unwrap().unwrap()];
    let (_id, number) = set.join_next_with_id().await.unwrap().unwrap();
    numbers.push(number);
    numbers.extend(set.join_all().await);
    numbers.sort();
    assert_eq!(numbers, [0, 1, 2]);
    let mut set: JoinSet<i32> = [1, 2].map(|number| async move { number }).into_iter().collect();
    set.extend([async { 3 }]);
    assert_eq!(set.join_all().await.len(), 3);
}

/// `task::JoinSet`: `try_join_next`, `try_join_next_with_id`, `poll_join_next`, `poll_join_next_with_id`.
#[tokio::test]
async fn try_join() {
    let mut set = JoinSet::new();
    let id = set.spawn(async { 1 }).id();
    assert!(set.try_join_next().is_none() && set.try_join_next_with_id().is_none());
    assert_eq!(poll_fn(|cx| set.poll_join_next_with_id(cx)).await.unwrap().unwrap(), (id, 1));
    set.spawn(async { 2 });
    assert_eq!(poll_fn(|cx| set.poll_join_next(cx)).await.unwrap().unwrap(), 2);
    for with_id in [false, true] {
        let ended = set.spawn(async { 3 });
        while !ended.is_finished() {
            tokio::task::yield_now().await;
        }
        let output = if with_id {
            set.try_join_next_with_id().unwrap().unwrap().1
        } else {
            set.try_join_next().unwrap().unwrap()
        };
        assert_eq!(output, 3);
    }
}

/// `task::JoinSet`: `abort_all`, `detach_all`, `shutdown`.
#[tokio::test]
async fn end() {
    let mut set = JoinSet::new();
    set.spawn(pending::<()>());
    set.abort_all();
    assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
    set.spawn(pending::<()>());
    set.shutdown().await;
    assert!(set.is_empty());
    let detached = set.spawn(async {});
    set.detach_all();
    assert!(set.is_empty());
    while !detached.is_finished() {
        tokio::task::yield_now().await;
    }
}

/// `task::JoinSet`: `spawn_on`, `spawn_blocking`, `spawn_blocking_on`.
#[tokio::test]
async fn spawn_on() {
    let mut set = JoinSet::new();
    set.spawn_on(async { 1 }, &Handle::current());
    set.spawn_blocking(|| 2);
    set.spawn_blocking_on(|| 3, &Handle::current());
    let mut numbers = set.join_all().await;
    numbers.sort();
    assert_eq!(numbers, [1, 2, 3]);
}

/// `task::JoinSet`: `spawn_local`, `spawn_local_on`.
#[tokio::test]
async fn spawn_local() {
    let local = LocalSet::new();
    let mut set = JoinSet::new();
    set.spawn_local_on(async { *Rc::new(1) }, &local);
    let sum = local.run_until(async {
        set.spawn_local(async { *Rc::new(2) });
        set.join_all().await.iter().sum::<i32>()
    });
    assert_eq!(sum.await, 3);
}
