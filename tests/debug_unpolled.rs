//! Futures that are dropped before their first poll: in debug mode, and in builds with debug assertions, it says so.

use futures::future::poll_immediate;
use runtime::blocking::Pool;
use runtime::fs::{self, File};
use runtime::io;
use runtime::net::{self, TcpListener, TcpStream, UdpSocket, lookup_host};
use runtime::signal::ctrl_c;
use runtime::sync::{
    Barrier, BoundedSemaphore, Event, Mutex, Notify, Queue, RwLock, Semaphore, broadcast, mpsc, oneshot,
    watch,
};
use runtime::task::{self, CancellationToken, JoinSet, ReturnWhen};
use runtime::time::{Duration, Instant, interval, sleep, sleep_until, timeout, timeout_at};
use runtime::{Builder, DebugKind, DebugReport, JoinHandle, Runtime, select, try_join};
use std::future::{Future, pending, ready};
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;

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

/// What a task called "forgets" says that it has dropped.
fn unpolled<F>(future: F) -> Vec<DebugReport>
where
    F: Future<Output = ()> + Send + 'static,
{
    of_kind(DebugKind::FutureNeverPolled, Builder::new_current_thread(), |runtime| {
        runtime.block_on(named(runtime, "forgets", future)).unwrap();
    })
}

/// The future that `make` makes is dropped. It is reported under the name of `what`, with its place, and the task that drops it.
#[track_caller]
fn is_reported<F>(what: &str, line: u32, make: impl FnOnce() -> F + Send + 'static) {
    let reports = unpolled(async move {
        drop(make());
    });
    if !cfg!(debug_assertions) {
        return none(reports);
    }
    let report = one(reports);
    assert_eq!((report.kind(), report.task_name()), (DebugKind::FutureNeverPolled, Some("forgets")));
    let message = format!(
        "has dropped a `{what}` from {}:{line} before its first poll: it does nothing unless it is awaited",
        file!()
    );
    assert_eq!(report.message(), message);
}

#[test]
fn timers_that_were_never_polled() {
    is_reported("sleep", line!(), || sleep(LONG));
    is_reported("sleep_until", line!(), || sleep_until(Instant::now()));
    is_reported("timeout", line!(), || timeout(LONG, pending::<()>()));
    is_reported("timeout_at", line!(), || timeout_at(Instant::now(), ready(())));
    let mut ticks = Box::new(Runtime::new().unwrap().block_on(async { interval(LONG) }));
    is_reported("Interval::tick", line!(), move || drop(ticks.tick()));
}

#[test]
fn locks_and_permits_that_were_never_asked_for() {
    let lock = Arc::new(Mutex::new(1));
    let again = lock.clone();
    is_reported("Mutex::lock", line!(), move || drop(again.lock()));
    is_reported("Mutex::lock_owned", line!(), move || lock.lock_owned());

    let lock = Arc::new(RwLock::new(1));
    let [a, b, c] = [lock.clone(), lock.clone(), lock.clone()];
    is_reported("RwLock::read", line!(), move || drop(a.read()));
    is_reported("RwLock::write", line!(), move || drop(b.write()));
    is_reported("RwLock::read_owned", line!(), move || c.read_owned());
    is_reported("RwLock::write_owned", line!(), move || lock.write_owned());

    let semaphore = Arc::new(Semaphore::new(2));
    let [a, b, c] = [semaphore.clone(), semaphore.clone(), semaphore.clone()];
    is_reported("Semaphore::acquire", line!(), move || drop(a.acquire()));
    is_reported("Semaphore::acquire_many", line!(), move || drop(b.acquire_many(2)));
    is_reported("Semaphore::acquire_owned", line!(), move || c.acquire_owned());
    is_reported("Semaphore::acquire_many_owned", line!(), move || semaphore.acquire_many_owned(2));

    let semaphore = Arc::new(BoundedSemaphore::new(1));
    let again = semaphore.clone();
    is_reported("BoundedSemaphore::acquire", line!(), move || drop(again.acquire()));
    is_reported("BoundedSemaphore::acquire_owned", line!(), move || semaphore.acquire_owned());
}

