//! Blocking jobs of a whole runtime: where they are, how they end with it.

use futures::executor;
use runtime::{Builder, Handle, Runtime};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// Longer than anything here takes, by far.
const LONG: Duration = Duration::from_secs(30);

fn builders() -> [Builder; 2] {
    let mut multi_thread = Builder::new_multi_thread();
    multi_thread.worker_threads(2).max_blocking_threads(1);
    let mut current_thread = Builder::new_current_thread();
    current_thread.max_blocking_threads(1);
    [multi_thread, current_thread]
}

fn flavors() -> [Runtime; 2] {
    builders().map(|mut builder| builder.build().unwrap())
}

/// A job that runs until its gate is dropped, and is running when this returns.
fn busy(rt: &Runtime) -> (mpsc::Sender<()>, runtime::JoinHandle<()>) {
    let (release, gate) = mpsc::channel::<()>();
    let (start, started) = mpsc::channel();
    let job = rt.spawn_blocking(move || {
        start.send(()).unwrap();
        let _ = gate.recv();
    });
    started.recv_timeout(LONG).unwrap();
    (release, job)
}

#[test]
fn p21_a_job_is_inside_of_its_runtime_and_may_block_on() {
    for rt in flavors() {
        let rt = Arc::new(rt);
        let own = rt.clone();
        let job = rt.spawn_blocking(move || {
            let task = runtime::spawn(async { 3 });
            let sum = Handle::current().block_on(async { 4 });
            let driven = own.block_on(async { runtime::spawn(async { 5 }).await.unwrap() });
            sum + driven + own.block_on(task).unwrap()
        });
        assert_eq!(rt.block_on(job).unwrap(), 12);
    }
}

#[test]
fn p40_a_panic_in_a_job_goes_to_its_handle_only() {
    for rt in flavors() {
        rt.block_on(async {
            for _ in 0..10 {
                let error = runtime::spawn_blocking(|| panic!("on purpose")).await.unwrap_err();
                assert_eq!(*error.into_panic().downcast::<&str>().unwrap(), "on purpose");
                assert_eq!(runtime::spawn_blocking(|| 1).await.unwrap(), 1);
            }
        });
    }
}

#[test]
fn p41_an_abort_cancels_a_job_that_waits_and_not_one_that_runs() {
    for rt in flavors() {
        let (release, running) = busy(&rt);
        let runs = Arc::new(AtomicUsize::new(0));
        let counter = runs.clone();
        let waiting = rt.spawn_blocking(move || counter.fetch_add(1, SeqCst));
        waiting.abort();
        running.abort();
        assert!(rt.block_on(waiting).unwrap_err().is_cancelled());
        assert!(!running.is_finished());
        drop(release);
        rt.block_on(running).unwrap();
        rt.block_on(rt.spawn_blocking(|| ())).unwrap();
        assert_eq!(runs.load(SeqCst), 0);
    }
}

#[test]
fn p38_the_end_of_the_runtime_answers_every_job() {
    for rt in flavors() {
        let (release, running) = busy(&rt);
        let waiting: Vec<_> = (0..10).map(|_| rt.spawn_blocking(|| ())).collect();
        drop(rt);
        for job in waiting {
            assert!(executor::block_on(job).unwrap_err().is_cancelled());
        }
        assert!(!running.is_finished());
        drop(release);
        executor::block_on(running).unwrap();
    }
}

#[test]
fn p49_shutdown_timeout_waits_for_running_jobs_so_long_and_no_longer() {
    for rt in flavors() {
        let (release, running) = busy(&rt);
        let begin = Instant::now();
        rt.shutdown_timeout(Duration::from_millis(50));
        assert!((Duration::from_millis(50)..LONG).contains(&begin.elapsed()));
        assert!(!running.is_finished());
        drop(release);
        executor::block_on(running).unwrap();
    }
    for rt in flavors() {
        let (release, running) = busy(&rt);
        // At its end the runtime asks the jobs that run for theirs.
        rt.handle().spawn_blocking(move || {
            while !runtime::task::cancel_requested() {
                std::thread::yield_now();
            }
            drop(release);
        });
        rt.shutdown_timeout(LONG);
        assert!(running.is_finished());
    }
}
