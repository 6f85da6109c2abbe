//! A panic, or an error of a checked task, that nobody takes is reported, once; one that somebody takes is not.

use runtime::sync::{Notify, oneshot};
use runtime::task::{self, AbortHandle, JoinSet, LocalSet, ReturnWhen};
use runtime::{Builder, JoinHandle, Runtime, Unhandled, UnhandledKind};
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, OnceLock};
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

/// What was reported until the runtime had ended, after `body`.
fn reports(builder: fn() -> Builder, body: impl FnOnce(&Runtime)) -> Vec<Unhandled> {
    let (tell, told) = mpsc::channel();
    let mut builder = builder();
    let runtime =
        builder.on_unhandled(move |unhandled| tell.send(unhandled.clone()).unwrap()).build().unwrap();
    body(&runtime);
    runtime.shutdown_timeout(LONG);
    told.try_iter().collect()
}

fn messages(reports: &[Unhandled]) -> Vec<&str> {
    reports.iter().map(Unhandled::message).collect()
}

async fn ended(task: &AbortHandle) {
    while !task.is_finished() {
        task::yield_now().await;
    }
}

async fn boom() {
    panic!("boom");
}

async fn late_boom(go: oneshot::Receiver<()>) {
    go.await.unwrap();
    panic!("boom");
}

#[test]
fn a_handle_dropped_before_the_task_runs() {
    for builder in BUILDERS {
        let reports = reports(builder, |runtime| {
            runtime.block_on(async {
                let task = runtime.spawn(boom());
                let end = task.abort_handle();
                drop(task);
                ended(&end).await;
            });
        });
        assert_eq!(messages(&reports), ["boom"]);
    }
}

/// Without the abort handle of the test above nobody observes the task, and it ends on a shorter way.
#[test]
fn a_task_that_nobody_knows() {
    for builder in BUILDERS {
        let (tell, told) = mpsc::channel();
        let runtime =
            builder().on_unhandled(move |report| tell.send(report.to_string()).unwrap()).build().unwrap();
        drop(runtime.spawn(boom()));
        let line = runtime.block_on(async {
            loop {
                match told.try_recv() {
                    Ok(line) => break line,
                    Err(_) => task::yield_now().await,
                }
            }
        });
        assert!(line.starts_with("task "), "{line}");
        assert!(line.contains(" (spawned at tests/unhandled.rs:"), "{line}");
        assert!(line.ends_with(") panicked and nobody took the result: boom"), "{line}");
        drop(runtime);
        assert!(told.recv().is_err(), "reported twice");
    }
}

#[test]
fn a_handle_dropped_while_the_task_waits() {
    for builder in BUILDERS {
        let reports = reports(builder, |runtime| {
            runtime.block_on(async {
                let (go, wait) = oneshot::channel();
                let mut task = runtime.spawn(late_boom(wait));
                let end = task.abort_handle();
                assert!(futures::poll!(&mut task).is_pending());
                task::yield_now().await;
                drop(task);
                go.send(()).unwrap();
                ended(&end).await;
            });
        });
        assert_eq!(messages(&reports), ["boom"]);
    }
}

#[test]
fn a_handle_dropped_after_the_end() {
    for builder in BUILDERS {
        let (tell, told) = mpsc::channel();
        let mut builder = builder();
        builder.on_unhandled(move |report| tell.send(report.message().to_owned()).unwrap());
        let runtime = builder.build().unwrap();
        drop(builder);
        let task = runtime.spawn(boom());
        runtime.block_on(ended(&task.abort_handle()));
        assert!(told.try_recv().is_err(), "reported although the handle has it");
        drop(task);
        assert_eq!(told.try_recv().unwrap(), "boom");
        drop(runtime);
        assert!(told.recv().is_err(), "reported twice");
    }
}

