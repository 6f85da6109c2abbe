//! Futurelocks: locks and permits that are given to a future which its task has left. Debug mode says so.

use futures::future::poll_immediate;
use runtime::sync::{Mutex, OnceCell, OwnedMutexGuard, Queue, RwLock, Semaphore, mpsc, oneshot};
use runtime::time::{Duration, sleep};
use runtime::{Builder, DebugKind, DebugReport, JoinHandle, Runtime, select, task};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::thread;

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

/// What a task is given before it is left, and twice that.
const HALF: Duration = Duration::from_millis(500);
const TWICE: Duration = Duration::from_secs(2);

/// What was reported of one kind until the runtime had ended, after `body`.
fn of_kind(kind: DebugKind, mut builder: Builder, body: impl FnOnce(&Runtime)) -> Vec<DebugReport> {
    let (tell, told) = std_mpsc::channel();
    let runtime =
        builder.debug(true).on_debug_report(move |report| tell.send(report.clone()).unwrap()).build();
    let runtime = runtime.unwrap();
    body(&runtime);
    runtime.shutdown_timeout(LONG);
    told.try_iter().filter(|report| report.kind() == kind).collect()
}

fn named<F>(runtime: &Runtime, name: &str, future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    task::Builder::new().name(name).spawn_on(future, runtime.handle()).unwrap()
}

#[track_caller]
fn one(mut reports: Vec<DebugReport>) -> DebugReport {
    assert_eq!(reports.len(), 1, "{reports:#?}");
    reports.remove(0)
}

#[track_caller]
fn none(reports: Vec<DebugReport>) {
    assert!(reports.is_empty(), "{reports:#?}");
}

/// Waits for what `guard` holds, in a future that it polls once and leaves; then does `rest` with that future.
async fn leave<F: Future, R: Future>(
    lock: F,
    left: oneshot::Sender<()>,
    rest: impl FnOnce(Pin<Box<F>>) -> R,
) -> R::Output {
    let mut lock = Box::pin(lock);
    assert!(poll_immediate(&mut lock).await.is_none());
    left.send(()).unwrap();
    rest(lock).await
}

fn paused() -> Builder {
    let mut builder = Builder::new_current_thread();
    builder.start_paused(true);
    builder
}

/// The reports when `give` has given a task what it waits for in a future from `lock`, and the task goes on with `rest`.
fn left<F, R>(
    lock: impl FnOnce() -> F + Send + 'static,
    rest: impl FnOnce(Pin<Box<F>>) -> R + Send + 'static,
    give: impl FnOnce(),
) -> Vec<DebugReport>
where
    F: Future<Output: Send> + Send + 'static,
    R: Future<Output: Send> + Send + 'static,
{
    of_kind(DebugKind::Futurelock, paused(), |runtime| {
        let (tell, is_left) = oneshot::channel();
        let task = named(runtime, "leaves", async move { _ = leave(lock(), tell, rest).await });
        runtime.block_on(async {
            is_left.await.unwrap();
            give();
            sleep(LONG).await;
            task.abort();
            let _ = task.await;
        });
    })
}

/// Holds it, whatever is done meanwhile.
async fn nap_with<T>(kept: T, duration: Duration) -> T {
    sleep(duration).await;
    kept
}

#[test]
fn a_lock_that_is_given_to_a_future_that_nobody_polls() {
    let lock = Arc::new(Mutex::new(1));
    let guard = lock.clone().try_lock_owned().unwrap();
    let again = lock.clone();
    // The whole of it: the task waits for itself, for ever.
    let reports = left(
        || lock.lock_owned(),
        |first| async move {
            let guard = again.lock_owned().await;
            (first.await, guard)
        },
        || drop(guard),
    );
    let report = one(reports);
    assert_eq!((report.kind(), report.task_name()), (DebugKind::Futurelock, Some("leaves")));
    assert!(report.spawn_site().is_some_and(|site| site.file() == file!()));
    let begin =
        "was given the lock of a `Mutex` more than 1 s ago, and has been polled since, but not the future";
    assert!(report.message().starts_with(begin), "{report}");
}

