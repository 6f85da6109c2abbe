//! What a runtime does about failures that nobody took.

#![forbid(unsafe_code)]

use crate::context;
use crate::handle::Handle;
use crate::primitive::Arc;
use crate::scheduler::Shared;
use crate::task::{JoinError, Unhandled, UnhandledPolicy};
use crate::util::wake_list::quietly;
use std::time::Duration;

impl Handle {
    /// Tells the hook, which is inside of the runtime meanwhile, and does what the policy says.
    pub(crate) fn report(&self, unhandled: &Unhandled) {
        let reporter = &self.inner().shared.options.reporter;
        let entered = context::enter(self);
        reporter.tell(unhandled);
        drop(entered);
        if reporter.policy == UnhandledPolicy::Shutdown {
            self.fail(unhandled);
        }
    }

    /// Shuts the runtime down, as far as that needs no waiting, and wakes every `block_on` so that it panics. The tasks are
    /// cancelled by the workers; those of a current_thread runtime by whoever drives them, now or next.
    fn fail(&self, unhandled: &Unhandled) {
        let inner = self.inner();
        let Some(failure) = &inner.shared.failure else { return };
        if failure.set(unhandled.to_string()) {
            self.close();
            inner.blocking.shutdown(Duration::ZERO);
        }
    }

    /// For a look after the runtime's end, which holds no handle until then.
    #[doc(hidden)]
    pub fn failure_check(&self) -> FailureCheck {
        FailureCheck(Arc::clone(&self.inner().shared))
    }
}

/// See [`Handle::failure_check`].
#[doc(hidden)]
#[derive(Debug)]
pub struct FailureCheck(Arc<Shared>);

impl FailureCheck {
    /// # Panics
    /// If a failure that nobody took has shut the runtime down.
    #[track_caller]
    pub fn check(&self) {
        self.0.check_failure();
    }
}

/// A task's panic was taken from its handle, for somebody who went before it could be given to them.
pub(crate) fn report_lost(error: &JoinError) {
    if let Some(unhandled) = Unhandled::panic(error) {
        let handle = Handle::try_current();
        quietly(|| match &handle {
            Ok(handle) => handle.inner().shared.unhandled(&unhandled),
            Err(_) => unhandled.print(),
        });
    }
}
