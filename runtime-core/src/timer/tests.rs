//! Timers driven by hand: no scheduler, time passed in.

use crate::primitive::Arc;
use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::timer::clock::{Clock, NEVER, SystemClock, WrongState};
use crate::timer::shard::Closed;
use crate::timer::{Alarm, Timers};
use crate::util::rand::Rand;
use crate::util::wake_list::WakeList;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Poll, Wake, Waker};
use std::time::{Duration, Instant};

const SPAN_NS: u64 = 1 << 17;
const MS: u64 = 1_000_000;

/// Sends its number when woken.
struct Bell {
    number: usize,
    rings: mpsc::Sender<usize>,
}

impl Wake for Bell {
    fn wake(self: std::sync::Arc<Self>) {
        self.rings.send(self.number).unwrap();
    }
}

/// Timers of one shard, alarms by number, and who was woken in what order.
struct Desk {
    timers: Timers,
    unparks: Arc<AtomicUsize>,
    alarms: BTreeMap<usize, Pin<Box<Alarm>>>,
    ring: mpsc::Sender<usize>,
    rung: mpsc::Receiver<usize>,
}

impl Desk {
    fn new(shard_count: usize) -> Desk {
        let unparks = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&unparks);
        let unpark = move || {
            count.fetch_add(1, Ordering::Relaxed);
        };
        let timers = Timers::new(std::sync::Arc::new(SystemClock), shard_count, unpark);
        let (ring, rung) = mpsc::channel();
        Desk { timers, unparks, alarms: BTreeMap::new(), ring, rung }
    }

    fn waker(&self, number: usize) -> Waker {
        Waker::from(std::sync::Arc::new(Bell { number, rings: self.ring.clone() }))
    }

    fn start_in(&mut self, shard: usize, number: usize, deadline_ns: u64) -> Result<(), Closed> {
        let mut alarm = Box::pin(Alarm::new());
        let started =
            alarm.as_mut().start(Arc::clone(self.timers.shard(shard)), deadline_ns, &self.waker(number));
        assert!(self.alarms.insert(number, alarm).is_none());
        started
    }

    fn start(&mut self, number: usize, deadline_ns: u64) {
        self.start_in(0, number, deadline_ns).unwrap();
    }

    fn reset(&mut self, number: usize, deadline_ns: u64) -> bool {
        self.alarms.get_mut(&number).unwrap().as_mut().reset(deadline_ns)
    }

    fn poll(&mut self, number: usize) -> Poll<Result<(), Closed>> {
        let waker = self.waker(number);
        self.alarms.get_mut(&number).unwrap().as_mut().poll(&waker)
    }

    /// The numbers woken by firing at `now_ns`, in order.
    fn fire(&self, now_ns: u64) -> Vec<usize> {
        let mut ready = WakeList::new();
        let fired_count = self.timers.fire(0, now_ns, &mut ready);
        assert_eq!(fired_count, ready.len());
        ready.wake_all();
        self.rung.try_iter().collect()
    }

    fn unpark_count(&self) -> usize {
        self.unparks.load(Ordering::Relaxed)
    }
}

/// What the wheel must do, done simply.
#[derive(Default)]
struct Model {
    deadlines: BTreeMap<usize, u64>,
}

impl Model {
    fn earliest(&self) -> u64 {
        self.deadlines.values().copied().min().unwrap_or(NEVER)
    }

    /// Removes and returns what is due.
    fn fire(&mut self, now_ns: u64) -> BTreeMap<usize, u64> {
        let (due, left) = std::mem::take(&mut self.deadlines)
            .into_iter()
            .partition(|(_, deadline_ns)| *deadline_ns <= now_ns && *deadline_ns != NEVER);
        self.deadlines = left;
        due
    }
}

/// A distance of any order of magnitude, from nothing to beyond the end of time.
fn distance(rand: &Rand) -> u64 {
    let bits = rand.below(65);
    if bits == 0 { 0 } else { rand.next_u64() >> (64 - bits) }
}

