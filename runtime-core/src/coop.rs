//! Cooperative scheduling: how much one poll may do before it must let others run.
//!
//! Every poll of a task (or of a `block_on` future) opens a *frame* with a budget of
//! [`BUDGET_MAX`] units. Our own futures (I/O, timers, channels, join handles) take one unit for each
//! operation that succeeds; with none left they return `Pending` and ask for another poll. Outside of
//! any frame the budget is unlimited.
//!
//! Asking for another poll is cheap where the waker in hand is the running task's own: a flag tells the
//! worker to put the task at the back of its queue, with no waker cloned and no atomic touched. Any
//! other waker (a child of `FuturesUnordered`, say) is really woken, because its owner polls only
//! children that were.

pub mod futures;
mod waits_on;

pub use waits_on::WaitsOn;

use crate::tls;
use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr;
use std::task::{Context, Poll, RawWakerVTable, Waker};

/// Units per poll, as tokio's.
pub const BUDGET_MAX: u16 = 128;

/// More than anyone can use up in one poll: the budget outside of frames.
const UNLIMITED: u16 = u16::MAX;

/// In this order, so that the two pointers are not neighbours: they would be copied as one piece of 16 bytes,
/// which has to wait when they were written one by one a moment ago.
#[repr(C)]
struct Frame {
    data: Cell<*const ()>,
    budget: Cell<u16>,
    yielded: Cell<bool>,
    /// What the last of our futures that was pending waits for.
    waits_on: Cell<Option<WaitsOn>>,
    vtable: Cell<*const RawWakerVTable>,
}

tls! {
    /// Whether the thread runs tasks or drives a future, so that waiting on it would hold them up.
    static ON_DUTY: Cell<bool> = Cell::new(false);
    /// Whether what it runs can be run by no other thread.
    static PINNED: Cell<bool> = Cell::new(false);
    /// For how long polls on this thread have blocked it, and said so, while others did its work: in nanoseconds.
    static ASIDE_NS: Cell<u64> = Cell::new(0);
    static FRAME: Frame = Frame {
        budget: Cell::new(UNLIMITED),
        yielded: Cell::new(false),
        waits_on: Cell::new(None),
        data: Cell::new(ptr::null()),
        vtable: Cell::new(ptr::null()),
    };
}

/// What an enclosing frame looked like, put back when the inner one ends, also by a panic.
struct Outer {
    budget: u16,
    yielded: bool,
    data: *const (),
    vtable: *const RawWakerVTable,
}

impl Drop for Outer {
    fn drop(&mut self) {
        let _ = FRAME.try_with(|frame| {
            frame.budget.set(self.budget);
            frame.yielded.set(self.yielded);
            frame.data.set(self.data);
            frame.vtable.set(self.vtable);
        });
    }
}

/// Runs one poll in a frame of its own, whose own waker is `waker`. The flag says whether the poll
/// asked to be polled again through [`yield_now`].
// Always: a result that is handed on through memory is written in small pieces and read in large ones.
#[inline(always)]
pub fn enter<R>(waker: &Waker, poll: impl FnOnce() -> R) -> (R, bool) {
    let outer = FRAME.with(|frame| Outer {
        budget: frame.budget.replace(BUDGET_MAX),
        yielded: frame.yielded.replace(false),
        data: frame.data.replace(waker.data()),
        vtable: frame.vtable.replace(waker.vtable()),
    });
    let result = poll();
    let yielded = FRAME.with(|frame| frame.yielded.get());
    drop(outer);
    (result, yielded)
}

/// Runs `f` with an unlimited budget inside the current frame.
pub fn unlimited<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(u16);
    impl Drop for Restore {
        fn drop(&mut self) {
            let _ = FRAME.try_with(|frame| frame.budget.set(self.0));
        }
    }
    let _restore = FRAME.with(|frame| Restore(frame.budget.replace(UNLIMITED)));
    f()
}

/// While this lives, [`must_not_wait`] answers what [`set_duty`] was told.
#[derive(Debug)]
#[must_use]
pub(crate) struct Duty {
    outer: bool,
}

/// Says that this thread runs tasks or drives a future from now on (`true`), or that it does not although it
/// did (`false`, for code that has handed its duty to another thread). Drop what it returns in reverse order.
pub(crate) fn set_duty(is_on_duty: bool) -> Duty {
    // On a thread whose locals are gone nobody asks any more.
    Duty { outer: ON_DUTY.try_with(|duty| duty.replace(is_on_duty)).unwrap_or(false) }
}

impl Drop for Duty {
    fn drop(&mut self) {
        let _ = ON_DUTY.try_with(|duty| duty.set(self.outer));
    }
}

/// Whether this thread runs tasks or drives a future, so that waiting on it would hold them up.
pub(crate) fn must_not_wait() -> bool {
    ON_DUTY.try_with(Cell::get).unwrap_or(false)
}

/// While this lives, what the thread runs can be run by no other thread. Drop in reverse order.
#[derive(Debug)]
#[must_use]
pub(crate) struct PinnedDuty {
    outer: bool,
}

/// What this thread runs from here on can be run by no other.
pub(crate) fn pin_duty() -> PinnedDuty {
    PinnedDuty { outer: PINNED.try_with(|pinned| pinned.replace(true)).unwrap_or(true) }
}

