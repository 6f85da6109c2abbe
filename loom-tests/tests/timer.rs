//! M8: timers against the driver's sleeper, and a timer's owner against who fires it.
//!
//! A test `…_twin` gets one step wrong on purpose, and passes if loom finds that.

#![cfg(loom)]

use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use loom_tests::{expect_failure, model};
use runtime_core::timer::clock::SystemClock;
use runtime_core::timer::entry::{Entry, EntryRef, State};
use runtime_core::timer::shard::Closed;
use runtime_core::timer::wheel::Wheel;
use runtime_core::timer::{Alarm, Timers};
use runtime_core::util::wake_list::WakeList;
use std::pin::Pin;
use std::task::{Poll, Wake, Waker};

const EARLY: u64 = 1 << 20;
const LATE: u64 = 1 << 30;

/// What the driver is to a sleeper: a token, and a place to wait for it.
#[derive(Default)]
struct Pillow {
    token: Mutex<bool>,
    changed: Condvar,
}

impl Pillow {
    fn unpark(&self) {
        *self.token.lock().unwrap() = true;
        self.changed.notify_one();
    }

    /// Returns only by `unpark`: loom calls it a deadlock if there is none.
    fn sleep(&self) {
        let mut token = self.token.lock().unwrap();
        while !*token {
            token = self.changed.wait(token).unwrap();
        }
        *token = false;
    }
}

struct World {
    timers: Timers,
    pillow: Arc<Pillow>,
}

impl World {
    fn new(shard_count: usize) -> Arc<World> {
        let pillow = Arc::new(Pillow::default());
        let other = Arc::clone(&pillow);
        let timers = Timers::new(std::sync::Arc::new(SystemClock), shard_count, move || other.unpark());
        Arc::new(World { timers, pillow })
    }

    fn start(&self, shard: usize, deadline_ns: u64) -> Pin<Box<Alarm>> {
        let mut alarm = Box::pin(Alarm::new());
        alarm.as_mut().start(Arc::clone(self.timers.shard(shard)), deadline_ns, Waker::noop()).unwrap();
        alarm
    }

    /// The driver's holder: sleeps and fires until `count` timers have fired at EARLY. Time never comes by
    /// itself: a sleep beyond EARLY ends by unpark only.
    fn drive(&self, begin_park: fn(&Timers) -> Option<u64>, count: usize) {
        let mut fired_count = 0;
        while fired_count < count {
            if begin_park(&self.timers).is_none_or(|until_ns| until_ns > EARLY) {
                self.pillow.sleep();
            }
            self.timers.end_park();
            for shard in 0..self.timers.shard_count() {
                fired_count += self.timers.fire(shard, EARLY, &mut WakeList::new());
            }
        }
        assert_eq!(fired_count, count);
    }
}

/// The twin of `Timers::begin_park`: reads first, announces then.
fn begin_park_backwards(timers: &Timers) -> Option<u64> {
    let shards = 0..timers.shard_count();
    let until_ns = shards.map(|shard| timers.shard(shard).earliest_locked_ns()).min().unwrap();
    timers.parking().announce();
    timers.parking().publish(until_ns);
    Some(until_ns)
}

/// p37: a timer that is filed while the driver goes to sleep ends the sleep.
fn insert_against_park(begin_park: fn(&Timers) -> Option<u64>) {
    model(move || {
        let world = World::new(1);
        let other = Arc::clone(&world);
        let user = thread::spawn(move || other.start(0, EARLY));
        world.drive(begin_park, 1);
        drop(user.join().unwrap());
    });
}

#[test]
fn p37_insert_against_park() {
    insert_against_park(Timers::begin_park);
}

#[test]
fn p37_insert_against_park_twin() {
    expect_failure("p37_insert_against_park_twin", "deadlock", || insert_against_park(begin_park_backwards));
}

/// The same with two timers in two shards, of which one alone is told to unpark.
#[test]
fn p37_two_inserts_against_park() {
    model(|| {
        let world = World::new(2);
        let users = [0, 1].map(|shard| {
            let other = Arc::clone(&world);
            thread::spawn(move || other.start(shard, EARLY - shard as u64))
        });
        world.drive(Timers::begin_park, 2);
        for user in users {
            drop(user.join().unwrap());
        }
    });
}