#[test]
fn a_handle_that_outlives_its_runtime() {
    for builder in BUILDERS {
        let (tell, told) = mpsc::channel();
        let mut builder = builder();
        builder.on_unhandled(move |report| tell.send(report.message().to_owned()).unwrap());
        let runtime = builder.build().unwrap();
        drop(builder);
        let (task, other) = (runtime.spawn(boom()), runtime.spawn(boom()));
        runtime.block_on(async {
            ended(&task.abort_handle()).await;
            ended(&other.abort_handle()).await;
        });
        drop(runtime);
        assert!(told.try_recv().is_err());
        assert!(other.join_blocking().unwrap_err().is_panic());
        drop(task);
        assert_eq!(told.try_recv().unwrap(), "boom");
        assert!(told.recv().is_err(), "reported twice, or the hook is kept for ever");
    }
}

#[test]
fn blocking_jobs() {
    for builder in BUILDERS {
        let reports = reports(builder, |runtime| {
            drop(runtime.spawn_blocking(|| panic!("dropped before")));
            let late = runtime.spawn_blocking(|| panic!("dropped after"));
            runtime.block_on(ended(&late.abort_handle()));
            drop(late);
            let taken = runtime.spawn_blocking(|| panic!("taken"));
            assert!(runtime.block_on(taken).unwrap_err().is_panic());
        });
        let mut reports = messages(&reports);
        reports.sort_unstable();
        assert_eq!(reports, ["dropped after", "dropped before"]);
    }
}

#[test]
fn local_tasks() {
    for builder in BUILDERS {
        let reports = reports(builder, |runtime| {
            let set = LocalSet::new();
            set.block_on(runtime, async {
                let name = task::Builder::new().name("local");
                let task = name.spawn_local(boom()).unwrap();
                let end = task.abort_handle();
                drop(task);
                ended(&end).await;
                let late = task::spawn_local(async { panic!("late") });
                ended(&late.abort_handle()).await;
                drop(late);
                assert!(task::spawn_local(boom()).await.is_err());
            });
        });
        assert_eq!(messages(&reports), ["boom", "late"]);
        assert_eq!(reports[0].task_name(), Some("local"));
    }
    let reports = reports(Builder::new_current_thread, |runtime| {
        runtime.block_on(async {
            let task = task::spawn_local(boom());
            let end = task.abort_handle();
            drop(task);
            ended(&end).await;
        });
    });
    assert_eq!(messages(&reports), ["boom"]);
}

#[test]
fn join_sets() {
    for builder in BUILDERS {
        let reports = reports(builder, |runtime| {
            runtime.block_on(async {
                let mut set = JoinSet::new();
                set.spawn(async { panic!("taken") });
                assert!(set.join_next().await.unwrap().is_err());
                let end = set.spawn(async { panic!("in a set that is dropped") });
                ended(&end).await;
                drop(set);
                let mut set = JoinSet::new();
                let end = set.spawn(async { panic!("in a set that is detached") });
                set.detach_all();
                drop(set);
                ended(&end).await;
                let mut set = JoinSet::new();
                set.spawn(async { panic!("waited for") });
                assert_eq!(set.wait(ReturnWhen::AllCompleted, None).await.len(), 1);
            });
        });
        assert_eq!(messages(&reports), ["in a set that is dropped", "in a set that is detached"]);
    }
}

#[test]
fn what_somebody_takes_is_not_reported() {
    for builder in BUILDERS {
        let reports = reports(builder, |runtime| {
            runtime.block_on(async {
                assert!(runtime.spawn(boom()).await.is_err());
                let mut task = runtime.spawn(boom());
                ended(&task.abort_handle()).await;
                drop(task.try_result().unwrap().unwrap_err());
                drop(task);
                assert!(runtime.spawn(boom()).cancel().await.is_err());
                assert!(runtime.spawn(boom()).timeout(LONG).await.unwrap().is_err());
                let shared = runtime.spawn(boom()).shared();
                assert!(shared.clone().await.is_err());
                drop(shared);
                assert!(task::gather([boom()]).await[0].is_err());
                assert!(runtime::gather!(boom()).await.0.is_err());
                let tries = task::try_gather([async { panic!("boom") as Result<(), ()> }]);
                assert!(tries.await.is_err());
                let group = task::group(async |group| {
                    drop(group.spawn(async { panic!("boom") as Result<(), ()> }));
                    pending::<Result<(), ()>>().await
                });
                assert_eq!(group.await.unwrap_err().errors().len(), 1);
                let task = runtime.spawn(boom());
                let joined = runtime.spawn_blocking(move || task.join_blocking());
                assert!(joined.await.unwrap().is_err());
                drop(runtime.spawn(async { Err::<(), _>("not checked") }).await);
                drop(runtime.spawn(async { Err::<(), _>("not checked") }));
            });
        });
        assert_eq!(messages(&reports), [""; 0]);
    }
}

