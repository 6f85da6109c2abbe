//! What the models of `loom-tests` reach.

pub use crate::scheduler::Shared;
pub use crate::scheduler::activity::Activity;
pub use crate::scheduler::idle::{GotUp, Idle, Left, Picked, WORKERS_MAX};
pub use crate::scheduler::park::Parker;
pub use crate::scheduler::signal::Signal as MonitorSignal;
pub use crate::scheduler::slot::Slot;
pub use crate::scheduler::spares::Spares;
pub use crate::util::fault::{Fault, plant};

use crate::port::{Driver, DriverHandle};
use crate::primitive::Arc;
use crate::scheduler::Options;
use crate::timer::Timers;
use crate::timer::clock::SystemClock;
use std::future::Future;

/// What the threads of a runtime without workers share: enough for a `block_on`.
pub fn shared(driver: Box<dyn Driver>, handle: std::sync::Arc<dyn DriverHandle>) -> Arc<Shared> {
    let timers = Arc::new(Timers::new(std::sync::Arc::new(SystemClock), 1, || {}));
    Arc::new(Shared::new(Vec::new(), 0, timers, driver, handle, Options::default()))
}

/// A new task's id.
pub fn task_id() -> crate::task::Id {
    crate::task::Id::next()
}

/// What is known of the tasks of `home`.
pub fn tasks<S>(home: &crate::task::Home<S>) -> Vec<crate::task::TaskInfo> {
    home.infos()
}

/// Drives `future` on this thread, as a multi_thread runtime's `block_on` does.
pub fn block_on<F: Future>(shared: &Arc<Shared>, future: F) -> F::Output {
    crate::block_on::block_on(shared, future)
}

/// A task of a group, wherever it is spawned.
pub fn spawn_into<F, T, E>(
    group: &crate::supervise::group::TaskGroup<E>,
    future: F,
    spawn: impl FnOnce(crate::supervise::group::Child<F, E>) -> crate::task::JoinHandle<T>,
) -> crate::task::JoinHandle<T>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    group.spawn_by(future, spawn)
}

/// Asks a task for its end, with a grace that no runtime here would see to.
pub fn request(task: &crate::task::AbortHandle) {
    crate::task::request(task, None);
}
