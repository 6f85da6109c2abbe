//! M7: an event against a waiting, a clearing and a leaving task; a stale event against a new source;
//! the shutdown against all of them; and the driver's sleep against an unpark.
//!
//! The kernel is played by an atomic counter of bytes: reading takes what is there, or "blocks". As
//! with an edge-triggered epoll, an event is reported once for each arrival, after the byte is there.

#![cfg(loom)]

use loom::future::block_on;
use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use loom::sync::{Arc, Mutex, Notify as LoomNotify};
use loom::thread;
use runtime_core::util::wake_list::WakeList;
use runtime_io::internals::{
    Begin, Direction, Initial, Notify, Readiness, Ready, Registry, Source, Ticket, UnparkWord, Wanted,
};
use std::future::poll_fn;
use std::process::Command;
use std::task::{Context, Poll};

/// Runs `model` in a process of its own, because a model that fails may abort, and checks that loom
/// found the fault.
fn must_fail(test: &str, model: impl Fn() + Send + Sync + 'static) {
    const CHILD: &str = "RUNTIME_LOOM_TWIN";
    if std::env::var_os(CHILD).is_some() {
        let mut builder = loom::model::Builder::new();
        // Where a fault needs three switches; the models themselves run with what the environment says.
        builder.preemption_bound = Some(3);
        builder.check(model);
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(!output.status.success(), "loom did not find the fault planted in {test}");
}

/// The bytes in the kernel's buffer.
#[derive(Default)]
struct Kernel(AtomicU32);

impl Kernel {
    fn arrive(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    /// How many bytes there were; zero is "would block".
    fn read(&self) -> u32 {
        let len = self.0.swap(0, Ordering::AcqRel);
        // The call takes time to return. Without this loom never looked at what happens between the
        // call and the clearing: `m7_twin_clear_without_tick` passed.
        thread::yield_now();
        len
    }
}

/// The driver's part for one arrival.
fn event(source: &Source) {
    let mut wakers = WakeList::new();
    source.set(Ready::READABLE, &mut wakers);
    wakers.wake_all();
}

/// How a reader waits.
#[derive(Clone, Copy)]
enum Wait {
    Slot,
    Queue,
}

fn poll_source(source: &Source, cx: &mut Context<'_>, wait: Wait, ticket: &mut Ticket) -> Poll<bool> {
    let result = match wait {
        Wait::Slot => source.poll_ready(cx, Direction::Read, Wanted::READ),
        Wait::Queue => source.poll_ready_queued(cx, ticket, Wanted::READ),
    };
    result.map(|result| result.is_ok())
}

/// Reads until `total` bytes have come: the loop of `Registered::poll_loop`.
fn read_all(source: &Source, kernel: &Kernel, total: u32, wait: Wait) {
    let mut ticket = Ticket::default();
    let mut read = 0;
    block_on(poll_fn(|cx| {
        loop {
            let result = match wait {
                Wait::Slot => source.poll_ready(cx, Direction::Read, Wanted::READ),
                Wait::Queue => source.poll_ready_queued(cx, &mut ticket, Wanted::READ),
            };
            let Poll::Ready(seen) = result else { return Poll::Pending };
            match kernel.read() {
                0 => source.clear(seen.unwrap(), Wanted::READ),
                len => read += len,
            }
            if read == total {
                return Poll::Ready(());
            }
        }
    }));
    source.leave(&mut ticket);
}

fn arrivals_against_a_reader(wait: Wait, initial: Initial) {
    loom::model(move || {
        let source = Arc::new(Source::new(0, initial));
        let kernel = Arc::new(Kernel::default());
        let driver = {
            let (source, kernel) = (Arc::clone(&source), Arc::clone(&kernel));
            thread::spawn(move || {
                for _ in 0..2 {
                    kernel.arrive();
                    event(&source);
                }
            })
        };
        read_all(&source, &kernel, 2, wait);
        driver.join().unwrap();
    });
}

#[test]
fn m7_no_arrival_is_lost_for_a_reader_in_the_slot() {
    arrivals_against_a_reader(Wait::Slot, Initial::Unknown);
}

#[test]
fn m7_no_arrival_is_lost_for_a_reader_in_the_queue() {
    arrivals_against_a_reader(Wait::Queue, Initial::Unknown);
}

#[test]
fn m7_no_arrival_is_lost_for_an_untried_source() {
    arrivals_against_a_reader(Wait::Slot, Initial::Untried);
}

fn wait_once(source: &Source, wait: Wait) -> bool {
    let mut ticket = Ticket::default();
    let is_ok = block_on(poll_fn(|cx| poll_source(source, cx, wait, &mut ticket)));
    source.leave(&mut ticket);
    is_ok
}

fn two_readers(mine: Wait, other: Wait) {
    loom::model(move || {
        let source = Arc::new(Source::new(0, Initial::Unknown));
        let other = {
            let source = Arc::clone(&source);
            thread::spawn(move || wait_once(&source, other))
        };
        let driver = {
            let source = Arc::clone(&source);
            thread::spawn(move || event(&source))
        };
        assert!(wait_once(&source, mine));
        driver.join().unwrap();
        assert!(other.join().unwrap());
    });
}

#[test]
fn m7_two_readers_in_one_slot_are_both_woken() {
    two_readers(Wait::Slot, Wait::Slot);
}

#[test]
fn m7_readers_in_slot_and_queue_are_both_woken() {
    two_readers(Wait::Slot, Wait::Queue);
}

#[test]
fn m7_a_future_that_leaves_takes_nobodys_wake() {
    loom::model(|| {
        let source = Arc::new(Source::new(0, Initial::Unknown));
        let driver = {
            let source = Arc::clone(&source);
            thread::spawn(move || event(&source))
        };
        let leaver = {
            let source = Arc::clone(&source);
            thread::spawn(move || {
                let mut ticket = Ticket::default();
                let mut cx = Context::from_waker(std::task::Waker::noop());
                let _ = source.poll_ready_queued(&mut cx, &mut ticket, Wanted::READ);
                source.leave(&mut ticket);
            })
        };
        assert!(wait_once(&source, Wait::Queue));
        driver.join().unwrap();
        leaver.join().unwrap();
    });
}

#[test]
fn m7_a_shutdown_ends_every_wait_with_an_error() {
    for wait in [Wait::Slot, Wait::Queue] {
        loom::model(move || {
            let source = Arc::new(Source::new(0, Initial::Unknown));
            let driver = {
                let source = Arc::clone(&source);
                thread::spawn(move || {
                    let mut wakers = WakeList::new();
                    source.shut_down(&mut wakers);
                    wakers.wake_all();
                })
            };
            assert!(!wait_once(&source, wait));
            driver.join().unwrap();
        });
    }
}

/// An event, taken from the kernel before its source was dropped, against the source's drop and the
/// next one in its place.
fn stale_event(dispatch: fn(&Registry, u64, &mut WakeList)) {
    let registry = Arc::new(Mutex::new(Registry::default()));
    let old = registry.lock().unwrap().insert(Initial::Unknown).key();
    let driver = {
        let registry = Arc::clone(&registry);
        thread::spawn(move || {
            let mut wakers = WakeList::new();
            dispatch(&registry.lock().unwrap(), old, &mut wakers);
            wakers.wake_all();
        })
    };
    let removed = registry.lock().unwrap().remove(old);
    assert!(removed.is_some());
    let new = registry.lock().unwrap().insert(Initial::Unknown);
    driver.join().unwrap();
    assert_eq!(new.key() as u32, old as u32, "the model is about a place that is used again");
    assert!(new.look().unwrap().ready().is_empty());
}

#[test]
fn m7_a_stale_event_never_reaches_the_next_owner_of_the_place() {
    loom::model(|| {
        stale_event(|registry, key, wakers| {
            if let Some(source) = registry.get(key) {
                source.set(Ready::READABLE, wakers);
            }
        });
    });
}

#[test]
fn m7_twin_keys_without_generation() {
    must_fail("m7_twin_keys_without_generation", || {
        stale_event(|registry, key, wakers| {
            // The fault: the place alone is looked at.
            if let Some(source) = registry.iter().find(|source| source.key() as u32 == key as u32) {
                source.set(Ready::READABLE, wakers);
            }
        });
    });
}

/// Which step is left out or out of order.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    NoSecondLook,
    WakersBeforeReadiness,
    ClearWithoutTick,
}

/// `Source` in its steps: the word, and one waker under a lock.
struct Parts {
    readiness: Readiness,
    waker: Mutex<Option<std::task::Waker>>,
}

impl Parts {
    fn event(&self, fault: Fault) {
        if fault != Fault::WakersBeforeReadiness {
            self.readiness.set(Ready::READABLE);
        }
        let waker = self.waker.lock().unwrap().take();
        if fault == Fault::WakersBeforeReadiness {
            self.readiness.set(Ready::READABLE);
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn poll_read(&self, cx: &mut Context<'_>, kernel: &Kernel, fault: Fault) -> Poll<u32> {
        loop {
            let mut seen = self.readiness.load();
            if !seen.answers(Wanted::READ) {
                *self.waker.lock().unwrap() = Some(cx.waker().clone());
                if fault == Fault::NoSecondLook {
                    return Poll::Pending;
                }
                seen = self.readiness.load();
                if !seen.answers(Wanted::READ) {
                    return Poll::Pending;
                }
            }
            match kernel.read() {
                0 if fault == Fault::ClearWithoutTick => {
                    self.readiness.clear(self.readiness.load(), Wanted::READ);
                }
                0 => self.readiness.clear(seen, Wanted::READ),
                len => return Poll::Ready(len),
            }
        }
    }
}

fn parts_against_two_arrivals(fault: Fault) {
    let parts = Arc::new(Parts { readiness: Readiness::new(Initial::Unknown), waker: Mutex::new(None) });
    let kernel = Arc::new(Kernel::default());
    let driver = {
        let (parts, kernel) = (Arc::clone(&parts), Arc::clone(&kernel));
        thread::spawn(move || {
            for _ in 0..2 {
                kernel.arrive();
                parts.event(fault);
            }
        })
    };
    let mut read = 0;
    while read < 2 {
        read += block_on(poll_fn(|cx| parts.poll_read(cx, &kernel, fault)));
    }
    driver.join().unwrap();
}

#[test]
fn m7_the_steps_in_order_lose_nothing() {
    loom::model(|| parts_against_two_arrivals(Fault::None));
}

#[test]
fn m7_twin_no_second_look() {
    must_fail("m7_twin_no_second_look", || parts_against_two_arrivals(Fault::NoSecondLook));
}

#[test]
fn m7_twin_wakers_before_readiness() {
    must_fail("m7_twin_wakers_before_readiness", || {
        parts_against_two_arrivals(Fault::WakersBeforeReadiness);
    });
}

#[test]
fn m7_twin_clear_without_tick() {
    must_fail("m7_twin_clear_without_tick", || parts_against_two_arrivals(Fault::ClearWithoutTick));
}

/// The driver sleeps on `eventfd`; what it is told stands in `news`. It must see the news, and nobody
/// kicks a driver that is awake.
fn unpark_against_park(notice_is_seen: bool) {
    let word = Arc::new(UnparkWord::new());
    let eventfd = Arc::new(LoomNotify::new());
    let news = Arc::new(AtomicBool::new(false));
    let caller = {
        let (word, eventfd, news) = (Arc::clone(&word), Arc::clone(&eventfd), Arc::clone(&news));
        thread::spawn(move || {
            news.store(true, Ordering::Relaxed);
            if word.notify() == Notify::Kick {
                eventfd.notify();
            }
        })
    };
    while !news.load(Ordering::Relaxed) {
        if word.begin() == Begin::Sleep || !notice_is_seen {
            eventfd.wait();
        }
        word.end();
    }
    caller.join().unwrap();
}

#[test]
fn m7_an_unpark_is_never_slept_through() {
    loom::model(|| unpark_against_park(true));
}

#[test]
fn m7_twin_sleep_in_spite_of_a_notice() {
    must_fail("m7_twin_sleep_in_spite_of_a_notice", || unpark_against_park(false));
}

#[test]
fn m7_two_unparks_kick_once() {
    loom::model(|| {
        let word = Arc::new(UnparkWord::new());
        assert_eq!(word.begin(), Begin::Sleep);
        let other = {
            let word = Arc::clone(&word);
            thread::spawn(move || word.notify() == Notify::Kick)
        };
        let mine = word.notify() == Notify::Kick;
        assert!(mine ^ other.join().unwrap());
        word.end();
        assert_eq!(word.notify(), Notify::Nothing);
    });
}
