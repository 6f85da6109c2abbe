//! The broadcast channel.

mod sync_support;

use futures::executor::block_on;
use runtime_core::sync::broadcast::error::{RecvError, SendError, TryRecvError};
use runtime_core::sync::broadcast::{self, Receiver, Sender};
use std::cell::Cell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use sync_support::{Polled, within_bounds};

fn send_all(tx: &Sender<usize>, values: Range<usize>) {
    values.for_each(|value| assert!(tx.send(value).is_ok()));
}

#[test]
fn every_receiver_gets_every_value_in_order() {
    let (tx, first) = broadcast::channel(8);
    let mut receivers = [first, tx.subscribe(), tx.subscribe()];
    for round in 0..5 {
        for value in 0..8 {
            assert_eq!(tx.send((round, value)), Ok(3));
        }
        for rx in &mut receivers {
            assert_eq!(rx.len(), 8);
            for value in 0..8 {
                assert_eq!(rx.try_recv(), Ok((round, value)));
            }
            assert!(rx.is_empty());
            assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        }
    }
}

#[test]
fn all_who_wait_are_woken_by_one_send() {
    let (tx, rx) = broadcast::channel(2);
    let mut receivers: Vec<_> = (0..40).map(|_| tx.subscribe()).collect();
    let mut waits: Vec<_> = receivers.iter_mut().map(|rx| Polled::new(rx.recv())).collect();
    for wait in &mut waits {
        wait.pending();
        wait.pending();
    }
    drop(waits.drain(10..20));
    assert_eq!(tx.send(7), Ok(41));
    tx.send(8).unwrap();
    for wait in &mut waits {
        assert_eq!(wait.wakes(), 1);
        assert_eq!(wait.ready(), Ok(7));
    }
    drop((waits, rx));
}

/// Promise 44: in whatever state a `recv` is dropped, it has received nothing, and nobody else has lost anything.
#[test]
fn a_dropped_recv_loses_nothing() {
    for polls in 0..=3 {
        for is_sent_before_the_drop in [false, true] {
            let (tx, mut rx) = broadcast::channel(4);
            let mut bystander = tx.subscribe();
            let mut recv = Polled::new(rx.recv());
            let mut stays = Polled::new(bystander.recv());
            for _ in 0..polls {
                recv.pending();
            }
            stays.pending();
            if is_sent_before_the_drop {
                tx.send(1).unwrap();
                drop(recv);
            } else {
                drop(recv);
                tx.send(1).unwrap();
            }
            assert_eq!(Polled::new(rx.recv()).ready(), Ok(1));
            assert_eq!(stays.wakes(), 1);
            assert_eq!(stays.ready(), Ok(1));
        }
    }
}

#[test]
fn who_lags_behind_is_told_how_much_and_goes_on_with_the_oldest() {
    let (tx, mut slow) = broadcast::channel(4);
    let mut fast = tx.subscribe();
    for value in 0..10 {
        tx.send(value).unwrap();
        assert_eq!(fast.try_recv(), Ok(value));
    }
    assert_eq!((slow.len(), tx.len()), (10, 4));
    assert_eq!(slow.try_recv(), Err(TryRecvError::Lagged(6)));
    assert_eq!(slow.len(), 4);
    for value in 6..10 {
        assert_eq!(block_on(slow.recv()), Ok(value));
    }
    assert_eq!(slow.try_recv(), Err(TryRecvError::Empty));

    // Exactly full is not too much.
    send_all(&tx, 10..14);
    assert_eq!(slow.try_recv(), Ok(10));
    assert_eq!(block_on(fast.recv()), Ok(10));
    tx.send(14).unwrap();
    tx.send(15).unwrap();
    assert_eq!(block_on(slow.recv()), Err(RecvError::Lagged(1)));
    assert_eq!(RecvError::Lagged(1).to_string(), "channel lagged by 1");
}

/// Woken for a value that was overwritten before it was polled.
#[test]
fn a_woken_receiver_may_find_that_it_lags() {
    let (tx, mut rx) = broadcast::channel(1);
    let mut recv = Polled::new(rx.recv());
    recv.pending();
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    assert_eq!(recv.ready(), Err(RecvError::Lagged(1)));
    drop(recv);
    assert_eq!(block_on(rx.recv()), Ok(2));
}

#[test]
fn the_capacity_is_rounded_up() {
    let (tx, mut rx) = broadcast::channel(5);
    send_all(&tx, 0..9);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Lagged(1)));
    assert_eq!(rx.try_recv(), Ok(1));
}

