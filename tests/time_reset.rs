//! `Sleep::reset`: to earlier and to later, before, while and after somebody waits, from everywhere. Mostly in
//! paused time, to the nanosecond.

use futures::executor;
use futures::future::poll_immediate;
use runtime::time::{Instant, Sleep, Timeout, advance, sleep, sleep_until, timeout, timeout_at};
use runtime::{Builder, JoinHandle, Runtime};
use std::future::{Future, Pending, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
const NANO: Duration = Duration::from_nanos(1);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn flavours(paused: bool) -> [Runtime; 2] {
    let multi_thread = Builder::new_multi_thread().worker_threads(2).start_paused(paused).build().unwrap();
    let current_thread = Builder::new_current_thread().start_paused(paused).build().unwrap();
    [multi_thread, current_thread]
}

/// Counts its wakes.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wakes {
    fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// A sleep that one waits for and others reset.
type Shared = Arc<Mutex<Pin<Box<Sleep>>>>;

fn shared(nap: Sleep) -> Shared {
    Arc::new(Mutex::new(Box::pin(nap)))
}

/// A task that waits for the sleep and says when that ended.
fn wait_for(nap: &Shared) -> JoinHandle<Instant> {
    let nap = nap.clone();
    runtime::spawn(async move {
        poll_fn(|cx| nap.lock().unwrap().as_mut().poll(cx)).await;
        Instant::now()
    })
}

#[test]
fn a_sleep_may_be_shared_between_threads() {
    fn assert_send_sync<T: Send + Sync>() {}
    assert_send_sync::<Sleep>();
    assert_send_sync::<Timeout<Pending<()>>>();
}

#[test]
fn a_reset_before_the_first_poll_decides_alone() {
    for rt in flavours(true) {
        rt.block_on(async {
            for (made, reset) in [(HOUR, ms(1)), (ms(1), HOUR), (Duration::MAX, ms(3)), (ms(2), ms(2))] {
                let start = Instant::now();
                let mut nap = Box::pin(sleep(made));
                assert_eq!(nap.deadline(), start + made);
                nap.as_mut().reset(start + reset);
                assert_eq!(nap.deadline(), start + reset);
                assert!(!nap.is_elapsed());
                nap.as_mut().await;
                assert!(nap.is_elapsed());
                assert_eq!(start.elapsed(), reset);
            }
        });
    }
}

#[test]
fn a_reset_moves_the_deadline_of_who_waits() {
    for rt in flavours(true) {
        rt.block_on(async {
            // Far to near, near to far, by as little as can be, to where it was, across many wheel levels.
            for (made, reset) in [
                (HOUR, ms(20)),
                (ms(20), HOUR),
                (ms(20), ms(20) + NANO),
                (ms(20), ms(20) - NANO),
                (ms(20), ms(20)),
                (Duration::MAX, ms(11)),
                (1000 * HOUR, 999 * HOUR),
                (999 * HOUR, 1000 * HOUR),
            ] {
                let start = Instant::now();
                let nap = shared(sleep(made));
                let waiter = wait_for(&nap);
                sleep(ms(10)).await;
                nap.lock().unwrap().as_mut().reset(start + reset);
                assert_eq!(nap.lock().unwrap().deadline(), start + reset);
                assert_eq!(waiter.await.unwrap(), start + reset, "{made:?} to {reset:?}");
            }
        });
    }
}

#[test]
fn a_reset_into_the_past_ends_the_wait_at_once() {
    for rt in flavours(true) {
        rt.block_on(async {
            for back in [Duration::ZERO, NANO, ms(5), HOUR, Duration::MAX] {
                let start = Instant::now();
                let nap = shared(sleep(HOUR));
                let waiter = wait_for(&nap);
                sleep(ms(10)).await;
                nap.lock().unwrap().as_mut().reset(Instant::now() - back);
                assert!(nap.lock().unwrap().is_elapsed());
                assert_eq!(waiter.await.unwrap(), start + ms(10));
            }
        });
    }
}

/// The waker is woken in the reset itself, and may use the sleep's runtime.
#[test]
fn a_reset_into_the_past_wakes_before_it_returns_and_holds_no_lock_meanwhile() {
    struct Spawns(Mutex<Option<mpsc::Sender<Sleep>>>);
    impl Wake for Spawns {
        fn wake(self: Arc<Self>) {
            // Files another timer in the same wheel.
            let mut nap = Box::pin(sleep(HOUR));
            assert!(nap.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            drop(nap);
            self.0.lock().unwrap().take().unwrap().send(sleep(ms(1))).unwrap();
        }
    }
    for rt in flavours(true) {
        rt.block_on(async {
            let (send, woken) = mpsc::channel();
            let waker = Waker::from(Arc::new(Spawns(Mutex::new(Some(send)))));
            let mut nap = Box::pin(sleep(HOUR));
            assert!(nap.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            nap.as_mut().reset(Instant::now());
            woken.try_recv().unwrap().await;
            // Nobody is woken a second time.
            assert!(poll_immediate(nap.as_mut()).await.is_none());
            nap.await;
        });
    }
}

#[test]
fn after_the_end_a_reset_makes_it_wait_again() {
    for rt in flavours(true) {
        rt.block_on(async {
            let start = Instant::now();
            let mut nap = Box::pin(sleep(ms(1)));
            for round in 1..=50 {
                nap.as_mut().await;
                assert!(nap.is_elapsed());
                assert_eq!(start.elapsed(), ms(round));
                nap.as_mut().reset(start + ms(round + 1));
                assert!(!nap.is_elapsed());
            }
            // It has fired, but nobody has polled it since.
            assert!(poll_immediate(nap.as_mut()).await.is_none());
            advance(ms(10)).await;
            assert!(nap.is_elapsed());
            let now = Instant::now();
            nap.as_mut().reset(now + ms(4));
            assert!(!nap.is_elapsed());
            assert!(poll_immediate(nap.as_mut()).await.is_none());
            nap.await;
            assert_eq!(now.elapsed(), ms(4));
        });
    }
}

/// Whoever waits is woken at the last deadline, once, and at none of those before.
#[test]
fn the_waiter_is_woken_once_at_the_last_deadline() {
    for rt in flavours(true) {
        rt.block_on(async {
            let wakes = Arc::<Wakes>::default();
            let waker = Waker::from(wakes.clone());
            let start = Instant::now();
            let mut nap = Box::pin(sleep(ms(10)));
            assert!(nap.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            for round in 1..=100 {
                // Later each time; then back and forth.
                nap.as_mut().reset(start + ms(10 * round + 5));
                nap.as_mut().reset(start + HOUR);
                nap.as_mut().reset(start + ms(10 * round + 5));
                advance(ms(10)).await;
                assert_eq!(wakes.count(), 0, "round {round}");
            }
            advance(ms(4)).await;
            assert_eq!(wakes.count(), 0);
            advance(ms(1)).await;
            assert_eq!(wakes.count(), 1);
            advance(2 * HOUR).await;
            assert_eq!(wakes.count(), 1);
            assert!(nap.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
        });
    }
}

#[test]
fn p33_any_moment_may_be_the_deadline() {
    for rt in flavours(true) {
        rt.block_on(async {
            let start = Instant::now();
            let nap = shared(sleep(Duration::MAX));
            let waiter = wait_for(&nap);
            sleep(ms(1)).await;
            for bits in 0..64 {
                let far = Duration::from_secs(1 << bits);
                for deadline in [start + far, start + Duration::MAX, start + HOUR + far] {
                    let mut nap = nap.lock().unwrap();
                    nap.as_mut().reset(deadline);
                    assert_eq!(nap.deadline(), deadline);
                    assert!(!nap.is_elapsed());
                }
            }
            nap.lock().unwrap().as_mut().reset(start + ms(7));
            assert_eq!(waiter.await.unwrap(), start + ms(7));
        });
    }
}

#[test]
fn a_reset_works_from_threads_and_runtimes_that_have_no_part_in_it() {
    let [multi_thread, current_thread] = flavours(true);
    for (home, other) in [(&multi_thread, &current_thread), (&current_thread, &multi_thread)] {
        // An hour ahead of the home's time: what counts is the deadline, not whose time set it.
        other.block_on(advance(HOUR));
        home.block_on(async {
            let nap = shared(sleep(HOUR));
            let start = Instant::now();
            let waiter = wait_for(&nap);
            sleep(ms(1)).await;
            // A blocking job: the time stands still while the threads are at work.
            let (reset, handle) = (nap.clone(), other.handle().clone());
            let elsewhere = move || {
                let inside = reset.clone();
                let stranger = thread::spawn(move || {
                    reset.lock().unwrap().as_mut().reset(start + 2 * HOUR);
                    let _entered = handle.enter();
                    inside.lock().unwrap().as_mut().reset(start + ms(5));
                });
                stranger.join().unwrap();
            };
            runtime::spawn_blocking(elsewhere).await.unwrap();
            assert_eq!(waiter.await.unwrap(), start + ms(5));
        });
    }
}

#[test]
fn after_its_runtime_has_gone_a_reset_lets_it_wait_on_another() {
    for rt in flavours(true) {
        for goes in flavours(true) {
            let mut nap = Box::pin(sleep(HOUR));
            goes.block_on(async { assert!(poll_immediate(nap.as_mut()).await.is_none()) });
            drop(goes);
            rt.block_on(async {
                let now = Instant::now();
                nap.as_mut().reset(now + ms(3));
                runtime::spawn(nap).await.unwrap();
                assert_eq!(now.elapsed(), ms(3));
            });
        }
    }
}

/// The runtime sleeps in the driver for an hour. The reset alone must end that sleep.
#[test]
fn p37_a_reset_to_earlier_shortens_the_drivers_sleep() {
    for rt in flavours(false) {
        let nap = shared(sleep(HOUR));
        let resets = nap.clone();
        let (polled, is_polled) = mpsc::channel();
        let stranger = thread::spawn(move || {
            is_polled.recv().unwrap();
            let start = Instant::now();
            resets.lock().unwrap().as_mut().reset(start + ms(20));
            start
        });
        let end = rt.block_on(async {
            poll_fn(|cx| {
                let poll = nap.lock().unwrap().as_mut().poll(cx);
                let _ = polled.send(());
                poll
            })
            .await;
            Instant::now()
        });
        let took = end - stranger.join().unwrap();
        assert!((ms(20)..Duration::from_secs(5)).contains(&took), "{took:?}");
    }
}

/// Resets that meet the moment at which it fires, in real time: never too early, and never lost.
#[test]
fn resets_that_race_with_the_end_lose_nothing() {
    const ROUNDS: u64 = 300;
    for rt in flavours(false) {
        rt.block_on(async {
            for round in 0..ROUNDS {
                let nap = shared(sleep(Duration::from_micros(round * 7 % 300)));
                let waiter = wait_for(&nap);
                let resets = nap.clone();
                let last = thread::spawn(move || {
                    let mut last = Instant::now();
                    for step in 0..20 {
                        last = Instant::now() + Duration::from_micros(step * 31 % 150);
                        resets.lock().unwrap().as_mut().reset(last);
                    }
                    last
                });
                let ended = waiter.await.unwrap();
                let last = last.join().unwrap();
                // It may have ended at one of the deadlines before. Then it waits again, until the last.
                nap.lock().unwrap().as_mut().reset(last);
                let ended = ended.max(wait_for(&nap).await.unwrap());
                assert!(ended >= last);
            }
        });
    }
}

#[test]
fn what_is_due_already_is_ready_without_waiting_but_yields_once() {
    for rt in flavours(true) {
        rt.block_on(async {
            advance(HOUR).await;
            let start = Instant::now();
            let due: [Box<dyn Fn() -> Sleep>; 5] = [
                Box::new(|| sleep(Duration::ZERO)),
                Box::new(|| sleep_until(Instant::now())),
                Box::new(|| sleep_until(Instant::now() - NANO)),
                Box::new(|| sleep_until(Instant::now() - HOUR)),
                Box::new(|| sleep_until(Instant::now() - Duration::MAX)),
            ];
            for make in due {
                let mut nap = Box::pin(make());
                assert!(nap.is_elapsed());
                let mut polls = 0;
                poll_fn(|cx| {
                    polls += 1;
                    nap.as_mut().poll(cx)
                })
                .await;
                assert_eq!(polls, 2);
                // Set to the past once more it yields once more.
                nap.as_mut().reset(Instant::now());
                assert!(poll_immediate(nap.as_mut()).await.is_none());
                assert!(poll_immediate(nap.as_mut()).await.is_some());
            }
            assert_eq!(start.elapsed(), Duration::ZERO);
        });
    }
}

#[test]
fn sleeping_for_no_time_lets_the_others_run() {
    let [_, rt] = flavours(false);
    rt.block_on(async {
        let log = Arc::new(Mutex::new(vec![]));
        let others = ["a", "b"].map(|name| {
            let log = log.clone();
            runtime::spawn(async move {
                for _ in 0..2 {
                    log.lock().unwrap().push(name);
                    sleep(Duration::ZERO).await;
                }
            })
        });
        for other in others {
            other.await.unwrap();
        }
        // Who begins is the scheduler's business.
        let log = log.lock().unwrap();
        assert!(*log == ["a", "b", "a", "b"] || *log == ["b", "a", "b", "a"], "{log:?}");
    });
}

#[test]
fn a_timeout_gives_the_future_back_and_its_error_becomes_an_io_error() {
    for rt in flavours(true) {
        rt.block_on(async {
            let start = Instant::now();
            let mut limited = timeout(HOUR, std::future::ready(1));
            assert_eq!(format!("{:?}", limited.get_ref()), format!("{:?}", std::future::ready(1)));
            *limited.get_mut() = std::future::ready(2);
            assert_eq!(limited.into_inner().await, 2);
            let late = timeout_at(start + ms(9), std::future::pending::<()>()).await.unwrap_err();
            assert_eq!(start.elapsed(), ms(9));
            assert_eq!(late.to_string(), "deadline has elapsed");
            let error = std::io::Error::from(late);
            assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
            // Polled once, before the deadline is looked at: with no time, and when it has passed long ago.
            assert_eq!(timeout(Duration::ZERO, async { 3 }).await, Ok(3));
            assert_eq!(timeout_at(start, async { 4 }).await, Ok(4));
            assert_eq!(timeout(Duration::MAX, async { 5 }).await, Ok(5));
            timeout(Duration::ZERO, std::future::pending::<()>()).await.unwrap_err();
            timeout_at(start, std::future::pending::<()>()).await.unwrap_err();
            assert_eq!(start.elapsed(), ms(9));
        });
    }
}

/// The timer of a thread that is no worker's, while nobody is inside of the runtime but its workers.
#[test]
fn a_foreign_thread_may_wait_for_a_sleep_that_it_resets() {
    let [rt, _] = flavours(false);
    let _entered = rt.enter();
    let mut nap = Box::pin(sleep(HOUR));
    let start = Instant::now();
    assert!(executor::block_on(poll_immediate(nap.as_mut())).is_none());
    nap.as_mut().reset(start + ms(20));
    executor::block_on(nap.as_mut());
    assert!((ms(20)..Duration::from_secs(5)).contains(&start.elapsed()));
    assert_eq!(nap.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()));
}
