//! Around user code: jobs, hooks, drops.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs user code. A panic ends here; std's panic hook has reported it.
pub(super) fn guarded(user: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(user)) {
        // A payload that panics when dropped is not dropped twice.
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(second);
        }
    }
}
