//! A task's result for any number of awaiters.

#![forbid(unsafe_code)]

use crate::primitive::{Arc, Mutex};
use crate::sync::{PromiseFuture, SetOnce, promise};
use crate::task::{Id, JoinError, JoinHandle};
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc as StdArc;
use std::task::{Context, Poll, ready};

type Answer<T> = Result<T, StdArc<JoinError>>;

/// What [`JoinHandle::shared`] returns: each clone is a future of the task's result.
///
/// Dropping all clones detaches the task. Awaiting is cancel-safe. A clone may be awaited again after it has given the
/// result.
///
/// # Errors
/// The one [`JoinError`] of the task, shared.
#[must_use = "a future does nothing unless it is awaited"]
pub struct SharedHandle<T> {
    has_ended: PromiseFuture<()>,
    shared: Arc<Shared<T>>,
    id: Id,
    spawn_site: &'static Location<'static>,
}

struct Shared<T> {
    /// Until somebody has seen that the task has ended.
    handle: Mutex<Option<JoinHandle<T>>>,
    answer: SetOnce<Answer<T>>,
}

impl<T> Shared<T> {
    /// The task has ended.
    fn answer(&self) -> &Answer<T> {
        if self.answer.get().is_none() {
            let mut place = self.handle.lock();
            let mut handle = place.take();
            // Moves the result, and runs nothing of anybody's: under the lock, so that nobody finds neither of the two.
            if let Some(result) = handle.as_mut().and_then(JoinHandle::try_result) {
                let _ = self.answer.set(result.map_err(StdArc::new));
            }
            drop(place);
            drop(handle);
        }
        self.answer.get().expect("`JoinHandle::shared` was called after the handle had given its result")
    }
}

impl<T: Clone> JoinHandle<T> {
    /// Turns the handle into one that any number of tasks can await: each gets a clone of the result. Values are
    /// cloned outside of locks.
    ///
    /// # Examples
    /// ```
    /// runtime::run(async {
    ///     let answer = runtime::spawn(async { 42 }).shared();
    ///     let other = answer.clone();
    ///     let doubled = runtime::spawn(async move { other.await.unwrap() * 2 });
    ///     assert_eq!(answer.await.unwrap(), 42);
    ///     assert_eq!(doubled.await.unwrap(), 84);
    /// });
    /// ```
    ///
    /// # Panics
    /// Not here, but where it is awaited: if the result had been taken, by `try_result` or by awaiting the handle.
    pub fn shared(self) -> SharedHandle<T> {
        let (id, spawn_site) = (self.id(), self.spawn_site());
        let (end, has_ended) = promise();
        self.notify_end(Box::new(move |_| end.set(()).expect("set here alone")));
        let shared = Shared { handle: Mutex::new(Some(self)), answer: SetOnce::new() };
        SharedHandle { has_ended, shared: Arc::new(shared), id, spawn_site }
    }
}

impl<T> SharedHandle<T> {
    /// The task's id.
    pub fn id(&self) -> Id {
        self.id
    }

    /// Where the task was spawned.
    pub fn spawn_site(&self) -> &'static Location<'static> {
        self.spawn_site
    }

    /// Whether the task has ended: awaiting the handle would not wait.
    pub fn is_finished(&self) -> bool {
        self.has_ended.is_done()
    }
}

impl<T> Clone for SharedHandle<T> {
    fn clone(&self) -> Self {
        SharedHandle {
            has_ended: self.has_ended.clone(),
            shared: Arc::clone(&self.shared),
            id: self.id,
            spawn_site: self.spawn_site,
        }
    }
}

impl<T: Clone> Future for SharedHandle<T> {
    type Output = Result<T, StdArc<JoinError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Its promise is kept: by the notice, which lives as long as the task.
        let _ = ready!(Pin::new(&mut self.has_ended).poll(cx));
        Poll::Ready(self.shared.answer().clone())
    }
}

impl<T> fmt::Debug for SharedHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("SharedHandle");
        debug.field("id", &self.id);
        debug.field("spawn_site", &format_args!("{}", self.spawn_site)).finish_non_exhaustive()
    }
}
