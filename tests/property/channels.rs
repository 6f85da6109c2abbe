//! mpsc, oneshot and promises: no value and no room is lost, the ends reach everybody.

use crate::crowd::{Crowd, Shelf, World, play};
use runtime_core::sync::promise::Cancelled;
use runtime_core::sync::{Promise, PromiseFuture, mpsc, oneshot, promise};
use runtime_core::util::rand::Rand;
use std::cell::Cell;
use std::collections::VecDeque;

#[derive(Debug, Clone)]
enum Mpsc {
    Send(u64),
    /// So many from this one on, all at once.
    SendMany(u64, usize),
    Reserve,
    Recv,
    Closed,
}

impl Mpsc {
    /// For how many values it needs room.
    fn need(&self) -> Option<usize> {
        match self {
            Mpsc::Send(_) | Mpsc::Reserve => Some(1),
            Mpsc::SendMany(_, count) => Some(*count),
            Mpsc::Recv | Mpsc::Closed => None,
        }
    }
}

enum MpscOutput {
    Sent(Result<(), u64>),
    SentMany(bool),
    Reserved(Option<mpsc::OwnedPermit<u64>>),
    Received(Vec<u64>),
    Closed,
}

struct MpscWorld {
    tx: mpsc::Sender<u64>,
    rx: Shelf<mpsc::Receiver<u64>>,
    capacity: usize,
    /// Sent and not received.
    sent: VecDeque<u64>,
    permits: Vec<mpsc::OwnedPermit<u64>>,
    is_closed: bool,
    count: u64,
    /// Whether somebody sleeps who waits for a value.
    is_awaited: Cell<bool>,
}

impl MpscWorld {
    fn new(capacity: usize) -> Self {
        let (tx, rx) = mpsc::channel(capacity);
        MpscWorld {
            tx,
            rx: Shelf::new(rx),
            capacity,
            sent: VecDeque::new(),
            permits: Vec::new(),
            is_closed: false,
            count: 0,
            is_awaited: Cell::new(false),
        }
    }

    fn add_send(&self, crowd: &mut Crowd<Self>, rand: &Rand, value: u64) {
        let (tx, reserves) = (self.tx.clone(), rand.below(2) == 0);
        crowd.add(rand, Mpsc::Send(value), async move {
            MpscOutput::Sent(if reserves {
                tx.reserve().await.map(|permit| permit.send(value)).map_err(|_| value)
            } else {
                tx.send(value).await.map_err(|error| error.0)
            })
        });
    }

    fn add_send_many(&self, crowd: &mut Crowd<Self>, rand: &Rand, first: u64) {
        let (tx, count) = (self.tx.clone(), 1 + rand.below(self.capacity as u32) as usize);
        crowd.add(rand, Mpsc::SendMany(first, count), async move {
            let permits = tx.reserve_many(count).await;
            let is_ok = permits.is_ok();
            permits.into_iter().flatten().zip(first..).for_each(|(permit, value)| permit.send(value));
            MpscOutput::SentMany(is_ok)
        });
    }

    fn add_recv(&self, crowd: &mut Crowd<Self>, rand: &Rand) {
        let Some(mut rx) = self.rx.lend() else { return };
        let limit = rand.below(4) as usize;
        crowd.add(rand, Mpsc::Recv, async move {
            MpscOutput::Received(if limit == 0 {
                rx.recv().await.into_iter().collect()
            } else {
                let mut values = Vec::new();
                let count = rx.recv_many(&mut values, limit).await;
                assert!(count == values.len() && count <= limit);
                values
            })
        });
    }

    fn received(&mut self, values: Vec<u64>) {
        if values.is_empty() {
            assert!(self.is_closed && self.sent.is_empty() && self.permits.is_empty(), "the end came early");
        }
        for value in values {
            assert_eq!(Some(value), self.sent.pop_front());
        }
    }

    fn use_permit(&mut self, rand: &Rand, value: u64) {
        if self.permits.is_empty() {
            return;
        }
        let permit = self.permits.swap_remove(rand.below(self.permits.len() as u32) as usize);
        if rand.below(2) == 0 {
            drop(permit.send(value));
            self.sent.push_back(value);
        }
    }

