//! The futures on a runtime that is driven by hand, with the time paused.

use crate::coop;
use crate::time::error::Elapsed;
use crate::time::hand_driven::{run, run_unpaused, shut_timers_down, spawn, timer_count};
use crate::time::{
    Instant, Interval, MissedTickBehavior, Sleep, Timeout, advance, interval, interval_at, pause, resume,
    sleep, sleep_until, timeout, timeout_at,
};
use std::cell::RefCell;
use std::future::{Future, pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Each power of two in milliseconds, one less and one more; and what is beyond them.
fn durations() -> impl Iterator<Item = Duration> {
    let around = |bits: u32| {
        let power = 1_u128 << bits;
        [power - 1, power, power + 1].map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX)))
    };
    let beyond = [Duration::from_secs(u64::MAX - 1), Duration::MAX - Duration::from_nanos(1), Duration::MAX];
    (0..=64).flat_map(around).chain(beyond)
}

/// Polls once, with the waker of the task that runs.
async fn poll_once<F: Future + ?Sized>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

fn assert_send_sync<T: Send + Sync>(_: &T) {}

#[test]
fn the_futures_may_move_between_threads() {
    assert_send_sync(&sleep(ms(1)));
    assert_send_sync(&timeout(ms(1), ready(1)));
    assert_send_sync(&interval(ms(1)));
    fn assert_unpin<T: Unpin>() {}
    assert_unpin::<Interval>();
}

#[test]
fn p32_sleep_ends_at_its_deadline_to_the_nanosecond() {
    run(async {
        for duration in [ms(1), ms(7), ms(100_000), Duration::from_nanos(1), Duration::from_nanos(131_073)] {
            let start = Instant::now();
            sleep(duration).await;
            assert_eq!(start.elapsed(), duration);
            sleep_until(start + duration * 2).await;
            assert_eq!(start.elapsed(), duration * 2);
        }
    });
}

#[test]
fn a_sleep_that_is_due_lets_others_run_once_and_files_no_timer() {
    for duration in [Duration::ZERO, ms(5)] {
        let ran = Rc::new(RefCell::new(false));
        let seen = Rc::clone(&ran);
        let poll_count = run(async move {
            spawn(async move { *seen.borrow_mut() = true });
            sleep_until(Instant::now() - duration).await;
            assert!(*ran.borrow());
            let mut due = pin!(sleep(Duration::ZERO));
            assert!(poll_once(due.as_mut()).await.is_pending());
            assert_eq!(timer_count(), 0);
            due.as_mut().await;
            assert!(due.is_elapsed());
            // Ready once and for all.
            due.as_mut().await;
            sleep(Duration::ZERO).await;
        });
        assert_eq!(poll_count, 3);
    }
}

#[test]
fn a_sleep_files_its_timer_when_it_must_wait_and_not_before() {
    run(async {
        let mut nap = Box::pin(sleep(ms(5)));
        assert_eq!(timer_count(), 0);
        assert!(poll_once(nap.as_mut()).await.is_pending());
        assert_eq!(timer_count(), 1);
        drop(nap);
        assert_eq!(timer_count(), 0);
        assert_eq!(timeout(ms(5), ready(1)).await, Ok(1));
        let mut late = pin!(timeout(ms(5), pending::<()>()));
        assert!(poll_once(late.as_mut()).await.is_pending());
        assert_eq!(timer_count(), 1);
        assert_eq!(late.await, Err(Elapsed::new()));
        assert_eq!(timer_count(), 0);
    });
}

#[test]
fn p33_any_duration_is_accepted_by_sleep_and_reset() {
    run(async {
        let start = Instant::now();
        let mut moved = pin!(sleep(ms(1)));
        for duration in durations() {
            let mut nap = pin!(sleep(duration));
            assert_eq!(nap.deadline(), start + duration);
            assert!(poll_once(nap.as_mut()).await.is_pending(), "{duration:?}");
            moved.as_mut().reset(start + duration);
            assert!(poll_once(moved.as_mut()).await.is_pending(), "{duration:?}");
        }
        for duration in durations() {
            moved.as_mut().reset(start + duration);
        }
        moved.as_mut().reset(start + ms(3));
        moved.await;
        assert_eq!(start.elapsed(), ms(3));
    });
}