/// p32, p34: exactly the timers that are due fire, in the order of their ticks, whatever was filed,
/// removed and put off before; and the shown deadline is never late by more than a span.
#[test]
fn p32_wheel_agrees_with_a_sorted_map() {
    for seed in 0..60 {
        let rand = Rand::new(seed);
        let mut desk = Desk::new(1);
        let mut model = Model::default();
        let mut now_ns: u64 = 0;
        for number in 0..1500 {
            step(&rand, &mut desk, &mut model, &mut now_ns, number, seed);
            let exact_ns = desk.timers.shard(0).exact_earliest_ns();
            assert_eq!(exact_ns, model.earliest(), "seed {seed}, step {number}");
            let shown_ns = desk.timers.earliest_of(0);
            let limit_ns = exact_ns.saturating_add(SPAN_NS);
            assert!(shown_ns < limit_ns || exact_ns == NEVER, "seed {seed}, step {number}");
            assert_eq!(desk.timers.count(), model.deadlines.len(), "seed {seed}, step {number}");
        }
    }
}

fn step(rand: &Rand, desk: &mut Desk, model: &mut Model, now_ns: &mut u64, number: usize, seed: u64) {
    let pick = |model: &Model| {
        let nth = rand.below(model.deadlines.len() as u32) as usize;
        model.deadlines.iter().nth(nth).map(|(number, ns)| (*number, *ns)).unwrap()
    };
    match rand.below(10) {
        0..=3 => {
            let deadline_ns = now_ns.saturating_add(distance(rand)).max(3);
            desk.start(number, deadline_ns);
            model.deadlines.insert(number, deadline_ns);
        }
        4 if !model.deadlines.is_empty() => {
            let (number, _) = pick(model);
            model.deadlines.remove(&number);
            desk.alarms.remove(&number);
        }
        5 | 6 if !model.deadlines.is_empty() => {
            let (number, old_ns) = pick(model);
            let earlier = rand.below(2) == 0;
            let new_ns = if earlier {
                old_ns.saturating_sub(distance(rand)).max(3)
            } else {
                old_ns.saturating_add(distance(rand))
            };
            assert!(desk.reset(number, new_ns));
            model.deadlines.insert(number, new_ns);
        }
        7..=9 => {
            let before_ns = *now_ns;
            // Small steps, steps right to a deadline, and now and then a leap.
            *now_ns = match rand.below(8) {
                0 => now_ns.saturating_add(distance(rand) / 2),
                1 | 2 if !model.deadlines.is_empty() => (*now_ns).max(model.earliest().min(NEVER - 1)),
                _ => now_ns.saturating_add(u64::from(rand.below(4_000_000))),
            };
            check_fired(desk, model, before_ns, *now_ns, seed);
        }
        _ => {}
    }
}

fn check_fired(desk: &mut Desk, model: &mut Model, before_ns: u64, now_ns: u64, seed: u64) {
    let expected = model.fire(now_ns);
    let fired = desk.fire(now_ns);
    let ticks: Vec<u64> = fired
        .iter()
        .map(|number| {
            let deadline_ns =
                expected.get(number).unwrap_or_else(|| panic!("seed {seed}: {number} is early"));
            // One that had passed when it was filed counts as of then.
            deadline_ns.max(&before_ns) / SPAN_NS
        })
        .collect();
    assert_eq!(fired.len(), expected.len(), "seed {seed}: a timer is late");
    assert!(ticks.is_sorted(), "seed {seed}: fired out of order");
    for number in fired {
        assert_eq!(desk.poll(number), Poll::Ready(Ok(())), "seed {seed}");
        desk.alarms.remove(&number);
    }
}

