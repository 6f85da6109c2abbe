//! What debug mode reports, and what it does not: each kind with its cause, and without.

use futures::stream::{FuturesUnordered, StreamExt};
use runtime::sync::{Notify, oneshot};
use runtime::task::{self, AbortOnDropHandle, JoinSet};
use runtime::{Builder, DebugKind, DebugReport, Handle, JoinHandle, Runtime};
use std::future::{Future, pending, poll_fn, ready};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

const BUILDERS: [fn() -> Builder; 2] = [
    || {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(2);
        builder
    },
    Builder::new_current_thread,
];

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// Longer than a poll may take, and shorter by a factor of ten.
const SLOW: Duration = Duration::from_millis(150);

/// What was reported until the runtime had ended, after `body`.
fn all_reports<R>(mut builder: Builder, body: impl FnOnce(&Runtime) -> R) -> Vec<DebugReport> {
    let (tell, told) = mpsc::channel();
    let runtime =
        builder.debug(true).on_debug_report(move |report| tell.send(report.clone()).unwrap()).build();
    let runtime = runtime.unwrap();
    let outlives = body(&runtime);
    runtime.shutdown_timeout(LONG);
    drop(outlives);
    told.try_iter().collect()
}

/// The same without slow polls: on a machine under load any poll may be one.
fn reports<R>(builder: Builder, body: impl FnOnce(&Runtime) -> R) -> Vec<DebugReport> {
    all_reports(builder, body).into_iter().filter(|report| report.kind() != DebugKind::SlowPoll).collect()
}

/// The same, of one kind.
fn of_kind<R>(kind: DebugKind, builder: Builder, body: impl FnOnce(&Runtime) -> R) -> Vec<DebugReport> {
    all_reports(builder, body).into_iter().filter(|report| report.kind() == kind).collect()
}

#[track_caller]
fn one(mut reports: Vec<DebugReport>) -> DebugReport {
    assert_eq!(reports.len(), 1, "{reports:#?}");
    reports.remove(0)
}

#[track_caller]
fn none(reports: Vec<DebugReport>) {
    assert!(reports.is_empty(), "{reports:#?}");
}

#[track_caller]
fn named<F>(runtime: &Runtime, name: &str, future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    task::Builder::new().name(name).spawn_on(future, runtime.handle()).unwrap()
}

async fn until_ended<T>(task: &JoinHandle<T>) {
    while !task.is_finished() {
        task::yield_now().await;
    }
}

/// On the thread, and not asynchronously.
fn block() {
    thread::sleep(SLOW);
}

// ---- slow polls

#[test]
fn a_slow_poll_is_named() {
    for builder in BUILDERS {
        let mut site = None;
        let report = one(of_kind(DebugKind::SlowPoll, builder(), |runtime| {
            let (task, line) = (named(runtime, "slow", async { block() }), line!());
            site = Some(line);
            runtime.block_on(task).unwrap();
        }));
        assert_eq!(report.task_name(), Some("slow"));
        assert!(report.task_id().is_some());
        let spawn_site = report.spawn_site().unwrap();
        assert_eq!((spawn_site.file(), Some(spawn_site.line())), (file!(), site));
        let line = report.to_string();
        let begin = format!("task 'slow' (spawned at {}:{}) was polled for ", file!(), spawn_site.line());
        assert!(line.starts_with(&begin), "{line}");
        assert!(line.contains(" ms in one go: ") && line.ends_with(report.message()), "{line}");
        assert!(!line.contains('\n'));
    }
}

#[test]
fn a_slow_poll_that_panics_is_named_too() {
    for builder in BUILDERS {
        let report = one(of_kind(DebugKind::SlowPoll, builder(), |runtime| {
            let task = runtime.spawn(async {
                block();
                panic!("on purpose");
            });
            assert!(runtime.block_on(task).unwrap_err().is_panic());
        }));
        assert!(report.to_string().starts_with("task "), "{report}");
    }
}