#[test]
fn capacities_that_cannot_be_are_refused() {
    fn message(capacity: usize) -> String {
        let payload = catch_unwind(|| broadcast::channel::<[u64; 8]>(capacity)).expect_err("refused");
        payload
            .downcast_ref::<String>()
            .cloned()
            .or(payload.downcast_ref::<&str>().map(|s| s.to_string()))
            .unwrap()
    }
    assert!(message(0).contains("cannot be zero") && message(0).contains("use 1 or more"));
    assert!(message(usize::MAX).contains("exceeds 2^31"));
    assert!(message((1 << 31) + 1).contains("exceeds 2^31"));
    assert!(catch_unwind(|| Sender::<u8>::new(0)).is_err());
}

#[test]
fn the_end_comes_after_the_last_value() {
    let (tx, mut rx) = broadcast::channel(4);
    let mut late = tx.subscribe();
    tx.send(1).unwrap();
    let other = tx.clone();
    drop(tx);
    assert!(!rx.is_closed());
    drop(other);
    assert!(rx.is_closed());
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(block_on(rx.recv()), Err(RecvError::Closed));
    assert_eq!(block_on(late.recv()), Ok(1));
    // One that subscribes to a channel without senders is told so as well.
    assert_eq!(rx.resubscribe().try_recv(), Err(TryRecvError::Closed));

    let (tx, mut rx) = broadcast::channel::<u8>(4);
    let mut recv = Polled::new(rx.recv());
    recv.pending();
    drop(tx);
    assert_eq!(recv.wakes(), 1);
    assert_eq!(recv.ready(), Err(RecvError::Closed));
}

/// Promise 45.
#[test]
fn a_value_for_nobody_comes_back() {
    let (tx, rx) = broadcast::channel(4);
    drop(rx);
    assert_eq!(tx.send("back"), Err(SendError("back")));
    assert_eq!(format!("{:?}", SendError(1)), "SendError { .. }");
    let mut rx = tx.subscribe();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "open again, and without what came before");
    assert_eq!(tx.send("again"), Ok(1));
    assert_eq!(rx.try_recv(), Ok("again"));
}

#[test]
fn who_subscribes_gets_what_is_sent_from_then_on() {
    let (tx, mut rx) = broadcast::channel(4);
    tx.send(1).unwrap();
    let mut second = tx.subscribe();
    let mut third = rx.resubscribe();
    assert_eq!(tx.receiver_count(), 3);
    assert!(third.same_channel(&rx) && !third.same_channel(&broadcast::channel(1).1));
    tx.send(2).unwrap();
    assert_eq!((rx.try_recv(), rx.try_recv()), (Ok(1), Ok(2)));
    assert_eq!((second.try_recv(), third.try_recv()), (Ok(2), Ok(2)));
}

#[test]
fn senders_count_what_is_still_wanted() {
    let (tx, mut first) = broadcast::channel(4);
    let mut second = tx.subscribe();
    assert!(tx.is_empty());
    send_all(&tx, 0..3);
    assert_eq!(tx.len(), 3);
    first.try_recv().unwrap();
    assert_eq!(tx.len(), 3);
    second.try_recv().unwrap();
    assert_eq!(tx.len(), 2);
    send_all(&tx, 3..9);
    assert_eq!(tx.len(), 4);
    drop(first);
    assert_eq!(tx.len(), 4);
    drop(second);
    assert!(tx.is_empty());
}

#[test]
fn weak_senders_do_not_keep_a_channel_open() {
    let (tx, mut rx) = broadcast::channel(4);
    let weak = tx.downgrade();
    let weaker = weak.clone();
    assert_eq!((tx.strong_count(), tx.weak_count(), weak.strong_count(), weak.weak_count()), (1, 2, 1, 2));
    assert_eq!((rx.sender_strong_count(), rx.sender_weak_count()), (1, 2));
    let other = weak.upgrade().unwrap();
    assert!(other.same_channel(&tx) && !other.same_channel(&Sender::new(1)));
    other.send(1).unwrap();
    drop((tx, other, weaker));
    assert_eq!(weak.weak_count(), 1);
    assert!(weak.upgrade().is_none());
    assert_eq!((rx.try_recv(), rx.try_recv()), (Ok(1), Err(TryRecvError::Closed)));
}

#[test]
fn senders_learn_that_nobody_listens() {
    let (tx, rx) = broadcast::channel::<u8>(1);
    let other = tx.subscribe();
    let mut closed = Polled::new(tx.closed());
    closed.pending();
    drop(rx);
    closed.pending();
    drop(other);
    assert_eq!(closed.wakes(), 1);
    // Somebody may come again before the sender looks.
    let late = tx.subscribe();
    closed.pending();
    drop(late);
    closed.ready();
    Polled::new(Sender::<u8>::new(1).closed()).ready();
}

/// Counts clones and drops.
#[derive(Default)]
struct Counts {
    clones: AtomicUsize,
    drops: AtomicUsize,
}

struct Counted(Arc<Counts>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.clones.fetch_add(1, Ordering::SeqCst);
        Counted(self.0.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.drops.fetch_add(1, Ordering::SeqCst);
    }
}