#[test]
fn p33_any_duration_is_accepted_by_timeout_and_interval() {
    run(async {
        for duration in durations().filter(|duration| !duration.is_zero()) {
            assert_eq!(timeout(duration, ready(1)).await, Ok(1));
            assert_eq!(timeout_at(Instant::now() + duration, ready(1)).await, Ok(1));
            let start = Instant::now();
            assert!(poll_once(pin!(timeout(duration, pending::<()>()))).await.is_pending(), "{duration:?}");
            for behavior in [MissedTickBehavior::Burst, MissedTickBehavior::Delay, MissedTickBehavior::Skip] {
                let mut ticks = interval(duration);
                ticks.set_missed_tick_behavior(behavior);
                assert_eq!(ticks.tick().await, start);
                assert!(poll_once(pin!(ticks.tick())).await.is_pending(), "{duration:?}");
                ticks.reset();
                ticks.reset_after(duration);
                assert!(poll_once(pin!(ticks.tick())).await.is_pending(), "{duration:?}");
                ticks.reset_immediately();
                assert_eq!(ticks.tick().await, start);
            }
        }
    });
}

#[test]
fn p33_a_sleep_ends_after_its_duration_however_long_and_not_before() {
    // 2^43 ms are 278 years: beyond 584 years the end does not come.
    for duration in durations().take_while(|duration| duration.as_millis() <= 1 << 43) {
        run(async move {
            let start = Instant::now();
            sleep(duration).await;
            assert_eq!(start.elapsed(), duration);
        });
    }
    run(async {
        let mut for_ever = pin!(sleep(Duration::MAX));
        assert!(poll_once(for_ever.as_mut()).await.is_pending());
        advance(Duration::MAX).await;
        advance(Duration::MAX).await;
        assert!(poll_once(for_ever.as_mut()).await.is_pending());
        sleep(ms(1)).await;
        assert!(!for_ever.is_elapsed());
    });
}

#[test]
fn p33_instants_saturate() {
    let now = Instant::now();
    for duration in durations() {
        assert!(now + duration >= now);
        assert!(now - duration <= now);
        assert!(now.checked_add(duration).is_none_or(|sum| sum - now == duration));
    }
    assert_eq!(now + Duration::MAX + Duration::MAX, now + Duration::MAX);
    assert_eq!(now + ms(5) - now, ms(5));
    assert_eq!(now - (now + ms(5)), Duration::ZERO);
    assert_eq!(now.checked_duration_since(now + ms(5)), None);
    assert_eq!(Instant::from_std(now.into_std()), now);
    let mut moved = now;
    moved += ms(9);
    moved -= ms(4);
    assert_eq!(moved.duration_since(now), ms(5));
}

#[test]
fn p35_a_sleep_moved_to_another_task_wakes_that_one() {
    run(async {
        let start = Instant::now();
        let mut nap: Pin<Box<Sleep>> = Box::pin(sleep(ms(10)));
        assert!(poll_once(nap.as_mut()).await.is_pending());
        let done = Rc::new(RefCell::new(None));
        let other = Rc::clone(&done);
        spawn(async move {
            nap.await;
            *other.borrow_mut() = Some(Instant::now());
        });
        sleep(ms(20)).await;
        assert_eq!(*done.borrow(), Some(start + ms(10)));
    });
}

#[test]
fn reset_moves_the_deadline_of_a_sleep_that_waits_either_way() {
    run(async {
        let start = Instant::now();
        let done = Rc::new(RefCell::new(None));
        for (reset_to, expected) in [(ms(50), 50), (ms(15), 15), (ms(1), 10)] {
            let start = Instant::now();
            let nap = Rc::new(RefCell::new(Box::pin(sleep(ms(30)))));
            let (polled, ended) = (Rc::clone(&nap), Rc::clone(&done));
            spawn(async move {
                poll_fn(|cx| polled.borrow_mut().as_mut().poll(cx)).await;
                *ended.borrow_mut() = Some(Instant::now());
            });
            sleep(ms(10)).await;
            nap.borrow_mut().as_mut().reset(start + reset_to);
            assert_eq!(nap.borrow().deadline(), start + reset_to);
            sleep(ms(100)).await;
            assert_eq!(done.borrow_mut().take(), Some(start + ms(expected)));
        }
        assert_eq!(start.elapsed(), ms(330));
    });
}

#[test]
fn reset_makes_a_sleep_that_has_ended_wait_again() {
    run(async {
        let start = Instant::now();
        let mut nap = pin!(sleep(ms(10)));
        nap.as_mut().await;
        nap.as_mut().reset(start + ms(25));
        assert!(!nap.is_elapsed());
        nap.as_mut().await;
        assert_eq!(start.elapsed(), ms(25));
        // Reset between the moment at which it fires and the poll that would have seen it.
        nap.as_mut().reset(start + ms(30));
        assert!(poll_once(nap.as_mut()).await.is_pending());
        advance(ms(10)).await;
        nap.as_mut().reset(start + ms(60));
        assert!(poll_once(nap.as_mut()).await.is_pending());
        nap.as_mut().await;
        assert_eq!(start.elapsed(), ms(60));
    });
}

