//! What the current thread belongs to.

#![forbid(unsafe_code)]

use crate::handle::Handle;
use crate::port::DriverHandle;
use crate::primitive::Arc;
use crate::scheduler::{is_worker, with_current};
use crate::task::JoinHandle;
use crate::timer::Timers;
use crate::tls;
use crate::util::rand::Rand;
use std::cell::{Cell, RefCell};
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::marker::PhantomData;

pub(crate) const NO_RUNTIME: &str = "there is no runtime on this thread: call this from inside of \
     `#[runtime::main]`, `runtime::run` or `Runtime::block_on`, or after `Handle::enter`";

tls! {
    static HANDLE: RefCell<Option<Handle>> = RefCell::new(None);
    /// Whether the thread is inside of a `block_on`.
    static BLOCKING_ON: Cell<bool> = Cell::new(false);
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
    // A thread that is ending has no place for it any more.
    let outer = HANDLE.try_with(|current| current.replace(Some(handle.clone()))).ok().flatten();
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

/// The thread drives a future of `handle`'s runtime until this is dropped.
#[derive(Debug)]
pub(crate) struct BlockOnGuard {
    outer: bool,
    _entered: EnterGuard,
}

#[track_caller]
pub(crate) fn enter_block_on(handle: &Handle) -> BlockOnGuard {
    assert!(
        !is_worker() && !BLOCKING_ON.with(Cell::get),
        "`block_on` was called on a thread that is running tasks: await the future instead, or move the \
         call to `spawn_blocking`"
    );
    BlockOnGuard { outer: BLOCKING_ON.with(|on| on.replace(true)), _entered: enter(handle) }
}

impl Drop for BlockOnGuard {
    fn drop(&mut self) {
        let outer = self.outer;
        let _ = BLOCKING_ON.try_with(|on| on.set(outer));
    }
}

/// Whether this thread runs tasks or a `block_on` future, so that waiting here would hold them up.
pub(crate) fn must_not_wait() -> bool {
    is_worker() || BLOCKING_ON.try_with(Cell::get).unwrap_or(false)
}

#[track_caller]
fn current() -> Handle {
    with_handle(|handle| handle.cloned()).expect(NO_RUNTIME)
}

/// The shared half of the current runtime's driver.
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn driver_handle() -> std::sync::Arc<dyn DriverHandle> {
    std::sync::Arc::clone(current().inner().shared.driver_handle())
}

/// The current runtime's timers, and the shard to register in from this thread
/// (a worker's own; 0 on foreign threads).
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn timers() -> (Arc<Timers>, usize) {
    let handle = current();
    let shared = &handle.inner().shared;
    (Arc::clone(&shared.timers), shard(shared))
}

fn shard(shared: &crate::scheduler::Shared) -> usize {
    with_current(shared, |worker| worker.map_or(0, |worker| worker.index()))
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
    current().spawn_blocking(job)
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
