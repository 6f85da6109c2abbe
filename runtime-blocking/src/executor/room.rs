//! How many jobs an own pool has, who waits to come in, and when the last one has left.
//!
//! Room is a [`Semaphore`] with a permit for each job that the pool may have, so `run` waits in its queue, first in,
//! first out. One word beside it counts:
//!
//! | bits | field | meaning |
//! |---|---|---|
//! | 0 | `closed` | nobody comes in any more |
//! | 1..32 | `excess` | of those inside, who came without a permit because there was none |
//! | 32..64 | `inside` | jobs that came in and have not left |
//!
//! Permits that are out and `excess` make `inside`: whoever leaves while there is an excess makes it smaller and keeps
//! the permit out, for one of the excess; any other gives a permit back. So there is room again only once the pool has
//! fewer jobs than it may, however many came beyond. It does not matter who came how.
//!
//! Whether a closed room is *drained* is said once: by the move that closes it empty, or by the last one to leave.
//! Closing and coming in are moves of the same word, so nobody comes in after that.
//!
//! Neither field can overflow: the pool's own word refuses a job before there are 2³¹ in its queue.

use crate::pool::fault::{Fault, planted};
use runtime_core::primitive::atomic::{AtomicU64, Ordering};
use runtime_core::sync::{Semaphore, TryAcquireError};
use std::fmt;

/// How a job comes.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// There was room, and it is taken.
    InRoom,
    /// There was none.
    InExcess,
    /// To a closed door.
    Late,
}

/// What follows from leaving, or closing.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Closed, and this was the last one.
    Now,
    /// Not yet, or it was said before.
    NotNow,
}

/// The room of one pool.
pub struct Room {
    permits: Semaphore,
    word: AtomicU64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fields {
    closed: bool,
    excess: u32,
    inside: u32,
}

impl Fields {
    fn unpack(bits: u64) -> Self {
        Fields { closed: bits & 1 != 0, excess: bits as u32 >> 1, inside: (bits >> 32) as u32 }
    }

    fn pack(self) -> u64 {
        u64::from(self.closed) | u64::from(self.excess) << 1 | u64::from(self.inside) << 32
    }

    fn drained(self, changed: bool) -> Drained {
        if changed && self.closed && self.inside == 0 { Drained::Now } else { Drained::NotNow }
    }
}

impl Room {
    /// Room for so many jobs: at most [`Semaphore::MAX_PERMITS`].
    #[track_caller]
    pub fn new(jobs: usize) -> Self {
        Room { permits: Semaphore::new(jobs), word: AtomicU64::new(0) }
    }

    fn load(&self) -> Fields {
        // ORDER: Relaxed: for people; nothing is decided on it.
        Fields::unpack(self.word.load(Ordering::Relaxed))
    }

    fn update<A>(&self, mut step: impl FnMut(&mut Fields) -> A) -> A {
        let mut seen = self.word.load(Ordering::Relaxed);
        loop {
            let mut fields = Fields::unpack(seen);
            let answer = step(&mut fields);
            // ORDER: AcqRel: who finds the room drained sees what every job did.
            match self.word.compare_exchange_weak(seen, fields.pack(), Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return answer,
                Err(now) => seen = now,
            }
        }
    }

    /// Waits for room.
    pub async fn wait(&self) -> Came {
        match self.permits.acquire().await {
            Ok(permit) => {
                permit.forget();
                Came::InRoom
            }
            Err(_) => Came::Late,
        }
    }

    /// Takes room if there is some and nobody waits for it.
    pub fn look(&self) -> Came {
        match self.permits.try_acquire() {
            Ok(permit) => {
                permit.forget();
                Came::InRoom
            }
            Err(TryAcquireError::NoPermits) => Came::InExcess,
            Err(TryAcquireError::Closed) => Came::Late,
        }
    }

    /// A job comes in, unless the room was closed meanwhile. Whether it is inside and has to [`leave`](Self::leave).
    #[must_use]
    pub fn enter(&self, came: Came) -> bool {
        let early = self.load().closed;
        came != Came::Late
            && self.update(|word| {
                let closed = if planted(Fault::ClosedSeenEarly) { early } else { word.closed };
                if !closed {
                    word.inside += 1;
                    word.excess += u32::from(came == Came::InExcess);
                }
                !closed
            })
    }

    /// A job is gone.
    pub fn leave(&self) -> Drained {
        let early = self.load().excess > 0;
        let (gives_back, drained) = self.update(|word| {
            let has_excess = if planted(Fault::ExcessSeenEarly) { early } else { word.excess > 0 };
            word.inside -= 1;
            word.excess = word.excess.saturating_sub(u32::from(has_excess));
            (!has_excess, word.drained(true))
        });
        if gives_back {
            self.permits.add_permits(1);
        }
        drained
    }

    /// Nobody comes in from now on; who waits is told.
    pub fn close(&self) -> Drained {
        let drained = self.update(|word| {
            let is_first = !std::mem::replace(&mut word.closed, true);
            word.drained(is_first)
        });
        self.permits.close();
        drained
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.load().closed
    }

    /// How many jobs are inside.
    pub fn inside(&self) -> usize {
        self.load().inside as usize
    }

    /// For how many there is room.
    pub fn free(&self) -> usize {
        self.permits.available_permits()
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fields { closed, excess, inside } = self.load();
        let mut f = f.debug_struct("Room");
        f.field("closed", &closed).field("excess", &excess).field("inside", &inside);
        f.field("free", &self.free()).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn come(room: &Room) -> Came {
        let came = room.look();
        assert!(room.enter(came));
        came
    }

    #[test]
    fn there_is_room_again_when_the_excess_has_gone() {
        let room = Room::new(2);
        assert_eq!(
            [(); 4].map(|()| come(&room)),
            [Came::InRoom, Came::InRoom, Came::InExcess, Came::InExcess]
        );
        for free in [0, 0, 1, 2] {
            assert_eq!(room.leave(), Drained::NotNow);
            assert_eq!(room.free(), free);
        }
        assert_eq!(room.inside(), 0);
    }

    #[test]
    fn drained_is_said_once() {
        let room = Room::new(1);
        assert_eq!((come(&room), come(&room)), (Came::InRoom, Came::InExcess));
        assert_eq!([room.close(), room.close(), room.leave()], [Drained::NotNow; 3]);
        assert_eq!(room.look(), Came::Late);
        assert!(!room.enter(Came::Late) && !room.enter(Came::InRoom), "came in to a closed room");
        assert_eq!(room.leave(), Drained::Now);
        assert_eq!(room.close(), Drained::NotNow);
        assert_eq!(Room::new(0).close(), Drained::Now);
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        for (closed, excess, inside) in [(true, 0, 0), (false, u32::MAX >> 1, 0), (false, 0, u32::MAX)] {
            let fields = Fields { closed, excess, inside };
            assert_eq!(Fields::unpack(fields.pack()), fields);
        }
    }
}
