//! Programs written for tokio, with nothing changed but the crate.

extern crate runtime as tokio;

#[path = "porting/runtime.rs"]
mod runtime_;
#[path = "porting/sync_mutex.rs"]
mod sync_mutex;
#[path = "porting/sync_oneshot.rs"]
mod sync_oneshot;
#[path = "porting/sync_semaphore.rs"]
mod sync_semaphore;
#[path = "porting/sync_unbounded.rs"]
mod sync_unbounded;
#[path = "porting/task.rs"]
mod task;
#[path = "porting/task_local_set.rs"]
mod task_local_set;
#[path = "porting/time.rs"]
mod time;
