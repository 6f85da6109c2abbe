//! M1: going to sleep against publishing work. The real `Idle` and `Parker`; the worker's loop is that of
//! `scheduler/worker`, step by step, with numbers in place of tasks.
#![cfg(loom)]

use loom_tests::{expect_failure, model};
use runtime_core::internals::{Fault, GotUp, Idle, Left, MonitorSignal, Parker, Picked, Spares, plant};
use runtime_core::port::DriverHandle;
use runtime_core::primitive::atomic::{AtomicUsize, Ordering};
use runtime_core::primitive::deque::{Injector, Steal, Stealer, Word, Worker};
use runtime_core::primitive::{Arc, Condvar, Mutex, thread};
use std::any::Any;
use std::time::Duration;

const FOR_EVER: Duration = Duration::from_secs(1000);

/// A step of the worker's loop that a twin leaves out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Omit {
    Nothing,
    /// The last look at the queues before the sleep.
    Recheck,
    /// The last searcher's look at the queues when it has found something.
    LastLook,
    /// The leaving of the list by who found work on its last look.
    GettingUp,
    /// A spare that retires keeps what it has until it has left, and tells nobody.
    HandingOver,
}

#[derive(Debug)]
struct Job;

impl Word for Job {
    fn into_word(self) -> usize {
        1
    }

    unsafe fn from_word(_: usize) -> Self {
        Job
    }
}

struct NoDriver;

impl DriverHandle for NoDriver {
    fn unpark(&self) {
        unreachable!("nobody sleeps in the driver");
    }

    fn has_sources(&self) -> bool {
        false
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

struct Shared {
    injector: Injector<Job>,
    stealers: Vec<Stealer<Job>>,
    idle: Idle,
    parkers: Vec<Parker>,
    /// Jobs that have not begun. With 0 left, workers end.
    left: AtomicUsize,
    /// Whether a job goes on only when all have begun.
    together: bool,
    waiting: (Mutex<usize>, Condvar),
    spares: Spares,
    omit: Omit,
}

/// A runtime for `jobs` jobs, and its workers' queues.
fn runtime(workers: usize, jobs: usize, together: bool, omit: Omit) -> (Arc<Shared>, Vec<Worker<Job>>) {
    let locals: Vec<_> = (0..workers).map(|_| Worker::new_fifo()).collect();
    let shared = Shared {
        injector: Injector::new(),
        stealers: locals.iter().map(Worker::stealer).collect(),
        idle: Idle::new(workers),
        parkers: (0..workers).map(|_| Parker::new()).collect(),
        left: AtomicUsize::new(jobs),
        together,
        waiting: (Mutex::new(jobs), Condvar::new()),
        spares: Spares::new(1),
        omit,
    };
    (Arc::new(shared), locals)
}

impl Shared {
    fn inject(&self) {
        self.injector.push(Job);
        self.notify();
    }

    fn notify(&self) {
        if self.idle.needs_wake() {
            if let Some(Picked { worker, .. }) = self.idle.pick(|_| true) {
                self.parkers[worker].unpark(&NoDriver);
            }
        }
    }

    fn has_work(&self) -> bool {
        !self.injector.is_empty() || self.stealers.iter().any(|stealer| !stealer.is_empty())
    }

    /// Runs a job. The last one ends the workers.
    fn run(&self, _job: Job) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            for parker in &self.parkers {
                parker.unpark(&NoDriver);
            }
            self.spares.close();
        }
        if self.together {
            let mut waiting = self.waiting.0.lock();
            *waiting -= 1;
            self.waiting.1.notify_all();
            while *waiting > 0 {
                waiting = self.waiting.1.wait(waiting);
            }
        }
    }

    fn is_over(&self) -> bool {
        self.left.load(Ordering::Acquire) == 0
    }

    fn search(&self, me: usize, local: &Worker<Job>) -> Option<Job> {
        if let Steal::Success(job) = self.injector.steal_batch_with_limit_and_pop(local, 1) {
            return Some(job);
        }
        for (victim, stealer) in self.stealers.iter().enumerate() {
            if victim == me || stealer.is_empty() {
                continue;
            }
            if let Steal::Success(job) = stealer.steal_batch_with_limit_and_pop(local, 1) {
                return Some(job);
            }
        }
        None
    }

    fn leave_search(&self) {
        if self.idle.stop_searching() && self.omit != Omit::LastLook && self.has_work() {
            self.notify();
        }
    }

    /// `true`: the caller is awake again, and counted as searching.
    fn sleep(&self, me: usize, was_searching: bool) -> bool {
        self.idle.lie_down(me, was_searching);
        let found = self.omit != Omit::Recheck && self.has_work();
        if !found {
            self.parkers[me].park();
        }
        if found && self.omit == Omit::GettingUp {
            return false;
        }
        let _ = self.idle.get_up(me);
        true
    }

    /// A worker, until all jobs have begun.
    fn work(&self, me: usize, local: &Worker<Job>) {
        let mut searching = false;
        let mut found = None;
        while !self.is_over() {
            while let Some(job) = found.take().or_else(|| local.pop()) {
                if std::mem::take(&mut searching) {
                    self.leave_search();
                }
                self.run(job);
            }
            if self.is_over() {
                break;
            }
            searching = searching || self.idle.start_searching();
            if searching {
                found = self.search(me, local);
                if found.is_some() {
                    continue;
                }
            }
            searching = self.sleep(me, searching);
        }
        if searching {
            self.leave_search();
        }
    }

