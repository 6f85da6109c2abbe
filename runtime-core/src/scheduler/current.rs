//! The worker that the current thread is, if it is one: where a wake on this thread goes.
//!
//! The loop does not know this file. Who runs a worker enters here, and so does a task that was woken.

#![forbid(unsafe_code)]

use super::shared::Shared;
use super::worker::{Step, Worker};
use crate::coop;
use crate::primitive::Arc;
use crate::task::{Keeper, Notified, Schedule, Unhandled};
use crate::tls;
use std::cell::RefCell;
use std::rc::Rc;

tls! {
    static CURRENT: RefCell<Option<Rc<Worker>>> = RefCell::new(None);
}

/// Runs `worker` on the current thread, until `step` says stop. It is asked before each round, and after each
/// sleep.
pub(crate) fn run(worker: &Rc<Worker>, step: impl FnMut(&Worker) -> Step) {
    struct Restore(Option<Rc<Worker>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            let outer = self.0.take();
            let _ = CURRENT.try_with(|current| current.replace(outer));
        }
    }
    let _duty = coop::set_duty(true);
    let own = Rc::clone(worker);
    // In the destructor of a thread-local ours may be gone: wakes then go through the injector.
    let _restore = Restore(CURRENT.try_with(|current| current.replace(Some(own))).ok().flatten());
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
