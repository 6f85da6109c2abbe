//! Bugs that were found once, one test each: named for what went wrong.

use runtime::{Builder, Handle, RescueConfig, Runtime, task};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

/// Far longer than anything here takes, far shorter than for ever.
const LIMIT: Duration = Duration::from_secs(20);

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

#[test]
fn a_panic_payload_whose_drop_panics_does_not_kill_a_worker() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            std::panic::panic_any(Fuse);
        }
    }
    struct Fuse;
    impl Drop for Fuse {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("the payload's drop");
            }
        }
    }
    ends(|| {
        let rt = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        drop(rt.spawn(async { std::panic::panic_any(Fuse) }));
        drop(rt.spawn(async { Bomb }));
        assert_eq!(rt.block_on(rt.spawn(async { 1 })).unwrap(), 1);
    });
}

#[test]
fn p18_two_tasks_that_yield_do_not_share_one_worker_for_ever() {
    type Threads = Arc<std::sync::Mutex<std::collections::HashSet<std::thread::ThreadId>>>;
    async fn yields_until_two_threads(threads: Threads) {
        while threads.lock().unwrap().len() < 2 {
            threads.lock().unwrap().insert(std::thread::current().id());
            runtime::task::yield_now().await;
        }
    }
    ends(|| {
        let parks = Arc::new(AtomicUsize::new(0));
        let hook = parks.clone();
        let rt = Builder::new_multi_thread()
            .worker_threads(2)
            .on_thread_park(move || {
                hook.fetch_add(1, Ordering::SeqCst);
            })
            .build()
            .unwrap();
        while parks.load(Ordering::SeqCst) < 2 {
            std::thread::yield_now();
        }
        // One spawn from outside wakes one worker; what that task spawns tells nobody.
        let threads = Threads::default();
        let outer = rt.spawn(async move {
            let inner = runtime::spawn(yields_until_two_threads(threads.clone()));
            yields_until_two_threads(threads).await;
            inner.await.unwrap();
        });
        rt.block_on(outer).unwrap();
    });
}

#[test]
fn a_task_woken_by_the_park_hook_runs() {
    ends(|| {
        let (go, wait) = runtime::sync::oneshot::channel::<()>();
        let go = std::sync::Mutex::new(Some(go));
        let armed = Arc::new(AtomicBool::new(false));
        let hook = armed.clone();
        let rt = Builder::new_multi_thread()
            .worker_threads(1)
            .on_thread_park(move || {
                if hook.load(Ordering::SeqCst) {
                    if let Some(go) = go.lock().unwrap().take() {
                        go.send(()).unwrap();
                    }
                }
            })
            .build()
            .unwrap();
        let task = rt.spawn(async move {
            armed.store(true, Ordering::SeqCst);
            wait.await.unwrap();
        });
        rt.block_on(task).unwrap();
    });
}

#[test]
fn p15_an_injected_task_does_not_wait_for_a_long_queue() {
    ends(|| {
        let rt = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let polls = Arc::new(AtomicUsize::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..5000 {
            let (polls, stop) = (polls.clone(), stop.clone());
            rt.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    polls.fetch_add(1, Ordering::Relaxed);
                    runtime::task::yield_now().await;
                }
            });
        }
        while polls.load(Ordering::Relaxed) < 10_000 {
            std::thread::yield_now();
        }
        for _ in 0..20 {
            let inside = polls.clone();
            let before = polls.load(Ordering::Relaxed);
            let after = futures::executor::block_on(rt.spawn(async move { inside.load(Ordering::Relaxed) }));
            // Between the reading and the push this thread may lose its core for a while: hence the best of 20.
            if after.unwrap() - before <= 256 {
                stop.store(true, Ordering::Relaxed);
                return;
            }
        }
        stop.store(true, Ordering::Relaxed);
        panic!("an injected task always waits for more than 256 polls");
    });
}

#[test]
fn two_run_until_of_one_local_set_both_go_on() {
    use futures::stream::{FuturesUnordered, StreamExt};
    ends(|| {
        let rt = Builder::new_current_thread().start_paused(true).build().unwrap();
        rt.block_on(async {
            let set = runtime::task::LocalSet::new();
            let mut both = FuturesUnordered::new();
            for secs in 1..=2 {
                both.push(set.run_until(async move {
                    let sleep = runtime::time::sleep(Duration::from_secs(secs));
                    runtime::task::spawn_local(sleep).await.unwrap();
                }));
            }
            while both.next().await.is_some() {}
        });
    });
}

