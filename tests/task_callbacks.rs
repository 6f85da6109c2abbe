//! Callbacks: of tasks that end, soon, and later.

use runtime::sync::oneshot;
use runtime::task::{self, Outcome};
use runtime::{Builder, Handle, Runtime, time};
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Counts its drops.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[runtime::test]
async fn callbacks_run_in_order_also_when_added_after_the_end() {
    let (ready, is_ready) = oneshot::channel::<()>();
    let calls = Arc::new(Mutex::new(Vec::new()));
    let task = task::Builder::new().name("worker").spawn(async move { is_ready.await.unwrap() }).unwrap();
    let add = |n: usize, calls: &Arc<Mutex<Vec<usize>>>| {
        let calls = calls.clone();
        task.on_finish(move |outcome| {
            assert!(outcome.is_finished() && matches!(outcome, Outcome::Finished { .. }));
            assert_eq!(outcome.name(), Some("worker"));
            calls.lock().unwrap().push(n);
        });
    };
    for n in 0..50 {
        add(n, &calls);
    }
    assert!(calls.lock().unwrap().is_empty());
    ready.send(()).unwrap();
    while !task.is_finished() {
        task::yield_now().await;
    }
    // Added after the end: later than those before, and not inside of the call.
    let lock = calls.lock().unwrap();
    for n in 50..100 {
        add(n, &calls);
    }
    drop(lock);
    let (last, is_last) = oneshot::channel();
    task.on_finish(move |_| last.send(()).unwrap());
    is_last.await.unwrap();
    assert_eq!(*calls.lock().unwrap(), (0..100).collect::<Vec<_>>());
}

#[runtime::test]
async fn callbacks_are_told_how_the_task_ended() {
    let (tell, mut told) = runtime::sync::mpsc::unbounded_channel();
    let register = |task: &runtime::JoinHandle<()>| {
        let tell = tell.clone();
        task.on_finish(move |outcome| tell.send(outcome.clone()).unwrap());
        task.id()
    };
    let panics = runtime::spawn(async { panic!("on purpose") });
    let id = register(&panics);
    let outcome = told.recv().await.unwrap();
    assert!(outcome.is_panicked());
    assert_eq!(outcome.id(), id);
    // The callback has not taken it.
    assert!(panics.await.unwrap_err().is_panic());

    let endless = runtime::spawn(pending());
    register(&endless);
    endless.abort();
    assert!(told.recv().await.unwrap().is_cancelled());

    // After the end, and with the result taken.
    let mut quick = runtime::spawn(async {});
    (&mut quick).await.unwrap();
    register(&quick);
    assert!(told.recv().await.unwrap().is_finished());
    register(&endless);
    assert!(told.recv().await.unwrap().is_cancelled());

    let job = runtime::spawn_blocking(|| {});
    register(&job);
    assert!(told.recv().await.unwrap().is_finished());

    // Detached.
    let quick = runtime::spawn(async {});
    register(&quick);
    drop(quick);
    assert!(told.recv().await.unwrap().is_finished());
}

#[test]
fn callbacks_of_a_runtime_that_ends_run() {
    let calls = Arc::new(AtomicUsize::new(0));
    let runtime = Runtime::new().unwrap();
    let task = runtime.spawn(pending::<()>());
    let count = |calls: &Arc<AtomicUsize>| {
        let calls = calls.clone();
        move |outcome: &Outcome| {
            assert!(outcome.is_cancelled());
            calls.fetch_add(1, Ordering::SeqCst);
        }
    };
    task.on_finish(count(&calls));
    task.on_finish(count(&calls));
    drop(runtime);
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    task.on_finish(count(&calls));
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[runtime::test]
async fn a_callback_that_panics_harms_nobody() {
    let task = runtime::spawn(async {});
    task.on_finish(|_| panic!("on purpose"));
    let (tell, told) = oneshot::channel();
    task.on_finish(move |_| tell.send(()).unwrap());
    told.await.unwrap();
}

#[runtime::test(start_paused = true)]
async fn call_soon_and_call_later_run_in_order() {
    let handle = Handle::current();
    let (tell, mut told) = runtime::sync::mpsc::unbounded_channel();
    let send = |n: u32| {
        let tell = tell.clone();
        move || tell.send((n, time::Instant::now())).unwrap()
    };
    let start = time::Instant::now();
    handle.call_later(2 * SECOND, send(20));
    handle.call_later(SECOND, send(10));
    handle.call_later(SECOND, send(11));
    let cancelled = handle.call_later(SECOND, send(12));
    handle.call_later(SECOND, send(13));
    handle.call_soon(send(1));
    handle.call_soon(send(2));
    assert!(cancelled.cancel());
    assert!(!cancelled.cancel());
    let mut seen = Vec::new();
    for _ in 0..6 {
        let (n, at) = told.recv().await.unwrap();
        seen.push((n, (at - start).as_secs()));
    }
    assert_eq!(seen, [(1, 0), (2, 0), (10, 1), (11, 1), (13, 1), (20, 2)]);
    // An earlier moment gets a runner up that waits for a later one.
    handle.call_later(3600 * SECOND, send(99));
    time::sleep(SECOND).await;
    handle.call_later(SECOND, send(30));
    assert_eq!(told.recv().await.unwrap().0, 30);
    let far = handle.call_later(Duration::MAX, send(100));
    assert!(far.is_pending());
}

#[runtime::test]
async fn ten_thousand_callbacks_from_four_threads_all_run() {
    let handle = Handle::current();
    let count = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (handle, count) = (handle.clone(), count.clone());
            std::thread::spawn(move || {
                for _ in 0..2500 {
                    let count = count.clone();
                    handle.call_soon(move || assert!(count.fetch_add(1, Ordering::SeqCst) < 10_000));
                }
            })
        })
        .collect();
    runtime::spawn_blocking(move || threads.into_iter().for_each(|thread| thread.join().unwrap()))
        .await
        .unwrap();
    let (tell, told) = oneshot::channel();
    handle.call_soon(move || tell.send(()).unwrap());
    told.await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 10_000);
}

