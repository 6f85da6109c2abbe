//! Intervals in paused time, on both flavours: every tick is compared to the nanosecond.

use futures::future::poll_immediate;
use runtime::time::{
    Instant, Interval, MissedTickBehavior, advance, interval, interval_at, sleep, sleep_until, timeout,
};
use runtime::{Builder, Runtime, pin, select};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
const NANO: Duration = Duration::from_nanos(1);
const BEHAVIORS: [MissedTickBehavior; 3] =
    [MissedTickBehavior::Burst, MissedTickBehavior::Delay, MissedTickBehavior::Skip];

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn flavours() -> [Runtime; 2] {
    let multi_thread = Builder::new_multi_thread().worker_threads(2).start_paused(true).build().unwrap();
    let current_thread = Builder::new_current_thread().start_paused(true).build().unwrap();
    [multi_thread, current_thread]
}

fn interval_with(behavior: MissedTickBehavior, start: Instant, period: Duration) -> Interval {
    let mut ticks = interval_at(start, period);
    ticks.set_missed_tick_behavior(behavior);
    ticks
}

/// The tick that is there without waiting.
async fn tick_now(ticks: &mut Interval) -> Option<Instant> {
    match poll_fn(|cx| Poll::Ready(ticks.poll_tick(cx))).await {
        Poll::Ready(due) => Some(due),
        Poll::Pending => None,
    }
}

/// Moves the time step by step. After each step the ticks that are there without waiting must be those that
/// stand beside it, in ms since the start.
async fn check_steps(behavior: MissedTickBehavior, steps: &[(u64, &[u64])]) {
    let start = Instant::now();
    let mut ticks = interval_with(behavior, start, ms(300));
    for (number, (step_ms, expected)) in steps.iter().enumerate() {
        advance(ms(*step_ms)).await;
        let mut taken = vec![];
        while let Some(due) = tick_now(&mut ticks).await {
            taken.push((due - start).as_millis() as u64);
        }
        assert_eq!(taken, *expected, "{behavior:?}, step {number}");
    }
}

/// The drawings in the docs of `MissedTickBehavior`, with 650 ms of work in the second period.
#[test]
fn missed_ticks_come_as_the_drawings_say() {
    for rt in flavours() {
        rt.block_on(async {
            let burst: &[(u64, &[u64])] = &[
                (0, &[0]),
                (100, &[]),
                (200, &[300]),
                (650, &[600, 900]),
                (200, &[]),
                (50, &[1200]),
                (300, &[1500]),
                (299, &[]),
                (1, &[1800]),
            ];
            check_steps(MissedTickBehavior::Burst, burst).await;
            let delay: &[(u64, &[u64])] = &[
                (0, &[0]),
                (300, &[300]),
                (650, &[600]),
                (299, &[]),
                (1, &[1250]),
                (300, &[1550]),
                (299, &[]),
                (1, &[1850]),
            ];
            check_steps(MissedTickBehavior::Delay, delay).await;
            let skip: &[(u64, &[u64])] = &[
                (0, &[0]),
                (300, &[300]),
                (650, &[600]),
                (249, &[]),
                (1, &[1200]),
                (300, &[1500]),
                (299, &[]),
                (1, &[1800]),
            ];
            check_steps(MissedTickBehavior::Skip, skip).await;
        });
    }
}

/// What the docs say, computed in the plainest way: for what moment each tick is due and when it is taken.
fn ticks_by_the_book(
    behavior: MissedTickBehavior,
    period: Duration,
    work: &[Duration],
) -> Vec<(Duration, Duration)> {
    let (mut now, mut due) = (Duration::ZERO, Duration::ZERO);
    let mut ticks = vec![];
    for work in work {
        now = now.max(due);
        ticks.push((due, now));
        let missed = now > due + ms(5);
        due = match behavior {
            MissedTickBehavior::Delay if missed => now + period,
            MissedTickBehavior::Skip if missed => {
                while due <= now {
                    due += period;
                }
                due
            }
            _ => due + period,
        };
        now += *work;
    }
    ticks
}

