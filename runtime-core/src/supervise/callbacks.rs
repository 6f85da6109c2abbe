//! Callbacks on the runtime: `call_soon`, `call_later`, and those of `on_finish`.
//!
//! One task of the runtime runs them, one after the other, in the order in which they became due; it ends when
//! none is left. At the runtime's end what is due is run where that task is dropped, and what is not is dropped.

#![forbid(unsafe_code)]

use crate::calls::{Bring, Callback, Next, Slot};
use crate::coop;
use crate::handle::Handle;
use crate::primitive::{Arc, Mutex};
use crate::task::{self, AbortHandle, Keeper, Meta, Unhandled};
use crate::time::{Instant, part_sleep_until, sleep};
use crate::util::wake_list::{drop_quietly, quietly};
use crate::util::{in_place, inherited};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

impl Handle {
    /// Runs `callback` soon, as a step of this runtime of its own, after those that were given before: never
    /// inside of this call. It shall not block: the other callbacks wait for it. A panic in it ends there, printed by
    /// the panic hook. It sees copies of the `#[inherit]` values of `task_local!` that are in scope here.
    ///
    /// On a runtime that has ended it runs at once, on this thread: nobody else could. (On a worker that ends, it must not
    /// wait: `block_on` panics there.) What such a callback brings in
    /// its turn is dropped.
    ///
    /// # Examples
    /// ```
    /// runtime::run(async {
    ///     let (done, is_done) = runtime::sync::oneshot::channel();
    ///     runtime::Handle::current().call_soon(move || done.send(42).unwrap());
    ///     assert_eq!(is_done.await.unwrap(), 42);
    /// });
    /// ```
    pub fn call_soon(&self, callback: impl FnOnce() + Send + 'static) -> TimerHandle {
        self.call(None, Box::new(inherited::bind(callback)))
    }

    /// Runs `callback` when `delay` has passed, as [`call_soon`](Self::call_soon) does. Callbacks run in the order of
    /// their moments, and for the same moment in the order of these calls. `Duration::MAX` is never.
    ///
    /// Those that are not due when the runtime ends are dropped.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// runtime::run(async {
    ///     let handle = runtime::Handle::current();
    ///     let (done, is_done) = runtime::sync::oneshot::channel();
    ///     let never = handle.call_later(Duration::from_secs(3600), || unreachable!());
    ///     handle.call_later(Duration::from_millis(1), move || done.send(42).unwrap());
    ///     assert!(never.cancel());
    ///     assert_eq!(is_done.await.unwrap(), 42);
    /// });
    /// ```
    pub fn call_later(&self, delay: Duration, callback: impl FnOnce() + Send + 'static) -> TimerHandle {
        self.call(Some(self.after(delay)), Box::new(inherited::bind(callback)))
    }

    /// A moment of this runtime's clock, wherever the call comes from.
    fn after(&self, delay: Duration) -> std::time::Instant {
        let now = self.inner().shared.timers.source().now();
        (Instant::from_std(now) + delay).into_std()
    }

    fn call(&self, at: Option<std::time::Instant>, callback: Callback) -> TimerHandle {
        let slot: Slot = Arc::new(Mutex::new(Some(callback)));
        let (bring, number) = self.inner().calls.bring(at, Arc::clone(&slot));
        match bring {
            Bring::Start => {
                let runner = Runner { handle: self.clone(), has_ended: false };
                drop(self.spawn_with(runner.run(), own("callbacks".to_owned())));
            }
            Bring::Wake(waker) => waker.wake(),
            Bring::Nothing => {}
        }
        let later = at.map(|at| (at, number, self.clone()));
        TimerHandle { slot, later }
    }
}

/// A callback that may still be called off. Dropping this does nothing to it.
pub struct TimerHandle {
    slot: Slot,
    later: Option<(std::time::Instant, u64, Handle)>,
}

impl TimerHandle {
    /// Calls the callback off, and drops it. `false`: it has run, or is running, or was called off before.
    pub fn cancel(&self) -> bool {
        let callback = self.slot.lock().take();
        if callback.is_none() {
            return false;
        }
        if let Some((at, number, handle)) = &self.later {
            // A paused clock must not go on to a moment at which nothing is to be done.
            if let Some(waker) = handle.inner().calls.remove(*at, *number) {
                waker.wake();
            }
        }
        drop_quietly(callback);
        true
    }

    /// Whether it has neither run nor been called off.
    pub fn is_pending(&self) -> bool {
        self.slot.lock().is_some()
    }
}

impl fmt::Debug for TimerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimerHandle").field("is_pending", &self.is_pending()).finish_non_exhaustive()
    }
}

/// A task of the runtime's own.
fn own(name: String) -> Meta {
    Meta::own(name)
}

/// Whether it is one of those: no other task has been spawned there.
pub(super) fn is_own(task: &AbortHandle) -> bool {
    task.raw().spawn_site() == own(String::new()).spawn_site
}

/// Whoever runs the callbacks.
struct Runner {
    handle: Handle,
    has_ended: bool,
}

impl Runner {
    async fn run(mut self) {
        loop {
            let calls = &self.handle.inner().calls;
            match calls.next(Instant::now().into_std()) {
                Next::Run(count) => {
                    for _ in 0..count {
                        if let Some(callback) = calls.pop() {
                            quietly(callback);
                        }
                        if !coop::has_budget_remaining() {
                            break;
                        }
                    }
                    crate::spawn::yield_now().await;
                }
                Next::Wait(until) => self.wait(until).await,
                Next::End => {
                    self.has_ended = true;
                    return;
                }
            }
        }
    }

    async fn wait(&self, until: std::time::Instant) {
        let mut sleep = pin!(part_sleep_until(Instant::from_std(until)));
        poll_fn(|cx| {
            if !self.handle.inner().calls.wait(until, cx.waker().clone()) {
                return Poll::Ready(());
            }
            sleep.as_mut().poll(cx)
        })
        .await;
    }
}

impl Drop for Runner {
    /// Before the end of [`run`](Self::run) this is the runtime's end. After it, another may run already.
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        for slot in self.handle.inner().calls.end() {
            let callback = slot.lock().take();
            if let Some(callback) = callback {
                in_place::run(callback);
            }
        }
    }
}

impl Keeper for Handle {
    fn grace(&self) -> Duration {
        self.inner().cancel_grace
    }

    fn abort_after(&self, grace: Duration, task: AbortHandle) -> Option<AbortHandle> {
        let meta = own(format!("grace of task {}", task.id()));
        let watcher = async move {
            sleep(grace).await;
            task::request(&task, Some(Duration::ZERO));
        };
        Some(self.spawn_with(watcher, meta).abort_handle())
    }

    fn call_soon(&self, callback: Callback) {
        drop(self.call(None, callback));
    }

    fn call_later(&self, delay: Duration, callback: Callback) {
        drop(self.call(Some(self.after(delay)), callback));
    }

    fn unhandled(&self, unhandled: &Unhandled) {
        self.report(unhandled);
    }
}
