//! Waiting for a token.

#![forbid(unsafe_code)]

use super::CancellationToken;
use crate::coop;
use crate::sync::wait_list::{Spare, Waiter, Woken};
use crate::task::unpolled::Silence;
use crate::util::fault::{Fault, planted};
use pin_project_lite::pin_project;
use std::borrow::Borrow;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

/// Ready once `token` is cancelled; until then `waiter` is queued there. Takes no budget.
fn poll_cancelled(token: &CancellationToken, waiter: Pin<&Waiter>, cx: &Context<'_>) -> Poll<()> {
    if token.is_cancelled() {
        return Poll::Ready(());
    }
    let waiting = &token.inner.waiting;
    if !waiter.is_idle() {
        return waiting.poll_queued(waiter, cx).map(drop);
    }
    // A clone is foreign code: not under the lock.
    let mut spare = Spare::clone_of(cx);
    let mut locked = waiting.lock();
    // Set before the list is locked to be told: seen here, or this waiter is seen there.
    if token.is_cancelled() && !planted(Fault::CancelUnseen) {
        return Poll::Ready(());
    }
    locked.push_back(waiter, spare.take(), 0);
    Poll::Pending
}

/// The wait is dropped.
fn forget(token: &CancellationToken, waiter: Pin<&Waiter>) {
    if !waiter.is_idle() && waiter.outcome().is_none() {
        let mut woken = Woken::new();
        token.inner.waiting.lock().remove(waiter, &mut woken);
    }
}

pin_project! {
    /// What both futures are.
    struct Wait<T: Borrow<CancellationToken>> {
        token: T,
        #[pin]
        waiter: Waiter,
    }

    impl<T: Borrow<CancellationToken>> PinnedDrop for Wait<T> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            forget((*this.token).borrow(), this.waiter.into_ref());
        }
    }
}

impl<T: Borrow<CancellationToken>> Wait<T> {
    fn new(token: T) -> Self {
        Wait { token, waiter: Waiter::new() }
    }

    fn poll_cancelled(self: Pin<&mut Self>, cx: &Context<'_>) -> Poll<()> {
        let this = self.project();
        poll_cancelled((*this.token).borrow(), this.waiter.into_ref(), cx)
    }

    fn poll(self: Pin<&mut Self>, cx: &Context<'_>) -> Poll<()> {
        let coop = ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Signal));
        ready!(self.poll_cancelled(cx));
        coop.made_progress();
        Poll::Ready(())
    }
}

pin_project! {
    /// Waits until a token is cancelled; from [`CancellationToken::cancelled`]. Once ready, it stays so.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct WaitForCancellationFuture<'a> {
        #[pin]
        wait: Wait<&'a CancellationToken>,
    }
}

pin_project! {
    /// Waits until a token is cancelled; from [`CancellationToken::cancelled_owned`]. Once ready, it stays so.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct WaitForCancellationFutureOwned {
        #[pin]
        wait: Wait<CancellationToken>,
    }
}

impl<'a> WaitForCancellationFuture<'a> {
    pub(super) fn new(token: &'a CancellationToken) -> Self {
        WaitForCancellationFuture { wait: Wait::new(token) }
    }
}

impl WaitForCancellationFutureOwned {
    pub(super) fn new(token: CancellationToken) -> Self {
        WaitForCancellationFutureOwned { wait: Wait::new(token) }
    }
}

impl Future for WaitForCancellationFuture<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().wait.poll(cx)
    }
}

impl Future for WaitForCancellationFutureOwned {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().wait.poll(cx)
    }
}

impl fmt::Debug for WaitForCancellationFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForCancellationFuture").field("token", self.wait.token).finish()
    }
}

impl fmt::Debug for WaitForCancellationFutureOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitForCancellationFutureOwned").field("token", &self.wait.token).finish()
    }
}

/// `future`'s output, or `None` once `token` is cancelled: before that it is not polled. The budget stays the future's: one that always uses it
/// up could not be stopped otherwise.
pub(super) async fn until_cancelled<F: Future>(token: &CancellationToken, future: F) -> Option<F::Output> {
    let mut silence = Silence::ahead();
    let mut future = pin!(future);
    let _silent = silence.begins();
    if token.is_cancelled() {
        return None;
    }
    let mut wait = pin!(Wait::new(token));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => wait.as_mut().poll_cancelled(cx).map(|()| None),
    })
    .await
}