#[test]
fn all_behaviours_agree_with_the_book_whatever_the_work_takes() {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = move |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    for rt in flavours() {
        for behavior in BEHAVIORS {
            for period_us in [700, 5000, 5001, 20_000] {
                let period = Duration::from_micros(period_us);
                // From no work to several periods of it, and now and then exactly what is still punctual.
                let work: Vec<_> = (0..300)
                    .map(|_| match random(8) {
                        0 => Duration::ZERO,
                        1 => period + ms(5),
                        2 => period + ms(5) + NANO,
                        3 => period * random(4) as u32,
                        _ => Duration::from_micros(random(4 * period_us)),
                    })
                    .collect();
                let expected = ticks_by_the_book(behavior, period, &work);
                let taken = rt.block_on(async {
                    let start = Instant::now();
                    let mut ticks = interval_with(behavior, start, period);
                    let mut taken = vec![];
                    for work in &work {
                        let due = ticks.tick().await;
                        taken.push((due - start, start.elapsed()));
                        advance(*work).await;
                    }
                    taken
                });
                assert_eq!(taken, expected, "{behavior:?}, every {period:?}");
            }
        }
    }
}

#[test]
fn an_interval_that_starts_in_the_past_has_missed_ticks() {
    for rt in flavours() {
        rt.block_on(async {
            advance(ms(1000)).await;
            let start = Instant::now() - ms(250);
            let next = |millis: u64| start + ms(millis);
            for (behavior, expected) in [
                (MissedTickBehavior::Burst, [next(0), next(100), next(200), next(300)]),
                (MissedTickBehavior::Delay, [next(0), next(350), next(450), next(550)]),
                (MissedTickBehavior::Skip, [next(0), next(300), next(400), next(500)]),
            ] {
                let now = Instant::now();
                let shift = now - (start + ms(250));
                let mut ticks = interval_with(behavior, now - ms(250), ms(100));
                for due in expected {
                    assert_eq!(ticks.tick().await, due + shift, "{behavior:?}");
                }
            }
        });
    }
}

#[test]
fn the_behaviour_may_be_changed_between_ticks() {
    for rt in flavours() {
        rt.block_on(async {
            let start = Instant::now();
            let mut ticks = interval(ms(100));
            assert_eq!(ticks.missed_tick_behavior(), MissedTickBehavior::Burst);
            assert_eq!(ticks.period(), ms(100));
            assert_eq!(ticks.tick().await, start);
            advance(ms(320)).await;
            assert_eq!(tick_now(&mut ticks).await, Some(start + ms(100)));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            assert_eq!(ticks.missed_tick_behavior(), MissedTickBehavior::Skip);
            // The tick of 300 ms was missed: the one of 200 ms is taken at 320 ms.
            assert_eq!(tick_now(&mut ticks).await, Some(start + ms(200)));
            assert_eq!(tick_now(&mut ticks).await, None);
            assert_eq!(ticks.tick().await, start + ms(400));
        });
    }
}

#[test]
fn resets_forget_missed_ticks_and_count_anew() {
    /// An interval at 400 ms, of which the ticks of 0 and 100 ms were taken.
    async fn late(behavior: MissedTickBehavior) -> (Instant, Interval) {
        let start = Instant::now();
        let mut ticks = interval_with(behavior, start, ms(100));
        assert_eq!(ticks.tick().await, start);
        assert_eq!(ticks.tick().await, start + ms(100));
        advance(ms(300)).await;
        (start, ticks)
    }
    for rt in flavours() {
        rt.block_on(async {
            for behavior in BEHAVIORS {
                let expect = async |start: Instant, ticks: &mut Interval, expected: [u64; 3]| {
                    for expected in expected {
                        assert_eq!(ticks.tick().await, start + ms(expected), "{behavior:?}");
                        assert_eq!(Instant::now(), start + ms(expected), "{behavior:?}");
                    }
                };
                let (start, mut ticks) = late(behavior).await;
                ticks.reset();
                expect(start, &mut ticks, [500, 600, 700]).await;
                let (start, mut ticks) = late(behavior).await;
                ticks.reset_immediately();
                expect(start, &mut ticks, [400, 500, 600]).await;
                let (start, mut ticks) = late(behavior).await;
                ticks.reset_after(ms(20));
                expect(start, &mut ticks, [420, 520, 620]).await;
                let (start, mut ticks) = late(behavior).await;
                ticks.reset_after(Duration::ZERO);
                expect(start, &mut ticks, [400, 500, 600]).await;
                let (start, mut ticks) = late(behavior).await;
                // Longer than a period.
                ticks.reset_at(start + ms(1400));
                expect(start, &mut ticks, [1400, 1500, 1600]).await;
                // And before the first tick was taken, and several times.
                let start = Instant::now();
                let mut ticks = interval_with(behavior, start + ms(7), ms(100));
                ticks.reset_after(HOUR);
                assert_eq!(tick_now(&mut ticks).await, None);
                ticks.reset_after(ms(3));
                ticks.reset_after(ms(5));
                expect(start, &mut ticks, [5, 105, 205]).await;
            }
        });
    }
}

