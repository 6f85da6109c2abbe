//! Random operations on the channels with many receivers, against a model, each future dropped after its k-th poll
//! (k = 0 … 5): no value or change is lost or seen twice, nobody sleeps while there is something to see, and values
//! live exactly as long as somebody is still to get them. The seeds are fixed; a failure names its own.

mod sync_support;

use runtime_core::sync::broadcast::error::{RecvError, TryRecvError};
use runtime_core::sync::{broadcast, watch};
use runtime_core::util::rand::Rand;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::task::Poll;
use sync_support::Polled;

const SEEDS: u64 = 300;
const STEPS: usize = 200;
/// Polls of one future at the most, before it is dropped.
const POLLS_MAX: u32 = 5;

/// Calls `body` with each seed.
fn with_seeds(body: impl Fn(&Rand) + std::panic::RefUnwindSafe) {
    for seed in 0..SEEDS {
        let result = catch_unwind(|| body(&Rand::new(seed)));
        assert!(result.is_ok(), "seed {seed}");
    }
}

type Value = (u64, Arc<()>);

/// A broadcast channel and what it should be like.
struct Broadcast {
    tx: broadcast::Sender<Value>,
    receivers: Vec<(broadcast::Receiver<Value>, u64)>,
    capacity: u64,
    sent: u64,
    token: Arc<()>,
}

impl Broadcast {
    fn send(&mut self) {
        let result = self.tx.send((self.sent, self.token.clone()));
        if self.receivers.is_empty() {
            assert!(result.is_err());
        } else {
            assert_eq!(result.unwrap(), self.receivers.len());
            self.sent += 1;
        }
    }

    fn oldest(&self) -> u64 {
        self.sent.saturating_sub(self.capacity)
    }

    /// What the receiver that is at `next` should get.
    fn expected(&self, next: &mut u64) -> Result<u64, TryRecvError> {
        let oldest = self.oldest();
        if *next < oldest {
            let missed = oldest - *next;
            *next = oldest;
            return Err(TryRecvError::Lagged(missed));
        }
        if *next == self.sent {
            return Err(TryRecvError::Empty);
        }
        *next += 1;
        Ok(*next - 1)
    }

    /// Receives as a future that is dropped after some polls, while others send.
    fn recv(&mut self, at: usize, rand: &Rand) {
        let (mut rx, mut next) = self.receivers.swap_remove(at);
        let mut recv = Polled::new(rx.recv());
        let mut sleeps = false;
        for _ in 0..rand.below(POLLS_MAX + 1) {
            // It counts as a receiver while it is out of the list.
            for _ in 0..rand.below(self.capacity as u32 + 2) * rand.below(2) {
                let sent = self.tx.send((self.sent, self.token.clone()));
                assert_eq!(sent.unwrap(), self.receivers.len() + 1);
                self.sent += 1;
            }
            let is_woken = recv.wakes() > 0;
            let expected = self.expected(&mut next);
            assert_eq!(is_woken, sleeps && expected != Err(TryRecvError::Empty));
            match recv.poll() {
                Poll::Pending => {
                    assert_eq!(expected, Err(TryRecvError::Empty));
                    sleeps = true;
                }
                Poll::Ready(result) => {
                    let result = result.map(|(number, _)| number).map_err(|error| match error {
                        RecvError::Closed => TryRecvError::Closed,
                        RecvError::Lagged(missed) => TryRecvError::Lagged(missed),
                    });
                    assert_eq!(result, expected);
                    break;
                }
            }
        }
        drop(recv);
        self.receivers.push((rx, next));
    }

    fn try_recv(&mut self, at: usize) {
        let mut next = self.receivers[at].1;
        let expected = self.expected(&mut next);
        let (rx, at) = &mut self.receivers[at];
        *at = next;
        assert_eq!(rx.try_recv().map(|(number, _)| number), expected);
    }

    /// Values live as long as somebody is to get them.
    fn check(&self) {
        let first_wanted = self.receivers.iter().map(|(_, next)| *next).min().unwrap_or(self.sent);
        let wanted = (self.sent - first_wanted.max(self.oldest())) as usize;
        assert_eq!(self.tx.len(), wanted);
        assert_eq!(Arc::strong_count(&self.token), 1 + wanted, "values that nobody wants, or too few");
        assert_eq!(self.tx.receiver_count(), self.receivers.len());
        for (rx, next) in &self.receivers {
            assert_eq!(rx.len() as u64, self.sent - next);
        }
    }
}

