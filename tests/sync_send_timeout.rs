//! A channel's send with a deadline, in time that stands still.

use futures::StreamExt;
use runtime::sync::mpsc::error::SendTimeoutError;
use runtime::sync::mpsc::{self, Receiver};
use runtime::time::{Duration, Instant, sleep};
use runtime::{Builder, Runtime};

const SECOND: Duration = Duration::from_secs(1);

fn flavours() -> [Runtime; 2] {
    let multi_thread = Builder::new_multi_thread().worker_threads(2).start_paused(true).build().unwrap();
    let current_thread = Builder::new_current_thread().start_paused(true).build().unwrap();
    [multi_thread, current_thread]
}

fn full() -> (mpsc::Sender<u8>, Receiver<u8>) {
    let (tx, rx) = mpsc::channel(1);
    tx.try_send(1).unwrap();
    (tx, rx)
}

#[test]
fn a_send_gives_up_at_its_deadline_and_gives_the_value_back() {
    for rt in flavours() {
        rt.block_on(async {
            let (tx, mut rx) = full();
            let start = Instant::now();
            let error = tx.send_timeout(2, SECOND).await.unwrap_err();
            assert_eq!(error, SendTimeoutError::Timeout(2));
            assert_eq!(start.elapsed(), SECOND);
            assert_eq!((format!("{error:?}"), error.into_inner()), ("Timeout(..)".to_string(), 2));
            // It left the queue: the room is free for the next.
            assert_eq!(rx.recv().await, Some(1));
            assert_eq!(tx.capacity(), 1);
            assert_eq!(tx.send_timeout(3, Duration::ZERO).await, Ok(()), "with room, no time is needed");
            assert_eq!(tx.send_timeout(4, Duration::ZERO).await, Err(SendTimeoutError::Timeout(4)));
        });
    }
}

#[test]
fn a_send_that_gets_room_in_time_sends() {
    for rt in flavours() {
        rt.block_on(async {
            let (tx, mut rx) = full();
            let start = Instant::now();
            let receiver = runtime::spawn(async move {
                sleep(SECOND).await;
                (rx.recv().await, rx.recv().await)
            });
            assert_eq!(tx.send_timeout(2, Duration::MAX).await, Ok(()));
            assert_eq!(start.elapsed(), SECOND);
            assert_eq!(receiver.await.unwrap(), (Some(1), Some(2)));
        });
    }
}

/// The receiver makes room and goes, before the sender runs again.
#[test]
fn room_in_a_channel_that_has_closed_since_is_none() {
    for rt in flavours() {
        rt.block_on(async {
            let (tx, mut rx) = full();
            let mut send = Box::pin(tx.send_timeout(2, SECOND));
            assert!(futures::poll!(send.as_mut()).is_pending());
            assert_eq!(rx.recv().await, Some(1));
            drop(rx);
            assert_eq!(send.await, Err(SendTimeoutError::Closed(2)));
        });
    }
}

#[test]
fn a_channel_that_closes_ends_the_wait_at_once() {
    for rt in flavours() {
        rt.block_on(async {
            let (tx, mut rx) = full();
            let start = Instant::now();
            let closer = runtime::spawn(async move {
                sleep(SECOND).await;
                rx.close();
                rx
            });
            let error = tx.send_timeout(2, 10 * SECOND).await.unwrap_err();
            assert_eq!(
                (error, error.to_string()),
                (SendTimeoutError::Closed(2), "channel closed".to_string())
            );
            assert_eq!(start.elapsed(), SECOND);
            // What was sent before can still be received, also as a stream.
            assert_eq!(closer.await.unwrap().collect::<Vec<_>>().await, [1]);
        });
    }
}
