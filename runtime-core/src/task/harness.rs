//! What happens to a task between a queue and its end, typed by its future.
//!
//! # Invariants
//! Those of [`raw`](super::raw), and:
//! - H1: a function here that is reached through the vtable of `Cell<F, O, N>` gets such a cell (I2), and
//!   may share it for as long as the call's reason keeps it alive: the runtime's reference until DONE.
//! - H2: the future never moves: it stays in the stage of a boxed cell until it is dropped there.
//!
//! All user code (the future's poll and drop, the output's drop, wakers) runs inside a panic guard: a panic
//! in the poll or in the future's drop becomes the task's result; one in an output's drop, or in a
//! waker, ends where it happens, after the panic hook has printed it.

use super::error::JoinError;
use super::extras::{Extras, Given};
use super::head::Head;
use super::id::Id;
use super::outcome::{How, Outcome};
use super::raw::{Cell, Header, JoinWaker, Label, RawTask, Stage, Vtable};
use super::state::{Start, Submit};
use super::unhandled::{report_error, report_panic};
use super::waker::borrowed_waker;
use super::{Keeper, Notified, Owner};
use crate::coop;
use crate::util::fault::{Fault, planted};
use crate::util::wake_list::{drop_quietly, quietly};
use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll};

type Output<F> = Result<<F as Future>::Output, JoinError>;

/// A new cell. Its reference of the runtime goes with the first queue entry, the other with the handle.
pub(super) fn new_task<F: Future, O: Owner, N: Label<F::Output>>(
    future: F,
    owner: O,
    name: N,
    id: Id,
    site: &'static Location<'static>,
    given: Given,
) -> RawTask {
    let head = Head::new(&Harness::<F, O, N>::TASK, given);
    Cell::<F, O, N>::allocate(future, owner, name, id, site, head)
}

/// A new cell for a job of the blocking pool.
pub(super) fn new_job<F: Future, O: Owner>(
    future: F,
    owner: O,
    id: Id,
    site: &'static Location<'static>,
    given: Given,
) -> RawTask {
    let head = Head::new(&Harness::<F, O, ()>::JOB, given);
    Cell::<F, O, ()>::allocate(future, owner, (), id, site, head)
}

struct Harness<F: Future, O, N> {
    cell: NonNull<Cell<F, O, N>>,
}

impl<F: Future, O: Owner, N: Label<F::Output>> Harness<F, O, N> {
    const TASK: Vtable = Vtable {
        run: run::<F, O, N>,
        schedule: schedule::<F, O, N>,
        abort: abort::<F, O, N>,
        refuse: refuse_nothing,
        take_output: take_output::<F, O, N>,
        drop_stage: drop_stage::<F, O, N>,
        join_waker: join_waker::<F, O, N>,
        name: name::<F, O, N>,
        keeper: keeper::<F, O, N>,
        free: free::<F, O, N>,
    };

    const JOB: Vtable = Vtable {
        run: run_job::<F, O, N>,
        schedule: schedule_nothing,
        abort: abort_job::<F, O, N>,
        refuse: refuse_job::<F, O, N>,
        ..Self::TASK
    };

    fn of(header: NonNull<Header>) -> Self {
        Harness { cell: header.cast() }
    }

    fn raw(&self) -> RawTask {
        // SAFETY: I1: the header is the first field, and H1 keeps it alive.
        unsafe { RawTask::from_ptr(self.cell.cast()) }
    }

    fn cell(&self) -> &Cell<F, O, N> {
        // SAFETY: H1.
        unsafe { self.cell.as_ref() }
    }

    fn with_stage<R>(&self, f: impl FnOnce(&mut Stage<F>) -> R) -> R {
        self.cell().stage.with_mut(|stage| {
            // SAFETY: I3: every caller is the thread to which the stage belongs at that time.
            f(unsafe { &mut *stage })
        })
    }

