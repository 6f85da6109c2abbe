//! What tokio has with `--cfg tokio_unstable` only. Real tokio would need that flag for the whole build, so
//! these programs are compiled with this crate alone.

use std::fmt::Debug;
use std::ops::Range;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::{Builder, Handle, TaskMeta};
use tokio::task::{self, JoinSet, LocalSet};

/// `task::Builder`: `new`, `name`, `spawn`, `spawn_on`, `spawn_local`, `spawn_local_on`.
#[tokio::test]
async fn builder() {
    let task = task::Builder::new().name("one").spawn(async { 1 }).unwrap();
    let on = task::Builder::new().spawn_on(async { 2 }, &Handle::current()).unwrap();
    assert_eq!(task.await.unwrap() + on.await.unwrap(), 3);
    let local = LocalSet::new();
    let later = task::Builder::new().spawn_local_on(async { *Rc::new(5) }, &local).unwrap();
    let output = local
        .run_until(async { task::Builder::new().spawn_local(async { *Rc::new(4) }).unwrap().await.unwrap() });
    assert_eq!(output.await, 4);
    assert_eq!(local.run_until(later).await.unwrap(), 5);
}

/// `task::JoinSet`: `build_task`.
/// `task::join_set::Builder`: `name`, `spawn`, `spawn_on`, `spawn_local`, `spawn_local_on`.
#[tokio::test]
async fn build_task() {
    let mut set = JoinSet::new();
    set.build_task().name("one").spawn(async { 1 }).unwrap();
    set.build_task().name("two").spawn_on(async { 2 }, &Handle::current()).unwrap();
    let local = LocalSet::new();
    set.build_task().name("four").spawn_local_on(async { *Rc::new(4) }, &local).unwrap();
    let sum = local.run_until(async move {
        set.build_task().name("three").spawn_local(async { *Rc::new(3) }).unwrap();
        set.join_all().await.into_iter().sum::<i32>()
    });
    assert_eq!(sum.await, 10);
}

/// `runtime::Builder`: `on_task_spawn`, `on_task_terminate`, `on_before_task_poll`, `on_after_task_poll`.
/// `runtime::TaskMeta`: `id`, `spawned_at`.
#[test]
fn task_hooks() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let hook = |name: &'static str| {
        let seen = seen.clone();
        move |meta: &TaskMeta<'_>| {
            assert_eq!(meta.spawned_at().file(), file!());
            seen.lock().unwrap().push((name, meta.id()));
        }
    };
    let runtime = Builder::new_current_thread()
        .on_task_spawn(hook("spawn"))
        .on_before_task_poll(hook("before"))
        .on_after_task_poll(hook("after"))
        .on_task_terminate(hook("terminate"))
        .build()
        .unwrap();
    let task = runtime.spawn(async {});
    let id = task.id();
    runtime.block_on(task).unwrap();
    let mut seen = seen.lock().unwrap().clone();
    // Tokio's last two come the other way round.
    seen.sort_by_key(|(name, _)| *name);
    let names = ["after", "before", "spawn", "terminate"];
    assert_eq!(seen, names.map(|name| (name, id)));
}

/// `runtime::RuntimeMetrics`: `blocking_queue_depth`, `io_driver_ready_count`, `num_blocking_threads`.
/// `runtime::RuntimeMetrics`: `num_idle_blocking_threads`, `spawned_tasks_count`, `worker_local_queue_depth`.
/// `runtime::RuntimeMetrics`: `worker_mean_poll_time`, `worker_poll_count`, `worker_steal_count`.
/// `runtime::RuntimeMetrics`: `worker_steal_operations`, `poll_time_histogram_enabled`.
/// `runtime::RuntimeMetrics`: `poll_time_histogram_num_buckets`, `poll_time_histogram_bucket_range`.
/// `runtime::RuntimeMetrics`: `poll_time_histogram_bucket_count`.
#[test]
fn metrics() {
    let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    runtime.block_on(runtime.spawn(async {})).unwrap();
    let metrics = runtime.metrics();
    assert_eq!((metrics.spawned_tasks_count(), metrics.worker_poll_count(0)), (1, 1));
    assert_eq!((metrics.worker_steal_count(0), metrics.worker_steal_operations(0)), (0, 0));
    assert_eq!((metrics.num_blocking_threads(), metrics.num_idle_blocking_threads()), (0, 0));
    assert_eq!((metrics.blocking_queue_depth(), metrics.worker_local_queue_depth(0)), (0, 0));
    let _: (u64, Duration) = (metrics.io_driver_ready_count(), metrics.worker_mean_poll_time(0));
    if metrics.poll_time_histogram_enabled() {
        let last = metrics.poll_time_histogram_num_buckets() - 1;
        let range: Range<Duration> = metrics.poll_time_histogram_bucket_range(last);
        assert!(range.start < range.end);
        assert_eq!(metrics.poll_time_histogram_bucket_count(0, last), 0);
    }
}

implements!("task::Builder", task::Builder<'static>: Debug + Default);
implements!("task::join_set::Builder", task::join_set::Builder<'static, ()>: Debug);

/// `process::Command`: `spawn_with`.
#[tokio::test]
async fn spawning_with() {
    let mut child = tokio::process::Command::new("true").spawn_with(|std| std.spawn()).unwrap();
    assert!(child.wait().await.unwrap().success());
}
