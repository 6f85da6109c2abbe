//! Random operations against a model, each future dropped after its k-th poll (k = 0 … 5): no permit, value
//! or notification is lost or made, nobody overtakes, and nobody sleeps while it is its turn. The seeds are
//! fixed; a failure names its own.

mod sync_support;

use runtime_core::sync::mpsc::error::TrySendError;
use runtime_core::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use runtime_core::util::rand::Rand;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use sync_support::Polled;

const SEEDS: u64 = 300;
const STEPS: usize = 200;
/// Polls of one future at the most, before it is dropped.
const POLLS_MAX: u32 = 5;

/// A future under test, with what the model knows about it.
struct Wait<T> {
    id: u64,
    need: usize,
    future: Polled<Pin<Box<dyn Future<Output = T>>>>,
    polls: u32,
    polls_max: u32,
    wakes_seen: usize,
}

impl<T> Wait<T> {
    fn new(id: u64, need: usize, rand: &Rand, future: impl Future<Output = T> + 'static) -> Self {
        let future: Pin<Box<dyn Future<Output = T>>> = Box::pin(future);
        let polls_max = rand.below(POLLS_MAX + 1);
        Wait { id, need, future: Polled::new(future), polls: 0, polls_max, wakes_seen: 0 }
    }

    fn poll(&mut self) -> Poll<T> {
        self.polls += 1;
        self.wakes_seen = self.future.wakes();
        self.future.poll()
    }

    /// Whether it was woken since its last poll.
    fn is_woken(&self) -> bool {
        self.future.wakes() > self.wakes_seen
    }

    /// Whether its time is over.
    fn is_spent(&self) -> bool {
        self.polls >= self.polls_max
    }
}

/// Calls `body` with each seed.
fn with_seeds(body: impl Fn(&Rand) + std::panic::RefUnwindSafe) {
    for seed in 0..SEEDS {
        let result = std::panic::catch_unwind(|| body(&Rand::new(seed)));
        assert!(result.is_ok(), "seed {seed}");
    }
}

/// What a semaphore should do: a number, and a queue served strictly in order.
#[derive(Default)]
struct SemaphoreModel {
    free: usize,
    queue: VecDeque<(u64, usize)>,
    granted: Vec<(u64, usize)>,
}

impl SemaphoreModel {
    fn serve(&mut self) {
        while let Some((id, need)) = self.queue.front().copied().filter(|(_, need)| *need <= self.free) {
            self.queue.pop_front();
            self.free -= need;
            self.granted.push((id, need));
        }
    }

    /// The wait begins. Whether it need not wait.
    fn begin(&mut self, id: u64, need: usize) -> bool {
        let is_free = need == 0 || self.queue.is_empty() && need <= self.free;
        if is_free {
            self.free -= need;
        } else {
            self.queue.push_back((id, need));
        }
        is_free
    }

    /// The wait is polled again. Whether it has its permits.
    fn is_granted(&mut self, id: u64) -> bool {
        let at = self.granted.iter().position(|(granted, _)| *granted == id);
        at.map(|at| self.granted.swap_remove(at)).is_some()
    }

    fn cancel(&mut self, id: u64) {
        self.queue.retain(|(queued, _)| *queued != id);
        if let Some(at) = self.granted.iter().position(|(granted, _)| *granted == id) {
            self.free += self.granted.swap_remove(at).1;
        }
        self.serve();
    }
}

/// Polls one wait, or drops it if its time is over.
fn poll_acquire(
    model: &mut SemaphoreModel,
    waits: &mut Vec<Wait<OwnedSemaphorePermit>>,
    at: usize,
) -> Option<OwnedSemaphorePermit> {
    let wait = &mut waits[at];
    if wait.is_spent() {
        let wait = waits.swap_remove(at);
        drop(wait.future);
        model.cancel(wait.id);
        return None;
    }
    let is_first = wait.polls == 0;
    let is_ready = if is_first { model.begin(wait.id, wait.need) } else { model.is_granted(wait.id) };
    let polled = wait.poll();
    assert_eq!(polled.is_ready(), is_ready, "wait {}", wait.id);
    let Poll::Ready(permit) = polled else { return None };
    assert_eq!(permit.num_permits(), wait.need);
    waits.swap_remove(at);
    Some(permit)
}

