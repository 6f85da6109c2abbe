//! Groups whose task is asked for its end, or whose outer group fails: nothing is left running unseen.

use runtime::sync::oneshot;
use runtime::task::{self, GroupError, TaskError, TaskGroup};
use runtime::{Builder, Handle, time};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// How many are there.
#[derive(Clone, Default)]
struct Live(Arc<AtomicUsize>);

struct Alive(Live);

impl Live {
    fn one(&self) -> Alive {
        self.0.fetch_add(1, Ordering::SeqCst);
        Alive(self.clone())
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A task of a group that listens, says so, and takes `cleanup` to end.
async fn listener(live: Live, ready: oneshot::Sender<()>, cleanup: Duration) -> Result<(), &'static str> {
    let _alive = live.one();
    let cancelled = task::cancelled();
    ready.send(()).unwrap();
    cancelled.await;
    time::sleep(cleanup).await;
    Ok(())
}

/// A group with a listener, whose body waits for ever.
async fn waiting(
    live: Live,
    ready: oneshot::Sender<()>,
    cleanup: Duration,
) -> Result<(), GroupError<&'static str>> {
    task::group(async move |g: TaskGroup<&str>| {
        let _in_body = live.one();
        g.spawn(listener(live.clone(), ready, cleanup));
        pending().await
    })
    .await
}

/// The end of the task in which a group was first polled is no end of the task in which it is now.
#[runtime::test(start_paused = true)]
async fn a_group_may_move_to_another_task() {
    let live = Live::default();
    let (ready, is_ready) = oneshot::channel();
    let count = live.clone();
    let first = runtime::spawn(async move {
        let (go, may_go) = oneshot::channel::<()>();
        let mut group = Box::pin(task::group(async move |g: TaskGroup<&str>| {
            g.spawn(listener(count, ready, SECOND));
            let child = g.spawn(async {
                time::sleep(2 * SECOND).await;
                Ok(7)
            });
            may_go.await.unwrap();
            Ok(child.await.unwrap())
        }));
        let early = time::timeout(SECOND, &mut group).await;
        assert!(early.is_err());
        (runtime::spawn(group), go)
    });
    is_ready.await.unwrap();
    let (second, go) = first.await.unwrap();
    time::sleep(5 * SECOND).await;
    assert_eq!(live.count(), 1, "the listener was asked by the end of the first task");
    go.send(()).unwrap();
    // Now it is the second task's: there the request finds it.
    let start = time::Instant::now();
    assert!(second.cancel().await.unwrap_err().is_cancelled());
    assert_eq!((live.count(), start.elapsed()), (0, SECOND));
}

/// To a `block_on`, and back into a task: it ends there as everywhere.
#[test]
fn a_group_may_move_to_a_block_on() {
    let runtime = Builder::new_current_thread().start_paused(true).build().unwrap();
    let group = runtime.block_on(async {
        let task = runtime::spawn(async {
            let mut group = Box::pin(task::group(async |g: TaskGroup<&str>| {
                let child = g.spawn(async {
                    time::sleep(2 * SECOND).await;
                    Ok(7)
                });
                Ok(child.await.unwrap())
            }));
            assert!(time::timeout(SECOND, &mut group).await.is_err());
            (group,)
        });
        task.await.unwrap()
    });
    assert_eq!(runtime.block_on(group.0).unwrap(), 7);
}

/// A request comes to the group, whatever budget its task has left.
#[runtime::test(flavor = "current_thread", start_paused = true)]
async fn a_busy_task_is_asked_at_once() {
    let start = time::Instant::now();
    let live = Live::default();
    let (ready, is_ready) = oneshot::channel();
    let count = live.clone();
    let busy = runtime::spawn(async move {
        let spends = async {
            loop {
                task::coop::consume_budget().await;
            }
        };
        runtime::select! {
            biased;
            () = spends => {}
            _ = waiting(count, ready, Duration::ZERO) => {}
        }
    });
    is_ready.await.unwrap();
    assert!(busy.cancel().await.unwrap_err().is_cancelled());
    assert_eq!((live.count(), start.elapsed()), (0, Duration::ZERO));
}