/// Also while its timer is filed: a poll needs no look at the clock by others.
#[test]
fn after_a_reset_to_now_or_to_the_past_the_tick_is_there() {
    for rt in flavours() {
        rt.block_on(async {
            let start = Instant::now();
            let mut ticks = interval(ms(100));
            ticks.tick().await;
            for (step, back) in [(10, ms(0)), (20, NANO), (30, ms(5))] {
                assert_eq!(tick_now(&mut ticks).await, None);
                advance(ms(10)).await;
                let due = start + ms(step) - back;
                ticks.reset_at(due);
                assert_eq!(tick_now(&mut ticks).await, Some(due));
            }
            assert_eq!(tick_now(&mut ticks).await, None);
            ticks.reset_immediately();
            assert_eq!(tick_now(&mut ticks).await, Some(start + ms(30)));
            assert_eq!(ticks.tick().await, start + ms(130));
        });
    }
}

#[test]
fn a_reset_into_the_past_is_caught_up_as_the_behaviour_says() {
    for rt in flavours() {
        rt.block_on(async {
            for (behavior, expected) in [
                (MissedTickBehavior::Burst, [50, 150, 250, 350]),
                (MissedTickBehavior::Delay, [50, 400, 500, 600]),
                (MissedTickBehavior::Skip, [50, 350, 450, 550]),
            ] {
                let start = Instant::now();
                let mut ticks = interval_with(behavior, start, ms(100));
                ticks.tick().await;
                advance(ms(300)).await;
                ticks.reset_at(start + ms(50));
                for expected in expected {
                    assert_eq!(ticks.tick().await, start + ms(expected), "{behavior:?}");
                }
            }
        });
    }
}

#[test]
fn a_reset_reaches_the_task_that_waits_for_the_tick() {
    for rt in flavours() {
        rt.block_on(async {
            // To earlier, to later, and to at once.
            for (reset_to, expected) in [(ms(50), ms(50)), (2 * HOUR, 2 * HOUR), (ms(1), ms(10))] {
                let start = Instant::now();
                let ticks = Arc::new(Mutex::new(interval_at(start + HOUR, HOUR)));
                let polled = ticks.clone();
                let waiter = runtime::spawn(async move {
                    let due = poll_fn(|cx| polled.lock().unwrap().poll_tick(cx)).await;
                    (due, Instant::now())
                });
                // All wait when this ends.
                sleep(ms(10)).await;
                ticks.lock().unwrap().reset_at(start + reset_to);
                assert_eq!(waiter.await.unwrap(), (start + reset_to, start + expected));
            }
        });
    }
}

#[test]
fn a_tick_that_was_given_up_is_still_there() {
    for rt in flavours() {
        rt.block_on(async {
            let start = Instant::now();
            let mut ticks = interval(ms(100));
            ticks.tick().await;
            for _ in 0..3 {
                select! {
                    biased;
                    due = ticks.tick() => panic!("{due:?}"),
                    () = sleep(ms(20)) => {}
                }
            }
            timeout(ms(39), ticks.tick()).await.unwrap_err();
            assert_eq!(ticks.tick().await, start + ms(100));
            assert_eq!(start.elapsed(), ms(100));
        });
    }
}