#[test]
fn a_semaphore_does_what_its_model_does() {
    with_seeds(|rand| {
        let semaphore = Arc::new(Semaphore::new(3));
        let mut model = SemaphoreModel { free: 3, ..Default::default() };
        let mut waits: Vec<Wait<OwnedSemaphorePermit>> = Vec::new();
        let mut held: Vec<OwnedSemaphorePermit> = Vec::new();
        for step in 0..STEPS {
            match rand.below(8) {
                0 | 1 => {
                    let need = rand.below(4);
                    let future = semaphore.clone().acquire_many_owned(need);
                    let future = async move { future.await.unwrap() };
                    waits.push(Wait::new(step as u64, need as usize, rand, future));
                }
                2..=4 if !waits.is_empty() => {
                    let at = rand.below(waits.len() as u32) as usize;
                    held.extend(poll_acquire(&mut model, &mut waits, at));
                }
                5 if !held.is_empty() => {
                    let permit = held.swap_remove(rand.below(held.len() as u32) as usize);
                    model.free += permit.num_permits();
                    model.serve();
                }
                6 => {
                    let need = rand.below(3);
                    let is_free = need == 0 || model.queue.is_empty() && need as usize <= model.free;
                    let tried = semaphore.clone().try_acquire_many_owned(need);
                    assert_eq!(tried.is_ok(), is_free, "step {step}");
                    model.free -= tried.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
                    held.extend(tried);
                }
                7 if step % 4 == 0 => {
                    semaphore.add_permits(1);
                    model.free += 1;
                    model.serve();
                    let gone = semaphore.forget_permits(1);
                    assert_eq!(gone, usize::from(model.queue.is_empty() && model.free > 0));
                    model.free -= gone;
                }
                _ => {}
            }
            let expected = if model.queue.is_empty() { model.free } else { 0 };
            assert_eq!(semaphore.available_permits(), expected, "step {step}");
            for wait in &waits {
                let is_granted = model.granted.iter().any(|(id, _)| *id == wait.id);
                assert_eq!(wait.is_woken(), is_granted, "step {step}: woken and granted are the same");
            }
        }
        let all = model.free + model.granted.iter().chain(&model.queue).map(|(_, need)| need).sum::<usize>();
        let queued: usize = model.queue.iter().map(|(_, need)| need).sum();
        let out: usize = held.iter().map(OwnedSemaphorePermit::num_permits).sum();
        drop((waits, held));
        assert_eq!(semaphore.available_permits(), all - queued + out, "permits were lost or made");
    });
}

/// What a `Notify` should do.
#[derive(Default)]
struct NotifyModel {
    is_stored: bool,
    queue: VecDeque<u64>,
    /// Told and not polled since; whether it is to be handed on, and to whom.
    told: Vec<(u64, Option<Next>)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Next {
    First,
    Last,
}

impl NotifyModel {
    fn notify(&mut self, next: Next) {
        let chosen = if next == Next::First { self.queue.pop_front() } else { self.queue.pop_back() };
        match chosen {
            Some(id) => self.told.push((id, Some(next))),
            None => self.is_stored = true,
        }
    }

