//! The budget of a poll in the hands of users, on both flavours.

use futures::future::join_all;
use runtime::task::coop::{consume_budget, cooperative, has_budget_remaining, poll_proceed, unconstrained};
use runtime::task::yield_now;
use runtime::{Builder, Runtime};
use std::future::{Future, pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};

/// Units per poll.
const BUDGET: usize = 128;

fn flavours() -> [Runtime; 2] {
    let multi_thread = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let current_thread = Builder::new_current_thread().build().unwrap();
    [multi_thread, current_thread]
}

/// Runs in a task, whose polls begin with a whole budget.
fn in_task<F>(rt: &Runtime, future: F) -> F::Output
where
    F: Future<Output: Send> + Send + 'static,
{
    rt.block_on(rt.spawn(future)).unwrap()
}

/// Counts how often the future inside is polled.
struct Counted<F>(Pin<Box<F>>, usize);

impl<F: Future> Future for Counted<F> {
    type Output = (F::Output, usize);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.1 += 1;
        let polls = self.1;
        self.0.as_mut().poll(cx).map(|output| (output, polls))
    }
}

fn counted<F: Future>(future: F) -> Counted<F> {
    Counted(Box::pin(future), 0)
}

/// How many units are left in this poll: takes them all.
fn units_left(cx: &mut Context<'_>) -> usize {
    let mut units = 0;
    while let Poll::Ready(unit) = poll_proceed(cx) {
        unit.made_progress();
        units += 1;
        assert!(units <= BUDGET, "without end");
    }
    units
}

#[test]
fn p16_a_task_yields_after_each_128_units() {
    for rt in flavours() {
        let ((), polls) = in_task(
            &rt,
            counted(async {
                for _ in 0..10 * BUDGET {
                    consume_budget().await;
                }
                assert!(!has_budget_remaining());
            }),
        );
        assert_eq!(polls, 10);
        let ((), polls) = in_task(
            &rt,
            counted(async {
                for _ in 0..10 * BUDGET {
                    cooperative(ready(())).await;
                }
            }),
        );
        assert_eq!(polls, 10);
    }
}

#[test]
fn p16_others_run_meanwhile() {
    for rt in flavours() {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        // Ends only because the other task gets its turn, on the one thread that both have.
        rt.block_on(async {
            let busy = runtime::spawn(async move {
                while !stopped.load(SeqCst) {
                    cooperative(ready(())).await;
                }
            });
            runtime::spawn(async move {
                yield_now().await;
                stop.store(true, SeqCst);
            });
            busy.await.unwrap();
        });
    }
}

#[test]
fn unconstrained_futures_never_yield_for_the_budget_and_leave_it_as_it_was() {
    for rt in flavours() {
        let ((), polls) = in_task(
            &rt,
            counted(async {
                consume_budget().await;
                unconstrained(async {
                    for _ in 0..10 * BUDGET {
                        consume_budget().await;
                        cooperative(ready(())).await;
                        assert!(has_budget_remaining());
                    }
                })
                .await;
                let left = poll_fn(|cx| Poll::Ready(units_left(cx))).await;
                assert_eq!(left, BUDGET - 1);
            }),
        );
        assert_eq!(polls, 1);
        // Also one that panics.
        let left = in_task(&rt, async {
            let boom = pin!(unconstrained(async { panic!("boom") }));
            let mut boom = Some(boom);
            poll_fn(|cx| {
                let mut boom = boom.take().unwrap();
                let poll = std::panic::AssertUnwindSafe(|| boom.as_mut().poll(cx));
                assert!(std::panic::catch_unwind(poll).is_err());
                Poll::Ready(units_left(cx))
            })
            .await
        });
        assert_eq!(left, BUDGET);
    }
}

#[test]
fn what_makes_no_progress_gives_its_unit_back() {
    for rt in flavours() {
        let left = in_task(
            &rt,
            poll_fn(|cx| {
                for _ in 0..10 * BUDGET {
                    drop(poll_proceed(cx));
                    assert!(pin!(cooperative(pending::<()>())).poll(cx).is_pending());
                }
                Poll::Ready(units_left(cx))
            }),
        );
        assert_eq!(left, BUDGET);
    }
}

#[test]
fn without_budget_nothing_inside_is_polled() {
    for rt in flavours() {
        let polls = Arc::new(AtomicUsize::new(0));
        let inner = polls.clone();
        in_task(&rt, async move {
            let mut wrapped = pin!(cooperative(poll_fn(|_| {
                inner.fetch_add(1, SeqCst);
                Poll::Ready(())
            })));
            poll_fn(|cx| {
                units_left(cx);
                assert!(wrapped.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            assert_eq!(polls.load(SeqCst), 0);
            // Whoever was turned away is polled again.
            yield_now().await;
            wrapped.await;
            assert_eq!(polls.load(SeqCst), 1);
        });
    }
}

#[test]
fn outside_of_a_task_there_is_no_limit() {
    assert!(has_budget_remaining());
    let mut cx = Context::from_waker(std::task::Waker::noop());
    for _ in 0..10 * BUDGET {
        assert!(pin!(consume_budget()).poll(&mut cx).is_ready());
        assert!(pin!(cooperative(ready(()))).poll(&mut cx).is_ready());
    }
    assert!(has_budget_remaining());
}

/// A child of a set of futures is polled again only if its waker was woken.
#[test]
fn children_that_were_turned_away_are_woken() {
    for rt in flavours() {
        in_task(&rt, async {
            let children = (0..50).map(|_| async {
                for _ in 0..BUDGET {
                    consume_budget().await;
                }
            });
            assert_eq!(join_all(children).await.len(), 50);
        });
    }
}
