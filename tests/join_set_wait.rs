//! `JoinSet::wait`, asyncio's `wait`: those done are handed out, the pending stay, and nothing is cancelled.

mod sync_support;

use futures::future::poll_immediate;
use runtime::sync::oneshot;
use runtime::task::{AbortHandle, JoinSet, ReturnWhen, yield_now};
use runtime::time::{Instant, sleep};
use runtime::{Builder, JoinError, Runtime};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::future::{Future, pending};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;
use sync_support::{Count, Polled, within_bounds};

const HOUR: Duration = Duration::from_secs(3600);

/// Both flavours, with paused time: hours cost nothing, and deadlines are exact.
fn flavors() -> [Runtime; 2] {
    [
        Builder::new_multi_thread().worker_threads(2).start_paused(true).build().unwrap(),
        Builder::new_current_thread().start_paused(true).build().unwrap(),
    ]
}

/// A member that ends with `hours` after so many of them.
fn sleeper(set: &mut JoinSet<u32>, hours: u32) -> AbortHandle {
    set.spawn(async move {
        sleep(hours * HOUR).await;
        hours
    })
}

fn values(done: Vec<(runtime::task::Id, Result<u32, JoinError>)>) -> Vec<u32> {
    done.into_iter().map(|(_, result)| result.unwrap()).collect()
}

async fn ended(member: &AbortHandle) {
    while !member.is_finished() {
        yield_now().await;
    }
}

#[test]
fn all_completed_waits_for_all_and_tells_in_which_order_they_ended() {
    for rt in flavors() {
        rt.block_on(async {
            let mut set = JoinSet::new();
            let ids: Vec<_> = [3, 1, 2].iter().map(|&hours| sleeper(&mut set, hours).id()).collect();
            let start = Instant::now();
            let done = set.wait(ReturnWhen::AllCompleted, None).await;
            assert_eq!(start.elapsed(), 3 * HOUR);
            let order: Vec<_> = done.iter().map(|(id, _)| *id).collect();
            assert_eq!(order, [ids[1], ids[2], ids[0]]);
            assert_eq!(values(done), [1, 2, 3]);
            assert!(set.is_empty());
        });
    }
}

/// asyncio's programme: four, with a time-out of one and a half.
#[test]
fn a_time_out_is_no_error_and_cancels_nothing() {
    for rt in flavors() {
        rt.block_on(async {
            let mut set = JoinSet::new();
            for hours in 0..4 {
                sleeper(&mut set, hours);
            }
            let start = Instant::now();
            let done = set.wait(ReturnWhen::AllCompleted, Some(HOUR * 3 / 2)).await;
            assert_eq!(start.elapsed(), HOUR * 3 / 2);
            assert_eq!(values(done), [0, 1]);
            assert_eq!(set.len(), 2);
            let done = set.wait(ReturnWhen::AllCompleted, Some(HOUR / 4)).await;
            assert!(done.is_empty());
            assert_eq!(values(set.wait(ReturnWhen::AllCompleted, Some(HOUR * 100)).await), [2, 3]);
            assert_eq!(start.elapsed(), 3 * HOUR, "no longer than needed");
        });
    }
}

#[test]
fn first_completed_takes_all_that_have_ended() {
    for rt in flavors() {
        rt.block_on(async {
            let mut set = JoinSet::new();
            for hours in [2, 1, 5] {
                sleeper(&mut set, hours);
            }
            sleep(HOUR * 3).await;
            assert_eq!(values(set.wait(ReturnWhen::FirstCompleted, None).await), [1, 2]);
            assert_eq!(values(set.wait(ReturnWhen::FirstCompleted, None).await), [5]);
            // An error of its own is a result like any other, a panic and a cancellation are ends too.
            set.spawn(async { panic!("on purpose") });
            let done = set.wait(ReturnWhen::FirstCompleted, None).await;
            assert!(done[0].1.as_ref().unwrap_err().is_panic());
        });
    }
}

#[test]
fn first_exception_waits_for_a_panic() {
    for rt in flavors() {
        rt.block_on(async {
            let mut set = JoinSet::new();
            for hours in [1, 2, 9] {
                sleeper(&mut set, hours);
            }
            set.spawn(async {
                sleep(HOUR * 3).await;
                panic!("on purpose")
            });
            let start = Instant::now();
            let done = set.wait(ReturnWhen::FirstException, None).await;
            assert_eq!((start.elapsed(), done.len(), set.len()), (HOUR * 3, 3, 1));
            assert!(done[2].1.as_ref().unwrap_err().is_panic());

            let cancelled = set.spawn(pending());
            cancelled.abort();
            // None fails: all.
            sleeper(&mut set, 1);
            let mut done = set.wait(ReturnWhen::FirstException, None).await;
            assert!(done.remove(0).1.unwrap_err().is_cancelled());
            assert_eq!(values(done), [1, 9]);
            assert_eq!(start.elapsed(), HOUR * 9);
        });
    }
}

