//! Channels to many receivers: each gets every value of a broadcast, or is told how many it missed; each sees
//! the latest of a watch.

use crate::crowd::{Crowd, Shelf, World, play};
use runtime_core::sync::broadcast::error::RecvError;
use runtime_core::sync::{broadcast, watch};
use runtime_core::util::rand::Rand;
use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

/// Receivers in one play.
const RECEIVERS_MAX: usize = 5;

#[derive(Debug, Clone)]
enum Broadcast {
    Recv(usize),
    Closed,
}

struct Listener {
    rx: Shelf<broadcast::Receiver<u64>>,
    /// Sent since it was made, and not received.
    pending: VecDeque<u64>,
    is_gone: bool,
}

struct BroadcastWorld {
    /// `None` when all are gone.
    tx: Option<broadcast::Sender<u64>>,
    capacity: usize,
    listeners: Vec<Listener>,
    count: u64,
    is_awaited: Cell<bool>,
}

impl BroadcastWorld {
    fn new(capacity: usize) -> Self {
        let (tx, rx) = broadcast::channel(capacity);
        let first = Listener { rx: Shelf::new(rx), pending: VecDeque::new(), is_gone: false };
        BroadcastWorld {
            tx: Some(tx),
            capacity,
            listeners: vec![first],
            count: 0,
            is_awaited: Cell::new(false),
        }
    }

    fn alive(&self) -> usize {
        self.listeners.iter().filter(|listener| !listener.is_gone).count()
    }

    fn send(&mut self) {
        let Some(tx) = &self.tx else { return };
        self.count += 1;
        let alive = self.alive();
        assert_eq!(tx.send(self.count).ok(), (alive > 0).then_some(alive));
        for listener in self.listeners.iter_mut().filter(|listener| !listener.is_gone) {
            listener.pending.push_back(self.count);
        }
    }

    /// One that nobody uses goes.
    fn drop_receiver(&mut self, at: usize) -> bool {
        let listener = &mut self.listeners[at];
        let is_dropped = listener.rx.take().is_some();
        listener.is_gone |= is_dropped;
        is_dropped
    }
}

impl World for BroadcastWorld {
    type Kind = Broadcast;
    type Output = Option<Result<u64, RecvError>>;

    fn act(&mut self, crowd: &mut Crowd<Self>, rand: &Rand) {
        let at = rand.below(self.listeners.len() as u32) as usize;
        match rand.below(100) {
            0..50 => {
                let Some(mut rx) = self.listeners[at].rx.lend() else { return };
                crowd.add(rand, Broadcast::Recv(at), async move { Some(rx.recv().await) });
            }
            50..85 => self.send(),
            85..90 => {
                let Some(tx) = self.tx.clone() else { return };
                crowd.add(rand, Broadcast::Closed, async move {
                    tx.closed().await;
                    None
                });
            }
            90..97 => {
                let Some(tx) = self.tx.as_ref().filter(|_| self.listeners.len() < RECEIVERS_MAX) else {
                    return;
                };
                let rx = Shelf::new(tx.subscribe());
                self.listeners.push(Listener { rx, pending: VecDeque::new(), is_gone: false });
            }
            97 | 98 => drop(self.drop_receiver(at)),
            // A wait for the receivers' end has a sender.
            _ if rand.below(4) == 0 && crowd.count(|kind| matches!(kind, Broadcast::Closed)) == 0 => {
                self.tx = None;
            }
            _ => {}
        }
    }

    fn done(&mut self, kind: Broadcast, output: Option<Result<u64, RecvError>>) {
        let Broadcast::Recv(at) = kind else {
            // There may be new ones since it was woken.
            return assert!(self.listeners.iter().any(|listener| listener.is_gone));
        };
        let pending = &mut self.listeners[at].pending;
        let missed = pending.len().saturating_sub(self.capacity);
        match output.unwrap() {
            Err(RecvError::Lagged(count)) => {
                assert!(missed > 0 && count == missed as u64);
                pending.drain(..missed);
            }
            Ok(value) => assert!(missed == 0 && pending.pop_front() == Some(value)),
            Err(RecvError::Closed) => assert!(pending.is_empty() && self.tx.is_none()),
        }
    }

    fn check(&self, asleep: &[Broadcast]) {
        self.is_awaited.set(false);
        for kind in asleep {
            match kind {
                Broadcast::Recv(at) => {
                    assert!(self.listeners[*at].pending.is_empty(), "there is a value");
                    assert!(self.tx.is_some(), "nothing will come");
                    self.is_awaited.set(true);
                }
                Broadcast::Closed => assert!(self.alive() > 0, "all are gone"),
            }
        }
    }

    fn open(&mut self) -> bool {
        if self.is_awaited.get() {
            self.send();
            return true;
        }
        (0..self.listeners.len()).any(|at| self.drop_receiver(at))
    }
}

#[test]
fn p44_a_broadcast_loses_no_value() {
    play(|rand| BroadcastWorld::new(1 << rand.below(4)));
}

