//! `tokio::task::coop`.

use std::future::{Future, poll_fn};
use std::task::{Poll, ready};
use tokio::task::coop::{self, Coop, RestoreOnPending, Unconstrained};

/// `task::coop`: `consume_budget`, `has_budget_remaining`.
#[tokio::test]
async fn consume_budget() {
    let used_up = poll_fn(|cx| {
        let mut units = 0;
        while coop::has_budget_remaining() {
            let unit = std::pin::pin!(coop::consume_budget());
            assert!(unit.poll(cx).is_ready());
            units += 1;
        }
        Poll::Ready(units)
    });
    assert!(used_up.await > 1);
    coop::consume_budget().await;
}

/// `task::coop`: `unconstrained`.
/// `task::coop::Unconstrained`.
#[tokio::test]
async fn unconstrained() {
    let greedy: Unconstrained<_> = coop::unconstrained(async {
        for _ in 0..1000 {
            coop::consume_budget().await;
        }
        coop::has_budget_remaining()
    });
    assert!(greedy.await);
}

/// `task::coop`: `poll_proceed`.
/// `task::coop::RestoreOnPending`: `made_progress`.
#[tokio::test]
async fn poll_proceed() {
    let work = poll_fn(|cx| {
        let unit: RestoreOnPending = ready!(coop::poll_proceed(cx));
        unit.made_progress();
        Poll::Ready(1)
    });
    assert_eq!(work.await, 1);
}

/// `task::coop`: `cooperative`.
/// `task::coop::Coop`.
#[tokio::test]
async fn cooperative() {
    let polls = poll_fn(|cx| {
        let mut polls = 0;
        loop {
            let ready: Coop<_> = coop::cooperative(std::future::ready(()));
            if std::pin::pin!(ready).poll(cx).is_pending() {
                return Poll::Ready(polls);
            }
            polls += 1;
        }
    });
    assert!(polls.await > 1);
}

/// `task`: `consume_budget`, `unconstrained`.
/// `task::Unconstrained`.
#[tokio::test]
async fn without_coop() {
    use tokio::task::{self, Unconstrained};

    let greedy: Unconstrained<_> = task::unconstrained(task::consume_budget());
    greedy.await;
}
