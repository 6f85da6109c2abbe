//! Workers that block: others go on, and the culprit is named.

use runtime::time::{self, Duration};
use runtime::{Builder, Handle, RescueConfig, Runtime, StuckTask, task};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::time::Instant;

/// Far longer than anything here takes, far shorter than for ever.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs `f` on a thread of its own; a hang is a failure.
fn ends(f: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        f();
        let _ = done.send(());
    });
    match wait.recv_timeout(LIMIT) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("hangs"),
        _ => thread.join().unwrap(),
    }
}

fn multi(workers: usize, rescue: RescueConfig) -> Runtime {
    Builder::new_multi_thread().worker_threads(workers).rescue(rescue).build().unwrap()
}

fn silent() -> RescueConfig {
    RescueConfig::default().on_report(|_| {})
}

#[test]
fn p18_a_blocker_is_released_by_a_task_behind_it() {
    ends(|| {
        let runtime = multi(1, silent());
        let (tell, told) = mpsc::channel();
        let both = runtime.spawn(async move {
            let behind = runtime::spawn(async move { tell.send(7).unwrap() });
            // The task that was spawned last runs first.
            let blocker = runtime::spawn(async move { told.recv().unwrap() });
            behind.await.unwrap();
            blocker.await.unwrap()
        });
        assert_eq!(runtime.block_on(both).unwrap(), 7);
    });
}

/// All workers wait for a lock whose holder has to be polled once more.
#[test]
fn p18_all_workers_wait_for_a_lock_that_a_task_holds() {
    ends(|| {
        let runtime = multi(2, silent());
        let lock = Arc::new(Mutex::new(()));
        let (is_locked, tell) = (Arc::new(AtomicBool::new(false)), Arc::new(runtime::sync::Notify::new()));
        let holder = {
            let (lock, is_locked, tell) = (lock.clone(), is_locked.clone(), tell.clone());
            // The guard stays on the thread of a job; a task lets go of it.
            runtime.spawn_blocking(move || {
                let _guard = lock.lock().unwrap();
                is_locked.store(true, Ordering::SeqCst);
                Handle::current().block_on(tell.notified());
            })
        };
        while !is_locked.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        let waiters: Vec<_> = (0..8)
            .map(|_| {
                let lock = lock.clone();
                runtime.spawn(async move { drop(lock.lock().unwrap()) })
            })
            .collect();
        let releaser = runtime.spawn(async move { tell.notify_one() });
        runtime.block_on(async {
            for waiter in waiters {
                waiter.await.unwrap();
            }
            releaser.await.unwrap();
            holder.await.unwrap();
        });
    });
}

#[test]
fn p18_as_many_spares_as_are_needed() {
    const TASKS: usize = 200;
    ends(|| {
        let runtime = multi(2, silent());
        let barrier = Arc::new(Barrier::new(TASKS));
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let barrier = barrier.clone();
                runtime.spawn(async move { barrier.wait().is_leader() })
            })
            .collect();
        let leaders = runtime.block_on(async {
            let mut leaders = 0;
            for task in tasks {
                leaders += usize::from(task.await.unwrap());
            }
            leaders
        });
        assert_eq!(leaders, 1);
        // Each that is called takes a task up: those that were called before theirs were known to be stuck went again.
        let called = runtime.handle().metrics().spares_count() as usize;
        assert!((TASKS - 2..2 * TASKS).contains(&called), "called {called} times");
    });
}

/// With two workers and three spares five tasks block, and never more; timers go to nobody then, and nothing is lost.
#[test]
fn p18_no_more_spares_than_allowed() {
    const TASKS: usize = 12;
    ends(|| {
        let runtime = multi(2, silent().spares(3));
        let inside = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
        let (release, gate) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(())));
        let guard = gate.lock().unwrap();
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let (inside, gate, release) = (inside.clone(), gate.clone(), release.clone());
                runtime.spawn(async move {
                    let now = inside.0.fetch_add(1, Ordering::SeqCst) + 1;
                    inside.1.fetch_max(now, Ordering::SeqCst);
                    if !release.load(Ordering::SeqCst) {
                        drop(gate.lock().unwrap());
                    }
                    inside.0.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        while inside.0.load(Ordering::SeqCst) < 5 {
            std::thread::yield_now();
        }
        // Many looks of the monitor.
        std::thread::sleep(Duration::from_millis(100));
        release.store(true, Ordering::SeqCst);
        drop(guard);
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!(inside.1.load(Ordering::SeqCst), 5);
    });
}

