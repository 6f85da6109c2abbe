//! Tasks that need not be `Send`: they stay on their thread, whatever others do.

use futures::executor;
use runtime::task::{LocalSet, spawn_local};
use runtime::{Builder, Runtime};
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread::{self, ThreadId};
use std::time::Duration;

/// Longer than anything here takes, by far.
const LONG: Duration = Duration::from_secs(30);

fn current_thread() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn flavors() -> [Runtime; 2] {
    [Builder::new_multi_thread().worker_threads(2).build().unwrap(), current_thread()]
}

/// Must be used and dropped by the thread that made it.
struct Homebody {
    home: ThreadId,
    strays: Arc<AtomicUsize>,
    drops: Arc<AtomicUsize>,
    _not_send: Rc<()>,
}

/// What is left of [`Homebody`]s.
#[derive(Clone, Default)]
struct Traces {
    strays: Arc<AtomicUsize>,
    drops: Arc<AtomicUsize>,
}

impl Traces {
    fn homebody(&self) -> Homebody {
        let Traces { strays, drops } = self.clone();
        Homebody { home: thread::current().id(), strays, drops, _not_send: Rc::new(()) }
    }

    fn strays(&self) -> usize {
        self.strays.load(SeqCst)
    }

    fn drops(&self) -> usize {
        self.drops.load(SeqCst)
    }
}

impl Homebody {
    fn used(&self) {
        if thread::current().id() != self.home {
            self.strays.fetch_add(1, SeqCst);
        }
    }
}

impl Drop for Homebody {
    fn drop(&mut self) {
        self.used();
        self.drops.fetch_add(1, SeqCst);
    }
}

fn panic_text(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("no panic");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast::<&str>().unwrap()).to_owned(),
    }
}

#[test]
fn p12_local_tasks_run_on_the_thread_of_block_on() {
    let rt = current_thread();
    let traces = Traces::default();
    for _ in 0..3 {
        let homebody = traces.homebody();
        rt.block_on(async {
            let task = spawn_local(async move {
                runtime::task::yield_now().await;
                // Woken from a worker or a pool thread: polled here all the same.
                runtime::spawn_blocking(|| ()).await.unwrap();
                homebody.used();
                42
            });
            assert_eq!(task.await.unwrap(), 42);
        });
    }
    assert_eq!((traces.strays(), traces.drops()), (0, 3));
}

#[test]
fn p12_spawn_local_where_it_cannot_work_panics_with_the_remedy() {
    let [multi_thread, current_thread] = flavors();
    let outside = panic_text(|| drop(spawn_local(async {})));
    let entered = {
        let _entered = current_thread.enter();
        panic_text(|| drop(spawn_local(async {})))
    };
    let on_workers = multi_thread.block_on(async { panic_text(|| drop(spawn_local(async {}))) });
    // This `block_on` drives nothing but its future.
    let undriven = current_thread.handle().block_on(async { panic_text(|| drop(spawn_local(async {}))) });
    // And here another runtime's tasks run.
    let foreign = multi_thread.block_on(async {
        let _entered = current_thread.enter();
        panic_text(|| drop(spawn_local(async {})))
    });
    for text in [outside, entered, on_workers, undriven, foreign] {
        assert!(text.contains("`LocalSet`"), "{text}");
    }
}

/// Two threads in `block_on` of one current_thread runtime: one drives the tasks, and the other only its own
/// future; a local task that the other spawned would be polled by the one.
#[test]
fn p12_whoever_waits_for_the_driving_thread_spawns_no_local_tasks() {
    let rt = Arc::new(current_thread());
    let (drives, driving) = mpsc::channel();
    let (release, released) = runtime::sync::oneshot::channel::<()>();
    let driver = {
        let rt = rt.clone();
        thread::spawn(move || {
            rt.block_on(async move {
                drives.send(()).unwrap();
                let _ = released.await;
            });
        })
    };
    driving.recv_timeout(LONG).unwrap();
    let traces = Traces::default();
    let homebody = traces.homebody();
    let text = rt.block_on(async {
        panic_text(|| {
            drop(spawn_local(async move { homebody.used() }));
        })
    });
    assert!(text.contains("`LocalSet`"), "{text}");
    drop(release);
    driver.join().unwrap();
    assert_eq!(traces.strays(), 0);
}

/// The waiting thread gets to drive when the driving one leaves local tasks behind: those are not its own.
#[test]
fn p12_nobody_takes_over_the_local_tasks_of_another_thread() {
    let rt = Arc::new(current_thread());
    let traces = Traces::default();
    let (drives, driving) = mpsc::channel();
    let (release, released) = runtime::sync::oneshot::channel::<()>();
    let (stay, stayed) = mpsc::channel::<()>();
    let driver = {
        let (rt, traces) = (rt.clone(), traces.clone());
        thread::spawn(move || {
            rt.block_on(async move {
                drives.send(()).unwrap();
                let _ = released.await;
                let homebody = traces.homebody();
                spawn_local(async move {
                    loop {
                        homebody.used();
                        runtime::task::yield_now().await;
                    }
                });
            });
            let _ = stayed.recv();
        })
    };
    driving.recv_timeout(LONG).unwrap();
    let mut release = Some(release);
    let text = panic_text(|| {
        rt.block_on(poll_fn(|_| {
            // Only now: this thread waits for the other one's leaving.
            drop(release.take());
            Poll::<()>::Pending
        }));
    });
    assert!(text.contains("another thread"), "{text}");
    drop(stay);
    driver.join().unwrap();
    assert_eq!(traces.strays(), 0);
}

