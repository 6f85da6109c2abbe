//! What the current thread belongs to (skeleton: signatures are final, bodies follow).
use crate::port::DriverHandle;
use crate::task::JoinHandle;
use crate::timer::Timers;
use std::sync::Arc;

/// The shared half of the current runtime's driver.
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn driver_handle() -> Arc<dyn DriverHandle> {
    todo!()
}

/// The current runtime's timers, and the shard to register in from this thread
/// (a worker's own; 0 on foreign threads).
///
/// # Panics
/// Outside of a runtime.
#[track_caller]
pub fn timers() -> (Arc<Timers>, usize) {
    todo!()
}

/// Gives `f` the current runtime's timers and this thread's shard of them, or `None` outside of a
/// runtime and on a thread whose locals are gone. As [`timers`], without touching a reference count.
pub fn with_timers<R>(_f: impl FnOnce(Option<(&Timers, usize)>) -> R) -> R {
    todo!()
}

/// Runs a blocking job on the current runtime's pool.
#[track_caller]
pub fn spawn_blocking<F, R>(_job: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    todo!()
}

/// A random number below `n` from the current runtime's seeded generator (or a thread's own outside).
pub fn random_below(n: u32) -> u32 {
    thread_local!(static R: crate::util::rand::Rand = const { crate::util::rand::Rand::new(7) });
    R.with(|r| r.below(n))
}
