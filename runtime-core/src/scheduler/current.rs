//! The worker that the current thread is, if it is one: where a wake on this thread goes.
//!
//! The loop does not know this file. Who runs a worker enters here, and so does a task that was woken; and a poll that is
//! about to block its thread steps aside here.

#![forbid(unsafe_code)]

use super::shared::Shared;
use super::stand_in::add_spare;
use super::worker::{Step, Worker};
use crate::coop;
use crate::primitive::Arc;
use crate::task::{Keeper, Notified, Schedule, Unhandled};
use crate::tls;
use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;

tls! {
    static CURRENT: RefCell<Option<Rc<Worker>>> = RefCell::new(None);
    /// Whose thread this is, or whose worker runs on it, even if it has stepped aside: to be compared, not to be followed.
    static WORKS_FOR: Cell<*const Shared> = Cell::new(ptr::null());
}

/// Runs `worker` on the current thread, until `step` says stop. It is asked before each round, and after each
/// sleep.
pub(crate) fn run(worker: &Rc<Worker>, step: impl FnMut(&Worker) -> Step) {
    struct Restore(Option<Rc<Worker>>, *const Shared);
    impl Drop for Restore {
        fn drop(&mut self) {
            let outer = self.0.take();
            let _ = CURRENT.try_with(|current| current.replace(outer));
            let _ = WORKS_FOR.try_with(|shared| shared.set(self.1));
        }
    }
    let _duty = coop::set_duty(true);
    let own = Rc::clone(worker);
    // In the destructor of a thread-local ours may be gone: wakes then go through the injector.
    let outer = CURRENT.try_with(|current| current.replace(Some(own))).ok().flatten();
    let shared: *const Shared = &**worker.shared();
    let outer_shared = WORKS_FOR.try_with(|works_for| works_for.replace(shared)).unwrap_or(ptr::null());
    let _restore = Restore(outer, outer_shared);
    worker.run(step);
}

/// Gives `f` the current thread's worker, if it belongs to `shared`.
#[inline]
pub(crate) fn with<R>(shared: &Shared, f: impl FnOnce(Option<&Worker>) -> R) -> R {
    let mut f = Some(f);
    let result = CURRENT.try_with(|current| {
        let current = current.borrow();
        let worker = current.as_deref().filter(|worker| worker.belongs_to(shared));
        f.take().map(|f| f(worker))
    });
    match (result, f) {
        (Ok(Some(result)), _) => result,
        (_, Some(f)) => f(None),
        _ => unreachable!("`f` is either called or left"),
    }
}

/// Whether this thread is one of those of `shared`, also of a worker that has stepped aside: who waits for them all would wait
/// for itself.
pub(crate) fn works_for(shared: &Shared) -> bool {
    WORKS_FOR.try_with(|works_for| ptr::eq(works_for.get(), shared)).unwrap_or(false)
}

/// The calling thread is one of those of `shared` from here on, until this is dropped.
#[must_use]
pub(crate) struct ThreadOf(());

impl ThreadOf {
    pub(crate) fn new(shared: &Shared) -> ThreadOf {
        let _ = WORKS_FOR.try_with(|works_for| works_for.set(shared));
        ThreadOf(())
    }
}

impl Drop for ThreadOf {
    fn drop(&mut self) {
        let _ = WORKS_FOR.try_with(|works_for| works_for.set(ptr::null()));
    }
}

/// The poll that is going on on this thread must not block it: what it runs, the tasks of a current_thread runtime or of a
/// set, nobody else can run.
#[derive(Debug)]
pub(crate) struct Pinned;

/// The thread's worker has stepped aside, so that the thread may block: others run what it had. Dropping this puts it
/// back.
#[derive(Debug)]
#[must_use]
pub(crate) struct Aside {
    /// Since when the worker has been gone, if it could leave.
    worker: Option<(Rc<Worker>, Option<u64>)>,
    _duty: coop::Duty,
}

/// Says that this thread is about to block, for as long as what is returned lives. What it wakes meanwhile goes to the
/// injector.
pub(crate) fn step_aside() -> Result<Aside, Pinned> {
    let worker = CURRENT.try_with(|current| current.borrow().clone()).ok().flatten();
    if coop::is_pinned() || worker.as_ref().is_some_and(|worker| worker.shared().options.is_single) {
        return Err(Pinned);
    }
    let worker = worker.map(|worker| {
        let has_left = worker.step_aside(|| add_spare(worker.shared()));
        let _ = CURRENT.try_with(|current| current.replace(None));
        let since_ns = has_left.then(|| worker.real_ns());
        (worker, since_ns)
    });
    Ok(Aside { worker, _duty: coop::set_duty(false) })
}

impl Drop for Aside {
    fn drop(&mut self) {
        if let Some((worker, since_ns)) = self.worker.take() {
            worker.come_back(since_ns.is_some());
            if let Some(since_ns) = since_ns {
                coop::add_aside_ns(worker.real_ns().saturating_sub(since_ns));
            }
            let _ = CURRENT.try_with(|current| current.replace(Some(worker)));
        }
    }
}

impl Schedule for Arc<Shared> {
    #[inline]
    fn schedule(&self, task: Notified) {
        with(self, |worker| match worker {
            Some(worker) => worker.push(task),
            None => self.inject(task),
        });
    }

    fn reschedule(&self, task: Notified) {
        with(self, |worker| match worker {
            Some(worker) => worker.push_back(task),
            None => self.inject(task),
        });
    }

    fn vacated(&self) {
        self.home_vacated();
    }

    fn keeper(&self) -> Option<std::sync::Arc<dyn Keeper>> {
        Shared::keeper(self)
    }

    fn unhandled(&self, unhandled: &Unhandled) {
        Shared::unhandled(self, unhandled);
    }
}
