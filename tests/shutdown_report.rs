//! `Runtime::shutdown`: its phases, and who it says it has left behind.

use runtime::metrics::{RuntimeMetrics, WorkerMetrics};
use runtime::task::{self, LocalSet};
use runtime::{
    Builder, Flavor, JoinHandle, RescueConfig, Runtime, ShutdownOptions, ShutdownReport, SurvivorKind,
    UnhandledPolicy, blocking,
};
use std::future::pending;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything here takes, by far.
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(50);

const BUILDERS: [fn() -> Runtime; 2] = [
    || Builder::new_multi_thread().worker_threads(2).build().unwrap(),
    || Builder::new_current_thread().build().unwrap(),
];

fn short() -> ShutdownOptions {
    ShutdownOptions::default().grace(SHORT).blocking(SHORT)
}

/// The result of `body`, which must not hang.
fn in_time<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || done.send(body()));
    is_done.recv_timeout(LONG).expect("it hangs, or has panicked")
}

/// A shutdown whose phases are `SHORT`: the grace, the polls of those that do not listen, the threads.
fn shut_down(runtime: Runtime) -> ShutdownReport {
    let start = Instant::now();
    let report = runtime.shutdown(short());
    let took = start.elapsed();
    assert!(took < 3 * SHORT * 10, "{took:?}");
    report
}

/// Until the task of `runtime` has been polled, and no worker is in a poll. Without workers it has not begun.
fn all_wait(runtime: &Runtime) {
    let has_workers = runtime.handle().runtime_flavor() == Flavor::MultiThread;
    // Odd: it sleeps.
    let is_asleep = |worker: &WorkerMetrics| worker.park_unpark_count() % 2 == 1;
    let waits =
        |metrics: &RuntimeMetrics| metrics.polls_count() > 0 && metrics.workers().iter().all(is_asleep);
    while has_workers && !waits(&runtime.metrics()) {
        thread::yield_now();
    }
}

/// A task that blocks its thread until the sender is dropped, and does so when this returns.
fn stuck(runtime: &Runtime) -> mpsc::Sender<()> {
    let (go, may_go) = mpsc::channel::<()>();
    let (started, has_started) = mpsc::channel();
    let blocks = async move {
        started.send(()).unwrap();
        let _ = may_go.recv();
    };
    drop(task::Builder::new().name("stuck").spawn_on(blocks, runtime.handle()).unwrap());
    has_started.recv_timeout(LONG).unwrap();
    go
}

/// The grace is for tasks that listen. One that does not, and whose poll goes on, has a second.
#[test]
fn p49_a_stuck_task_that_does_not_listen_is_not_given_the_grace() {
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let go = stuck(&runtime);
    let start = Instant::now();
    let report = runtime.shutdown(ShutdownOptions::default().grace(LONG).blocking(SHORT));
    let took = start.elapsed();
    assert_eq!(report.survivors().len(), 1, "{report}");
    assert!(took < LONG / 2, "{took:?}");
    drop(go);
}

#[test]
fn p49_tasks_that_listen_clean_up_and_the_others_are_dropped() {
    for build in BUILDERS {
        in_time(move || {
            let runtime = build();
            let alive = Arc::new(());
            let held = alive.clone();
            runtime.spawn(async move {
                pending::<()>().await;
                drop(held);
            });
            let (ready, is_ready) = runtime::sync::oneshot::channel();
            let listener = runtime.spawn(async move {
                let cancelled = task::cancelled();
                ready.send(()).unwrap();
                cancelled.await;
                task::yield_now().await;
                "flushed"
            });
            runtime.block_on(is_ready).unwrap();
            let report = runtime.shutdown(ShutdownOptions::default());
            assert!(report.is_clean() && report.survivors().is_empty(), "{report}");
            assert_eq!(report.to_string(), "");
            assert_eq!(listener.join_blocking().unwrap(), "flushed");
            assert_eq!(Arc::strong_count(&alive), 1);
        });
    }
}

#[test]
fn p49_the_grace_is_bounded_and_with_none_nobody_is_asked() {
    for build in BUILDERS {
        for grace in [Duration::ZERO, SHORT] {
            in_time(move || {
                let runtime = build();
                let (ready, is_ready) = runtime::sync::oneshot::channel();
                let (asked, was_asked) = mpsc::channel();
                let task = runtime.spawn(async move {
                    let cancelled = task::cancelled();
                    ready.send(()).unwrap();
                    cancelled.await;
                    asked.send(()).unwrap();
                    pending::<()>().await;
                });
                runtime.block_on(is_ready).unwrap();
                let start = Instant::now();
                let report = runtime.shutdown(short().grace(grace));
                assert!(report.is_clean(), "{report}");
                assert!(start.elapsed() < SHORT * 30);
                assert_eq!(was_asked.recv_timeout(LONG).is_ok(), !grace.is_zero());
                assert!(task.join_blocking().unwrap_err().is_cancelled());
            });
        }
    }
}

