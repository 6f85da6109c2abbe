//! Programs written for tokio, with nothing changed but the crate.

extern crate runtime as tokio;

#[path = "porting/runtime.rs"]
mod runtime_;
#[path = "porting/sync_broadcast.rs"]
mod sync_broadcast;
#[path = "porting/sync_mpsc.rs"]
mod sync_mpsc;
#[path = "porting/sync_mutex.rs"]
mod sync_mutex;
#[path = "porting/sync_notify.rs"]
mod sync_notify;
#[path = "porting/sync_once.rs"]
mod sync_once;
#[path = "porting/sync_oneshot.rs"]
mod sync_oneshot;
#[path = "porting/sync_rwlock.rs"]
mod sync_rwlock;
#[path = "porting/sync_semaphore.rs"]
mod sync_semaphore;
#[path = "porting/sync_unbounded.rs"]
mod sync_unbounded;
#[path = "porting/sync_watch.rs"]
mod sync_watch;
#[path = "porting/task.rs"]
mod task;
#[path = "porting/task_join_set.rs"]
mod task_join_set;
#[path = "porting/task_local_set.rs"]
mod task_local_set;
#[path = "porting/task_locals.rs"]
mod task_locals;
#[path = "porting/time.rs"]
mod time;
