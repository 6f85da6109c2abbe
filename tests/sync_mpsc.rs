//! Channels, bounded and not.

mod sync_support;

use futures::executor::block_on;
use runtime_core::sync::Semaphore;
use runtime_core::sync::mpsc::error::{SendError, TryRecvError, TrySendError};
use runtime_core::sync::mpsc::{self, Sender, UnboundedSender};
use std::future::poll_fn;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use sync_support::{Polled, within_bounds};

#[test]
fn values_arrive_in_order() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    for round in 0..3 {
        for value in 0..100 {
            tx.send((round, value)).unwrap();
        }
        assert_eq!(rx.len(), 100);
        for value in 0..100 {
            assert_eq!(rx.try_recv(), Ok((round, value)));
        }
        assert!(rx.is_empty());
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    }
}

#[test]
fn the_receiver_is_woken_when_it_sleeps_and_not_otherwise() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    let mut recv = Polled::new(rx.recv());
    recv.pending();
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    assert_eq!(recv.wakes(), 1);
    assert_eq!(recv.ready(), Some(1));
    let wakes = recv.wakes.clone();
    drop(recv);
    tx.send(3).unwrap();
    assert_eq!(wakes.get(), 1);
    assert_eq!((rx.try_recv(), rx.try_recv()), (Ok(2), Ok(3)));
}

/// Promise 44: a `recv` that was woken and is dropped has lost nothing.
#[test]
fn a_dropped_recv_loses_nothing() {
    let (tx, mut rx) = mpsc::channel(4);
    let mut recv = Polled::new(rx.recv());
    recv.pending();
    tx.try_send(1).unwrap();
    assert_eq!(recv.wakes(), 1);
    drop(recv);
    assert_eq!(block_on(rx.recv()), Some(1));
}

/// Promise 45.
#[test]
fn none_comes_after_all_values() {
    let (tx, mut rx) = mpsc::channel(3);
    let second = tx.clone();
    tx.try_send(1).unwrap();
    second.try_send(2).unwrap();
    drop((tx, second));
    assert!(rx.is_closed());
    assert_eq!(block_on(rx.recv()), Some(1));
    assert_eq!(rx.try_recv(), Ok(2));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    assert_eq!(block_on(rx.recv()), None);
    assert_eq!(block_on(rx.recv()), None);
}

#[test]
fn the_last_sender_wakes_the_receiver() {
    let (tx, mut rx) = mpsc::unbounded_channel::<()>();
    let second = tx.clone();
    let mut recv = Polled::new(rx.recv());
    recv.pending();
    drop(tx);
    assert_eq!(recv.wakes(), 0);
    drop(second);
    assert_eq!(recv.wakes(), 1);
    assert_eq!(recv.ready(), None);
}

/// Promise 45.
#[test]
fn a_closed_channel_gives_values_back() {
    let (tx, mut rx) = mpsc::channel(2);
    tx.try_send(1).unwrap();
    rx.close();
    assert!(tx.is_closed() && rx.is_closed());
    assert_eq!(block_on(tx.send(2)), Err(SendError(2)));
    assert_eq!(tx.try_send(3), Err(TrySendError::Closed(3)));
    assert_eq!(tx.try_reserve().map(drop), Err(TrySendError::Closed(())));
    assert_eq!(block_on(rx.recv()), Some(1));
    assert_eq!(block_on(rx.recv()), None);

    let (tx, rx) = mpsc::unbounded_channel();
    drop(rx);
    assert_eq!(tx.send(4), Err(SendError(4)));
}

#[test]
fn close_refuses_the_senders_who_wait() {
    let (tx, mut rx) = mpsc::channel(1);
    tx.try_send(0).unwrap();
    let mut waits = [Polled::new(tx.send(1)), Polled::new(tx.send(2))];
    waits.iter_mut().for_each(Polled::pending);
    rx.close();
    assert_eq!(waits[0].ready(), Err(SendError(1)));
    assert_eq!(waits[1].ready(), Err(SendError(2)));
    assert_eq!(block_on(rx.recv()), Some(0));
    assert_eq!(block_on(rx.recv()), None);
}