#[test]
fn p49_a_job_that_does_not_end_is_named() {
    for build in BUILDERS {
        in_time(move || {
            let runtime = build();
            let (go, may_go) = mpsc::channel::<()>();
            let (started, has_started) = mpsc::channel();
            let line = line!() + 1;
            let job = runtime.spawn_blocking(move || {
                started.send(()).unwrap();
                let _ = may_go.recv();
            });
            has_started.recv_timeout(LONG).unwrap();
            let report = shut_down(runtime);
            assert!(!report.is_clean());
            let [survivor] = report.survivors() else { panic!("{report}") };
            assert_eq!(survivor.kind(), SurvivorKind::Job);
            assert_eq!((survivor.id(), survivor.name()), (job.id(), None));
            assert_eq!((survivor.spawn_site().file(), survivor.spawn_site().line()), (file!(), line));
            assert!(survivor.running_for() >= SHORT, "{survivor:?}");
            let text = survivor.to_string();
            let start = format!("job {} (spawned at {}:{line}:", job.id(), file!());
            assert!(text.starts_with(&start), "{text}");
            assert!(text.contains("), running for 0.") && text.ends_with(" s"), "{text}");
            assert_eq!(report.to_string(), format!("{text}\n"));
            drop(go);
            job.join_blocking().unwrap();
        });
    }
}

/// A job that runs until it is asked for its end, and runs when this returns. What comes is whether both ways to ask agree.
fn until_asked(runtime: &runtime::Handle) -> (JoinHandle<()>, mpsc::Receiver<bool>) {
    let (started, has_started) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let job = runtime.spawn_blocking(move || {
        started.send(()).unwrap();
        while !task::cancel_requested() {
            thread::yield_now();
        }
        tell.send(blocking::is_cancelled()).unwrap();
    });
    has_started.recv_timeout(LONG).unwrap();
    (job, told)
}

#[test]
fn jobs_that_run_are_asked_after_the_grace() {
    for build in BUILDERS {
        in_time(move || {
            let runtime = build();
            let (job, told) = until_asked(runtime.handle());
            let (ready, is_ready) = runtime::sync::oneshot::channel();
            let listener = runtime.spawn(async move {
                let cancelled = task::cancelled();
                ready.send(()).unwrap();
                cancelled.await;
                for _ in 0..100 {
                    task::yield_now().await;
                }
                told.try_recv().expect_err("asked while tasks clean up");
                told
            });
            runtime.block_on(is_ready).unwrap();
            let report = runtime.shutdown(ShutdownOptions::default().grace(LONG).blocking(LONG));
            assert!(report.is_clean(), "{report}");
            let told = listener.join_blocking().unwrap();
            assert_eq!(told.try_recv(), Ok(true));
            job.join_blocking().unwrap();
        });
    }
}

#[test]
fn every_end_asks_jobs_that_run() {
    let ends: [fn(Runtime); 4] = [
        drop,
        Runtime::shutdown_background,
        |runtime| runtime.shutdown_timeout(LONG),
        |runtime| {
            let (failed, has_failed) = mpsc::channel::<()>();
            drop(runtime.spawn(async move {
                let _failed = failed;
                panic!("on purpose");
            }));
            has_failed.recv_timeout(LONG).unwrap_err();
        },
    ];
    for end in ends {
        in_time(move || {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(1).unhandled_policy(UnhandledPolicy::Shutdown);
            let runtime = builder.build().unwrap();
            let (job, told) = until_asked(runtime.handle());
            end(runtime);
            assert_eq!(told.recv_timeout(LONG), Ok(true));
            job.join_blocking().unwrap();
        });
    }
}

/// `#[runtime::main]` ends in the same way.
#[test]
fn the_end_of_run_asks_jobs_that_run() {
    in_time(|| {
        let (_, told) = runtime::run(async { until_asked(&runtime::Handle::current()) });
        assert_eq!(told.try_recv(), Ok(true), "was not waited for");
    });
}

/// The poll, which may not be cut short, waits for a job: that must be asked before the poll is waited for.
#[test]
fn a_job_is_asked_for_which_a_poll_waits() {
    in_time(|| {
        let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let (job, told) = until_asked(runtime.handle());
        let (started, has_started) = mpsc::channel();
        drop(runtime.spawn(async move {
            started.send(()).unwrap();
            task::block_in_place(|| job.join_blocking()).unwrap();
        }));
        has_started.recv_timeout(LONG).unwrap();
        let report = runtime.shutdown(ShutdownOptions::default().grace(Duration::ZERO).blocking(LONG));
        assert!(report.is_clean(), "{report}");
        assert_eq!(told.try_recv(), Ok(true));
    });
}

