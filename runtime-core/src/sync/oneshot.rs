//! One value from one task to another.
//!
//! [`channel`] makes a [`Sender`] and a [`Receiver`]. Sending never waits, so it works anywhere; the
//! receiver is a future. One allocation, and two atomic operations per side at the most, usually one.
//!
//! # Protocol
//!
//! Both ends share one allocation and one word:
//!
//! | bit | name | set by | meaning |
//! |---|---|---|---|
//! | 0 | COMPLETE | sender | it has said what it had to say; never set after CLOSED |
//! | 1 | VALUE | sender, with COMPLETE | the value is in its cell |
//! | 2 | CLOSED | receiver | it takes no value that is not there yet |
//! | 3 | RX_WAKER | receiver | its waker is in its cell; taken back only before COMPLETE |
//! | 4 | TX_WAKER | sender | its waker is in its cell; taken back only before CLOSED |
//! | 5 | TX_GONE | sender | touches nothing any more |
//! | 6 | RX_GONE | receiver | touches nothing any more; after CLOSED or the value |
//!
//! COMPLETE and CLOSED race for the word: whichever comes first settles what the other side finds. If
//! COMPLETE is first, the value is the receiver's, even if it closes. If CLOSED is first, `send` gives the
//! value back. Each of the two also hands the *other* side's waker to who set it.
//!
//! # Invariants
//! - I1: the value belongs to the sender before COMPLETE and to the receiver after it.
//! - I2: the receiver's waker cell belongs to the sender from the RMW that set COMPLETE and saw RX_WAKER
//!   until TX_GONE, and to the receiver at all other times.
//! - I3: the sender's waker cell belongs to the receiver from the RMW that set CLOSED and saw TX_WAKER but
//!   not COMPLETE until RX_GONE, and to the sender at all other times.
//! - I4: the allocation lives until both GONE bits are set; who sets the second one, or finds the other's
//!   set when it leaves, frees it. Each end leaves once and then holds no pointer.

use super::blocking::block_on;
use super::fault::{Fault, planted};
use crate::coop;
use crate::primitive::UnsafeCell;
use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::task::resource::{Flag, Op, Resource};
use crate::task::unpolled::must_await;
use crate::util::wake_list::{drop_quietly, wake};
use futures_core::future::FusedFuture;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker, ready};

use error::{RecvError, TryRecvError};

const COMPLETE: usize = 1;
const VALUE: usize = 2;
const CLOSED: usize = 4;
const RX_WAKER: usize = 8;
const TX_WAKER: usize = 16;
const TX_GONE: usize = 32;
const RX_GONE: usize = 64;

struct Shared<T> {
    state: AtomicUsize,
    value: UnsafeCell<Option<T>>,
    rx_waker: UnsafeCell<Option<Waker>>,
    tx_waker: UnsafeCell<Option<Waker>>,
}

/// One end's pointer to the allocation. I4 makes it good for as long as the end has it.
struct End<T> {
    shared: NonNull<Shared<T>>,
    _value: PhantomData<T>,
}

// SAFETY: the value moves between threads, so T must be Send; I1 to I3 give each cell one user at a time.
unsafe impl<T: Send> Send for End<T> {}
// SAFETY: as above; shared references to an end only read the state.
unsafe impl<T: Send> Sync for End<T> {}

impl<T> Clone for End<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for End<T> {}

impl<T> End<T> {
    fn shared(&self) -> &Shared<T> {
        // SAFETY: I4: this end has not left.
        unsafe { self.shared.as_ref() }
    }

    /// ORDER: Acquire; what the other side wrote before it set the bits is visible.
    fn load(&self) -> usize {
        self.shared().state.load(Ordering::Acquire)
    }

    /// ORDER: AcqRel; publishes the cells that the bits speak of, and sees the other side's.
    fn set(&self, bits: usize) -> usize {
        self.shared().state.fetch_or(bits, Ordering::AcqRel)
    }

    /// ORDER: AcqRel, as in `set`.
    fn clear(&self, bit: usize) -> usize {
        self.shared().state.fetch_and(!bit, Ordering::AcqRel)
    }

    /// Leaves by setting `own`; frees if the other one has left.
    fn leave(self, own: usize, other: usize) {
        // The load saves the RMW in the usual case: the other one left long ago.
        if self.load() & other != 0 || self.set(own) & other != 0 {
            self.free();
        }
    }

    /// Frees the allocation, with whatever wakers are left inside.
    fn free(self) {
        // SAFETY: I4: the other end has left and this one leaves now.
        let shared = unsafe { Box::from_raw(self.shared.as_ptr()) };
        // Foreign destructors; there is nobody to tell about a panic.
        drop_quietly(shared);
    }

