//! The worker that the current thread is, if it is one.

#![forbid(unsafe_code)]

use super::shared::Shared;
use super::worker::Worker;
use crate::tls;
use std::cell::RefCell;
use std::rc::Rc;

tls! {
    static CURRENT: RefCell<Option<Rc<Worker>>> = RefCell::new(None);
}

/// Makes the current thread `worker` for the length of `f`.
pub(crate) fn enter<R>(worker: Rc<Worker>, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<Rc<Worker>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            let outer = self.0.take();
            let _ = CURRENT.try_with(|current| current.replace(outer));
        }
    }
    // On a thread that is ending what is woken goes to the injector, from where the worker takes it.
    let _restore = Restore(CURRENT.try_with(|current| current.replace(Some(worker))).ok().flatten());
    f()
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

/// Whether the current thread is a worker, of any runtime.
pub(crate) fn is_worker() -> bool {
    CURRENT.try_with(|current| current.borrow().is_some()).unwrap_or(false)
}