#[test]
fn messages_that_were_never_sent_or_taken() {
    let (tx, mut rx) = mpsc::channel(1);
    let [a, b, c, d] = [tx.clone(), tx.clone(), tx.clone(), tx.clone()];
    is_reported("Sender::send", line!(), move || drop(a.send(1)));
    is_reported("Sender::send_timeout", line!(), move || drop(b.send_timeout(1, LONG)));
    is_reported("Sender::reserve", line!(), move || drop(c.reserve()));
    is_reported("Sender::reserve_many", line!(), move || drop(d.reserve_many(1)));
    is_reported("Sender::reserve_owned", line!(), move || tx.reserve_owned());
    is_reported("Receiver::recv", line!(), move || drop(rx.recv()));
    let (_tx, mut rx) = mpsc::unbounded_channel::<u8>();
    is_reported("Receiver::recv_many", line!(), move || drop(rx.recv_many(&mut Vec::new(), 1)));

    let (tx, _rx) = watch::channel(1);
    is_reported("watch::Sender::closed", line!(), move || drop(tx.closed()));
    let (_tx, mut rx) = broadcast::channel::<u8>(1);
    is_reported("broadcast::Receiver::recv", line!(), move || drop(rx.recv()));
    let (_tx, mut rx) = watch::channel(1);
    let mut again = rx.clone();
    is_reported("watch::Receiver::changed", line!(), move || drop(again.changed()));
    is_reported("watch::Receiver::wait_for", line!(), move || drop(rx.wait_for(|_| true)));

    let queue = Queue::bounded(1);
    let [a, b, c] = [queue.clone(), queue.clone(), queue];
    is_reported("Queue::put", line!(), move || drop(a.put(1)));
    is_reported("Queue::get", line!(), move || drop(b.get()));
    is_reported("Queue::join", line!(), move || drop(c.join()));

    is_reported("Event::wait", line!(), || drop(Event::new().wait()));
    is_reported("Barrier::wait", line!(), || drop(Barrier::new(1).wait()));
}

#[test]
fn ends_of_tasks_that_were_never_waited_for() {
    is_reported("JoinHandle::timeout", line!(), || runtime::spawn(async {}).timeout(LONG));
    is_reported("gather", line!(), || task::gather([async {}]));
    is_reported("try_gather", line!(), || task::try_gather([async { Ok::<(), ()>(()) }]));
    is_reported("JoinSet::join_next", line!(), || drop(JoinSet::<()>::new().join_next()));
    is_reported("JoinSet::join_all", line!(), || JoinSet::<()>::new().join_all());
}

#[test]
fn calls_of_the_system_that_were_never_made() {
    let runtime = Runtime::new().unwrap();
    let (listener, socket) = runtime
        .block_on(async { try_join!(TcpListener::bind("127.0.0.1:0"), UdpSocket::bind("127.0.0.1:0")) })
        .unwrap();
    is_reported("TcpStream::connect", line!(), || TcpStream::connect("127.0.0.1:1"));
    is_reported("TcpListener::accept", line!(), move || drop(listener.accept()));
    let socket = Arc::new(socket);
    let [a, b] = [socket.clone(), socket.clone()];
    is_reported("UdpSocket::send_to", line!(), move || drop(a.send_to(b"x", "127.0.0.1:1")));
    is_reported("recv", line!(), move || drop(b.recv(&mut [0; 1])));
    is_reported("readable", line!(), move || drop(socket.readable()));
    is_reported("net::lookup_host", line!(), || lookup_host("localhost:1"));
    is_reported("io::copy", line!(), || drop(io::copy(&b"x"[..], &mut Vec::new())));
    is_reported("signal::ctrl_c", line!(), || drop(ctrl_c()));
    is_reported("fs::write", line!(), || fs::write("never", "x"));
    is_reported("fs::remove_file", line!(), || fs::remove_file("never"));
    is_reported("fs::rename", line!(), || fs::rename("never", "ever"));
    is_reported("File::open", line!(), || File::open("never"));
    is_reported("Pool::wait_closed", line!(), || drop(Pool::builder().build().unwrap().wait_closed()));
}

/// A server's first task is one of the runtime's own, which a `close` calls off.
#[test]
fn a_server_that_is_closed_at_once_is_no_mistake() {
    none(of_kind(DebugKind::TaskNeverPolled, Builder::new_current_thread(), |runtime| {
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let server = net::serve(listener, async |_, _| ());
            server.close();
            server.wait_closed().await;
        });
    }));
}