#[test]
fn what_was_cancelled_is_not_reported() {
    for builder in BUILDERS {
        let reports = reports(builder, |runtime| {
            runtime.block_on(async {
                let task = runtime.spawn(pending::<()>());
                task.abort();
                let end = task.abort_handle();
                drop(task);
                ended(&end).await;
                let task = task::spawn_checked(pending::<Result<(), ()>>());
                task.abort();
                ended(&task.abort_handle()).await;
                drop(task);
                drop(runtime.spawn(pending::<()>()).cancel());
            });
            // Left to the end of the runtime.
            drop(runtime.spawn(pending::<()>()));
        });
        assert_eq!(messages(&reports), [""; 0]);
    }
}

/// Collected for somebody who went: nobody took them.
#[test]
fn results_that_a_collection_had_taken_for_nobody() {
    for builder in BUILDERS {
        let reports = reports(builder, |runtime| {
            runtime.block_on(async {
                let panics = Arc::new(AtomicUsize::new(0));
                let (first, second) = (panics.clone(), panics.clone());
                let mut gather = Box::pin(task::gather([true, false].map(|panics| {
                    let first = first.clone();
                    async move {
                        if panics {
                            first.fetch_add(1, SeqCst);
                            panic!("in gather");
                        }
                        pending::<()>().await;
                    }
                })));
                let boom = async move {
                    second.fetch_add(1, SeqCst);
                    panic!("in a pair") as u8
                };
                let mut pair = Box::pin(async { runtime::gather!(boom, pending::<()>()).await });
                let mut polls_left = 100_i64;
                while panics.load(SeqCst) < 2 || polls_left > 0 {
                    assert!(futures::poll!(&mut gather).is_pending());
                    assert!(futures::poll!(&mut pair).is_pending());
                    polls_left -= 1;
                    task::yield_now().await;
                }
            });
        });
        let mut reports = messages(&reports);
        reports.sort_unstable();
        assert_eq!(reports, ["in a pair", "in gather"]);
    }
}

#[test]
fn a_panic_among_those_that_an_error_has_cancelled() {
    for builder in BUILDERS {
        let reports = reports(builder, |runtime| {
            runtime.block_on(async {
                let listens = Arc::new(Notify::new());
                let tries = task::try_gather([true, false].map(|fails| {
                    let listens = listens.clone();
                    async move {
                        if fails {
                            listens.notified().await;
                            return Err::<(), _>("the first");
                        }
                        let cancelled = task::cancelled();
                        listens.notify_one();
                        cancelled.await;
                        panic!("while the rest is cancelled")
                    }
                }));
                assert_eq!(tries.cancel_rest().await.unwrap_err().index(), 0);
            });
        });
        assert_eq!(messages(&reports), ["while the rest is cancelled"]);
    }
}

#[test]
fn the_errors_of_a_group_that_nobody_awaits_to_its_end() {
    for builder in BUILDERS {
        let reports = reports(builder, |runtime| {
            runtime.block_on(async {
                let (tell, told) = oneshot::channel();
                let group = runtime.spawn(task::group(async move |group| {
                    group.spawn(async {
                        // Keeps the group from ending.
                        task::cancelled().await;
                        pending::<Result<(), ()>>().await
                    });
                    task::yield_now().await;
                    let child = group.spawn(async { panic!("of a child") as Result<(), ()> });
                    tell.send(child.abort_handle()).unwrap();
                    pending::<Result<(), ()>>().await
                }));
                ended(&told.await.unwrap()).await;
                group.abort();
                assert!(group.await.unwrap_err().is_cancelled());
            });
        });
        assert_eq!(messages(&reports), ["of a child"]);
    }
}

