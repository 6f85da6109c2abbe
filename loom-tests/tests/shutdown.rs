//! M11: the end of a home against spawns, wakes and a worker that runs. Every future is dropped once, every
//! handle answers, and the worker ends.
#![cfg(loom)]

use loom_tests::tasks::{Watched, result_of};
use loom_tests::{expect_failure, model};
use runtime_core::internals::{Fault, plant};
use runtime_core::primitive::{Arc, Condvar, Mutex, thread};
use runtime_core::task::{Home, JoinHandle, Meta, Notified, Schedule};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc as StdArc, Mutex as StdMutex};
use std::task::{Poll, Waker};

/// A queue, and a place to wait for it.
#[derive(Debug, Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    tasks: VecDeque<Notified>,
    is_vacated: bool,
}

impl Schedule for Queue {
    fn keeper(&self) -> Option<std::sync::Arc<dyn runtime_core::task::Keeper>> {
        None
    }

    fn schedule(&self, task: Notified) {
        self.state.lock().tasks.push_back(task);
        self.changed.notify_one();
    }

    fn reschedule(&self, task: Notified) {
        self.schedule(task);
    }

    fn vacated(&self) {
        let mut state = self.state.lock();
        assert!(!state.is_vacated, "vacated twice");
        state.is_vacated = true;
        self.changed.notify_one();
    }
}

impl Queue {
    /// The next task; `None` when all have ended and none will come.
    fn next(&self) -> Option<Notified> {
        let mut state = self.state.lock();
        loop {
            if let Some(task) = state.tasks.pop_front() {
                return Some(task);
            }
            if state.is_vacated {
                return None;
            }
            state = self.changed.wait(state);
        }
    }
}

type World = Arc<Home<Queue>>;

fn spawn<F>(home: &World, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let (task, handle) = Home::bind(home, future, Meta::here());
    if let Some(task) = task {
        home.scheduler().schedule(task);
    }
    handle
}

fn start_worker(home: &World) -> thread::JoinHandle<()> {
    let home = home.clone();
    thread::spawn(move || {
        while let Some(task) = home.scheduler().next() {
            task.run();
        }
    })
}

/// As the workers do when a runtime ends.
fn end(home: &World) {
    home.close();
    home.cancel_all(|task| home.scheduler().schedule(task));
}

/// Counts its drops; loom sees if two threads have it at a time, or if it has none.
#[derive(Clone, Default)]
struct Probe {
    drops: StdArc<AtomicUsize>,
    watched: Watched,
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.watched.set(1);
        self.drops.fetch_add(1, Ordering::Relaxed);
    }
}

/// A future that never ends, leaves its waker at `left`, and tells `drops` of its end.
fn sleeper(left: StdArc<StdMutex<Option<Waker>>>, drops: StdArc<AtomicUsize>) -> impl Future<Output = ()> {
    let probe = Probe { drops, watched: Watched::default() };
    poll_fn(move |cx| {
        probe.watched.set(0);
        *left.lock().unwrap() = Some(cx.waker().clone());
        Poll::Pending
    })
}

/// A spawn while the home closes and the worker runs, or has ended.
fn spawn_against_end() {
    let home: World = Arc::new(Home::new(Queue::default()));
    let drops = StdArc::new(AtomicUsize::new(0));
    let worker = start_worker(&home);
    let spawner = {
        let (home, drops) = (home.clone(), drops.clone());
        thread::spawn(move || {
            let probe = Probe { drops, watched: Watched::default() };
            spawn(&home, async move { probe.watched.set(2) })
        })
    };
    end(&home);
    worker.join().unwrap();
    let handle = spawner.join().unwrap();
    assert_eq!(drops.load(Ordering::Relaxed), 1, "drops of the future");
    if let Err(error) = result_of(handle) {
        assert!(error.is_cancelled(), "{error}");
    }
    assert_eq!(home.count(), 0);
}

#[test]
fn a_spawn_meets_the_end() {
    model(spawn_against_end);
}

#[test]
fn twin_spawns_into_a_closed_home() {
    expect_failure("twin_spawns_into_a_closed_home", "drops of the future", || {
        plant(Fault::CloseUnseen);
        spawn_against_end();
    });
}

/// A task is woken from outside while all tasks are cancelled and the worker runs.
fn wake_against_end() {
    let home: World = Arc::new(Home::new(Queue::default()));
    let drops = StdArc::new(AtomicUsize::new(0));
    let left = StdArc::new(StdMutex::new(None));
    let handle = spawn(&home, sleeper(left.clone(), drops.clone()));
    home.scheduler().next().expect("the task is queued").run();
    let waker = left.lock().unwrap().take().expect("the task was polled");
    let worker = start_worker(&home);
    let wakes = thread::spawn(move || waker.wake());
    end(&home);
    worker.join().unwrap();
    wakes.join().unwrap();
    left.lock().unwrap().take();
    assert_eq!(drops.load(Ordering::Relaxed), 1, "drops of the future");
    assert!(result_of(handle).unwrap_err().is_cancelled());
}

#[test]
fn a_wake_meets_the_end() {
    model(wake_against_end);
}

/// The last task ends by itself while its home closes: the home is vacated once, and the worker ends.
#[test]
fn the_last_task_ends_while_its_home_closes() {
    model(|| {
        let home: World = Arc::new(Home::new(Queue::default()));
        let probe = Probe::default();
        let drops = probe.drops.clone();
        let handle = spawn(&home, async move { probe.watched.set(2) });
        let worker = start_worker(&home);
        end(&home);
        worker.join().unwrap();
        assert_eq!(drops.load(Ordering::Relaxed), 1, "drops of the future");
        if let Err(error) = result_of(handle) {
            assert!(error.is_cancelled(), "{error}");
        }
    });
}