#[test]
fn a_slow_task_of_short_polls_is_no_slow_poll() {
    for builder in BUILDERS {
        none(of_kind(DebugKind::SlowPoll, builder(), |runtime| {
            let task = runtime.spawn(async {
                for _ in 0..30 {
                    thread::sleep(Duration::from_millis(5));
                    task::yield_now().await;
                }
                runtime::time::sleep(SLOW).await;
            });
            runtime.block_on(task).unwrap();
        }));
    }
}

/// Callbacks run in a task of the runtime's own.
#[test]
fn a_slow_callback_is_named() {
    for builder in BUILDERS {
        let report = one(of_kind(DebugKind::SlowPoll, builder(), |runtime| {
            let (done, is_done) = oneshot::channel();
            runtime.handle().call_soon(move || {
                block();
                done.send(()).unwrap();
            });
            runtime.block_on(is_done).unwrap();
        }));
        assert_eq!(report.task_name(), Some("callbacks"));
    }
}

/// Others have taken over.
#[test]
fn a_poll_that_says_that_it_blocks_is_no_slow_poll() {
    none(of_kind(DebugKind::SlowPoll, BUILDERS[0](), |runtime| {
        let task = runtime.spawn(async {
            task::block_in_place(block);
            Handle::current().block_on(runtime::time::sleep(SLOW));
        });
        runtime.block_on(task).unwrap();
    }));
    let report = one(of_kind(DebugKind::SlowPoll, BUILDERS[0](), |runtime| {
        let task = runtime.spawn(async {
            task::block_in_place(block);
            block();
        });
        runtime.block_on(task).unwrap();
    }));
    assert!(report.message().starts_with("was polled for "), "{report}");
}

// ---- once a minute

#[test]
fn one_report_for_each_spawn_site() {
    let reports = reports(Builder::new_current_thread(), |runtime| {
        let twice = || (named(runtime, "first", pending::<()>()), named(runtime, "second", pending::<()>()));
        for _ in 0..3 {
            let (first, second) = twice();
            first.abort();
            second.abort();
            assert!(runtime.block_on(first).is_err() && runtime.block_on(second).is_err());
        }
    });
    let names: Vec<_> = reports.iter().map(|report| report.task_name().unwrap()).collect();
    assert_eq!(names, ["first", "second"]);
}

#[test]
fn many_from_one_place_are_one_report() {
    let reports = reports(Builder::new_current_thread(), |runtime| {
        for number in 0..100 {
            runtime.spawn(async move { number }).abort();
        }
        runtime.block_on(task::yield_now());
    });
    assert_eq!(one(reports).kind(), DebugKind::TaskNeverPolled);
}

// ---- dropped unpolled

#[test]
fn a_task_aborted_before_its_first_poll() {
    let report = one(reports(Builder::new_current_thread(), |runtime| {
        let task = named(runtime, "early", async { 1 });
        task.abort();
        assert!(runtime.block_on(task).unwrap_err().is_cancelled());
    }));
    assert_eq!((report.kind(), report.task_name()), (DebugKind::TaskNeverPolled, Some("early")));
    assert_eq!(report.message(), "was dropped before its first poll");
}

#[test]
fn a_task_whose_only_worker_ends_before_its_first_poll() {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).rescue(runtime::RescueConfig::off());
    let report = one(of_kind(DebugKind::TaskNeverPolled, builder, |runtime| {
        // The worker is busy until the end has begun.
        let (begun, has_begun) = mpsc::channel();
        let (go, may_go) = mpsc::channel::<()>();
        drop(runtime.spawn(async move {
            begun.send(()).unwrap();
            let _ = may_go.recv();
        }));
        has_begun.recv().unwrap();
        let task = named(runtime, "late", async {});
        task.abort();
        drop((task, go));
    }));
    assert_eq!(report.task_name(), Some("late"));
}

