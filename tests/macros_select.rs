//! `select!`: what wins, what is dropped and when, and what its syntax allows. On a plain executor:
//! the macro needs no runtime.

use futures::FutureExt;
use futures::channel::oneshot;
use futures::executor::block_on;
use futures::future::{pending, poll_fn, ready};
use futures::task::noop_waker;
use runtime::select;
use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::task::{Context, Poll};

/// Counts its drops, and is never ready.
struct Loser<'a>(&'a Cell<u32>);

impl Future for Loser<'_> {
    type Output = ();
    fn poll(self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Drop for Loser<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&noop_waker()))
}

#[test]
fn p47_the_first_to_complete_wins() {
    block_on(async {
        let (send, receive) = oneshot::channel();
        let (_kept, never) = oneshot::channel::<u32>();
        send.send(1).unwrap();
        let value = select! {
            value = receive => value.unwrap(),
            _ = never => unreachable!(),
        };
        assert_eq!(value, 1);
    });
}

#[test]
fn p47_every_branch_wins_its_share() {
    const ROUNDS: u32 = 3000;
    let mut wins = [0_u32; 3];
    block_on(async {
        for _ in 0..ROUNDS {
            let winner = select! {
                _ = ready(()) => 0,
                _ = ready(()) => 1,
                _ = ready(()) => 2,
            };
            wins[winner] += 1;
        }
    });
    // Fair: about 1000 each, standard deviation 26. A half either way is 19 of them.
    assert!(wins.iter().all(|n| (500..1500).contains(n)), "{wins:?}");
}

/// On a runtime with a seed, chance is the same each time.
#[test]
fn the_winners_follow_from_the_seed() {
    let winners = |seed| {
        let runtime = runtime::Builder::new_current_thread().rng_seed(seed).build().unwrap();
        runtime.block_on(async {
            let mut winners = Vec::new();
            for _ in 0..50 {
                winners.push(select! {
                    _ = ready(()) => 0,
                    _ = ready(()) => 1,
                    _ = ready(()) => 2,
                });
            }
            winners
        })
    };
    assert_eq!(winners(1), winners(1));
    assert_ne!(winners(1), winners(2));
}

#[test]
fn p47_biased_polls_in_the_order_written() {
    block_on(async {
        for _ in 0..100 {
            let polled = RefCell::new(Vec::new());
            let branch = |n: usize, at: usize| {
                let polled = &polled;
                poll_fn(move |_| {
                    polled.borrow_mut().push(n);
                    if n == at { Poll::Ready(n) } else { Poll::Pending }
                })
            };
            let winner = select! {
                biased;
                n = branch(0, 2) => n,
                n = branch(1, 2) => n,
                n = branch(2, 2) => n,
                n = branch(3, 2) => n,
            };
            assert_eq!(winner, 2);
            assert_eq!(*polled.borrow(), [0, 1, 2]);
        }
    });
}

#[test]
fn p47_losers_are_dropped_once_and_before_the_handler() {
    block_on(async {
        let drops = Cell::new(0);
        select! {
            biased;
            () = Loser(&drops) => unreachable!(),
            () = ready(()) => assert_eq!(drops.get(), 2),
            () = Loser(&drops) => unreachable!(),
        }
        assert_eq!(drops.get(), 2);
    });
}

#[test]
fn p47_dropping_the_select_drops_every_future_once() {
    let drops = Cell::new(0);
    {
        let mut waiting = pin!(async {
            select! {
                () = Loser(&drops) => (),
                () = Loser(&drops) => (),
            }
        });
        assert!(poll_once(waiting.as_mut()).is_pending());
        assert_eq!(drops.get(), 0);
    }
    assert_eq!(drops.get(), 2);
}

#[test]
fn p47_a_panicking_branch_drops_the_others_once() {
    let drops = Cell::new(0);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        block_on(async {
            select! {
                biased;
                () = Loser(&drops) => (),
                () = async { panic!("boom") } => (),
            }
        });
    }));
    assert!(outcome.is_err());
    assert_eq!(drops.get(), 1);
}

