//! The life of a pool thread.
//!
//! ```text
//! started ── arrive ──▶ on_thread_start ──▶ job ─┬─ next: one more ──▶ job …
//!    ▲                                     │     │
//!    │                            nothing to do: search a little, then sleep
//!    │                                     │ called: arrive ──▶ job …
//!    └── a successor, if jobs wait ◀─ exit ◀─ on_thread_stop ◀─ time out, or shut down
//! ```
//!
//! Arriving comes before every hook: a hook may take its time, and while a thread is on its way nobody
//! else is called. User code (jobs, hooks, what wraps the thread) runs inside a guard, and outside of
//! every lock; a panic in it is reported by std's panic hook and changes nothing here.

use super::desk::{Desk, Pace};
use super::guard::guarded;
use super::options::Options;
use super::roster::Place;
use super::shared::{Shared, Work};
use super::sleepers::{Sleeper, Slept};
use super::word::{Next, TimeOut};
use runtime_core::primitive::{Arc, hint, thread};
use std::io;

/// Of the looks at the queue, how many only pause the core; the others give it away.
const SPINS_ON_CORE: u32 = 8;

/// What the system's thread runs.
pub(super) fn main<W: Work>(shared: Arc<Shared<W>>, place: Place) {
    shared.serve();
    let (first, call) = shared.word.arrive(shared.cap);
    Shared::call(&shared, call);
    let mut first = Some(first);
    match &shared.options.wrap_thread {
        None => live(&shared, &place.desk, &mut first),
        Some(wrap) => guarded(|| wrap(Box::new(|| live(&shared, &place.desk, &mut first)))),
    }
    if first == Some(Next::Job) {
        let job = shared.receive();
        guarded(|| job.refuse(io::Error::other("wrap_thread did not run the thread it was given")));
    }
    let call = shared.word.exit(shared.cap);
    Shared::call(&shared, call);
    shared.roster.join_ended();
    shared.roster.ended(place.id);
}

/// Everything between arrival and exit. Takes what the arrival has granted.
fn live<W: Work>(shared: &Arc<Shared<W>>, desk: &Desk, first: &mut Option<Next>) {
    let Some(mut next) = first.take() else { return };
    if next == Next::End {
        return;
    }
    let Options { on_thread_start, on_thread_stop, .. } = &shared.options;
    if let Some(hook) = on_thread_start {
        guarded(|| hook());
    }
    let sleeper = Arc::new(Sleeper::default());
    let mut pace = Pace::default();
    loop {
        next = match next {
            Next::Job => {
                let job = shared.receive();
                if let Some((id, site)) = job.whose() {
                    desk.begin(id, site, pace.start(desk));
                }
                guarded(|| job.run());
                let next = shared.word.next();
                if next != Next::Job {
                    desk.clear();
                    pace = Pace::default();
                }
                next
            }
            Next::Nothing => shared.word.next(),
            Next::Search => search(shared),
            Next::Sleep => sleep(shared, &sleeper),
            Next::End => break,
        };
    }
    if let Some(hook) = on_thread_stop {
        guarded(|| hook());
    }
}

/// Looks for a job a little longer: the next one often comes at once, and finding it awake saves a sleep
/// and a wake-up.
fn search<W: Work>(shared: &Arc<Shared<W>>) -> Next {
    for spin in 0..shared.options.spins {
        let seen = shared.word.load();
        if seen.queued > 0 || seen.closed {
            break;
        }
        if spin < SPINS_ON_CORE {
            for _ in 0..1 << spin {
                hint::spin_loop();
            }
        } else {
            thread::yield_now();
        }
    }
    let (next, call) = shared.word.rest(shared.cap);
    Shared::call(shared, call);
    next
}

fn sleep<W: Work>(shared: &Arc<Shared<W>>, sleeper: &Arc<Sleeper>) -> Next {
    let may_leave = || shared.word.time_out() == TimeOut::End;
    match shared.sleepers.sleep(sleeper, shared.options.keep_alive, may_leave) {
        Slept::Called => {
            let (next, call) = shared.word.arrive(shared.cap);
            Shared::call(shared, call);
            next
        }
        Slept::TimedOut => Next::End,
    }
}