#[test]
fn p32_fires_at_its_deadline_and_not_a_nanosecond_before() {
    for bits in 2..63 {
        let mut desk = Desk::new(1);
        let deadline_ns = (1_u64 << bits) + 1;
        desk.start(1, deadline_ns);
        assert_eq!(desk.fire(deadline_ns - 1), [], "2^{bits}");
        assert_eq!(desk.poll(1), Poll::Pending);
        assert_eq!(desk.fire(deadline_ns), [1], "2^{bits}");
        assert_eq!(desk.poll(1), Poll::Ready(Ok(())));
    }
}

/// Two workers read the clock, and come to the same shard in the other order.
#[test]
fn p32_who_comes_with_an_older_time_fires_what_is_due() {
    let mut desk = Desk::new(1);
    assert_eq!(desk.fire(900 * MS), []);
    desk.start(1, 700 * MS);
    desk.start(2, 850 * MS);
    desk.start(3, 1000 * MS);
    assert_eq!(desk.fire(800 * MS), [1, 2]);
    assert_eq!(desk.timers.shard(0).exact_earliest_ns(), 1000 * MS);
}

#[test]
fn p33_a_deadline_beyond_the_end_of_time_waits_for_ever() {
    let mut desk = Desk::new(1);
    desk.start(1, NEVER);
    assert_eq!(desk.timers.next_deadline_ns(), None);
    assert_eq!(desk.timers.begin_park(), None);
    assert_eq!(desk.fire(NEVER - 1), []);
    assert_eq!(desk.timers.count(), 1);
    desk.start(2, NEVER - 1);
    assert_eq!(desk.fire(NEVER - 1), [2]);
    desk.alarms.remove(&1);
    assert_eq!(desk.timers.count(), 0);
}

#[test]
fn p34_a_dropped_timer_leaves_at_once_and_a_later_reset_keeps_one_entry() {
    let mut desk = Desk::new(1);
    for number in 0..1000 {
        desk.start(number, MS * (number as u64 + 1));
    }
    assert_eq!(desk.timers.count(), 1000);
    for later in 1..100 {
        assert!(desk.reset(7, MS * 10_000 * later));
        assert_eq!(desk.timers.count(), 1000);
    }
    // The waker in the node is dropped with it: the bell's sender count is not visible, its Arc is.
    let bell = std::sync::Arc::new(Bell { number: 0, rings: desk.ring.clone() });
    let mut alarm = Box::pin(Alarm::new());
    alarm
        .as_mut()
        .start(Arc::clone(desk.timers.shard(0)), MS, &Waker::from(std::sync::Arc::clone(&bell)))
        .unwrap();
    drop(alarm);
    assert_eq!(std::sync::Arc::strong_count(&bell), 1);
    desk.alarms.clear();
    assert_eq!(desk.timers.count(), 0);
    assert_eq!(desk.fire(NEVER - 1), []);
}

#[test]
fn p34_reset_to_later_is_not_fired_by_the_old_deadline() {
    let mut desk = Desk::new(1);
    desk.start(1, 10 * MS);
    assert!(desk.reset(1, 500 * MS));
    assert_eq!(desk.fire(100 * MS), []);
    assert_eq!(desk.timers.shard(0).exact_earliest_ns(), 500 * MS);
    assert_eq!(desk.poll(1), Poll::Pending);
    assert_eq!(desk.fire(500 * MS), [1]);
    // Gone off: the reset says so, and the alarm can be started again.
    assert!(!desk.reset(1, 600 * MS));
    let alarm = desk.alarms.remove(&1).unwrap();
    assert!(!alarm.is_started());
}

#[test]
fn p35_the_latest_waker_is_woken() {
    let mut desk = Desk::new(1);
    desk.start(1, MS);
    for number in [5, 6, 9] {
        let waker = desk.waker(number);
        assert_eq!(desk.alarms.get_mut(&1).unwrap().as_mut().poll(&waker), Poll::Pending);
    }
    assert_eq!(desk.fire(MS), [9]);
}

