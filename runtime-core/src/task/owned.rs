//! The list of live tasks: what shutdown cancels, and what inspection walks.
//!
//! A runtime has a home per worker, so that the lock is hardly ever contended. A task is in the list of its
//! home from spawn until its output is stored; it keeps the home alive, and the home keeps the scheduler
//! alive: a waker on a foreign thread may still be inside of `schedule` when the runtime is gone.
//!
//! # Invariants
//! - O1: a task in the list is not DONE, so the runtime's reference keeps it alive while the lock is held.

use super::error::Whose;
use super::extras::Given;
use super::harness;
use super::id::Id;
use super::join::{AbortHandle, JoinHandle};
use super::outcome::TaskInfo;
use super::raw::{Checked, Header, Label, RawTask};
use super::state::{Join, Submit};
use super::trace::{Told, Traced};
use super::watch::Watch;
use super::{Keeper, Notified, Owner, Schedule, Unhandled};
use crate::primitive::{Arc, Mutex};
use crate::util::fault::{Fault, planted};
use crate::util::inherited::{self, Captured};
use crate::util::linked_list::LinkedList;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;

/// Bytes above which a future is boxed before it becomes a task: a cell of that size would be copied through
/// the stack more than once.
const INLINE_MAX: usize = 16 * 1024;

/// How far a search by id goes: the lock is held meanwhile, which is a hundred microseconds or so.
const LOOKED_AT_MAX: usize = 10_000;

/// A list of live tasks and the scheduler that runs them.
#[derive(Debug)]
pub struct Home<S> {
    tasks: Mutex<Tasks>,
    scheduler: S,
    /// Who watches its tasks, if anybody does.
    watch: Option<std::sync::Arc<Watch>>,
    /// Who watches those that the runtime has for itself.
    own_watch: Option<std::sync::Arc<Watch>>,
}

struct Tasks {
    list: LinkedList<Header>,
    /// How many were ever listed, and how many of them have left: the rest lives.
    spawned: u64,
    ended: u64,
    closed: bool,
}

impl Tasks {
    fn count(&self) -> usize {
        (self.spawned - self.ended) as usize
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tasks { closed, .. } = self;
        f.debug_struct("Tasks").field("count", &self.count()).field("closed", closed).finish_non_exhaustive()
    }
}

/// Whether a new task will be run.
#[must_use]
#[derive(Debug)]
pub(crate) enum Placed {
    /// To be scheduled.
    Listed(Notified),
    /// The home is closed: the task is cancelled, and running it drops its future.
    Refused(Notified),
}

/// What a task is called, where it comes from.
#[derive(Debug)]
pub struct Meta {
    /// Its name, if it has one.
    pub name: Option<Box<str>>,
    /// Where it was spawned.
    pub spawn_site: &'static Location<'static>,
    /// What it inherits from where it was spawned.
    pub inherited: Option<Captured>,
    /// The runtime has it for itself: debug mode looks at its polls only. Such a task has a name.
    pub is_own: bool,
    /// For its span.
    pub(crate) told: Told,
}

impl Meta {
    /// No name; spawned at the caller's place. Copies what is inherited, which is foreign code: to be called
    /// outside of any lock or borrow.
    #[inline]
    #[track_caller]
    pub fn here() -> Self {
        let inherited = inherited::current();
        Meta { name: None, spawn_site: Location::caller(), inherited, is_own: false, told: Told::task() }
    }

    /// A task of our own: it inherits nothing.
    #[track_caller]
    pub(crate) fn own(name: String) -> Self {
        let name = Some(name.into());
        Meta { name, spawn_site: Location::caller(), inherited: None, is_own: true, told: Told::task() }
    }
}

impl<S: Schedule> Home<S> {
    /// An empty home.
    pub fn new(scheduler: S) -> Self {
        Self::watched(scheduler, None)
    }