#[test]
fn what_is_due_at_the_end_of_the_runtime_runs_and_the_rest_is_dropped() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let drops = Arc::new(AtomicUsize::new(0));
    let (ran, guard) = (count.clone(), Dropped(drops.clone()));
    runtime.handle().call_soon(move || assert!(ran.fetch_add(1, Ordering::SeqCst) < 10_000));
    let later = runtime.handle().call_later(3600 * SECOND, move || drop(guard));
    drop(runtime);
    assert_eq!((count.load(Ordering::SeqCst), drops.load(Ordering::SeqCst)), (1, 1));
    assert!(!later.is_pending() && !later.cancel());
}

#[test]
fn callbacks_that_renew_themselves_end_with_the_runtime() {
    fn tick(handle: Handle, count: Arc<AtomicUsize>) {
        count.fetch_add(1, Ordering::SeqCst);
        let next = handle.clone();
        handle.call_soon(move || tick(next, count));
    }
    fn respawn(handle: Handle, count: Arc<AtomicUsize>) {
        count.fetch_add(1, Ordering::SeqCst);
        let next = handle.clone();
        handle.spawn(pending::<()>()).on_finish(move |_| respawn(next, count));
    }
    for start in [tick, respawn] {
        let count = Arc::new(AtomicUsize::new(0));
        let runtime = Runtime::new().unwrap();
        start(runtime.handle().clone(), count.clone());
        drop(runtime);
        assert!(count.load(Ordering::SeqCst) > 1);
    }
    // At the end of `run` they do not cost the whole grace.
    let elapsed = std::time::Instant::now();
    runtime::run(async { tick(Handle::current(), Arc::default()) });
    assert!(elapsed.elapsed() < Duration::from_secs(5));
}

/// The clock does not go on to the moment of a callback that was called off.
#[test]
fn a_callback_called_off_moves_no_paused_clock() {
    let runtime = Builder::new_current_thread().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let start = time::Instant::now();
        let off = Handle::current().call_later(3600 * SECOND, || unreachable!());
        // Its task waits for it.
        task::yield_now().await;
        task::yield_now().await;
        assert!(off.cancel());
        let (go, may_go) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            go.send(()).unwrap();
        });
        may_go.await.unwrap();
        thread.join().unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
    });
}

/// Callbacks that are given right before the end of the program, by a task that no worker has polled yet.
#[test]
fn the_exit_waits_with_callbacks_that_nobody_has_looked_at() {
    for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
        let runtime = builder.start_paused(true).build().unwrap();
        let calls = Arc::new(Mutex::new(Vec::new()));
        runtime.block_on(async {
            let (ready, is_ready) = oneshot::channel();
            runtime.spawn(async move {
                let cancelled = task::cancelled();
                ready.send(()).unwrap();
                cancelled.await;
                time::sleep(SECOND).await;
            });
            is_ready.await.unwrap();
            for (delay, name) in [(SECOND / 2, "later"), (Duration::ZERO, "soon"), (2 * SECOND, "never")] {
                let calls = calls.clone();
                Handle::current().call_later(delay, move || calls.lock().unwrap().push(name));
            }
            assert!(runtime_core::supervise::exit::end_all(&Handle::current()).await);
            // Before this poll is over: afterwards nobody is there for whom the paused clock would stand still.
            assert_eq!(*calls.lock().unwrap(), ["soon", "later"]);
        });
        drop(runtime);
        // What was not called is dropped.
        assert_eq!(Arc::strong_count(&calls), 1);
    }
}
