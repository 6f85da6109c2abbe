//! Tasks that wait for each other.
//!
//! How many have arrived, and whether the barrier is broken, is changed under the lock of the list only. Those who
//! wait are in the list, so their number is that of the arrived: one that gives up gives its place back.

use super::fault::{Fault, planted};
use super::wait_list::{Outcome, Spare, WaitList, Waiter, Woken};
use crate::coop;
use crate::primitive::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::task::resource::{Change, Count, Op, Resource};
use crate::task::unpolled::must_await;
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

const PASSED: Outcome = Outcome::new(1);
const BROKEN: Outcome = Outcome::new(2);

/// Lets a number of tasks go on together: each waits until all have come. It can be used again at once.
///
/// # Examples
/// ```
/// use runtime::sync::Barrier;
/// use std::sync::Arc;
///
/// runtime::run(async {
///     let barrier = Arc::new(Barrier::new(3));
///     let tasks: Vec<_> = (0..3)
///         .map(|_| {
///             let barrier = barrier.clone();
///             runtime::spawn(async move { barrier.wait().await.is_leader() })
///         })
///         .collect();
///     let mut leaders = 0;
///     for task in tasks {
///         leaders += usize::from(task.await.unwrap());
///     }
///     assert_eq!(leaders, 1);
/// });
/// ```
pub struct Barrier {
    parties: usize,
    /// How many wait; below `parties`.
    arrived: AtomicUsize,
    is_broken: AtomicBool,
    waiters: WaitList,
    resource: Resource,
}

/// What [`Barrier::wait`] gives: who is the leader of the round, and whether the barrier is broken.
#[derive(Debug, Clone)]
pub struct BarrierWaitResult {
    is_leader: bool,
    is_broken: bool,
}

impl BarrierWaitResult {
    const LEADER: Self = BarrierWaitResult { is_leader: true, is_broken: false };
    const FOLLOWER: Self = BarrierWaitResult { is_leader: false, is_broken: false };
    const BROKEN: Self = BarrierWaitResult { is_leader: false, is_broken: true };

    /// Whether this is the one task of its round that is the leader: the last to come.
    pub fn is_leader(&self) -> bool {
        self.is_leader
    }

    /// Whether the wait ended because of [`Barrier::abort`], and not because all have come.
    pub fn is_broken(&self) -> bool {
        self.is_broken
    }
}

impl Barrier {
    /// A barrier for `parties` tasks. One for 0 is like one for 1: nobody waits there.
    #[track_caller]
    pub fn new(parties: usize) -> Self {
        let parties = parties.max(1);
        let resource = Resource::sync("Barrier");
        resource.count(Count::Size, Change::Set, parties);
        resource.count(Count::Arrived, Change::Set, 0);
        Barrier {
            parties,
            arrived: AtomicUsize::new(0),
            is_broken: AtomicBool::new(false),
            waiters: WaitList::new(),
            resource,
        }
    }

    /// Waits until all have come. The last one to come does not wait, and is the leader.
    ///
    /// After [`abort`](Self::abort) nobody waits: see [`BarrierWaitResult::is_broken`].
    ///
    /// # Cancel safety
    /// A dropped wait gives its place back: the others go on waiting, until somebody else has come in its stead.
    /// If all had come already, they go on. (In tokio a dropped wait still counts as arrived.)
    #[track_caller]
    pub fn wait(&self) -> impl Future<Output = BarrierWaitResult> {
        must_await("Barrier::wait", async move {
            let op = self.resource.start("Barrier::wait");
            Wait { barrier: self, is_done: false, op, waiter: Waiter::new() }.await
        })
    }

    /// Breaks the barrier, for ever: all who wait go on, and who comes later does not wait. They are told so by
    /// [`BarrierWaitResult::is_broken`]. For when one of the parties will not come.
    ///
    /// # Examples
    /// ```
    /// use runtime::sync::Barrier;
    ///
    /// runtime::run(async {
    ///     let barrier = Barrier::new(2);
    ///     let (result, ()) = runtime::join!(barrier.wait(), async { barrier.abort() });
    ///     assert!(result.is_broken());
    ///     assert!(barrier.wait().await.is_broken());
    /// });
    /// ```
    pub fn abort(&self) {
        let mut woken = Woken::new();
        let mut locked = self.waiters.lock();
        self.is_broken.store(true, Ordering::Relaxed);
        self.arrived.store(0, Ordering::Relaxed);
        locked.notify_all(BROKEN, &mut woken);
        drop(locked);
    }

    /// Passes, or queues `waiter`.
    fn arrive(&self, waiter: Pin<&Waiter>, cx: &Context<'_>) -> Poll<BarrierWaitResult> {
        let mut woken = Woken::new();
        let mut spare = Spare::clone_of(cx);
        // Relaxed: the lock orders it.
        let mut locked = self.waiters.lock();
        if self.is_broken.load(Ordering::Relaxed) {
            return Poll::Ready(BarrierWaitResult::BROKEN);
        }
        let arrived = self.arrived.load(Ordering::Relaxed) + 1;
        if arrived < self.parties {
            self.arrived.store(arrived, Ordering::Relaxed);
            locked.push_back(waiter, spare.take(), 0);
            return Poll::Pending;
        }
        self.arrived.store(0, Ordering::Relaxed);
        locked.notify_all(PASSED, &mut woken);
        drop(locked);
        Poll::Ready(BarrierWaitResult::LEADER)
    }

    /// The wait at `waiter` is dropped.
    fn leave(&self, waiter: Pin<&Waiter>) {
        let mut woken = Woken::new();
        let mut locked = self.waiters.lock();
        if locked.remove(waiter, &mut woken) && !planted(Fault::PlaceKept) {
            let arrived = self.arrived.load(Ordering::Relaxed);
            self.arrived.store(arrived - 1, Ordering::Relaxed);
        }
        drop(locked);
        self.went();
    }

    /// One who came waits no longer.
    fn went(&self) {
        self.resource.count(Count::Arrived, Change::Sub, 1);
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Barrier");
        f.field("parties", &self.parties);
        if self.is_broken.load(Ordering::Relaxed) {
            f.field("state", &format_args!("broken"));
        } else {
            f.field("arrived", &self.arrived.load(Ordering::Relaxed));
        }
        f.finish()
    }
}

pin_project! {
    #[derive(Debug)]
    struct Wait<'a> {
        barrier: &'a Barrier,
        is_done: bool,
        op: Op,
        #[pin]
        waiter: Waiter,
    }

    impl PinnedDrop for Wait<'_> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if !*this.is_done && !this.waiter.is_idle() {
                this.barrier.leave(this.waiter.into_ref());
            }
        }
    }
}

impl Wait<'_> {
    #[inline]
    fn poll_passed(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<BarrierWaitResult> {
        let progress = ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Signal));
        let this = self.project();
        let waiter = this.waiter.into_ref();
        let result = if waiter.is_idle() {
            this.barrier.resource.count(Count::Arrived, Change::Add, 1);
            ready!(this.barrier.arrive(waiter, cx))
        } else if ready!(this.barrier.waiters.poll_queued(waiter, cx)) == PASSED {
            BarrierWaitResult::FOLLOWER
        } else {
            BarrierWaitResult::BROKEN
        };
        *this.is_done = true;
        this.barrier.went();
        progress.made_progress();
        Poll::Ready(result)
    }
}

impl Future for Wait<'_> {
    type Output = BarrierWaitResult;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<BarrierWaitResult> {
        let mut op = self.as_mut().project().op.take();
        let polled = op.poll("poll", || self.as_mut().poll_passed(cx));
        *self.project().op = op;
        polled
    }
}
