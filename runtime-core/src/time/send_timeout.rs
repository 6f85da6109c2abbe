//! A channel's send with a deadline: it stands here, since channels know no timers.

#![forbid(unsafe_code)]

use crate::sync::mpsc::Sender;
use crate::sync::mpsc::error::SendTimeoutError;
use crate::task::unpolled::must_await;
use crate::time::timeout::timeout;
use std::time::Duration;

impl<T> Sender<T> {
    /// Sends `value`, waiting, in turn, for room, but at most for `duration`.
    ///
    /// With room there it sends at once, whatever the duration, and costs no timer.
    ///
    /// # Cancel safety
    /// A dropped wait has not sent: the value is dropped with it, and the place in the queue lost.
    ///
    /// # Errors
    /// `Timeout` if there was no room in time, `Closed` if the channel is, or gets, closed. Both give the value back.
    ///
    /// # Panics
    /// When it must wait, but not inside of a runtime, or the runtime has shut down.
    ///
    /// # Examples
    /// ```
    /// use runtime::sync::mpsc::{self, error::SendTimeoutError};
    /// use runtime::time::Duration;
    ///
    /// # runtime::run(async {
    /// let (tx, _rx) = mpsc::channel(1);
    /// let soon = Duration::from_millis(10);
    /// assert_eq!(tx.send_timeout("there is room", soon).await, Ok(()));
    /// assert_eq!(tx.send_timeout("no room", soon).await, Err(SendTimeoutError::Timeout("no room")));
    /// # });
    /// ```
    #[track_caller]
    pub fn send_timeout(
        &self,
        value: T,
        duration: Duration,
    ) -> impl Future<Output = Result<(), SendTimeoutError<T>>> {
        must_await("Sender::send_timeout", async move {
            match timeout(duration, self.reserve()).await {
                Ok(Ok(permit)) => {
                    permit.send(value);
                    Ok(())
                }
                Ok(Err(_)) => Err(SendTimeoutError::Closed(value)),
                Err(_) => Err(SendTimeoutError::Timeout(value)),
            }
        })
    }
}
