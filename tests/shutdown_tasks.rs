//! What tasks do while their runtime ends: spawn, wake, lock, linger.

use futures::executor;
use runtime::{Builder, Handle, JoinHandle, Runtime};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything here takes, by far.
const LONG: Duration = Duration::from_secs(30);

fn flavors() -> [Runtime; 2] {
    [
        Builder::new_multi_thread().worker_threads(2).build().unwrap(),
        Builder::new_current_thread().build().unwrap(),
    ]
}

/// Must not hang.
fn in_time(body: impl FnOnce() + Send + 'static) {
    let (send, receive) = mpsc::channel();
    let thread = thread::spawn(move || {
        body();
        send.send(()).unwrap();
    });
    if receive.recv_timeout(LONG) == Err(mpsc::RecvTimeoutError::Timeout) {
        panic!("it hangs");
    }
    thread.join().unwrap();
}

/// A future that waits for ever, and calls a function when it is dropped.
struct OnDrop<F: FnOnce() + Unpin>(Option<F>);

impl<F: FnOnce() + Unpin> OnDrop<F> {
    fn new(f: F) -> Self {
        OnDrop(Some(f))
    }
}

impl<F: FnOnce() + Unpin> Future for OnDrop<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl<F: FnOnce() + Unpin> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

/// Drops that spawn, with the free function and with a handle, what spawns when it is dropped, and so on.
#[test]
fn p51_drops_that_spawn_do_not_keep_the_runtime_from_ending() {
    fn spawner(
        depth: usize,
        drops: Arc<AtomicUsize>,
        handle: Handle,
    ) -> OnDrop<impl FnOnce() + Unpin + Send> {
        OnDrop::new(Box::new(move || {
            drops.fetch_add(1, SeqCst);
            if depth > 0 {
                let next: Pin<Box<dyn Future<Output = ()> + Send>> =
                    Box::pin(spawner(depth - 1, drops.clone(), handle.clone()));
                let task = if depth % 2 == 0 { handle.spawn(next) } else { runtime::spawn(next) };
                assert!(executor::block_on(task).unwrap_err().is_cancelled());
            }
        }) as Box<dyn FnOnce() + Send>)
    }
    for rt in flavors() {
        in_time(move || {
            let drops = Arc::new(AtomicUsize::new(0));
            let tasks: Vec<JoinHandle<()>> =
                (0..100).map(|_| rt.spawn(spawner(5, drops.clone(), rt.handle().clone()))).collect();
            rt.block_on(runtime::task::yield_now());
            drop(rt);
            assert_eq!(drops.load(SeqCst), 600);
            // A panic in one of the drops would have been its result.
            for task in tasks {
                let error = executor::block_on(task).unwrap_err();
                assert!(error.is_cancelled(), "{error}");
            }
        });
    }
}

/// Drops that enter the runtime, ask for it, wake other tasks, abort them, take a lock that pollers take.
#[test]
fn p11_no_lock_of_ours_is_held_while_futures_are_dropped() {
    for rt in flavors() {
        in_time(move || {
            let wakers: Arc<Mutex<Vec<Waker>>> = Arc::default();
            let tasks: Arc<Mutex<Vec<JoinHandle<()>>>> = Arc::default();
            let drops = Arc::new(AtomicUsize::new(0));
            for _ in 0..100 {
                let (wakers, all, drops) = (wakers.clone(), tasks.clone(), drops.clone());
                let handle = rt.handle().clone();
                let pusher = wakers.clone();
                let reenter = OnDrop::new(Box::new(move || {
                    wakers.lock().unwrap().iter().for_each(Waker::wake_by_ref);
                    all.lock().unwrap().iter().for_each(JoinHandle::abort);
                    let _entered = handle.enter();
                    let inner = handle.clone();
                    // Dropped at once, inside of `spawn`: it may enter as well.
                    let nested = OnDrop::new(Box::new(move || {
                        let _entered = inner.enter();
                        assert!(Handle::try_current().is_ok());
                    }) as Box<dyn FnOnce() + Send>);
                    let task = runtime::spawn(nested);
                    task.abort();
                    let error = executor::block_on(task).unwrap_err();
                    assert!(error.is_cancelled(), "{error}");
                    drop(runtime::spawn_blocking(|| ()));
                    drops.fetch_add(1, SeqCst);
                }) as Box<dyn FnOnce() + Send>);
                tasks.lock().unwrap().push(rt.spawn(async move {
                    poll_fn(|cx| {
                        pusher.lock().unwrap().push(cx.waker().clone());
                        Poll::Ready(())
                    })
                    .await;
                    reenter.await;
                }));
            }
            rt.block_on(async {
                while wakers.lock().unwrap().len() < 100 {
                    runtime::task::yield_now().await;
                }
            });
            drop(rt);
            assert_eq!(drops.load(SeqCst), 100);
            for task in std::mem::take(&mut *tasks.lock().unwrap()) {
                let error = executor::block_on(task).unwrap_err();
                assert!(error.is_cancelled(), "{error}");
            }
        });
    }
}

