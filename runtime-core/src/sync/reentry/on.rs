//! A lock remembers who took it, and where.

use crate::primitive::Mutex;
use crate::task::{self, Id};
use crate::{coop, util::wake_list::quietly};
use std::panic::Location;

/// A place in the code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site(&'static Location<'static>);

impl Site {
    /// Where the function was called that is marked `#[track_caller]` and calls this.
    #[track_caller]
    pub(crate) const fn here() -> Self {
        Site(Location::caller())
    }
}

/// What is being polled on a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Task(Id),
    /// The future of a `block_on`, known by its waker.
    Driven(usize),
}

impl Who {
    /// What is being polled on this thread; `None` on a plain one.
    fn am_i() -> Option<Who> {
        match task::try_id() {
            Some(id) => Some(Who::Task(id)),
            None => coop::current_frame().map(|(data, _)| Who::Driven(data.addr())),
        }
    }
}

/// How a lock is held, or asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Shared,
    Exclusive,
}

/// The number of one holding; what a guard keeps.
#[derive(Debug)]
pub(crate) struct Hold(u64);

#[derive(Debug)]
struct Held {
    number: u64,
    who: Who,
    site: Site,
    mode: Mode,
}

/// Who holds a lock, how, and where that took it.
#[derive(Debug)]
pub(crate) struct Holders {
    now: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    last: u64,
    held: Vec<Held>,
}

impl Holders {
    pub(crate) const fn none() -> Self {
        Holders { now: Mutex::new(Table { last: 0, held: Vec::new() }) }
    }

    /// The lock was taken by what is being polled here. On a plain thread nobody asks later: 0.
    pub(crate) fn took(&self, mode: Mode, site: Site) -> Hold {
        let Some(who) = Who::am_i() else { return Hold(0) };
        let mut now = self.now.lock();
        now.last += 1;
        let number = now.last;
        now.held.push(Held { number, who, site, mode });
        Hold(number)
    }

    /// An exclusive holding is a shared one from now on.
    pub(crate) fn downgraded(&self, Hold(number): &Hold) {
        let mut now = self.now.lock();
        let held = now.held.iter_mut().find(|held| held.number == *number);
        held.into_iter().for_each(|held| held.mode = Mode::Shared);
    }

    /// The lock is about to be let go of, wherever the guard is by now.
    pub(crate) fn left(&self, Hold(number): &Hold) {
        self.now.lock().held.retain(|held| held.number != *number);
    }

    /// The same, by the only holder.
    pub(crate) fn all_left(&self) {
        self.now.lock().held.clear();
    }

    /// What is being polled here is about to ask for the lock.
    pub(crate) fn look(&self, mode: Mode, site: Site) {
        let Some(me) = Who::am_i() else { return };
        let excludes = |held: &&Held| held.who == me && (mode, held.mode) != (Mode::Shared, Mode::Shared);
        let there = self.now.lock().held.iter().find(excludes).map(|held| held.site);
        if let Some(there) = there.filter(|_| is_news(site)) {
            // A closed stderr is no reason to fail.
            quietly(|| eprintln!("{}", message(site, there)));
        }
    }
}

/// What to say about what is being polled here.
fn message(Site(here): Site, Site(there): Site) -> String {
    let who = match task::try_current() {
        Some(task) => {
            let name = task.name().map(|name| format!(" `{name}`")).unwrap_or_default();
            format!("task {}{name}, spawned at {},", task.id(), task.spawn_site())
        }
        None => "the future of a `block_on`".to_owned(),
    };
    format!(
        "warning: {who} waits at {here} for a lock that it took itself, at {there}, and has not let go of: unless \
         another part of it (a branch of `join!`) does so, it waits for ever"
    )
}

/// Whether nothing was said about this place yet.
fn is_news(Site(site): Site) -> bool {
    /// Only what was printed is kept here, for the process, as stderr is the process's.
    static TOLD: Mutex<Vec<&'static Location<'static>>> = Mutex::new(Vec::new());
    let mut told = TOLD.lock();
    let is_news = !told.contains(&site);
    if is_news {
        told.push(site);
    }
    is_news
}
