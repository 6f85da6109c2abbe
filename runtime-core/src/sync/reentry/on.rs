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

/// Who holds a lock exclusively, and where that took it.
#[derive(Debug)]
pub(crate) struct Holder {
    now: Mutex<Option<(Who, Site)>>,
}

impl Holder {
    pub(crate) const fn nobody() -> Self {
        Holder { now: Mutex::new(None) }
    }

    /// The lock was taken, exclusively, by what is being polled here.
    pub(crate) fn took(&self, site: Site) {
        *self.now.lock() = Who::am_i().map(|who| (who, site));
    }

    /// The lock is about to be let go of. The guard may be somewhere else by now.
    pub(crate) fn left(&self) {
        *self.now.lock() = None;
    }

    /// What is being polled here is about to ask for the lock.
    pub(crate) fn look(&self, site: Site) {
        let Some(me) = Who::am_i() else { return };
        let held = *self.now.lock();
        if let Some((who, there)) = held {
            if who == me && is_news(site) {
                // A closed stderr is no reason to fail.
                quietly(|| eprintln!("{}", message(site, there)));
            }
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
