//! What limits a channel.

use super::queue::Beside;
use crate::primitive::CachePadded;
use crate::primitive::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
use crate::sync::permits::{Permits, Refill, Refusal};
use crate::task::resource::{Change, Count, Resource};

/// Says in the word of either kind that the channel is closed; the bit of [`Permits`].
const CLOSED: u64 = 1;

/// What the shared part of a channel asks of its limit.
pub(super) trait Room: Beside {
    /// The receiver took `n` values: there is room for as many more. Called by the receiver only.
    fn received(&self, n: usize);

    /// Whether nobody holds room for a value that is still to come.
    fn is_idle(&self) -> bool;

    /// Gives no more room.
    fn close(&self);

    /// Whether [`close`](Self::close) was called.
    fn is_closed(&self) -> bool {
        // ORDER: Acquire; pairs with `close`.
        self.word().load(Ordering::Acquire) & CLOSED != 0
    }
}

/// No limit.
#[derive(Debug)]
pub(super) struct Boundless {
    word: AtomicU64,
}

impl Boundless {
    pub(super) fn new() -> Self {
        Boundless { word: AtomicU64::new(0) }
    }

    /// Lets a value in unless the channel is closed.
    pub(super) fn admit(word: u64) -> Result<u64, ()> {
        if word & CLOSED == 0 { Ok(word) } else { Err(()) }
    }
}

impl Beside for Boundless {
    const TICKET_SHIFT: u32 = 1;

    fn word(&self) -> &AtomicU64 {
        &self.word
    }
}

impl Room for Boundless {
    fn received(&self, _: usize) {}

    fn is_idle(&self) -> bool {
        true
    }

    fn close(&self) {
        // ORDER: AcqRel; who sees it closed sees what was done before.
        self.word.fetch_or(CLOSED, Ordering::AcqRel);
    }
}

/// The permits' half of the word: two flags and the free ones.
const PERMIT_BITS: u32 = 32;

/// One permit for each value in the channel or reserved.
#[derive(Debug)]
pub(super) struct Bounded {
    pub(super) permits: Permits<Box<CachePadded<Received>>>,
    /// As the user asked for. The permits stop at half a word of them: more values than that do not fit
    /// into any memory.
    pub(super) capacity: usize,
    /// Waits for room are in it.
    pub(super) resource: Resource,
}

/// Values that the receiver took. It only counts; senders who find no room pull what has come together.
///
/// In a box of its own, away from what the senders write at every send: the receiver looks here with every
/// value, and finds the cache line where it left it.
#[derive(Debug)]
pub(super) struct Received {
    /// Written by the receiver.
    count: AtomicUsize,
    /// How much of it was pulled.
    pulled: AtomicUsize,
    has_waiters: AtomicBool,
}

impl Refill for Box<CachePadded<Received>> {
    const FREE_BITS: u32 = PERMIT_BITS - 2;

    fn pull(&self) -> usize {
        // ORDER: Acquire; pairs with the exchange below: the count is read later than this, and not less.
        let mut pulled = self.pulled.load(Ordering::Acquire);
        loop {
            // ORDER: Acquire; pairs with `received`.
            let count = self.count.load(Ordering::Acquire);
            let n = count.wrapping_sub(pulled);
            if n == 0 {
                return 0;
            }
            match self.pulled.compare_exchange(pulled, count, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return n,
                Err(now) => pulled = now,
            }
        }
    }

    fn announce(&self, has_waiters: bool) {
        // Relaxed: the fences of the handshake in `permits` order it.
        self.has_waiters.store(has_waiters, Ordering::Relaxed);
    }
}

impl Bounded {
    #[track_caller]
    pub(super) fn new(capacity: usize) -> Self {
        let received = Received {
            count: AtomicUsize::new(0),
            pulled: AtomicUsize::new(0),
            has_waiters: AtomicBool::new(false),
        };
        let received = Box::new(CachePadded::new(received));
        let resource = Resource::sync("mpsc::Sender|Receiver");
        resource.count(Count::Size, Change::Set, capacity);
        Bounded { permits: Permits::with_refill(Self::permits_of(capacity), received), capacity, resource }
    }

    fn permits_of(capacity: usize) -> usize {
        capacity.min(<Box<CachePadded<Received>> as Refill>::FREE_MAX)
    }

    /// How many permits there are in all.
    pub(super) fn permits_max(&self) -> usize {
        Self::permits_of(self.capacity)
    }

    /// For how many more values there is room.
    pub(super) fn free(&self) -> usize {
        self.permits.refill();
        self.capacity - self.permits_max() + self.permits.free()
    }

    /// Lets a value in if there is room and nobody waits for it.
    pub(super) fn admit(word: u64) -> Result<u64, Refusal> {
        Permits::<Box<CachePadded<Received>>>::take_from(word, 1)
    }
}

impl Beside for Bounded {
    const TICKET_SHIFT: u32 = PERMIT_BITS;

    fn word(&self) -> &AtomicU64 {
        self.permits.word()
    }
}

impl Room for Bounded {
    fn received(&self, n: usize) {
        let Received { count, has_waiters, .. } = &***self.permits.source();
        // Not an RMW: the receiver is the only one who writes.
        let sum = count.load(Ordering::Relaxed).wrapping_add(n);
        // ORDER: Release; pairs with `pull`.
        count.store(sum, Ordering::Release);
        // The handshake with a sender that goes to sleep; its proof is in `permits`.
        fence(Ordering::SeqCst);
        if has_waiters.load(Ordering::Relaxed) {
            self.permits.refill();
        }
    }

    fn is_idle(&self) -> bool {
        self.free() == self.capacity
    }

    fn close(&self) {
        self.permits.close();
    }
}
