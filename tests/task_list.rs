//! `Handle::tasks`: what lives, what it is called, what it does.

use runtime::metrics::WaitsOn;
use runtime::sync::{Mutex, Notify, oneshot};
use runtime::task::{self, TaskInfo, TaskState};
use runtime::{Builder, Handle, Runtime, time};
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);

fn builders() -> [Builder; 2] {
    let mut multi = Builder::new_multi_thread();
    multi.worker_threads(2);
    [Builder::new_current_thread(), multi]
}

fn flavours() -> [Runtime; 2] {
    builders().map(|mut builder| builder.build().unwrap())
}

fn named(tasks: Vec<TaskInfo>, name: &str) -> TaskInfo {
    let mut found = tasks.into_iter().filter(|task| task.name() == Some(name));
    let task = found.next().unwrap_or_else(|| panic!("no task {name}"));
    assert!(found.next().is_none(), "two tasks {name}");
    task
}

/// The task of this name, once it waits.
async fn idle(name: &str) -> TaskInfo {
    loop {
        let task = named(Handle::current().tasks(), name);
        if task.state() == TaskState::Idle {
            return task;
        }
        task::yield_now().await;
    }
}

#[test]
fn live_tasks_are_listed_with_name_site_and_id() {
    for runtime in flavours() {
        assert!(runtime.handle().tasks().is_empty());
        let line = line!() + 1;
        let one = runtime.spawn(pending::<()>());
        let builder = task::Builder::new().name("two");
        let two = builder.spawn_on(pending::<()>(), runtime.handle()).unwrap();
        let mut tasks = runtime.handle().tasks();
        tasks.sort_by_key(|task| task.name().is_some());
        let [unnamed, two_info] = &tasks[..] else { panic!("{tasks:?}") };
        assert_eq!((unnamed.id(), unnamed.name()), (one.id(), None));
        assert_eq!((unnamed.spawn_site().file(), unnamed.spawn_site().line()), (file!(), line));
        assert_eq!((two_info.id(), two_info.name()), (two.id(), Some("two")));
        one.abort();
        runtime.block_on(one).unwrap_err();
        let left = runtime.handle().tasks();
        assert!(left.len() == 1 && left[0].id() == two.id(), "{left:?}");
    }
}

#[test]
fn a_task_sees_itself_running_and_others_as_they_are() {
    for runtime in flavours() {
        runtime.block_on(async {
            let waiting = task::Builder::new().name("waiting").spawn(pending::<()>()).unwrap();
            assert_eq!(idle("waiting").await.state(), TaskState::Idle);
            let me = task::Builder::new().name("me").spawn(async {
                assert_eq!(task::current().state(), TaskState::Running);
                named(Handle::current().tasks(), "me")
            });
            assert_eq!(me.unwrap().await.unwrap().state(), TaskState::Running);
            waiting.abort();
        });
    }
    // Nobody runs this runtime, so the task stays in the queue.
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.spawn(async {});
    assert_eq!(runtime.handle().tasks()[0].state(), TaskState::Scheduled);
}

#[test]
fn an_outcome_says_finished() {
    for runtime in flavours() {
        let (tell, told) = oneshot::channel();
        runtime.spawn(async {}).on_finish(move |outcome| tell.send(outcome.task().state()).unwrap());
        assert_eq!(runtime.block_on(told).unwrap(), TaskState::Finished);
    }
}

#[test]
fn tasks_of_spawn_local_are_listed_and_those_of_a_set_are_not() {
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        task::Builder::new().name("local").spawn_local(pending::<()>()).unwrap();
        assert_eq!(idle("local").await.name(), Some("local"));
        let set = task::LocalSet::new();
        set.spawn_local(pending::<()>());
        assert_eq!(Handle::current().tasks().len(), 1);
    });
}

