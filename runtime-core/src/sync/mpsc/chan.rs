//! What the ends of a channel share, and the two inner ends: [`Tx`], counted, and [`Rx`], of which there
//! is one.
//!
//! # How the receiver sleeps
//!
//! r1 pop: nothing. r2 leave the waker. r3 mark the head slot. r4 look whether the channel is over. Then
//! sleep. Each way in which there can be something to do wakes it:
//! - a value: its push swaps the head slot to FULL. If that is before r3, r3 sees it. If after, the swap
//!   sees the mark and, with it, the waker of r2.
//! - the last sender goes: it counts down, then wakes. If the count is before r4, r4 sees it; if after,
//!   then so is the wake after r2.
//! - the last permit of a closed channel comes back: it is given back, then the receiver is woken if the
//!   channel is closed. The same argument.
//!
//! # Invariants
//! - I1: there is one [`Rx`] per channel, and what pops or marks takes it by `&mut`. So the queue's I4 holds.

use super::queue::{Pushed, Queue};
use super::room::{Bounded, Boundless, Room};
use crate::coop;
use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::primitive::{Arc, thread};
use crate::sync::atomic_waker::AtomicWaker;
use crate::sync::fault::{Fault, planted};
use crate::sync::notify::Notify;
use crate::sync::permits::Refusal;
use crate::util::wake_list::drop_quietly;
use std::convert::Infallible;
use std::ops::Deref;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::task::{Context, Poll, ready};

/// What the ends share.
pub(super) struct Chan<T, R: Room> {
    queue: Queue<T, R>,
    rx_waker: AtomicWaker,
    /// Told when the channel closes.
    rx_closed: Notify,
    senders: AtomicUsize,
    weak_senders: AtomicUsize,
}

// Values pass through whole: what a panic of the user's may leave half done is never in a channel.
impl<T, R: Room> UnwindSafe for Chan<T, R> {}
impl<T, R: Room> RefUnwindSafe for Chan<T, R> {}

/// Makes a channel.
pub(super) fn pair<T, R: Room>(room: R) -> (Tx<T, R>, Rx<T, R>) {
    let chan = Arc::new(Chan {
        queue: Queue::new(room),
        rx_waker: AtomicWaker::new(),
        rx_closed: Notify::new(),
        senders: AtomicUsize::new(1),
        weak_senders: AtomicUsize::new(0),
    });
    (Tx { chan: Arc::clone(&chan) }, Rx { chan })
}

impl<T, R: Room> Chan<T, R> {
    /// What limits this channel.
    pub(super) fn room(&self) -> &R {
        self.queue.beside()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.room().is_closed()
    }

    /// Waits until the channel is closed.
    pub(super) async fn closed(&self) {
        // For whoever asks in a loop when it is closed.
        coop::futures::consume_budget().await;
        let was_closed = planted(Fault::ClosedSeenEarly) && self.is_closed();
        // Made before the look: it gets every `notify_waiters` from here on.
        let told = self.rx_closed.notified();
        let is_closed = if planted(Fault::ClosedSeenEarly) { was_closed } else { self.is_closed() };
        if !is_closed {
            told.await;
        }
    }

    /// Sends if `admit` takes room for it; see [`Queue::push`].
    fn push<E>(&self, value: T, admit: impl Fn(u64) -> Result<u64, E>) -> Result<(), (T, E)> {
        match self.queue.push(value, admit)? {
            Pushed::Quiet => {}
            Pushed::Marked => self.rx_waker.wake(),
        }
        Ok(())
    }

    /// Room was given back without a value. A receiver of a closed channel may wait for exactly that.
    pub(super) fn after_give_back(&self) {
        if self.is_closed() && !planted(Fault::LastPermitSilent) {
            self.rx_waker.wake();
        }
    }

    pub(super) fn strong_count(&self) -> usize {
        // ORDER: Acquire; pairs with the last `Tx`'s drop.
        self.senders.load(Ordering::Acquire)
    }

    pub(super) fn weak_count(&self) -> usize {
        self.weak_senders.load(Ordering::Relaxed)
    }
}

impl<T> Chan<T, Bounded> {
    /// Sends into room that was reserved, which a closed channel honours.
    pub(super) fn send_reserved(&self, value: T) {
        let Ok(()) = self.push(value, Ok::<u64, Infallible>);
    }

    /// Sends if there is room and nobody waits for it.
    pub(super) fn try_send(&self, mut value: T) -> Result<(), (T, Refusal)> {
        loop {
            match self.push(value, Bounded::admit) {
                Err((back, Refusal::NoPermits)) if self.room().permits.refill() => value = back,
                result => return result,
            }
        }
    }
}

impl<T> Chan<T, Boundless> {
    /// Sends, unless the channel is closed.
    pub(super) fn send(&self, value: T) -> Result<(), T> {
        self.push(value, Boundless::admit).map_err(|(value, ())| value)
    }
}

/// A sending end.
pub(super) struct Tx<T, R: Room> {
    chan: Arc<Chan<T, R>>,
}

impl<T, R: Room> Tx<T, R> {
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chan, &other.chan)
    }

    pub(super) fn downgrade(&self) -> WeakTx<T, R> {
        self.weak_senders.fetch_add(1, Ordering::Relaxed);
        WeakTx { chan: Arc::clone(&self.chan) }
    }
}

