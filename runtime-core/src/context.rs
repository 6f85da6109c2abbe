//! What the current thread belongs to, and what follows from it: entering a runtime, finding the current one,
//! and its driver, timers, pool and chance.

#![forbid(unsafe_code)]

use crate::block_on::{self, Held};
use crate::coop::{self, Duty};
use crate::handle::Handle;
use crate::port::DriverHandle;
use crate::primitive::Arc;
use crate::scheduler::{Aside, Pinned, Shared, step_aside, with_current};
use crate::task::{self, Job, JobOwner, JoinHandle, Keeper, Unhandled};
use crate::timer::Timers;
use crate::tls;
use crate::util::inherited;
use crate::util::rand::Rand;
use std::cell::{Cell, RefCell};
use std::collections::hash_map::RandomState;
use std::fmt;
use std::future::Future;
use std::hash::BuildHasher;
use std::marker::PhantomData;
use std::panic::Location;

pub(crate) const NO_RUNTIME: &str = "there is no runtime on this thread: call this from inside of \
     `#[runtime::main]`, `runtime::run` or `Runtime::block_on`, or after `Handle::enter`";

tls! {
    static HANDLE: RefCell<Option<Handle>> = RefCell::new(None);
    /// For threads that are no workers; 0 until first used.
    static CHANCE: Cell<u64> = Cell::new(0);
}

/// Gives `f` the current runtime.
pub(crate) fn with_handle<R>(f: impl FnOnce(Option<&Handle>) -> R) -> R {
    let mut f = Some(f);
    let result = HANDLE.try_with(|handle| f.take().map(|f| f(handle.borrow().as_ref())));
    match (result, f) {
        (Ok(Some(result)), _) => result,
        (_, Some(f)) => f(None),
        _ => unreachable!("`f` is either called or left"),
    }
}

/// What [`Handle::enter`] returns: drop it to leave the runtime. Drop guards in the reverse order of their
/// making: each puts back what was current before it.
#[derive(Debug)]
#[must_use = "the runtime is left when the guard is dropped"]
pub struct EnterGuard {
    outer: Option<Handle>,
    _not_send: PhantomData<*const ()>,
}

pub(crate) fn enter(handle: &Handle) -> EnterGuard {
    let handle = handle.clone();
    // On a thread whose locals are gone there is nothing to enter, and nobody who could tell.
    let outer = HANDLE.try_with(|current| current.replace(Some(handle))).ok().flatten();
    EnterGuard { outer, _not_send: PhantomData }
}

impl Drop for EnterGuard {
    fn drop(&mut self) {
        let outer = self.outer.take();
        // What was current is dropped outside of the cell's borrow.
        let inner = HANDLE.try_with(|current| current.replace(outer));
        drop(inner);
    }
}

/// The thread drives a future of `handle`'s runtime until this is dropped. (In this order.)
#[derive(Debug)]
pub(crate) struct BlockOnGuard {
    _duty: Duty,
    _entered: EnterGuard,
    _blocking: Option<Blocking>,
}

#[track_caller]
pub(crate) fn enter_block_on(handle: &Handle) -> BlockOnGuard {
    let blocking = if must_not_wait() { Some(enter_blocking("block_on")) } else { None };
    BlockOnGuard { _blocking: blocking, _entered: enter(handle), _duty: coop::set_duty(true) }
}

/// Others go on with what this thread would do for as long as this lives. (In this order.)
#[derive(Debug)]
pub(crate) struct Blocking {
    _aside: Aside,
    /// A paused clock stands still meanwhile.
    _held: Option<Held>,
}

#[track_caller]
pub(crate) fn enter_blocking(caller: &str) -> Blocking {
    let held = with_handle(|handle| handle.map(|handle| Held::counted(&handle.inner().shared)));
    match step_aside() {
        Ok(aside) => Blocking { _aside: aside, _held: held },
        Err(Pinned) => panic!(
            "`{caller}` was called on a thread that runs the tasks of a current_thread runtime or of a `LocalSet`, \
             which nobody else can run: await the future instead, or move the call to `spawn_blocking`"
        ),
    }
}

/// Whether this thread runs the tasks of `handle`'s runtime.
pub(crate) fn is_driving(handle: &Handle) -> bool {
    with_current(&handle.inner().shared, |worker| worker.is_some())
}

/// Whether this thread runs tasks or a `block_on` future, so that waiting here would hold them up.
pub(crate) fn must_not_wait() -> bool {
    coop::must_not_wait()
}

