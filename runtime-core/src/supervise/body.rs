//! Cancelling the body of a program, which is no task: what Ctrl-C does to a `main`.

#![forbid(unsafe_code)]

use crate::handle::Handle;
use crate::task::Body;
use crate::time::part_sleep;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// The output of `body`; or `None`, if it was cancelled: when `asked` is ready the body is asked for its end, as by
/// [`JoinHandle::cancel`](crate::task::JoinHandle::cancel). If it listens, it is told, and may go on for as long as the runtime's grace; else it
/// ends at the await where it is. It is dropped before this is ready.
pub async fn cancellable<F: Future>(
    handle: &Handle,
    body: F,
    asked: impl Future<Output = ()>,
) -> Option<F::Output> {
    let (mut body, mut asked) = (pin!(body), pin!(asked));
    let scope = Body::new();
    // A body that is ready in the poll in which it would be cancelled is ready.
    let listens = poll_fn(|cx| {
        if let Poll::Ready(output) = scope.scoped(|| body.as_mut().poll(cx)) {
            return Poll::Ready(Err(output));
        }
        asked.as_mut().poll(cx).map(|()| Ok(scope.ask()))
    });
    match listens.await {
        Err(output) => return Some(output),
        Ok(false) => return None,
        Ok(true) => {}
    }
    let mut end = pin!(part_sleep(handle.inner().cancel_grace));
    poll_fn(|cx| match scope.scoped(|| body.as_mut().poll(cx)) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => end.as_mut().poll(cx).map(|()| None),
    })
    .await
}
