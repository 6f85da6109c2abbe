//! The driver's shared half: where sockets register, and what wakes the driver.
#![forbid(unsafe_code)]

use crate::interest::Interest;
use crate::readiness::Initial;
use crate::ready::Ready;
use crate::registry::Registry;
use crate::selector::Selector;
use crate::source::{Source, shut_down_error};
use crate::unpark::{Notify, UnparkWord};
use runtime_core::context;
use runtime_core::port::{DriverCounts, DriverHandle};
use runtime_core::primitive::atomic::{AtomicUsize, Ordering};
use runtime_core::primitive::{Arc, Mutex};
use runtime_core::util::wake_list::WakeList;
use std::any::Any;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc as StdArc;

/// What all sockets of a runtime and its driver share.
///
/// Lock order: `state`, then the waiters of a source.
#[derive(Debug)]
pub(crate) struct Reactor {
    pub(crate) selector: Selector,
    pub(crate) unpark: UnparkWord,
    state: Mutex<State>,
    /// How many sources there are, for those who do not want the lock.
    source_count: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    sources: Registry,
    is_shut_down: bool,
    /// Events that found their source.
    event_count: u64,
}

impl Reactor {
    pub(crate) fn new() -> io::Result<Reactor> {
        Ok(Reactor {
            selector: Selector::new()?,
            unpark: UnparkWord::new(),
            state: Mutex::new(State::default()),
            source_count: AtomicUsize::new(0),
        })
    }

    /// The reactor of the runtime that the current thread is in.
    ///
    /// # Errors
    /// When that runtime has a driver of another kind.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[track_caller]
    pub(crate) fn current() -> io::Result<StdArc<Reactor>> {
        let handle: StdArc<dyn Any + Send + Sync> = context::driver_handle();
        handle.downcast().map_err(|_| {
            io::Error::new(io::ErrorKind::Unsupported, "the driver of this runtime has no sockets")
        })
    }

    /// Watches `fd` from now on, until [`deregister`](Self::deregister).
    ///
    /// # Errors
    /// When the driver has shut down, or the system refuses (`ENOSPC`, `ENOMEM`, `EPERM` for a regular
    /// file, `EEXIST` for a descriptor that is registered already); nothing is left behind then.
    pub(crate) fn register(
        &self,
        fd: BorrowedFd<'_>,
        interest: Interest,
        initial: Initial,
    ) -> io::Result<Arc<Source>> {
        let source = {
            let mut state = self.state.lock();
            if state.is_shut_down {
                return Err(shut_down_error());
            }
            let source = state.sources.insert(initial);
            self.publish_count(&state);
            source
        };
        match self.selector.add(fd, source.key(), interest) {
            Ok(()) => Ok(source),
            Err(error) => {
                self.forget(&source);
                Err(error)
            }
        }
    }

    /// Watches `fd` no more. Events already on their way find nobody.
    pub(crate) fn deregister(&self, fd: BorrowedFd<'_>, source: &Source) {
        // Explicitly, although the close follows: a duplicate of `fd` would keep it in the set.
        let _ = self.selector.delete(fd);
        self.forget(source);
    }

    fn forget(&self, source: &Source) {
        let mut state = self.state.lock();
        let removed = state.sources.remove(source.key());
        self.publish_count(&state);
        drop(state);
        // The caller holds another reference, but a waker inside must never drop under the lock.
        drop(removed);
    }

    fn publish_count(&self, state: &State) {
        // ORDER: Relaxed; a hint for `has_sources`.
        self.source_count.store(state.sources.count(), Ordering::Relaxed);
    }

    /// Hands the events to their sources and collects whom to wake.
    pub(crate) fn dispatch(&self, events: impl Iterator<Item = (u64, Ready)>, wakers: &mut WakeList) {
        let mut events = events.peekable();
        if events.peek().is_none() {
            return;
        }
        let mut state = self.state.lock();
        let mut event_count = 0;
        for (key, ready) in events {
            if let Some(source) = state.sources.get(key) {
                source.set(ready, wakers);
                event_count += 1;
            }
        }
        state.event_count += event_count;
    }

    /// Refuses new sources and shuts the present ones down.
    pub(crate) fn shut_down(&self, wakers: &mut WakeList) {
        let mut state = self.state.lock();
        state.is_shut_down = true;
        for source in state.sources.iter() {
            source.shut_down(wakers);
        }
    }
}

impl DriverHandle for Reactor {
    fn unpark(&self) {
        match self.unpark.notify() {
            Notify::Kick => self.selector.kick(),
            Notify::Nothing => {}
        }
    }

    fn has_sources(&self) -> bool {
        // ORDER: Relaxed; a source that is missed now is polled at the next round's end or park.
        self.source_count.load(Ordering::Relaxed) > 0
    }

    fn counts(&self) -> DriverCounts {
        let state = self.state.lock();
        DriverCounts { sources: state.sources.count(), events: state.event_count }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