/// Promise 45: a send that has got room while it waited, and has not been polled since, has sent nothing yet.
#[test]
fn close_refuses_senders_who_have_got_room_and_were_not_told() {
    for closes in [true, false] {
        let (tx, mut rx) = mpsc::channel(4);
        (0..4).for_each(|_| tx.try_send(Arc::new(0)).unwrap());
        let value = Arc::new(1);
        let mut send = Polled::new(tx.send(value.clone()));
        let mut reserve = Polled::new(tx.reserve());
        let mut many = Polled::new(tx.reserve_many(2));
        send.pending();
        reserve.pending();
        many.pending();
        (0..4).for_each(|_| drop(rx.try_recv().unwrap()));
        assert_eq!((send.wakes(), reserve.wakes(), many.wakes()), (1, 1, 1));
        if closes {
            rx.close();
            let mut recv = Polled::new(rx.recv());
            recv.pending();
            assert_eq!(send.ready(), Err(SendError(value.clone())));
            assert!(reserve.ready().is_err());
            recv.pending();
            let before = recv.wakes();
            assert!(many.ready().is_err());
            assert!(recv.wakes() > before, "nobody tells the receiver that it is over");
            assert_eq!(recv.ready(), None);
        } else {
            drop(rx);
            assert_eq!(send.ready(), Err(SendError(value.clone())));
            assert!(reserve.ready().is_err() && many.ready().is_err());
        }
        drop((send, reserve, many));
        assert_eq!(Arc::strong_count(&value), 1, "the value is in a channel that nobody receives from");
        assert_eq!(tx.capacity(), 4);
    }
}

/// A receiver takes the value before and closes in one go; the sender's thread is told of both at once.
#[test]
fn a_blocked_sender_that_is_told_too_late_gets_its_value_back() {
    within_bounds(|| {
        for _ in 0..200 {
            let (tx, mut rx) = mpsc::channel(1);
            tx.try_send(0).unwrap();
            let sender = thread::spawn(move || tx.blocking_send(1));
            assert_eq!(rx.try_recv(), Ok(0));
            rx.close();
            let received = block_on(rx.recv());
            assert_eq!(sender.join().unwrap().is_ok(), received == Some(1));
        }
    });
}

/// One block of slots for these is larger than the stack. Every value that is passed by hand is on it several times.
#[test]
fn values_may_be_as_large_as_fits_on_the_stack() {
    const SIZE: usize = 64 << 10;
    let on_a_small_stack = || {
        let (tx, mut rx) = mpsc::unbounded_channel::<[u8; SIZE]>();
        // Over the end of a block.
        for round in 0..40 {
            assert!(tx.send([round; SIZE]).is_ok());
        }
        for round in 0..40 {
            assert!(rx.try_recv().is_ok_and(|value| value[SIZE - 1] == round));
        }
        let (tx, mut rx) = mpsc::channel::<[u8; SIZE]>(40);
        for round in 0..40 {
            assert!(tx.try_send([round; SIZE]).is_ok());
            assert!(rx.try_recv().is_ok_and(|value| value[SIZE - 1] == round));
        }
    };
    let thread = thread::Builder::new().stack_size(30 * SIZE).spawn(on_a_small_stack).unwrap();
    thread.join().unwrap();
}

#[test]
fn a_full_channel_makes_senders_wait_in_turn() {
    let (tx, mut rx) = mpsc::channel(1);
    tx.try_send(0).unwrap();
    assert_eq!(tx.try_send(9), Err(TrySendError::Full(9)));
    let (mut first, mut second) = (Polled::new(tx.send(1)), Polled::new(tx.send(2)));
    first.pending();
    second.pending();
    assert_eq!(rx.try_recv(), Ok(0));
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    assert_eq!(tx.try_send(9), Err(TrySendError::Full(9)), "a sender overtook those who wait");
    first.ready().unwrap();
    assert_eq!(rx.try_recv(), Ok(1));
    second.ready().unwrap();
    assert_eq!(rx.try_recv(), Ok(2));
}

#[test]
fn a_dropped_send_hands_its_room_on() {
    let (tx, mut rx) = mpsc::channel(1);
    tx.try_send(0).unwrap();
    let (mut first, mut second) = (Polled::new(tx.send(1)), Polled::new(tx.send(2)));
    first.pending();
    second.pending();
    assert_eq!(rx.try_recv(), Ok(0));
    drop(first);
    assert_eq!(second.wakes(), 1);
    second.ready().unwrap();
    assert_eq!(rx.try_recv(), Ok(2));
    assert_eq!(tx.capacity(), 1);
}

