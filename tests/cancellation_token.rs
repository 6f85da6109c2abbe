//! `CancellationToken`: who hears of a cancellation, in trees of any shape, and what foreign code may do meanwhile.

mod sync_support;

use futures::executor::block_on;
use runtime::Builder;
use runtime::task::{
    CancellationToken, DropGuard, DropGuardRef, WaitForCancellationFuture, WaitForCancellationFutureOwned,
    yield_now,
};
use std::cell::Cell;
use std::collections::HashSet;
use std::future::{Future, pending, poll_fn};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::thread;
use sync_support::{Polled, nosy_waker, within_bounds};

#[test]
fn a_cancellation_reaches_everything_below_and_nothing_else() {
    let root = CancellationToken::new();
    let [left, right] = [root.child_token(), root.child_token()];
    let [below_left, below_right] = [left.child_token(), right.child_token()];
    let tokens = [&root, &left, &right, &below_left, &below_right];
    let mut waits = tokens.map(|token| [Polled::new(token.cancelled()), Polled::new(token.cancelled())]);
    waits.iter_mut().flatten().for_each(Polled::pending);
    left.cancel();
    assert_eq!(tokens.map(CancellationToken::is_cancelled), [false, true, false, true, false]);
    let woken = waits.each_ref().map(|both| both.each_ref().map(Polled::wakes));
    assert_eq!(woken, [[0, 0], [1, 1], [0, 0], [1, 1], [0, 0]]);
    waits[1].iter_mut().for_each(Polled::ready);
    waits[3].iter_mut().for_each(Polled::ready);
    waits[0].iter_mut().for_each(Polled::pending);
    root.cancel();
    root.cancel();
    assert!(tokens.iter().all(|token| token.is_cancelled()));
    assert_eq!(waits.each_ref().map(|both| both[0].wakes()), [1, 1, 1, 1, 1]);
    waits.iter_mut().flatten().for_each(Polled::ready);
}

#[test]
fn a_cancelled_token_is_ready_at_once_and_so_are_its_children() {
    let token = CancellationToken::new();
    token.cancel();
    Polled::new(token.cancelled()).ready();
    let child = token.child_token();
    assert!(child.is_cancelled());
    let mut wait = Polled::new(child.child_token().cancelled_owned());
    wait.ready();
    wait.ready();
    block_on(token.clone().cancelled_owned());
}

#[test]
fn tokens_in_between_may_go() {
    let root = CancellationToken::new();
    let middle = root.child_token();
    let leaves = [middle.child_token(), middle.child_token(), middle.child_token()];
    let lower = leaves[0].child_token();
    drop(middle);
    let [first, second, third] = leaves;
    drop(first);
    assert!(!lower.is_cancelled());
    drop(second);
    root.cancel();
    assert!(lower.is_cancelled() && third.is_cancelled());
}

#[test]
fn children_outlive_a_root_that_was_never_cancelled() {
    let root = CancellationToken::new();
    let children = [root.child_token(), root.child_token()];
    let grandchild = children[0].child_token();
    drop(root);
    assert!(!children[0].is_cancelled());
    children[0].cancel();
    assert!(grandchild.is_cancelled() && !children[1].is_cancelled());
    children[1].cancel();
    assert!(children[1].is_cancelled());
}

/// On a stack that recursion would overflow.
fn on_a_small_stack(body: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(128 * 1024).spawn(body).unwrap().join().unwrap();
}

fn chain(length: usize) -> Vec<CancellationToken> {
    let mut tokens = vec![CancellationToken::new()];
    for index in 0..length {
        tokens.push(tokens[index].child_token());
    }
    tokens
}

#[test]
fn deep_trees_are_cancelled_and_dropped_without_recursion() {
    on_a_small_stack(|| {
        const DEPTH: usize = 100_000;
        let tokens = chain(DEPTH);
        tokens[DEPTH / 2].cancel();
        assert!(!tokens[DEPTH / 2 - 1].is_cancelled());
        assert!(tokens[DEPTH / 2..].iter().all(CancellationToken::is_cancelled));
        drop(tokens);
        // From the leaf to the root.
        let mut tokens = chain(DEPTH);
        while tokens.pop().is_some() {}
        // Only the ends are left, and then a branch at each place.
        let mut tokens = chain(DEPTH);
        let branches: Vec<_> = tokens.iter().map(CancellationToken::child_token).collect();
        let root = tokens.swap_remove(0);
        drop(tokens);
        root.cancel();
        assert!(branches.iter().all(CancellationToken::is_cancelled));
    });
}