#[test]
fn without_rescue_others_wait() {
    ends(|| {
        let runtime = multi(1, RescueConfig::off());
        let order = Arc::new(Mutex::new(Vec::new()));
        let (first, second) = (order.clone(), order.clone());
        runtime
            .block_on(runtime.spawn(async move {
                let other = runtime::spawn(async move { second.lock().unwrap().push("other") });
                // The task that was spawned last runs first.
                let blocker = runtime::spawn(async move {
                    std::thread::sleep(Duration::from_millis(60));
                    first.lock().unwrap().push("blocker");
                });
                blocker.await.unwrap();
                other.await.unwrap();
            }))
            .unwrap();
        assert_eq!(*order.lock().unwrap(), ["blocker", "other"]);
    });
}

#[test]
fn nonsense_is_refused_by_name() {
    for (config, what) in [
        (RescueConfig::default().after(Duration::ZERO), "after"),
        (RescueConfig::default().spares(1_000_000), "spares"),
    ] {
        let error = Builder::new_multi_thread().rescue(config).build().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains("rescue") && error.to_string().contains(what), "{error}");
    }
}

type Reports = Arc<Mutex<Vec<StuckTask>>>;

fn reporting() -> (RescueConfig, Reports) {
    let reports = Reports::default();
    let sink = reports.clone();
    let rescue = RescueConfig::default()
        .report_after(Duration::from_millis(50))
        .on_report(move |stuck| sink.lock().unwrap().push(stuck.clone()));
    (rescue, reports)
}

/// A blocker with a name, and one behind it, until it was reported.
fn blocked_until_reported(runtime: &Runtime, reports: &Reports, compute: bool) {
    let (seen, count) = (reports.clone(), reports.lock().unwrap().len());
    let blocks = move || {
        let start = Instant::now();
        while seen.lock().unwrap().len() == count {
            assert!(start.elapsed() < LIMIT, "never reported");
            if !compute {
                std::thread::sleep(Duration::from_millis(400));
            }
        }
    };
    runtime
        .block_on(runtime.spawn(async move {
            let behind = runtime::spawn(async {});
            // The task that was spawned last runs first.
            let blocker = task::Builder::new().name("culprit").spawn(async move { blocks() }).unwrap();
            behind.await.unwrap();
            blocker.await.unwrap();
        }))
        .unwrap();
}

#[test]
fn p18_the_culprit_is_named() {
    ends(|| {
        let (rescue, reports) = reporting();
        let runtime = multi(1, rescue);
        blocked_until_reported(&runtime, &reports, false);
        let reports = reports.lock().unwrap();
        let stuck = &reports[0];
        assert_eq!(stuck.name(), Some("culprit"));
        assert!(stuck.spawn_site().file().ends_with("rescue.rs"), "{}", stuck.spawn_site());
        assert!(stuck.stuck_for() >= Duration::from_millis(50));
        let text = stuck.to_string();
        assert!(text.contains("\"culprit\"") && text.contains("rescue.rs:"), "{text}");
        if cfg!(target_os = "linux") {
            assert_eq!((stuck.is_computing(), stuck.syscall()), (Some(false), Some("clock_nanosleep")));
            assert!(text.contains("system call clock_nanosleep"), "{text}");
            let calls = names(stuck.stack());
            assert!(calls.iter().any(|name| name.contains("blocked_until_reported")), "{calls:#?}");
            assert!(calls.iter().any(|name| name.contains("thread") && name.contains("sleep")), "{calls:#?}");
        }
    });
}