#[test]
fn p37_an_earlier_timer_unparks_the_sleeper_once_and_a_later_one_does_not() {
    let mut desk = Desk::new(2);
    desk.start(1, 50 * MS);
    assert_eq!(desk.unpark_count(), 0, "nobody sleeps");

    let until_ns = desk.timers.begin_park().unwrap();
    assert!((50 * MS..50 * MS + SPAN_NS).contains(&until_ns));
    desk.start(2, 60 * MS);
    assert_eq!(desk.unpark_count(), 0, "the sleeper wakes before");
    desk.start_in(1, 3, 40 * MS).unwrap();
    assert_eq!(desk.unpark_count(), 1, "filed in another shard");
    desk.start(4, 30 * MS);
    assert_eq!(desk.unpark_count(), 1, "it has been told already");
    desk.timers.end_park();
    desk.start(5, 20 * MS);
    assert_eq!(desk.unpark_count(), 1, "it is awake");

    assert!(desk.timers.begin_park().unwrap() < 21 * MS);
    desk.start(7, 20 * MS);
    assert_eq!(desk.unpark_count(), 1, "at the same moment");
    assert!(desk.reset(1, 5 * MS));
    assert_eq!(desk.unpark_count(), 2, "a timer put on an earlier moment");
    desk.timers.end_park();

    desk.alarms.clear();
    let mut ready = WakeList::new();
    assert_eq!(desk.timers.fire_all(60 * MS, &mut ready), 0);
    assert_eq!(desk.timers.begin_park(), None);
    desk.start(7, NEVER);
    assert_eq!(desk.unpark_count(), 2, "a timer that does not fire");
    desk.start(6, NEVER - 1);
    assert_eq!(desk.unpark_count(), 3, "who sleeps without an end is unparked by any deadline");
    desk.timers.end_park();
}

#[test]
fn cancelled_timers_do_not_make_the_sleeper_look_again() {
    let mut desk = Desk::new(1);
    assert_eq!(desk.timers.begin_park(), None);
    desk.start(0, 1000 * MS);
    desk.alarms.clear();
    desk.timers.end_park();
    // The deadline that was shown stays: else each of these would unpark.
    assert!(desk.timers.begin_park().is_some());
    for number in 1..1000 {
        desk.start(number, 1000 * MS + number as u64 * MS);
        desk.alarms.clear();
    }
    assert_eq!(desk.unpark_count(), 1);
    desk.timers.end_park();
    assert_eq!(desk.fire(2000 * MS), []);
    assert_eq!(desk.timers.begin_park(), None);
}

#[test]
fn more_timers_than_a_batch_fire_in_one_call() {
    let mut desk = Desk::new(1);
    for number in 0..1000 {
        desk.start(number, 5 * MS);
    }
    assert_eq!(desk.fire(5 * MS), (0..1000).collect::<Vec<_>>());
}

#[test]
fn shutdown_closes_what_waits_and_refuses_what_comes() {
    let mut desk = Desk::new(1);
    desk.start(1, MS);
    desk.start(2, NEVER);
    desk.start(3, 1 << 60);
    let mut ready = WakeList::new();
    desk.timers.shutdown(&mut ready);
    assert_eq!(ready.len(), 3);
    ready.wake_all();
    assert_eq!(desk.timers.count(), 0);
    assert_eq!(desk.poll(1), Poll::Ready(Err(Closed)));
    assert!(!desk.reset(2, MS));
    assert_eq!(desk.start_in(0, 4, MS), Err(Closed));
    assert!(!desk.alarms[&4].is_started());
}

