//! A pool and its jobs put together as a runtime does it, so that threads can be refused and pools be
//! dropped anywhere.

use runtime_blocking::{Options, Pool};
use runtime_core::port::BlockingPool;
use runtime_core::task::{Job, JoinHandle};
use std::panic::Location;
use std::sync::Arc;

/// What `spawn_blocking` does, without a runtime.
#[derive(Clone)]
pub(crate) struct Jobs(pub(crate) Arc<Pool>);

impl Jobs {
    pub(crate) fn new(set: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options::default();
        set(&mut options);
        Jobs(Arc::new(Pool::new(options).unwrap()))
    }

    #[track_caller]
    pub(crate) fn spawn<R: Send + 'static>(&self, job: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
        let (job, handle) = Job::new(job, Location::caller(), None, || {});
        if let Err(refused) = self.0.run(job) {
            refused.answer();
        }
        handle
    }
}