/// Who was aborted starts nothing any more.
#[runtime::test(flavor = "current_thread")]
async fn an_aborted_task_without_budget_enters_no_group() {
    let bodies = Live::default();
    let count = bodies.clone();
    let (tell, told) = oneshot::channel::<task::AbortHandle>();
    let task = runtime::spawn(async move {
        told.await.unwrap().abort();
        while task::coop::has_budget_remaining() {
            task::coop::consume_budget().await;
        }
        loop {
            let count = count.clone();
            let _: Result<(), _> = task::group(async move |_: TaskGroup<()>| {
                std::mem::forget(count.one());
                Ok(())
            })
            .await;
        }
    });
    tell.send(task.abort_handle()).unwrap();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(bodies.count(), 0, "the body ran");
}

/// A group that nobody polls any more is asked as well, and waited for.
#[runtime::test(start_paused = true)]
async fn a_group_that_is_no_longer_polled_is_asked() {
    let start = time::Instant::now();
    let live = Live::default();
    let (ready, is_ready) = oneshot::channel();
    let (parked, is_parked) = oneshot::channel();
    let count = live.clone();
    let task = runtime::spawn(async move {
        let mut group = pin!(waiting(count, ready, SECOND));
        runtime::select! {
            _ = &mut group => {}
            Ok(()) = is_ready => {}
        }
        parked.send(()).unwrap();
        pending::<()>().await;
    });
    is_parked.await.unwrap();
    assert!(task.cancel().await.unwrap_err().is_cancelled());
    assert_eq!((live.count(), start.elapsed()), (0, SECOND));
}

/// The drop of an error that nobody took ends where it happens.
fn a_panicking_error(builder: &mut Builder) {
    struct Panics(Option<oneshot::Sender<()>>);
    impl Drop for Panics {
        fn drop(&mut self) {
            self.0.take().unwrap().send(()).unwrap();
            panic!("on purpose");
        }
    }
    let runtime = builder.start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (dropped, is_dropped) = oneshot::channel();
        let group = task::group(async |g: TaskGroup<Panics>| {
            g.spawn(async {
                task::cancelled().await;
                time::sleep(SECOND).await;
                Err::<(), _>(Panics(Some(dropped)))
            });
            pending::<Result<(), Panics>>().await
        });
        assert!(time::timeout(SECOND, group).await.is_err());
        is_dropped.await.unwrap();
        let after = runtime::spawn(async { 5 });
        assert_eq!(after.await.unwrap(), 5);
    });
}

#[test]
fn an_error_whose_drop_panics_harms_nobody() {
    a_panicking_error(Builder::new_multi_thread().worker_threads(1));
    a_panicking_error(&mut Builder::new_current_thread());
}

/// An outer group that ends its body waits for the tasks of the groups in it.
#[runtime::test(start_paused = true)]
async fn a_failed_group_waits_for_those_in_its_body() {
    let start = time::Instant::now();
    let live = Live::default();
    let (ready, is_ready) = oneshot::channel();
    let (one, two, three) = (live.clone(), live.clone(), live.clone());
    let result: Result<(), _> = task::group(async move |outer: TaskGroup<&str>| {
        outer.spawn(async move {
            is_ready.await.unwrap();
            Err::<(), _>("child")
        });
        // One in another, which has tasks of its own that take longer.
        let middle = task::group(async move |middle: TaskGroup<&str>| {
            let (started, is_started) = oneshot::channel();
            middle.spawn(listener(two, started, 3 * SECOND));
            is_started.await.unwrap();
            waiting(one, ready, SECOND).await.map_err(|_| "inner")
        });
        let _: Result<(), _> = middle.await;
        let _alive = three.one();
        pending().await
    })
    .await;
    assert!(matches!(result.unwrap_err().errors(), [TaskError::Failed("child")]));
    assert_eq!((live.count(), start.elapsed()), (0, 3 * SECOND));
}

#[runtime::test(start_paused = true)]
async fn a_cancelled_group_waits_for_those_in_its_body() {
    let start = time::Instant::now();
    let live = Live::default();
    let (ready, is_ready) = oneshot::channel();
    let count = live.clone();
    let result: Result<(), _> = task::group(async move |outer: TaskGroup<&str>| {
        let canceller = outer.clone();
        outer.spawn(async move {
            is_ready.await.unwrap();
            canceller.cancel();
            Ok(())
        });
        waiting(count, ready, SECOND).await.map_err(|_| "inner")
    })
    .await;
    assert!(result.unwrap_err().is_cancelled());
    assert_eq!((live.count(), start.elapsed()), (0, SECOND));
}