    fn close(&mut self) -> bool {
        let Some(mut rx) = self.rx.lend() else { return false };
        rx.close();
        !std::mem::replace(&mut self.is_closed, true)
    }
}

impl World for MpscWorld {
    type Kind = Mpsc;
    type Output = MpscOutput;

    fn act(&mut self, crowd: &mut Crowd<Self>, rand: &Rand) {
        self.count += self.capacity as u64;
        match rand.below(100) {
            0..20 => self.add_send(crowd, rand, self.count),
            20..30 => self.add_send_many(crowd, rand, self.count),
            30..45 => {
                let tx = self.tx.clone();
                crowd.add(
                    rand,
                    Mpsc::Reserve,
                    async move { MpscOutput::Reserved(tx.reserve_owned().await.ok()) },
                );
            }
            45..75 => self.add_recv(crowd, rand),
            75..80 => {
                let tx = self.tx.clone();
                crowd.add(rand, Mpsc::Closed, async move {
                    tx.closed().await;
                    MpscOutput::Closed
                });
            }
            80..85 if self.tx.try_send(self.count).is_ok() => self.sent.push_back(self.count),
            85..90 => {
                if let Some(value) = self.rx.lend().and_then(|mut rx| rx.try_recv().ok()) {
                    self.received(vec![value]);
                }
            }
            90..99 => self.use_permit(rand, self.count),
            99 => drop(self.close()),
            _ => {}
        }
    }

    fn done(&mut self, kind: Mpsc, output: MpscOutput) {
        match (kind, output) {
            (Mpsc::Send(value), MpscOutput::Sent(Ok(()))) => self.sent.push_back(value),
            (Mpsc::Send(value), MpscOutput::Sent(Err(back))) => assert!(self.is_closed && back == value),
            (Mpsc::SendMany(first, count), MpscOutput::SentMany(true)) => {
                self.sent.extend((first..).take(count));
            }
            (_, MpscOutput::SentMany(false)) => assert!(self.is_closed),
            (_, MpscOutput::Reserved(Some(permit))) => self.permits.push(permit),
            (_, MpscOutput::Reserved(None)) => assert!(self.is_closed),
            (_, MpscOutput::Received(values)) => self.received(values),
            (_, MpscOutput::Closed) => assert!(self.is_closed),
            _ => unreachable!(),
        }
        assert!(self.sent.len() + self.permits.len() <= self.capacity, "room was made");
    }

    fn check(&self, asleep: &[Mpsc]) {
        let room = self.capacity - self.sent.len() - self.permits.len();
        self.is_awaited.set(false);
        // Those behind the first may wait although there is room for them.
        if let Some(need) = asleep.iter().find_map(Mpsc::need) {
            assert!(room < need && !self.is_closed, "there is room");
        }
        for kind in asleep {
            match kind {
                Mpsc::Send(_) | Mpsc::SendMany(..) | Mpsc::Reserve => {}
                Mpsc::Recv => {
                    assert!(self.sent.is_empty(), "there is a value");
                    assert!(!self.is_closed || !self.permits.is_empty(), "nothing will come");
                    self.is_awaited.set(true);
                }
                Mpsc::Closed => assert!(!self.is_closed),
            }
        }
    }

    fn open(&mut self) -> bool {
        if self.permits.pop().is_some() {
            return true;
        }
        if self.is_awaited.get() && !self.is_closed {
            self.tx.try_send(0).expect("the room was lost");
            self.sent.push_back(0);
            return true;
        }
        match self.rx.lend().and_then(|mut rx| rx.try_recv().ok()) {
            Some(value) => self.received(vec![value]),
            None => return self.close(),
        }
        true
    }

    fn may_overtake(second: &Mpsc, first: &Mpsc) -> bool {
        second.need().is_none() || first.need().is_none()
    }

    fn end(self) {
        assert!(self.sent.is_empty());
        assert_eq!(self.tx.capacity(), self.capacity, "room was lost");
    }
}