#[derive(Debug, Clone)]
enum Watch {
    Changed(usize),
    WaitFor(u64),
    Closed,
}

struct Watcher {
    rx: Shelf<watch::Receiver<u64>>,
    seen: Rc<Cell<u64>>,
    is_gone: bool,
}

struct WatchWorld {
    /// `None` when all are gone.
    tx: Option<watch::Sender<u64>>,
    watchers: Vec<Watcher>,
    /// The number of the last version is its value.
    value: u64,
    is_awaited: Cell<bool>,
}

impl WatchWorld {
    fn new() -> Self {
        let (tx, rx) = watch::channel(0);
        let mut this =
            WatchWorld { tx: Some(tx), watchers: Vec::new(), value: 0, is_awaited: Cell::new(false) };
        this.watch(rx);
        this
    }

    fn watch(&mut self, rx: watch::Receiver<u64>) {
        let seen = Rc::new(Cell::new(self.value));
        self.watchers.push(Watcher { rx: Shelf::new(rx), seen, is_gone: false });
    }

    fn alive(&self) -> usize {
        self.watchers.iter().filter(|watcher| !watcher.is_gone).count()
    }

    fn send(&mut self) {
        if let Some(tx) = &self.tx {
            self.value += 1;
            tx.send_replace(self.value);
        }
    }

    fn drop_receiver(&mut self, at: usize) -> bool {
        let watcher = &mut self.watchers[at];
        let is_dropped = watcher.rx.take().is_some();
        watcher.is_gone |= is_dropped;
        is_dropped
    }

    fn wait(&self, at: usize, crowd: &mut Crowd<Self>, rand: &Rand) {
        let Watcher { rx, seen, .. } = &self.watchers[at];
        let (Some(mut rx), seen) = (rx.lend(), seen.clone()) else { return };
        if rand.below(2) == 0 {
            crowd.add(rand, Watch::Changed(at), async move {
                rx.changed().await.ok()?;
                seen.set(*rx.borrow());
                Some(seen.get())
            });
        } else {
            let least = self.value + u64::from(rand.below(4));
            crowd.add(rand, Watch::WaitFor(least), async move {
                let is_it = |value: &u64| {
                    seen.set(*value);
                    *value >= least
                };
                rx.wait_for(is_it).await.ok().map(|value| *value)
            });
        }
    }
}

impl World for WatchWorld {
    type Kind = Watch;
    type Output = Option<u64>;

    fn act(&mut self, crowd: &mut Crowd<Self>, rand: &Rand) {
        let at = rand.below(self.watchers.len() as u32) as usize;
        match rand.below(100) {
            0..60 => self.wait(at, crowd, rand),
            60..80 => self.send(),
            80..85 => {
                let Some(tx) = self.tx.clone() else { return };
                crowd.add(rand, Watch::Closed, async move {
                    tx.closed().await;
                    None
                });
            }
            85..95 => {
                let rx = self
                    .tx
                    .as_ref()
                    .filter(|_| self.watchers.len() < RECEIVERS_MAX)
                    .map(watch::Sender::subscribe);
                rx.into_iter().for_each(|rx| self.watch(rx));
            }
            95..98 => drop(self.drop_receiver(at)),
            _ if rand.below(4) == 0 && crowd.count(|kind| matches!(kind, Watch::Closed)) == 0 => {
                self.tx = None
            }
            _ => {}
        }
    }

    fn done(&mut self, kind: Watch, output: Option<u64>) {
        match (kind, output) {
            (Watch::Changed(_), Some(value)) => assert_eq!(value, self.value),
            (Watch::WaitFor(least), Some(value)) => assert!(value == self.value && value >= least),
            (Watch::Changed(at), None) => {
                assert!(self.tx.is_none() && self.watchers[at].seen.get() == self.value);
            }
            (Watch::WaitFor(least), None) => assert!(self.tx.is_none() && self.value < least),
            (Watch::Closed, _) => assert!(self.watchers.iter().any(|watcher| watcher.is_gone)),
        }
    }

    fn check(&self, asleep: &[Watch]) {
        self.is_awaited.set(false);
        for kind in asleep {
            let is_right = match kind {
                Watch::Changed(at) => self.tx.is_some() && self.watchers[*at].seen.get() == self.value,
                Watch::WaitFor(least) => self.tx.is_some() && self.value < *least,
                Watch::Closed => self.alive() > 0,
            };
            assert!(is_right, "{kind:?} sleeps");
            self.is_awaited.set(self.is_awaited.get() || !matches!(kind, Watch::Closed));
        }
    }

    fn open(&mut self) -> bool {
        if self.is_awaited.get() {
            self.send();
            return true;
        }
        (0..self.watchers.len()).any(|at| self.drop_receiver(at))
    }
}

#[test]
fn p44_a_watch_misses_no_change() {
    play(|_| WatchWorld::new());
}