#[test]
fn p49_a_task_that_blocks_its_worker_is_named_and_holds_nobody_up() {
    for rescue in [RescueConfig::default(), RescueConfig::off()] {
        for workers in [1, 2] {
            let rescue = rescue.clone();
            let report = in_time(move || {
                let mut builder = Builder::new_multi_thread();
                let runtime = builder.worker_threads(workers).rescue(rescue).build().unwrap();
                let waits = runtime.spawn(pending::<()>());
                let go = stuck(&runtime);
                let report = shut_down(runtime);
                drop(go);
                assert!(waits.join_blocking().unwrap_err().is_cancelled());
                report
            });
            let (stuck, waiting): (Vec<_>, Vec<_>) =
                report.survivors().iter().partition(|survivor| survivor.kind() == SurvivorKind::StuckTask);
            let [stuck] = stuck[..] else { panic!("{report}") };
            assert_eq!(stuck.name(), Some("stuck"));
            assert!(stuck.running_for() >= SHORT, "{stuck:?}");
            let text = stuck.to_string();
            assert!(text.starts_with(&format!("task 'stuck' (spawned at {}:", file!())), "{text}");
            assert!(text.contains("), stuck in a poll for 0."), "{text}");
            // Nobody is there to drop it only where its worker is the only one, and nobody may stand in.
            assert!(waiting.len() <= 1, "{report}");
            assert!(waiting.iter().all(|task| task.kind() == SurvivorKind::WaitingTask), "{report}");
        }
    }
}

#[test]
fn p49_a_task_that_blocks_in_place_is_named() {
    let report = in_time(|| {
        let runtime = BUILDERS[0]();
        let (_go, may_go) = mpsc::channel::<()>();
        let (started, has_started) = mpsc::channel();
        runtime.spawn(async move {
            task::block_in_place(|| {
                started.send(()).unwrap();
                let _ = may_go.recv();
            });
        });
        has_started.recv_timeout(LONG).unwrap();
        shut_down(runtime)
    });
    let [survivor] = report.survivors() else { panic!("{report}") };
    assert_eq!(survivor.kind(), SurvivorKind::StuckTask);
}

#[test]
fn p52_a_shutdown_inside_of_async_code_waits_for_nothing() {
    for outer in BUILDERS {
        for inner in BUILDERS {
            in_time(move || {
                outer().block_on(async {
                    let (main, task) = (inner(), inner());
                    let waiting = [main.spawn(pending::<()>()), task.spawn(pending::<()>())];
                    [&main, &task].into_iter().for_each(all_wait);
                    let report = main.shutdown(ShutdownOptions::default());
                    assert!(report.is_clean(), "{report}");
                    let shut = runtime::spawn(async move { task.shutdown(ShutdownOptions::default()) });
                    let report = shut.await.unwrap();
                    assert!(report.is_clean(), "{report}");
                    for task in waiting {
                        assert!(task.await.unwrap_err().is_cancelled());
                    }
                });
            });
        }
    }
}

#[test]
fn p52_a_runtime_may_be_shut_down_by_its_own_task_and_job() {
    in_time(|| {
        let runtime = Arc::new(BUILDERS[0]());
        let (go, goes) = runtime::sync::oneshot::channel();
        let (tell, told) = mpsc::channel();
        let own = runtime.clone();
        let task = runtime.spawn(async move {
            goes.await.unwrap();
            tell.send(Arc::into_inner(own).unwrap().shutdown(ShutdownOptions::default())).unwrap();
        });
        drop(runtime);
        go.send(()).unwrap();
        let report = told.recv_timeout(LONG).unwrap();
        let [survivor] = report.survivors() else { panic!("{report}") };
        assert_eq!((survivor.kind(), survivor.id()), (SurvivorKind::StuckTask, task.id()));
        let _ = task.join_blocking();
    });
    for build in BUILDERS {
        in_time(move || {
            let runtime = Arc::new(build());
            let (go, goes) = mpsc::channel::<()>();
            let own = runtime.clone();
            let job = runtime.spawn_blocking(move || {
                goes.recv_timeout(LONG).unwrap();
                shut_down(Arc::into_inner(own).unwrap())
            });
            drop(runtime);
            go.send(()).unwrap();
            let id = job.id();
            let report = job.join_blocking().unwrap();
            let [survivor] = report.survivors() else { panic!("{report}") };
            assert_eq!((survivor.kind(), survivor.id()), (SurvivorKind::Job, id));
        });
    }
}

#[test]
fn local_tasks_of_another_thread_are_named() {
    let report = in_time(|| {
        let runtime = BUILDERS[1]();
        runtime.block_on(async {
            runtime::spawn_local(pending::<()>());
            // Those of a set belong to the set.
            LocalSet::new().run_until(async { drop(task::spawn_local(async {})) }).await;
        });
        thread::spawn(move || shut_down(runtime)).join().unwrap()
    });
    let [survivor] = report.survivors() else { panic!("{report}") };
    assert_eq!((survivor.kind(), survivor.running_for()), (SurvivorKind::WaitingTask, Duration::ZERO));
    assert!(survivor.to_string().ends_with("), waiting: nobody could drop it"), "{report}");
}

#[test]
fn a_runtime_that_a_failure_has_shut_down_ends_without_a_panic() {
    for build in [Builder::new_multi_thread, Builder::new_current_thread] {
        in_time(move || {
            let runtime = build().unhandled_policy(UnhandledPolicy::Shutdown).build().unwrap();
            drop(runtime.spawn_blocking(|| panic!("on purpose")));
            let main = std::panic::AssertUnwindSafe(|| runtime.block_on(pending::<()>()));
            assert!(std::panic::catch_unwind(main).is_err());
            assert!(shut_down(runtime).is_clean());
        });
    }
}