#[test]
fn p44_a_channel_loses_no_value_and_no_room() {
    play(|rand| MpscWorld::new(1 + rand.below(4) as usize));
}

/// Without a bound: only the receiver waits.
struct UnboundedWorld {
    tx: Option<mpsc::UnboundedSender<u64>>,
    rx: Shelf<mpsc::UnboundedReceiver<u64>>,
    sent: VecDeque<u64>,
    count: u64,
}

impl World for UnboundedWorld {
    type Kind = ();
    type Output = Vec<u64>;

    fn act(&mut self, crowd: &mut Crowd<Self>, rand: &Rand) {
        match (rand.below(4), &self.tx) {
            (0, Some(tx)) => {
                self.count += 1;
                tx.send(self.count).unwrap();
                self.sent.push_back(self.count);
            }
            (1, Some(_)) if rand.below(40) == 0 => self.tx = None,
            (_, _) => {
                let Some(mut rx) = self.rx.lend() else { return };
                let limit = rand.below(4) as usize;
                crowd.add(rand, (), async move {
                    let mut values = Vec::new();
                    match limit {
                        0 => values.extend(rx.recv().await),
                        limit => drop(rx.recv_many(&mut values, limit).await),
                    }
                    values
                });
            }
        }
    }

    fn done(&mut self, (): (), values: Vec<u64>) {
        assert!(!values.is_empty() || self.sent.is_empty() && self.tx.is_none());
        for value in values {
            assert_eq!(Some(value), self.sent.pop_front());
        }
    }

    fn check(&self, asleep: &[()]) {
        assert!(asleep.is_empty() || self.sent.is_empty() && self.tx.is_some());
    }

    fn open(&mut self) -> bool {
        self.tx.take().is_some()
    }

    fn end(self) {
        let mut rx = self.rx.take().expect("nobody uses it");
        let rest: VecDeque<u64> = std::iter::from_fn(|| rx.try_recv().ok()).collect();
        assert_eq!(rest, self.sent);
    }
}

#[test]
fn p44_an_unbounded_channel_loses_no_value() {
    play(|_| {
        let (tx, rx) = mpsc::unbounded_channel();
        UnboundedWorld { tx: Some(tx), rx: Shelf::new(rx), sent: VecDeque::new(), count: 0 }
    });
}

#[derive(Debug, Clone)]
enum Oneshot {
    Recv(usize),
    Closed(usize),
}

struct Pair {
    tx: Shelf<oneshot::Sender<usize>>,
    rx: Shelf<oneshot::Receiver<usize>>,
    /// It was sent.
    has_value: bool,
    has_sender: bool,
    is_closed: bool,
}

/// Several channels: one is used up quickly.
#[derive(Default)]
struct OneshotWorld {
    pairs: Vec<Pair>,
}

impl OneshotWorld {
    fn send(&mut self, at: usize, says_something: bool) -> bool {
        let pair = &mut self.pairs[at];
        let Some(tx) = pair.tx.take() else { return false };
        pair.has_sender = false;
        if says_something {
            pair.has_value = tx.send(at).is_ok();
            assert!(pair.has_value != pair.is_closed);
        }
        true
    }

    fn close(&mut self, at: usize, drops: bool) -> bool {
        let pair = &mut self.pairs[at];
        if drops {
            pair.is_closed |= pair.rx.take().is_some();
            return pair.is_closed;
        }
        let Some(mut rx) = pair.rx.lend() else { return false };
        rx.close();
        !std::mem::replace(&mut pair.is_closed, true)
    }
}

impl World for OneshotWorld {
    type Kind = Oneshot;
    type Output = Option<usize>;