/// The names of the functions around these addresses.
fn names(stack: &[usize]) -> Vec<String> {
    let mut names = Vec::new();
    for address in stack {
        let call = std::ptr::without_provenance_mut(address - 1);
        backtrace::resolve(call, |symbol| names.extend(symbol.name().map(|name| format!("{name:#}"))));
    }
    names
}

/// The line on stderr, of a process of its own, which is ended when it was read.
#[test]
fn p18_the_line_names_the_task_and_its_calls() {
    const CHILD: &str = "RUNTIME_TEST_STUCK";
    if std::env::var_os(CHILD).is_some() {
        let runtime = multi(1, RescueConfig::default());
        runtime.block_on(async {
            let name = task::Builder::new().name("for ever");
            let blocker = name.spawn(async { std::thread::sleep(LIMIT * 2) }).unwrap();
            drop(runtime::spawn(async {}));
            blocker.await.unwrap();
        });
        return;
    }
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "p18_the_line_names_the_task_and_its_calls", "--test-threads=1", "--nocapture"])
        .env(CHILD, "1")
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    let (tell, told) = mpsc::channel();
    let reader = std::thread::spawn(move || lines.map_while(Result::ok).all(|line| tell.send(line).is_ok()));
    let mut seen = Vec::new();
    let wanted: &[&str] = if cfg!(all(target_os = "linux", feature = "backtrace")) {
        &["\"for ever\"", "    in std::thread::", "    in rescue::p18_the_line_names"]
    } else {
        &["\"for ever\""]
    };
    let has_all = |seen: &[String]| wanted.iter().all(|word| seen.iter().any(|line| line.contains(word)));
    while !has_all(&seen) {
        seen.push(told.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("no line has it: {seen:#?}")));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    drop(told);
    reader.join().unwrap();
}

#[test]
fn p18_who_computes_is_told_from_who_sleeps() {
    ends(|| {
        let (rescue, reports) = reporting();
        let runtime = multi(1, rescue);
        // It takes the lock of the reports in between, which it may wait for.
        blocked_until_reported(&runtime, &reports, true);
        let stuck = reports.lock().unwrap()[0].clone();
        if cfg!(target_os = "linux") {
            assert!(stuck.is_computing() == Some(true) || stuck.syscall() == Some("futex"), "{stuck}");
        }
    });
}

/// Nobody waits: nobody is told, however long it takes.
#[test]
fn who_is_in_nobodys_way_is_not_reported() {
    ends(|| {
        let (rescue, reports) = reporting();
        let runtime = multi(2, rescue);
        let blocker = runtime.spawn(async { std::thread::sleep(Duration::from_millis(300)) });
        runtime.block_on(blocker).unwrap();
        assert!(reports.lock().unwrap().is_empty(), "{:?}", reports.lock().unwrap());
    });
}

#[test]
fn one_report_for_each_spawn_site() {
    ends(|| {
        let (rescue, reports) = reporting();
        let runtime = multi(1, rescue);
        runtime
            .block_on(runtime.spawn(async {
                let block = || runtime::spawn(async { std::thread::sleep(Duration::from_millis(300)) });
                // Each but the last few is in the way of others.
                let blockers: Vec<_> = (0..16).map(|_| block()).collect();
                for blocker in blockers {
                    blocker.await.unwrap();
                }
            }))
            .unwrap();
        assert_eq!(reports.lock().unwrap().len(), 1, "{:?}", reports.lock().unwrap());
    });
}