#[test]
fn a_value_that_does_not_match_disables_its_branch_for_good() {
    let (send, receive) = oneshot::channel();
    let polls = Cell::new(0);
    let mut waiting = pin!(async {
        select! {
            Some(()) = poll_fn(|_| { polls.set(polls.get() + 1); Poll::Ready(None) }) => unreachable!(),
            value = receive => value.unwrap(),
        }
    });
    assert!(poll_once(waiting.as_mut()).is_pending());
    assert!(poll_once(waiting.as_mut()).is_pending());
    assert_eq!(polls.get(), 1, "polled again after it was ready");
    send.send(7).unwrap();
    assert_eq!(poll_once(waiting.as_mut()), Poll::Ready(7));
}

#[test]
fn a_false_condition_disables_but_the_future_is_made() {
    block_on(async {
        let made = Cell::new(false);
        let value = select! {
            _ = { made.set(true); poll_fn(|_| -> Poll<()> { panic!("polled") }) }, if false => 1,
            _ = ready(()), if made.get() => 2, // conditions come first: not made yet
            else => 3,
        };
        assert_eq!(value, 3);
        assert!(made.get());
    });
}

#[test]
fn a_condition_may_be_a_pattern() {
    block_on(async {
        let some = Some(3);
        let none: Option<u32> = None;
        let value = select! {
            _ = ready(()), if let Some(_) = none => 1,
            _ = ready(()), if let Some(4..) = some => 2,
            _ = ready(()), if let Some(_) = some => 3,
        };
        assert_eq!(value, 3);
    });
}

#[test]
fn else_alone_and_biased_else() {
    block_on(async {
        assert_eq!(select! { else => 1 }, 1);
        assert_eq!(select! { biased; else => 2 }, 2);
        assert_eq!(select! { _ = ready(()), if false => 1, else => 3, }, 3);
    });
}

#[test]
#[should_panic(expected = "every branch of `select!` is disabled, and it has no `else` branch")]
fn all_disabled_without_else_panics() {
    block_on(async {
        select! { _ = ready(()), if false => () }
    });
}

#[test]
fn the_panic_without_else_is_at_the_select() {
    let (send, receive) = std::sync::mpsc::channel();
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let _ = send.send(info.location().map(|at| (at.file().to_owned(), at.line())));
    }));
    let line = line!() + 3;
    let outcome = std::panic::catch_unwind(|| {
        block_on(async {
            select! { _ = ready(()), if false => () }
        });
    });
    std::panic::set_hook(previous);
    assert!(outcome.is_err());
    // Another test's panic may come in between.
    let seen: Vec<_> = receive.try_iter().collect();
    assert!(seen.contains(&Some((file!().to_owned(), line))), "{seen:?}");
}

#[test]
fn handlers_belong_to_the_function_around() {
    async fn question(input: &str) -> Result<u32, std::num::ParseIntError> {
        let n = select! { text = ready(input) => text.parse::<u32>()?, };
        Ok(n + 1)
    }
    async fn early() -> &'static str {
        select! {
            _ = ready(()), if true => return "returned",
            else => {}
        }
        "fell through"
    }
    block_on(async {
        assert_eq!(question("1").await, Ok(2));
        assert!(question("x").await.is_err());
        assert_eq!(early().await, "returned");
        let mut rounds = 0;
        let broken_with = 'outer: loop {
            loop {
                rounds += 1;
                select! {
                    biased;
                    _ = ready(()), if rounds < 3 => continue,
                    _ = ready(()), if rounds == 3 => break,
                    _ = ready(()) => break 'outer rounds,
                }
            }
        };
        assert_eq!(broken_with, 4);
        let awaited = select! { n = ready(1) => async { n + 1 }.await };
        assert_eq!(awaited, 2);
    });
}

#[test]
fn a_handler_may_use_what_the_losers_borrowed() {
    async fn borrow(_: &mut u32) {
        pending::<()>().await;
    }
    block_on(async {
        let mut value = 1;
        select! {
            _ = borrow(&mut value) => {}
            _ = ready(()) => value += 1,
        }
        assert_eq!(value, 2);

        let (send1, mut one) = oneshot::channel();
        let (send2, mut two) = oneshot::channel();
        send1.send(1).unwrap();
        send2.send(2).unwrap();
        let sum = select! {
            first = &mut one => first.unwrap() + two.await.unwrap(),
            first = &mut two => first.unwrap() + one.await.unwrap(),
        };
        assert_eq!(sum, 3);
    });
}