    /// For who owns the value by I1.
    fn with_value<R>(&self, f: impl FnOnce(&mut Option<T>) -> R) -> R {
        self.shared().value.with_mut(|value| {
            // SAFETY: I1.
            f(unsafe { &mut *value })
        })
    }

    /// For who owns the receiver's waker cell by I2.
    fn with_rx_waker<R>(&self, f: impl FnOnce(&mut Option<Waker>) -> R) -> R {
        self.shared().rx_waker.with_mut(|waker| {
            // SAFETY: I2.
            f(unsafe { &mut *waker })
        })
    }

    /// For who owns the sender's waker cell by I3.
    fn with_tx_waker<R>(&self, f: impl FnOnce(&mut Option<Waker>) -> R) -> R {
        self.shared().tx_waker.with_mut(|waker| {
            // SAFETY: I3.
            f(unsafe { &mut *waker })
        })
    }
}

/// Makes a channel for one value.
///
/// # Examples
/// ```
/// use runtime_core::sync::oneshot;
///
/// # futures::executor::block_on(async {
/// let (tx, rx) = oneshot::channel();
/// std::thread::spawn(move || tx.send("done"));
/// assert_eq!(rx.await, Ok("done"));
///
/// let (tx, rx) = oneshot::channel::<()>();
/// drop(tx);
/// assert!(rx.await.is_err());
/// # });
/// ```
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Box::new(Shared {
        state: AtomicUsize::new(0),
        value: UnsafeCell::new(None),
        rx_waker: UnsafeCell::new(None),
        tx_waker: UnsafeCell::new(None),
    });
    let end = End { shared: NonNull::from(Box::leak(shared)), _value: PhantomData };
    let resource = Resource::sync("Sender|Receiver");
    for flag in [Flag::TxDropped, Flag::RxDropped, Flag::ValueSent, Flag::ValueReceived] {
        resource.set(flag, false);
    }
    let op = resource.start("Receiver::await");
    (Sender { end: Some(end), resource }, Receiver { end: Some(end), op })
}

/// Sends the value. Dropping it without sending lets the receiver fail.
///
/// ```compile_fail
/// fn assert_send<T: Send>() {}
/// assert_send::<runtime_core::sync::oneshot::Sender<std::rc::Rc<()>>>();
/// ```
pub struct Sender<T> {
    /// `None` once it has left.
    end: Option<End<T>>,
    resource: Resource,
}

/// Receives the value: a future of `Result<T, RecvError>`. To use it in a loop, poll `&mut rx`.
///
/// Dropping it drops a value that was sent and not received, and lets the sender know.
///
/// # Cancel safety
/// `&mut rx` keeps its place: the value stays until it is received.
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Receiver<T> {
    /// `None` once it has received, or has been told that there will be nothing.
    end: Option<End<T>>,
    op: Op,
}

impl<T> Sender<T> {
    /// Sends `value`. Never waits.
    ///
    /// # Errors
    /// Gives the value back if the receiver was closed or dropped before. `Ok` does not mean that the
    /// value will be received: the receiver may be dropped afterwards.
    pub fn send(mut self, value: T) -> Result<(), T> {
        match self.end.take() {
            Some(end) => match Self::complete(end, Some(value)) {
                None => {
                    self.resource.set(Flag::ValueSent, true);
                    Ok(())
                }
                Some(value) => Err(value),
            },
            None => Err(value),
        }
    }

    /// Says the last word and leaves. Gives the value back if nobody will take it.
    fn complete(end: End<T>, value: Option<T>) -> Option<T> {
        let mut said = COMPLETE;
        if value.is_some() {
            said |= VALUE;
            // I1: before COMPLETE.
            end.with_value(|cell| *cell = value);
        }
        let mut state = end.load();
        loop {
            if state & CLOSED != 0 && !planted(Fault::OneshotSendsClosed) {
                // I1: COMPLETE will never be set.
                let value = end.with_value(Option::take);
                end.leave(TX_GONE, RX_GONE);
                return value;
            }
            // With nothing else to do here, the last word and the leaving are one step.
            let wakers = state & (RX_WAKER | TX_WAKER);
            let new = state | said | if wakers == 0 { TX_GONE } else { 0 };
            // ORDER: AcqRel; Release publishes the value, Acquire sees the receiver's waker.
            let exchange =
                end.shared().state.compare_exchange(state, new, Ordering::AcqRel, Ordering::Acquire);
            match exchange {
                Ok(_) if wakers == 0 => return None,
                Ok(_) => break,
                Err(now) => state = now,
            }
        }
        // I2, I3: COMPLETE was first.
        let rx_waker = if state & RX_WAKER != 0 { end.with_rx_waker(Option::take) } else { None };
        let tx_waker = if state & TX_WAKER != 0 { end.with_tx_waker(Option::take) } else { None };
        end.leave(TX_GONE, RX_GONE);
        rx_waker.into_iter().for_each(wake);
        drop_quietly(tx_waker);
        None
    }

