//! M5: every task that is put into a queue comes out once. The next slot is the real one; deque and injector
//! are the stand-ins, used as workers use them.
#![cfg(loom)]

use loom_tests::{expect_failure, model};
use runtime_core::internals::{Fault, Slot, plant};
use runtime_core::primitive::deque::{Injector, Steal, Stealer, Worker};
use runtime_core::primitive::{Arc, thread};
use runtime_core::task::{Home, JoinHandle, Meta, Notified, Schedule};
use std::sync::Arc as StdArc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The queues of one worker and those of all.
struct Queues {
    injector: Injector<Notified>,
    stealer: Stealer<Notified>,
    slot: Slot,
}

/// Tasks here are ready at once, and nobody wakes them.
#[derive(Debug)]
struct Nobody;

impl Schedule for Nobody {
    fn keeper(&self) -> Option<std::sync::Arc<dyn runtime_core::task::Keeper>> {
        None
    }

    fn schedule(&self, _task: Notified) {
        unreachable!("a task was woken that ends at its first poll");
    }

    fn reschedule(&self, task: Notified) {
        self.schedule(task);
    }

    fn vacated(&self) {}
}

/// Tasks that count their polls.
struct Tasks {
    home: Arc<Home<Nobody>>,
    handles: Vec<JoinHandle<()>>,
    polls: Vec<StdArc<AtomicUsize>>,
}

impl Tasks {
    fn new() -> Self {
        Tasks { home: Arc::new(Home::new(Nobody)), handles: Vec::new(), polls: Vec::new() }
    }

    fn task(&mut self) -> Notified {
        let polls = StdArc::new(AtomicUsize::new(0));
        self.polls.push(polls.clone());
        let count = async move {
            polls.fetch_add(1, Ordering::Relaxed);
        };
        let (task, handle) = Home::bind(&self.home, count, Meta::here());
        self.handles.push(handle);
        task.expect("the home is open")
    }

    #[track_caller]
    fn assert_each_ran_once(self) {
        let polls: Vec<_> = self.polls.iter().map(|polls| polls.load(Ordering::Relaxed)).collect();
        assert!(polls.iter().all(|polls| *polls == 1), "polls of each task: {polls:?}");
        assert_eq!(self.home.count(), 0);
    }
}

fn queues() -> (Worker<Notified>, Arc<Queues>) {
    let local = Worker::new_fifo();
    let queues = Queues { injector: Injector::new(), stealer: local.stealer(), slot: Slot::new() };
    (local, Arc::new(queues))
}

/// As a worker without work, in its order: injector, the other's deque, the other's slot.
fn steal(queues: &Queues) {
    let local = Worker::new_fifo();
    if let Steal::Success(task) = queues.injector.steal_batch_with_limit_and_pop(&local, 2) {
        task.run();
    }
    if let Steal::Success(task) = queues.stealer.steal_batch_with_limit_and_pop(&local, 2) {
        task.run();
    }
    while let Some(task) = local.pop() {
        task.run();
    }
    if let Some(task) = queues.slot.take() {
        task.run();
    }
}

/// As a worker that is woken tasks by: the slot, what it displaces to the deque.
fn push(queues: &Queues, local: &Worker<Notified>, task: Notified) {
    if let Some(displaced) = queues.slot.replace(task) {
        local.push(displaced);
    }
}

fn run_all(queues: &Queues, local: &Worker<Notified>) {
    while let Some(task) = queues.slot.take().or_else(|| local.pop()) {
        task.run();
    }
    while let Steal::Success(()) = queues.injector.steal_batch_with_limit(local, 2) {
        while let Some(task) = local.pop() {
            task.run();
        }
    }
}

/// The owner pushes three tasks and runs what it finds; one thief takes from all places, and another thread
/// injects a task.
fn owner_thief_and_injector() {
    let mut tasks = Tasks::new();
    let (local, queues) = queues();
    push(&queues, &local, tasks.task());
    let injected = tasks.task();
    let injects = {
        let queues = queues.clone();
        thread::spawn(move || queues.injector.push(injected))
    };
    let steals = {
        let queues = queues.clone();
        thread::spawn(move || steal(&queues))
    };
    push(&queues, &local, tasks.task());
    push(&queues, &local, tasks.task());
    run_all(&queues, &local);
    injects.join().unwrap();
    steals.join().unwrap();
    run_all(&queues, &local);
    tasks.assert_each_ran_once();
}

#[test]
fn owner_thief_and_injector_meet() {
    model(owner_thief_and_injector);
}

/// The owner replaces what is in the slot and takes it; two others take, as a thief and the monitor do.
fn two_take_from_the_slot() {
    let mut tasks = Tasks::new();
    let (local, queues) = queues();
    push(&queues, &local, tasks.task());
    let threads = [(); 2].map(|()| {
        let queues = queues.clone();
        thread::spawn(move || {
            if let Some(task) = queues.slot.take() {
                task.run();
            }
        })
    });
    push(&queues, &local, tasks.task());
    run_all(&queues, &local);
    for thread in threads {
        thread.join().unwrap();
    }
    run_all(&queues, &local);
    tasks.assert_each_ran_once();
}

#[test]
fn two_takers_meet_a_replace() {
    model(two_take_from_the_slot);
}

#[test]
fn twin_takes_twice() {
    expect_failure("twin_takes_twice", "polled without being scheduled", || {
        plant(Fault::SlotTakenTwice);
        two_take_from_the_slot();
    });
}