impl Counts {
    fn get(&self) -> (usize, usize) {
        (self.clones.load(Ordering::SeqCst), self.drops.load(Ordering::SeqCst))
    }
}

#[test]
fn a_value_lives_until_the_last_receiver_has_it() {
    let counts = Arc::new(Counts::default());
    let (tx, mut first) = broadcast::channel(2);
    let mut second = tx.subscribe();
    assert!(tx.send(Counted(counts.clone())).is_ok());
    drop(first.try_recv().ok().unwrap());
    assert_eq!(counts.get(), (1, 1));
    let last = second.try_recv().ok().unwrap();
    assert_eq!(counts.get(), (1, 1), "the last one gets the value itself");
    drop(last);
    assert_eq!(counts.get(), (1, 2));

    // What a receiver leaves behind goes with it, unless others want it.
    (0..2).for_each(|_| assert!(tx.send(Counted(counts.clone())).is_ok()));
    drop(first);
    assert_eq!(counts.get(), (1, 2));
    drop(second);
    assert_eq!(counts.get(), (1, 4));

    // What is overwritten goes at once, what is left goes with the channel.
    let rx = tx.subscribe();
    (0..5).for_each(|_| assert!(tx.send(Counted(counts.clone())).is_ok()));
    assert_eq!(counts.get(), (1, 7));
    drop(tx);
    drop(rx);
    assert_eq!(counts.get(), (1, 9));
}

/// A receiver that leaves counts itself out of what it was still to get, and only of that.
#[test]
fn receivers_that_leave_take_nothing_from_the_others() {
    let counts = Arc::new(Counts::default());
    let (tx, mut stays) = broadcast::channel(4);
    let mut ahead = tx.subscribe();
    let lagging = tx.subscribe();
    for _ in 0..6 {
        assert!(tx.send(Counted(counts.clone())).is_ok());
    }
    while ahead.try_recv().is_err() {}
    drop(ahead);
    drop(lagging);
    assert!(matches!(stays.try_recv(), Err(TryRecvError::Lagged(2))));
    for _ in 0..4 {
        assert!(stays.try_recv().is_ok());
    }
    assert!(matches!(stays.try_recv(), Err(TryRecvError::Empty)));
    assert!(tx.is_empty());
    drop((tx, stays));
    let (clones, drops) = counts.get();
    assert_eq!(drops, 6 + clones);
}

/// Panics when it is cloned, so often.
struct Grenade(AtomicUsize);

impl Clone for Grenade {
    fn clone(&self) -> Self {
        assert!(self.0.fetch_sub(1, Ordering::SeqCst) == 0, "no clone");
        Grenade(AtomicUsize::new(0))
    }
}

#[test]
fn a_clone_that_panics_counts_as_received() {
    let (tx, mut first) = broadcast::channel(2);
    let (mut second, mut third) = (tx.subscribe(), tx.subscribe());
    assert!(tx.send(Grenade(AtomicUsize::new(1))).is_ok());
    assert!(catch_unwind(AssertUnwindSafe(|| first.try_recv())).is_err());
    assert!(matches!(first.try_recv(), Err(TryRecvError::Empty)));
    assert!(second.try_recv().is_ok(), "the slot is not locked, and the value is there for others");
    assert!(third.try_recv().is_ok());
    assert!(tx.is_empty());
    assert!(tx.send(Grenade(AtomicUsize::new(0))).is_ok());
    assert!(first.try_recv().is_ok());
}

/// Promise 3's like: whose drop it is does not matter to those who have nothing to do with the value.
#[test]
fn a_destructor_that_panics_harms_nobody() {
    #[derive(Clone)]
    struct Bomb(bool);
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(!self.0 || thread::panicking(), "bomb");
        }
    }
    let (tx, rx) = broadcast::channel(1);
    assert!(tx.send(Bomb(true)).is_ok());
    assert_eq!(tx.send(Bomb(false)).ok(), Some(1), "the overwritten value's destructor is not the sender's");
    drop(rx);
    let rx = tx.subscribe();
    assert!(tx.send(Bomb(true)).is_ok());
    drop(rx);
    assert_eq!(tx.receiver_count(), 0);
    let mut rx = tx.subscribe();
    assert!(tx.send(Bomb(false)).is_ok());
    assert!(rx.try_recv().is_ok());
}