/// A group that was moved out of the body in which it was polled holds nobody up.
#[runtime::test(start_paused = true)]
async fn a_group_may_leave_the_body_of_another() {
    let inner = task::group(async |_: TaskGroup<&str>| {
        let mut inner = Box::pin(task::group(async |g: TaskGroup<&str>| {
            let child = g.spawn(async {
                time::sleep(2 * SECOND).await;
                Ok(3)
            });
            Ok(child.await.unwrap())
        }));
        assert!(time::timeout(SECOND, &mut inner).await.is_err());
        Ok(inner)
    })
    .await
    .unwrap();
    assert_eq!(inner.await.unwrap(), 3);
}

/// As any task that does not listen, one in a group is dropped where it waits; only the group's tasks clean up.
#[runtime::test(start_paused = true)]
async fn the_body_ends_before_the_tasks_clean_up() {
    let ticks = Arc::new(AtomicUsize::new(0));
    let (live, bodies) = (Live::default(), Live::default());
    let (ready, is_ready) = oneshot::channel();
    let (count, in_body, tick) = (live.clone(), bodies.clone(), ticks.clone());
    let task = runtime::spawn(async move {
        let ticks = async move {
            let _alive = in_body.one();
            loop {
                time::sleep(SECOND / 50).await;
                tick.fetch_add(1, Ordering::SeqCst);
            }
        };
        let _: Result<(), _> = task::group(async move |g: TaskGroup<&str>| {
            g.spawn(listener(count, ready, SECOND));
            runtime::join!(ticks, pending()).1
        })
        .await;
    });
    is_ready.await.unwrap();
    let end = task.cancel();
    let before = ticks.load(Ordering::SeqCst);
    time::sleep(SECOND / 2).await;
    assert_eq!((live.count(), bodies.count()), (1, 0), "the task cleans up, the body is gone");
    assert!(end.await.unwrap_err().is_cancelled());
    assert_eq!((live.count(), ticks.load(Ordering::SeqCst)), (0, before));
}

/// A task in a group, whose child has a group of its own, in which somebody cleans up.
async fn tree(live: &Live, cleanup: Duration) -> runtime::JoinHandle<()> {
    let (ready, is_ready) = oneshot::channel();
    let count = live.clone();
    let task = runtime::spawn(async move {
        let _: Result<(), _> = task::group(async move |g: TaskGroup<&str>| {
            g.spawn(async move { waiting(count, ready, cleanup).await.map_err(|_| "inner") });
            pending().await
        })
        .await;
    });
    is_ready.await.unwrap();
    task
}

/// The grace is that of the whole tree.
#[runtime::test(start_paused = true)]
async fn a_grace_holds_for_the_tasks_of_groups() {
    let live = Live::default();
    for (grace, cleanup, expected) in [
        (Some(SECOND), 5 * SECOND, SECOND),
        (Some(60 * SECOND), 30 * SECOND, 30 * SECOND),
        (None, 30 * SECOND, 10 * SECOND),
        (Some(Duration::ZERO), 5 * SECOND, Duration::ZERO),
    ] {
        let start = time::Instant::now();
        let task = tree(&live, cleanup).await;
        let end = match grace {
            Some(grace) => task.cancel_within(grace).await,
            None => task.cancel().await,
        };
        assert!(end.unwrap_err().is_cancelled());
        assert_eq!((live.count(), start.elapsed()), (0, expected), "{grace:?}");
    }
}

/// The shortest one ends what has begun before.
#[runtime::test(start_paused = true)]
async fn a_shorter_grace_of_an_outer_task_holds() {
    let start = time::Instant::now();
    let live = Live::default();
    let (ready, is_ready) = oneshot::channel();
    let count = live.clone();
    let outer = runtime::spawn(task::group(async move |g: TaskGroup<&str>| {
        let (started, is_started) = oneshot::channel();
        let child = g.spawn(async move { waiting(count, started, 50 * SECOND).await.map_err(|_| "inner") });
        is_started.await.unwrap();
        let end = child.cancel_within(60 * SECOND);
        time::sleep(SECOND).await;
        ready.send(()).unwrap();
        let _ = end.await;
        Ok(())
    }));
    is_ready.await.unwrap();
    assert!(outer.cancel_within(2 * SECOND).await.unwrap_err().is_cancelled());
    assert_eq!((live.count(), start.elapsed()), (0, 3 * SECOND));
}

