//! Who is woken, and that foreign code never runs under the lock.

use crate::io::Ready;
use crate::readiness::{Initial, Wanted};
use crate::source::{Direction, Source, Ticket};
use runtime_core::util::wake_list::WakeList;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};

#[derive(Default)]
struct Count(AtomicU32);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn counter() -> (Arc<Count>, Waker) {
    let count = Arc::new(Count::default());
    (Arc::clone(&count), Waker::from(count))
}

fn poll(source: &Source, waker: &Waker, direction: Direction) -> Poll<()> {
    let mut cx = Context::from_waker(waker);
    source.poll_ready(&mut cx, direction, direction.wanted()).map(|result| assert!(result.is_ok()))
}

fn set(source: &Source, ready: Ready) {
    let mut wakers = WakeList::new();
    source.set(ready, &mut wakers);
    wakers.wake_all();
}

#[test]
fn p27_wakers_pushed_out_of_a_slot_are_woken_too() {
    let source = Source::new(0, Initial::Unknown);
    let all: Vec<_> = (0..5).map(|_| counter()).collect();
    for (_, waker) in &all {
        assert!(poll(&source, waker, Direction::Read).is_pending());
    }
    let (writer_count, writer) = counter();
    assert!(poll(&source, &writer, Direction::Write).is_pending());
    set(&source, Ready::READABLE);
    assert!(all.iter().all(|(count, _)| count.0.load(Ordering::Relaxed) == 1));
    assert_eq!(writer_count.0.load(Ordering::Relaxed), 0);
    set(&source, Ready::READABLE | Ready::WRITABLE);
    assert!(all.iter().all(|(count, _)| count.0.load(Ordering::Relaxed) == 1), "woken once for one wait");
    assert_eq!(writer_count.0.load(Ordering::Relaxed), 1);
}

#[test]
fn a_task_with_a_new_waker_at_every_poll_piles_up_nothing() {
    let source = Source::new(0, Initial::Unknown);
    let counts: Vec<_> = (0..1000)
        .map(|_| {
            let (count, waker) = counter();
            assert!(poll(&source, &waker, Direction::Read).is_pending());
            count
        })
        .collect();
    let kept = counts.iter().filter(|count| Arc::strong_count(count) > 1).count();
    assert!((1..=16).contains(&kept), "{kept} wakers are kept");
    set(&source, Ready::READABLE);
    assert_eq!(counts.last().unwrap().0.load(Ordering::Relaxed), 1, "the newest is woken");
}

#[test]
fn a_stale_clear_keeps_the_new_event() {
    let source = Source::new(0, Initial::Unknown);
    set(&source, Ready::READABLE);
    let seen = source.look().unwrap();
    set(&source, Ready::READABLE);
    source.clear(seen, Wanted::READ);
    assert!(source.look().unwrap().answers(Wanted::READ));
    source.clear(source.look().unwrap(), Wanted::READ);
    assert!(!source.look().unwrap().answers(Wanted::READ));
}

#[test]
fn what_has_ended_stays_ended() {
    let source = Source::new(0, Initial::Unknown);
    set(&source, Ready::READABLE | Ready::READ_CLOSED);
    let seen = source.look().unwrap();
    assert!(!seen.is_plain());
    source.clear(seen, Wanted::READ);
    assert_eq!(source.look().unwrap().ready(), Ready::READ_CLOSED);
}

#[test]
fn a_left_place_in_the_queue_is_not_woken() {
    let source = Source::new(0, Initial::Unknown);
    let (count, waker) = counter();
    let (mut one, mut other) = (Ticket::default(), Ticket::default());
    let mut cx = Context::from_waker(&waker);
    assert!(source.poll_ready_queued(&mut cx, &mut one, Wanted::READ).is_pending());
    assert!(source.poll_ready_queued(&mut cx, &mut other, Wanted::READ).is_pending());
    source.leave(&mut one);
    set(&source, Ready::READABLE);
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    source.leave(&mut other);
    assert_eq!(Arc::strong_count(&count), 2, "the source keeps no waker");
}

thread_local! {
    static SOURCE: Source = Source::new(0, Initial::Unknown);
}

/// A waker whose clone and drop use the source that it waits for: under its lock they would hang.
static REENTRANT: RawWakerVTable = RawWakerVTable::new(
    |data| {
        touch();
        RawWaker::new(data, &REENTRANT)
    },
    |_| touch(),
    |_| touch(),
    |_| touch(),
);

fn touch() {
    SOURCE.with(|source| {
        let mut ticket = Ticket::default();
        let mut cx = Context::from_waker(Waker::noop());
        let _ = source.poll_ready_queued(&mut cx, &mut ticket, Wanted::WRITE);
        source.leave(&mut ticket);
    });
}

#[test]
fn p11_wakers_may_use_the_source_they_wait_for() {
    super::in_time(async { use_reentrant_wakers() });
}

fn use_reentrant_wakers() {
    // SAFETY: the functions of the table ignore the data.
    let waker = |id| unsafe { Waker::new(std::ptr::without_provenance(id), &REENTRANT) };
    SOURCE.with(|source| {
        let mut ticket = Ticket::default();
        // More than a source keeps, so that some are dropped on the way.
        for id in 0..20 {
            let waker = waker(id);
            let mut cx = Context::from_waker(&waker);
            assert!(poll(source, &waker, Direction::Read).is_pending());
            assert!(source.poll_ready_queued(&mut cx, &mut ticket, Wanted::READ).is_pending());
        }
        let (_, other) = counter();
        assert!(poll(source, &other, Direction::Read).is_pending());
        set(source, Ready::READABLE);
        source.leave(&mut ticket);
        let mut wakers = WakeList::new();
        source.shut_down(&mut wakers);
    });
}