/// A timer that is put on an earlier moment while the driver goes to sleep.
#[test]
fn p37_reset_against_park() {
    model(|| {
        let world = World::new(1);
        let mut alarm = world.start(0, LATE);
        let user = thread::spawn(move || {
            assert!(alarm.as_mut().reset(EARLY));
            alarm
        });
        world.drive(Timers::begin_park, 1);
        drop(user.join().unwrap());
    });
}

struct Bell(std::sync::mpsc::Sender<()>);

impl Wake for Bell {
    fn wake(self: std::sync::Arc<Self>) {
        let _ = self.0.send(());
    }
}

/// p34: an alarm dropped while it fires is gone afterwards, its waker too, and it woke at most once.
#[test]
fn p34_drop_against_fire() {
    model(|| {
        let world = World::new(1);
        let (ring, rung) = std::sync::mpsc::channel();
        let bell = std::sync::Arc::new(Bell(ring));
        let mut alarm = Box::pin(Alarm::new());
        let waker = Waker::from(std::sync::Arc::clone(&bell));
        alarm.as_mut().start(Arc::clone(world.timers.shard(0)), EARLY, &waker).unwrap();
        drop(waker);
        let other = Arc::clone(&world);
        let firing = thread::spawn(move || other.timers.fire(0, EARLY, &mut WakeList::new()));
        drop(alarm);
        let fired_count = firing.join().unwrap();
        assert_eq!(rung.try_iter().count(), fired_count);
        assert_eq!(world.timers.count(), 0);
        assert_eq!(std::sync::Arc::strong_count(&bell), 1);
    });
}

/// p35: whoever polls while it fires either sees that, or its waker is woken.
#[test]
fn p35_poll_against_fire() {
    model(|| {
        let world = World::new(1);
        let mut alarm = world.start(0, EARLY);
        let (ring, rung) = std::sync::mpsc::channel();
        let waker = Waker::from(std::sync::Arc::new(Bell(ring)));
        let other = Arc::clone(&world);
        let firing = thread::spawn(move || other.timers.fire(0, EARLY, &mut WakeList::new()));
        let seen = alarm.as_mut().poll(&waker).is_ready();
        assert_eq!(firing.join().unwrap(), 1);
        assert!(seen || rung.try_recv().is_ok());
    });
}

/// p34: an alarm that was put off while it fires is either filed for the later moment, or says that it has
/// gone off: never both, never neither.
#[test]
fn p34_put_off_against_fire() {
    model(|| {
        let world = World::new(1);
        let mut alarm = world.start(0, EARLY);
        let other = Arc::clone(&world);
        let firing = thread::spawn(move || other.timers.fire(0, EARLY, &mut WakeList::new()));
        let put_off = alarm.as_mut().reset(LATE);
        let fired_count = firing.join().unwrap();
        assert_eq!(fired_count, usize::from(!put_off));
        assert_eq!(world.timers.count(), usize::from(put_off));
        if put_off {
            assert_eq!(alarm.as_mut().poll(Waker::noop()), Poll::Pending);
            assert_eq!(world.timers.fire(0, LATE, &mut WakeList::new()), 1);
            assert_eq!(alarm.as_mut().poll(Waker::noop()), Poll::Ready(Ok(())));
        }
    });
}

/// An alarm started while the timers shut down is refused, or closed and woken.
#[test]
fn start_against_shutdown() {
    model(|| {
        let world = World::new(1);
        let (ring, rung) = std::sync::mpsc::channel();
        let waker = Waker::from(std::sync::Arc::new(Bell(ring)));
        let other = Arc::clone(&world);
        let closing = thread::spawn(move || other.timers.shutdown(&mut WakeList::new()));
        let mut alarm = Box::pin(Alarm::new());
        let started = alarm.as_mut().start(Arc::clone(world.timers.shard(0)), EARLY, &waker);
        closing.join().unwrap();
        if started.is_ok() {
            assert_eq!(alarm.as_mut().poll(&waker), Poll::Ready(Err(Closed)));
            assert!(rung.try_recv().is_ok());
        }
        assert_eq!(world.timers.count(), 0);
    });
}