#[test]
fn a_waker_that_uses_timers_when_cloned_dropped_or_woken_finds_no_lock_held() {
    struct Meddler {
        timers: Arc<Timers>,
        calls: AtomicUsize,
    }
    impl Meddler {
        fn meddle(&self) {
            self.calls.fetch_add(1, Ordering::Relaxed);
            let mut alarm = Box::pin(Alarm::new());
            let _ = alarm.as_mut().start(Arc::clone(self.timers.shard(0)), 3 * MS, Waker::noop());
            self.timers.fire_all(self.timers.now_ns(), &mut WakeList::new());
        }
    }
    impl Wake for Meddler {
        fn wake(self: std::sync::Arc<Self>) {
            self.meddle();
        }
    }
    impl Drop for Meddler {
        fn drop(&mut self) {
            self.meddle();
        }
    }
    let timers = Arc::new(Timers::new(std::sync::Arc::new(SystemClock), 1, || {}));
    let meddler = || {
        let meddler = Meddler { timers: Arc::clone(&timers), calls: AtomicUsize::new(0) };
        Waker::from(std::sync::Arc::new(meddler))
    };
    let mut alarm = Box::pin(Alarm::new());
    alarm.as_mut().start(Arc::clone(timers.shard(0)), MS, &meddler()).unwrap();
    // Drops the first waker.
    assert_eq!(alarm.as_mut().poll(&meddler()), Poll::Pending);
    let mut ready = WakeList::new();
    assert_eq!(timers.fire(0, MS, &mut ready), 1);
    ready.wake_all();
    assert_eq!(alarm.as_mut().poll(&meddler()), Poll::Ready(Ok(())));
    alarm.as_mut().start(Arc::clone(timers.shard(0)), 2 * MS, &meddler()).unwrap();
    alarm.as_mut().stop();
    alarm.as_mut().start(Arc::clone(timers.shard(0)), 2 * MS, &meddler()).unwrap();
    timers.shutdown(&mut ready);
    ready.wake_all();
    assert_eq!(alarm.as_mut().poll(&meddler()), Poll::Ready(Err(Closed)));
    assert_eq!(alarm.as_mut().start(Arc::clone(timers.shard(0)), 2 * MS, &meddler()), Err(Closed));
}

/// A clock that stands where it is put.
#[derive(Default)]
struct HandClock {
    start: std::sync::OnceLock<Instant>,
    at_ns: crate::primitive::atomic::AtomicU64,
}

impl Clock for HandClock {
    fn now(&self) -> Instant {
        let at_ns = self.at_ns.load(Ordering::Relaxed);
        *self.start.get_or_init(Instant::now) + Duration::from_nanos(at_ns)
    }
}

#[test]
fn paused_time_stands_still_moves_by_hand_and_runs_on_from_there() {
    let clock = std::sync::Arc::new(HandClock::default());
    let timers = Timers::new(clock.clone(), 1, || {});
    let start = timers.source().now();
    let put = |at_ns| clock.at_ns.store(at_ns, Ordering::Relaxed);
    put(10);
    assert_eq!(timers.now_ns(), 10);
    assert_eq!(timers.resume(), Err(WrongState));
    assert_eq!(timers.advance(Duration::ZERO, &mut WakeList::new()), Err(WrongState));
    assert!(!timers.source().is_paused());

    timers.pause().unwrap();
    assert_eq!(timers.pause(), Err(WrongState));
    put(1000);
    assert!(timers.source().is_paused());
    assert_eq!(timers.now_ns(), 10);
    timers.advance(Duration::from_nanos(5), &mut WakeList::new()).unwrap();
    assert_eq!(timers.now_ns(), 15);
    assert_eq!(timers.source().now(), start + Duration::from_nanos(15));

    timers.resume().unwrap();
    assert!(!timers.source().is_paused());
    assert_eq!(timers.now_ns(), 15);
    put(1007);
    assert_eq!(timers.now_ns(), 22);
    timers.pause().unwrap();
    timers.advance(Duration::from_nanos(5000), &mut WakeList::new()).unwrap();
    timers.resume().unwrap();
    assert_eq!(timers.now_ns(), 5022);
}

