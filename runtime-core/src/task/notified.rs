//! Queue entries of tasks.
//!
//! Some of them carry a *stamp*: the moment at which they went into a queue. One in a few hundred does, or each
//! with detailed metrics, and whoever polls such a task measures how long it waited and how long the poll takes. So
//! an entry without a stamp costs the test of one bit, and reads no clock.
//!
//! # Invariants
//! - I1: a [`Notified`] is the one queue entry of its task: it is made by the move that set SCHEDULED, is not
//!   cloned, and while it exists the runtime's reference keeps the cell alive.
//! - I2: with bit 0 clear the word is the address of the task's header; with it set, that of a `Box<Stamped>`,
//!   which the entry owns.

use super::id::Id;
use super::raw::{Header, RawTask};
use std::fmt;
use std::panic::Location;
use std::ptr::NonNull;

/// Set in the word of an entry with a stamp: headers and boxes leave it free.
const STAMPED: usize = 1;

/// What an entry with a stamp points to.
struct Stamped {
    raw: RawTask,
    at_ns: u64,
}

/// A task that is to be polled: an entry of a queue. It owns no reference: see `state`. There is one at a
/// time for each task, and it must not be lost: a task that is scheduled is not scheduled again.
#[must_use = "a task whose entry is lost never runs again"]
pub struct Notified(NonNull<()>);

// SAFETY: the task is reached through the moves of its word, and the stamp is owned.
unsafe impl Send for Notified {}
// SAFETY: nothing is changed through a shared reference.
unsafe impl Sync for Notified {}

impl Notified {
    /// The entry of a task that was just scheduled.
    #[inline]
    pub(super) fn new(raw: RawTask) -> Self {
        Notified(raw.as_ptr().cast())
    }

    /// Polls the task once. Its panics become its result: this never unwinds.
    #[inline]
    pub fn run(self) {
        let raw = match self.stamped() {
            None => self.plain(),
            Some(_) => self.unstamp(),
        };
        // SAFETY: I1: `self` is the queue entry, and is consumed.
        unsafe { raw.run() }
    }

    /// With a stamp, unless it has one.
    pub(crate) fn stamp(self, at_ns: u64) -> Self {
        if self.stamped().is_some() {
            return self;
        }
        let boxed = Box::new(Stamped { raw: self.plain(), at_ns });
        let stamped = NonNull::from(Box::leak(boxed)).cast::<()>();
        Notified(stamped.map_addr(|addr| addr | STAMPED))
    }

    /// The stamp, if it has one.
    #[inline]
    pub(crate) fn stamp_ns(&self) -> Option<u64> {
        // SAFETY: I2: the box is ours.
        self.stamped().map(|stamped| unsafe { stamped.as_ref() }.at_ns)
    }

    /// The task's id.
    #[inline]
    pub(crate) fn id(&self) -> Id {
        self.raw().id()
    }

    /// Where the task was spawned.
    #[inline]
    pub(crate) fn spawn_site(&self) -> &'static Location<'static> {
        self.raw().spawn_site()
    }

    #[inline]
    fn raw(&self) -> RawTask {
        match self.stamped() {
            None => self.plain(),
            // SAFETY: I2: the box is ours.
            Some(stamped) => unsafe { stamped.as_ref() }.raw,
        }
    }

    /// As one word, for queues of words.
    #[inline]
    pub(crate) fn into_word(self) -> NonNull<()> {
        self.0
    }

    /// # Safety
    /// `word` came from [`into_word`](Self::into_word), and comes back once.
    #[inline]
    pub(crate) unsafe fn from_word(word: NonNull<()>) -> Self {
        Notified(word)
    }

    #[inline]
    fn stamped(&self) -> Option<NonNull<Stamped>> {
        let is_stamped = self.0.addr().get() & STAMPED != 0;
        is_stamped.then(|| {
            // Not zero: an address with more bits than the lowest.
            let addr = self.0.as_ptr().map_addr(|addr| addr & !STAMPED);
            NonNull::new(addr.cast()).expect("a box is somewhere")
        })
    }

    #[inline]
    fn plain(&self) -> RawTask {
        let header: NonNull<Header> = self.0.cast();
        // SAFETY: I1 and I2.
        unsafe { RawTask::from_ptr(header) }
    }

    #[cold]
    fn unstamp(self) -> RawTask {
        let stamped = self.stamped().expect("asked by the caller");
        // SAFETY: I2: the entry owns the box, and is consumed.
        unsafe { Box::from_raw(stamped.as_ptr()) }.raw
    }
}

impl fmt::Debug for Notified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notified").field("stamp_ns", &self.stamp_ns()).finish_non_exhaustive()
    }
}