/// Counts its wakes.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn the_task_of_the_last_poll_is_woken_and_only_after_a_pending_one() {
    for rt in flavours() {
        rt.block_on(async {
            let wakes: [Arc<Wakes>; 2] = Default::default();
            let wakers = wakes.clone().map(Waker::from);
            let mut ticks = interval(ms(100));
            let start = Instant::now();
            let poll =
                |ticks: &mut Interval, who: usize| ticks.poll_tick(&mut Context::from_waker(&wakers[who]));
            assert_eq!(poll(&mut ticks, 0), Poll::Ready(start));
            // Ready: nobody asked to be woken for the next.
            advance(ms(150)).await;
            assert_eq!(wakes.clone().map(|wakes| wakes.0.load(SeqCst)), [0, 0]);
            assert_eq!(poll(&mut ticks, 0), Poll::Ready(start + ms(100)));
            assert!(poll(&mut ticks, 0).is_pending());
            assert!(poll(&mut ticks, 1).is_pending());
            advance(ms(100)).await;
            assert_eq!(wakes.clone().map(|wakes| wakes.0.load(SeqCst)), [0, 1]);
            assert_eq!(poll(&mut ticks, 1), Poll::Ready(start + ms(200)));
        });
    }
}

#[test]
fn an_interval_goes_on_in_other_tasks() {
    fn assert_send_sync_unpin<T: Send + Sync + Unpin>(_: &T) {}
    for rt in flavours() {
        rt.block_on(async {
            let start = Instant::now();
            let mut ticks = interval(ms(10));
            assert_send_sync_unpin(&ticks);
            for tick in 0..20 {
                // With its timer filed by this task, and without.
                if tick % 2 == 1 {
                    assert!(tick_now(&mut ticks).await.is_none());
                }
                let task = runtime::spawn(async move { (ticks.tick().await, ticks) });
                let due;
                (due, ticks) = task.await.unwrap();
                assert_eq!((due, Instant::now()), (start + ms(10) * tick, start + ms(10) * tick));
            }
        });
    }
}

#[test]
fn p33_an_interval_of_any_length_ticks_once_and_never_panics() {
    for rt in flavours() {
        rt.block_on(async {
            for behavior in BEHAVIORS {
                for period in [Duration::MAX, Duration::MAX - NANO, Duration::from_secs(u64::MAX)] {
                    let start = Instant::now();
                    let mut ticks = interval_with(behavior, start, period);
                    assert_eq!(ticks.period(), period);
                    assert_eq!(ticks.tick().await, start);
                    assert_eq!(tick_now(&mut ticks).await, None);
                    ticks.reset();
                    ticks.reset_after(Duration::MAX);
                    ticks.reset_at(start + Duration::MAX);
                    assert_eq!(tick_now(&mut ticks).await, None);
                    ticks.reset_immediately();
                    assert_eq!(ticks.tick().await, start);
                    // Late by hours, with a period that can't be added to any moment.
                    ticks.reset_at(start);
                    advance(HOUR).await;
                    assert_eq!(ticks.tick().await, start);
                    assert_eq!(tick_now(&mut ticks).await, None);
                }
                // The shortest one, as late as can be afforded.
                let start = Instant::now();
                let mut ticks = interval_with(behavior, start, NANO);
                advance(ms(1)).await;
                for tick in 0..100 {
                    assert_eq!(ticks.tick().await, start + NANO * tick);
                }
            }
            // After the end of the clock.
            let mut ticks = interval(Duration::MAX);
            ticks.tick().await;
            advance(Duration::MAX).await;
            assert_eq!(tick_now(&mut ticks).await, None);
        });
    }
}

#[test]
fn a_period_of_zero_is_refused_with_the_remedy() {
    for make in [|| drop(interval(Duration::ZERO)), || drop(interval_at(Instant::now(), Duration::ZERO))] {
        let panic = catch_unwind(AssertUnwindSafe(make)).unwrap_err();
        let message = panic.downcast::<String>().unwrap();
        assert!(message.contains("`period` must be non-zero") && message.contains("yield_now"), "{message}");
    }
}

#[test]
fn ticks_come_in_order_with_other_timers() {
    for rt in flavours() {
        rt.block_on(async {
            let start = Instant::now();
            let mut ticks = interval(ms(30));
            let nap = sleep_until(start + ms(75));
            pin!(nap);
            let mut order = vec![];
            while order.last() != Some(&ms(120)) {
                select! {
                    biased;
                    () = &mut nap, if !nap.is_elapsed() => order.push(start.elapsed()),
                    due = ticks.tick() => order.push(due - start),
                }
            }
            assert_eq!(order, [0, 30, 60, 75, 90, 120].map(ms));
            assert!(poll_immediate(&mut nap).await.is_some());
        });
    }
}
