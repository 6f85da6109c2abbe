//! What limits a channel.

use crate::primitive::CachePadded;
use crate::primitive::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use crate::sync::permits::{Permits, Refill};

/// What the shared part of a channel asks of its limit.
pub(super) trait Room {
    /// The receiver took `n` values: there is room for as many more. Called by the receiver only.
    fn received(&self, n: usize);

    /// Whether nobody holds room for a value that is still to come.
    fn is_idle(&self) -> bool;

    /// Gives no more room.
    fn close(&self);
}

/// No limit.
#[derive(Debug)]
pub(super) struct Boundless;

impl Room for Boundless {
    fn received(&self, _: usize) {}

    fn is_idle(&self) -> bool {
        true
    }

    fn close(&self) {}
}

/// One permit for each value in the channel or reserved.
#[derive(Debug)]
pub(super) struct Bounded {
    pub(super) permits: Permits<Box<CachePadded<Received>>>,
    pub(super) capacity: usize,
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
    pub(super) fn new(capacity: usize) -> Self {
        let received = Received {
            count: AtomicUsize::new(0),
            pulled: AtomicUsize::new(0),
            has_waiters: AtomicBool::new(false),
        };
        let permits = Permits::with_refill(capacity, Box::new(CachePadded::new(received)));
        Bounded { permits, capacity }
    }

    /// How many more values there is room for.
    pub(super) fn free(&self) -> usize {
        self.permits.refill();
        self.permits.free()
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
