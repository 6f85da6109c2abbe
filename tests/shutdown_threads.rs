//! Runtimes that end in odd places: inside of themselves, in thread locals, with the process.

use runtime::{Builder, Runtime};
use std::cell::RefCell;
use std::future::pending;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

/// Longer than anything here takes, by far.
const LONG: Duration = Duration::from_secs(30);

const BUILDERS: [fn() -> Runtime; 2] = [
    || Builder::new_multi_thread().worker_threads(2).build().unwrap(),
    || Builder::new_current_thread().build().unwrap(),
];

/// The result of `body`, which must not hang.
fn in_time<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    let thread = thread::spawn(move || send.send(body()).unwrap());
    match receive.recv_timeout(LONG) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        Err(_) => std::panic::resume_unwind(thread.join().unwrap_err()),
    }
}

/// Sends when it is dropped.
struct Last(mpsc::Sender<()>);

impl Drop for Last {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[test]
fn p52_a_runtime_may_be_dropped_inside_of_async_code() {
    for outer in BUILDERS {
        for inner in BUILDERS {
            in_time(move || {
                outer().block_on(async {
                    let (send, dropped) = mpsc::channel();
                    let (main, task) = (inner(), inner());
                    for rt in [&main, &task] {
                        let last = Last(send.clone());
                        rt.spawn(async move {
                            let _last = last;
                            pending::<()>().await;
                        });
                    }
                    drop(main);
                    runtime::spawn(async move { drop(task) }).await.unwrap();
                    for _ in 0..2 {
                        dropped.recv_timeout(LONG).unwrap();
                    }
                    assert_eq!(runtime::spawn(async { 1 }).await.unwrap(), 1);
                });
            });
        }
    }
}

#[test]
fn p52_a_runtime_may_be_dropped_by_its_own_task() {
    in_time(|| {
        let rt = Arc::new(BUILDERS[0]());
        let (send, dropped) = mpsc::channel();
        let last = Last(send.clone());
        rt.spawn(async move {
            let _last = last;
            pending::<()>().await;
        });
        let (go, goes) = runtime::sync::oneshot::channel();
        let (own, last) = (rt.clone(), Last(send));
        rt.spawn(async move {
            let _last = last;
            goes.await.unwrap();
            drop(Arc::into_inner(own).expect("it is the last one"));
            // This task goes on, up to its next await.
            runtime::task::yield_now().await;
            unreachable!("a cancelled task was polled");
        });
        drop(rt);
        go.send(()).unwrap();
        for _ in 0..2 {
            dropped.recv_timeout(LONG).unwrap();
        }
    });
}

#[test]
fn p52_a_runtime_may_be_dropped_by_its_own_blocking_job() {
    for build in BUILDERS {
        in_time(move || {
            let rt = Arc::new(build());
            let (send, dropped) = mpsc::channel();
            let last = Last(send);
            rt.spawn(async move {
                let _last = last;
                pending::<()>().await;
            });
            let (go, goes) = mpsc::channel::<()>();
            let own = rt.clone();
            let job = rt.spawn_blocking(move || {
                goes.recv_timeout(LONG).unwrap();
                drop(Arc::into_inner(own).expect("it is the last one"));
                7
            });
            drop(rt);
            go.send(()).unwrap();
            dropped.recv_timeout(LONG).unwrap();
            assert_eq!(futures::executor::block_on(job).unwrap(), 7);
        });
    }
}

#[test]
fn p52_a_job_that_shuts_its_own_runtime_down_is_not_waited_for_without_end() {
    in_time(|| {
        let rt = Arc::new(BUILDERS[0]());
        let (go, goes) = mpsc::channel::<()>();
        let own = rt.clone();
        let job = rt.spawn_blocking(move || {
            goes.recv_timeout(LONG).unwrap();
            Arc::into_inner(own).unwrap().shutdown_timeout(Duration::from_millis(50));
        });
        drop(rt);
        go.send(()).unwrap();
        futures::executor::block_on(job).unwrap();
    });
}

/// Ends with its thread.
struct Held {
    rt: Option<Runtime>,
    ends: mpsc::Sender<usize>,
    drops: Arc<AtomicUsize>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let rt = self.rt.take().unwrap();
        // On a thread whose other locals may be gone, a task is spawned, and a future driven.
        rt.spawn(pending::<()>());
        assert_eq!(rt.block_on(async { 5 }), 5);
        drop(rt);
        let _ = self.ends.send(self.drops.load(SeqCst));
    }
}

thread_local! {
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

struct CountDrop(Arc<AtomicUsize>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
        // Whatever a drop may ask at such a time.
        let _ = runtime::Handle::try_current();
        let _ = runtime::task::try_id();
    }
}

/// Thread locals end in the reverse order of their first use: ours are used before the runtime's, or after.
#[test]
fn p53_a_runtime_in_a_thread_local_ends_with_its_thread() {
    for build in BUILDERS {
        for first in [true, false] {
            let (ends, ended) = mpsc::channel();
            thread::spawn(move || {
                if first {
                    HELD.with(|held| assert!(held.borrow().is_none()));
                }
                let rt = build();
                let drops = Arc::new(AtomicUsize::new(0));
                for _ in 0..10 {
                    let guard = CountDrop(drops.clone());
                    rt.spawn(async move {
                        let _guard = guard;
                        pending::<()>().await;
                    });
                }
                rt.block_on(async { runtime::spawn(async {}).await.unwrap() });
                HELD.with(|held| *held.borrow_mut() = Some(Held { rt: Some(rt), ends, drops }));
            })
            .join()
            .unwrap();
            assert_eq!(ended.recv_timeout(LONG), Ok(10));
        }
    }
}

/// Set in the child processes of these tests.
const CHILD: &str = "RUNTIME_TEST_CHILD";

/// Runs the calling test again in a process of its own, in which `true` is returned; here it must succeed.
fn is_child(test: &str) -> bool {
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--test-threads=1", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout) + String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{}:\n{said}", child.status);
    assert!(said.contains("running 1 test"), "{said}");
    false
}

#[test]
fn p53_a_runtime_in_a_static_does_not_disturb_the_exit() {
    if is_child("p53_a_runtime_in_a_static_does_not_disturb_the_exit") {
        static RUNTIME: OnceLock<Runtime> = OnceLock::new();
        let rt = RUNTIME.get_or_init(BUILDERS[0]);
        rt.spawn(async {
            loop {
                runtime::task::yield_now().await;
            }
        });
        assert_eq!(rt.block_on(async { runtime::spawn(async { 3 }).await.unwrap() }), 3);
        // Its workers are busy while `main` returns.
    }
}