#[test]
fn timeout_polls_the_future_first_and_gives_it_back() {
    run(async {
        assert_eq!(timeout(Duration::ZERO, ready(1)).await, Ok(1));
        let mut none = pin!(timeout(Duration::ZERO, pending::<()>()));
        assert_eq!(poll_once(none.as_mut()).await, Poll::Ready(Err(Elapsed::new())));
        let start = Instant::now();
        let slow = timeout(ms(10), async {
            sleep(ms(20)).await;
        });
        assert!(slow.await.is_err());
        assert_eq!(start.elapsed(), ms(10));
        let mut kept: Timeout<_> = timeout(ms(10), ready(7));
        assert_eq!(format!("{:?}", kept.get_ref()), format!("{:?}", kept.get_mut()));
        assert_eq!(kept.into_inner().await, 7);
    });
    let error = std::io::Error::from(Elapsed::new());
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert_eq!(error.to_string(), "deadline has elapsed");
}

#[test]
fn timeout_ends_a_future_that_uses_up_its_budget_in_every_poll() {
    run(async {
        let start = Instant::now();
        let greedy = poll_fn(|cx| -> Poll<()> {
            while let Poll::Ready(unit) = coop::poll_proceed(cx) {
                unit.made_progress();
            }
            Poll::Pending
        });
        let mut late = pin!(timeout(ms(10), greedy));
        assert!(poll_once(late.as_mut()).await.is_pending());
        advance(ms(10)).await;
        assert!(late.await.is_err());
        assert_eq!(start.elapsed(), ms(10));
    });
}

#[test]
fn ticks_that_are_due_are_taken_without_waiting_while_the_budget_lasts() {
    run_unpaused(async {
        let start = Instant::now() - Duration::from_secs(1);
        let mut ticks = interval_at(start, ms(1));
        for tick in 0..u32::from(coop::BUDGET_MAX) {
            let poll = poll_fn(|cx| Poll::Ready(ticks.poll_tick(cx))).await;
            assert_eq!(poll, Poll::Ready(start + ms(1) * tick));
        }
        assert!(poll_once(pin!(ticks.tick())).await.is_pending());
        assert_eq!(timer_count(), 0);
    });
}

#[test]
fn a_sleep_that_has_ended_uses_up_the_budget() {
    run(async {
        let mut nap = pin!(sleep(ms(1)));
        let mut ready_count = 0;
        nap.as_mut().await;
        while poll_once(nap.as_mut()).await.is_ready() {
            ready_count += 1;
        }
        assert_eq!(ready_count, coop::BUDGET_MAX - 1);
    });
}

#[test]
fn a_timeout_that_passes_before_its_first_poll_has_elapsed() {
    run(async {
        let mut late = pin!(timeout(ms(10), pending::<()>()));
        advance(ms(20)).await;
        assert_eq!(poll_once(late.as_mut()).await, Poll::Ready(Err(Elapsed::new())));
    });
}

#[test]
fn a_future_that_is_always_due_uses_up_the_budget() {
    run(async {
        let mut ticks = interval(Duration::from_nanos(1));
        advance(Duration::from_secs(1)).await;
        let mut tick_count = 0;
        while poll_fn(|cx| Poll::Ready(ticks.poll_tick(cx).is_ready())).await {
            tick_count += 1;
        }
        assert!(tick_count > 0 && tick_count <= usize::from(coop::BUDGET_MAX), "{tick_count}");
    });
}

/// The moments at which four ticks are taken, of which the first is worked on for 250 ms, and for which they
/// were due, in ms.
async fn late_ticks(behavior: MissedTickBehavior) -> Vec<(u128, u128)> {
    let start = Instant::now();
    let mut ticks = interval_at(start + ms(100), ms(100));
    ticks.set_missed_tick_behavior(behavior);
    assert_eq!((ticks.missed_tick_behavior(), ticks.period()), (behavior, ms(100)));
    let mut taken = vec![];
    for work_ms in [250, 0, 0, 0] {
        let due = ticks.tick().await;
        taken.push(((due - start).as_millis(), start.elapsed().as_millis()));
        advance(ms(work_ms)).await;
    }
    taken
}