/// The set cannot see inside of a `T`.
#[test]
fn an_error_of_a_members_own_is_no_exception() {
    for rt in flavors() {
        rt.block_on(async {
            let mut set = JoinSet::new();
            set.spawn(async { Err("mine") });
            set.spawn(async {
                sleep(HOUR).await;
                Ok(())
            });
            let done = set.wait(ReturnWhen::FirstException, None).await;
            assert_eq!(done.len(), 2);
        });
    }
}

#[test]
fn an_empty_set_is_not_waited_for() {
    for when in [ReturnWhen::AllCompleted, ReturnWhen::FirstCompleted, ReturnWhen::FirstException] {
        futures::executor::block_on(async {
            assert!(JoinSet::<u8>::new().wait(when, None).await.is_empty());
            // Not even a limit needs a runtime then.
            assert!(JoinSet::<u8>::new().wait(when, Some(HOUR)).await.is_empty());
        });
    }
}

#[test]
fn a_limit_of_zero_lets_the_others_run_once_and_max_is_for_ever() {
    Builder::new_current_thread().start_paused(true).build().unwrap().block_on(async {
        let mut set: JoinSet<u32> = [async { 7 }].into_iter().collect();
        set.spawn(pending());
        let start = Instant::now();
        assert_eq!(values(set.wait(ReturnWhen::AllCompleted, Some(Duration::ZERO)).await), [7]);
        assert!(set.wait(ReturnWhen::AllCompleted, Some(Duration::ZERO)).await.is_empty());
        assert_eq!(start.elapsed(), Duration::ZERO);
        sleeper(&mut set, 1);
        assert_eq!(values(set.wait(ReturnWhen::FirstCompleted, Some(Duration::MAX)).await), [1]);
    });
}

#[test]
fn a_dropped_wait_loses_nothing_and_keeps_the_order() {
    for rt in flavors() {
        rt.block_on(async {
            let mut set = JoinSet::new();
            for hours in [2, 1, 4, 3] {
                sleeper(&mut set, hours);
            }
            sleep(HOUR * 5).await;
            let failed = set.spawn(async { panic!("on purpose") });
            ended(&failed).await;
            sleeper(&mut set, 50);
            for polls in 1..4 {
                let mut wait = pin!(set.wait(ReturnWhen::AllCompleted, Some(HOUR)));
                for _ in 0..polls {
                    assert!(poll_immediate(&mut wait).await.is_none());
                }
            }
            assert_eq!(set.len(), 6);
            // By every way in which a result can be had.
            assert_eq!(set.join_next().await.unwrap().unwrap(), 1);
            assert_eq!(set.try_join_next().unwrap().unwrap(), 2);
            assert_eq!(set.join_next_with_id().await.unwrap().unwrap().1, 3);
            let done = set.wait(ReturnWhen::FirstException, None).await;
            assert_eq!(done.len(), 2, "the panic was seen by the wait that was dropped");
            assert_eq!(done[1].1.as_ref().unwrap_err().id(), failed.id());
            assert_eq!(values(set.wait(ReturnWhen::FirstException, None).await), [50]);
        });
    }
}

/// A failure that was seen by a wait that is dropped, and taken out by other means, is over.
#[test]
fn a_failure_that_was_taken_out_ends_no_later_wait() {
    for rt in flavors() {
        rt.block_on(async {
            let mut set = JoinSet::new();
            ended(&set.spawn(async { panic!("on purpose") })).await;
            sleeper(&mut set, 2);
            assert!(poll_immediate(pin!(set.wait(ReturnWhen::AllCompleted, None))).await.is_none());
            assert!(set.join_next().await.unwrap().unwrap_err().is_panic());
            assert_eq!(values(set.wait(ReturnWhen::FirstException, None).await), [2]);
        });
    }
}

/// What a dropped wait had seen belongs to the set in every respect.
#[test]
fn what_a_dropped_wait_had_seen_is_emptied_and_dropped_with_the_set() {
    let rt = Builder::new_current_thread().build().unwrap();
    for detach in [false, true] {
        let value = Arc::new(());
        rt.block_on(async {
            let mut set = JoinSet::new();
            for _ in 0..2 {
                let value = value.clone();
                set.spawn(async move { value });
            }
            set.spawn(pending());
            yield_now().await;
            assert!(poll_immediate(pin!(set.wait(ReturnWhen::AllCompleted, None))).await.is_none());
            assert_eq!((set.len(), Arc::strong_count(&value)), (3, 3));
            if detach {
                set.detach_all();
                assert_eq!((set.len(), Arc::strong_count(&value)), (0, 1));
                assert!(set.wait(ReturnWhen::FirstException, None).await.is_empty());
            }
            drop(set);
        });
        assert_eq!(Arc::strong_count(&value), 1);
    }
}