impl Handle {
    /// The runtime that this thread is inside of.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub fn current() -> Handle {
        match Self::try_current() {
            Ok(handle) => handle,
            Err(error) => panic!("{error}"),
        }
    }

    /// The runtime that this thread is inside of.
    ///
    /// # Errors
    /// Outside of a runtime, and on a thread whose locals are gone.
    pub fn try_current() -> Result<Handle, TryCurrentError> {
        let missing = |is_destroyed| TryCurrentError { is_destroyed };
        HANDLE.try_with(|_| ()).map_err(|_| missing(true))?;
        with_handle(|handle| handle.cloned()).ok_or(missing(false))
    }

    /// Runs a blocking job on this runtime's pool, as [`spawn_blocking`](crate::spawn::spawn_blocking) does on the
    /// current one's. After the runtime's end the job is dropped, and its handle answers that it was cancelled.
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, job: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.spawn_blocking_at(job, Location::caller())
    }

    fn spawn_blocking_at<F, R>(&self, job: F, site: &'static Location<'static>) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let (job, join) = self.clone().new_job(job, site);
        if let Err(refused) = self.inner().blocking.run(job) {
            refused.answer();
        }
        join
    }

    /// A job that belongs to this runtime, and counts as its activity until it has ended.
    fn new_job<F, R>(self, job: F, site: &'static Location<'static>) -> (Job, JoinHandle<R>)
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        // The copies come from user code: before anything is counted.
        let inherited = inherited::current();
        let shared = Arc::clone(&self.inner().shared);
        shared.activity.enter();
        let body = move || {
            let _held = Held::new(&self.inner().shared);
            let _entered = self.enter();
            job()
        };
        Job::new(body, site, inherited, Counted(shared))
    }

    /// Runs a future to its end on the current thread, inside of this runtime.
    ///
    /// On a multi_thread runtime the workers go on as ever. On a current_thread runtime this does not drive
    /// other tasks: only `Runtime::block_on` does.
    ///
    /// Inside of a task of a multi_thread runtime this blocks the task, and nobody else: another worker takes over at once
    /// what this one has (as in [`block_in_place`](crate::spawn::block_in_place)).
    ///
    /// # Panics
    /// If the future panics; and on a thread that runs the tasks of a current_thread runtime, or of a `LocalSet`, which
    /// nobody else could run meanwhile.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let site = Location::caller();
        let _entered = enter_block_on(self);
        block_on::block_on(&self.inner().shared, task::driven(future, site))
    }

    /// Makes this the current thread's runtime until the guard is dropped: `spawn` and sockets find it.
    ///
    /// # Examples
    /// ```
    /// let runtime = runtime::Builder::new_multi_thread().worker_threads(1).build()?;
    /// let _entered = runtime.handle().enter();
    /// let answer = runtime::spawn(async { 42 });
    /// assert_eq!(runtime.block_on(answer).unwrap(), 42);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn enter(&self) -> EnterGuard {
        enter(self)
    }
}

/// A job that no pool has yet. It belongs to the current runtime, if there is one, and inherits what is in scope.
pub fn new_job<F, R>(job: F, site: &'static Location<'static>) -> (Job, JoinHandle<R>)
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    match Handle::try_current() {
        Ok(handle) => handle.new_job(job, site),
        Err(_) => Job::new(job, site, inherited::current(), || {}),
    }
}

/// A job that counts as activity until it has ended.
struct Counted(Arc<Shared>);

impl JobOwner for Counted {
    fn released(&self) {
        self.0.leave_activity();
    }

    fn keeper(&self) -> Option<std::sync::Arc<dyn Keeper>> {
        self.0.keeper()
    }

    fn unhandled(&self, unhandled: &Unhandled) {
        self.0.unhandled(unhandled);
    }
}

/// [`Handle::try_current`] was called outside of a runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TryCurrentError {
    is_destroyed: bool,
}

impl TryCurrentError {
    /// Whether the thread is inside of no runtime.
    pub fn is_missing_context(&self) -> bool {
        !self.is_destroyed
    }

    /// Whether the thread is ending, and its locals, which would say so, are gone.
    pub fn is_thread_local_destroyed(&self) -> bool {
        self.is_destroyed
    }
}

impl fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NO_RUNTIME)
    }
}

impl std::error::Error for TryCurrentError {}

/// Does nothing inside of a runtime. For what would work without one now and then, and must not seem to.
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn assert_inside() {
    assert!(with_handle(|handle| handle.is_some()), "{NO_RUNTIME}");
}

/// The shared half of the current runtime's driver.
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn driver_handle() -> std::sync::Arc<dyn DriverHandle> {
    std::sync::Arc::clone(Handle::current().inner().shared.driver_handle())
}

/// The current runtime's timers, and the shard to register in from this thread
/// (a worker's own; 0 on foreign threads).
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn timers() -> (Arc<Timers>, usize) {
    let handle = Handle::current();
    let shared = &handle.inner().shared;
    (Arc::clone(&shared.timers), shard(shared))
}

fn shard(shared: &crate::scheduler::Shared) -> usize {
    with_current(shared, |worker| worker.map_or(0, |worker| worker.home()))
}

/// Gives `f` the current runtime's timers and this thread's shard of them, or `None` outside of a
/// runtime and on a thread whose locals are gone. As [`timers`], without touching a reference count.
pub fn with_timers<R>(f: impl FnOnce(Option<(&Timers, usize)>) -> R) -> R {
    with_handle(|handle| {
        f(handle.map(|handle| {
            let shared = &handle.inner().shared;
            (&*shared.timers, shard(shared))
        }))
    })
}

/// Runs a blocking job on the current runtime's pool.
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn spawn_blocking<F, R>(job: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    spawn_blocking_at(job, Location::caller())
}

/// The same for a future of ours, which was made at `site`: reports name the user's line.
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn spawn_blocking_at<F, R>(job: F, site: &'static Location<'static>) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    Handle::current().spawn_blocking_at(job, site)
}

/// A random number below `n`: from the worker's seeded generator, or from a thread's own elsewhere.
///
/// # Panics
/// If `n` is 0.
pub fn random_below(n: u32) -> u32 {
    let seeded = with_handle(|handle| {
        let shared = &handle?.inner().shared;
        with_current(shared, |worker| worker.map(|worker| worker.rand().below(n)))
    });
    seeded.unwrap_or_else(|| thread_random_below(n))
}

fn thread_random_below(n: u32) -> u32 {
    CHANCE
        .try_with(|chance| {
            let state = match chance.get() {
                0 => RandomState::new().hash_one(0),
                state => state,
            };
            let rand = Rand::new(state);
            chance.set(rand.next_u64());
            rand.below(n)
        })
        .unwrap_or(0)
}