#[test]
fn capacity_counts_values_and_permits() {
    let (tx, mut rx) = mpsc::channel(5);
    assert_eq!((tx.capacity(), tx.max_capacity(), rx.max_capacity()), (5, 5, 5));
    let permit = tx.try_reserve().unwrap();
    tx.try_send(1).unwrap();
    let many = tx.try_reserve_many(2).unwrap();
    assert_eq!((tx.capacity(), rx.capacity(), rx.len()), (1, 1, 1));
    assert!(matches!(tx.try_reserve_many(2).map(drop), Err(TrySendError::Full(()))));
    assert!(matches!(tx.try_reserve_many(6).map(drop), Err(TrySendError::Full(()))));
    permit.send(2);
    drop(many);
    assert_eq!(tx.capacity(), 3);
    assert_eq!((rx.try_recv(), rx.try_recv()), (Ok(1), Ok(2)));
    assert_eq!((tx.capacity(), rx.capacity()), (5, 5));
    assert_eq!(block_on(tx.reserve_many(6)).map(drop), Err(SendError(())));
}

#[test]
fn many_permits_come_at_once_and_go_one_by_one() {
    let (tx, mut rx) = mpsc::channel(3);
    tx.try_send(0).unwrap();
    let mut wait = Polled::new(tx.reserve_many(3));
    wait.pending();
    assert_eq!(rx.try_recv(), Ok(0));
    let mut permits = wait.ready().unwrap();
    assert_eq!(permits.len(), 3);
    permits.next().unwrap().send(1);
    drop(permits.next());
    assert_eq!(tx.capacity(), 1);
    drop(permits);
    assert_eq!((tx.capacity(), rx.try_recv()), (2, Ok(1)));
    assert_eq!(block_on(tx.reserve_many(0)).unwrap().count(), 0);
}

#[test]
fn owned_permits_carry_their_sender() {
    let (tx, mut rx) = mpsc::channel(1);
    let other = tx.clone();
    let permit = block_on(tx.reserve_owned()).unwrap();
    assert!(permit.same_channel_as_sender(&other));
    let other = match other.try_reserve_owned() {
        Err(TrySendError::Full(other)) => other,
        unexpected => panic!("{unexpected:?}"),
    };
    let tx = permit.send(1);
    assert_eq!(rx.try_recv(), Ok(1));
    let permit = tx.try_reserve_owned().unwrap();
    let tx = permit.release();
    assert!(tx.same_channel(&other) && tx.capacity() == 1);
    drop(other);
    drop(tx.try_reserve_owned().unwrap());
    assert_eq!(block_on(rx.recv()), None);
}

#[test]
fn a_closed_channel_waits_for_its_permits() {
    let (tx, mut rx) = mpsc::channel(3);
    let (used, unused) = (tx.try_reserve().unwrap(), tx.try_reserve().unwrap());
    rx.close();
    let mut recv = Polled::new(rx.recv());
    recv.pending();
    used.send(1);
    assert_eq!(recv.ready(), Some(1));
    drop(recv);
    let mut recv = Polled::new(rx.recv());
    recv.pending();
    drop(unused);
    assert!(recv.wakes() > 0, "nobody tells the receiver that it is over");
    assert_eq!(recv.ready(), None);
}

/// Granted, then the channel closes, then the wait is dropped: the receiver learns that nothing will come.
#[test]
fn a_granted_reservation_that_is_dropped_ends_a_closed_channel() {
    let (tx, mut rx) = mpsc::channel(1);
    tx.try_send(0).unwrap();
    let mut wait = Polled::new(tx.reserve());
    wait.pending();
    assert_eq!(rx.try_recv(), Ok(0));
    assert_eq!(wait.wakes(), 1);
    rx.close();
    let mut recv = Polled::new(rx.recv());
    recv.pending();
    drop(wait);
    assert!(recv.wakes() > 0);
    assert_eq!(recv.ready(), None);
}

#[test]
fn recv_many_takes_what_is_there() {
    let (tx, mut rx) = mpsc::channel(100);
    let mut buffer = Vec::new();
    assert_eq!(block_on(rx.recv_many(&mut buffer, 0)), 0);
    let mut wait = Polled::new(rx.recv_many(&mut buffer, 10));
    wait.pending();
    for value in 0..25 {
        tx.try_send(value).unwrap();
    }
    assert_eq!(wait.ready(), 10);
    drop(wait);
    assert_eq!(tx.capacity(), 85);
    assert_eq!(block_on(rx.recv_many(&mut buffer, 10)), 10);
    drop(tx);
    assert_eq!(rx.blocking_recv_many(&mut buffer, 10), 5);
    assert_eq!(block_on(rx.recv_many(&mut buffer, 10)), 0);
    assert!(buffer.into_iter().eq(0..25));
}