    /// Waits until the receiver is closed or dropped: then nobody wants the value any more.
    ///
    /// # Cancel safety
    /// Yes.
    ///
    /// # Examples
    /// ```
    /// # futures::executor::block_on(async {
    /// let (mut tx, rx) = runtime_core::sync::oneshot::channel::<()>();
    /// std::thread::spawn(move || drop(rx));
    /// tx.closed().await;
    /// assert_eq!(tx.send(()), Err(()));
    /// # });
    /// ```
    #[track_caller]
    pub fn closed(&mut self) -> impl Future<Output = ()> {
        must_await("oneshot::Sender::closed", async move {
            let op = self.resource.start("Sender::closed");
            op.around("poll_closed", poll_fn(|cx| self.poll_closed(cx))).await;
        })
    }

    /// Whether the receiver is closed or dropped.
    pub fn is_closed(&self) -> bool {
        self.end.as_ref().is_none_or(|end| end.load() & CLOSED != 0)
    }

    /// The poll of [`closed`](Self::closed). Only the waker of the last call is woken.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let progress = ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Channel));
        let Some(end) = &self.end else { return Poll::Ready(()) };
        let mut state = end.load();
        if state & CLOSED == 0 && state & TX_WAKER != 0 {
            // I3: that it was open a moment ago is not enough to look into the cell: take it back.
            state = end.clear(TX_WAKER);
        }
        if state & CLOSED == 0 {
            let old = leave_waker(cx.waker(), |cell| end.with_tx_waker(cell));
            let after = end.set(TX_WAKER);
            drop_quietly(old);
            if planted(Fault::OneshotClosedUnchecked) {
                return Poll::Pending;
            }
            state = after;
        }
        if state & CLOSED == 0 {
            return Poll::Pending;
        }
        progress.made_progress();
        Poll::Ready(())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            Self::complete(end, None);
            self.resource.set(Flag::TxDropped, true);
        }
    }
}

impl<T> Receiver<T> {
    /// Takes no value that was not sent yet: the sender's `send` fails from now on. One that was sent
    /// before can still be received.
    ///
    /// # Examples
    /// ```
    /// let (tx, mut rx) = runtime_core::sync::oneshot::channel();
    /// rx.close();
    /// assert_eq!(tx.send("too late"), Err("too late"));
    /// ```
    pub fn close(&mut self) {
        if let Some(end) = &self.end {
            Self::close_end(end).into_iter().for_each(wake);
            self.op.resource().set(Flag::RxDropped, true);
        }
    }

    /// Sets CLOSED; the sender's waker, if it is to be woken.
    fn close_end(end: &End<T>) -> Option<Waker> {
        let state = end.set(CLOSED);
        let is_ours = state & TX_WAKER != 0 && state & (COMPLETE | CLOSED) == 0;
        // I3: CLOSED was first, and by this call.
        if is_ours { end.with_tx_waker(Option::take) } else { None }
    }

    /// Whether the value was received, or failed to be: polling again would panic.
    pub fn is_terminated(&self) -> bool {
        self.end.is_none()
    }

    /// Whether no value is waiting to be received.
    pub fn is_empty(&self) -> bool {
        self.end.as_ref().is_none_or(|end| end.load() & VALUE == 0)
    }

