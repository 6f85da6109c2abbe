//! The least that tasks need to run: a home whose queue holds one task.

use runtime_core::internals::{spawn_into, tasks};
use runtime_core::primitive::atomic::{AtomicUsize, Ordering};
use runtime_core::primitive::deque::Word;
use runtime_core::primitive::{Arc, UnsafeCell};
use runtime_core::supervise::group::TaskGroup;
use runtime_core::task::{
    Home, JoinError, JoinHandle, Keeper, Meta, Notified, Schedule, TaskInfo, Unhandled,
};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// A queue of one entry. There is never more than one of a task.
#[derive(Debug, Default)]
pub struct Spot(AtomicUsize, Reports);

/// How many failures nobody took. No part of the model.
type Reports = std::sync::Arc<std::sync::atomic::AtomicUsize>;

impl Schedule for Spot {
    fn schedule(&self, task: Notified) {
        let before = self.0.swap(task.into_word(), Ordering::AcqRel);
        assert_eq!(before, 0, "a task was queued twice");
    }

    fn reschedule(&self, task: Notified) {
        self.schedule(task);
    }

    fn vacated(&self) {}

    fn keeper(&self) -> Option<std::sync::Arc<dyn Keeper>> {
        None
    }

    fn unhandled(&self, _unhandled: &Unhandled) {
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

/// One task and who runs it.
#[derive(Debug, Clone)]
pub struct Bed(Arc<Home<Spot>>);

impl Bed {
    /// Puts `future` to bed: it is queued, and has not been polled.
    pub fn of<F>(future: F) -> (Bed, JoinHandle<F::Output>)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let home = Arc::new(Home::new(Spot::default()));
        let (task, handle) = Home::bind(&home, future, Meta::here());
        home.scheduler().schedule(task.expect("the home is open"));
        (Bed(home), handle)
    }

    /// A bed without a task.
    pub fn empty() -> Bed {
        Bed(Arc::new(Home::new(Spot::default())))
    }

    /// Puts the child of a group to bed.
    pub fn put<F, T, E>(&self, group: &TaskGroup<E>, future: F) -> JoinHandle<T>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        spawn_into(group, future, |child| {
            let (task, handle) = Home::bind(&self.0, child, Meta::here());
            self.0.scheduler().schedule(task.expect("the home is open"));
            handle
        })
    }

    /// Polls the task for as long as it is queued.
    pub fn run(&self) {
        loop {
            // An exchange, also where nothing is: who only looked might go on looking at what was there before.
            let word = self.0.scheduler().0.swap(0, Ordering::AcqRel);
            if word == 0 {
                return;
            }
            // SAFETY: `schedule` put it there, and the exchange took it out.
            unsafe { Notified::from_word(word) }.run();
        }
    }

    /// How many failures nobody took; to be read when all is over.
    pub fn reports(&self) -> Reports {
        self.0.scheduler().1.clone()
    }

    /// What is known of the task: nothing, once it has ended.
    pub fn list(&self) -> Vec<TaskInfo> {
        tasks(&self.0)
    }

    /// Whether the task has ended.
    pub fn is_empty(&self) -> bool {
        self.0.count() == 0
    }
}

/// What the task gave.
///
/// # Panics
/// If it has not ended.
pub fn result_of<T>(mut handle: JoinHandle<T>) -> Result<T, JoinError> {
    match Pin::new(&mut handle).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("a wake was lost: the task sleeps"),
    }
}

/// A number without any lock: loom finds it when somebody else touches it while one writes, and when
/// it is never dropped.
#[derive(Debug, Clone)]
pub struct Watched(Arc<Unlocked>);

#[derive(Debug)]
struct Unlocked(UnsafeCell<usize>);

// SAFETY: loom ends the execution at an access that races with another one.
unsafe impl Sync for Unlocked {}

impl Default for Watched {
    fn default() -> Self {
        Watched(Arc::new(Unlocked(UnsafeCell::new(0))))
    }
}

impl Watched {
    /// Replaces it by `value`.
    pub fn set(&self, value: usize) {
        // SAFETY: as above.
        self.0.0.with_mut(|number| unsafe { *number = value });
    }

    /// What it is.
    pub fn get(&self) -> usize {
        // SAFETY: as above.
        self.0.0.with(|number| unsafe { *number })
    }

    /// How many hold it.
    pub fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}