impl<T, R: Room> Deref for Tx<T, R> {
    type Target = Chan<T, R>;

    fn deref(&self) -> &Chan<T, R> {
        &self.chan
    }
}

impl<T, R: Room> Clone for Tx<T, R> {
    fn clone(&self) -> Self {
        // Relaxed: this end keeps the count above zero.
        self.senders.fetch_add(1, Ordering::Relaxed);
        Tx { chan: Arc::clone(&self.chan) }
    }
}

impl<T, R: Room> Drop for Tx<T, R> {
    fn drop(&mut self) {
        // ORDER: AcqRel; the receiver that sees zero sees all that was sent.
        if self.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.rx_waker.wake();
        }
    }
}

/// A sending end that does not keep the channel open.
pub(super) struct WeakTx<T, R: Room> {
    chan: Arc<Chan<T, R>>,
}

impl<T, R: Room> WeakTx<T, R> {
    pub(super) fn upgrade(&self) -> Option<Tx<T, R>> {
        let one_more = |count| if count == 0 { None } else { Some(count + 1) };
        // Relaxed, as in a clone: a count above zero stays there until this is done.
        self.senders.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Tx { chan: Arc::clone(&self.chan) })
    }
}

impl<T, R: Room> Deref for WeakTx<T, R> {
    type Target = Chan<T, R>;

    fn deref(&self) -> &Chan<T, R> {
        &self.chan
    }
}

impl<T, R: Room> Clone for WeakTx<T, R> {
    fn clone(&self) -> Self {
        self.weak_senders.fetch_add(1, Ordering::Relaxed);
        WeakTx { chan: Arc::clone(&self.chan) }
    }
}

impl<T, R: Room> Drop for WeakTx<T, R> {
    fn drop(&mut self) {
        self.weak_senders.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nothing {
    /// Not now.
    Yet,
    /// Never again.
    EverAgain,
}

/// The receiving end.
pub(super) struct Rx<T, R: Room> {
    chan: Arc<Chan<T, R>>,
}

impl<T, R: Room> Deref for Rx<T, R> {
    type Target = Chan<T, R>;

    fn deref(&self) -> &Chan<T, R> {
        &self.chan
    }
}

impl<T, R: Room> Rx<T, R> {
    /// How many values are there or just being sent.
    pub(super) fn len(&self) -> usize {
        // SAFETY: I1: nobody pops while this end is borrowed.
        unsafe { self.queue.len() }
    }

    fn pop(&mut self) -> Option<T> {
        // SAFETY: I1: `&mut self`.
        unsafe { self.queue.pop() }
    }

    /// Gives up to `limit` values to `take`; says how many.
    fn take(&mut self, limit: usize, mut take: impl FnMut(T)) -> usize {
        let mut count = 0;
        while count < limit {
            let Some(value) = self.pop() else { break };
            count += 1;
            take(value);
        }
        if count > 0 {
            self.room().received(count);
        }
        count
    }

    /// Whether nothing will come that is not there now.
    fn is_over(&self) -> bool {
        self.strong_count() == 0 || self.is_closed() && self.room().is_idle() && self.len() == 0
    }

    /// Gives up to `limit` values, at least one, to `take`, or waits. Ready with 0: the channel is over.
    pub(super) fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        limit: usize,
        mut take: impl FnMut(T),
    ) -> Poll<usize> {
        let progress = ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Channel));
        let mut count = self.take(limit, &mut take);
        if count == 0 {
            let was_over = planted(Fault::SendersSeenEarly) && self.is_over();
            self.rx_waker.register(cx.waker());
            // SAFETY: I1: `&mut self`.
            let is_empty = planted(Fault::SlotUnmarked) || unsafe { self.queue.mark_head() };
            let is_over = if planted(Fault::SendersSeenEarly) { was_over } else { self.is_over() };
            if is_empty && !is_over {
                return Poll::Pending;
            }
            // What came since the first look. Nothing: then it is over, for a full slot can be taken.
            count = self.take(limit, &mut take);
        }
        progress.made_progress();
        Poll::Ready(count)
    }

    /// The first value, without waiting.
    pub(super) fn try_recv(&mut self) -> Result<T, Nothing> {
        let mut value = None;
        loop {
            let is_over = self.take(1, |first| value = Some(first)) == 0 && self.is_over();
            if is_over {
                // What came before the last sender went, and after the first look.
                self.take(1, |first| value = Some(first));
            }
            match value {
                Some(value) => return Ok(value),
                None if is_over => return Err(Nothing::EverAgain),
                None if self.len() == 0 => return Err(Nothing::Yet),
                // A sender has claimed the slot and is about to fill it; another one behind it may have
                // told the caller that it has sent.
                None => thread::yield_now(),
            }
        }
    }

    /// Refuses what was not sent yet.
    pub(super) fn close(&mut self) {
        self.room().close();
        self.rx_closed.notify_waiters();
    }
}

impl<T, R: Room> Drop for Rx<T, R> {
    fn drop(&mut self) {
        self.close();
        drop_quietly(self.rx_waker.take());
        // One by one, no lock held: a panic in one value's destructor keeps no other from being dropped.
        while let Some(value) = self.pop() {
            self.room().received(1);
            drop_quietly(value);
        }
    }
}