#[test]
fn errors_of_checked_tasks() {
    #[derive(Debug)]
    #[expect(dead_code, reason = "shown")]
    struct NoData(u8);
    for builder in BUILDERS {
        let reports = reports(builder, |runtime| {
            runtime.block_on(async {
                let name = task::Builder::new().name("checked");
                let task: JoinHandle<Result<u8, NoData>> =
                    name.spawn_checked(async { Err(NoData(7)) }).unwrap();
                let end = task.abort_handle();
                drop(task);
                ended(&end).await;
                let late = runtime.handle().spawn_checked(async { Err::<(), _>("late") });
                ended(&late.abort_handle()).await;
                drop(late);
                // Taken, or no error.
                assert!(task::spawn_checked(async { Err::<(), _>(1) }).await.unwrap().is_err());
                // Large enough to be boxed.
                let large = [0_u8; 20_000];
                let good = task::spawn_checked(async move {
                    task::yield_now().await;
                    Ok::<_, u8>(large.len())
                });
                ended(&good.abort_handle()).await;
                drop(good);
                let panics = task::spawn_checked(async { panic!("a panic") as Result<(), u8> });
                ended(&panics.abort_handle()).await;
                drop(panics);
            });
        });
        assert_eq!(messages(&reports), ["NoData(7)", "\"late\"", "a panic"]);
        let kinds: Vec<UnhandledKind> = reports.iter().map(Unhandled::kind).collect();
        assert_eq!(kinds, [UnhandledKind::Error, UnhandledKind::Error, UnhandledKind::Panic]);
        let line = reports[0].to_string();
        let site = reports[0].spawn_site();
        let file = site.file();
        let expected = format!("task 'checked' (spawned at {file}:{})", site.line());
        assert_eq!(line, format!("{expected} failed and nobody took the result: NoData(7)"));
    }
}

#[test]
fn errors_whose_text_panics() {
    struct Rude;
    impl std::fmt::Debug for Rude {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("in Debug, on purpose")
        }
    }
    for builder in BUILDERS {
        let reports = reports(builder, |runtime| {
            let task = runtime.handle().spawn_checked(async { Err::<(), _>(Rude) });
            runtime.block_on(ended(&task.abort_handle()));
            drop(task);
        });
        assert_eq!(messages(&reports), ["an error whose `Debug` panics"]);
    }
}

#[test]
fn messages_of_all_kinds() {
    let reports = reports(Builder::new_current_thread, |runtime| {
        runtime.block_on(async {
            let two = 2;
            let tasks = [
                runtime.spawn(async move { assert_eq!(two, 3, "a\nb") }),
                runtime.spawn(async { std::panic::panic_any(7) }),
            ];
            for task in tasks {
                ended(&task.abort_handle()).await;
            }
        });
    });
    assert!(reports[0].message().contains('\n'));
    let lines: Vec<String> = reports.iter().map(ToString::to_string).collect();
    assert!(lines[0].ends_with(": a; b; left: 2; right: 3"), "{}", lines[0]);
    assert!(lines[1].ends_with(": Box<dyn Any>"), "{}", lines[1]);
    assert!(lines.iter().all(|line| line.lines().count() == 1));
    assert_eq!(reports[0].clone().task_id(), reports[0].task_id());
}

#[test]
fn a_hook_that_panics_harms_nobody() {
    for builder in BUILDERS {
        let runtime = builder().on_unhandled(|_| panic!("in the hook, on purpose")).build().unwrap();
        for _ in 0..3 {
            let task = runtime.spawn(boom());
            runtime.block_on(ended(&task.abort_handle()));
            drop(task);
            let detached = runtime.spawn(boom()).abort_handle();
            runtime.block_on(ended(&detached));
        }
        assert_eq!(runtime.block_on(async { runtime::spawn(async { 7 }).await.unwrap() }), 7);
    }
}

