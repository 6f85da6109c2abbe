//! A task's result for any number of awaiters.

#![forbid(unsafe_code)]

use crate::task::{Id, JoinError, JoinHandle};
use futures_util::FutureExt;
use futures_util::future::{Map, Shared};
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

type Answer<T> = Result<T, Arc<JoinError>>;
type Once<T> = Map<JoinHandle<T>, fn(Result<T, JoinError>) -> Answer<T>>;

/// What [`JoinHandle::shared`] returns: each clone is a future of the task's result.
///
/// Dropping all clones detaches the task. Awaiting is cancel-safe.
///
/// # Errors
/// The one [`JoinError`] of the task, shared.
#[must_use = "a future does nothing unless it is awaited"]
pub struct SharedHandle<T: Clone> {
    shared: Shared<Once<T>>,
    id: Id,
    spawn_site: &'static Location<'static>,
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
    pub fn shared(self) -> SharedHandle<T> {
        let (id, spawn_site) = (self.id(), self.spawn_site());
        let once: Once<T> = self.map(|result| result.map_err(Arc::new));
        SharedHandle { shared: once.shared(), id, spawn_site }
    }
}

impl<T: Clone> SharedHandle<T> {
    /// The task's id.
    pub fn id(&self) -> Id {
        self.id
    }

    /// Where the task was spawned.
    pub fn spawn_site(&self) -> &'static Location<'static> {
        self.spawn_site
    }
}

impl<T: Clone> Clone for SharedHandle<T> {
    fn clone(&self) -> Self {
        let SharedHandle { shared, id, spawn_site } = self;
        SharedHandle { shared: shared.clone(), id: *id, spawn_site }
    }
}

impl<T: Clone> Future for SharedHandle<T> {
    type Output = Result<T, Arc<JoinError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.shared.poll_unpin(cx)
    }
}

impl<T: Clone> fmt::Debug for SharedHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("SharedHandle");
        debug.field("id", &self.id);
        debug.field("spawn_site", &format_args!("{}", self.spawn_site)).finish_non_exhaustive()
    }
}
