//! Locks, semaphores, notifications: no turn, permit or notification is lost or made, nobody overtakes.

use crate::crowd::{Crowd, World, play};
use runtime_core::sync::{
    BoundedSemaphore, Condvar, Mutex, Notify, OwnedBoundedPermit, OwnedMutexGuard, OwnedRwLockReadGuard,
    OwnedRwLockWriteGuard, OwnedSemaphorePermit, RwLock, Semaphore,
};
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
    is_closed: bool,
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
    /// `None` if it is closed.
    type Output = Option<OwnedSemaphorePermit>;

    fn act(&mut self, crowd: &mut Crowd<Self>, rand: &Rand) {
        let need = 1 + rand.below(self.permits as u32);
        match rand.below(7) {
            0..=3 => {
                let acquire = self.semaphore.clone().acquire_many_owned(need);
                crowd.add(rand, need, async move { acquire.await.ok() });
            }
            4 => {
                if let Ok(permit) = self.semaphore.clone().try_acquire_many_owned(need) {
                    self.done(need, Some(permit));
                }
            }
            5 if rand.below(40) == 0 => {
                self.semaphore.close();
                self.is_closed = true;
            }
            _ if self.held.is_empty() => {}
            _ => drop(self.held.swap_remove(rand.below(self.held.len() as u32) as usize)),
        }
    }

    fn done(&mut self, need: u32, permit: Option<OwnedSemaphorePermit>) {
        let Some(permit) = permit else { return assert!(self.is_closed) };
        assert_eq!(permit.num_permits(), need as usize);
        self.held.push(permit);
        self.free();
    }

    fn check(&self, asleep: &[u32]) {
        if let Some(need) = asleep.first() {
            assert!(!self.is_closed, "it is closed, and somebody sleeps");
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
        SemaphoreWorld {
            semaphore: Arc::new(Semaphore::new(permits)),
            permits,
            held: Vec::new(),
            is_closed: false,
        }
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

/// What somebody holds of a readers-writer lock.
enum Held {
    Read(OwnedRwLockReadGuard<usize>),
    Write(OwnedRwLockWriteGuard<usize>),
}

#[derive(Debug, Clone, PartialEq)]
enum Access {
    Read,
    Write,
}

struct RwLockWorld {
    lock: Arc<RwLock<usize>>,
    held: Vec<Held>,
    written: usize,
}

impl RwLockWorld {
    fn is_written(&self) -> bool {
        self.held.iter().any(|held| matches!(held, Held::Write(_)))
    }

    fn drop_one(&mut self, rand: &Rand) {
        if !self.held.is_empty() {
            self.held.swap_remove(rand.below(self.held.len() as u32) as usize);
        }
    }
}

impl World for RwLockWorld {
    type Kind = Access;
    type Output = Held;

    fn act(&mut self, crowd: &mut Crowd<Self>, rand: &Rand) {
        match rand.below(12) {
            0..=3 => {
                let read = self.lock.clone().read_owned();
                crowd.add(rand, Access::Read, async move { Held::Read(read.await) });
            }
            4 | 5 => {
                let write = self.lock.clone().write_owned();
                crowd.add(rand, Access::Write, async move { Held::Write(write.await) });
            }
            6 => {
                if let Ok(guard) = self.lock.clone().try_read_owned() {
                    self.done(Access::Read, Held::Read(guard));
                }
            }
            7 => {
                if let Ok(guard) = self.lock.clone().try_write_owned() {
                    self.done(Access::Write, Held::Write(guard));
                }
            }
            8 if self.is_written() => {
                let Some(Held::Write(guard)) = self.held.pop() else { unreachable!() };
                self.held.push(Held::Read(guard.downgrade()));
            }
            _ => self.drop_one(rand),
        }
    }

    fn done(&mut self, _: Access, mut held: Held) {
        match &mut held {
            Held::Read(guard) => {
                assert!(!self.is_written(), "one reads what another one writes");
                assert_eq!(**guard, self.written);
            }
            Held::Write(guard) => {
                assert!(self.held.is_empty(), "one writes what another one uses");
                self.written += 1;
                **guard = self.written;
            }
        }
        self.held.push(held);
    }

    fn check(&self, asleep: &[Access]) {
        match asleep.first() {
            Some(Access::Read) => assert!(self.is_written(), "the first one wants to read, and might"),
            Some(Access::Write) => assert!(!self.held.is_empty(), "the lock is free, and somebody sleeps"),
            None => {}
        }
    }

    fn open(&mut self) -> bool {
        self.held.pop().is_some()
    }

    fn may_overtake(_: &Access, _: &Access) -> bool {
        false
    }

    fn end(self) {
        assert_eq!(*self.lock.try_write().expect("a permit was lost"), self.written);
    }
}

#[test]
fn p44_a_rwlock_loses_no_turn() {
    play(|_| RwLockWorld { lock: Arc::new(RwLock::new(0)), held: Vec::new(), written: 0 });
}

struct BoundedWorld {
    semaphore: Arc<BoundedSemaphore>,
    bound: usize,
    held: Vec<OwnedBoundedPermit>,
    forgotten: usize,
}

impl BoundedWorld {
    fn free(&self) -> usize {
        self.bound.checked_sub(self.held.len() + self.forgotten).expect("permits were made")
    }

    fn release(&mut self) -> bool {
        let is_released = self.semaphore.release().is_ok();
        assert_eq!(is_released, self.forgotten > 0);
        self.forgotten -= usize::from(is_released);
        is_released
    }
}

impl World for BoundedWorld {
    type Kind = ();
    type Output = OwnedBoundedPermit;

    fn act(&mut self, crowd: &mut Crowd<Self>, rand: &Rand) {
        match rand.below(8) {
            0..=4 => crowd.add(rand, (), self.semaphore.clone().acquire_owned()),
            5 => drop(self.release()),
            6 => {
                if let Some(permit) = self.held.pop() {
                    permit.forget();
                    self.forgotten += 1;
                }
            }
            _ => drop(self.held.pop()),
        }
    }

    fn done(&mut self, _: (), permit: OwnedBoundedPermit) {
        self.held.push(permit);
        self.free();
    }

    fn check(&self, asleep: &[()]) {
        assert!(asleep.is_empty() || self.free() == 0, "a permit is free, and somebody sleeps");
    }

    fn open(&mut self) -> bool {
        self.held.pop().is_some() || self.release()
    }

    fn may_overtake(_: &(), _: &()) -> bool {
        false
    }

    fn end(self) {
        assert_eq!(self.semaphore.available_permits(), self.bound);
    }
}

#[test]
fn p44_a_bounded_semaphore_loses_no_permit() {
    play(|rand| {
        let bound = 1 + rand.below(3) as usize;
        let semaphore = Arc::new(BoundedSemaphore::new(bound));
        BoundedWorld { semaphore, bound, held: Vec::new(), forgotten: 0 }
    });
}

/// Things under a mutex, and a condition variable for those who want one.
struct CondvarWorld {
    things: Arc<Mutex<usize>>,
    came: Arc<Condvar>,
    /// Holds everybody up.
    held: Option<OwnedMutexGuard<usize>>,
    sleepers: Cell<usize>,
}

#[derive(Debug, Clone)]
enum Role {
    Takes,
    Brings,
}

impl World for CondvarWorld {
    type Kind = Role;
    type Output = ();

    fn act(&mut self, crowd: &mut Crowd<Self>, rand: &Rand) {
        let (things, came) = (self.things.clone(), self.came.clone());
        match rand.below(12) {
            0..=5 => crowd.add(rand, Role::Takes, async move {
                let mut things = came.wait_while(things.lock().await, |things| *things == 0).await;
                *things -= 1;
            }),
            6..=8 => {
                let tells_all = rand.below(4) == 0;
                crowd.add(rand, Role::Brings, async move {
                    *things.lock().await += 1;
                    if tells_all { came.notify_all() } else { came.notify_one() }
                });
            }
            9 => self.held = self.held.take().or(things.try_lock_owned().ok()),
            _ => self.held = None,
        }
    }

    fn done(&mut self, _: Role, (): ()) {
        assert!(self.held.is_none(), "two held the lock");
    }

    fn check(&self, asleep: &[Role]) {
        self.sleepers.set(asleep.len());
        if self.held.is_some() || asleep.is_empty() {
            return;
        }
        assert!(
            asleep.iter().all(|role| matches!(role, Role::Takes)),
            "the lock is free, and somebody sleeps"
        );
        assert_eq!(*self.things.try_lock().unwrap(), 0, "something is there, and somebody sleeps");
    }

    fn open(&mut self) -> bool {
        if self.held.take().is_some() {
            return true;
        }
        let is_awaited = self.sleepers.get() > 0;
        if is_awaited {
            *self.things.try_lock().expect("the lock was lost") += 1;
            self.came.notify_one();
        }
        is_awaited
    }
}

#[test]
fn p44_a_condvar_loses_no_notification() {
    play(|_| CondvarWorld {
        things: Arc::default(),
        came: Arc::default(),
        held: None,
        sleepers: Cell::default(),
    });
}
