//! Sending into a channel, but not for ever: here because channels know nothing of time.

#![forbid(unsafe_code)]

use crate::sync::mpsc::Sender;
use crate::sync::mpsc::error::{SendError, SendTimeoutError};
use crate::time::timeout::timeout;
use std::time::Duration;

impl<T> Sender<T> {
    /// Sends `value`, waiting for room, in turn, for at most `duration`. If there is room at once, any duration
    /// will do, and no timer is started.
    ///
    /// # Cancel safety
    /// A dropped wait has not sent: the value is dropped with it, and the place in the queue lost.
    ///
    /// # Errors
    /// If there was no room in time, or the channel is, or gets, closed. Gives the value back.
    ///
    /// # Panics
    /// When it must wait, but not inside of a runtime, or the runtime has shut down.
    ///
    /// # Examples
    /// ```
    /// use runtime::sync::mpsc::{self, error::SendTimeoutError};
    /// use std::time::Duration;
    ///
    /// runtime::run(async {
    ///     let (sender, _receiver) = mpsc::channel(1);
    ///     let second = Duration::from_secs(1);
    ///     assert_eq!(sender.send_timeout(1, second).await, Ok(()));
    ///     let late = sender.send_timeout(2, second / 100).await;
    ///     assert_eq!(late, Err(SendTimeoutError::Timeout(2)));
    /// });
    /// ```
    pub async fn send_timeout(&self, value: T, duration: Duration) -> Result<(), SendTimeoutError<T>> {
        match timeout(duration, self.reserve()).await {
            Ok(Ok(permit)) => {
                permit.send(value);
                Ok(())
            }
            Ok(Err(SendError(()))) => Err(SendTimeoutError::Closed(value)),
            Err(_elapsed) => Err(SendTimeoutError::Timeout(value)),
        }
    }
}
