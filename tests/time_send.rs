//! `mpsc::Sender::send_timeout`, in paused time, on both flavours.

use futures::future::poll_immediate;
use runtime::sync::mpsc::{self, error::SendTimeoutError};
use runtime::time::{Instant, sleep};
use runtime::{Builder, Runtime};
use std::time::Duration;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn flavours() -> [Runtime; 2] {
    let multi_thread = Builder::new_multi_thread().worker_threads(2).start_paused(true).build().unwrap();
    let current_thread = Builder::new_current_thread().start_paused(true).build().unwrap();
    [multi_thread, current_thread]
}

#[test]
fn with_room_it_sends_at_once_whatever_the_duration() {
    for rt in flavours() {
        rt.block_on(async {
            let start = Instant::now();
            let (sender, mut receiver) = mpsc::channel(3);
            for (number, duration) in [Duration::ZERO, ms(1), Duration::MAX].into_iter().enumerate() {
                assert_eq!(poll_immediate(sender.send_timeout(number, duration)).await, Some(Ok(())));
                assert_eq!(receiver.try_recv(), Ok(number));
            }
            assert_eq!(start.elapsed(), Duration::ZERO);
        });
    }
}

#[test]
fn without_room_it_gives_the_value_back_at_the_deadline_to_the_nanosecond() {
    for rt in flavours() {
        rt.block_on(async {
            let (sender, mut receiver) = mpsc::channel(1);
            sender.send("first".to_string()).await.unwrap();
            for duration in [Duration::ZERO, Duration::from_nanos(1), ms(7), Duration::from_secs(86_400)] {
                let start = Instant::now();
                let error = sender.send_timeout("late".to_string(), duration).await.unwrap_err();
                assert_eq!(error, SendTimeoutError::Timeout("late".to_string()));
                assert_eq!((error.into_inner(), start.elapsed()), ("late".to_string(), duration));
            }
            // Whoever gave up is not in the queue any more, and left no room taken.
            assert_eq!(receiver.recv().await.as_deref(), Some("first"));
            sender.send_timeout("second".to_string(), Duration::ZERO).await.unwrap();
            assert_eq!(receiver.recv().await.as_deref(), Some("second"));
            assert_eq!(sender.capacity(), 1);
        });
    }
}

#[test]
fn it_waits_in_turn_and_sends_when_there_is_room_in_time() {
    for rt in flavours() {
        rt.block_on(async {
            let start = Instant::now();
            let (sender, mut receiver) = mpsc::channel(1);
            sender.send(0).await.unwrap();
            let senders = [1, 2].map(|number| {
                let sender = sender.clone();
                runtime::spawn(async move {
                    // One after the other.
                    sleep(ms(number)).await;
                    let sent = sender.send_timeout(number, ms(20)).await;
                    (sent, Instant::now())
                })
            });
            sleep(ms(10)).await;
            assert_eq!(receiver.recv().await, Some(0));
            let [first, second] = senders;
            assert_eq!(first.await.unwrap(), (Ok(()), start + ms(10)));
            // The room went to the first: there was none for the second until its time was over.
            assert_eq!(second.await.unwrap(), (Err(SendTimeoutError::Timeout(2)), start + ms(22)));
            assert_eq!(receiver.recv().await, Some(1));
            assert!(receiver.is_empty());
        });
    }
}

#[test]
fn a_channel_that_closes_ends_the_wait() {
    for rt in flavours() {
        rt.block_on(async {
            let start = Instant::now();
            let (sender, mut receiver) = mpsc::channel(1);
            sender.send(0).await.unwrap();
            let waits = sender.clone();
            let waiter = runtime::spawn(async move { waits.send_timeout(1, Duration::MAX).await });
            sleep(ms(3)).await;
            receiver.close();
            assert_eq!(waiter.await.unwrap(), Err(SendTimeoutError::Closed(1)));
            assert_eq!(sender.send_timeout(2, ms(9)).await, Err(SendTimeoutError::Closed(2)));
            assert_eq!(start.elapsed(), ms(3));
        });
    }
}

#[test]
fn the_error_shows_no_value_and_says_why() {
    let [late, closed] = [SendTimeoutError::Timeout("secret"), SendTimeoutError::Closed("secret")];
    assert_eq!(
        (format!("{late:?}"), late.to_string()),
        ("Timeout(..)".into(), "timed out waiting for room".into())
    );
    assert_eq!((format!("{closed:?}"), closed.to_string()), ("Closed(..)".into(), "channel closed".into()));
}