#[test]
fn spawning_into_a_closed_runtime_may_enter_it_in_the_drop() {
    struct Enters(runtime::Handle, Arc<AtomicBool>);
    impl Drop for Enters {
        fn drop(&mut self) {
            let _entered = self.0.enter();
            self.1.store(true, Ordering::SeqCst);
        }
    }
    let rt = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let handle = rt.handle().clone();
    drop(rt);
    let _entered = handle.enter();
    let dropped = Arc::new(AtomicBool::new(false));
    let enters = Enters(handle.clone(), dropped.clone());
    let task = runtime::spawn(async move { drop(enters) });
    assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
    assert!(dropped.load(Ordering::SeqCst));
}

/// Tasks that keep all workers busy with short polls, and others waiting, until the flag is set.
fn busy(rt: &Runtime, tasks: usize) -> Arc<AtomicBool> {
    let is_over = Arc::new(AtomicBool::new(false));
    for _ in 0..tasks {
        let is_over = is_over.clone();
        drop(rt.spawn(async move {
            while !is_over.load(Ordering::SeqCst) {
                task::yield_now().await;
            }
        }));
    }
    is_over
}

/// It was said to keep its worker, and was told to do what it does.
#[test]
fn p21_who_blocks_in_place_is_not_reported() {
    ends(|| {
        let reports = Arc::new(Mutex::new(Vec::new()));
        let sink = reports.clone();
        let rescue = RescueConfig::default()
            .report_after(Duration::from_millis(20))
            .on_report(move |stuck| sink.lock().unwrap().extend(stuck.name().map(str::to_owned)));
        let rt = Builder::new_multi_thread().worker_threads(1).rescue(rescue).build().unwrap();
        let is_over = busy(&rt, 3);
        let (inside, is_inside) = mpsc::channel();
        let (release, gate) = mpsc::channel::<()>();
        let in_place = async move {
            task::block_in_place(|| {
                inside.send(()).unwrap();
                gate.recv().unwrap();
            });
        };
        let in_place = task::Builder::new().name("in place").spawn_on(in_place, rt.handle()).unwrap();
        is_inside.recv().unwrap();
        // Whoever looks at this one has looked at the other for longer.
        let seen = reports.clone();
        let stuck = async move {
            while !seen.lock().unwrap().iter().any(|name| name == "stuck") {
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        let stuck = task::Builder::new().name("stuck").spawn_on(stuck, rt.handle()).unwrap();
        rt.block_on(stuck).unwrap();
        release.send(()).unwrap();
        rt.block_on(in_place).unwrap();
        is_over.store(true, Ordering::SeqCst);
        assert_eq!(*reports.lock().unwrap(), ["stuck"]);
    });
}

type Hook = Box<dyn Fn() + Send + Sync>;

/// A runtime with a hook that blocks, and waits for its workers to be asleep.
fn with_hook(workers: usize, is_park: bool, rescue: RescueConfig, hook: Hook) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(workers).rescue(rescue);
    if is_park {
        builder.on_thread_park(hook);
    } else {
        builder.on_thread_unpark(hook);
    }
    let rt = builder.build().unwrap();
    while !rt.metrics().workers().iter().all(|worker| worker.park_unpark_count() % 2 == 1) {
        std::thread::yield_now();
    }
    rt
}

/// The worker inside of the hook counted as one that looks for work, so nobody was woken for what came.
#[test]
fn p18_a_hook_that_blocks_keeps_no_task_waiting() {
    for is_park in [true, false] {
        for (workers, rescue) in [(1, RescueConfig::default()), (2, RescueConfig::off())] {
            ends(move || {
                let (inside, is_inside) = mpsc::channel();
                let (release, gate) = mpsc::channel::<()>();
                let (armed, gate) = (Arc::new(AtomicBool::new(false)), Mutex::new(gate));
                let is_armed = armed.clone();
                let hook = move || {
                    if is_armed.swap(false, Ordering::SeqCst) {
                        inside.send(()).unwrap();
                        let _ = gate.lock().unwrap().recv();
                    }
                };
                let rt = with_hook(workers, is_park, rescue.on_report(|_| {}), Box::new(hook));
                armed.store(true, Ordering::SeqCst);
                drop(rt.spawn(async {}));
                is_inside.recv().unwrap();
                assert_eq!(rt.block_on(rt.spawn(async { 42 })).unwrap(), 42);
                drop(release);
            });
        }
    }
}

/// It span, or waited for a task that nobody took up.
#[test]
fn p21_a_hook_may_block_on_a_task() {
    for is_park in [true, false] {
        for workers in [1, 2] {
            ends(move || {
                let (tell, told) = mpsc::channel();
                let armed = Arc::new(AtomicBool::new(false));
                let is_armed = armed.clone();
                let hook = move || {
                    if is_armed.swap(false, Ordering::SeqCst) {
                        let answer = async { runtime::spawn(async { 42 }).await.unwrap() };
                        tell.send(Handle::current().block_on(answer)).unwrap();
                    }
                };
                let rt = with_hook(workers, is_park, RescueConfig::off(), Box::new(hook));
                armed.store(true, Ordering::SeqCst);
                drop(rt.spawn(async {}));
                assert_eq!(told.recv().unwrap(), 42);
            });
        }
    }
}

/// The monitor waited for its own end.
#[test]
fn p52_a_report_may_drop_the_runtime() {
    ends(|| {
        let place = Arc::new(Mutex::new(None::<Runtime>));
        let (tell, told) = mpsc::channel();
        let taken = place.clone();
        let rescue = RescueConfig::default().report_after(Duration::from_millis(20)).on_report(move |_| {
            let rt = taken.lock().unwrap().take();
            if let Some(rt) = rt {
                drop(rt);
                tell.send(()).unwrap();
            }
        });
        let rt = Builder::new_multi_thread().worker_threads(1).rescue(rescue).build().unwrap();
        let (release, gate) = mpsc::channel::<()>();
        drop(rt.spawn(async move { gate.recv() }));
        let _is_over = busy(&rt, 3);
        *place.lock().unwrap() = Some(rt);
        told.recv().unwrap();
        drop(release);
    });
}

/// The monitor ended with the panic, and a task that said that it blocks had it.
#[test]
fn a_thread_name_that_panics_harms_nobody() {
    ends(|| {
        let (panics, calls) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
        let (panics_now, called) = (panics.clone(), calls.clone());
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).rescue(RescueConfig::default().on_report(|_| {})).thread_name_fn(
            move || {
                called.fetch_add(1, Ordering::SeqCst);
                assert!(!panics_now.load(Ordering::SeqCst), "in the name, on purpose");
                "worker".to_owned()
            },
        );
        let error = builder.build().unwrap_err();
        assert!(error.to_string().contains("thread_name_fn"), "{error}");

        panics.store(false, Ordering::SeqCst);
        let rt = builder.build().unwrap();
        panics.store(true, Ordering::SeqCst);
        let in_place = rt.spawn(async { task::block_in_place(|| 42) });
        assert_eq!(rt.block_on(in_place).unwrap(), 42);

        let (tell, told) = mpsc::channel();
        let stuck = rt.spawn(async move { told.recv().unwrap() });
        let before = calls.load(Ordering::SeqCst);
        drop(rt.spawn(async move { tell.send(7).unwrap() }));
        while calls.load(Ordering::SeqCst) == before {
            std::thread::yield_now();
        }
        panics.store(false, Ordering::SeqCst);
        assert_eq!(rt.block_on(stuck).unwrap(), 7);
    });
}