/// While one receiver clones, the others and the sender that wants its slot wait for it; all else goes on.
#[test]
fn a_slow_clone_holds_up_its_own_slot_only() {
    struct Slow(Option<Arc<(Barrier, Barrier)>>);
    impl Clone for Slow {
        fn clone(&self) -> Self {
            if let Some(gates) = &self.0 {
                gates.0.wait();
                gates.1.wait();
            }
            Slow(None)
        }
    }
    within_bounds(|| {
        let gates = Arc::new((Barrier::new(2), Barrier::new(2)));
        let (tx, mut slow) = broadcast::channel(1);
        let rest = tx.subscribe();
        assert!(tx.send(Slow(Some(gates.clone()))).is_ok());
        let cloning = thread::spawn(move || slow.try_recv().is_ok());
        gates.0.wait();
        let sender = tx.clone();
        let waits = thread::spawn(move || sender.send(Slow(None)).is_ok());
        // Would never come back if the tail were locked meanwhile.
        for _ in 0..1000 {
            assert_eq!(tx.receiver_count(), 2);
            drop(tx.subscribe());
            assert_eq!(tx.len(), 1);
        }
        assert!(!waits.is_finished());
        gates.1.wait();
        assert!(cloning.join().unwrap());
        assert!(waits.join().unwrap());
        drop(rest);
    });
}

#[test]
fn debug_says_something() {
    let (tx, rx) = broadcast::channel(2);
    tx.send(1).unwrap();
    assert_eq!(format!("{tx:?}"), "Sender { len: 1, receiver_count: 1, .. }");
    assert_eq!(format!("{rx:?}"), "Receiver { len: 1, is_closed: false }");
    assert_eq!(format!("{:?}", tx.downgrade()), "WeakSender { strong_count: 1 }");
}

/// RUSTSEC-2025-0023: values that are `Send` and not `Sync` are cloned by one thread at a time, and not while the
/// sender replaces them. The count in the cell would go wrong otherwise.
#[test]
fn values_that_are_not_sync_are_cloned_one_at_a_time() {
    struct Inside(Cell<bool>, Cell<usize>);
    impl Clone for Inside {
        fn clone(&self) -> Self {
            assert!(!self.0.replace(true), "two threads in one value");
            self.1.set(self.1.get() + 1);
            thread::yield_now();
            assert!(self.0.replace(false), "two threads in one value");
            Inside(Cell::new(false), Cell::new(self.1.get()))
        }
    }
    const RECEIVERS: usize = 4;
    within_bounds(|| {
        let (tx, rx) = broadcast::channel::<Inside>(4);
        let start = Arc::new(Barrier::new(RECEIVERS));
        let receivers: Vec<_> = (0..RECEIVERS)
            .map(|_| (tx.subscribe(), start.clone()))
            .map(|(mut rx, start)| {
                thread::spawn(move || {
                    start.wait();
                    let mut received = 0;
                    loop {
                        match rx.blocking_recv() {
                            Ok(value) => {
                                received += 1;
                                assert!((1..RECEIVERS).contains(&value.1.get()), "{}", value.1.get());
                            }
                            Err(RecvError::Lagged(missed)) => received += missed,
                            Err(RecvError::Closed) => return received,
                        }
                    }
                })
            })
            .collect();
        drop(rx);
        for _ in 0..2000 {
            assert!(tx.send(Inside(Cell::new(false), Cell::new(0))).is_ok());
        }
        drop(tx);
        for receiver in receivers {
            assert_eq!(receiver.join().unwrap(), 2000, "each is received or missed");
        }
    });
}

/// Many senders, receivers that come and go: each sender's values arrive in its order, and nothing is dropped twice or
/// left behind.
#[test]
fn threads_send_receive_and_leave() {
    const SENDERS: usize = 2;
    const VALUES: usize = 2000;
    fn listen(mut rx: Receiver<(usize, usize, Arc<()>)>, leaves: bool) {
        let mut last = [0; SENDERS];
        for count in 1.. {
            match rx.blocking_recv() {
                Ok((from, number, _)) => {
                    assert!(number > last[from], "{number} came after {}", last[from]);
                    last[from] = number;
                }
                Err(RecvError::Lagged(missed)) => assert!(missed > 0),
                Err(RecvError::Closed) => break,
            }
            if leaves && count % 50 == 0 {
                rx = rx.resubscribe();
            }
        }
    }
    within_bounds(|| {
        let token = Arc::new(());
        let (tx, rx) = broadcast::channel(16);
        let listeners: Vec<_> = [false, true, true]
            .map(|leaves| (tx.subscribe(), leaves))
            .map(|(rx, leaves)| thread::spawn(move || listen(rx, leaves)))
            .into();
        drop(rx);
        let senders: Vec<_> = (0..SENDERS)
            .map(|from| (tx.clone(), token.clone(), from))
            .map(|(tx, token, from)| {
                thread::spawn(move || {
                    for number in 1..=VALUES {
                        assert!(tx.send((from, number, token.clone())).is_ok());
                    }
                })
            })
            .collect();
        drop(tx);
        senders.into_iter().chain(listeners).for_each(|thread| thread.join().unwrap());
        assert_eq!(Arc::strong_count(&token), 1);
    });
}