#[test]
fn p12_a_runtime_dropped_elsewhere_leaves_local_tasks_alone_and_ends_the_others() {
    let traces = Traces::default();
    let sent = Arc::new(AtomicUsize::new(0));
    let rt = current_thread();
    let homebodies = [(); 4].map(|()| traces.homebody());
    struct Sent(Arc<AtomicUsize>);
    impl Drop for Sent {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    rt.block_on(async {
        for homebody in homebodies {
            let guard = Sent(sent.clone());
            runtime::spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            // In the queue when the runtime goes, and asking for polls without end.
            spawn_local(async move {
                loop {
                    homebody.used();
                    runtime::task::yield_now().await;
                }
            });
        }
    });
    thread::spawn(move || drop(rt)).join().unwrap();
    assert_eq!((traces.strays(), traces.drops()), (0, 0));
    assert_eq!(sent.load(SeqCst), 4);
}

#[test]
fn p49_a_runtime_dropped_at_home_drops_its_local_tasks() {
    let traces = Traces::default();
    let rt = current_thread();
    let homebodies = [traces.homebody(), traces.homebody()];
    let task = rt.block_on(async {
        homebodies.map(|homebody| {
            spawn_local(async move {
                homebody.used();
                pending::<()>().await;
            })
        })
    });
    drop(rt);
    assert_eq!((traces.strays(), traces.drops()), (0, 2));
    for task in task {
        assert!(executor::block_on(task).unwrap_err().is_cancelled());
    }
}

#[test]
fn local_sets_run_on_any_runtime() {
    for rt in flavors() {
        let traces = Traces::default();
        let set = LocalSet::new();
        let early = set.spawn_local({
            let homebody = traces.homebody();
            async move { homebody.used() }
        });
        let sum = rt.block_on(set.run_until(async {
            let tasks: Vec<_> = (0..200u64)
                .map(|number| {
                    let homebody = traces.homebody();
                    spawn_local(async move {
                        runtime::task::yield_now().await;
                        homebody.used();
                        runtime::spawn(async move { number }).await.unwrap()
                    })
                })
                .collect();
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            early.await.unwrap();
            sum
        }));
        assert_eq!(sum, 19_900);
        assert_eq!((traces.strays(), traces.drops()), (0, 201));
    }
}

#[test]
fn a_local_set_as_a_future_ends_when_its_tasks_have() {
    for rt in flavors() {
        let set = LocalSet::new();
        let counter = Rc::new(std::cell::Cell::new(0));
        for _ in 0..100 {
            let counter = counter.clone();
            set.spawn_local(async move {
                let more = counter.clone();
                spawn_local(async move { more.set(more.get() + 1) });
                counter.set(counter.get() + 1);
            });
        }
        rt.block_on(set);
        assert_eq!(counter.get(), 200);
    }
}

#[test]
fn p02_dropping_a_local_set_drops_its_tasks_once_and_here() {
    let rt = flavors();
    let traces = Traces::default();
    let set = LocalSet::new();
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let homebody = traces.homebody();
            let nested = traces.homebody();
            set.spawn_local(async move {
                if number % 2 == 0 {
                    runtime::task::yield_now().await;
                }
                // Drops that spawn find the set closed.
                let _spawns = Defer(Some(move || drop(spawn_local(async move { nested.used() }))));
                pending::<()>().await;
                homebody.used();
            })
        })
        .collect();
    rt[0].block_on(set.run_until(runtime::task::yield_now()));
    tasks[0].abort();
    drop(set);
    assert_eq!((traces.strays(), traces.drops()), (0, 200));
    for task in tasks {
        assert!(executor::block_on(task).unwrap_err().is_cancelled());
    }
}

/// Calls its function when it is dropped.
struct Defer<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for Defer<F> {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

#[test]
fn p04_wakers_of_local_tasks_may_be_used_anywhere_and_outlive_the_set() {
    for rt in flavors() {
        let traces = Traces::default();
        let set = LocalSet::new();
        let (send, wakers) = mpsc::channel();
        let ready = Arc::new(AtomicBool::new(false));
        let (is_ready, homebody) = (ready.clone(), traces.homebody());
        let task = set.spawn_local(poll_fn(move |cx| {
            homebody.used();
            let _ = send.send(cx.waker().clone());
            if is_ready.load(SeqCst) { Poll::Ready(()) } else { Poll::Pending }
        }));
        let waking = thread::spawn(move || {
            let first = wakers.recv_timeout(LONG).unwrap();
            ready.store(true, SeqCst);
            first.wake_by_ref();
            first
        });
        rt.block_on(set.run_until(task)).unwrap();
        let waker = waking.join().unwrap();
        drop(set);
        drop(rt);
        waker.wake_by_ref();
        thread::spawn(move || waker.wake()).join().unwrap();
        assert_eq!((traces.strays(), traces.drops()), (0, 1));
    }
}
