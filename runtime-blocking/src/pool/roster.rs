//! The threads of a pool as the system sees them: who was started, who has ended, whom to join.
//!
//! The [`word`](super::word) counts threads that can take jobs; this counts threads that have to be
//! waited for. A thread that leaves joins those that left before it, so at most a few ended threads lie
//! about unjoined; a shutdown waits for the others and joins the rest. Nobody joins under the lock, and
//! no thread joins itself.

use super::desk::Desk;
use runtime_core::port::RunningJob;
use runtime_core::primitive::thread::JoinHandle;
use runtime_core::primitive::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Number of a thread within its pool.
pub(super) type ThreadId = u64;

/// What a thread is told about itself.
pub(crate) struct Place {
    pub(super) id: ThreadId,
    pub(super) desk: Arc<Desk>,
}

/// The threads of one pool.
#[derive(Debug)]
pub(crate) struct Roster {
    state: Mutex<State>,
    /// Rung whenever an entry has changed.
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    next_id: ThreadId,
    /// Started or being started, and not joined. At most a few hundred: searched from end to end.
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    id: ThreadId,
    desk: Arc<Desk>,
    /// Put in by the starter; the thread may have ended before.
    handle: Option<JoinHandle<()>>,
    /// Set by the thread: it will touch the pool no more.
    ended: bool,
}

impl Entry {
    fn is_joinable(&self) -> bool {
        self.ended && self.handle.is_some()
    }
}

impl Roster {
    pub(super) fn new() -> Self {
        Roster { state: Mutex::new(State { next_id: 0, entries: Vec::new() }), changed: Condvar::new() }
    }

    /// A thread is going to be started; [`started`](Self::started) or [`refused`](Self::refused) follows.
    pub(super) fn starting(&self, name: &str) -> Place {
        let desk = Arc::new(Desk::new(name));
        let mut state = self.state.lock();
        let id = state.next_id;
        state.next_id += 1;
        state.entries.push(Entry { id, desk: desk.clone(), handle: None, ended: false });
        Place { id, desk }
    }

    /// The jobs that run.
    pub(crate) fn running(&self) -> Vec<RunningJob> {
        let desks: Vec<Arc<Desk>> =
            self.state.lock().entries.iter().map(|entry| entry.desk.clone()).collect();
        desks.iter().filter_map(|desk| desk.running()).collect()
    }

    /// It runs, or has even ended.
    pub(super) fn started(&self, id: ThreadId, handle: JoinHandle<()>) {
        self.change(id, |entry| entry.handle = Some(handle));
    }

    /// The calling thread `id` is at its end: it will touch the pool no more.
    pub(super) fn ended(&self, id: ThreadId) {
        self.change(id, |entry| entry.ended = true);
    }

    fn change(&self, id: ThreadId, change: impl FnOnce(&mut Entry)) {
        let mut state = self.state.lock();
        let entry = state.entries.iter_mut().find(|entry| entry.id == id);
        change(entry.expect("a thread is on the roster until it is joined"));
        drop(state);
        self.changed.notify_all();
    }

    /// It could not be started.
    pub(super) fn refused(&self, id: ThreadId) {
        self.state.lock().entries.retain(|entry| entry.id != id);
        self.changed.notify_all();
    }

    /// Joins the threads that have ended.
    pub(super) fn join_ended(&self) {
        let ended: Vec<Entry> = {
            let mut state = self.state.lock();
            let entries = std::mem::take(&mut state.entries);
            let (ended, left) = entries.into_iter().partition(Entry::is_joinable);
            state.entries = left;
            ended
        };
        for handle in ended.into_iter().filter_map(|entry| entry.handle) {
            // An error would be a panic, and `thread::main` lets none out.
            let _ = handle.join();
        }
    }

    /// Waits until at most `few` threads are left that cannot be joined yet, or until `deadline` (`None`:
    /// for ever); returns how many are left.
    pub(super) fn wait_until_few(&self, few: usize, deadline: Option<Instant>) -> usize {
        let mut state = self.state.lock();
        loop {
            let left = state.entries.iter().filter(|entry| !entry.is_joinable()).count();
            let rest = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left <= few || rest == Some(Duration::ZERO) {
                return left;
            }
            state = match rest {
                Some(rest) => self.changed.wait_timeout(state, rest).0,
                None => self.changed.wait(state),
            };
        }
    }
}