/// Each takes a step for each token: with one for each pair this would take hours.
#[test]
fn wide_trees_take_no_longer_than_they_have_tokens() {
    within_bounds(|| {
        const WIDTH: usize = 100_000;
        let root = CancellationToken::new();
        let children: Vec<_> = (0..WIDTH).map(|_| root.child_token()).collect();
        children.iter().step_by(2).for_each(CancellationToken::cancel);
        assert!(!children[1].is_cancelled());
        root.cancel();
        assert!(children.iter().all(CancellationToken::is_cancelled));
        let root = CancellationToken::new();
        let middles: Vec<_> = (0..WIDTH / 2).map(|_| root.child_token()).collect();
        let leaves: Vec<_> =
            middles.iter().flat_map(|token| [token.child_token(), token.child_token()]).collect();
        drop(middles);
        drop(leaves);
        root.cancel();
    });
}

#[test]
fn guards_cancel_unless_they_are_disarmed() {
    let token = CancellationToken::new();
    let child = token.child_token();
    let same: CancellationToken = child.clone().drop_guard().disarm();
    let borrowed: &CancellationToken = child.drop_guard_ref().disarm();
    assert!(same == child && *borrowed == child && !child.is_cancelled());
    assert_eq!(child.clone().drop_guard().token(), &child);
    assert!(child.is_cancelled() && !token.is_cancelled());
    assert_eq!(token.drop_guard_ref().token(), &token);
    assert!(token.is_cancelled());
}

#[test]
fn clones_are_the_same_token_and_children_are_not() {
    let token = CancellationToken::default();
    let (clone, child) = (token.clone(), token.child_token());
    assert!(token == clone && token != child && token != CancellationToken::new());
    assert_eq!(HashSet::from([token.clone(), clone.clone(), child]).len(), 2);
    assert_eq!(format!("{token:?}"), "CancellationToken { is_cancelled: false }");
    let wait = token.cancelled();
    let shown = format!("{wait:?}");
    assert!(shown.contains("is_cancelled: false"), "{shown}");
    drop(wait);
    drop(token);
    clone.cancel();
    assert!(format!("{:?}", clone.cancelled_owned()).contains("is_cancelled: true"));
}

#[test]
fn a_future_runs_until_the_token_is_cancelled() {
    let token = CancellationToken::new();
    assert_eq!(block_on(token.run_until_cancelled(async { 1 })), Some(1));
    let held = Arc::new(());
    let inside = held.clone();
    let mut run = Polled::new(token.run_until_cancelled(async move {
        let _inside = inside;
        pending::<()>().await;
    }));
    run.pending();
    let mut owned = Polled::new(token.clone().run_until_cancelled_owned(pending::<()>()));
    owned.pending();
    token.cancel();
    assert_eq!((run.wakes(), owned.wakes()), (1, 1));
    assert_eq!((run.ready(), owned.ready()), (None, None));
    assert_eq!(Arc::strong_count(&held), 1, "the future is dropped");
    // It is not even polled.
    let unpolled = poll_fn(|_| -> Poll<()> { unreachable!() });
    assert_eq!(block_on(token.run_until_cancelled(unpolled)), None);
}

#[test]
fn the_output_wins_when_both_come_together() {
    let token = CancellationToken::new();
    let canceller = token.clone();
    let both = token.run_until_cancelled(async move {
        canceller.cancel();
        7
    });
    assert_eq!(block_on(both), Some(7));
}

/// A future that leaves no budget is stopped all the same.
#[test]
fn a_future_that_uses_up_its_budget_is_stopped() {
    within_bounds(|| {
        Builder::new_current_thread().build().unwrap().block_on(async {
            let token = CancellationToken::new();
            let canceller = token.clone();
            let rounds = Rc::new(Cell::new(0));
            let count = rounds.clone();
            runtime::spawn_local(async move {
                while rounds.get() < 1000 {
                    yield_now().await;
                }
                canceller.cancel();
            });
            let busy = token.run_until_cancelled(async move {
                let done = CancellationToken::new();
                done.cancel();
                loop {
                    done.cancelled().await;
                    count.set(count.get() + 1);
                }
            });
            assert_eq!(busy.await, None::<()>);
        });
    });
}