#[test]
fn a_wait_wakes_when_enough_has_ended_and_moves_between_wakers() {
    let rt = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let mut set = JoinSet::new();
    let (open, gate) = runtime::sync::oneshot::channel::<()>();
    let member = set.spawn_on(async move { drop(gate.await) }, rt.handle());
    {
        let mut wait = Polled::new(set.wait(ReturnWhen::FirstCompleted, None));
        wait.pending();
    }
    let second = Arc::new(Count::default());
    let waker = Waker::from(second.clone());
    let mut wait = pin!(set.wait(ReturnWhen::FirstCompleted, None));
    assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    open.send(()).unwrap();
    while !member.is_finished() {
        std::thread::yield_now();
    }
    futures::executor::block_on(rt.spawn(async {})).unwrap();
    assert_eq!(second.get(), 1);
    assert_eq!(futures::executor::block_on(wait).len(), 1);
}

/// In a loop that never waits a wait uses budget: others get on.
#[test]
fn waiting_uses_budget() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let turns = Rc::new(Cell::new(0));
        let clone = turns.clone();
        let other = runtime::spawn_local(async move {
            loop {
                clone.set(clone.get() + 1);
                yield_now().await;
            }
        });
        yield_now().await;
        let before = turns.get();
        for _ in 0..1280 {
            JoinSet::<()>::new().wait(ReturnWhen::AllCompleted, None).await;
        }
        assert!(turns.get() - before >= 9, "{}", turns.get() - before);
        other.abort();
    });
}

/// Ten thousand results in one wait, and waits that see them one at a time, take no longer than they should.
#[test]
fn a_wait_does_not_look_at_what_it_has_seen() {
    Builder::new_current_thread().start_paused(true).build().unwrap().block_on(async {
        const COUNT: u32 = 10_000;
        let mut set = JoinSet::new();
        for hours in 0..COUNT {
            sleeper(&mut set, hours);
        }
        let done = set.wait(ReturnWhen::FirstException, None).await;
        assert!(values(done).into_iter().eq(0..COUNT));
    });
}

/// A member that ends with `value` when its gate is opened.
fn gated(set: &mut JoinSet<u64>, value: u64) -> (oneshot::Sender<()>, AbortHandle) {
    let (open, gate) = oneshot::channel();
    let member = set.spawn(async move {
        let _ = gate.await;
        value
    });
    (open, member)
}

/// Whatever is done to a set, each result is given once, or its task was detached.
#[test]
fn random_operations_lose_nothing() {
    within_bounds(|| {
        for seed in 1..=60_u64 {
            let rt = Builder::new_multi_thread().worker_threads(2).build().unwrap();
            rt.block_on(random_operations(seed));
        }
    });
}

async fn random_operations(seed: u64) {
    let mut state = seed;
    let mut below = |n: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % n
    };
    let mut set = JoinSet::new();
    let mut inside = BTreeSet::new();
    let mut gates = Vec::new();
    let check = |result: Option<Result<u64, JoinError>>, inside: &mut BTreeSet<u64>| {
        if let Some(value) = result {
            assert!(inside.remove(&value.unwrap()), "given twice, or never spawned");
        }
    };
    for value in 0..300 {
        match below(8) {
            0..=3 => {
                gates.push(gated(&mut set, value));
                inside.insert(value);
            }
            4 if !gates.is_empty() => {
                let (gate, member) = gates.swap_remove(below(gates.len() as u64) as usize);
                drop(gate);
                ended(&member).await;
            }
            5 => check(set.try_join_next(), &mut inside),
            7 if below(4) == 0 => {
                // Dropped, unless something has ended.
                let wait = set.wait(ReturnWhen::FirstCompleted, None);
                let done = futures::future::poll_immediate(pin!(wait)).await.unwrap_or_default();
                done.into_iter().for_each(|(_, result)| check(Some(result), &mut inside));
            }
            6 => {
                let next = futures::future::poll_immediate(set.join_next()).await;
                check(next.flatten(), &mut inside);
            }
            _ => yield_now().await,
        }
        assert_eq!(set.len(), inside.len());
    }
    drop(gates);
    while let Some(result) = set.join_next().await {
        check(Some(result), &mut inside);
    }
    assert!(inside.is_empty());
}