    /// An empty home for tasks that are watched, perhaps.
    pub(crate) fn watched(scheduler: S, watch: Option<std::sync::Arc<Watch>>) -> Self {
        let tasks = Tasks { list: LinkedList::new(), spawned: 0, ended: 0, closed: false };
        let own_watch = watch.as_ref().map(Watch::for_own);
        Home { tasks: Mutex::new(tasks), scheduler, watch, own_watch }
    }

    /// The scheduler that runs its tasks.
    pub fn scheduler(&self) -> &S {
        &self.scheduler
    }

    /// How many tasks live here.
    pub fn count(&self) -> usize {
        self.tasks.lock().count()
    }

    /// How many tasks live here, and how many were ever spawned here.
    pub(crate) fn counts(&self) -> (usize, u64) {
        let tasks = self.tasks.lock();
        (tasks.count(), tasks.spawned)
    }

    /// Whether the last task has gone, and none will come.
    pub fn is_vacated(&self) -> bool {
        let tasks = self.tasks.lock();
        tasks.closed && tasks.count() == 0
    }

    /// A new task and its handle. `None`: the home is closed, the future has been dropped, and the handle
    /// answers that the task was cancelled.
    pub fn bind<F>(home: &Arc<Self>, future: F, meta: Meta) -> (Option<Notified>, JoinHandle<F::Output>)
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Self::bind_any(home, future, meta)
    }

    /// [`bind`](Self::bind) for futures that must stay on this thread: the scheduler sees to that.
    pub(crate) fn bind_unsend<F>(
        home: &Arc<Self>,
        future: F,
        mut meta: Meta,
    ) -> (Option<Notified>, JoinHandle<F::Output>)
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        meta.told = meta.told.local();
        Self::bind_any(home, future, meta)
    }

    fn bind_any<F>(home: &Arc<Self>, future: F, meta: Meta) -> (Option<Notified>, JoinHandle<F::Output>)
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let (placed, join) = Self::place(home, future, meta);
        match placed {
            Placed::Listed(task) => (Some(task), join),
            Placed::Refused(task) => {
                task.run();
                (None, join)
            }
        }
    }

    /// [`bind`](Self::bind) without foreign code, unless there is a hook for spawns, or somebody is told of spans: what was refused is the caller's to run, which drops the
    /// future, once nothing is locked or borrowed.
    pub(crate) fn place<F>(home: &Arc<Self>, future: F, mut meta: Meta) -> (Placed, JoinHandle<F::Output>)
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        meta.told = meta.told.sized::<F>();
        if size_of::<F>() > INLINE_MAX {
            Self::place_labelled(home, Pin::from(Box::new(future)), meta, (), |name| name)
        } else {
            Self::place_labelled(home, future, meta, (), |name| name)
        }
    }

    /// [`place`](Self::place) for tasks whose `Err` is reported if nobody takes it.
    pub(crate) fn place_checked<F, T, E>(
        home: &Arc<Self>,
        future: F,
        mut meta: Meta,
    ) -> (Placed, JoinHandle<F::Output>)
    where
        F: Future<Output = Result<T, E>> + 'static,
        T: 'static,
        E: fmt::Debug + 'static,
    {
        meta.told = meta.told.sized::<F>();
        if size_of::<F>() > INLINE_MAX {
            Self::place_labelled(home, Pin::from(Box::new(future)), meta, Checked(()), Checked)
        } else {
            Self::place_labelled(home, future, meta, Checked(()), Checked)
        }
    }

    fn place_labelled<F, A, B>(
        home: &Arc<Self>,
        future: F,
        meta: Meta,
        unnamed: A,
        named: impl FnOnce(Box<str>) -> B,
    ) -> (Placed, JoinHandle<F::Output>)
    where
        F: Future + 'static,
        F::Output: 'static,
        A: Label<F::Output>,
        B: Label<F::Output>,
    {
        let Meta { name, spawn_site, inherited, is_own, told } = meta;
        match name {
            None => Self::place_cell(home, future, unnamed, spawn_site, inherited, told, &home.watch),
            Some(name) => {
                let watch = if is_own { &home.own_watch } else { &home.watch };
                Self::place_cell(home, future, named(name), spawn_site, inherited, told, watch)
            }
        }
    }

    fn place_cell<F, N: Label<F::Output>>(
        home: &Arc<Self>,
        future: F,
        label: N,
        spawn_site: &'static Location<'static>,
        inherited: Option<Captured>,
        told: Told,
        watch: &Option<std::sync::Arc<Watch>>,
    ) -> (Placed, JoinHandle<F::Output>)
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let owner = Arc::clone(home);
        let id = Id::next();
        let traced = Traced::task::<F>(told, Whose { id, name: label.name(), spawn_site });
        let given = Given { inherited, watch: watch.clone(), traced };
        let raw = harness::new_task(future, owner, label, id, spawn_site, given);
        let join = JoinHandle::new(raw);
        if let Some(watch) = watch {
            if watch.spawned(|| raw.whose()) {
                let end = raw.state().set_observed();
                debug_assert_eq!(end, Join::NotYet, "nobody has run it");
            }
        }
        if home.list(raw) {
            return (Placed::Listed(Notified::new(raw)), join);
        }
        // Cancelled, then run: the worker's way to the end.
        let submit = raw.state().cancel();
        debug_assert_eq!(submit, Submit::No, "a new task counts as scheduled");
        (Placed::Refused(Notified::new(raw)), join)
    }

    /// Puts the task into the list. `false`: closed.
    fn list(&self, raw: RawTask) -> bool {
        let mut tasks = self.tasks.lock();
        if tasks.closed && !planted(Fault::CloseUnseen) {
            return false;
        }
        // SAFETY: new, so in no list; it leaves the list before it is freed (O1).
        unsafe { tasks.list.push_back(raw.as_ptr()) };
        tasks.spawned += 1;
        true
    }

    /// No task is listed from here on. Doing it again has no effect.
    pub fn close(&self) {
        let mut tasks = self.tasks.lock();
        let vacated = !std::mem::replace(&mut tasks.closed, true) && tasks.count() == 0;
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
                submit(Notified::new(raw));
            }
        });
    }
}