#[test]
fn a_report_that_panics_harms_nobody() {
    ends(|| {
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = calls.clone();
        let rescue = RescueConfig::default().report_after(Duration::from_millis(20)).on_report(move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
            panic!("in the report");
        });
        let runtime = multi(1, rescue);
        let seen = calls.clone();
        let work = runtime.spawn(async move {
            let behind = runtime::spawn(async {});
            let blocker = runtime::spawn(async move {
                while seen.load(Ordering::SeqCst) == 0 {
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
            behind.await.unwrap();
            blocker.await.unwrap();
        });
        runtime.block_on(work).unwrap();
        // The monitor lives.
        let (tell, told) = mpsc::channel();
        let again = runtime.spawn(async move {
            let blocker = runtime::spawn(async move { told.recv().unwrap() });
            runtime::spawn(async move { tell.send(()).unwrap() }).await.unwrap();
            blocker.await.unwrap();
        });
        runtime.block_on(again).unwrap();
    });
}

#[test]
fn p21_block_in_place_lets_others_go_on_at_once() {
    ends(|| {
        // Nobody looks after stuck workers: it is the announcement that helps.
        let runtime = multi(1, RescueConfig::off());
        let (tell, told) = mpsc::channel();
        let task = runtime.spawn(async move {
            let behind = runtime::spawn(async move { tell.send(5).unwrap() });
            let got = task::block_in_place(|| told.recv().unwrap());
            behind.await.unwrap();
            got
        });
        assert_eq!(runtime.block_on(task).unwrap(), 5);
    });
}

#[test]
fn p21_block_on_in_a_task_waits_for_tasks_of_the_same_runtime() {
    ends(|| {
        let runtime = multi(1, RescueConfig::off());
        let task = runtime.spawn(async {
            let inner = runtime::spawn(async {
                time::sleep(Duration::from_millis(1)).await;
                // Once more, one floor deeper.
                Handle::current().block_on(runtime::spawn(async { 6 })).unwrap() * 7
            });
            let outer = Handle::current().block_on(inner).unwrap();
            task::yield_now().await;
            outer
        });
        assert_eq!(runtime.block_on(task).unwrap(), 42);
    });
}

#[test]
fn p21_many_tasks_may_block_at_once() {
    const TASKS: usize = 30;
    ends(|| {
        let runtime = multi(2, RescueConfig::off());
        let barrier = Arc::new(Barrier::new(TASKS));
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let barrier = barrier.clone();
                runtime.spawn(async move {
                    task::block_in_place(|| barrier.wait());
                    task::yield_now().await;
                    task::block_in_place(|| barrier.wait());
                })
            })
            .collect();
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}

#[test]
fn p21_inside_of_block_on_and_outside_of_a_runtime() {
    ends(|| {
        assert_eq!(task::block_in_place(|| 1), 1);
        let runtime = multi(1, silent());
        let sum = runtime.block_on(async {
            let handle = Handle::current();
            let one = handle.block_on(async { task::block_in_place(|| 1) });
            let two = task::block_in_place(|| handle.block_on(runtime::spawn(async { 2 })).unwrap());
            let four = runtime::spawn_blocking(|| task::block_in_place(|| 4)).await.unwrap();
            one + two + four
        });
        assert_eq!(sum, 7);
    });
}

fn panic_of(f: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let payload = std::panic::catch_unwind(f).expect_err("it did not panic");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast::<&str>().unwrap()).to_owned(),
    }
}

#[test]
fn p21_where_nobody_can_stand_in_it_panics_with_the_remedy() {
    ends(|| {
        let current = Builder::new_current_thread().build().unwrap();
        let other = multi(1, silent());
        type Call = Box<dyn FnOnce() + Send>;
        let calls: [(&str, Call); 3] = [
            ("block_in_place", Box::new(|| task::block_in_place(|| ()))),
            ("block_on", Box::new(|| Handle::current().block_on(async {}))),
            ("block_on", Box::new(move || other.block_on(async {}))),
        ];
        for (name, call) in calls {
            let text = current.block_on(async {
                let text = panic_of(std::panic::AssertUnwindSafe(call));
                task::yield_now().await;
                text
            });
            assert!(text.contains(name) && text.contains("spawn_blocking"), "{text}");
        }
        let runtime = multi(1, silent());
        let set = task::LocalSet::new();
        let text = set.block_on(&runtime, async {
            task::spawn_local(async {
                panic_of(|| {
                    Handle::current().block_on(async {});
                })
            })
            .await
            .unwrap()
        });
        assert!(text.contains("LocalSet") && text.contains("await the future"), "{text}");
    });
}