#[test]
fn senders_learn_that_the_channel_closed() {
    let (tx, rx) = mpsc::channel::<()>(1);
    let mut waits = [Polled::new(tx.closed()), Polled::new(tx.closed())];
    waits.iter_mut().for_each(Polled::pending);
    drop(rx);
    for wait in &mut waits {
        assert_eq!(wait.wakes(), 1);
        wait.ready();
    }
    block_on(tx.closed());

    let (tx, mut rx) = mpsc::unbounded_channel::<()>();
    let mut closed = Polled::new(tx.closed());
    closed.pending();
    rx.close();
    closed.ready();
}

#[test]
fn weak_senders_do_not_keep_a_channel_open() {
    let (tx, mut rx) = mpsc::channel(2);
    let weak = tx.downgrade();
    let again = weak.clone();
    assert_eq!((tx.strong_count(), tx.weak_count(), rx.sender_weak_count()), (1, 2, 2));
    let second = weak.upgrade().unwrap();
    second.try_send(1).unwrap();
    assert_eq!((weak.strong_count(), rx.sender_strong_count()), (2, 2));
    drop((tx, second));
    assert!(weak.upgrade().is_none());
    assert_eq!((rx.try_recv(), rx.try_recv()), (Ok(1), Err(TryRecvError::Disconnected)));
    drop(again);
    assert_eq!(weak.weak_count(), 1);

    let (tx, _rx) = mpsc::unbounded_channel::<()>();
    let weak = tx.downgrade().clone();
    assert!(weak.upgrade().unwrap().same_channel(&tx));
    drop(tx);
    assert!(weak.upgrade().is_none());
    assert_eq!((weak.strong_count(), weak.weak_count()), (0, 1));
}

#[test]
fn a_channel_without_room_is_refused() {
    assert!(catch_unwind(|| mpsc::channel::<()>(0)).is_err());
    assert!(catch_unwind(|| mpsc::channel::<()>(usize::MAX)).is_err());
}

/// "As good as unbounded" is a capacity that people use.
#[test]
fn the_largest_channel_works() {
    let max = Semaphore::MAX_PERMITS;
    let (tx, mut rx) = mpsc::channel(max);
    assert_eq!((tx.capacity(), tx.max_capacity()), (max, max));
    tx.try_send(1).unwrap();
    let permits = tx.try_reserve_many(1000).unwrap();
    assert_eq!(rx.capacity(), max - 1001);
    drop(permits);
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(tx.capacity(), max);
    rx.close();
    assert_eq!(block_on(rx.recv()), None);
}

/// Counts what is alive; panics when a bomb is dropped.
struct Counted {
    alive: Arc<AtomicUsize>,
    is_bomb: bool,
}

impl Counted {
    fn new(alive: &Arc<AtomicUsize>, is_bomb: bool) -> Self {
        alive.fetch_add(1, Ordering::SeqCst);
        Counted { alive: alive.clone(), is_bomb }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::SeqCst);
        assert!(!self.is_bomb, "bomb");
    }
}