    fn take(&mut self, id: u64) -> Option<Option<Next>> {
        let at = self.told.iter().position(|(told, _)| *told == id)?;
        Some(self.told.swap_remove(at).1)
    }
}

#[test]
fn a_notify_does_what_its_model_does() {
    with_seeds(|rand| {
        let notify = Arc::new(Notify::new());
        let mut model = NotifyModel::default();
        let mut waits: Vec<Wait<()>> = Vec::new();
        for step in 0..STEPS {
            match rand.below(8) {
                0 | 1 => waits.push(Wait::new(step as u64, 0, rand, notify.clone().notified_owned())),
                2..=4 if !waits.is_empty() => {
                    let at = rand.below(waits.len() as u32) as usize;
                    let wait = &mut waits[at];
                    if wait.is_spent() {
                        let wait = waits.swap_remove(at);
                        drop(wait.future);
                        model.queue.retain(|queued| *queued != wait.id);
                        if let Some(Some(next)) = model.take(wait.id) {
                            model.notify(next);
                        }
                        continue;
                    }
                    let is_ready = match model.take(wait.id) {
                        Some(_) => true,
                        None if wait.polls > 0 => false,
                        None if std::mem::take(&mut model.is_stored) => true,
                        None => {
                            model.queue.push_back(wait.id);
                            false
                        }
                    };
                    assert_eq!(wait.poll().is_ready(), is_ready, "step {step}");
                    if is_ready {
                        waits.swap_remove(at);
                    }
                }
                5 => {
                    notify.notify_one();
                    model.notify(Next::First);
                }
                6 => {
                    notify.notify_last();
                    model.notify(Next::Last);
                }
                7 => {
                    notify.notify_waiters();
                    // Those that were never polled get it too.
                    let unpolled = waits.iter().filter(|wait| wait.polls == 0).map(|wait| wait.id);
                    let new: Vec<u64> = unpolled.chain(model.queue.drain(..)).collect();
                    let fresh = new.into_iter().filter(|id| model.told.iter().all(|(told, _)| told != id));
                    let fresh: Vec<_> = fresh.map(|id| (id, None)).collect();
                    model.told.extend(fresh);
                }
                _ => {}
            }
            for wait in waits.iter().filter(|wait| wait.polls > 0) {
                let is_told = model.told.iter().any(|(id, _)| *id == wait.id);
                assert_eq!(wait.is_woken(), is_told, "step {step}");
            }
        }
        // Whatever was given and not taken ends up stored, once.
        let owed = model.is_stored || model.told.iter().any(|(_, next)| next.is_some());
        drop(waits);
        assert_eq!(Polled::new(notify.notified()).poll().is_ready(), owed);
    });
}

/// The senders' side of the random channel test.
struct Sending {
    waits: Vec<Wait<Result<(), u64>>>,
    /// Sent, not received.
    sent: VecDeque<u64>,
}

impl Sending {
    /// Polls one send, or drops it if its time is over.
    fn poll_send(&mut self, at: usize) {
        if self.waits[at].is_spent() {
            drop(self.waits.swap_remove(at));
        } else if let Poll::Ready(result) = self.waits[at].poll() {
            result.unwrap();
            self.sent.push_back(self.waits.swap_remove(at).id);
        }
    }