/// The mistake that no lint finds: the guard is a future.
#[test]
fn a_lock_that_is_bound_and_not_awaited() {
    for builder in BUILDERS {
        let reports = of_kind(DebugKind::FutureNeverPolled, builder(), |runtime| {
            let lock = Arc::new(Mutex::new(1));
            let task = named(runtime, "unlocked", async move {
                let _guard = lock.lock();
                task::yield_now().await;
                timeout(LONG, task::yield_now()).await.unwrap();
            });
            runtime.block_on(task).unwrap();
        });
        if cfg!(debug_assertions) {
            let report = one(reports);
            assert_eq!(report.task_name(), Some("unlocked"));
            assert!(report.to_string().contains("has dropped a `Mutex::lock` from "), "{report}");
        }
    }
}

/// A timeout is one future, whatever is in it.
#[test]
fn a_timeout_is_reported_once_for_all_that_is_in_it() {
    let lock = Arc::new(Mutex::new(1));
    is_reported("timeout", line!(), || timeout(LONG, timeout(LONG, lock.lock_owned())));
    // What it gives back unpolled is another matter.
    is_reported("sleep", line!(), || timeout(LONG, sleep(LONG)).into_inner());
}

#[test]
fn one_report_for_each_place() {
    let reports = unpolled(async {
        for _ in 0..100 {
            drop((sleep(LONG), Event::new().wait()));
            drop(sleep(LONG));
        }
    });
    assert_eq!(reports.len(), if cfg!(debug_assertions) { 3 } else { 0 }, "{reports:#?}");
}

#[test]
fn losers_of_select_are_silent() {
    none(unpolled(async {
        let lock = Mutex::new(1);
        for _ in 0..20 {
            select! {
                () = ready(()) => {}
                _ = lock.lock() => {}
                () = sleep(LONG) => {}
            }
            select! {
                biased;
                () = ready(()) => {}
                () = sleep(LONG) => {}
                _ = timeout(LONG, lock.lock()) => {}
            }
            // A branch that is switched off, and one that is `else`.
            select! {
                () = sleep(LONG), if false => {}
                else => {}
            }
            // One that is left by its handler, or before all futures are made.
            loop {
                select! {
                    biased;
                    () = ready(()) => break,
                    () = sleep(LONG) => {}
                }
            }
        }
    }));
}

#[test]
fn losers_of_select_by_reference_are_silent() {
    none(unpolled(async {
        let lock = Mutex::new(1);
        let (mut alarm, mut locking) = (pin!(sleep(LONG)), pin!(lock.lock()));
        select! {
            biased;
            () = task::yield_now() => {}
            () = &mut alarm, if false => {}
        }
        select! {
            biased;
            () = ready(()) => {}
            _ = &mut locking => {}
        }
    }));
}

/// What a `select!` was left by before it began is not silent, nor what comes after it.
#[test]
fn a_select_does_not_silence_the_rest() {
    let reports = unpolled(async {
        let leave = |early: bool| async move {
            let result = async {
                select! {
                    () = ready(if early { Err(()) } else { Ok(()) }?) => {}
                    () = sleep(LONG) => {}
                }
                Ok::<(), ()>(())
            };
            result.await.is_err()
        };
        assert!(leave(true).await && !leave(false).await);
        drop(Event::new().wait());
        select! {
            biased;
            () = async { drop(sleep(LONG)) } => {}
            () = pending() => {}
        }
    });
    assert_eq!(reports.len(), if cfg!(debug_assertions) { 2 } else { 0 }, "{reports:#?}");
}

#[test]
fn what_comes_behind_the_first_error_is_silent() {
    none(unpolled(async {
        for _ in 0..20 {
            let naps = async {
                sleep(LONG).await;
                Ok(())
            };
            let failed = try_join!(ready(Err::<(), _>(())), naps, timeout_ok());
            assert!(failed.is_err());
        }
        async fn timeout_ok() -> Result<(), ()> {
            timeout(LONG, pending()).await.map_err(|_| ())
        }
        let (one, other) = runtime::join!(timeout(LONG, ready(1)), async { 2 });
        assert_eq!((one, other), (Ok(1), 2));
    }));
}

#[test]
fn polled_futures_are_silent() {
    none(unpolled(async {
        let lock = Arc::new(Mutex::new(1));
        drop(lock.lock().await);
        drop(lock.clone().lock_owned().await);
        sleep(Duration::ZERO).await;
        let (tx, mut rx) = mpsc::channel(1);
        tx.send(1).await.unwrap();
        assert_eq!(rx.recv().await, Some(1));
        assert!(poll_immediate(pin!(rx.recv())).await.is_none());
        assert!(poll_immediate(pin!(sleep(LONG))).await.is_none());
        timeout(LONG, task::yield_now()).await.unwrap();
        assert_eq!(timeout(LONG, ready(1)).into_inner().await, 1);
        assert!(timeout(Duration::ZERO, pending::<()>()).await.is_err());
        interval(LONG).tick().await;
        runtime::spawn(async {}).timeout(LONG).await.unwrap().unwrap();
        assert_eq!(task::gather([async { 1 }]).await.len(), 1);
    }));
}

