//! The allocation of a task, and the erased pointer to it.
//!
//! # Invariants
//! - I1: a `RawTask` points to the `Header` at the start of a `Cell` (`repr(C)`) that is live while the
//!   reference count is above 0; each place that keeps one says which reference it lives under.
//! - I2: the functions of the vtable are called with the cell whose type made the vtable.
//! - I3: the stage belongs to the thread that moved the state to RUNNING; once DONE, to the handle while
//!   JOIN is set; else to whoever finds that neither holds any more (the state's moves say who).
//! - I4: the join waker is written only by the handle while JOIN is set, JOIN_WAKER is not, and the task is
//!   not done; read by the completer if JOIN_WAKER was set at the end; dropped last with the cell.
//! - I5: the links belong to the lock of the home's list.
//!
//! A cell has its natural alignment: over-aligned ones take the allocator's slow path.

use super::Keeper;
use super::error::{JoinError, Whose};
use super::head::Head;
use super::id::Id;
use super::outcome::TaskInfo;
use super::state::State;
use super::trace::Traced;
use crate::primitive::UnsafeCell;
use crate::util::linked_list::{Links, Node};
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::Waker;

/// What all tasks have in common.
pub(crate) struct Header {
    pub(crate) state: State,
    head: Head<Vtable>,
    links: Links<Header>,
    id: Id,
    spawn_site: &'static Location<'static>,
}

/// What differs by the type of the future.
pub(crate) struct Vtable {
    pub(crate) run: unsafe fn(NonNull<Header>),
    pub(crate) schedule: unsafe fn(NonNull<Header>),
    pub(crate) abort: unsafe fn(NonNull<Header>),
    pub(crate) refuse: unsafe fn(NonNull<Header>, std::io::Error),
    pub(crate) take_output: unsafe fn(NonNull<Header>, NonNull<()>) -> bool,
    pub(crate) drop_stage: unsafe fn(NonNull<Header>),
    pub(crate) join_waker: unsafe fn(NonNull<Header>) -> NonNull<JoinWaker>,
    pub(crate) name: unsafe fn(NonNull<Header>) -> Option<NonNull<str>>,
    pub(crate) keeper: unsafe fn(NonNull<Header>) -> Option<Arc<dyn Keeper>>,
    pub(crate) free: unsafe fn(NonNull<Header>),
}

/// The handle's waker.
pub(crate) type JoinWaker = UnsafeCell<Option<Waker>>;

/// One allocation: a task of future `F`, in the hands of `O`, with a label `N`.
#[repr(C)]
pub(crate) struct Cell<F: Future, O, N> {
    header: Header,
    pub(super) owner: O,
    pub(super) join_waker: JoinWaker,
    pub(super) name: N,
    pub(super) stage: UnsafeCell<Stage<F>>,
}

/// Where the future was, the output is later.
pub(super) enum Stage<F: Future> {
    Running(F),
    Finished(Result<F::Output, JoinError>),
    Consumed,
}

/// What is said of a task with output `T` when it is spawned. It costs nothing, where nothing is.
pub(crate) trait Label<T>: 'static {
    /// Its name.
    fn name(&self) -> Option<&str>;

    /// The error in an output that nobody takes.
    fn error(_output: &T) -> Option<&dyn fmt::Debug> {
        None
    }
}

impl<T> Label<T> for () {
    fn name(&self) -> Option<&str> {
        None
    }
}

impl<T> Label<T> for Box<str> {
    fn name(&self) -> Option<&str> {
        Some(self)
    }
}

/// A task whose `Err` is reported if nobody takes it.
pub(crate) struct Checked<N>(pub(crate) N);

impl<T, E: fmt::Debug, N: Label<Result<T, E>>> Label<Result<T, E>> for Checked<N> {
    fn name(&self) -> Option<&str> {
        self.0.name()
    }

    fn error(output: &Result<T, E>) -> Option<&dyn fmt::Debug> {
        output.as_ref().err().map(|error| error as _)
    }
}

impl<F: Future, O, N> Cell<F, O, N> {
    pub(super) fn allocate(
        future: F,
        owner: O,
        name: N,
        id: Id,
        spawn_site: &'static Location<'static>,
        head: Head<Vtable>,
    ) -> RawTask {
        let header = Header { state: State::new(), head, links: Links::new(), id, spawn_site };
        let stage = UnsafeCell::new(Stage::Running(future));
        let cell = Box::new(Cell { header, owner, join_waker: UnsafeCell::new(None), name, stage });
        RawTask(NonNull::from(Box::leak(cell)).cast())
    }
}

// SAFETY: the links are a field of the header, always the same.
unsafe impl Node for Header {
    unsafe fn links(node: NonNull<Self>) -> NonNull<Links<Self>> {
        // SAFETY: the caller promises a live node.
        let links = unsafe { &raw mut (*node.as_ptr()).links };
        // SAFETY: a field of a live node is not null.
        unsafe { NonNull::new_unchecked(links) }
    }
}