#[test]
fn all_patterns_that_a_match_takes() {
    const LIMIT: u32 = 3;
    struct Point {
        x: String,
        y: u32,
    }
    block_on(async {
        // By value, by reference, mutable, nested, constants, bindings, alternatives, ranges.
        let text = async { Some("a".to_owned()) };
        select! { Some(mut s) = text => { s.push('b'); assert_eq!(s, "ab"); } else => unreachable!() }
        select! { Some(ref s) = async { Some("a".to_owned()) } => assert_eq!(s, "a"), else => unreachable!() }
        select! {
            Some(ref mut s) = async { Some("a".to_owned()) } => { s.push('c'); assert_eq!(s, "ac"); }
            else => unreachable!()
        }
        select! { Some(&n) = ready(Some(&5)) => assert_eq!(n, 5), else => unreachable!() }
        select! { &Some(n) = ready(&Some(5)) => assert_eq!(n, 5), else => unreachable!() }
        select! { LIMIT = ready(4) => unreachable!(), else => {} }
        select! { LIMIT = ready(3) => {}, else => unreachable!() }
        select! { None = ready(Some(1)) => unreachable!(), else => {} }
        select! { whole @ Some(_) = ready(Some("x".to_owned())) => assert_eq!(whole.unwrap(), "x"), else => {} }
        select! { 1 | 2 = ready(2) => {}, else => unreachable!() }
        select! { | Ok(n) | Err(n) = ready(Ok::<_, u32>(2)) => assert_eq!(n, 2) }
        select! { n @ 1..=9 = ready(10) => unreachable!("{n}"), else => {} }
        select! {
            Point { x, y: LIMIT } = async { Point { x: "p".to_owned(), y: 3 } } => assert_eq!(x, "p"),
            else => unreachable!(),
        }
        select! { [first, .., last] = ready([1, 2, 3]) => assert_eq!(first + last, 4), }
        select! { Point { y, .. } = async { Point { x: String::new(), y: 1 } } => assert_eq!(y, 1) }
    });
}

#[test]
fn commas_and_blocks() {
    block_on(async {
        // A comma behind a block is free; the last one is free everywhere.
        let a = select! { n = ready(1) => { n } };
        let b = select! { n = ready(1) => { n }, };
        let c = select! { n = ready(1) => n };
        let d = select! {
            _ = ready(0), if false => { 0 }
            n = ready(1) => { n },
            _ = ready(0), if false => n_of(0),
        };
        let e = select! {
            n = ready(1) => match n { n if n > 0 => n, _ => 0 },
            else => { 0 },
        };
        assert_eq!(a + b + c + d + e, 5);
    });
    fn n_of(n: u32) -> u32 {
        n
    }
}

#[test]
fn nested_in_future_and_in_handler() {
    block_on(async {
        let value = select! {
            x = async { select! { y = ready(1) => y + 1, } } => select! { z = ready(x) => z + 1, },
        };
        assert_eq!(value, 3);
    });
}

#[test]
fn takes_whatever_becomes_a_future() {
    struct Later(u32);
    impl IntoFuture for Later {
        type Output = u32;
        type IntoFuture = std::future::Ready<u32>;
        fn into_future(self) -> Self::IntoFuture {
            std::future::ready(self.0)
        }
    }
    block_on(async { assert_eq!(select! { n = Later(3) => n }, 3) });
}

#[test]
fn a_borrowed_temporary_lives_as_long_as_the_futures() {
    block_on(async {
        let n = select! { n = &mut ready(3) => n };
        let m = select! { m = &mut async { 4 }.boxed_local() => m };
        assert_eq!((n, m), (3, 4));
    });
}