#[test]
fn p33_advancing_by_any_duration_leaves_room_for_deadlines() {
    let mut desk = Desk::new(1);
    desk.timers.pause().unwrap();
    for _ in 0..3 {
        desk.timers.advance(Duration::MAX, &mut WakeList::new()).unwrap();
    }
    let now_ns = desk.timers.now_ns();
    desk.start(1, now_ns + MS);
    let mut ready = WakeList::new();
    assert_eq!(desk.timers.advance_to_next(&mut ready), 1);
    assert_eq!(desk.timers.now_ns(), now_ns + MS);
}

#[test]
fn an_idle_paused_runtime_jumps_from_deadline_to_deadline() {
    let mut desk = Desk::new(2);
    let mut ready = WakeList::new();
    desk.start(1, 7_000 * MS + 1);
    assert!(desk.timers.earliest_of(0) > 7_000 * MS + 1, "those close to each other fire together");
    assert_eq!(desk.timers.advance_to_next(&mut ready), 0, "the time runs");
    desk.timers.pause().unwrap();
    let now_ns = desk.timers.now_ns();
    desk.start_in(1, 2, 3_000 * MS + 5).unwrap();
    assert_eq!(desk.timers.earliest_of(1), 3_000 * MS + 5, "paused time stops at exact moments");
    desk.start(3, 8_000 * MS);
    desk.start(4, 2_000 * MS);
    // Neither a dropped timer nor one put off is a place to stop.
    assert!(desk.reset(3, 9_000 * MS));
    desk.alarms.remove(&4);

    for (deadline_ns, number) in [(3_000 * MS + 5, 2), (7_000 * MS + 1, 1), (9_000 * MS, 3)] {
        assert_eq!(desk.timers.advance_to_next(&mut ready), 1);
        assert_eq!(desk.timers.now_ns(), deadline_ns);
        ready.wake_all();
        assert_eq!(desk.rung.try_iter().collect::<Vec<_>>(), [number]);
    }
    assert_eq!(desk.timers.advance_to_next(&mut ready), 0);
    assert!(now_ns < 2_000 * MS, "the test itself took no two seconds");
    assert_eq!(desk.unpark_count(), 0);
    desk.timers.resume().unwrap();
    assert_eq!(desk.unpark_count(), 1, "who sleeps without an end must look at deadlines again");
}

#[test]
fn p34_alarms_come_and_go_on_threads_while_others_fire() {
    let timers = Arc::new(Timers::new(std::sync::Arc::new(SystemClock), 2, || {}));
    let users: Vec<_> = (0..2)
        .map(|seed| {
            let timers = Arc::clone(&timers);
            std::thread::spawn(move || {
                let rand = Rand::new(seed);
                (0..20_000).for_each(|_| one_life(&timers, &rand));
            })
        })
        .collect();
    while users.iter().any(|user| !user.is_finished()) {
        timers.fire_all(timers.now_ns(), &mut WakeList::new());
    }
    users.into_iter().for_each(|user| user.join().unwrap());
    assert_eq!(timers.count(), 0);
}

/// Starts an alarm, polls it and puts it on other moments a few times, drops it.
fn one_life(timers: &Timers, rand: &Rand) {
    let soon = || timers.now_ns() + u64::from(rand.below(20_000));
    let mut deadline_ns = soon();
    let mut alarm = Box::pin(Alarm::new());
    let shard = timers.shard(rand.below(2) as usize);
    alarm.as_mut().start(Arc::clone(shard), deadline_ns, Waker::noop()).unwrap();
    for _ in 0..rand.below(6) {
        if rand.below(2) == 0 {
            deadline_ns = soon();
            if !alarm.as_mut().reset(deadline_ns) {
                break;
            }
        }
        if alarm.as_mut().poll(Waker::noop()).is_ready() {
            assert!(timers.now_ns() >= deadline_ns, "fired early");
            break;
        }
    }
}