#[test]
fn a_broadcast_does_what_its_model_does() {
    with_seeds(|rand| {
        let asked = 1 + rand.below(6) as usize;
        let mut all = Broadcast {
            tx: broadcast::Sender::new(asked),
            receivers: Vec::new(),
            capacity: asked.next_power_of_two() as u64,
            sent: 0,
            token: Arc::new(()),
        };
        for _ in 0..STEPS {
            let at = match all.receivers.len() as u32 {
                0 => 0,
                count => rand.below(count) as usize,
            };
            match rand.below(10) {
                0 if all.receivers.len() < 6 => all.receivers.push((all.tx.subscribe(), all.sent)),
                1 if !all.receivers.is_empty() && rand.below(3) == 0 => drop(all.receivers.swap_remove(at)),
                2..=5 => all.send(),
                6 | 7 if !all.receivers.is_empty() => all.recv(at, rand),
                8 | 9 if !all.receivers.is_empty() => all.try_recv(at),
                _ => {}
            }
            all.check();
        }
        // The end: all get what is left, and then that it is over.
        let Broadcast { tx, receivers, capacity, sent, token } = all;
        drop(tx);
        for (mut rx, next) in receivers {
            let oldest = sent.saturating_sub(capacity);
            if next < oldest {
                assert!(
                    matches!(rx.try_recv(), Err(TryRecvError::Lagged(missed)) if missed == oldest - next)
                );
            }
            for expected in next.max(oldest)..sent {
                assert_eq!(Polled::new(rx.recv()).ready().unwrap().0, expected);
            }
            assert!(matches!(Polled::new(rx.recv()).ready(), Err(RecvError::Closed)));
        }
        assert_eq!(Arc::strong_count(&token), 1);
    });
}

/// A watch channel's receiver, and which version it has seen.
struct Watcher {
    rx: watch::Receiver<u64>,
    seen: Option<u64>,
}

impl Watcher {
    /// Waits as a future that is dropped after some polls, while the value changes. The value is its own version.
    fn wait(&mut self, tx: &watch::Sender<u64>, version: &mut u64, rand: &Rand) {
        let mut changed = Polled::new(self.rx.changed());
        let mut sleeps = false;
        for _ in 0..rand.below(POLLS_MAX + 1) {
            for _ in 0..rand.below(3) * rand.below(2) {
                *version += 1;
                tx.send(*version).unwrap();
            }
            let is_new = self.seen != Some(*version);
            assert_eq!(changed.wakes() > 0, sleeps && is_new);
            match changed.poll() {
                Poll::Pending => {
                    assert!(!is_new, "sleeps with a version that it has not seen");
                    sleeps = true;
                }
                Poll::Ready(result) => {
                    result.unwrap();
                    assert!(is_new, "nothing had changed");
                    self.seen = Some(*version);
                    break;
                }
            }
        }
    }

    /// The same with a condition that holds for every fourth value.
    fn wait_for(&mut self, tx: &watch::Sender<u64>, version: &mut u64, rand: &Rand) {
        let mut wait = Polled::new(self.rx.wait_for(|value| value % 4 == 0));
        for _ in 0..rand.below(POLLS_MAX + 1) {
            let is_new = self.seen != Some(*version);
            match wait.poll() {
                Poll::Pending => assert!(*version % 4 != 0),
                Poll::Ready(value) => {
                    let value = value.unwrap();
                    assert!(*value == *version && *value % 4 == 0);
                    assert!(value.has_changed() || !is_new);
                    self.seen = Some(*version);
                    break;
                }
            }
            self.seen = Some(*version);
            let wakes = wait.wakes();
            if rand.below(2) == 0 {
                *version += 1;
                tx.send(*version).unwrap();
                assert_eq!(wait.wakes(), wakes + 1);
            }
        }
    }
}

#[test]
fn a_watch_does_what_its_model_does() {
    with_seeds(|rand| {
        let (tx, rx) = watch::channel(0);
        let mut version = 0;
        let mut all = vec![Watcher { rx, seen: Some(0) }];
        for _ in 0..STEPS {
            let at = rand.below(all.len() as u32) as usize;
            let count = all.len();
            let Watcher { rx, seen } = &mut all[at];
            match rand.below(10) {
                0 if count < 6 => {
                    all.push(Watcher { rx: tx.subscribe(), seen: Some(version) });
                }
                1 => {
                    let clone = Watcher { rx: rx.clone(), seen: *seen };
                    all[0] = clone;
                }
                2 => {
                    version += 1;
                    assert_eq!(tx.send_replace(version), version - 1);
                }
                3 => {
                    let value = rx.borrow_and_update();
                    assert_eq!((*value, value.has_changed()), (version, *seen != Some(version)));
                    *seen = Some(version);
                }
                4 => {
                    rx.mark_changed();
                    *seen = None;
                }
                5 => {
                    rx.mark_unchanged();
                    *seen = Some(version);
                }
                6 | 7 => all[at].wait(&tx, &mut version, rand),
                8 => all[at].wait_for(&tx, &mut version, rand),
                _ => assert!(!tx.send_if_modified(|_| false)),
            }
            assert_eq!(tx.receiver_count(), all.len());
            for Watcher { rx, seen } in &all {
                assert_eq!(rx.has_changed(), Ok(*seen != Some(version)));
                assert_eq!(*rx.borrow(), version);
            }
        }
        drop(tx);
        for Watcher { mut rx, seen } in all {
            if seen != Some(version) {
                Polled::new(rx.changed()).ready().unwrap();
            }
            assert!(Polled::new(rx.changed()).ready().is_err());
        }
    });
}
