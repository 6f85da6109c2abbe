//! `task::coop`: how much one poll may do, and what users do with that.

mod sync_support;

use futures::channel::mpsc;
use futures::future::poll_immediate;
use futures::{FutureExt, StreamExt};
use runtime::sync::Semaphore;
use runtime::task::coop::{self, cooperative, has_budget_remaining, poll_proceed};
use runtime::task::{Unconstrained, consume_budget, unconstrained, yield_now};
use runtime::{Builder, Runtime};
use std::cell::Cell;
use std::future::{poll_fn, ready};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use sync_support::{Polled, within_bounds};

/// Units per poll, as tokio's.
const BUDGET: usize = 128;

fn flavors() -> [Runtime; 2] {
    [
        Builder::new_multi_thread().worker_threads(1).build().unwrap(),
        Builder::new_current_thread().build().unwrap(),
    ]
}

/// Uses the budget up without waiting: how much there was.
async fn use_up() -> usize {
    let mut used = 0;
    poll_fn(|cx| {
        while has_budget_remaining() {
            let Poll::Ready(unit) = poll_proceed(cx) else { unreachable!("there was budget") };
            unit.made_progress();
            used += 1;
        }
        Poll::Ready(())
    })
    .await;
    used
}

#[test]
fn every_poll_of_a_task_and_of_a_main_future_has_a_budget() {
    for rt in flavors() {
        rt.block_on(async {
            assert_eq!(use_up().await, BUDGET);
            yield_now().await;
            assert_eq!(use_up().await, BUDGET);
            assert_eq!(use_up().await, 0);
            let task = runtime::spawn(async {
                assert_eq!(use_up().await, BUDGET);
                yield_now().await;
                use_up().await
            });
            assert_eq!(task.await.unwrap(), BUDGET);
        });
    }
}

#[test]
fn outside_of_a_runtime_and_in_blocking_jobs_there_is_no_limit() {
    fn endless() -> bool {
        futures::executor::block_on(async {
            for _ in 0..10 * BUDGET {
                consume_budget().await;
            }
            has_budget_remaining()
        })
    }
    assert!(endless());
    runtime::run(async { assert!(runtime::spawn_blocking(endless).await.unwrap()) });
}

#[test]
fn consuming_budget_lets_others_run_when_it_is_used_up() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let others = Rc::new(Cell::new(0));
        let clone = others.clone();
        let other = runtime::spawn_local(async move {
            loop {
                clone.set(clone.get() + 1);
                yield_now().await;
            }
        });
        yield_now().await;
        yield_now().await;
        let before = others.get();
        // A fresh poll with its whole budget.
        for _ in 0..BUDGET {
            consume_budget().await;
        }
        assert_eq!(others.get(), before);
        consume_budget().await;
        assert_eq!(others.get(), before + 1);
        for _ in 0..10 * BUDGET {
            consume_budget().await;
        }
        assert_eq!(others.get(), before + 11);
        other.abort();
    });
}

/// A unit is spent only by progress.
#[test]
fn a_unit_comes_back_unless_there_was_progress() {
    runtime::run(async {
        poll_fn(|cx| {
            for _ in 0..10 * BUDGET {
                assert!(poll_proceed(cx).is_ready(), "the unit of the last round came back");
            }
            Poll::Ready(())
        })
        .await;
        assert_eq!(use_up().await, BUDGET);
        let task = runtime::spawn(async {
            let waits = Semaphore::new(0);
            for _ in 0..10 {
                assert!(poll_immediate(pin!(waits.acquire())).await.is_none());
            }
            use_up().await
        });
        assert_eq!(task.await.unwrap(), BUDGET);
    });
}

#[test]
fn nothing_proceeds_without_budget_until_the_next_poll() {
    runtime::run(async {
        let task = runtime::spawn(async {
            use_up().await;
            let full = Semaphore::new(1);
            assert!(poll_immediate(pin!(full.acquire())).await.is_none());
            assert_eq!(full.available_permits(), 1);
            // It asked for another poll, and waits for nothing else.
            drop(full.acquire().await.unwrap());
            has_budget_remaining()
        });
        assert!(task.await.unwrap());
    });
}

#[test]
fn an_unconstrained_future_has_no_limit_and_gives_the_budget_back() {
    within_bounds(|| {
        for rt in flavors() {
            rt.block_on(async {
                let future: Unconstrained<_> = unconstrained(async {
                    let semaphore = Semaphore::new(1);
                    for _ in 0..10 * BUDGET {
                        assert!(semaphore.acquire().now_or_never().is_some());
                        assert!(coop::consume_budget().now_or_never().is_some());
                    }
                    yield_now().await;
                    assert!(has_budget_remaining());
                    7
                });
                assert_eq!(future.await, 7);
                assert_eq!(use_up().await, BUDGET, "what is inside uses nothing of what is outside");
                assert!(!has_budget_remaining());
                unconstrained(async { assert!(has_budget_remaining()) }).await;
                assert!(!has_budget_remaining());
            });
        }
    });
}

#[test]
fn an_unconstrained_future_that_panics_gives_the_budget_back() {
    runtime::run(async {
        use_up().await;
        let panics = unconstrained(async { panic!("on purpose") });
        let caught = std::panic::AssertUnwindSafe(panics).catch_unwind().await;
        assert!(caught.is_err());
        assert!(!has_budget_remaining());
    });
}

#[test]
fn a_cooperative_future_takes_part() {
    within_bounds(|| {
        Builder::new_current_thread().build().unwrap().block_on(async {
            let (sender, mut receiver) = mpsc::unbounded();
            (0..10 * BUDGET).for_each(|value| sender.unbounded_send(value).unwrap());
            let others = Rc::new(Cell::new(0));
            let clone = others.clone();
            runtime::spawn_local(async move {
                loop {
                    clone.set(clone.get() + 1);
                    yield_now().await;
                }
            });
            yield_now().await;
            yield_now().await;
            let before = others.get();
            for value in 0..10 * BUDGET {
                assert_eq!(cooperative(receiver.next()).await, Some(value));
            }
            assert_eq!(others.get() - before, 9);
            // One that is not ready costs nothing.
            yield_now().await;
            assert!(poll_immediate(cooperative(receiver.next())).await.is_none());
            assert_eq!(use_up().await, BUDGET);
        });
    });
}

/// Without budget it is not even polled.
#[test]
fn a_cooperative_future_waits_for_budget() {
    runtime::run(async {
        use_up().await;
        let polls = Cell::new(0);
        let mut counting = pin!(cooperative(poll_fn(|_| {
            polls.set(polls.get() + 1);
            Poll::Ready(())
        })));
        assert!(poll_immediate(&mut counting).await.is_none());
        assert_eq!(polls.get(), 0);
        counting.await;
        assert_eq!(polls.get(), 1);
    });
}

/// A waker that is not the task's own is really woken when the budget is used up.
#[test]
fn a_foreign_waker_is_woken_when_the_budget_is_used_up() {
    runtime::run(async {
        use_up().await;
        let mut consume = Polled::new(consume_budget());
        consume.pending();
        assert_eq!(consume.wakes(), 1);
        yield_now().await;
        consume.ready();
    });
}

#[test]
fn wrappers_are_send_where_their_futures_are() {
    fn is_send<T: Send + Sync>(_: T) {}
    is_send(unconstrained(ready(1)));
    is_send(cooperative(ready(1)));
    fn send<T: Send>(_: T) {}
    send(consume_budget());
    assert!(format!("{:?}", unconstrained(ready(7))).contains('7'));
    assert!(format!("{:?}", cooperative(ready(7))).contains('7'));
}