/// A grace that has begun goes on at the program's end.
#[test]
fn the_exit_leaves_graces_as_they_are() {
    let runtime = Builder::new_multi_thread().worker_threads(1).start_paused(true).build().unwrap();
    let elapsed = runtime.block_on(async {
        let (ready, is_ready) = oneshot::channel();
        let task = runtime::spawn(listener(Live::default(), ready, 5 * SECOND));
        is_ready.await.unwrap();
        let start = time::Instant::now();
        drop(task.cancel_within(SECOND));
        assert!(runtime_core::supervise::exit::end_all(&Handle::current()).await);
        start.elapsed()
    });
    assert_eq!(elapsed, SECOND);
}

/// A panic in the drop of a task that is cancelled is an error, as every other.
#[runtime::test(start_paused = true)]
async fn a_panic_in_the_drop_of_a_task_goes_to_the_group() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in the drop");
        }
    }
    let result: Result<(), _> = task::group(async |g: TaskGroup<&str>| {
        let (ready, is_ready) = oneshot::channel();
        let child = g.spawn(async move {
            let _panics = Panics;
            ready.send(()).unwrap();
            pending::<Result<(), _>>().await
        });
        is_ready.await.unwrap();
        drop(child);
        Err("body")
    })
    .await;
    let errors = result.unwrap_err().into_errors();
    assert!(matches!(errors[0], TaskError::Failed("body")));
    assert!(errors[1].is_panic() && errors[1].to_string().contains("in the drop"), "{errors:?}");
    assert_eq!(errors.len(), 2);
}

/// So is one in the drop of a body whose task is cancelled: of the task's.
#[runtime::test(start_paused = true)]
async fn a_panic_in_the_drop_of_a_body_goes_to_the_handle() {
    let live = Live::default();
    let (ready, is_ready) = oneshot::channel();
    let count = live.clone();
    let task = runtime::spawn(task::group(async move |g: TaskGroup<&str>| {
        struct Panics;
        impl Drop for Panics {
            fn drop(&mut self) {
                panic!("in the drop");
            }
        }
        let _panics = Panics;
        g.spawn(listener(count, ready, SECOND));
        pending::<Result<(), _>>().await
    }));
    is_ready.await.unwrap();
    let error = task.cancel().await.unwrap_err();
    assert!(error.is_panic() && error.to_string().contains("in the drop"), "{error}");
    assert_eq!(live.count(), 0, "the task ended before those of its group");
}

/// An abort, and the end of the runtime, do not wait for groups.
#[runtime::test(start_paused = true)]
async fn an_abort_cuts_the_wait_for_a_group_short() {
    let start = time::Instant::now();
    let live = Live::default();
    let (ready, is_ready) = oneshot::channel();
    let task = runtime::spawn(waiting(live.clone(), ready, 5 * SECOND));
    is_ready.await.unwrap();
    let handle = task.abort_handle();
    let end = task.cancel();
    time::sleep(SECOND).await;
    assert!(!handle.is_finished());
    handle.abort();
    assert!(end.await.unwrap_err().is_cancelled());
    assert_eq!(start.elapsed(), SECOND);
}

#[test]
fn a_runtime_that_ends_does_not_wait_for_groups() {
    for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
        let runtime = builder.start_paused(true).build().unwrap();
        let live = Live::default();
        let (ready, is_ready) = oneshot::channel();
        let task = runtime.spawn(waiting(live.clone(), ready, 3600 * SECOND));
        runtime.block_on(is_ready).unwrap();
        let end = task.cancel();
        drop(runtime);
        assert!(futures::executor::block_on(end).unwrap_err().is_cancelled());
        assert_eq!(live.count(), 0);
    }
}

/// Another executor inside of a body may drive a group to its end.
#[test]
fn a_group_that_is_driven_inside_of_a_body_by_somebody_else_ends() {
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let outer = runtime.spawn(task::group(async |outer: TaskGroup<&str>| {
        let (ready, is_ready) = std::sync::mpsc::channel();
        outer.spawn(async move {
            is_ready.recv().unwrap();
            Err::<(), _>("child")
        });
        let inner = catch_unwind(AssertUnwindSafe(|| {
            futures::executor::block_on(task::group(async move |_: TaskGroup<&str>| {
                ready.send(()).unwrap();
                pending::<Result<(), _>>().await
            }))
        }));
        assert!(inner.unwrap().is_err());
        Ok(())
    }));
    let result = outer.join_blocking().unwrap();
    assert_eq!(result.unwrap_err().errors().len(), 1);
}