/// A pointer to a task, without a reference of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RawTask(NonNull<Header>);

// SAFETY: what is reached through it is governed by the state word (I3, I4), by locks (I5), or immutable.
unsafe impl Send for RawTask {}
// SAFETY: as above.
unsafe impl Sync for RawTask {}

impl RawTask {
    pub(crate) fn header(&self) -> &Header {
        // SAFETY: I1: whoever keeps a RawTask does so under a reference.
        unsafe { self.0.as_ref() }
    }

    pub(crate) fn state(&self) -> &State {
        &self.header().state
    }

    pub(super) fn head(&self) -> &Head<Vtable> {
        &self.header().head
    }

    /// Its span, if it has one.
    #[inline]
    pub(super) fn traced(&self) -> Option<&Traced> {
        self.head().extras().map(|extras| extras.traced())
    }

    fn vtable(&self) -> &'static Vtable {
        self.head().vtable()
    }

    pub(crate) fn id(&self) -> Id {
        self.header().id
    }

    pub(crate) fn as_ptr(self) -> NonNull<Header> {
        self.0
    }

    /// # Safety
    /// `ptr` came from [`as_ptr`](Self::as_ptr) and its task is still referenced (I1).
    pub(crate) unsafe fn from_ptr(ptr: NonNull<Header>) -> Self {
        RawTask(ptr)
    }

    pub(crate) fn spawn_site(&self) -> &'static Location<'static> {
        self.header().spawn_site
    }

    pub(crate) fn whose(&self) -> Whose<'_> {
        // SAFETY: I2. The name is immutable and lives as long as the cell.
        let name = unsafe { (self.vtable().name)(self.0) };
        // SAFETY: as above: it points into the cell that `self` borrows from.
        let name = name.map(|name| unsafe { &*name.as_ptr() });
        Whose { id: self.id(), name, spawn_site: self.spawn_site() }
    }

    /// What is known of the task now.
    pub(crate) fn info(&self) -> TaskInfo {
        // First the state: the figures are not older.
        let state = self.state().phase();
        let figures = self.head().extras().and_then(|extras| extras.figures());
        TaskInfo::new(self.whose(), state, figures)
    }

    /// Polls a task that was popped from a queue.
    ///
    /// # Safety
    /// The caller holds the one queue entry of the task, and gives it up.
    pub(crate) unsafe fn run(self) {
        // SAFETY: I2.
        unsafe { (self.vtable().run)(self.0) }
    }

    /// Hands the task to its owner's queue.
    ///
    /// # Safety
    /// A move of the state has just said `Submit::Yes` to the caller.
    pub(crate) unsafe fn schedule(self) {
        // SAFETY: I2.
        unsafe { (self.vtable().schedule)(self.0) }
    }

    /// Asks for its end.
    pub(crate) fn abort(self) {
        // SAFETY: I2.
        unsafe { (self.vtable().abort)(self.0) }
    }

    /// Ends a queued blocking job with an error, unless it has been cancelled.
    pub(crate) fn refuse(self, source: std::io::Error) {
        // SAFETY: I2.
        unsafe { (self.vtable().refuse)(self.0, source) }
    }

    /// Moves the output to `into`, which is of type `Result<T, JoinError>`. `false`: it was taken before.
    ///
    /// # Safety
    /// The caller is the handle, the task is done (I3), and `into` may be written as that type.
    #[must_use]
    pub(crate) unsafe fn take_output(self, into: NonNull<()>) -> bool {
        // SAFETY: I2; the rest is the caller's promise.
        unsafe { (self.vtable().take_output)(self.0, into) }
    }

    /// Drops what the stage holds; a panic in a foreign `Drop` ends there.
    ///
    /// # Safety
    /// The stage is the caller's (I3).
    pub(crate) unsafe fn drop_stage(self) {
        // SAFETY: I2; the rest is the caller's promise.
        unsafe { (self.vtable().drop_stage)(self.0) }
    }

    pub(crate) fn join_waker(&self) -> &JoinWaker {
        // SAFETY: I2.
        let waker = unsafe { (self.vtable().join_waker)(self.0) };
        // SAFETY: it points into the cell that `self` borrows from.
        unsafe { &*waker.as_ptr() }
    }

    /// The runtime of the task, as long as it runs.
    pub(super) fn keeper(&self) -> Option<Arc<dyn Keeper>> {
        // SAFETY: I2.
        unsafe { (self.vtable().keeper)(self.0) }
    }

    /// Drops one reference, and the cell with the last.
    pub(crate) fn unref(self) {
        if self.state().unref() {
            // SAFETY: it was the last one, so nobody else reaches the cell (I1).
            unsafe { self.free() }
        }
    }

    /// # Safety
    /// Nobody else reaches the cell any more.
    pub(crate) unsafe fn free(self) {
        // SAFETY: I2; the rest is the caller's promise.
        unsafe { (self.vtable().free)(self.0) }
    }
}
