//! Wakers of tasks.
//!
//! # Invariants
//! - W1: the data of a waker with [`VTABLE`] is a task's header, and each waker owns one reference, but
//!   for the one lent to a poll, which is never dropped.

use super::raw::{Header, RawTask};
use super::state::Submit;
use super::trace::{Op, waker_op};
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

pub(crate) static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop);

/// A waker for the length of a poll, without a reference.
pub(super) fn borrowed_waker(task: RawTask) -> ManuallyDrop<Waker> {
    // SAFETY: W1; the poll lives under the runtime's reference.
    ManuallyDrop::new(unsafe { Waker::from_raw(raw_waker(task)) })
}

fn raw_waker(task: RawTask) -> RawWaker {
    RawWaker::new(task.as_ptr().as_ptr().cast_const().cast(), &VTABLE)
}

/// # Safety
/// `data` is of a waker with [`VTABLE`].
pub(super) unsafe fn task_of(data: *const ()) -> RawTask {
    // SAFETY: W1: the data was a NonNull.
    let header = unsafe { NonNull::new_unchecked(data.cast_mut().cast::<Header>()) };
    // SAFETY: W1.
    unsafe { RawTask::from_ptr(header) }
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: W1.
    let task = unsafe { task_of(data) };
    waker_op(Op::Clone, || task.traced());
    task.state().add_ref();
    raw_waker(task)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: W1.
    let task = unsafe { task_of(data) };
    waker_op(Op::Wake, || task.traced());
    submit(task);
    // The reference is dropped last: it keeps the scheduler alive that is inside of `schedule`.
    task.unref();
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: W1.
    let task = unsafe { task_of(data) };
    waker_op(Op::WakeByRef, || task.traced());
    submit(task);
}

fn submit(task: RawTask) {
    if task.state().wake() == Submit::Yes {
        // SAFETY: the move above said so.
        unsafe { task.schedule() };
    }
}

unsafe fn drop(data: *const ()) {
    // SAFETY: W1.
    let task = unsafe { task_of(data) };
    // Before the reference goes, which may be the last.
    waker_op(Op::Drop, || task.traced());
    task.unref();
}
