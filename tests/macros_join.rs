//! `join!`, `try_join!` and `pin!`, on a plain executor.

use futures::channel::oneshot;
use futures::executor::block_on;
use futures::future::{Ready, pending, poll_fn, ready};
use futures::task::noop_waker;
use runtime::{join, try_join};
use std::cell::{Cell, RefCell};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&noop_waker()))
}

/// Counts its drops; ready at the poll with this number.
struct Counted<'a, T> {
    drops: &'a Cell<u32>,
    polls_left: u32,
    output: Option<T>,
}

fn counted<T>(drops: &Cell<u32>, polls_left: u32, output: T) -> Counted<'_, T> {
    Counted { drops, polls_left, output: Some(output) }
}

impl<T: Unpin> Future for Counted<'_, T> {
    type Output = T;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        if self.polls_left == 0 {
            return Poll::Ready(self.output.take().expect("polled after it was ready"));
        }
        self.polls_left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<T> Drop for Counted<'_, T> {
    fn drop(&mut self) {
        self.drops.set(self.drops.get() + 1);
    }
}

#[test]
fn nothing_one_many() {
    block_on(async {
        let () = join!();
        let () = join!(biased;);
        assert_eq!(join!(ready(1)), (1,));
        assert_eq!(join!(ready(1),), (1,));
        assert_eq!(join!(biased; ready(1), async { "two" },), (1, "two"));
        assert_eq!(try_join!(), Ok::<(), u32>(()));
        assert_eq!(try_join!(async { Ok::<_, u32>(1) }), Ok((1,)));
        assert_eq!(try_join!(biased; async { Ok::<_, u32>(1) }, async { Ok("two") },), Ok((1, "two")));
    });
}

#[test]
fn waits_for_the_slowest_in_any_order() {
    let (send1, receive1) = oneshot::channel();
    let (send2, receive2) = oneshot::channel();
    let mut joined = pin!(async { join!(receive1, receive2) });
    assert!(poll_once(joined.as_mut()).is_pending());
    send2.send("two").unwrap();
    assert!(poll_once(joined.as_mut()).is_pending());
    send1.send(1).unwrap();
    assert_eq!(poll_once(joined.as_mut()), Poll::Ready((Ok(1), Ok("two"))));
}

#[test]
fn a_future_is_dropped_once_and_when_it_is_done() {
    let drops = Cell::new(0);
    let mut joined = pin!(async { join!(counted(&drops, 0, 1), counted(&drops, 2, 2)) });
    assert!(poll_once(joined.as_mut()).is_pending());
    assert_eq!(drops.get(), 1, "the first is done");
    assert!(poll_once(joined.as_mut()).is_pending());
    assert_eq!(poll_once(joined.as_mut()), Poll::Ready((1, 2)));
    assert_eq!(drops.get(), 2);
}

#[test]
fn dropped_halfway_it_drops_futures_and_outputs_once() {
    let futures = Cell::new(0);
    let outputs = Cell::new(0);
    {
        let output = counted(&outputs, 0, ());
        let mut joined = pin!(async { join!(counted(&futures, 0, output), counted(&futures, 5, ())).1 });
        assert!(poll_once(joined.as_mut()).is_pending());
        assert_eq!((futures.get(), outputs.get()), (1, 0));
    }
    assert_eq!((futures.get(), outputs.get()), (2, 1));
}

#[test]
fn p47_every_poll_starts_with_the_next_future() {
    let order = RefCell::new(Vec::new());
    let branch = |n: u32| {
        let order = &order;
        poll_fn(move |_| -> Poll<()> {
            order.borrow_mut().push(n);
            Poll::Pending
        })
    };
    {
        let mut joined = pin!(async { join!(branch(0), branch(1), branch(2)) });
        for _ in 0..4 {
            assert!(poll_once(joined.as_mut()).is_pending());
        }
    }
    assert_eq!(order.take(), [0, 1, 2, 1, 2, 0, 2, 0, 1, 0, 1, 2]);
    {
        let result = |n| futures::FutureExt::map(branch(n), Ok::<(), ()>);
        let mut joined = pin!(async { try_join!(result(0), result(1)) });
        for _ in 0..3 {
            assert!(poll_once(joined.as_mut()).is_pending());
        }
    }
    assert_eq!(order.take(), [0, 1, 1, 0, 0, 1]);
    {
        let mut joined = pin!(async { join!(biased; branch(0), branch(1)) });
        for _ in 0..3 {
            assert!(poll_once(joined.as_mut()).is_pending());
        }
    }
    assert_eq!(order.take(), [0, 1, 0, 1, 0, 1]);
}