    fn act(&mut self, crowd: &mut Crowd<Self>, rand: &Rand) {
        if self.pairs.len() < 10 && rand.below(3) == 0 {
            let (tx, rx) = oneshot::channel();
            let (tx, rx) = (Shelf::new(tx), Shelf::new(rx));
            self.pairs.push(Pair { tx, rx, has_value: false, has_sender: true, is_closed: false });
        }
        if self.pairs.is_empty() {
            return;
        }
        let at = rand.below(self.pairs.len() as u32) as usize;
        // Each would wait for the other.
        let is_used =
            crowd.count(|kind| matches!(kind, Oneshot::Recv(of) | Oneshot::Closed(of) if *of == at));
        match rand.below(16) {
            0..=7 if is_used == 0 => {
                if let Some(mut rx) = self.pairs[at].rx.lend() {
                    crowd.add(rand, Oneshot::Recv(at), async move { (&mut *rx).await.ok() });
                }
            }
            8..=11 if is_used == 0 => {
                if let Some(mut tx) = self.pairs[at].tx.lend() {
                    crowd.add(rand, Oneshot::Closed(at), async move {
                        tx.closed().await;
                        None
                    });
                }
            }
            12 | 13 => drop(self.send(at, rand.below(3) > 0)),
            14 if rand.below(3) == 0 => drop(self.close(at, rand.below(2) == 0)),
            _ => {}
        }
    }

    fn done(&mut self, kind: Oneshot, output: Option<usize>) {
        match kind {
            Oneshot::Recv(at) => {
                let pair = &mut self.pairs[at];
                assert_eq!(output, pair.has_value.then_some(at));
                assert!(output.is_some() || pair.is_closed || !pair.has_sender);
                drop(pair.rx.take());
                pair.is_closed = true;
            }
            Oneshot::Closed(at) => assert!(self.pairs[at].is_closed),
        }
    }

    fn check(&self, asleep: &[Oneshot]) {
        for kind in asleep {
            match kind {
                Oneshot::Recv(at) => {
                    let pair = &self.pairs[*at];
                    assert!(pair.has_sender && !pair.has_value && !pair.is_closed);
                }
                Oneshot::Closed(at) => assert!(!self.pairs[*at].is_closed),
            }
        }
    }

    fn open(&mut self) -> bool {
        let all = 0..self.pairs.len();
        let is_sent = all.clone().any(|at| self.send(at, at % 2 == 0));
        is_sent || all.into_iter().any(|at| self.close(at, false))
    }

    fn end(self) {
        for (at, pair) in self.pairs.into_iter().enumerate() {
            // What was sent and not received is still there, unless its receiver is gone.
            if let Some(mut rx) = pair.rx.take() {
                assert_eq!(rx.try_recv().ok(), pair.has_value.then_some(at));
            }
        }
    }
}

#[test]
fn p44_a_oneshot_loses_no_value() {
    play(|_| OneshotWorld::default());
}

struct Promised {
    promise: Option<Promise<usize>>,
    future: PromiseFuture<usize>,
    is_decided: bool,
}

#[derive(Default)]
struct PromiseWorld {
    all: Vec<Promised>,
}

impl PromiseWorld {
    /// Every third one is cancelled by a drop.
    fn decide(&mut self, at: usize) -> bool {
        let Some(promise) = self.all[at].promise.take() else { return false };
        if at % 3 > 0 {
            promise.set(at).unwrap();
        }
        self.all[at].is_decided = true;
        true
    }
}

impl World for PromiseWorld {
    type Kind = usize;
    type Output = Result<usize, Cancelled>;

    fn act(&mut self, crowd: &mut Crowd<Self>, rand: &Rand) {
        if self.all.len() < 6 {
            let (promise, future) = promise();
            self.all.push(Promised { promise: Some(promise), future, is_decided: false });
        }
        let at = rand.below(self.all.len() as u32) as usize;
        if rand.below(12) == 0 {
            self.decide(at);
        } else {
            crowd.add(rand, at, self.all[at].future.clone());
        }
    }

    fn done(&mut self, at: usize, output: Result<usize, Cancelled>) {
        assert!(self.all[at].is_decided);
        assert_eq!(output.ok(), (at % 3 > 0).then_some(at));
    }

    fn check(&self, asleep: &[usize]) {
        assert!(asleep.iter().all(|at| !self.all[*at].is_decided), "it is decided, and somebody sleeps");
    }

    fn open(&mut self) -> bool {
        (0..self.all.len()).any(|at| self.decide(at))
    }
}

#[test]
fn p44_a_promise_tells_everybody() {
    play(|_| PromiseWorld::default());
}