#[test]
fn a_task_spawned_after_the_end() {
    for mut builder in BUILDERS.map(|builder| builder()) {
        let (tell, told) = mpsc::channel();
        builder.debug(true).on_debug_report(move |report| tell.send(report.kind()).unwrap());
        let runtime = builder.build().unwrap();
        let handle = runtime.handle().clone();
        drop(runtime);
        assert_eq!(told.try_recv(), Ok(DebugKind::HandleHeld));
        drop(handle.spawn(async {}));
        assert_eq!(told.try_recv(), Ok(DebugKind::TaskNeverPolled));
    }
}

#[test]
fn a_task_that_was_polled_may_be_aborted() {
    for builder in BUILDERS {
        none(reports(builder(), |runtime| {
            let polled = Arc::new(Notify::new());
            let tell = polled.clone();
            let task = runtime.spawn(async move {
                tell.notify_one();
                pending::<()>().await;
            });
            runtime.block_on(polled.notified());
            task.abort();
            assert!(runtime.block_on(task).unwrap_err().is_cancelled());
        }));
    }
}

/// A grace is a task of the runtime's own, which the task's end calls off, often before it was polled.
#[test]
fn the_runtimes_own_tasks_may_go_unpolled() {
    none(reports(Builder::new_current_thread(), |runtime| {
        runtime.block_on(async {
            let task = task::Builder::new().name("listens").spawn(task::cancelled()).unwrap();
            task::yield_now().await;
            let _ = task.cancel().await;
        });
    }));
}

// ---- results never read

#[test]
fn a_result_that_was_never_read() {
    for builder in BUILDERS {
        let report = one(reports(builder(), |runtime| {
            let task = named(runtime, "answer", async { 42 });
            runtime.block_on(until_ended(&task));
            drop(task);
        }));
        assert_eq!((report.kind(), report.task_name()), (DebugKind::ResultNeverRead, Some("answer")));
        let line = report.to_string();
        assert!(line.ends_with("nobody has read: its handle was dropped after the task's end"), "{line}");
    }
}

#[test]
fn a_result_that_outlives_its_runtime_unread() {
    for builder in BUILDERS {
        let reports = reports(builder(), |runtime| {
            let task = runtime.spawn(async { 42 });
            runtime.block_on(until_ended(&task));
            task
        });
        let kinds: Vec<_> = reports.iter().map(DebugReport::kind).collect();
        assert_eq!(kinds, [DebugKind::JoinHandleHeld, DebugKind::ResultNeverRead]);
    }
}

#[test]
fn results_of_a_set_that_were_never_read() {
    let reports = reports(Builder::new_current_thread(), |runtime| {
        runtime.block_on(async {
            let mut set = JoinSet::new();
            for number in 0..3 {
                set.spawn(async move { number });
            }
            assert!(set.join_next().await.is_some());
            task::yield_now().await;
        });
    });
    assert_eq!(one(reports).kind(), DebugKind::ResultNeverRead);
}

#[test]
fn results_that_are_read_are_not_reported() {
    for builder in BUILDERS {
        none(reports(builder(), |runtime| {
            assert_eq!(runtime.block_on(runtime.spawn(async { 42 })).unwrap(), 42);
            let mut task = runtime.spawn(async { 42 });
            runtime.block_on(until_ended(&task));
            assert_eq!(task.try_result().unwrap().unwrap(), 42);
            drop(task);
            runtime.block_on(async {
                let both = task::gather([runtime.spawn(async { 1 }), runtime.spawn(async { 2 })]).await;
                assert_eq!(both.len(), 2);
            });
        }));
    }
}

#[test]
fn nothing_to_read_and_nobody_who_wants_to() {
    for builder in BUILDERS {
        none(reports(builder(), |runtime| {
            let nothing = runtime.spawn(async {});
            runtime.block_on(until_ended(&nothing));
            drop(nothing);
            // Detached before the end: as good as saying that nobody wants to know.
            let (go, may_go) = oneshot::channel::<()>();
            let (done, is_done) = oneshot::channel();
            drop(runtime.spawn(async move {
                may_go.await.unwrap();
                done.send(()).unwrap();
                42
            }));
            go.send(()).unwrap();
            runtime.block_on(is_done).unwrap();
        }));
    }
}

