//! Any signal.
#![forbid(unsafe_code)]

use super::bell::Bell;
pub use super::kind::SignalKind;
use super::registry::Subscription;
use crate::reactor::Reactor;
use crate::source::Ticket;
use runtime_core::coop;
use runtime_core::task::unpolled::must_await;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Listens for the signals of a kind, from this call on, until the [`Signal`] is dropped.
///
/// Meanwhile the signal does not have its usual effect on the process. When its last listener is dropped, what was there
/// before is put back, and the next one kills, or is ignored, or is another library's, as ever. A handler that was there
/// before is called as well; one that another library sets later has to call ours, or hears alone.
///
/// # Errors
/// Kind `InvalidInput` for SIGKILL and SIGSTOP, which nobody can catch, for SIGILL, SIGFPE, SIGSEGV and SIGBUS, after which there
/// is nothing to go on with, and for what is no signal. Otherwise as the system says.
///
/// # Panics
/// Outside of a runtime.
///
/// # Examples
/// ```
/// # use runtime_io::signal::unix::{SignalKind, signal};
/// # use std::io;
/// async fn reload_at_hangup() -> io::Result<()> {
///     let mut hangups = signal(SignalKind::hangup())?;
///     while hangups.recv().await.is_some() {
///         println!("reading the configuration again");
///     }
///     Ok(())
/// }
/// ```
#[track_caller]
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    Signal::new_in(Reactor::current()?, kind)
}

/// A listener for one kind of signal, made by [`signal`].
///
/// Signals coalesce: those that come before it looks again are one. Every listener is told, on every runtime of the process.
#[must_use = "the signal has lost its usual effect while this lives: wait with `recv`"]
#[derive(Debug)]
pub struct Signal {
    // Drops first: who waits no more may let the handler go.
    waiting: Waiting,
    subscription: Subscription,
}

/// A place in the queue of a runtime's bell.
#[derive(Debug)]
struct Waiting {
    bell: Arc<Bell>,
    ticket: Ticket,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.bell.leave(&mut self.ticket);
    }
}

impl Signal {
    pub(crate) fn new_in(reactor: Arc<Reactor>, kind: SignalKind) -> io::Result<Signal> {
        // First, what is nonsense everywhere.
        let subscription = Subscription::new(kind.as_raw_value())?;
        Ok(Signal { waiting: Waiting { bell: Bell::of(reactor)?, ticket: Ticket::default() }, subscription })
    }

    /// Waits until the signal has come since this was last asked. `None` when the runtime has ended.
    ///
    /// On cancel nothing is lost.
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = Option<()>> {
        must_await("Signal::recv", async move { poll_fn(|cx| self.poll_recv(cx)).await })
    }

    /// [`recv`](Self::recv), as a poll. The last task that called it is woken.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        let coop = ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Io));
        let Waiting { bell, ticket } = &mut self.waiting;
        let answer = loop {
            if self.subscription.take() {
                break Some(());
            }
            match bell.poll(cx, ticket) {
                // An event for whichever signal; what comes from here on is another.
                Poll::Ready(Ok(seen)) => bell.clear(seen),
                Poll::Ready(Err(_)) => break None,
                // Another listener may have cleared the event that was for us, before our waker was there: then the
                // count has changed by now. After that the event finds our waker.
                Poll::Pending if self.subscription.take() => break Some(()),
                Poll::Pending => return Poll::Pending,
            }
        };
        coop.made_progress();
        Poll::Ready(answer)
    }
}
