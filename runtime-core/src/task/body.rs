//! The body of a program that may be asked for its end, as a task may, without being one: it is driven by a `block_on`,
//! and need not be `Send`.

#![forbid(unsafe_code)]

use super::extras::{Asked, Extras, Given};
use crate::tls;
use std::cell::RefCell;
use std::sync::Arc;

tls! {
    /// The body that is polled on this thread.
    static CURRENT: RefCell<Option<Arc<Extras>>> = RefCell::new(None);
}

/// See the module.
pub(crate) struct Body(Arc<Extras>);

impl Body {
    pub(crate) fn new() -> Body {
        Body(Arc::new(Extras::new(Given::nothing())))
    }

    /// Runs a poll of the body: what it calls here finds it.
    pub(crate) fn scoped<R>(&self, poll: impl FnOnce() -> R) -> R {
        struct Restore(Option<Arc<Extras>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                let outer = self.0.take();
                let own = CURRENT.try_with(|current| current.replace(outer));
                drop(own);
            }
        }
        let own = Some(Arc::clone(&self.0));
        let _restore = Restore(CURRENT.try_with(|current| current.replace(own)).ok().flatten());
        poll()
    }

    /// Tells it that it shall end, if it listens; whether it does.
    #[must_use]
    pub(crate) fn ask(&self) -> bool {
        matches!(self.0.ask(false), Asked::Told(_))
    }
}

/// The body that is polled on this thread, if there is one.
pub(super) fn current() -> Option<Arc<Extras>> {
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}