impl Drop for PinnedDuty {
    fn drop(&mut self) {
        let _ = PINNED.try_with(|pinned| pinned.set(self.outer));
    }
}

/// Whether what this thread runs can be run by no other.
pub(crate) fn is_pinned() -> bool {
    PINNED.try_with(Cell::get).unwrap_or(false)
}

/// The poll that goes on has blocked the thread for so long, while others did its work.
pub(crate) fn add_aside_ns(ns: u64) {
    let _ = ASIDE_NS.try_with(|aside| aside.set(aside.get().wrapping_add(ns)));
}

/// The sum of these: it only grows.
pub(crate) fn aside_ns() -> u64 {
    ASIDE_NS.try_with(Cell::get).unwrap_or(0)
}

/// The waker of the frame that is being polled on this thread: its data and vtable.
pub(crate) fn current_frame() -> Option<(*const (), *const RawWakerVTable)> {
    let (data, vtable) =
        FRAME.try_with(|frame| (frame.data.get(), frame.vtable.get())).unwrap_or((ptr::null(), ptr::null()));
    if vtable.is_null() { None } else { Some((data, vtable)) }
}

/// Asks for another poll behind everything else that is ready. The caller returns `Pending`.
pub fn yield_now(cx: &Context<'_>) {
    let waker = cx.waker();
    let own = FRAME.try_with(|frame| {
        let own = frame.data.get() == waker.data() && ptr::eq(frame.vtable.get(), waker.vtable());
        if own {
            frame.yielded.set(true);
        }
        own
    });
    if !own.unwrap_or(false) {
        spend_one();
        waker.wake_by_ref();
    }
}

/// Takes a unit, if there is one, for what needs none: it shows that the poll which is going on gets something done, where all that
/// is seen of it is that it wakes its task.
pub(crate) fn spend_one() {
    let _ = FRAME.try_with(|frame| match frame.budget.get() {
        0 | UNLIMITED => {}
        left => frame.budget.set(left - 1),
    });
}

/// Whether the poll that is going on has asked for another through [`yield_now`].
pub fn has_yielded() -> bool {
    FRAME.try_with(|frame| frame.yielded.get()).unwrap_or(false)
}

/// Whether the poll that is going on has spent anything of its budget: then something got done.
pub(crate) fn has_spent() -> bool {
    FRAME.try_with(|frame| frame.budget.get() != BUDGET_MAX).unwrap_or(false)
}

/// Whether the poll that is going on may still do something. Always true outside of a runtime, and inside of
/// [`unconstrained`](futures::unconstrained).
pub fn has_budget_remaining() -> bool {
    FRAME.try_with(|frame| frame.budget.get() > 0).unwrap_or(true)
}

/// Takes one unit for an operation about to be tried.
///
/// `Pending` means that the budget is used up; another poll has been asked for. `Ready` carries a
/// guard that gives the unit back, unless [`made_progress`](RestoreOnPending::made_progress) says that
/// the operation succeeded.
#[inline]
pub fn poll_proceed(cx: &Context<'_>) -> Poll<RestoreOnPending> {
    proceed(cx, None)
}

/// [`poll_proceed`] for futures of ours, which say what their wait is for.
#[inline]
pub fn poll_proceed_on(cx: &Context<'_>, waits_on: WaitsOn) -> Poll<RestoreOnPending> {
    proceed(cx, Some(waits_on))
}

/// What the last of our futures that was pending in this poll waits for; forgotten by this.
pub(crate) fn take_wait() -> Option<WaitsOn> {
    FRAME.try_with(|frame| frame.waits_on.take()).ok().flatten()
}

#[inline]
fn proceed(cx: &Context<'_>, waits_on: Option<WaitsOn>) -> Poll<RestoreOnPending> {
    let taken = FRAME.try_with(|frame| match frame.budget.get() {
        0 => None,
        UNLIMITED => Some(false),
        left => {
            frame.budget.set(left - 1);
            Some(true)
        }
    });
    match taken {
        Ok(Some(taken)) => Poll::Ready(RestoreOnPending::new(taken, waits_on)),
        Ok(None) => {
            yield_now(cx);
            Poll::Pending
        }
        // The thread is ending: no budget to keep.
        Err(_) => Poll::Ready(RestoreOnPending::new(false, None)),
    }
}

/// Gives the unit back on drop, unless progress was made.
#[derive(Debug)]
#[must_use]
pub struct RestoreOnPending {
    taken: Cell<bool>,
    waits_on: Option<WaitsOn>,
    /// The unit is of the poll on this thread.
    _not_send: PhantomData<*const ()>,
}

impl RestoreOnPending {
    fn new(taken: bool, waits_on: Option<WaitsOn>) -> Self {
        RestoreOnPending { taken: Cell::new(taken), waits_on, _not_send: PhantomData }
    }

    /// The operation succeeded: the unit is spent.
    pub fn made_progress(&self) {
        self.taken.set(false);
    }
}

impl Drop for RestoreOnPending {
    fn drop(&mut self) {
        if self.taken.get() {
            let _ = FRAME.try_with(|frame| {
                frame.budget.set(frame.budget.get().saturating_add(1).min(BUDGET_MAX));
                frame.waits_on.set(self.waits_on);
            });
        }
    }
}