    /// The value, if it is there.
    ///
    /// # Errors
    /// `Empty` if it may still come, `Closed` if it will not, or has been received.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let Some(end) = self.end else { return Err(TryRecvError::Closed) };
        match Self::finish(&mut self.end, end.load()) {
            Some(result) => {
                self.op.resource().set(Flag::ValueReceived, result.is_ok());
                result.map_err(|_| TryRecvError::Closed)
            }
            None => Err(TryRecvError::Empty),
        }
    }

    /// Waits for the value on a thread without async code.
    ///
    /// # Errors
    /// If the sender was dropped without sending.
    ///
    /// # Examples
    /// ```
    /// let (tx, rx) = runtime_core::sync::oneshot::channel();
    /// let receiver = std::thread::spawn(move || rx.blocking_recv());
    /// tx.send(7).unwrap();
    /// assert_eq!(receiver.join().unwrap(), Ok(7));
    /// ```
    ///
    /// # Panics
    /// On a thread that is running tasks: it would hold them up.
    #[track_caller]
    pub fn blocking_recv(self) -> Result<T, RecvError> {
        block_on(self)
    }

    /// The poll of the future, by the end alone.
    fn poll_end(slot: &mut Option<End<T>>, cx: &mut Context<'_>) -> Poll<Result<T, RecvError>> {
        let progress = ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Channel));
        let end = slot.expect("a oneshot receiver was polled after it had completed");
        let mut state = end.load();
        if state & (COMPLETE | CLOSED) == 0 {
            if state & RX_WAKER != 0 {
                // I2: that it was open a moment ago is not enough to look into the cell: take it back.
                state = end.clear(RX_WAKER);
            }
            if state & COMPLETE == 0 {
                let old = leave_waker(cx.waker(), |cell| end.with_rx_waker(cell));
                let after = end.set(RX_WAKER);
                drop_quietly(old);
                if planted(Fault::OneshotUnchecked) {
                    return Poll::Pending;
                }
                state = after;
            }
        }
        match Self::finish(slot, state) {
            Some(result) => {
                progress.made_progress();
                Poll::Ready(result)
            }
            None => Poll::Pending,
        }
    }

    /// If the word is settled: leaves, with the value if there is one.
    fn finish(slot: &mut Option<End<T>>, state: usize) -> Option<Result<T, RecvError>> {
        if state & (COMPLETE | CLOSED) == 0 {
            return None;
        }
        let end = slot.take()?;
        // I1: COMPLETE comes with VALUE.
        let value = if state & VALUE != 0 { end.with_value(Option::take) } else { None };
        Self::leave(end, state);
        Some(value.ok_or(RecvError(())))
    }

    /// Leaves in the settled `state`.
    fn leave(end: End<T>, state: usize) {
        let is_ours = state & RX_WAKER != 0 && state & COMPLETE == 0;
        // I2: dropped here, not with the allocation: two tasks that hold each other's would live for ever.
        let waker = if is_ours { end.with_rx_waker(Option::take) } else { None };
        end.leave(RX_GONE, TX_GONE);
        drop_quietly(waker);
    }
}

/// Puts a clone of `waker` into a cell that the caller owns, unless it is there; gives the old one back.
fn leave_waker(waker: &Waker, with_cell: impl Fn(&mut dyn FnMut(&mut Option<Waker>))) -> Option<Waker> {
    let mut is_same = false;
    with_cell(&mut |cell| is_same = cell.as_ref().is_some_and(|old| old.will_wake(waker)));
    if is_same {
        return None;
    }
    let mut clone = Some(waker.clone());
    with_cell(&mut |cell| mem::swap(cell, &mut clone));
    clone
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    /// # Panics
    /// If it has given its result already.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Receiver { end, op } = self.get_mut();
        let polled = op.poll("poll_recv", || Self::poll_end(end, cx));
        if let Poll::Ready(result) = &polled {
            op.resource().set(Flag::ValueReceived, result.is_ok());
        }
        polled
    }
}

impl<T> FusedFuture for Receiver<T> {
    fn is_terminated(&self) -> bool {
        Receiver::is_terminated(self)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let Some(end) = self.end.take() else { return };
        let tx_waker = Self::close_end(&end);
        let state = end.load();
        // I1: after CLOSED no value can come.
        let value = if state & VALUE != 0 { end.with_value(Option::take) } else { None };
        Self::leave(end, state);
        tx_waker.into_iter().for_each(wake);
        drop_quietly(value);
        self.op.resource().set(Flag::RxDropped, true);
    }
}

impl<T> Unpin for Receiver<T> {}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("is_closed", &self.is_closed()).finish()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("is_terminated", &self.is_terminated())
            .field("is_empty", &self.is_empty())
            .finish()
    }
}

/// Why nothing was received.
pub mod error {
    use std::error::Error;
    use std::fmt;

    /// The sender was dropped without sending.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct RecvError(pub(super) ());

    /// Why [`Receiver::try_recv`](super::Receiver::try_recv) gave nothing.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum TryRecvError {
        /// The value may still come.
        Empty,
        /// It will not come, or has been received.
        Closed,
    }

    impl fmt::Display for RecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("channel closed")
        }
    }

    impl Error for RecvError {}

    impl fmt::Display for TryRecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(match self {
                TryRecvError::Empty => "channel empty",
                TryRecvError::Closed => "channel closed",
            })
        }
    }

    impl Error for TryRecvError {}
}
