//! Looking inside of a runtime: its figures, and its tasks.

#![forbid(unsafe_code)]

mod metrics;
mod prometheus;

pub use crate::coop::WaitsOn;
pub use crate::util::histogram::Histogram;
pub use metrics::{RuntimeMetrics, WorkerMetrics};
pub use prometheus::prometheus;

use crate::handle::Handle;
use crate::task::TaskInfo;

impl Handle {
    /// What the runtime's figures are now: a copy, see [`RuntimeMetrics`].
    ///
    /// # Examples
    /// ```
    /// let runtime = runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    /// runtime.block_on(async {
    ///     runtime::spawn(async {}).await.unwrap();
    ///     let metrics = runtime::Handle::current().metrics();
    ///     assert_eq!((metrics.num_workers(), metrics.spawned_tasks_count()), (2, 1));
    /// });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn metrics(&self) -> RuntimeMetrics {
        RuntimeMetrics::new(self)
    }

    /// What is known of all tasks of this runtime that live now: asyncio's `all_tasks`. Those of `spawn_local` on a
    /// current_thread runtime are among them, and so are the few that the runtime starts for itself; blocking jobs
    /// and tasks of a `LocalSet`, which belong to the set, are not.
    ///
    /// It looks at one worker's tasks after the other's. So each task that lives during the whole call is in it, once,
    /// and one that is spawned or ends meanwhile may be. While one worker's are listed, its spawns wait.
    ///
    /// # Examples
    /// ```
    /// use runtime::task::TaskState;
    ///
    /// runtime::run(async {
    ///     let task = runtime::task::Builder::new().name("me").spawn(async {
    ///         let tasks = runtime::Handle::current().tasks();
    ///         tasks.into_iter().find(|task| task.name() == Some("me")).unwrap()
    ///     });
    ///     assert_eq!(task.unwrap().await.unwrap().state(), TaskState::Running);
    /// });
    /// ```
    pub fn tasks(&self) -> Vec<TaskInfo> {
        self.inner().homes.iter().flat_map(|home| home.infos()).collect()
    }
}