    /// What a spare does that is needed no longer: it hands its job over, leaves, and rests until the runtime ends.
    fn retire(&self, local: &Worker<Job>) {
        let hand_over = || {
            while let Some(job) = local.pop() {
                self.injector.push(job);
            }
        };
        if self.omit == Omit::HandingOver {
            let _ = self.idle.leave();
            hand_over();
        } else {
            hand_over();
            self.notify();
            match self.idle.leave() {
                Left::AllAsleep => {
                    if let Some(worker) = self.idle.any_sleeper() {
                        self.parkers[worker].unpark(&NoDriver);
                    }
                }
                Left::Yes => {}
                Left::No => unreachable!("the other worker stays"),
            }
        }
        assert!(!self.spares.rest(FOR_EVER), "nobody called");
    }
}

/// A spare retires with a job in its queue, which is the last thing the runtime has to do.
fn a_retirement_against_the_end(omit: Omit) {
    let (shared, mut locals) = runtime(2, 1, false, omit);
    let spare = locals.pop().unwrap();
    spare.push(Job);
    let retiring = {
        let shared = shared.clone();
        thread::spawn(move || shared.retire(&spare))
    };
    shared.work(0, &locals[0]);
    retiring.join().unwrap();
    assert_eq!(shared.idle.workers(), 1);
}

/// Two push a job each while the only worker goes to sleep, sleeps, or gets up.
fn two_pushers_one_worker(omit: Omit) {
    let (shared, locals) = runtime(1, 2, false, omit);
    let pushers = [(); 2].map(|()| {
        let shared = shared.clone();
        thread::spawn(move || shared.inject())
    });
    shared.work(0, &locals[0]);
    for pusher in pushers {
        pusher.join().unwrap();
    }
}

/// One pushes two jobs at two workers. With `together`, each job waits for the other to begin.
fn one_pusher_two_workers(together: bool, omit: Omit) {
    let (shared, locals) = runtime(2, 2, together, omit);
    let workers: Vec<_> = locals
        .into_iter()
        .enumerate()
        .map(|(me, local)| {
            let shared = shared.clone();
            thread::spawn(move || shared.work(me, &local))
        })
        .collect();
    shared.inject();
    shared.inject();
    for worker in workers {
        worker.join().unwrap();
    }
}

#[test]
fn two_pushers_meet_one_worker() {
    model(|| two_pushers_one_worker(Omit::Nothing));
}

#[test]
fn a_pusher_meets_two_workers() {
    model(|| one_pusher_two_workers(false, Omit::Nothing));
}

#[test]
fn two_jobs_need_both_workers() {
    model(|| one_pusher_two_workers(true, Omit::Nothing));
}

#[test]
fn a_retirement_meets_the_end() {
    model(|| a_retirement_against_the_end(Omit::Nothing));
}

#[test]
fn twin_retires_in_silence() {
    expect_failure("twin_retires_in_silence", "deadlock", || {
        a_retirement_against_the_end(Omit::HandingOver);
    });
}

#[test]
fn twin_sleeps_without_a_last_look() {
    expect_failure("twin_sleeps_without_a_last_look", "deadlock", || two_pushers_one_worker(Omit::Recheck));
}

#[test]
fn twin_sleeps_without_a_fence() {
    expect_failure("twin_sleeps_without_a_fence", "deadlock", || {
        plant(Fault::SleepUnfenced);
        two_pushers_one_worker(Omit::Nothing);
    });
}

#[test]
fn twin_notifies_without_a_fence() {
    expect_failure("twin_notifies_without_a_fence", "deadlock", || {
        plant(Fault::NotifyUnfenced);
        two_pushers_one_worker(Omit::Nothing);
    });
}

#[test]
fn twin_leaves_the_search_in_silence() {
    expect_failure("twin_leaves_the_search_in_silence", "deadlock", || {
        one_pusher_two_workers(true, Omit::LastLook);
    });
}

/// It is picked while it works, and stays counted as searching: nobody may search any more, and the worker
/// neither finds the work that it sees nor sleeps.
#[test]
fn twin_works_while_it_is_listed() {
    expect_failure("twin_works_while_it_is_listed", "exceeded maximum number of branches", || {
        two_pushers_one_worker(Omit::GettingUp);
    });
}

/// The only worker sleeps, and is got up, by a producer or by itself, while the monitor falls asleep: who got it
/// up sees that the monitor sleeps, or the monitor sees that not all sleep.
fn monitor_against_getting_up() {
    let shared = Arc::new((Idle::new(1), MonitorSignal::default()));
    shared.0.lie_down(0, false);
    let monitor = {
        let shared = shared.clone();
        thread::spawn(move || shared.1.sleep_while(|| shared.0.all_asleep()))
    };
    let producer = {
        let shared = shared.clone();
        thread::spawn(move || {
            if shared.0.pick(|_| true).is_some_and(|picked| picked.was_first) {
                shared.1.rouse();
            }
        })
    };
    if shared.0.get_up(0) == (GotUp::Self_ { was_first: true }) {
        shared.1.rouse();
    }
    assert!(monitor.join().unwrap(), "the monitor ended");
    producer.join().unwrap();
}

#[test]
fn a_getting_up_meets_the_monitor() {
    model(monitor_against_getting_up);
}

#[test]
fn twin_rouses_without_a_fence() {
    expect_failure("twin_rouses_without_a_fence", "deadlock", || {
        plant(Fault::RouseUnfenced);
        monitor_against_getting_up();
    });
}

#[test]
fn twin_monitor_sleeps_without_a_fence() {
    expect_failure("twin_monitor_sleeps_without_a_fence", "deadlock", || {
        plant(Fault::MonitorUnfenced);
        monitor_against_getting_up();
    });
}