#[test]
fn values_left_behind_are_dropped_once_also_past_a_panic() {
    let alive = Arc::default();
    let (tx, rx) = mpsc::unbounded_channel();
    for value in 0..100 {
        assert!(tx.send(Counted::new(&alive, value % 10 == 3)).is_ok());
    }
    drop(rx);
    assert_eq!(alive.load(Ordering::SeqCst), 0);
    let back = tx.send(Counted::new(&alive, false)).unwrap_err();
    assert_eq!(alive.load(Ordering::SeqCst), 1);
    drop(back);

    // Sent into reserved room after the receiver went: dropped with the channel.
    let (tx, rx) = mpsc::channel(1);
    let permit = tx.try_reserve_owned().unwrap();
    drop(rx);
    let tx = permit.send(Counted::new(&alive, false));
    drop(tx);
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

/// Promise 11: a value's destructor may use the channel that it is dropped from.
#[test]
fn a_value_may_hold_its_own_channel() {
    struct Knot(Option<UnboundedSender<Knot>>);
    impl Drop for Knot {
        fn drop(&mut self) {
            if let Some(tx) = self.0.take() {
                assert!(tx.is_closed());
                assert!(tx.send(Knot(None)).is_err());
            }
        }
    }
    within_bounds(|| {
        let (tx, rx) = mpsc::unbounded_channel();
        assert!(tx.send(Knot(Some(tx.clone()))).is_ok());
        drop(tx);
        drop(rx);
    });
}

#[test]
fn the_polls_work_by_hand() {
    let (tx, mut rx) = mpsc::channel(1);
    let mut recv = Polled::new(poll_fn(|cx| rx.poll_recv(cx)));
    recv.pending();
    tx.try_send(1).unwrap();
    assert_eq!(recv.ready(), Some(1));
    drop(recv);
    let mut buffer = Vec::new();
    let mut recv = Polled::new(poll_fn(|cx| rx.poll_recv_many(cx, &mut buffer, 3)));
    recv.pending();
    tx.try_send(2).unwrap();
    assert_eq!(recv.ready(), 1);
    drop(recv);
    assert_eq!(buffer, [2]);
}

#[test]
fn debug_says_something() {
    let (tx, rx) = mpsc::channel::<Vec<Box<dyn Fn()>>>(3);
    assert_eq!(format!("{tx:?}"), "Sender { capacity: 3, max_capacity: 3, is_closed: false }");
    assert_eq!(format!("{rx:?}"), "Receiver { len: 0, is_closed: false }");
    let error = tx.try_reserve_many(4).map(drop).unwrap_err();
    assert_eq!(
        (format!("{error:?}"), error.to_string()),
        ("Full(..)".into(), "no available capacity".into())
    );
}

/// Sends `count` values of sender `which`, by all the ways there are.
fn send_all(tx: Sender<(usize, usize)>, which: usize, count: usize) {
    let mut next = 0;
    while next < count {
        match (next + which) % 5 {
            0 => tx.blocking_send((which, next)).unwrap(),
            1 => {
                // Gives up at some poll.
                let mut wait = Polled::new(tx.reserve());
                let permit = (0..next % 4).find_map(|_| match wait.poll() {
                    std::task::Poll::Ready(permit) => Some(permit.unwrap()),
                    std::task::Poll::Pending => None,
                });
                drop(wait);
                match permit {
                    Some(permit) => permit.send((which, next)),
                    None => block_on(tx.send((which, next))).unwrap(),
                }
            }
            2 => match tx.try_send((which, next)) {
                Ok(()) => {}
                Err(TrySendError::Full(value)) => block_on(tx.send(value)).unwrap(),
                Err(TrySendError::Closed(_)) => panic!("closed"),
            },
            3 => drop(block_on(tx.clone().reserve_owned()).unwrap().send((which, next))),
            _ => block_on(tx.reserve()).unwrap().send((which, next)),
        }
        next += 1;
    }
}

#[test]
fn threads_send_in_every_way_and_lose_nothing() {
    const SENDERS: usize = 4;
    const COUNT: usize = 3000;
    for capacity in [1, 2, 100] {
        within_bounds(move || {
            let (tx, mut rx) = mpsc::channel(capacity);
            let threads: Vec<_> = (0..SENDERS)
                .map(|which| {
                    let tx = tx.clone();
                    thread::spawn(move || send_all(tx, which, COUNT))
                })
                .collect();
            drop(tx);
            let mut next = [0; SENDERS];
            let mut buffer = Vec::new();
            loop {
                assert!(rx.len() <= capacity, "more values than room");
                if next[0] % 2 == 0 {
                    buffer.extend(block_on(rx.recv()));
                } else {
                    // Gives up at some poll, then waits.
                    let _ = Polled::new(rx.recv_many(&mut buffer, 5)).poll();
                    if buffer.is_empty() {
                        block_on(rx.recv_many(&mut buffer, 5));
                    }
                }
                if buffer.is_empty() {
                    break;
                }
                for (which, value) in buffer.drain(..) {
                    assert_eq!(value, next[which], "out of order, lost or doubled");
                    next[which] += 1;
                }
            }
            assert_eq!(next, [COUNT; SENDERS]);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
    }
}

#[test]
fn threads_send_without_bound() {
    const COUNT: usize = 20_000;
    within_bounds(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let threads: Vec<_> = (0..4)
            .map(|which| {
                let tx = tx.clone();
                thread::spawn(move || (0..COUNT).for_each(|value| tx.send((which, value)).unwrap()))
            })
            .collect();
        drop(tx);
        let mut next = [0; 4];
        while let Some((which, value)) = rx.blocking_recv() {
            assert_eq!(value, next[which]);
            next[which] += 1;
        }
        assert_eq!(next, [COUNT; 4]);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}