    /// The room is never exceeded; and if there is some, no sender waits for it without being woken.
    fn check_room(&self, capacity: usize, permits: usize, step: u64) {
        let queued = self.waits.iter().filter(|wait| wait.polls > 0);
        let (granted, asleep): (Vec<_>, Vec<_>) = queued.partition(|wait| wait.is_woken());
        let used = self.sent.len() + permits + granted.len();
        assert!(used <= capacity, "step {step}: more than there is room for");
        assert!(asleep.is_empty() || used == capacity, "step {step}: room, and a sender that waits");
    }
}

#[test]
fn a_channel_loses_nothing_whatever_is_dropped() {
    with_seeds(|rand| {
        let capacity = 1 + rand.below(4) as usize;
        let (tx, mut rx) = mpsc::channel::<u64>(capacity);
        let mut all = Sending { waits: Vec::new(), sent: VecDeque::new() };
        let mut permits = Vec::new();
        let recv_wakes = Arc::<sync_support::Count>::default();
        let mut sleeps_since = None;
        for step in 0..STEPS as u64 {
            match rand.below(10) {
                0 | 1 => {
                    let sender = tx.clone();
                    let future = async move { sender.send(step).await.map_err(|error| error.0) };
                    all.waits.push(Wait::new(step, 1, rand, future));
                }
                2..=4 if !all.waits.is_empty() => {
                    let at = rand.below(all.waits.len() as u32) as usize;
                    all.poll_send(at);
                }
                5 => match tx.try_send(step) {
                    Ok(()) => all.sent.push_back(step),
                    Err(TrySendError::Full(back)) => assert_eq!(back, step),
                    Err(TrySendError::Closed(_)) => panic!("closed"),
                },
                6 => permits.extend(tx.clone().try_reserve_owned()),
                7 if !permits.is_empty() => {
                    let permit = permits.swap_remove(rand.below(permits.len() as u32) as usize);
                    if rand.below(2) == 0 {
                        drop(permit.send(step));
                        all.sent.push_back(step);
                    }
                }
                8 => match rx.try_recv() {
                    Ok(value) => assert_eq!(Some(value), all.sent.pop_front()),
                    Err(_) => assert!(all.sent.is_empty(), "step {step}: a value is not seen"),
                },
                _ => {
                    let mut recv = Polled::new(rx.recv());
                    recv.wakes = recv_wakes.clone();
                    let wakes = recv_wakes.get();
                    match recv.poll() {
                        Poll::Ready(value) => {
                            assert_eq!(value, all.sent.pop_front());
                            sleeps_since = None;
                        }
                        Poll::Pending => {
                            assert!(all.sent.is_empty(), "step {step}: it sleeps with a value there");
                            sleeps_since = Some(wakes);
                        }
                    }
                }
            }
            if sleeps_since.is_some_and(|wakes| !all.sent.is_empty() && recv_wakes.get() == wakes) {
                panic!("step {step}: the receiver sleeps and was not woken");
            }
            assert_eq!(rx.len(), all.sent.len());
            all.check_room(capacity, permits.len(), step);
        }
        // Everybody goes: what was sent arrives, then the end.
        all.waits.clear();
        permits.clear();
        assert_eq!(tx.capacity(), capacity - all.sent.len());
        drop(tx);
        while let Some(expected) = all.sent.pop_front() {
            assert_eq!(rx.try_recv(), Ok(expected));
        }
        assert!(Polled::new(rx.recv()).ready().is_none());
    });
}

/// Every order of the few things that can happen to a oneshot channel.
#[test]
fn a_oneshot_in_every_order() {
    const ACTIONS: u32 = 6;
    with_seeds(|rand| {
        for _ in 0..50 {
            let value = Arc::new(());
            let (tx, rx) = oneshot::channel();
            let (mut tx, mut rx) = (Some(tx), Some(rx));
            let (mut sent, mut back, mut received, mut closed) = (false, false, false, false);
            for _ in 0..8 {
                match rand.below(ACTIONS) {
                    0 => {
                        if let Some(tx) = tx.take() {
                            back = tx.send(value.clone()).is_err();
                            sent = true;
                            assert_eq!(back, closed);
                        }
                    }
                    1 => drop(tx.take()),
                    2 => {
                        if let Some(tx) = &mut tx {
                            let closing = Polled::new(tx.closed()).poll();
                            assert_eq!(closing.is_ready(), closed);
                        }
                    }
                    3 => {
                        if let Some(end) = rx.as_mut().filter(|end| !end.is_terminated()) {
                            match Polled::new(end).poll() {
                                Poll::Ready(Ok(_)) => received = true,
                                Poll::Ready(Err(_)) => assert!(closed || tx.is_none()),
                                Poll::Pending => assert!(tx.is_some() && !closed),
                            }
                            closed |= rx.as_ref().unwrap().is_terminated();
                        }
                    }
                    4 => {
                        if let Some(rx) = &mut rx {
                            rx.close();
                            closed = true;
                        }
                    }
                    _ => {
                        closed |= rx.is_some();
                        drop(rx.take());
                    }
                }
            }
            let is_settled = rx.is_none();
            drop((tx, rx));
            assert_eq!(Arc::strong_count(&value), 1, "a value was leaked");
            assert!(!(back && received), "a value came back and was received");
            assert!(sent || !received);
            assert!(is_settled || !back || closed);
        }
    });
}