/// The hook is inside of the runtime, on whatever thread it runs, and holds none of its locks.
#[test]
fn a_hook_that_uses_the_runtime() {
    for builder in BUILDERS {
        let (tell, told) = mpsc::channel();
        let own = Arc::new(OnceLock::new());
        let handle: Arc<OnceLock<runtime::Handle>> = own.clone();
        let runtime = builder()
            .on_unhandled(move |unhandled| {
                let tell = tell.clone();
                let text = unhandled.message().to_owned();
                assert_eq!(handle.get().is_some(), runtime::Handle::try_current().is_ok());
                drop(runtime::spawn(async move {
                    task::yield_now().await;
                    tell.send(text).unwrap();
                }));
                runtime::spawn(pending::<()>()).abort();
            })
            .build()
            .unwrap();
        own.set(runtime.handle().clone()).unwrap();
        let task = runtime.spawn(boom());
        runtime.block_on(ended(&task.abort_handle()));
        // On a thread that is in no runtime.
        std::thread::spawn(move || drop(task)).join().unwrap();
        drop(runtime.spawn(boom()));
        drop(runtime.spawn_blocking(|| panic!("boom")));
        for _ in 0..3 {
            let text = runtime.block_on(async {
                loop {
                    match told.try_recv() {
                        Ok(text) => break text,
                        Err(_) => task::yield_now().await,
                    }
                }
            });
            assert_eq!(text, "boom");
        }
        drop(runtime);
        assert!(told.try_recv().is_err());
    }
}

/// What a hook drops is not given to the hook again, which might go on for ever.
#[test]
fn a_hook_that_drops_a_failed_task() {
    for builder in BUILDERS {
        let kept = Arc::new(Mutex::new(Vec::<JoinHandle<()>>::new()));
        let more = kept.clone();
        let reports = reports_of(
            builder,
            move |_| drop(more.lock().unwrap().pop()),
            |runtime| {
                let tasks = [0; 3].map(|_| runtime.spawn(boom()));
                for task in &tasks {
                    runtime.block_on(ended(&task.abort_handle()));
                }
                *kept.lock().unwrap() = tasks.into();
                let first = kept.lock().unwrap().pop();
                drop(first);
                assert_eq!(kept.lock().unwrap().len(), 1);
            },
        );
        assert_eq!(reports, 1, "the second one is a line on stderr");
    }
}

/// As [`reports`], with a hook that does something besides.
fn reports_of(
    builder: fn() -> Builder,
    hook: impl Fn(&Unhandled) + Send + Sync + 'static,
    body: impl FnOnce(&Runtime),
) -> usize {
    let (tell, told) = mpsc::channel();
    let runtime = builder()
        .on_unhandled(move |unhandled| {
            tell.send(()).unwrap();
            hook(unhandled);
        })
        .build()
        .unwrap();
    body(&runtime);
    runtime.shutdown_timeout(LONG);
    told.try_iter().count()
}

/// A hundred tasks that panic while their handles go on another thread: each is reported once.
#[test]
fn each_is_reported_once() {
    for builder in BUILDERS {
        let reports = reports(builder, |runtime| {
            for _ in 0..100 {
                let task = runtime.spawn_blocking(|| std::panic::resume_unwind(Box::new("boom")));
                let end = task.abort_handle();
                drop(task);
                // One that waits for a thread would be cancelled at the end.
                runtime.block_on(ended(&end));
                let task: JoinHandle<()> =
                    runtime.spawn(async { std::panic::resume_unwind(Box::new("boom")) });
                let end = task.abort_handle();
                let drops = std::thread::spawn(move || drop(task));
                runtime.block_on(ended(&end));
                drops.join().unwrap();
            }
        });
        assert_eq!(reports.len(), 200);
    }
}
