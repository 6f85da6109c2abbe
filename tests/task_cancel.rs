//! Asking tasks for their end, and waiting for it.

use runtime::sync::{Notify, oneshot};
use runtime::task;
use runtime::{Builder, Handle, Runtime, time};
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Counts its drops.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A task that listens, and whose cleanup takes `cleanup`.
async fn listener(ready: oneshot::Sender<()>, cleanup: Duration) -> &'static str {
    let cancelled = task::cancelled();
    ready.send(()).unwrap();
    cancelled.await;
    time::sleep(cleanup).await;
    "cleaned up"
}

#[runtime::test(start_paused = true)]
async fn cancel_waits_for_the_cleanup_of_a_task_that_listens() {
    let (ready, is_ready) = oneshot::channel();
    let task = runtime::spawn(listener(ready, 3 * SECOND));
    is_ready.await.unwrap();
    let start = time::Instant::now();
    assert_eq!(task.cancel().await.unwrap(), "cleaned up");
    assert_eq!(start.elapsed(), 3 * SECOND);
}

#[runtime::test(start_paused = true)]
async fn a_task_that_does_not_listen_is_dropped_where_it_waits() {
    let drops = Arc::new(AtomicUsize::new(0));
    let guard = Dropped(drops.clone());
    let (ready, is_ready) = oneshot::channel();
    let task = runtime::spawn(async move {
        let _guard = guard;
        ready.send(()).unwrap();
        pending::<()>().await;
    });
    is_ready.await.unwrap();
    let start = time::Instant::now();
    assert!(task.cancel().await.unwrap_err().is_cancelled());
    assert_eq!(drops.load(Ordering::SeqCst), 1, "the future is gone when the handle answers");
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[runtime::test(flavor = "current_thread")]
async fn a_task_cancelled_before_its_first_poll_is_dropped_unpolled() {
    let drops = Arc::new(AtomicUsize::new(0));
    let guard = Dropped(drops.clone());
    let task = runtime::spawn(async move {
        let _guard = guard;
        unreachable!("polled");
    });
    assert!(task.cancel().await.unwrap_err().is_cancelled());
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

#[runtime::test(start_paused = true)]
async fn the_grace_ends_a_cleanup_that_takes_too_long() {
    let (ready, is_ready) = oneshot::channel();
    let task = runtime::spawn(listener(ready, 3600 * SECOND));
    is_ready.await.unwrap();
    let start = time::Instant::now();
    assert!(task.cancel().await.unwrap_err().is_cancelled());
    assert_eq!(start.elapsed(), 10 * SECOND, "the builder's default");

    let (ready, is_ready) = oneshot::channel();
    let task = runtime::spawn(listener(ready, 3600 * SECOND));
    is_ready.await.unwrap();
    let start = time::Instant::now();
    assert!(task.cancel_within(2 * SECOND).await.unwrap_err().is_cancelled());
    assert_eq!(start.elapsed(), 2 * SECOND);

    let (ready, is_ready) = oneshot::channel();
    let task = runtime::spawn(listener(ready, 3600 * SECOND));
    is_ready.await.unwrap();
    let start = time::Instant::now();
    assert!(task.cancel_within(Duration::ZERO).await.unwrap_err().is_cancelled());
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[test]
fn the_builder_sets_the_grace() {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).start_paused(true).cancel_grace(SECOND / 2).build().unwrap();
    let elapsed = runtime.block_on(async {
        let (ready, is_ready) = oneshot::channel();
        let task = runtime.spawn(listener(ready, 3600 * SECOND));
        is_ready.await.unwrap();
        let start = time::Instant::now();
        assert!(task.cancel().await.unwrap_err().is_cancelled());
        start.elapsed()
    });
    assert_eq!(elapsed, SECOND / 2);
}

/// The request is made by the call, and stays when nobody awaits it.
#[runtime::test(start_paused = true)]
async fn a_dropped_cancel_leaves_the_task_asked() {
    let (ready, is_ready) = oneshot::channel();
    let (done, is_done) = oneshot::channel();
    let task = runtime::spawn(async move {
        let text = listener(ready, SECOND).await;
        done.send(text).unwrap();
    });
    is_ready.await.unwrap();
    drop(task.cancel());
    assert_eq!(is_done.await.unwrap(), "cleaned up");

    // And so does its grace.
    let drops = Arc::new(AtomicUsize::new(0));
    let guard = Dropped(drops.clone());
    let (ready, is_ready) = oneshot::channel();
    let task = runtime::spawn(async move {
        let _guard = guard;
        listener(ready, 3600 * SECOND).await
    });
    is_ready.await.unwrap();
    drop(task.cancel_within(SECOND));
    time::sleep(2 * SECOND).await;
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

/// Level-triggered: who swallows the request finds it again.
#[runtime::test(start_paused = true)]
async fn the_request_stays() {
    let (ready, is_ready) = oneshot::channel();
    let task = runtime::spawn(async move {
        assert!(!task::cancel_requested());
        listener(ready, Duration::ZERO).await;
        assert!(task::cancel_requested());
        task::cancelled().await;
        task::cancelled().await;
        let both = (task::cancelled(), task::cancelled());
        both.0.await;
        both.1.await;
        7
    });
    is_ready.await.unwrap();
    assert_eq!(task.cancel().await.unwrap(), 7);
}

#[runtime::test(start_paused = true)]
async fn several_places_of_a_task_listen_and_all_are_told() {
    let (ready, is_ready) = oneshot::channel();
    let task = runtime::spawn(async move {
        let waits = (task::cancelled(), task::cancelled(), task::cancelled());
        // One of them elsewhere: it is about the task that made it.
        let elsewhere = runtime::spawn(waits.2);
        ready.send(()).unwrap();
        runtime::join!(waits.0, waits.1);
        elsewhere.await.unwrap();
        3
    });
    is_ready.await.unwrap();
    assert_eq!(task.cancel().await.unwrap(), 3);
}

/// Whoever waits elsewhere for a request that cannot come any more does not wait for ever.
#[runtime::test(start_paused = true)]
async fn a_task_that_has_ended_counts_as_told() {
    let (give, given) = oneshot::channel();
    let task = runtime::spawn(async move { give.send(task::cancelled()).unwrap_or_else(|_| unreachable!()) });
    task.await.unwrap();
    given.await.unwrap().await;
}

#[runtime::test]
async fn outside_of_a_task_nobody_is_asked() {
    assert!(!task::cancel_requested());
    let told = time::timeout(Duration::from_millis(1), task::cancelled()).await;
    assert!(told.is_err());
}

#[runtime::test(start_paused = true)]
async fn abort_does_not_ask() {
    let (ready, is_ready) = oneshot::channel();
    let task = runtime::spawn(listener(ready, SECOND));
    is_ready.await.unwrap();
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
}

/// An abort waits for the poll that is going on, so that this must end.
#[runtime::test]
async fn a_task_that_asks_in_a_loop_whether_it_was_aborted_ends() {
    let (tell, told) = oneshot::channel::<task::AbortHandle>();
    let task = runtime::spawn(async {
        told.await.unwrap().abort();
        for _ in 0..100_000 {
            task::cancelled().await;
        }
    });
    tell.send(task.abort_handle()).unwrap();
    assert!(task.await.unwrap_err().is_cancelled());
}

#[runtime::test]
async fn a_blocking_job_that_runs_is_asked_and_waited_for() {
    let (ready, is_ready) = oneshot::channel();
    let job = runtime::spawn_blocking(move || {
        ready.send(()).unwrap();
        while !task::cancel_requested() {
            std::thread::yield_now();
        }
        42
    });
    is_ready.await.unwrap();
    assert_eq!(job.cancel().await.unwrap(), 42);
}

#[test]
fn a_cancel_from_outside_of_the_runtime_works() {
    let runtime = Runtime::new().unwrap();
    let (ready, is_ready) = oneshot::channel();
    let task = runtime.spawn(listener(ready, Duration::from_millis(1)));
    is_ready.blocking_recv().unwrap();
    assert_eq!(futures::executor::block_on(task.cancel()).unwrap(), "cleaned up");
}

#[test]
fn a_listening_task_ends_with_its_runtime() {
    let runtime = Runtime::new().unwrap();
    let (ready, is_ready) = oneshot::channel();
    let task = runtime.spawn(listener(ready, 3600 * SECOND));
    is_ready.blocking_recv().unwrap();
    let cancelling = task.cancel();
    drop(runtime);
    assert!(futures::executor::block_on(cancelling).unwrap_err().is_cancelled());
}

#[runtime::test(start_paused = true)]
async fn timeout_waits_until_the_task_has_really_ended() {
    let start = time::Instant::now();
    let (ready, is_ready) = oneshot::channel();
    let drops = Arc::new(AtomicUsize::new(0));
    let guard = Dropped(drops.clone());
    let task = runtime::spawn(async move {
        let _guard = guard;
        listener(ready, Duration::from_millis(300)).await;
        pending::<()>().await;
    });
    is_ready.await.unwrap();
    let timed = task.timeout(Duration::from_millis(100));
    assert!(timed.await.is_err());
    // 0.1 s, and the grace: the cleanup never ends by itself.
    assert_eq!(start.elapsed(), Duration::from_millis(100) + 10 * SECOND);
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

#[runtime::test(start_paused = true)]
async fn a_timed_out_task_that_ends_with_a_value_gives_it() {
    let start = time::Instant::now();
    let (ready, is_ready) = oneshot::channel();
    let task = runtime::spawn(listener(ready, Duration::from_millis(300)));
    is_ready.await.unwrap();
    let result = task.timeout(Duration::from_millis(100)).await;
    assert_eq!(result.unwrap().unwrap(), "cleaned up");
    assert_eq!(start.elapsed(), Duration::from_millis(400));
}

#[runtime::test(start_paused = true)]
async fn timeout_gives_results_panics_and_aborts_as_they_are() {
    let quick = runtime::spawn(async { 42 });
    assert_eq!(quick.timeout(SECOND).await.unwrap().unwrap(), 42);
    let panics = runtime::spawn(async { panic!("on purpose") });
    let error: Result<(), _> = panics.timeout(SECOND).await.unwrap();
    assert!(error.unwrap_err().is_panic());
    let aborted = runtime::spawn(pending::<()>());
    aborted.abort();
    assert!(aborted.timeout(SECOND).await.unwrap().unwrap_err().is_cancelled());
    let never = runtime::spawn(async { time::sleep(SECOND).await });
    assert!(never.timeout(Duration::MAX).await.is_ok());
}

#[runtime::test(start_paused = true)]
async fn a_dropped_timeout_asks_the_task_for_its_end() {
    let (ready, is_ready) = oneshot::channel();
    let (done, is_done) = oneshot::channel();
    let task = runtime::spawn(async move {
        listener(ready, SECOND).await;
        done.send(()).unwrap();
    });
    is_ready.await.unwrap();
    let timed = time::timeout(SECOND, task.timeout(10 * SECOND));
    assert!(timed.await.is_err());
    is_done.await.unwrap();
}

#[runtime::test]
async fn try_result_takes_the_result_once() {
    let wait = Arc::new(Notify::new());
    let waits = wait.clone();
    let mut task = runtime::spawn(async move {
        waits.notified().await;
        String::from("result")
    });
    assert!(task.try_result().is_none());
    wait.notify_one();
    (&mut task).await.unwrap();
    assert!(task.try_result().is_none(), "awaiting has taken it");

    let mut task = runtime::spawn(async { 42 });
    let (tell, told) = oneshot::channel();
    task.on_finish(move |_| tell.send(()).unwrap());
    told.await.unwrap();
    assert_eq!(task.try_result().unwrap().unwrap(), 42);
    assert!(task.try_result().is_none());
}

#[test]
fn join_blocking_waits_on_a_plain_thread() {
    let runtime = Runtime::new().unwrap();
    let (go, is_go) = oneshot::channel();
    let task = runtime.spawn(async move { is_go.await.unwrap() });
    let waits = std::thread::spawn(move || task.join_blocking());
    go.send(42).unwrap();
    assert_eq!(waits.join().unwrap().unwrap(), 42);
    let panics = runtime.spawn(async { panic!("on purpose") });
    let result: Result<(), _> = panics.join_blocking();
    assert!(result.unwrap_err().is_panic());
}

#[runtime::test]
async fn join_blocking_inside_of_async_code_panics_with_the_remedy() {
    let outer = runtime::spawn(async {
        let inner = runtime::spawn(async {});
        inner.join_blocking().unwrap();
    });
    let payload = outer.await.unwrap_err().into_panic();
    assert!(payload.downcast_ref::<&str>().unwrap().contains("await the handle"));
}

#[runtime::test]
async fn a_shared_handle_answers_everyone() {
    let (go, is_go) = oneshot::channel();
    let shared = runtime::spawn(async move { is_go.await.unwrap() }).shared();
    let waits: Vec<_> = (0..10).map(|_| runtime::spawn(shared.clone())).collect();
    go.send(String::from("one")).unwrap();
    for wait in waits {
        assert_eq!(wait.await.unwrap().unwrap(), "one");
    }
    assert_eq!(shared.clone().await.unwrap(), "one");

    let panics = runtime::spawn(async { panic!("on purpose") }).shared();
    let (a, b): (Result<(), _>, _) = (panics.clone().await, panics.await);
    assert!(a.unwrap_err().is_panic() && b.unwrap_err().is_panic());
}

/// asyncio's `run`: what is left is cancelled, and its cleanup waited for.
#[test]
fn run_cancels_what_is_left_and_waits_for_its_cleanup() {
    let (drops, cleaned) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (guard, count) = (Dropped(drops.clone()), cleaned.clone());
    runtime::run(async move {
        let (ready, is_ready) = oneshot::channel();
        runtime::spawn(async move {
            let cancelled = task::cancelled();
            ready.send(()).unwrap();
            cancelled.await;
            time::sleep(Duration::from_millis(5)).await;
            // Spawned meanwhile: asked, too.
            let (ready, is_ready) = oneshot::channel();
            let again = count.clone();
            runtime::spawn(async move {
                listener(ready, Duration::from_millis(5)).await;
                again.fetch_add(1, Ordering::SeqCst);
            });
            is_ready.await.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
        });
        is_ready.await.unwrap();
        runtime::spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
    });
    assert_eq!(cleaned.load(Ordering::SeqCst), 2);
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

/// A callback that brings the next one is not run for ever by a runtime that ends, nor does it recurse.
/// A paused clock that stands, because a blocking job runs, does not keep the program.
#[test]
fn the_exit_is_bounded_under_a_paused_clock() {
    let (go, may_go) = std::sync::mpsc::channel::<()>();
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.start_paused(true).cancel_grace(Duration::from_millis(50)).build().unwrap();
    let has_ended = runtime.block_on(async {
        let (ready, is_ready) = oneshot::channel();
        runtime::spawn(async move {
            let cancelled = task::cancelled();
            ready.send(()).unwrap();
            cancelled.await;
            runtime::spawn_blocking(move || may_go.recv()).await
        });
        is_ready.await.unwrap();
        runtime_core::supervise::exit::end_all(&Handle::current()).await
    });
    assert!(!has_ended);
    drop(go);
}

/// A waker is called, and dropped, with no lock held.
#[test]
fn wakers_of_a_shared_handle_may_use_it() {
    use std::pin::Pin;
    use std::task::{Context, Wake, Waker};

    struct Uses(Mutex<Option<runtime::task::SharedHandle<i32>>>);
    impl Wake for Uses {
        fn wake(self: Arc<Self>) {
            if let Some(mut handle) = self.0.lock().unwrap().take() {
                assert!(Pin::new(&mut handle).poll(&mut Context::from_waker(Waker::noop())).is_ready());
            }
            panic!("on purpose");
        }
    }
    let runtime = Runtime::new().unwrap();
    let (go, may_go) = oneshot::channel();
    let shared = runtime.spawn(async move { may_go.await.unwrap() }).shared();
    let waker = Waker::from(Arc::new(Uses(Mutex::new(Some(shared.clone())))));
    let mut polled = shared.clone();
    assert!(Pin::new(&mut polled).poll(&mut Context::from_waker(&waker)).is_pending());
    go.send(7).unwrap();
    assert_eq!(runtime.block_on(shared.clone()).unwrap(), 7);
    assert_eq!(runtime.block_on(polled).unwrap(), 7);
    assert!(shared.is_finished());
}

/// The runtime in which a set is polled sees to the grace of its tasks, whoever asks.
#[test]
fn a_local_task_that_is_cancelled_from_elsewhere_has_its_grace() {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.start_paused(true).build().unwrap();
    let elapsed = runtime.block_on(async {
        let set = task::LocalSet::new();
        let run = set.run_until(async {
            let (ready, is_ready) = oneshot::channel();
            let task = task::spawn_local(listener(ready, 3600 * SECOND));
            is_ready.await.unwrap();
            let start = time::Instant::now();
            let cancelling = std::thread::spawn(move || task.cancel()).join().unwrap();
            assert!(cancelling.await.unwrap_err().is_cancelled());
            start.elapsed()
        });
        run.await
    });
    assert_eq!(elapsed, 10 * SECOND);
}
