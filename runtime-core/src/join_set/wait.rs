//! asyncio's `wait`: several results at once, and the pending stay.

#![forbid(unsafe_code)]

use super::{JoinSet, Outcome};
use crate::coop;
use crate::task::{Id, JoinError};
use crate::time::part_sleep;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// When [`JoinSet::wait`] ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReturnWhen {
    /// When all members have ended.
    AllCompleted,
    /// When one member has ended, however it did.
    FirstCompleted,
    /// When one member has panicked, or all have ended. One that was cancelled does not count, as in asyncio.
    ///
    /// A member that returns an `Err` of its own has *finished*: the set cannot see inside of a `T`.
    FirstException,
}

impl<T: 'static> JoinSet<T> {
    /// Waits as `when` says, at most for `limit`, and takes out the members that have ended: their results, in
    /// the order in which they ended. The others stay in the set and go on. This is asyncio's `wait`: a time-out
    /// is no error, and nothing is cancelled.
    ///
    /// Whatever has ended by then is taken, more than one member after `FirstCompleted` too, or none after a
    /// time-out. With an empty set it returns at once. With a limit of zero the others are let run once.
    ///
    /// # Cancel safety
    /// A dropped wait loses nothing: what it had seen stays in the set, and is the first that the next call of any
    /// method takes out.
    ///
    /// # Panics
    /// With a limit: outside of a runtime.
    ///
    /// # Examples
    /// ```
    /// use runtime::task::{JoinSet, ReturnWhen};
    /// use runtime::time::sleep;
    /// use std::time::Duration;
    ///
    /// runtime::run(async {
    ///     let mut set = JoinSet::new();
    ///     for n in 0..4 {
    ///         set.spawn(async move { sleep(Duration::from_millis(n * 20)).await; n });
    ///     }
    ///     let done = set.wait(ReturnWhen::FirstCompleted, None).await;
    ///     assert_eq!(*done[0].1.as_ref().unwrap(), 0);
    ///
    ///     let done = set.wait(ReturnWhen::AllCompleted, Some(Duration::from_millis(1))).await;
    ///     assert_eq!(done.len() + set.len(), 3);
    ///     set.shutdown().await;
    /// });
    /// ```
    pub async fn wait(
        &mut self,
        when: ReturnWhen,
        limit: Option<Duration>,
    ) -> Vec<(Id, Result<T, JoinError>)> {
        let mut limit = pin!(limit.map(part_sleep));
        poll_fn(|cx| {
            let coop = ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Task));
            let limit = limit.as_mut().as_pin_mut();
            // The unit for all of it is taken.
            let is_over = coop::unlimited(|| {
                self.poll_wait(when, cx) || limit.is_some_and(|limit| limit.poll(cx).is_ready())
            });
            if !is_over {
                return Poll::Pending;
            }
            coop.made_progress();
            Poll::Ready(self.take_ended())
        })
        .await
    }

    /// Takes in what has ended: whether that is enough. If not, `cx` is woken when more has.
    fn poll_wait(&mut self, when: ReturnWhen, cx: &Context<'_>) -> bool {
        while let Some(outcome) = self.next_running(Some(cx)) {
            self.taken.get_mut().push(outcome);
        }
        let is_last = self.running() == 0;
        let taken = self.taken.get_mut();
        is_last
            || match when {
                ReturnWhen::AllCompleted => false,
                ReturnWhen::FirstCompleted => !taken.outcomes.is_empty(),
                ReturnWhen::FirstException => taken.failures > 0,
            }
    }

    fn take_ended(&mut self) -> Vec<Outcome<T>> {
        let taken = self.taken.get_mut();
        taken.failures = 0;
        std::mem::take(&mut taken.outcomes).into()
    }
}
