//! The whole of a runtime, with a driver that knows no sources and a pool that takes no jobs: what the single
//! models prove of the parts, put together as it is shipped. With one worker: two and the monitor are more than can
//! be explored in a minute (`idle` has them without the rest).
#![cfg(loom)]

use loom_tests::tasks::Watched;
use loom_tests::{expect_failure, model};
use runtime_core::config::Config;
use runtime_core::handle::Flavor;
use runtime_core::internals::{Fault, plant};
use runtime_core::port::{BlockingPool, Driver, DriverHandle, Ports, Refused, RunningJob, SystemClock};
use runtime_core::primitive::{Condvar, Mutex, thread};
use runtime_core::rescue::RescueConfig;
use runtime_core::runtime::Runtime;
use runtime_core::sync::oneshot;
use runtime_core::task::{Job, Reporter};
use runtime_core::util::wake_list::WakeList;
use std::any::Any;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// A driver whose only event is its unpark.
#[derive(Debug, Default)]
struct Token {
    is_there: Mutex<bool>,
    changed: Condvar,
}

struct Quiet(Arc<Token>);

impl Driver for Quiet {
    fn park(&mut self, timeout: Option<Duration>, _ready: &mut WakeList) -> io::Result<()> {
        let mut is_there = self.0.is_there.lock();
        while !*is_there && timeout != Some(Duration::ZERO) {
            is_there = self.0.changed.wait(is_there);
        }
        *is_there = false;
        Ok(())
    }

    fn shutdown(&mut self, _ready: &mut WakeList) {}
}

impl DriverHandle for Token {
    fn unpark(&self) {
        *self.is_there.lock() = true;
        self.changed.notify_one();
    }

    fn has_sources(&self) -> bool {
        false
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

struct NoPool;

impl BlockingPool for NoPool {
    fn run(&self, job: Job) -> Result<(), Refused> {
        Err(Refused { job, source: io::ErrorKind::BrokenPipe.into() })
    }

    fn shutdown(&self, _timeout: Duration) -> usize {
        0
    }

    fn running(&self) -> Vec<RunningJob> {
        Vec::new()
    }
}

fn runtime(flavor: Flavor, workers: usize) -> Runtime {
    let config = Config {
        flavor,
        workers,
        thread_name: Arc::new(|| "model".into()),
        stack_size: None,
        on_thread_start: None,
        on_thread_stop: None,
        on_thread_park: None,
        on_thread_unpark: None,
        wrap_thread: None,
        task_hooks: Default::default(),
        detailed_metrics: false,
        cancel_grace: Duration::from_secs(10),
        rescue: RescueConfig::default(),
        reporter: Reporter::default(),
        debug: false,
        on_debug_report: None,
        start_paused: false,
        seed: 1,
    };
    let token = Arc::new(Token::default());
    let ports = Ports {
        driver: Box::new(Quiet(token.clone())),
        driver_handle: token,
        blocking: Arc::new(NoPool),
        clock: Arc::new(SystemClock),
    };
    Runtime::build(&config, ports).unwrap()
}

/// On a current_thread runtime: another thread spawns a task and wakes the main future while it goes to sleep.
fn spawn_from_outside() {
    let runtime = runtime(Flavor::CurrentThread, 1);
    let (sender, receiver) = oneshot::channel();
    let handle = runtime.handle().clone();
    let spawner = thread::spawn(move || {
        drop(handle.spawn(async move { sender.send(7).unwrap() }));
    });
    assert_eq!(runtime.block_on(receiver).unwrap(), 7);
    spawner.join().unwrap();
}

#[test]
fn a_spawn_from_outside_meets_the_sleep_of_a_current_thread_runtime() {
    model(spawn_from_outside);
}

#[test]
fn twin_loses_the_token_of_a_current_thread_runtime() {
    expect_failure("twin_loses_the_token_of_a_current_thread_runtime", "deadlock", || {
        plant(Fault::TokenLost);
        spawn_from_outside();
    });
}

/// On a current_thread runtime: a spawn while it is dropped. The future is dropped, with the runtime or before.
#[test]
fn a_spawn_from_outside_meets_the_drop_of_a_current_thread_runtime() {
    model(|| {
        let runtime = runtime(Flavor::CurrentThread, 1);
        let watched = Watched::default();
        let probe = watched.clone();
        let handle = runtime.handle().clone();
        let spawner = thread::spawn(move || drop(handle.spawn(async move { probe.set(1) })));
        drop(runtime);
        spawner.join().unwrap();
        assert_eq!(watched.holders(), 1, "the future was not dropped");
    });
}

/// Two threads are inside of one current_thread runtime, and a third wakes both: one of them runs the tasks, and
/// when it leaves, the other goes on.
#[test]
fn two_threads_share_a_current_thread_runtime() {
    model(|| {
        let runtime = Arc::new(runtime(Flavor::CurrentThread, 1));
        let (first, second) = (oneshot::channel(), oneshot::channel());
        let entered = runtime.clone();
        let other = thread::spawn(move || entered.block_on(second.1).unwrap());
        drop(runtime.spawn(async move {
            first.0.send(1).unwrap();
            second.0.send(2).unwrap();
        }));
        assert_eq!(runtime.block_on(first.1).unwrap(), 1);
        assert_eq!(other.join().unwrap(), 2);
    });
}

/// On a multi_thread runtime of one worker and its monitor: a task is spawned and awaited, and the end comes.
fn spawn_and_await() {
    let runtime = runtime(Flavor::MultiThread, 1);
    let task = runtime.spawn(async { 7 });
    assert_eq!(runtime.block_on(task).unwrap(), 7);
}

#[test]
fn a_task_is_awaited_and_the_runtime_dropped() {
    model(spawn_and_await);
}

#[test]
fn twin_spawns_without_a_fence() {
    expect_failure("twin_spawns_without_a_fence", "deadlock", || {
        plant(Fault::NotifyUnfenced);
        spawn_and_await();
    });
}

#[test]
fn twin_sleeps_without_a_fence() {
    expect_failure("twin_sleeps_without_a_fence", "deadlock", || {
        plant(Fault::SleepUnfenced);
        spawn_and_await();
    });
}

/// The end comes at once.
#[test]
fn a_task_meets_the_drop_of_its_runtime() {
    model(|| {
        let runtime = runtime(Flavor::MultiThread, 1);
        let watched = Watched::default();
        let probe = watched.clone();
        drop(runtime.spawn(async move { probe.set(1) }));
        drop(runtime);
        assert_eq!(watched.holders(), 1, "the future was not dropped");
    });
}

/// The end comes while another thread is inside of a wake of one of the tasks, whose worker runs.
#[test]
fn a_wake_from_outside_meets_the_drop_of_its_runtime() {
    model(|| {
        let runtime = runtime(Flavor::MultiThread, 1);
        let (sender, receiver) = oneshot::channel();
        let watched = Watched::default();
        let probe = watched.clone();
        drop(runtime.spawn(async move {
            let _ = receiver.await;
            probe.set(1);
        }));
        let wakes = thread::spawn(move || sender.send(()).is_ok());
        drop(runtime);
        wakes.join().unwrap();
        assert_eq!(watched.holders(), 1, "the future was not dropped");
    });
}