/// A sum of nanoseconds overflowed, 584 years from now, and the monitor ended with that.
#[test]
fn a_timer_at_the_end_of_time_stops_no_rescue() {
    ends(|| {
        let far = runtime::time::Instant::from_std(Instant::now() + Duration::from_nanos(u64::MAX));
        let rescue = RescueConfig::default().on_report(|_| {});
        let rt = Builder::new_multi_thread().worker_threads(1).rescue(rescue).build().unwrap();
        drop(rt.spawn(runtime::time::sleep_until(far)));
        for _ in 0..2 {
            let (tell, told) = mpsc::channel();
            let stuck = rt.spawn(async move { told.recv().unwrap() });
            drop(rt.spawn(async move { tell.send(7).unwrap() }));
            assert_eq!(rt.block_on(stuck).unwrap(), 7);
        }
    });
}

/// A thread that was started for a call which another spare had heard meanwhile waited for a place, and did not sleep.
#[cfg(target_os = "linux")]
#[test]
fn p18_a_spare_without_a_place_does_not_stay() {
    const NAME: &str = "few-spares";
    let threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        names.filter(|name| name.trim() == NAME).count()
    };
    ends(move || {
        let rescue = RescueConfig::default().spares(1).on_report(|_| {});
        let mut builder = Builder::new_multi_thread();
        let rt = builder.worker_threads(1).rescue(rescue).thread_name(NAME).build().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let until_over = is_over.clone();
        let in_turns = rt.spawn(async move {
            while !until_over.load(Ordering::SeqCst) {
                for _ in 0..100 {
                    task::block_in_place(|| ());
                }
                task::yield_now().await;
            }
        });
        // Long enough for many a spare to be called while it is on its way to rest.
        std::thread::sleep(Duration::from_secs(2));
        // Worker, monitor, spare; one that was started for nothing may be about to end.
        while threads() > 3 {
            std::thread::yield_now();
        }
        is_over.store(true, Ordering::SeqCst);
        rt.block_on(in_turns).unwrap();
    });
}