#[test]
fn each_primitive_has_its_name() {
    let check = |name: &str, reports: Vec<DebugReport>| {
        let report = one(reports);
        assert!(report.message().starts_with(&format!("was given {name} more than ")), "{report}");
    };

    let lock = Arc::new(RwLock::new(1));
    let guard = lock.clone().try_write_owned().unwrap();
    check("the lock of a `RwLock`", left(move || lock.read_owned(), |f| nap_with(f, LONG), || drop(guard)));

    let semaphore = Arc::new(Semaphore::new(0));
    let gives = semaphore.clone();
    let reports =
        left(move || semaphore.acquire_many_owned(2), |f| nap_with(f, LONG), move || gives.add_permits(2));
    check("permits of a semaphore", reports);

    let (tx, mut rx) = mpsc::channel(1);
    tx.try_send(1).unwrap();
    let send = move || async move { tx.send(2).await };
    check(
        "room in a channel or queue",
        left(send, |f| nap_with(f, LONG), move || _ = rx.try_recv().unwrap()),
    );

    let queue = Queue::unbounded();
    let gives = queue.clone();
    let get = move || async move { queue.get().await.map(drop) };
    check("an item of a queue", left(get, |f| nap_with(f, LONG), move || gives.try_put(1).unwrap()));

    let cell = Arc::new(OnceCell::<u8>::new());
    let init = cell.clone();
    let (fail, may_fail) = oneshot::channel::<()>();
    let reports = of_kind(DebugKind::Futurelock, paused(), |runtime| {
        let first = runtime.spawn(async move {
            cell.get_or_try_init(|| async { may_fail.await.map(|()| 1) }).await.is_err()
        });
        runtime.block_on(task::yield_now());
        let (tell, is_left) = oneshot::channel();
        let second = async move { init.get_or_init(|| async { 2 }).await.to_owned() };
        let second = runtime.spawn(leave(second, tell, |f| nap_with(f, LONG)));
        runtime.block_on(async {
            is_left.await.unwrap();
            drop(fail);
            assert!(first.await.unwrap());
            assert_eq!(second.await.unwrap().await, 2);
        });
    });
    check("the turn to fill a `OnceCell`", reports);
}

/// A lock and its guard.
fn locked() -> (Arc<Mutex<u8>>, OwnedMutexGuard<u8>) {
    let lock = Arc::new(Mutex::new(1));
    let guard = lock.clone().try_lock_owned().unwrap();
    (lock, guard)
}

#[test]
fn a_lock_that_is_left_for_a_while_is_reported_and_a_short_while_is_not() {
    for (pause, is_reported) in [(HALF, false), (TWICE, true)] {
        let (lock, guard) = locked();
        let reports = left(
            || lock.lock_owned(),
            move |lock| async move {
                sleep(pause).await;
                lock.await
            },
            || drop(guard),
        );
        assert_eq!(reports.len(), usize::from(is_reported), "{reports:#?}");
    }
}

#[test]
fn a_lock_that_is_awaited_or_dropped_is_silent() {
    // By `select!`, again and again.
    let (lock, guard) = locked();
    none(left(
        || lock.lock_owned(),
        |mut lock| async move {
            loop {
                select! {
                    guard = &mut lock => break nap_with(guard, LONG).await,
                    () = sleep(HALF) => {}
                }
            }
        },
        || drop(guard),
    ));
    let (lock, guard) = locked();
    none(left(
        || lock.lock_owned(),
        |lock| async move {
            drop(lock);
            sleep(LONG).await;
        },
        || drop(guard),
    ));
    // After it was given, and in time.
    let (lock, guard) = locked();
    none(left(
        || lock.lock_owned(),
        |lock| async move {
            sleep(HALF).await;
            drop(lock);
            sleep(LONG).await;
        },
        || drop(guard),
    ));
}

