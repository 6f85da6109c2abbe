//! The runtime's everyday life: spawn, join, panic, abort, shut down, on both flavours.

use runtime::{Builder, Runtime};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

fn flavors() -> [Runtime; 2] {
    [
        Builder::new_multi_thread().worker_threads(3).build().unwrap(),
        Builder::new_current_thread().build().unwrap(),
    ]
}

#[test]
fn spawned_tasks_give_their_results() {
    for rt in flavors() {
        let sum = rt.block_on(async {
            let tasks: Vec<_> = (0..1000u64).map(|i| runtime::spawn(async move { i })).collect();
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, 499_500);
    }
}

#[test]
fn tasks_spawn_tasks_in_depth() {
    fn fib(n: u64) -> std::pin::Pin<Box<dyn Future<Output = u64> + Send>> {
        Box::pin(async move {
            if n < 2 {
                return n;
            }
            let left = runtime::spawn(fib(n - 1));
            let right = fib(n - 2).await;
            left.await.unwrap() + right
        })
    }
    for rt in flavors() {
        assert_eq!(rt.block_on(async { runtime::spawn(fib(15)).await.unwrap() }), 610);
    }
}

#[test]
fn p01_a_panic_reaches_only_its_handle() {
    for rt in flavors() {
        rt.block_on(async {
            let task = runtime::task::Builder::new().name("doomed").spawn(async { panic!("on purpose") });
            let error = task.unwrap().await.unwrap_err();
            assert!(error.is_panic());
            assert!(error.to_string().contains("doomed"), "{error}");
            assert!(error.to_string().contains("on purpose"), "{error}");
            assert!(error.to_string().contains("runtime_basic.rs"), "{error}");
            assert_eq!(*error.into_panic().downcast::<&str>().unwrap(), "on purpose");
            assert_eq!(runtime::spawn(async { 1 }).await.unwrap(), 1);
        });
    }
}

struct CountDrop(Arc<AtomicUsize>);
impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn p09_abort_ends_a_task_at_its_await() {
    for rt in flavors() {
        let drops = Arc::new(AtomicUsize::new(0));
        rt.block_on(async {
            let guard = CountDrop(drops.clone());
            let task = runtime::spawn(async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            });
            runtime::task::yield_now().await;
            task.abort();
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
            assert_eq!(drops.load(Ordering::SeqCst), 1);
        });
    }
}

#[test]
fn p49_dropping_the_runtime_drops_every_future_once() {
    for rt in flavors() {
        let drops = Arc::new(AtomicUsize::new(0));
        for _ in 0..1000 {
            let guard = CountDrop(drops.clone());
            rt.spawn(async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            });
        }
        drop(rt);
        assert_eq!(drops.load(Ordering::SeqCst), 1000);
    }
}

#[test]
fn p50_spawn_after_the_end_gives_a_cancelled_handle() {
    for rt in flavors() {
        let drops = Arc::new(AtomicUsize::new(0));
        let handle = rt.handle().clone();
        drop(rt);
        let guard = CountDrop(drops.clone());
        let task = handle.spawn(async move { drop(guard) });
        assert_eq!(drops.load(Ordering::SeqCst), 1);
        assert!(task.is_finished());
        assert!(futures::executor::block_on(task).unwrap_err().is_cancelled());
        let job = handle.spawn_blocking(|| ());
        assert!(futures::executor::block_on(job).unwrap_err().is_cancelled());
    }
}

#[test]
fn blocking_jobs_give_their_results() {
    for rt in flavors() {
        rt.block_on(async {
            let jobs: Vec<_> = (0..50).map(|i| runtime::spawn_blocking(move || i * i)).collect();
            for (i, job) in jobs.into_iter().enumerate() {
                assert_eq!(job.await.unwrap(), i * i);
            }
            let error = runtime::spawn_blocking(|| panic!("in a job")).await.unwrap_err();
            assert!(error.is_panic());
        });
    }
}

#[test]
fn paused_time_jumps_to_the_next_timer() {
    for flavor in [Builder::new_multi_thread(), Builder::new_current_thread()] {
        let rt = flavor.clone().start_paused(true).build().unwrap();
        let start = std::time::Instant::now();
        rt.block_on(async {
            let before = runtime::time::Instant::now();
            let tasks: Vec<_> = (1..=10)
                .map(|i| runtime::spawn(runtime::time::sleep(std::time::Duration::from_secs(3600 * i))))
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(before.elapsed().as_secs(), 36_000);
        });
        assert!(start.elapsed().as_secs() < 20);
    }
}

#[test]
fn tcp_echo_through_the_runtime() {
    use runtime::io::{AsyncReadExt, AsyncWriteExt};
    for rt in flavors() {
        rt.block_on(async {
            let listener = runtime::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let server = runtime::spawn(async move {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut buffer = [0; 5];
                socket.read_exact(&mut buffer).await.unwrap();
                socket.write_all(&buffer).await.unwrap();
            });
            let mut client = runtime::net::TcpStream::connect(address).await.unwrap();
            client.write_all(b"hello").await.unwrap();
            let mut back = String::new();
            client.read_to_string(&mut back).await.unwrap();
            assert_eq!(back, "hello");
            server.await.unwrap();
        });
    }
}

#[test]
fn p15_work_from_outside_runs_while_all_workers_are_busy() {
    let rt = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let stop = Arc::new(AtomicUsize::new(0));
    for _ in 0..4 {
        let stop = stop.clone();
        rt.spawn(async move {
            while stop.load(Ordering::Relaxed) == 0 {
                runtime::task::yield_now().await;
            }
        });
    }
    let task = rt.spawn(async { 7 });
    assert_eq!(futures::executor::block_on(task).unwrap(), 7);
    stop.store(1, Ordering::Relaxed);
}

/// As in asyncio, and in tokio's runtime of this kind.
#[test]
fn tasks_of_a_current_thread_runtime_run_first_in_first_out() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let spawn = |n: u32| {
        let order = order.clone();
        runtime.spawn(async move {
            for round in 0..3 {
                order.lock().unwrap().push(round * 10 + n);
                runtime::task::yield_now().await;
            }
        })
    };
    // Spawned outside: they run when the first future waits.
    let tasks: Vec<_> = (0..5).map(spawn).collect();
    runtime.block_on(runtime::task::yield_now());
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap()
        }
    });
    let expected: Vec<u32> = (0..3).flat_map(|round| (0..5).map(move |n| round * 10 + n)).collect();
    assert_eq!(*order.lock().unwrap(), expected);

    order.lock().unwrap().clear();
    runtime.block_on(async {
        // Spawned inside, and woken by one: in the order of the spawns, and of the waits.
        let gate = Arc::new(runtime::sync::Notify::new());
        let tasks: Vec<_> = (0..5)
            .map(|n| {
                let (order, gate) = (order.clone(), gate.clone());
                runtime::spawn(async move {
                    gate.notified().await;
                    order.lock().unwrap().push(n);
                })
            })
            .collect();
        runtime::task::yield_now().await;
        gate.notify_waiters();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
}