#[test]
fn an_interval_that_missed_ticks_behaves_as_told() {
    run(async {
        let expected = [(100, 100), (200, 350), (300, 350), (400, 400)];
        assert_eq!(late_ticks(MissedTickBehavior::Burst).await, expected);
        let expected = [(100, 100), (200, 350), (450, 450), (550, 550)];
        assert_eq!(late_ticks(MissedTickBehavior::Delay).await, expected);
        let expected = [(100, 100), (200, 350), (400, 400), (500, 500)];
        assert_eq!(late_ticks(MissedTickBehavior::Skip).await, expected);
        assert_eq!(MissedTickBehavior::default(), MissedTickBehavior::Burst);
    });
}

#[test]
fn a_little_lateness_is_no_missed_tick() {
    run(async {
        for behavior in [MissedTickBehavior::Delay, MissedTickBehavior::Skip] {
            let start = Instant::now();
            let mut ticks = interval(ms(100));
            ticks.set_missed_tick_behavior(behavior);
            ticks.tick().await;
            advance(ms(105)).await;
            ticks.tick().await;
            assert_eq!(ticks.tick().await, start + ms(200));
            // Also where it is several periods: the ticks between come at once.
            let start = Instant::now();
            let mut ticks = interval(ms(1));
            ticks.set_missed_tick_behavior(behavior);
            ticks.tick().await;
            advance(ms(6)).await;
            for tick in 1..=6 {
                assert_eq!(ticks.tick().await, start + ms(tick));
                assert_eq!(start.elapsed(), ms(6));
            }
            // And more than it was missed, be it by a nanosecond.
            advance(ms(6) + Duration::from_nanos(1)).await;
            assert_eq!(ticks.tick().await, start + ms(7));
            let next = match behavior {
                MissedTickBehavior::Skip => ms(13),
                _ => ms(13) + Duration::from_nanos(1),
            };
            assert_eq!(ticks.tick().await, start + next);
        }
    });
}

#[test]
fn a_tick_that_was_not_taken_is_not_lost_and_reset_starts_anew() {
    run(async {
        let start = Instant::now();
        let mut ticks = interval(ms(100));
        assert_eq!(ticks.tick().await, start);
        assert!(timeout(ms(50), ticks.tick()).await.is_err());
        assert_eq!(ticks.tick().await, start + ms(100));
        advance(ms(30)).await;
        ticks.reset();
        assert_eq!(ticks.tick().await, start + ms(230));
        ticks.reset_at(start + ms(250));
        assert_eq!(ticks.tick().await, start + ms(250));
        ticks.reset_after(ms(7));
        assert_eq!(ticks.tick().await, start + ms(257));
        ticks.reset_immediately();
        assert_eq!(ticks.tick().await, start + ms(257));
        assert_eq!(ticks.tick().await, start + ms(357));
    });
}

#[test]
fn advance_wakes_what_is_due_in_order_before_it_returns() {
    run(async {
        let start = Instant::now();
        let log = Rc::new(RefCell::new(vec![]));
        for after in [7, 5, 9, 20, 5] {
            let log = Rc::clone(&log);
            spawn(async move {
                sleep(ms(after)).await;
                log.borrow_mut().push((after, Instant::now() - start));
            });
        }
        advance(Duration::ZERO).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert!(log.borrow().is_empty());
        advance(ms(10)).await;
        let at = ms(10);
        assert_eq!(*log.borrow(), [(5, at), (5, at), (7, at), (9, at)]);
        resume();
        assert!(start.elapsed() >= ms(10));
        pause();
        let paused = Instant::now();
        assert_eq!(Instant::now(), paused);
    });
}

#[test]
fn calls_in_the_wrong_state_say_what_to_do() {
    fn message_of(call: impl FnOnce() + std::panic::UnwindSafe) -> String {
        let panic = std::panic::catch_unwind(call).unwrap_err();
        match panic.downcast::<String>() {
            Ok(message) => *message,
            Err(panic) => panic.downcast::<&str>().unwrap().to_string(),
        }
    }
    fn wait() {
        let _ = pin!(sleep(ms(1))).poll(&mut Context::from_waker(Waker::noop()));
    }
    assert!(message_of(pause).contains("runtime::run"));
    assert!(message_of(wait).contains("runtime::run"));
    assert!(message_of(|| drop(interval(Duration::ZERO))).contains("non-zero"));
    run(async {
        assert!(message_of(pause).contains("paused already"));
        resume();
        assert!(message_of(resume).contains("time::pause()"));
        pause();
        let mut nap = pin!(sleep(ms(1)));
        assert!(poll_once(nap.as_mut()).await.is_pending());
        shut_timers_down();
        assert!(message_of(wait).contains("shut down"));
        let poll = std::panic::AssertUnwindSafe(|| {
            let _ = nap.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        });
        assert!(message_of(poll).contains("shut down"));
    });
}
