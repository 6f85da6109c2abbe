//! Mutex, Semaphore, Notify: no permit and no notification is lost or made, nobody overtakes.

use crate::crowd::{Crowd, World, play};
use runtime_core::sync::{Mutex, Notify, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use runtime_core::util::rand::Rand;
use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

struct MutexWorld {
    mutex: Arc<Mutex<usize>>,
    held: Option<OwnedMutexGuard<usize>>,
    locked: usize,
}

impl World for MutexWorld {
    type Kind = ();
    type Output = OwnedMutexGuard<usize>;

    fn act(&mut self, crowd: &mut Crowd<Self>, rand: &Rand) {
        match rand.below(6) {
            0..=2 => crowd.add(rand, (), self.mutex.clone().lock_owned()),
            3 => {
                if let Ok(guard) = self.mutex.clone().try_lock_owned() {
                    self.done((), guard);
                }
            }
            _ => drop(self.open()),
        }
    }

    fn done(&mut self, _: (), mut guard: OwnedMutexGuard<usize>) {
        assert!(self.held.is_none(), "two hold the lock");
        *guard += 1;
        self.locked += 1;
        self.held = Some(guard);
    }

    fn check(&self, asleep: &[()]) {
        assert!(self.held.is_some() || asleep.is_empty(), "the lock is free, and somebody sleeps");
    }

    fn open(&mut self) -> bool {
        self.held.take().is_some()
    }

    fn may_overtake(_: &(), _: &()) -> bool {
        false
    }

    fn end(self) {
        assert_eq!(*self.mutex.try_lock().expect("the lock was lost"), self.locked);
    }
}

#[test]
fn p44_a_mutex_loses_no_turn() {
    play(|_| MutexWorld { mutex: Arc::new(Mutex::new(0)), held: None, locked: 0 });
}

struct SemaphoreWorld {
    semaphore: Arc<Semaphore>,
    permits: usize,
    held: Vec<OwnedSemaphorePermit>,
}

impl SemaphoreWorld {
    fn free(&self) -> usize {
        let held: usize = self.held.iter().map(OwnedSemaphorePermit::num_permits).sum();
        self.permits.checked_sub(held).expect("permits were made")
    }
}

impl World for SemaphoreWorld {
    /// How many it wants.
    type Kind = u32;
    type Output = OwnedSemaphorePermit;

    fn act(&mut self, crowd: &mut Crowd<Self>, rand: &Rand) {
        let need = 1 + rand.below(self.permits as u32);
        match rand.below(7) {
            0..=3 => {
                let acquire = self.semaphore.clone().acquire_many_owned(need);
                crowd.add(rand, need, async move { acquire.await.unwrap() });
            }
            4 => {
                if let Ok(permit) = self.semaphore.clone().try_acquire_many_owned(need) {
                    self.done(need, permit);
                }
            }
            _ if self.held.is_empty() => {}
            _ => drop(self.held.swap_remove(rand.below(self.held.len() as u32) as usize)),
        }
    }

    fn done(&mut self, need: u32, permit: OwnedSemaphorePermit) {
        assert_eq!(permit.num_permits(), need as usize);
        self.held.push(permit);
        self.free();
    }

    fn check(&self, asleep: &[u32]) {
        if let Some(need) = asleep.first() {
            assert!(self.free() < *need as usize, "the first one sleeps, and {} are free", self.free());
        } else {
            assert_eq!(self.semaphore.available_permits(), self.free());
        }
    }

    fn open(&mut self) -> bool {
        self.held.pop().is_some()
    }

    fn may_overtake(_: &u32, _: &u32) -> bool {
        false
    }

    fn end(self) {
        assert_eq!(self.semaphore.available_permits(), self.permits);
    }
}

#[test]
fn p44_a_semaphore_loses_no_permit() {
    play(|rand| {
        let permits = 1 + rand.below(4) as usize;
        SemaphoreWorld { semaphore: Arc::new(Semaphore::new(permits)), permits, held: Vec::new() }
    });
}

/// What `Notify` is for: things lie on a heap, each is announced once, and who wants one looks and waits.
struct NotifyWorld {
    notify: Arc<Notify>,
    things: Rc<Cell<usize>>,
    sleepers: Cell<usize>,
}

impl NotifyWorld {
    fn bring(&self) {
        self.things.set(self.things.get() + 1);
        self.notify.notify_one();
    }
}

impl World for NotifyWorld {
    type Kind = ();
    type Output = ();

    fn act(&mut self, crowd: &mut Crowd<Self>, rand: &Rand) {
        if rand.below(3) == 0 {
            return self.bring();
        }
        let (notify, things) = (self.notify.clone(), self.things.clone());
        crowd.add(rand, (), async move {
            loop {
                let mut notified = pin!(notify.notified());
                notified.as_mut().enable();
                if let Some(rest) = things.get().checked_sub(1) {
                    return things.set(rest);
                }
                notified.await;
            }
        });
    }

    fn done(&mut self, _: (), _: ()) {}

    fn check(&self, asleep: &[()]) {
        assert!(self.things.get() == 0 || asleep.is_empty(), "something is there, and somebody sleeps");
        self.sleepers.set(asleep.len());
    }

    fn open(&mut self) -> bool {
        let is_awaited = self.sleepers.get() > 0;
        if is_awaited {
            self.bring();
        }
        is_awaited
    }
}

#[test]
fn p44_a_notify_loses_no_notification() {
    play(|_| NotifyWorld { notify: Arc::default(), things: Rc::default(), sleepers: Cell::default() });
}
