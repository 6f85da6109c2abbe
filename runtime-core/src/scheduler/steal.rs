//! Where a worker without work looks for some.

#![forbid(unsafe_code)]

use super::queue::{Local, Steal};
use super::shared::Shared;
use crate::primitive::atomic::Ordering;
use crate::primitive::hint;
use crate::task::Notified;
use crate::util::rand::Rand;

/// Most tasks that one theft takes: half of the victim's, so that work spreads in log steps, but a bound
/// on how long it takes.
const STEAL_MAX: usize = 32;

/// Most tasks that one look at the injector takes.
pub(super) const INJECTED_MAX: usize = 64;

/// Looks at everything again after a lost race. A race is lost because another made progress.
const PASSES_MAX: usize = 4;

/// How long a thief watches a victim before it takes the next slot, in spins: about a microsecond.
const WATCH_SPINS: usize = 64;

/// What a search has found.
pub(super) struct Found {
    /// One task for now.
    pub(super) task: Notified,
    /// Whether it was another worker's.
    pub(super) is_stolen: bool,
}

/// One task for now; more may have gone to `local`.
pub(super) fn search(shared: &Shared, me: usize, local: &Local, rand: &Rand) -> Option<Found> {
    for _ in 0..PASSES_MAX {
        let mut lost_race = false;
        match shared.injector.steal_batch_with_limit_and_pop(local, fair_share(shared)) {
            Steal::Success(task) => return Some(Found { task, is_stolen: false }),
            Steal::Retry => lost_race = true,
            Steal::Empty => {}
        }
        for victim in others(shared, me, rand) {
            let stealer = &shared.seats.get(victim).stealer;
            if stealer.is_empty() {
                continue;
            }
            match stealer.steal_batch_with_limit_and_pop(local, STEAL_MAX) {
                Steal::Success(task) => return Some(Found { task, is_stolen: true }),
                Steal::Retry => lost_race = true,
                Steal::Empty => {}
            }
        }
        if !lost_race {
            break;
        }
        hint::spin_loop();
    }
    take_slot(shared, me, rand).map(|task| Found { task, is_stolen: true })
}

/// A look at the injector leaves something for the others.
pub(super) fn fair_share(shared: &Shared) -> usize {
    (shared.injector.len() / shared.seats.base() + 1).min(INJECTED_MAX)
}

/// All workers but `me`, from a random one on.
fn others(shared: &Shared, me: usize, rand: &Rand) -> impl Iterator<Item = usize> {
    let count = shared.seats.len();
    let first = rand.below(count as u32) as usize;
    (0..count).map(move |i| (first + i) % count).filter(move |victim| *victim != me)
}

/// The next slot of a worker that stays in one poll while it is watched.
fn take_slot(shared: &Shared, me: usize, rand: &Rand) -> Option<Notified> {
    for victim in others(shared, me, rand) {
        let remote = shared.seats.get(victim);
        if remote.slot.is_empty() {
            continue;
        }
        let tick = remote.tick.load(Ordering::Relaxed);
        for _ in 0..WATCH_SPINS {
            hint::spin_loop();
        }
        if remote.tick.load(Ordering::Relaxed) == tick {
            if let Some(task) = remote.slot.take() {
                return Some(task);
            }
        }
    }
    None
}
