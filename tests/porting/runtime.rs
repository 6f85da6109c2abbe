//! `tokio::runtime`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use tokio::runtime::{Builder, EnterGuard, Handle, Runtime, RuntimeFlavor, RuntimeMetrics, TryCurrentError};

/// `runtime::Builder`: `new_multi_thread`, `new_current_thread`, `worker_threads`, `max_blocking_threads`, `build`.
/// `runtime::Builder`: `thread_name`, `thread_name_fn`, `thread_stack_size`, `thread_keep_alive`, `start_paused`.
/// `runtime::Runtime`: `block_on`.
#[test]
fn build() {
    let runtime: Runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(2)
        .thread_name("worker")
        .thread_stack_size(1 << 20)
        .thread_keep_alive(Duration::from_secs(1))
        .build()
        .unwrap();
    let name = async { std::thread::current().name().map(str::to_owned) };
    assert_eq!(runtime.block_on(runtime.spawn(name)).unwrap().as_deref(), Some("worker"));
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).thread_name_fn(|| "named".to_string());
    let runtime = builder.build().unwrap();
    let name = runtime.block_on(runtime.spawn(async { std::thread::current().name().map(str::to_owned) }));
    assert_eq!(name.unwrap().as_deref(), Some("named"));
    let paused = Builder::new_current_thread().start_paused(true).build().unwrap();
    assert_eq!(paused.block_on(async { 1 }), 1);
}

/// `runtime::Builder`: `on_thread_start`, `on_thread_stop`, `on_thread_park`, `on_thread_unpark`.
#[test]
fn hooks() {
    let started = Arc::new(AtomicUsize::new(0));
    let stopped = Arc::new(AtomicUsize::new(0));
    let (starts, stops) = (started.clone(), stopped.clone());
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .on_thread_start(move || _ = starts.fetch_add(1, SeqCst))
        .on_thread_stop(move || _ = stops.fetch_add(1, SeqCst))
        .on_thread_park(|| ())
        .on_thread_unpark(|| ())
        .build()
        .unwrap();
    runtime.block_on(runtime.spawn(async {})).unwrap();
    drop(runtime);
    assert_eq!((started.load(SeqCst), stopped.load(SeqCst)), (1, 1));
}

/// `runtime::Runtime`: `new`, `spawn`, `spawn_blocking`, `handle`, `enter`, `shutdown_timeout`, `shutdown_background`.
/// `runtime::EnterGuard`.
#[test]
fn runtime() {
    let runtime = Runtime::new().unwrap();
    let task = runtime.spawn(async { 1 });
    let job = runtime.spawn_blocking(|| 2);
    assert_eq!(runtime.block_on(async { task.await.unwrap() + job.await.unwrap() }), 3);
    let handle: &Handle = runtime.handle();
    assert_eq!(handle.block_on(async { 1 }), 1);
    let guard: EnterGuard = runtime.enter();
    let task = tokio::spawn(async { 4 });
    drop(guard);
    assert_eq!(runtime.block_on(task).unwrap(), 4);
    runtime.shutdown_timeout(Duration::from_secs(60));
    Runtime::new().unwrap().shutdown_background();
}

/// `runtime::Handle`: `metrics`.
/// `runtime::Runtime`: `metrics`.
/// `runtime::RuntimeMetrics`: `num_workers`, `num_alive_tasks`, `global_queue_depth`, `worker_park_count`.
/// `runtime::RuntimeMetrics`: `worker_park_unpark_count`, `worker_total_busy_duration`.
#[test]
fn metrics() {
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(runtime.spawn(async {})).unwrap();
    let metrics: RuntimeMetrics = runtime.metrics();
    assert_eq!((metrics.num_workers(), metrics.global_queue_depth()), (2, 0));
    // The result of a task may be there a little before the task is gone.
    while runtime.handle().metrics().num_alive_tasks() > 0 {
        std::thread::yield_now();
    }
    let _: (u64, u64, Duration) = (
        metrics.worker_park_count(0),
        metrics.worker_park_unpark_count(0),
        metrics.worker_total_busy_duration(0),
    );
}

/// `runtime::Handle`: `current`, `try_current`, `spawn`, `spawn_blocking`, `block_on`, `enter`, `runtime_flavor`.
/// `runtime::RuntimeFlavor`: `CurrentThread`, `MultiThread`.
/// `runtime::TryCurrentError`: `is_missing_context`, `is_thread_local_destroyed`.
#[test]
fn handle() {
    let error: TryCurrentError = Handle::try_current().unwrap_err();
    assert!(error.is_missing_context() && !error.is_thread_local_destroyed());
    let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let handle = runtime.block_on(async { Handle::current() });
    assert_eq!(handle.runtime_flavor(), RuntimeFlavor::MultiThread);
    let (task, job) = (handle.spawn(async { 1 }), handle.spawn_blocking(|| 2));
    assert_eq!(handle.block_on(async { task.await.unwrap() + job.await.unwrap() }), 3);
    let _entered = handle.enter();
    assert!(Handle::try_current().is_ok());
    let runtime = Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.handle().runtime_flavor(), RuntimeFlavor::CurrentThread);
}