#[test]
fn a_panic_inside_of_block_in_place_puts_the_worker_back() {
    ends(|| {
        let runtime = multi(1, silent());
        let task = runtime.spawn(async { task::block_in_place(|| panic!("on purpose")) });
        assert!(runtime.block_on(task).unwrap_err().is_panic());
        for _ in 0..100 {
            let task = runtime.spawn(async { runtime::spawn(async { 1 }).await.unwrap() });
            assert_eq!(runtime.block_on(task).unwrap(), 1);
        }
    });
}

/// A paused clock stands still for what blocks, and moves for what waits for it.
#[test]
fn a_paused_clock_moves_for_block_on_wherever_it_is_called() {
    const HOUR: Duration = Duration::from_secs(3600);
    ends(|| {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .start_paused(true)
            .rescue(silent())
            .build()
            .unwrap();
        runtime.block_on(async {
            let start = time::Instant::now();
            runtime::spawn(async { Handle::current().block_on(time::sleep(HOUR)) }).await.unwrap();
            assert_eq!(start.elapsed(), HOUR);
            let task = runtime::spawn(async {
                let handle = Handle::current();
                task::block_in_place(|| {
                    let start = time::Instant::now();
                    std::thread::sleep(Duration::from_millis(20));
                    assert_eq!(start.elapsed(), Duration::ZERO, "it jumped while the closure ran");
                    handle.block_on(time::sleep(HOUR));
                });
            });
            // Something to jump to meanwhile.
            let other = runtime::spawn(time::sleep(2 * HOUR));
            task.await.unwrap();
            other.await.unwrap();
            assert_eq!(start.elapsed(), 3 * HOUR);
            let job = runtime::spawn_blocking(|| Handle::current().block_on(time::sleep(HOUR)));
            job.await.unwrap();
            assert_eq!(start.elapsed(), 4 * HOUR);
        });
    });
}

#[test]
fn p52_the_runtime_may_be_dropped_where_its_worker_blocks_in_place() {
    ends(|| {
        let runtime = multi(1, silent());
        let (tell, told) = mpsc::channel();
        let (give, taken) = mpsc::channel::<Runtime>();
        drop(runtime.spawn(async move {
            task::block_in_place(|| drop(taken.recv().unwrap()));
            tell.send(()).unwrap();
        }));
        give.send(runtime).unwrap();
        told.recv().unwrap();
    });
}

/// The worker waits for a task of its own home, which nobody else would cancel.
#[test]
fn p49_a_runtime_ends_although_a_worker_waits_for_a_task_of_it() {
    ends(|| {
        let runtime = multi(1, silent());
        let (tell, told) = mpsc::channel();
        let task = runtime.spawn(async move {
            let endless = runtime::spawn(std::future::pending::<()>());
            tell.send(()).unwrap();
            Handle::current().block_on(endless).unwrap_err().is_cancelled()
        });
        told.recv().unwrap();
        drop(runtime);
        // It was being polled when the end came, and ended with its value.
        assert!(futures::executor::block_on(task).unwrap());
    });
}

/// A blocked worker at the end of its runtime: what can end, ends.
#[test]
fn p49_a_blocked_worker_holds_up_the_end_and_no_other_tasks() {
    ends(|| {
        let runtime = multi(1, silent());
        let (started, has_started) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let (dropped, was_dropped) = mpsc::channel::<()>();
        drop(runtime.spawn(async move {
            let idle = runtime::spawn(async move {
                let _dropped = dropped;
                std::future::pending::<()>().await;
            });
            task::yield_now().await;
            started.send(()).unwrap();
            let _ = released.recv();
            drop(idle);
        }));
        has_started.recv().unwrap();
        let end = std::thread::spawn(move || drop(runtime));
        // Its sender goes with the idle task, which a spare cancels.
        assert_eq!(was_dropped.recv(), Err(mpsc::RecvError));
        release.send(()).unwrap();
        end.join().unwrap();
    });
}