#[test]
fn a_cancelled_token_awaited_in_a_loop_lets_others_run() {
    within_bounds(|| {
        Builder::new_current_thread().build().unwrap().block_on(async {
            let (token, stop) = (CancellationToken::new(), Rc::new(Cell::new(false)));
            token.cancel();
            let other = stop.clone();
            runtime::spawn_local(async move { other.set(true) });
            while !stop.get() {
                token.cancelled().await;
            }
        });
    });
}

#[test]
fn a_wait_that_is_dropped_or_moves_to_another_waker_is_not_woken() {
    let token = CancellationToken::new();
    let mut dropped = Polled::new(token.cancelled());
    dropped.pending();
    let wakes = dropped.wakes.clone();
    drop(dropped);
    let mut moved = Polled::new(token.clone().cancelled_owned());
    moved.pending();
    let first = std::mem::take(&mut moved.wakes);
    moved.pending();
    moved.pending();
    token.cancel();
    assert_eq!((wakes.get(), first.get(), moved.wakes()), (0, 0, 1));
    moved.ready();
}

/// Wakers are cloned, woken and dropped with no lock held: they may do anything with any token of the tree.
#[test]
fn no_lock_is_held_while_foreign_code_runs() {
    within_bounds(|| {
        let root = CancellationToken::new();
        let token = root.child_token();
        let events = Arc::new(AtomicUsize::new(0));
        let (inner, count) = (token.clone(), events.clone());
        let waker = nosy_waker(move |_| {
            count.fetch_add(1, SeqCst);
            let child = inner.child_token();
            let mut wait = Polled::new(child.cancelled());
            drop((wait.poll(), wait));
            drop(child.clone().drop_guard());
            let mut wait = Polled::new(inner.cancelled());
            drop((wait.poll(), wait));
        });
        {
            let mut waits = [Box::pin(token.cancelled()), Box::pin(token.cancelled())];
            for wait in &mut waits {
                let mut cx = std::task::Context::from_waker(&waker);
                assert!(wait.as_mut().poll(&mut cx).is_pending());
            }
            let [mut moved, _dropped] = waits;
            Polled::new(poll_fn(|cx| moved.as_mut().poll(cx))).pending();
        }
        let mut wait = Box::pin(token.cancelled());
        assert!(wait.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
        root.cancel();
        assert!(events.load(SeqCst) > 5);
        drop(waker);
    });
}

/// Every token below a root hears of it, whoever makes and drops tokens meanwhile.
#[test]
fn none_is_forgotten_among_threads() {
    within_bounds(|| {
        for round in 0..200 {
            let root = CancellationToken::new();
            let makers: Vec<_> = (0..3)
                .map(|maker| {
                    let mut token = root.child_token();
                    thread::spawn(move || {
                        let mut kept = Vec::new();
                        for step in 0..100 {
                            let child = token.child_token();
                            match (step + maker + round) % 4 {
                                0 => token = child,
                                1 => kept.push(child),
                                2 => kept.push(std::mem::replace(&mut token, child)),
                                _ => drop(child),
                            }
                            if step % 30 == 29 {
                                kept.swap_remove(step % kept.len());
                            }
                        }
                        kept.push(token);
                        kept
                    })
                })
                .collect();
            if round % 2 == 0 {
                root.cancel();
            }
            let kept: Vec<_> = makers.into_iter().flat_map(|maker| maker.join().unwrap()).collect();
            root.cancel();
            assert!(kept.iter().all(CancellationToken::is_cancelled));
            kept.iter().for_each(|token| block_on(token.cancelled()));
        }
    });
}

#[test]
fn tasks_are_woken_on_both_flavours() {
    within_bounds(|| {
        for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
            builder.build().unwrap().block_on(async {
                let token = CancellationToken::new();
                let tasks: Vec<_> = (0..100)
                    .map(|_| {
                        let child = token.child_token();
                        runtime::spawn(async move { child.cancelled().await })
                    })
                    .collect();
                yield_now().await;
                token.cancel();
                for task in tasks {
                    task.await.unwrap();
                }
            });
        }
    });
}

#[test]
fn all_of_it_is_send_and_sync() {
    fn check<T: Send + Sync + UnwindSafe + RefUnwindSafe>() {}
    check::<CancellationToken>();
    check::<DropGuard>();
    check::<DropGuardRef<'static>>();
    fn send<T: Send + Sync>() {}
    send::<WaitForCancellationFuture<'static>>();
    send::<WaitForCancellationFutureOwned>();
    fn is_send<T: Send>(_: T) {}
    is_send(CancellationToken::new().run_until_cancelled(async {}));
}