    /// Polls once. RUNNING is ours. A future that has ended is dropped.
    fn poll(&self) -> (Poll<Output<F>>, bool) {
        let raw = self.raw();
        let waker = borrowed_waker(raw);
        coop::enter(&waker, || {
            let mut cx = Context::from_waker(&waker);
            let mut poll = || self.poll_future(&mut cx);
            match raw.head().extras() {
                None => poll(),
                Some(extras) => extras.polled(|| raw.whose(), || raw.state().is_woken(), poll),
            }
        })
    }

    #[inline(always)]
    fn poll_future(&self, cx: &mut Context<'_>) -> Poll<Output<F>> {
        match catch_unwind(AssertUnwindSafe(|| self.with_stage(|stage| poll_stage(stage, cx)))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(self.drop_future(Ok(output))),
            Err(payload) => Poll::Ready(self.drop_future(Err(self.panicked(payload)))),
        }
    }

    /// Runs `f` as what the task does: it is the current one, and what it has inherited is in scope. The flag says whether
    /// it asked to be polled again.
    #[inline(always)]
    fn inside<R>(&self, f: impl FnOnce(&mut Context<'_>) -> R) -> (R, bool) {
        let raw = self.raw();
        let waker = borrowed_waker(raw);
        coop::enter(&waker, || {
            let mut cx = Context::from_waker(&waker);
            match raw.head().extras() {
                None => f(&mut cx),
                Some(extras) => extras.scoped(|| f(&mut cx)),
            }
        })
    }

    /// What the task gives, once its future is dropped: a panic in that takes the output's place.
    fn drop_future(&self, output: Output<F>) -> Output<F> {
        let dropped = catch_unwind(AssertUnwindSafe(|| self.with_stage(|stage| *stage = Stage::Consumed)));
        match dropped {
            Ok(()) => output,
            Err(payload) => {
                drop_quietly(output);
                Err(self.panicked(payload))
            }
        }
    }

    /// What a task gives that is polled no more.
    fn cancel(&self) -> Output<F> {
        self.inside(|_| self.drop_future(Err(self.cancelled()))).0
    }

    fn panicked(&self, payload: Box<dyn Any + Send>) -> JoinError {
        JoinError::panic(self.raw().whose(), payload)
    }

    fn cancelled(&self) -> JoinError {
        JoinError::cancelled(self.raw().whose())
    }

    /// Stores the output where the future was.
    fn store(&self, output: Output<F>) -> How {
        let how = how(&output);
        let raw = self.raw();
        if let Some(extras) = raw.head().extras() {
            extras.ended(|| raw.whose());
        }
        self.with_stage(|stage| {
            // Nothing is dropped here but `Consumed` (a stage whose drop panicked counts as dropped).
            std::mem::forget(std::mem::replace(stage, Stage::Finished(output)));
        });
        how
    }

    /// How it ended, if it has an output.
    fn how(&self) -> Option<How> {
        self.with_stage(|stage| match stage {
            Stage::Finished(output) => Some(how(output)),
            Stage::Running(_) | Stage::Consumed => None,
        })
    }

    /// The end, unless groups are to be waited for: the last of them wakes the task. The output is stored, RUNNING is ours,
    /// and so is the runtime's reference, which this drops.
    fn complete(&self, how: How) {
        let raw = self.raw();
        if raw.head().extras().is_some_and(Extras::outlasts) && !raw.state().is_cancelled() {
            if raw.state().pause() == Submit::Yes {
                self.cell().owner.reschedule(Notified::new(raw));
            }
            return;
        }
        // First out of the list, then look at the count: a walker of the list may take a reference.
        let early = planted(Fault::CountSeenEarly).then(|| raw.state().is_unobserved());
        self.cell().owner.release(raw);
        debug_assert!(early != Some(true) || raw.state().is_unobserved(), "freed under a walker");
        if early.unwrap_or_else(|| raw.state().is_unobserved()) {
            self.drop_stage();
            // Not even by that drop.
            if raw.state().is_unobserved() {
                // SAFETY: the only reference left is the runtime's, which is ours.
                unsafe { raw.free() };
                return;
            }
        }
        self.finish(how);
        raw.unref();
    }

    /// From RUNNING to DONE, and tells the handle and who else wanted to know.
    fn finish(&self, how: How) {
        let finished = self.raw().state().finish(how);
        if !finished.has_join {
            self.drop_stage();
        } else if finished.has_waker {
            self.cell().join_waker.with(|waker| {
                // SAFETY: I4: JOIN_WAKER was set at the end, so the handle writes it no more.
                let waker = unsafe { &*waker };
                let wake = || waker.as_ref().expect("JOIN_WAKER says that there is one").wake_by_ref();
                quietly(wake);
            });
        }
        if finished.is_observed {
            let raw = self.raw();
            raw.head().extras_or_new().tell(&Outcome::new(how, raw.info()));
        }
    }

    /// The handle goes after the end, and has not taken the output.
    fn leave_unread(&self) {
        // No value, nothing to read. An error that is reported already needs no second report.
        let is_news = |stage: &mut Stage<F>| match stage {
            Stage::Finished(Ok(output)) => size_of::<F::Output>() > 0 && N::error(output).is_none(),
            _ => false,
        };
        let raw = self.raw();
        if let Some(watched) = raw.head().extras().and_then(|extras| extras.watched()) {
            if self.with_stage(is_news) {
                watched.unread(|| raw.whose());
            }
        }
    }

    /// Nobody takes the output.
    fn drop_stage(&self) {
        let stage = self.with_stage(|stage| std::mem::replace(stage, Stage::Consumed));
        match &stage {
            Stage::Finished(Err(error)) => report_panic(error, &self.cell().owner),
            Stage::Finished(Ok(output)) => {
                if let Some(error) = N::error(output) {
                    report_error(error, self.raw().whose(), &self.cell().owner);
                }
                if !std::mem::needs_drop::<F::Output>() {
                    return;
                }
            }
            Stage::Consumed => return,
            Stage::Running(_) => {}
        }
        self.inside(|_| drop_quietly(stage));
    }
}

fn how<T>(output: &Result<T, JoinError>) -> How {
    match output {
        Ok(_) => How::Finished,
        Err(error) if error.is_panic() => How::Panicked,
        Err(_) => How::Cancelled,
    }
}

fn poll_stage<F: Future>(stage: &mut Stage<F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    match stage {
        // SAFETY: H2.
        Stage::Running(future) => unsafe { Pin::new_unchecked(future) }.poll(cx),
        _ => unreachable!("a task is polled until it is ready, and not after"),
    }
}

unsafe fn run<F: Future, O: Owner, N: Label<F::Output>>(header: NonNull<Header>) {
    let harness = Harness::<F, O, N>::of(header);
    let raw = harness.raw();
    let is_aborted = raw.state().start() == Start::Cancel;
    let polled = if is_aborted || raw.head().extras().is_some_and(Extras::ends) {
        if let Some(how) = harness.how() {
            // It has been waiting for groups.
            return harness.complete(how);
        }
        (Poll::Ready(harness.cancel()), false)
    } else {
        harness.poll()
    };
    match polled {
        (Poll::Ready(output), _) => harness.complete(harness.store(output)),
        (Poll::Pending, true) => {
            raw.state().pause_scheduled();
            harness.cell().owner.reschedule(Notified::new(raw));
        }
        (Poll::Pending, false) => match raw.state().pause() {
            Submit::Yes => harness.cell().owner.reschedule(Notified::new(raw)),
            Submit::No => {}
        },
    }
}

unsafe fn schedule<F: Future, O: Owner, N: Label<F::Output>>(header: NonNull<Header>) {
    let harness = Harness::<F, O, N>::of(header);
    harness.cell().owner.schedule(Notified::new(harness.raw()));
}

unsafe fn abort<F: Future, O: Owner, N: Label<F::Output>>(header: NonNull<Header>) {
    let harness = Harness::<F, O, N>::of(header);
    if harness.raw().state().cancel() == Submit::Yes {
        harness.cell().owner.schedule(Notified::new(harness.raw()));
    }
}

/// Runs a queued job. The queue entry's reference is the caller's, and is dropped here.
unsafe fn run_job<F: Future, O: Owner, N: Label<F::Output>>(header: NonNull<Header>) {
    let harness = Harness::<F, O, N>::of(header);
    if harness.raw().state().claim() {
        let (Poll::Ready(output), _) = harness.poll() else {
            unreachable!("a job is ready after one poll");
        };
        let how = harness.store(output);
        harness.finish(how);
        harness.cell().owner.release(harness.raw());
    }
    harness.raw().unref();
}

/// Cancels a job that has not started, on the spot; its entry in the queue will find nothing to do. One that
/// runs may look whether its end was asked for.
unsafe fn abort_job<F: Future, O: Owner, N: Label<F::Output>>(header: NonNull<Header>) {
    let harness = Harness::<F, O, N>::of(header);
    harness.raw().state().set_cancelled();
    end_job(&harness, harness.cancelled());
}

unsafe fn refuse_job<F: Future, O: Owner, N: Label<F::Output>>(
    header: NonNull<Header>,
    source: std::io::Error,
) {
    let harness = Harness::<F, O, N>::of(header);
    let error = JoinError::refused(harness.raw().whose(), source);
    end_job(&harness, error);
}

fn end_job<F: Future, O: Owner, N: Label<F::Output>>(harness: &Harness<F, O, N>, error: JoinError) {
    if harness.raw().state().claim() {
        let (output, _) = harness.inside(|_| harness.drop_future(Err(error)));
        let how = harness.store(output);
        harness.finish(how);
        harness.cell().owner.release(harness.raw());
    }
}

unsafe fn schedule_nothing(_header: NonNull<Header>) {}

unsafe fn refuse_nothing(_header: NonNull<Header>, _source: std::io::Error) {}

unsafe fn take_output<F: Future, O: Owner, N: Label<F::Output>>(
    header: NonNull<Header>,
    into: NonNull<()>,
) -> bool {
    let harness = Harness::<F, O, N>::of(header);
    let stage = harness.with_stage(|stage| std::mem::replace(stage, Stage::Consumed));
    let Stage::Finished(output) = stage else { return false };
    // SAFETY: the caller of `RawTask::take_output` promises that `into` may be written as this type.
    unsafe { into.cast::<Output<F>>().write(output) };
    true
}

unsafe fn drop_stage<F: Future, O: Owner, N: Label<F::Output>>(header: NonNull<Header>) {
    let harness = Harness::<F, O, N>::of(header);
    harness.leave_unread();
    harness.drop_stage();
}

unsafe fn join_waker<F: Future, O: Owner, N: Label<F::Output>>(
    header: NonNull<Header>,
) -> NonNull<JoinWaker> {
    NonNull::from(&Harness::<F, O, N>::of(header).cell().join_waker)
}

unsafe fn name<F: Future, O: Owner, N: Label<F::Output>>(header: NonNull<Header>) -> Option<NonNull<str>> {
    Harness::<F, O, N>::of(header).cell().name.name().map(NonNull::from)
}

unsafe fn keeper<F: Future, O: Owner, N: Label<F::Output>>(
    header: NonNull<Header>,
) -> Option<Arc<dyn Keeper>> {
    Harness::<F, O, N>::of(header).cell().owner.keeper()
}

unsafe fn free<F: Future, O: Owner, N: Label<F::Output>>(header: NonNull<Header>) {
    // SAFETY: the cell came from a box (I1), and the caller of `RawTask::free` says that it is the last.
    let cell = unsafe { Box::from_raw(header.cast::<Cell<F, O, N>>().as_ptr()) };
    // A foreign join waker may panic in its drop.
    drop_quietly(cell);
}