#[test]
fn figures_of_a_task_need_detailed_metrics() {
    for runtime in flavours() {
        let info = runtime.block_on(runtime.spawn(async { task::current() })).unwrap();
        assert_eq!((info.polls(), info.busy_time(), info.waits_on()), (None, None, None));
    }
    for mut builder in builders() {
        let runtime = builder.detailed_metrics(true).build().unwrap();
        let work = Duration::from_millis(20);
        runtime.block_on(async {
            let work = async move {
                for _ in 0..2 {
                    std::thread::sleep(work);
                    task::yield_now().await;
                }
                pending::<()>().await;
            };
            task::Builder::new().name("worker").spawn(work).unwrap();
            let info = idle("worker").await;
            assert_eq!((info.polls(), info.waits_on()), (Some(3), None));
        });
        let info = named(runtime.handle().tasks(), "worker");
        assert!(info.busy_time().unwrap() >= 2 * work, "{info:?}");
        let shown = format!("{info:?}");
        assert!(shown.contains("\"worker\"") && shown.contains("polls: 3"), "{shown}");
    }
}

#[test]
fn it_is_known_what_kind_of_future_a_task_waits_in() {
    type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;
    for mut builder in builders() {
        let runtime = builder.detailed_metrics(true).build().unwrap();
        runtime.block_on(async {
            let (_sender, receiver) = oneshot::channel::<()>();
            let lock = Arc::new(Mutex::new(()));
            let guard = lock.clone().lock_owned().await;
            let notify = Notify::new();
            let other = runtime::spawn(pending::<()>());
            let socket = runtime::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let waits: [(WaitsOn, Wait); 6] = [
                (WaitsOn::Time, Box::pin(time::sleep(LONG))),
                (WaitsOn::Channel, Box::pin(async { drop(receiver.await) })),
                (WaitsOn::Lock, Box::pin(async move { drop(lock.lock().await) })),
                (WaitsOn::Signal, Box::pin(async move { notify.notified().await })),
                (WaitsOn::Task, Box::pin(async move { drop(other.await) })),
                (WaitsOn::Io, Box::pin(async move { drop(socket.recv(&mut [0]).await) })),
            ];
            for (waits_on, wait) in waits {
                let name = format!("{waits_on:?}");
                let task = task::Builder::new().name(&name).spawn(wait).unwrap();
                assert_eq!(idle(&name).await.waits_on(), Some(waits_on));
                task.abort();
            }
            drop(guard);
        });
    }
}

/// A walker takes references while tasks end, are aborted, and go: each that is there all the time is listed once.
#[test]
fn tasks_may_end_while_they_are_listed() {
    for mut builder in builders() {
        let runtime = builder.detailed_metrics(true).build().unwrap();
        let (stop, stopped) = (Arc::new(AtomicBool::new(false)), mpsc::channel());
        for _ in 0..50 {
            task::Builder::new().name("stays").spawn_on(pending::<()>(), runtime.handle()).unwrap();
        }
        let walker = std::thread::spawn({
            let (handle, stop) = (runtime.handle().clone(), stop.clone());
            move || {
                let mut walks = 0;
                while !stop.load(Ordering::Relaxed) || walks < 10 {
                    let tasks = handle.tasks();
                    assert_eq!(tasks.iter().filter(|task| task.name() == Some("stays")).count(), 50);
                    let mut ids: Vec<_> = tasks.iter().map(|task| task.id()).collect();
                    ids.sort();
                    ids.dedup();
                    assert_eq!(ids.len(), tasks.len(), "a task twice");
                    walks += 1;
                }
                stopped.0.send(()).unwrap();
            }
        });
        runtime.block_on(async {
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(200) {
                let tasks: Vec<_> = (0..50)
                    .map(|n| task::Builder::new().name("goes").spawn(async move { n }).unwrap())
                    .collect();
                let pending = runtime::spawn(pending::<()>());
                runtime::spawn(async { task::yield_now().await });
                pending.abort();
                for task in tasks {
                    task.await.unwrap();
                }
            }
        });
        stop.store(true, Ordering::Relaxed);
        stopped.1.recv_timeout(LONG).unwrap();
        walker.join().unwrap();
    }
}

#[test]
fn a_runtime_that_has_ended_has_no_tasks() {
    for runtime in flavours() {
        let handle = runtime.handle().clone();
        runtime.spawn(pending::<()>());
        drop(runtime);
        assert!(handle.tasks().is_empty());
        assert_eq!(handle.metrics().num_alive_tasks(), 0);
    }
}