impl<S> Home<S> {
    /// Handles of all tasks that live here now.
    pub(crate) fn abort_handles(&self) -> Vec<AbortHandle> {
        let tasks = self.tasks.lock();
        let mut handles = Vec::with_capacity(tasks.count());
        tasks.list.for_each(|header| {
            // SAFETY: O1: the handle takes a reference while the lock is held.
            handles.push(AbortHandle::new(unsafe { RawTask::from_ptr(header) }));
        });
        handles
    }

    /// What is known of all tasks that live here now.
    pub(crate) fn infos(&self) -> Vec<TaskInfo> {
        // Under the lock references are taken, and no more: names are copied after it.
        self.abort_handles().iter().map(|task| task.raw().info()).collect()
    }
}

impl<S> Home<S> {
    /// The name of the task with that id, if it lives here and has one, and is not behind [`LOOKED_AT_MAX`] others.
    pub(crate) fn name_of(&self, id: Id) -> Option<String> {
        let tasks = self.tasks.lock();
        let mut looks = LOOKED_AT_MAX;
        let mut name = None;
        tasks.list.for_each_while(|header| {
            // SAFETY: O1.
            let raw = unsafe { RawTask::from_ptr(header) };
            if raw.id() == id {
                name = raw.whose().name.map(str::to_owned);
                return false;
            }
            looks -= 1;
            looks > 0
        });
        name
    }
}

impl<S: Schedule> Owner for Arc<Home<S>> {
    fn keeper(&self) -> Option<std::sync::Arc<dyn Keeper>> {
        self.scheduler.keeper()
    }

    fn unhandled(&self, unhandled: &Unhandled) {
        self.scheduler.unhandled(unhandled);
    }

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
            tasks.ended += 1;
            let vacated = tasks.closed && tasks.count() == 0;
            drop(tasks);
            if vacated {
                self.scheduler.vacated();
            }
        }
    }
}