/// Who asks for a task's end, or lets go of several at once, does not want what they give.
#[test]
fn results_that_nobody_wants_any_more() {
    none(reports(Builder::new_current_thread(), |runtime| {
        runtime.block_on(async {
            let [aborted, cancelled, owned] = [1, 2, 3].map(|n| runtime::spawn(async move { n }));
            until_ended(&owned).await;
            aborted.abort();
            drop(aborted);
            drop(cancelled.cancel());
            drop(AbortOnDropHandle::new(owned));

            let gathered = task::gather([ready(1), ready(2)]);
            let limited = runtime::spawn(async { 3 }).timeout(LONG);
            let mut set = JoinSet::new();
            set.spawn(async { 4 });
            task::yield_now().await;
            task::yield_now().await;
            drop((gathered, limited));
            set.detach_all();

            assert!(task::try_gather([Err(()), Ok(1), Ok(2)].map(ready)).await.is_err());
        });
    }));
}

/// It is reported to `on_unhandled`; twice would be once too often.
#[test]
fn an_error_that_is_reported_as_such() {
    for builder in BUILDERS {
        let mut builder = builder();
        let (tell, told) = mpsc::channel();
        builder.on_unhandled(move |unhandled| tell.send(unhandled.message().to_owned()).unwrap());
        none(reports(builder, |runtime| {
            let task = runtime.handle().spawn_checked(async { Err::<u8, _>("lost") });
            runtime.block_on(until_ended(&task));
            drop(task);
        }));
        assert_eq!(told.try_iter().collect::<Vec<_>>(), ["\"lost\""]);
    }
}

// ---- handles at the end

#[test]
fn join_handles_that_outlive_the_runtime() {
    for builder in BUILDERS {
        let report = one(reports(builder(), |runtime| {
            let polled = Arc::new(Notify::new());
            let mut kept = Vec::new();
            for number in 0..3 {
                let tell = polled.clone();
                kept.push(named(runtime, &format!("kept {number}"), async move {
                    tell.notify_one();
                    pending::<()>().await;
                }));
                runtime.block_on(polled.notified());
            }
            kept
        }));
        assert_eq!((report.kind(), report.task_name()), (DebugKind::JoinHandleHeld, Some("kept 0")));
        assert_eq!(
            report.message(),
            "and 2 more spawned there have `JoinHandle`s that are still there after the runtime's end"
        );
    }
}

#[test]
fn a_leaked_join_handle() {
    for builder in BUILDERS {
        let report = one(reports(builder(), |runtime| {
            let task = runtime.spawn(async {});
            runtime.block_on(until_ended(&task));
            std::mem::forget(task);
        }));
        assert_eq!(report.kind(), DebugKind::JoinHandleHeld);
        let line = report.to_string();
        assert!(line.ends_with("has a `JoinHandle` that is still there after the runtime's end"), "{line}");
    }
}

#[test]
fn handles_that_outlive_the_runtime() {
    for builder in BUILDERS {
        let report = one(reports(builder(), |runtime| [runtime.handle().clone(), runtime.handle().clone()]));
        assert_eq!((report.kind(), report.task_id()), (DebugKind::HandleHeld, None));
        assert!(report.spawn_site().is_none());
        assert!(report.to_string().starts_with("2 of the runtime's `Handle`s"), "{report}");
    }
}

/// It may need them.
#[test]
fn handles_of_a_job_that_was_left_behind() {
    for mut builder in BUILDERS.map(|builder| builder()) {
        let (tell, told) = mpsc::channel();
        builder.debug(true).on_debug_report(move |report| tell.send(report.clone()).unwrap());
        let runtime = builder.build().unwrap();
        let held = (runtime.spawn(pending::<()>()), runtime.handle().clone());
        let (start, started) = mpsc::channel();
        let (release, gate) = mpsc::channel::<()>();
        let job = runtime.spawn_blocking(move || {
            start.send(()).unwrap();
            let _ = gate.recv();
            drop(held);
        });
        started.recv().unwrap();
        drop(runtime);
        none(told.try_iter().filter(|report| report.kind() == DebugKind::JoinHandleHeld).collect());
        drop(release);
        job.join_blocking().unwrap();
    }
}

