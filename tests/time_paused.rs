//! Paused time, on both flavours.

use futures::future::{join_all, poll_immediate};
use runtime::time::{
    Instant, MissedTickBehavior, advance, interval, pause, resume, sleep, sleep_until, timeout,
};
use runtime::{Builder, Runtime};
use std::future::pending;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn flavours() -> [Runtime; 2] {
    let multi_thread = Builder::new_multi_thread().worker_threads(2).start_paused(true).build().unwrap();
    let current_thread = Builder::new_current_thread().start_paused(true).build().unwrap();
    [multi_thread, current_thread]
}

#[test]
fn p32_paused_time_jumps_to_the_deadline_exactly() {
    for rt in flavours() {
        rt.block_on(async {
            let start = Instant::now();
            sleep(24 * 365 * HOUR).await;
            assert_eq!(start.elapsed(), 24 * 365 * HOUR);
            sleep(Duration::from_nanos(1)).await;
            assert_eq!(start.elapsed(), 24 * 365 * HOUR + Duration::from_nanos(1));
            assert!(timeout(HOUR, pending::<()>()).await.is_err());
        });
    }
}

#[test]
fn p32_tasks_wake_in_the_order_of_their_deadlines() {
    for rt in flavours() {
        rt.block_on(async {
            let start = Instant::now();
            let sleepers = [7, 3, 9, 1, 5].map(|hours| {
                runtime::spawn(async move {
                    sleep(hours * HOUR).await;
                    Instant::now()
                })
            });
            let woken: Vec<_> =
                join_all(sleepers).await.into_iter().map(|end| end.unwrap() - start).collect();
            assert_eq!(woken, [7, 3, 9, 1, 5].map(|hours| hours * HOUR));
        });
    }
}

#[test]
fn p33_paused_time_reaches_any_duration() {
    for rt in flavours() {
        rt.block_on(async {
            // 418 years in all, of the 584 that a runtime lives.
            for bits in 0..=41 {
                for duration in [(1_u64 << bits) - 1, 1 << bits, (1 << bits) + 1].map(ms) {
                    let start = Instant::now();
                    timeout(duration, pending::<()>()).await.unwrap_err();
                    assert_eq!(start.elapsed(), duration);
                }
            }
        });
    }
}

#[test]
fn time_does_not_jump_while_a_blocking_job_runs() {
    for rt in flavours() {
        rt.block_on(async {
            let start = Instant::now();
            let sleeper = runtime::spawn(sleep(HOUR));
            // Not for luck: the longer the job takes the surer is a jump, if time jumped.
            runtime::spawn_blocking(|| thread::sleep(ms(50))).await.unwrap();
            assert_eq!(start.elapsed(), Duration::ZERO);
            sleeper.await.unwrap();
            assert_eq!(start.elapsed(), HOUR);
        });
    }
}

#[test]
fn time_does_not_jump_while_the_future_of_block_on_is_polled() {
    let [rt, _] = flavours();
    rt.block_on(async {
        let start = Instant::now();
        let sleeper = runtime::spawn(sleep(HOUR));
        runtime::task::yield_now().await;
        // The workers have nothing to do, this thread has.
        thread::sleep(ms(50));
        assert_eq!(start.elapsed(), Duration::ZERO);
        sleeper.await.unwrap();
    });
}

#[test]
fn advance_moves_the_time_and_lets_the_woken_run() {
    for rt in flavours() {
        rt.block_on(async {
            let start = Instant::now();
            let (wait, waits) = runtime::sync::oneshot::channel();
            let (send, woken) = mpsc::channel();
            let sleeper = runtime::spawn(async move {
                let mut nap = Box::pin(sleep_until(start + ms(10)));
                // Until it is filed the advance would not wake it.
                assert!(poll_immediate(&mut nap).await.is_none());
                wait.send(()).unwrap();
                nap.await;
                send.send(Instant::now()).unwrap();
            });
            waits.await.unwrap();
            advance(ms(4)).await;
            assert_eq!(start.elapsed(), ms(4));
            assert!(woken.try_recv().is_err());
            advance(ms(20)).await;
            sleeper.await.unwrap();
            assert_eq!(woken.recv(), Ok(start + ms(24)));
        });
    }
}

#[test]
fn time_runs_on_after_resume() {
    for rt in flavours() {
        rt.block_on(async {
            let start = Instant::now();
            advance(HOUR).await;
            resume();
            sleep(ms(5)).await;
            assert!(start.elapsed() >= HOUR + ms(5));
            assert!(start.elapsed() < 2 * HOUR);
            pause();
            let paused = Instant::now();
            sleep(HOUR).await;
            assert_eq!(paused.elapsed(), HOUR);
        });
    }
}

#[test]
fn an_interval_ticks_in_paused_time() {
    for rt in flavours() {
        rt.block_on(async {
            let start = Instant::now();
            let mut ticks = interval(HOUR);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            for tick in 0..100 {
                assert_eq!(ticks.tick().await, start + tick * HOUR);
                assert_eq!(Instant::now(), start + tick * HOUR);
            }
        });
    }
}