/// An entry and its wheel without the layers above: the steps can be got wrong one at a time.
struct Bare {
    wheel: Mutex<Wheel>,
    entry: Entry,
}

impl Bare {
    fn new() -> Arc<Bare> {
        let bare = Arc::new(Bare { wheel: Mutex::new(Wheel::new()), entry: Entry::new() });
        {
            let mut wheel = bare.wheel.lock().unwrap();
            let entry = bare.entry_ref();
            entry.arm(EARLY);
            assert!(entry.set_waker(Some(Waker::noop().clone())).is_none());
            wheel.insert(entry);
        }
        bare
    }

    fn entry_ref(&self) -> EntryRef {
        // SAFETY: the entry lies in an Arc beside its wheel, which no entry outlives.
        unsafe { EntryRef::new(&self.entry) }
    }

    fn fire(&self, fire: fn(EntryRef)) {
        let mut wheel = self.wheel.lock().unwrap();
        assert_eq!(wheel.advance(EARLY), EARLY);
        if let Some(entry) = wheel.pop_due() {
            fire(entry);
        }
    }
}

/// As `EntryRef::try_fire`.
fn fire_in_order(entry: EntryRef) {
    drop(entry.try_fire(EARLY).expect("nobody puts it off"));
}

/// Says FIRED first: the owner may be gone when the waker is taken.
fn fire_backwards(entry: EntryRef) {
    entry.mark_fired(EARLY).expect("nobody puts it off");
    // A place for loom to switch threads.
    loom::thread::yield_now();
    drop(entry.set_waker(None));
}

/// p34: whoever sees FIRED has the entry for itself, without the lock.
fn owner_against_fire(fire: fn(EntryRef)) {
    model(move || {
        let bare = Bare::new();
        let other = Arc::clone(&bare);
        let firing = thread::spawn(move || other.fire(fire));
        while bare.entry.state() != State::Fired {
            thread::yield_now();
        }
        // Looks at all that the firing thread has touched.
        // SAFETY: FIRED was seen.
        unsafe { bare.entry.disarm() };
        firing.join().unwrap();
    });
}

#[test]
fn p34_owner_against_fire() {
    owner_against_fire(fire_in_order);
}

#[test]
fn p34_owner_against_fire_twin() {
    expect_failure("p34_owner_against_fire_twin", "takes its waker", || owner_against_fire(fire_backwards));
}

/// As `Entry::extend`.
fn extend_by_exchange(bare: &Bare) -> bool {
    bare.entry.extend(LATE)
}

/// Looks, then stores: it may have fired in between.
fn extend_by_store(bare: &Bare) -> bool {
    let waits = matches!(bare.entry.state(), State::Waiting(_));
    if waits {
        bare.entry_ref().arm(LATE);
    }
    waits
}

/// An entry that waits is linked, one that has fired is not.
fn extend_against_fire(extend: fn(&Bare) -> bool) {
    model(move || {
        let bare = Bare::new();
        let other = Arc::clone(&bare);
        let firing = thread::spawn(move || {
            other.fire(|entry| match entry.try_fire(EARLY) {
                Ok(waker) => drop(waker),
                Err(_extended) => {}
            });
            // The shard files an entry again that was put off: here it is enough that it has a waker.
        });
        let extended = extend(&bare);
        firing.join().unwrap();
        let _wheel = bare.wheel.lock().unwrap();
        let has_waker = bare.entry_ref().set_waker(None).is_some();
        assert_eq!(extended, has_waker, "a timer that waits wakes somebody, one that fired is let go");
        assert_eq!(extended, bare.entry.state() == State::Waiting(LATE));
    });
}

#[test]
fn p34_extend_against_fire() {
    extend_against_fire(extend_by_exchange);
}

#[test]
fn p34_extend_against_fire_twin() {
    expect_failure("p34_extend_against_fire_twin", "a timer that waits wakes somebody", || {
        extend_against_fire(extend_by_store)
    });
}
