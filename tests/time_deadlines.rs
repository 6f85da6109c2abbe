//! Timers in real time, on both flavours. Nothing here depends on luck: a timer that is early fails at once,
//! and bounds on lateness leave a factor of ten or more for a busy machine.

use futures::executor;
use futures::future::{join_all, poll_immediate};
use runtime::time::{Instant, interval, sleep, sleep_until, timeout};
use runtime::{Builder, Runtime};
use std::future::{Future, pending};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn flavours() -> [Runtime; 2] {
    let multi_thread = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let current_thread = Builder::new_current_thread().build().unwrap();
    [multi_thread, current_thread]
}

#[test]
fn p32_no_timer_is_early_and_an_idle_runtime_is_late_by_little() {
    for rt in flavours() {
        rt.block_on(async {
            let mut lateness = vec![];
            for duration in (0..50).map(|step| Duration::from_micros(step * 137)) {
                let start = std::time::Instant::now();
                sleep(duration).await;
                let took = start.elapsed();
                assert!(took >= duration, "{duration:?} took {took:?}");
                lateness.push(took - duration);
            }
            lateness.sort();
            // The promise is 2 ms.
            let median = lateness[lateness.len() / 2];
            assert!(median < ms(20), "{median:?}");
        });
    }
}

#[test]
fn p32_many_timers_all_fire_and_none_is_early() {
    const TIMER_COUNT: u64 = 100_000;
    for rt in flavours() {
        rt.block_on(async {
            let start = Instant::now();
            let sleepers = (0..TIMER_COUNT).map(|number| {
                let deadline = start + Duration::from_micros(number * 7919 % 500_000);
                runtime::spawn(async move {
                    sleep_until(deadline).await;
                    assert!(Instant::now() >= deadline);
                })
            });
            for end in join_all(sleepers).await {
                end.unwrap();
            }
        });
    }
}

#[test]
fn p33_any_duration_is_accepted() {
    for rt in flavours() {
        rt.block_on(async {
            let far =
                (6..=64).map(|bits| (1_u128 << bits) * 1000).map(|ms| u64::try_from(ms).unwrap_or(u64::MAX));
            let far = far.map(Duration::from_millis).chain([Duration::MAX]);
            let mut sleepers: Vec<_> = far
                .clone()
                .map(|duration| {
                    runtime::spawn(async move {
                        let mut ticks = interval(duration);
                        ticks.tick().await;
                        let _ = timeout(duration, ticks.tick()).await;
                        sleep(duration).await;
                    })
                })
                .collect();
            // They all wait, and those who do not have so long are not disturbed by it.
            sleep(ms(20)).await;
            for sleeper in &mut sleepers {
                assert!(!sleeper.is_finished());
                sleeper.abort();
            }
            for end in join_all(sleepers).await {
                assert!(end.unwrap_err().is_cancelled());
            }
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
fn p35_the_waker_of_the_last_poll_is_woken() {
    for rt in flavours() {
        let (first, last) = (Arc::<Wakes>::default(), Arc::<Wakes>::default());
        rt.block_on(async {
            let mut nap = Box::pin(sleep(ms(30)));
            for wakes in [&first, &last] {
                let waker = Waker::from(wakes.clone());
                assert!(nap.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            }
            // A later timer: the nap has been over before.
            sleep(ms(60)).await;
            assert!(nap.is_elapsed());
        });
        assert_eq!((first.0.load(SeqCst), last.0.load(SeqCst)), (0, 1));
    }
}

#[test]
fn p35_a_sleep_goes_on_in_another_task_and_on_another_runtime() {
    let [first, second] = flavours();
    let start = Instant::now();
    let mut nap = {
        let _entered = first.enter();
        Box::pin(sleep(ms(50)))
    };
    for _ in 0..2 {
        let (send, polled) = mpsc::channel();
        let task = first.spawn(async move {
            assert!(poll_immediate(&mut nap).await.is_none());
            send.send(nap).unwrap();
        });
        first.block_on(task).unwrap();
        nap = polled.recv().unwrap();
    }
    second.block_on(async move { runtime::spawn(nap).await.unwrap() });
    assert!(start.elapsed() >= ms(50));
}

/// The runtime's only worker sleeps in the driver for half a minute. Then a timer of a foreign thread is
/// filed, by which nothing is scheduled: it alone must end that sleep.
#[test]
fn p37_an_earlier_timer_shortens_the_drivers_sleep() {
    let rt = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    rt.spawn(sleep(Duration::from_secs(30)));
    let _entered = rt.enter();
    for _ in 0..5 {
        let start = Instant::now();
        executor::block_on(sleep(ms(20)));
        let took = start.elapsed();
        assert!((ms(20)..Duration::from_secs(3)).contains(&took), "{took:?}");
        // With the next one the driver sleeps again, whether or not it does already.
        thread::yield_now();
    }
}

/// The same on a runtime of one thread, which `block_on` puts to sleep in the driver.
#[test]
fn p37_an_earlier_timer_shortens_the_sleep_of_block_on() {
    let rt = Builder::new_current_thread().build().unwrap();
    let handle = rt.handle().clone();
    let (done, ended) = runtime::sync::oneshot::channel::<()>();
    let foreign = thread::spawn(move || {
        let _entered = handle.enter();
        executor::block_on(sleep(ms(20)));
        drop(done);
    });
    let start = Instant::now();
    rt.block_on(async { timeout(Duration::from_secs(30), ended).await.unwrap().unwrap_err() });
    assert!(start.elapsed() < Duration::from_secs(3));
    foreign.join().unwrap();
}

/// A worker that computes without end does not keep the timers of the other from firing.
#[test]
fn p37_timers_fire_while_a_task_wakes_itself_without_end() {
    for rt in flavours() {
        rt.block_on(async {
            let busy = runtime::spawn(async {
                loop {
                    runtime::task::yield_now().await;
                }
            });
            for _ in 0..10 {
                sleep(ms(2)).await;
            }
            busy.abort();
        });
    }
}

/// Dropping a runtime ends the waits of others on its timers: they do not hang.
#[test]
fn a_wait_on_a_runtime_that_is_gone_panics_and_does_not_hang() {
    let rt = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let handle = rt.handle().clone();
    let (start, started) = mpsc::channel();
    let waiter = thread::spawn(move || {
        let _entered = handle.enter();
        let mut nap = Box::pin(sleep(Duration::MAX));
        assert!(executor::block_on(poll_immediate(&mut nap)).is_none());
        start.send(()).unwrap();
        executor::block_on(nap);
    });
    started.recv().unwrap();
    drop(rt);
    let panic = waiter.join().unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().contains("shut down"));
}

#[test]
fn timeout_drops_the_future_with_itself_and_not_before() {
    struct Flag(mpsc::Sender<()>);
    impl Drop for Flag {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
        }
    }
    for rt in flavours() {
        let (send, dropped) = mpsc::channel();
        rt.block_on(async move {
            let flag = Flag(send);
            let late = timeout(ms(1), async move {
                let _flag = flag;
                pending::<()>().await;
            });
            assert!(late.await.is_err());
            assert!(dropped.try_recv().is_ok());
        });
    }
}