#[test]
#[deny(warnings)]
fn no_warnings() {
    enum Never {}
    async fn never() -> ! {
        pending().await
    }
    block_on(async {
        let n = select! {
            _ = never() => 0,
            n = ready(1) => n,
        };
        let m = select! {
            never = pending::<Never>() => match never {},
            (m, _unused) = ready((2, 3)) => m,
        };
        assert_eq!((n, m), (1, 2));
    });
}

/// The names that expansions of other runtimes are known to have clashed with, and those of ours.
#[test]
fn hygiene() {
    #[derive(Debug, PartialEq, Clone, Copy)]
    enum Ready {
        A,
    }
    #[derive(Debug, PartialEq)]
    struct Pending(u8);
    #[allow(dead_code)]
    struct Poll;
    #[allow(dead_code)]
    struct Pin;
    #[allow(dead_code)]
    trait Future {}
    #[allow(dead_code, non_camel_case_types)]
    type u8_ = u8;
    #[allow(dead_code, non_camel_case_types)]
    struct u32;
    #[allow(dead_code)]
    mod core {}
    #[allow(dead_code)]
    mod std {}
    const COUNT: usize = 77;
    const BRANCHES: usize = 78;
    struct T0;
    block_on(async {
        let (future0, disabled, pending, start, branch, output, matches, selected, cx) =
            (1, 2, 3, 4, 5, 6, 7, 8, 9);
        let value = select! {
            x = async move { future0 + disabled + pending + start + branch + output } , if matches > 0 => {
                x + future0 + disabled + pending + start + branch + output + matches + selected + cx
            }
            Ready::A = async { let _ = T0; Ready::A }, if selected == 0 => COUNT,
            Pending(_) = async { Pending(1) }, if cx == 0 => BRANCHES,
        };
        assert_eq!(value, 21 + 45);
    });
}

#[test]
fn works_where_the_facade_is_renamed_and_through_other_macros() {
    mod inner {
        pub(crate) use ::runtime as renamed;
    }
    macro_rules! first {
        ($a:expr, $b:expr) => {
            inner::renamed::select! { biased; a = $a => a, b = $b => b }
        };
    }
    macro_rules! through {
        ($($pattern:pat = $future:expr => $handler:expr),*) => {
            inner::renamed::select! { $($pattern = $future => $handler),* }
        };
    }
    block_on(async {
        assert_eq!(first!(ready(1), ready(2)), 1);
        assert_eq!(through!(Some(x) = ready(Some(1)) => x + 1), 2);
    });
}

#[test]
fn sixty_four_branches() {
    macro_rules! sixty_four {
        ($($n:literal)*) => { select! { $(value = ready($n) => value,)* } };
    }
    block_on(async {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..5000 {
            seen.insert(sixty_four!(
                0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
                33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
            ));
        }
        // Each is missed with probability (63/64)^5000 < 1e-34.
        assert_eq!(seen.len(), 64);
    });
}

#[test]
fn stays_send_and_small() {
    fn send<T: Send>(future: T) -> T {
        future
    }
    let future = send(async {
        let (a, b) = (ready(1_u32), ready(2_u32));
        select! { n = a => n, n = b => n }
    });
    // Two futures of 8 bytes, a pointer to each, the mask, and the state of the block around.
    assert!(size_of_val(&future) <= 64, "{}", size_of_val(&future));
}

#[test]
fn yields_when_the_budget_of_the_task_is_spent() {
    use runtime_core::coop;
    let polls = Cell::new(0);
    let mut waiting = pin!(async {
        select! { n = poll_fn(|_| { polls.set(polls.get() + 1); Poll::Ready(1) }) => n }
    });
    let waker = noop_waker();
    let mut cx = Context::from_waker(&waker);
    let (polled, yielded) = coop::enter(&waker, || {
        while coop::has_budget_remaining() {
            let Poll::Ready(unit) = coop::poll_proceed(&cx) else { unreachable!() };
            unit.made_progress();
        }
        waiting.as_mut().poll(&mut cx)
    });
    assert!(polled.is_pending() && yielded);
    assert_eq!(polls.get(), 0);
    let (polled, _) = coop::enter(&waker, || waiting.as_mut().poll(&mut cx));
    assert_eq!(polled, Poll::Ready(1));
}
