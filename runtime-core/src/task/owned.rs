//! The list of live tasks: what shutdown cancels, and what inspection walks.
//!
//! A runtime has a home per worker, so that the lock is hardly ever contended. A task is in the list of its
//! home from spawn until its output is stored; it keeps the home alive, and the home keeps the scheduler
//! alive: a waker on a foreign thread may still be inside of `schedule` when the runtime is gone.
//!
//! # Invariants
//! - O1: a task in the list is not DONE, so the runtime's reference keeps it alive while the lock is held.

use super::harness;
use super::id::Id;
use super::join::JoinHandle;
use super::raw::{Header, Name, RawTask};
use super::state::Submit;
use super::{Notified, Owner, Schedule};
use crate::primitive::{Arc, Mutex};
use crate::util::fault::{Fault, planted};
use crate::util::linked_list::LinkedList;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;

/// Bytes above which a future is boxed before it becomes a task: a cell of that size would be copied through
/// the stack more than once.
const INLINE_MAX: usize = 16 * 1024;

/// A list of live tasks and the scheduler that runs them.
#[derive(Debug)]
pub struct Home<S> {
    tasks: Mutex<Tasks>,
    scheduler: S,
}

struct Tasks {
    list: LinkedList<Header>,
    count: usize,
    closed: bool,
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tasks { count, closed, .. } = self;
        f.debug_struct("Tasks").field("count", count).field("closed", closed).finish_non_exhaustive()
    }
}

/// A task that came too late. Drop it where user code may run: with no lock held, and no cell borrowed.
#[derive(Debug)]
#[must_use = "the future is dropped with it"]
pub struct Stillborn(RawTask);

impl Drop for Stillborn {
    fn drop(&mut self) {
        // It is cancelled: this is the worker's way to the end, on this thread.
        Notified(self.0).run();
    }
}

/// What a task is called, where it comes from.
#[derive(Debug)]
pub struct Meta {
    /// Its name, if it has one.
    pub name: Option<Box<str>>,
    /// Where it was spawned.
    pub spawn_site: &'static Location<'static>,
}

impl Meta {
    /// No name; spawned at the caller's place.
    #[track_caller]
    pub fn here() -> Self {
        Meta { name: None, spawn_site: Location::caller() }
    }
}

impl<S: Schedule> Home<S> {
    /// An empty home.
    pub fn new(scheduler: S) -> Self {
        let tasks = Tasks { list: LinkedList::new(), count: 0, closed: false };
        Home { tasks: Mutex::new(tasks), scheduler }
    }

    /// The scheduler that runs its tasks.
    pub fn scheduler(&self) -> &S {
        &self.scheduler
    }

    /// How many tasks live here.
    pub fn count(&self) -> usize {
        self.tasks.lock().count
    }

    /// Whether the last task has gone, and none will come.
    pub fn is_vacated(&self) -> bool {
        let tasks = self.tasks.lock();
        tasks.closed && tasks.count == 0
    }

    /// Whether `task` lives here. Looks through the whole list.
    pub(crate) fn has(&self, task: &Notified) -> bool {
        let mut found = false;
        self.tasks.lock().list.for_each(|header| found |= header == task.0.as_ptr());
        found
    }

    /// A new task and its handle. If the home is closed the task is stillborn: its future is dropped with
    /// the [`Stillborn`], and the handle answers that it was cancelled.
    pub fn bind<F>(
        home: &Arc<Self>,
        future: F,
        meta: Meta,
    ) -> (Result<Notified, Stillborn>, JoinHandle<F::Output>)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Self::bind_unsend(home, future, meta)
    }

    /// [`bind`](Self::bind) for futures that must stay on this thread: the scheduler sees to that.
    pub(crate) fn bind_unsend<F>(
        home: &Arc<Self>,
        future: F,
        meta: Meta,
    ) -> (Result<Notified, Stillborn>, JoinHandle<F::Output>)
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        if size_of::<F>() > INLINE_MAX {
            Self::bind_named(home, Pin::from(Box::new(future)), meta)
        } else {
            Self::bind_named(home, future, meta)
        }
    }

    fn bind_named<F>(
        home: &Arc<Self>,
        future: F,
        meta: Meta,
    ) -> (Result<Notified, Stillborn>, JoinHandle<F::Output>)
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        match meta.name {
            None => Self::bind_cell(home, future, (), meta.spawn_site),
            Some(name) => Self::bind_cell(home, future, name, meta.spawn_site),
        }
    }

    fn bind_cell<F, N: Name>(
        home: &Arc<Self>,
        future: F,
        name: N,
        site: &'static Location<'static>,
    ) -> (Result<Notified, Stillborn>, JoinHandle<F::Output>)
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let raw = harness::new_task(future, Arc::clone(home), name, Id::next(), site);
        let join = JoinHandle::new(raw);
        if home.list(raw) {
            return (Ok(Notified(raw)), join);
        }
        let submit = raw.state().cancel();
        debug_assert_eq!(submit, Submit::No, "a new task counts as scheduled");
        (Err(Stillborn(raw)), join)
    }

    /// Puts the task into the list. `false`: closed.
    fn list(&self, raw: RawTask) -> bool {
        let mut tasks = self.tasks.lock();
        if tasks.closed && !planted(Fault::CloseUnseen) {
            return false;
        }
        // SAFETY: new, so in no list; it leaves the list before it is freed (O1).
        unsafe { tasks.list.push_back(raw.as_ptr()) };
        tasks.count += 1;
        true
    }

    /// No task is listed from here on. Doing it again has no effect.
    pub fn close(&self) {
        let mut tasks = self.tasks.lock();
        let vacated = !std::mem::replace(&mut tasks.closed, true) && tasks.count == 0;
        drop(tasks);
        if vacated {
            self.scheduler.vacated();
        }
    }

    /// Asks every task for its end and gives those that no queue holds to `submit`, which must not run
    /// anything: the lock is held.
    pub fn cancel_all(&self, mut submit: impl FnMut(Notified)) {
        let tasks = self.tasks.lock();
        tasks.list.for_each(|header| {
            // SAFETY: O1.
            let raw = unsafe { RawTask::from_ptr(header) };
            if raw.state().cancel() == Submit::Yes {
                submit(Notified(raw));
            }
        });
    }
}

impl<S: Schedule> Owner for Arc<Home<S>> {
    fn schedule(&self, task: Notified) {
        self.scheduler.schedule(task);
    }

    fn reschedule(&self, task: Notified) {
        self.scheduler.reschedule(task);
    }

    fn release(&self, raw: RawTask) {
        let mut tasks = self.tasks.lock();
        // SAFETY: the task is in this list, or, when it was closed at the spawn, in none.
        if unsafe { tasks.list.remove(raw.as_ptr()) } {
            tasks.count -= 1;
            let vacated = tasks.closed && tasks.count == 0;
            drop(tasks);
            if vacated {
                self.scheduler.vacated();
            }
        }
    }
}