#[test]
fn a_runtime_that_is_left_tidy() {
    for builder in BUILDERS {
        none(reports(builder(), |runtime| {
            let handle = runtime.handle().clone();
            let _entered = runtime.enter();
            runtime.block_on(async {
                assert_eq!(runtime::spawn_blocking(|| 42).await.unwrap(), 42);
                handle.spawn(runtime::time::sleep(Duration::from_millis(1))).await.unwrap();
                let (called, is_called) = oneshot::channel();
                handle.call_soon(move || called.send(()).unwrap());
                is_called.await.unwrap();
            });
            // Ends with the runtime, and what it holds with it.
            let (kept, polled) = (handle.clone(), Arc::new(Notify::new()));
            let tell = polled.clone();
            drop(runtime.spawn(async move {
                let _kept = (kept.spawn(task::yield_now()), kept);
                task::yield_now().await;
                tell.notify_one();
                pending::<()>().await;
            }));
            runtime.block_on(polled.notified());
        }));
    }
}

// ---- storms

/// What goes on is in the set.
#[test]
fn a_set_of_busy_tasks_is_no_storm() {
    none(of_kind(DebugKind::WakeStorm, Builder::new_current_thread(), |runtime| {
        let yields = async {
            for _ in 0..100_000 {
                task::yield_now().await;
            }
        };
        let inside = async { task::spawn_local(yields).await.unwrap() };
        let busy = async { task::LocalSet::new().run_until(inside).await };
        runtime.block_on(async { task::spawn_local(busy).await.unwrap() });
    }));
}

/// Wakes itself, and is pending, so often.
async fn wake_storm(polls: usize) {
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Polls come as quickly as they can, but a machine under load may not manage a thousand of them in a second.
#[test]
fn a_task_that_wakes_itself_all_the_time() {
    for builder in BUILDERS {
        let (tell, told) = mpsc::channel();
        let mut builder = builder();
        let hook = move |report: &DebugReport| tell.send(report.clone()).unwrap();
        let runtime = builder.debug(true).on_debug_report(hook).build().unwrap();
        let task = named(&runtime, "storm", async move {
            loop {
                wake_storm(1001).await;
                if let Ok(report) = told.try_recv() {
                    break report;
                }
            }
        });
        let report = runtime.block_on(task).unwrap();
        assert_eq!((report.kind(), report.task_name()), (DebugKind::WakeStorm, Some("storm")));
        assert!(
            report.to_string().contains(" woken during each of its last 1001 polls, within "),
            "{report}"
        );
    }
}

#[test]
fn a_task_that_wakes_itself_now_and_then() {
    for builder in BUILDERS {
        none(of_kind(DebugKind::WakeStorm, builder(), |runtime| {
            let task = runtime.spawn(async {
                for _ in 0..5 {
                    wake_storm(900).await;
                    runtime::time::sleep(Duration::from_millis(1)).await;
                }
            });
            runtime.block_on(task).unwrap();
        }));
    }
}

#[test]
fn yielding_and_getting_things_done_are_no_storm() {
    for builder in BUILDERS {
        none(of_kind(DebugKind::WakeStorm, builder(), |runtime| {
            let yields = runtime.spawn(async {
                for _ in 0..5000 {
                    task::yield_now().await;
                }
            });
            let busy = runtime.spawn(async {
                for _ in 0..5000 {
                    task::consume_budget().await;
                    wake_storm(1).await;
                }
            });
            // The set wakes its task for each that yields, by a waker of its own.
            let in_a_set = runtime.spawn(async {
                let yields = |_| async {
                    for _ in 0..2500 {
                        task::yield_now().await;
                    }
                };
                let mut set: FuturesUnordered<_> = (0..2).map(yields).collect();
                while set.next().await.is_some() {}
            });
            runtime.block_on(async { (yields.await.unwrap(), busy.await.unwrap(), in_a_set.await.unwrap()) });
        }));
    }
}