/// It is not given anything: nobody else waits for what it has.
#[test]
fn a_wait_that_is_left_in_the_queue_is_silent() {
    let (lock, guard) = locked();
    none(left(|| lock.lock_owned(), |lock| nap_with(lock, LONG), || ()));
    drop(guard);
}

/// A poll that was going on when the lock was given may well be the last one for long: it could not know.
#[test]
fn a_task_that_is_not_polled_is_silent() {
    for mut builder in BUILDERS.map(|builder| builder()) {
        builder.rescue(runtime::RescueConfig::off());
        none(of_kind(DebugKind::Futurelock, builder, |runtime| {
            let (lock, guard) = locked();
            let task = runtime.spawn(async move {
                let mut lock = Box::pin(lock.lock_owned());
                assert!(poll_immediate(&mut lock).await.is_none());
                thread::spawn(|| drop(guard)).join().unwrap();
                task::yield_now().await;
                // The first poll that could know: on two workers there is somebody to report it meanwhile.
                thread::sleep(Duration::from_millis(1500));
                drop(lock.await);
                // Time for a report that is late.
                sleep(Duration::from_millis(50)).await;
            });
            runtime.block_on(task).unwrap();
        }));
    }
}

/// A future may be polled by one task first and then by another, which is the one that counts.
#[test]
fn a_future_that_moves_to_another_task() {
    for leaves in [false, true] {
        let reports = of_kind(DebugKind::Futurelock, paused(), |runtime| {
            let (lock, guard) = locked();
            let (hand, handed) = oneshot::channel();
            let first = named(runtime, "first", async move {
                let mut lock = Box::pin(lock.lock_owned());
                assert!(poll_immediate(&mut lock).await.is_none());
                assert!(hand.send(lock).is_ok());
                for _ in 0..10 {
                    sleep(HALF).await;
                }
            });
            let second = named(runtime, "second", async move {
                let mut lock = handed.await.unwrap();
                assert!(poll_immediate(&mut lock).await.is_none());
                if leaves {
                    sleep(TWICE * 2).await;
                }
                drop(lock.await);
            });
            runtime.block_on(async {
                sleep(HALF).await;
                drop(guard);
                second.await.unwrap();
                first.await.unwrap();
            });
        });
        let names: Vec<_> = reports.iter().map(|report| report.task_name().unwrap()).collect();
        assert_eq!(names, if leaves { vec!["second"] } else { vec![] });
    }
}

/// In real time, on several threads.
#[test]
fn a_futurelock_on_several_workers() {
    let (tell, told) = std_mpsc::channel();
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).debug(true).on_debug_report(move |report| {
        if report.kind() == DebugKind::Futurelock {
            tell.send(report.task_name().map(str::to_owned)).unwrap();
        }
    });
    let runtime = builder.build().unwrap();
    let (lock, guard) = locked();
    let again = lock.clone();
    let (left, is_left) = oneshot::channel();
    let task = named(
        &runtime,
        "locked out",
        leave(lock.lock_owned(), left, |first| async move {
            drop(again.lock_owned().await);
            drop(first);
        }),
    );
    runtime.block_on(is_left).unwrap();
    drop(guard);
    assert_eq!(told.recv_timeout(LONG).unwrap().as_deref(), Some("locked out"));
    task.abort();
    assert!(runtime.block_on(task).unwrap_err().is_cancelled());
}

/// Who is not in debug mode is not looked at, although another runtime is.
#[test]
fn tasks_of_other_runtimes_are_silent() {
    none(of_kind(DebugKind::Futurelock, paused(), |_| {
        let plain = Builder::new_current_thread().start_paused(true).debug(false).build().unwrap();
        let (lock, guard) = locked();
        let (left, is_left) = oneshot::channel();
        let task = plain.spawn(leave(lock.lock_owned(), left, |lock| nap_with(lock, LONG)));
        plain.block_on(async {
            is_left.await.unwrap();
            drop(guard);
            drop(task.await.unwrap());
        });
    }));
}