#[test]
fn p51_the_last_handle_may_go_with_a_task() {
    for rt in flavors() {
        in_time(move || {
            let (send, dropped) = mpsc::channel();
            let handle = rt.handle().clone();
            rt.spawn(OnDrop::new(move || {
                drop(handle);
                send.send(()).unwrap();
            }));
            drop(rt);
            dropped.recv_timeout(LONG).unwrap();
        });
    }
}

#[test]
fn p50_spawns_while_the_runtime_ends_run_or_are_cancelled() {
    for round in 0..50 {
        for rt in flavors() {
            let (spawns, drops) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let stop = Arc::new(AtomicBool::new(false));
            let (handle, spawned, dropped, stopped) =
                (rt.handle().clone(), spawns.clone(), drops.clone(), stop.clone());
            let spawner = thread::spawn(move || {
                let mut tasks = vec![];
                while !stopped.load(SeqCst) {
                    let dropped = dropped.clone();
                    tasks.push(handle.spawn(OnDrop::new(move || {
                        dropped.fetch_add(1, SeqCst);
                    })));
                    spawned.fetch_add(1, SeqCst);
                }
                tasks
            });
            while spawns.load(SeqCst) < round {
                thread::yield_now();
            }
            drop(rt);
            let seen = spawns.load(SeqCst);
            while spawns.load(SeqCst) < seen + 3 {
                thread::yield_now();
            }
            stop.store(true, SeqCst);
            let tasks = spawner.join().unwrap();
            assert_eq!(drops.load(SeqCst), tasks.len());
            for task in tasks {
                assert!(executor::block_on(task).unwrap_err().is_cancelled());
            }
        }
    }
}

/// The drop waits for the poll that is going on, and `shutdown_timeout` only as long as it is told to.
#[test]
fn p49_a_poll_that_takes_long_is_waited_for_as_promised() {
    for waits in [true, false] {
        let rt = Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let (release, released) = mpsc::channel::<()>();
        let (start, started) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        rt.spawn(async move {
            start.send(()).unwrap();
            let _ = released.recv();
            end.send(()).unwrap();
        });
        started.recv_timeout(LONG).unwrap();
        let begin = Instant::now();
        if waits {
            let releasing = thread::spawn(move || {
                thread::sleep(Duration::from_millis(50));
                drop(release);
            });
            drop(rt);
            ended.try_recv().expect("the drop did not wait for the poll");
            releasing.join().unwrap();
        } else {
            rt.shutdown_timeout(Duration::from_millis(50));
            assert!(begin.elapsed() >= Duration::from_millis(50));
            assert!(ended.try_recv().is_err());
            drop(release);
            ended.recv_timeout(LONG).unwrap();
        }
        assert!(begin.elapsed() < LONG);
    }
}

#[test]
fn p49_shutdown_background_waits_for_nothing() {
    for rt in flavors() {
        let (release, released) = mpsc::channel::<()>();
        let (start, started) = mpsc::channel();
        rt.spawn(pending::<()>());
        let job = rt.spawn_blocking(move || {
            start.send(()).unwrap();
            let _ = released.recv();
        });
        started.recv_timeout(LONG).unwrap();
        in_time(move || rt.shutdown_background());
        assert!(!job.is_finished());
        drop(release);
        executor::block_on(job).unwrap();
    }
}