/// One future uses up the whole budget each time; the other gets its turns all the same.
#[test]
fn p47_a_greedy_future_starves_none() {
    use runtime_core::coop;
    async fn take(units: u32, taken: &Cell<u32>) {
        for _ in 0..units {
            poll_fn(|cx| {
                let Poll::Ready(unit) = coop::poll_proceed(cx) else { return Poll::Pending };
                unit.made_progress();
                taken.set(taken.get() + 1);
                Poll::Ready(())
            })
            .await;
        }
    }
    let (greedy, modest) = (Cell::new(0), Cell::new(0));
    let mut joined = pin!(async { join!(take(100_000, &greedy), take(100, &modest)) });
    let waker = noop_waker();
    for _ in 0..4 {
        let (polled, _) = coop::enter(&waker, || joined.as_mut().poll(&mut Context::from_waker(&waker)));
        assert!(polled.is_pending());
    }
    assert_eq!(modest.get(), 100, "greedy had {}", greedy.get());
}

#[test]
fn p47_the_first_error_ends_it_and_drops_the_losers_once() {
    let drops = Cell::new(0);
    block_on(async {
        let outcome = try_join!(
            counted(&drops, u32::MAX, Ok::<(), &str>(())),
            counted(&drops, 3, Err::<u32, _>("first")),
            counted(&drops, 9, Err::<u32, _>("second")),
        );
        assert_eq!(outcome, Err("first"));
        assert_eq!(drops.get(), 3);
    });
}

#[test]
fn a_question_mark_behind_it() {
    async fn sum() -> Result<u32, std::num::ParseIntError> {
        let (a, b) = try_join!(async { "1".parse::<u32>() }, async { "2".parse::<u32>() })?;
        let (c, d) = join!(async { "3".parse::<u32>() }, async { "x".parse::<u32>() });
        Ok(a + b + c? + d?)
    }
    assert!(block_on(sum()).is_err());
}

#[test]
fn takes_borrowing_and_boxed_futures_and_whatever_becomes_one() {
    struct Later(u32);
    impl IntoFuture for Later {
        type Output = u32;
        type IntoFuture = Ready<u32>;
        fn into_future(self) -> Self::IntoFuture {
            ready(self.0)
        }
    }
    async fn length(text: &str) -> usize {
        text.len()
    }
    block_on(async {
        let text = "four".to_owned();
        let mut pinned = pin!(async { 5 });
        let boxed: Pin<Box<dyn Future<Output = u32>>> = Box::pin(async { 6 });
        assert_eq!(join!(length(&text), &mut pinned, boxed, Later(7)), (4, 5, 6, 7));
    });
}

#[test]
#[deny(warnings)]
fn no_warnings_for_outputs_that_cannot_be() {
    use std::convert::Infallible;
    let mut joined = pin!(async { join!(pending::<Infallible>(), ready(1)) });
    assert!(poll_once(joined.as_mut()).is_pending());
    let never = || pending::<Result<Infallible, Infallible>>();
    let mut joined = pin!(async { try_join!(never(), never()) });
    assert!(poll_once(joined.as_mut()).is_pending());
}

#[test]
fn hygiene() {
    #[allow(dead_code)]
    struct Poll;
    #[allow(dead_code)]
    mod core {}
    #[allow(dead_code)]
    mod std {}
    #[allow(dead_code, non_camel_case_types)]
    struct u32;
    #[allow(dead_code)]
    enum Result {
        Ok,
        Err,
    }
    const COUNT: usize = 77;
    block_on(async {
        let (future0, future1, pending, first, outputs, cx) = (1, 2, 3, 4, 5, 6);
        let joined = join!(async { COUNT }, async { future0 + future1 + pending + first + outputs + cx });
        assert_eq!(joined, (77, 21));
        let joined = try_join!(async { Some(COUNT).ok_or(1) }, async { Some(first).ok_or(2) });
        assert!(matches!(joined, ::core::result::Result::Ok((77, 4))));
    });
}

#[test]
fn stays_send_and_small() {
    fn send<T: Send>(future: T) -> T {
        future
    }
    let future = send(async { join!(ready(1_u32), ready(2_u32)) });
    assert!(size_of_val(&future) <= 64, "{}", size_of_val(&future));
}

#[test]
fn pin_names_and_lets() {
    block_on(async {
        let one = async { 1 };
        let two = async { 2 };
        runtime::pin!(one, two);
        let first: Pin<&mut _> = one.as_mut();
        assert_eq!(first.await + two.await, 3);
        runtime::pin! {
            let three = async { 3 };
            let four = ready(4);
        }
        assert_eq!(join!(three, &mut four), (3, 4));
    });
}
