//! Which task a worker polls, for whoever asks why it takes so long.
//!
//! Two plain stores for each poll. The readers may see the parts of two tasks: who must be sure looks, before and after,
//! whether the worker is still in the same poll.
//!
//! # Invariants
//! - R1: `site` is null, or came from a `&'static Location<'static>`.

use crate::primitive::atomic::{AtomicPtr, AtomicU64, Ordering};
use crate::task::{Id, Notified};
use std::panic::Location;
use std::ptr;

/// See the module.
pub(crate) struct Running {
    id: AtomicU64,
    site: AtomicPtr<Location<'static>>,
}

impl Default for Running {
    fn default() -> Self {
        Running { id: AtomicU64::new(0), site: AtomicPtr::new(ptr::null_mut()) }
    }
}

impl Running {
    /// The worker is about to poll `task`.
    #[inline]
    pub(crate) fn set(&self, task: &Notified) {
        // ORDER: Relaxed: a reader that compares ticks milliseconds apart sees what was stored between them.
        self.id.store(task.id().as_u64(), Ordering::Relaxed);
        self.site.store(ptr::from_ref(task.spawn_site()).cast_mut(), Ordering::Relaxed);
    }

    /// What the worker runs is no task: wakers of others, a hook.
    pub(crate) fn clear(&self) {
        self.id.store(0, Ordering::Relaxed);
        self.site.store(ptr::null_mut(), Ordering::Relaxed);
    }

    /// The task, if it is one.
    pub(crate) fn get(&self) -> Option<(Id, &'static Location<'static>)> {
        let id = Id::from_u64(self.id.load(Ordering::Relaxed))?;
        let site = ptr::NonNull::new(self.site.load(Ordering::Relaxed))?;
        // SAFETY: R1.
        Some((id, unsafe { site.as_ref() }))
    }
}
