//! Bugs that were found once, one test each: named for what went wrong.

use runtime::Builder;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

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