/// These do something when they are made: dropping them unpolled is a way to use them.
#[test]
fn futures_that_need_no_poll_are_silent() {
    none(unpolled(async {
        let notify = Notify::new();
        drop(notify.notified());
        drop(task::cancelled());
        drop(runtime::spawn(pending::<()>()).cancel());
        drop(oneshot::channel::<u8>());
        drop(runtime::spawn(async {}));
    }));
}

/// Who is cancelled, or panics, has not forgotten anything.
#[test]
fn what_a_cancelled_task_drops_is_silent() {
    for builder in BUILDERS {
        none(of_kind(DebugKind::FutureNeverPolled, builder(), |runtime| {
            let polled = Arc::new(Notify::new());
            for ends in [false, true] {
                let tell = polled.clone();
                let task = runtime.spawn(async move {
                    let _later = (sleep(LONG), timeout(LONG, sleep(LONG)));
                    tell.notify_one();
                    if ends {
                        panic!("on purpose");
                    }
                    pending::<()>().await;
                });
                runtime.block_on(polled.notified());
                task.abort();
                assert!(runtime.block_on(task).is_err());
            }
            // One that has not even begun.
            let nap = sleep(LONG);
            let task = runtime.spawn(nap);
            task.abort();
            let _ = runtime.block_on(task);
        }));
    }
}

/// So is what is cancelled inside of a task.
#[test]
fn what_is_left_of_a_part_of_a_task_is_silent() {
    none(unpolled(async {
        let token = CancellationToken::new();
        let cancel = token.clone();
        let body = async {
            let _later = sleep(LONG);
            cancel.cancel();
            pending::<()>().await;
        };
        assert!(token.run_until_cancelled(body).await.is_none());
        assert!(token.run_until_cancelled(sleep(LONG)).await.is_none());
        assert!(token.run_until_cancelled_owned(timeout(LONG, sleep(LONG))).await.is_none());
        let failed = task::group(async |group| {
            let _later = (sleep(LONG), timeout(LONG, pending::<()>()));
            group.spawn(async { Err::<(), _>(()) });
            pending::<Result<(), ()>>().await
        });
        assert!(failed.await.is_err());
    }));
}

/// There was nothing to wait for.
#[test]
fn a_limit_that_is_not_needed_is_silent() {
    none(unpolled(async {
        let mut set = JoinSet::new();
        let member = set.spawn(async {});
        while !member.is_finished() {
            task::yield_now().await;
        }
        assert_eq!(set.wait(ReturnWhen::AllCompleted, Some(LONG)).await.len(), 1);
    }));
}

/// It is kept, and put on another deadline: nobody forgot it.
#[test]
fn an_alarm_that_was_reset_is_silent() {
    none(unpolled(async {
        let mut alarm = pin!(sleep(LONG));
        alarm.as_mut().reset(Instant::now() + LONG);
    }));
}

#[test]
fn nobody_is_told_outside_of_tasks_in_debug_mode() {
    none(of_kind(DebugKind::FutureNeverPolled, Builder::new_current_thread(), |runtime| {
        drop(sleep(LONG));
        runtime.block_on(async { drop(sleep(LONG)) });
        runtime.block_on(runtime.spawn_blocking(|| drop(sleep(LONG)))).unwrap();
        // A task of another runtime, which is not, inside of one that is.
        let inside = runtime.spawn(async {
            task::block_in_place(|| ());
        });
        let _ = runtime.block_on(inside);
        let plain = Builder::new_current_thread().debug(false).build().unwrap();
        plain.block_on(plain.spawn(async { drop(sleep(LONG)) })).unwrap();
    }));
}

/// It counts who drops it, wherever it was made.
#[test]
fn a_future_from_elsewhere_is_reported_where_it_is_dropped() {
    let elsewhere = sleep(LONG);
    let line = line!() - 1;
    let reports = unpolled(async move { drop(elsewhere) });
    if cfg!(debug_assertions) {
        assert!(one(reports).message().contains(&format!("`sleep` from {}:{line} ", file!())));
    }
}
