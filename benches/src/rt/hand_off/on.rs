//! tokio was built with its unstable options.

use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Builder;

static IS_WANTED: AtomicBool = AtomicBool::new(false);

/// Whether this build of tokio has it.
pub const CAN: bool = true;

/// tokio's runtimes that are built from here on hand their driver over before they poll a task.
pub fn want(is_wanted: bool) {
    IS_WANTED.store(is_wanted, Ordering::Relaxed);
}

pub(in crate::rt) fn apply(builder: &mut Builder) -> &mut Builder {
    if IS_WANTED.load(Ordering::Relaxed) { builder.enable_eager_driver_handoff() } else { builder }
}
