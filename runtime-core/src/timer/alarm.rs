//! The owner's half of a timer: what a future that waits for a moment has inside.
//!
//! # Invariants
//! - I1: `home` is `Some` from the moment at which the entry may be linked in that shard until it is
//!   certainly linked nowhere: it was removed, or FIRED or CLOSED was seen in its word.
//! - I2: an alarm is pinned when its entry is filed, and its drop takes the entry out before the memory is
//!   reused.

use crate::primitive::Arc;
use crate::timer::entry::{Entry, EntryRef, State};
use crate::timer::shard::{Closed, Shard};
use crate::util::wake_list::{drop_quietly, wake};
use std::pin::Pin;
use std::task::{Poll, Waker};

pin_project_lite::pin_project! {
    /// Wakes a task at a moment. Dropping it takes the timer out.
    #[derive(Debug)]
    pub struct Alarm {
        #[pin]
        entry: Entry,
        home: Option<Arc<Shard>>,
    }

    impl PinnedDrop for Alarm {
        fn drop(this: Pin<&mut Self>) {
            this.stop();
        }
    }
}

impl Default for Alarm {
    fn default() -> Self {
        Self::new()
    }
}

impl Alarm {
    /// An alarm that waits for nothing. Costs nothing.
    #[inline]
    pub fn new() -> Self {
        Alarm { entry: Entry::new(), home: None }
    }

    /// Whether the alarm was started and its end not seen yet.
    #[inline]
    pub fn is_started(&self) -> bool {
        self.home.is_some()
    }

    /// The shard of a started alarm.
    pub fn home(&self) -> Option<&Shard> {
        self.home.as_deref()
    }

    /// Starts an alarm that is not started: at `deadline_ns` it wakes `waker`. Also if that has passed: then
    /// with the next look at the shard.
    ///
    /// # Errors
    /// [`Closed`] when the runtime is shutting down.
    ///
    /// # Panics
    /// If the alarm is started.
    pub fn start(
        self: Pin<&mut Self>,
        shard: Arc<Shard>,
        deadline_ns: u64,
        waker: &Waker,
    ) -> Result<(), Closed> {
        assert!(self.home.is_none(), "an alarm is started once");
        let waker = waker.clone();
        let this = self.project();
        // SAFETY: I2: pinned, removed on drop; used with this shard's wheel, under its lock.
        let entry = unsafe { EntryRef::new(&this.entry) };
        // Before the entry can be linked (I1).
        let home = this.home.insert(shard);
        let started = home.start(entry, deadline_ns, waker);
        if started.is_err() {
            *this.home = None;
        }
        started
    }

    /// Ready when a started alarm has gone off; otherwise makes `waker` the one to be woken.
    ///
    /// # Errors
    /// [`Closed`] when the runtime has shut down first.
    #[inline]
    pub fn poll(self: Pin<&mut Self>, waker: &Waker) -> Poll<Result<(), Closed>> {
        let this = self.project();
        let Some(home) = this.home else { unreachable!("only a started alarm is polled") };
        loop {
            match this.entry.state() {
                State::Fired => break,
                State::Closed => {
                    end(this.entry.as_ref(), this.home);
                    return Poll::Ready(Err(Closed));
                }
                State::Waiting(_) | State::Idle => {}
            }
            // SAFETY: I2, I1: as in `start`, and the shard is the one in which it is filed.
            let entry = unsafe { EntryRef::new(&this.entry) };
            if home.renew_waker(entry, waker) {
                return Poll::Pending;
            }
            // It fired or was closed since we looked: the next look shows which.
        }
        end(this.entry.as_ref(), this.home);
        Poll::Ready(Ok(()))
    }

    /// Puts a started alarm on another moment. `false` if it has gone off already, or the runtime has shut
    /// down: then it is not started any more, and its waker was woken.
    pub fn reset(self: Pin<&mut Self>, deadline_ns: u64) -> bool {
        let this = self.project();
        let Some(home) = this.home else { return false };
        if this.entry.extend(deadline_ns) {
            return true;
        }
        // SAFETY: I2, I1: as in `poll`.
        let entry = unsafe { EntryRef::new(&this.entry) };
        let waits = home.restart(entry, deadline_ns);
        if !waits {
            end(this.entry.as_ref(), this.home);
        }
        waits
    }

    /// Stops the alarm if it is started: it wakes nobody any more.
    #[inline]
    pub fn stop(self: Pin<&mut Self>) {
        let waker = self.take();
        if waker.is_some() {
            drop_quietly(waker);
        }
    }

    /// Lets a started alarm go off now.
    pub fn ring(self: Pin<&mut Self>) {
        if let Some(waker) = self.take() {
            wake(waker);
        }
    }

    /// Stops the alarm if it is started. Gives back its waker, if nobody has woken that yet.
    #[inline]
    fn take(self: Pin<&mut Self>) -> Option<Waker> {
        let this = self.project();
        let home = this.home.as_ref()?;
        let waits = !matches!(this.entry.state(), State::Fired | State::Closed);
        // SAFETY: I2, I1: as in `poll`.
        let entry = unsafe { EntryRef::new(&this.entry) };
        let waker = if waits { home.cancel(entry) } else { None };
        end(this.entry.as_ref(), this.home);
        waker
    }
}

/// Called when the entry is certainly linked nowhere (I1): forgets its shard.
fn end(entry: Pin<&Entry>, home: &mut Option<Arc<Shard>>) {
    // SAFETY: I1: the caller, who owns the alarm, has removed the entry or seen FIRED or CLOSED.
    unsafe { entry.disarm() };
    *home = None;
}
