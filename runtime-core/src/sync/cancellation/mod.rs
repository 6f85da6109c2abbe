//! `CancellationToken`: a request to stop, passed down a tree.
//!
//! All tokens of a tree share one lock, behind which `tree` keeps who is whose child. A token itself has a flag,
//! so that asking it takes no lock, and a list of who waits for it (`wait`).
//!
//! A cancellation takes the node and all below it out of the tree and sets their flags, under the lock of the
//! tree; then, without it, it wakes whoever waits for one of them. The flag is set before the list is locked, and
//! who queues looks at the flag under the lock of the list: one of the two sees the other.
//!
//! A child is made under the lock of the tree too: it is there to be found by a cancellation, or it finds that
//! its parent is gone.

#![forbid(unsafe_code)]

mod guard;
mod tree;
mod wait;

pub use guard::{DropGuard, DropGuardRef};
pub use wait::{WaitForCancellationFuture, WaitForCancellationFutureOwned};

use crate::primitive::atomic::{AtomicBool, Ordering};
use crate::primitive::{Arc as TreeArc, Mutex};
use crate::sync::wait_list::{Outcome, WaitList, Woken};
use crate::util::fault::{Fault, planted};
use std::fmt;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, Weak};
use tree::{Key, ROOT, Tree};

/// The only way in which a wait ends.
const CANCELLED: Outcome = Outcome::new(1);

/// Tells tasks that they should stop. Clones are the same token; a [`child_token`](Self::child_token) is cancelled
/// with its parent, and not the other way round.
///
/// Nothing is stopped by force: whoever has a token awaits [`cancelled`](Self::cancelled) beside its work, looks
/// at [`is_cancelled`](Self::is_cancelled), or wraps the work in
/// [`run_until_cancelled`](Self::run_until_cancelled). A token that was cancelled stays so.
///
/// It needs no runtime. Tokens that are dropped leave the tree, whichever way it is nested.
///
/// # Examples
/// ```
/// use runtime::task::CancellationToken;
///
/// runtime::run(async {
///     let token = CancellationToken::new();
///     let child = token.child_token();
///     let worker = runtime::spawn(async move {
///         runtime::select! {
///             () = child.cancelled() => "stopped",
///             () = std::future::pending() => unreachable!(),
///         }
///     });
///     token.cancel();
///     assert_eq!(worker.await.unwrap(), "stopped");
/// });
/// ```
#[derive(Clone)]
pub struct CancellationToken {
    inner: Arc<Inner>,
}

struct Inner {
    tree: TreeArc<Mutex<Tree<Weak<Inner>>>>,
    key: Key,
    is_cancelled: AtomicBool,
    waiting: WaitList,
}

impl UnwindSafe for CancellationToken {}
impl RefUnwindSafe for CancellationToken {}

impl CancellationToken {
    /// A token that is not cancelled, and nobody's child.
    pub fn new() -> Self {
        Self::root(Tree::new(), false)
    }

    fn root(tree: Tree<Weak<Inner>>, is_cancelled: bool) -> Self {
        let tree = TreeArc::new(Mutex::new(tree));
        CancellationToken { inner: Arc::new(Inner::new(tree, ROOT, is_cancelled)) }
    }

    /// A token that is cancelled when this one is. Cancelling it does not cancel this one.
    ///
    /// The child of a token that was cancelled is cancelled.
    ///
    /// # Examples
    /// ```
    /// use runtime::task::CancellationToken;
    ///
    /// let server = CancellationToken::new();
    /// let (one, other) = (server.child_token(), server.child_token());
    /// one.cancel();
    /// assert!(!server.is_cancelled() && !other.is_cancelled());
    /// server.cancel();
    /// assert!(other.is_cancelled() && server.child_token().is_cancelled());
    /// ```
    pub fn child_token(&self) -> CancellationToken {
        let inner = &self.inner;
        let was_cancelled = self.is_cancelled();
        let mut child = None;
        let mut tree = inner.tree.lock();
        tree.plant(|| Arc::downgrade(inner));
        tree.add(inner.key, |key| {
            let new = Arc::new(Inner::new(TreeArc::clone(&inner.tree), key, false));
            let weak = Arc::downgrade(&new);
            child = Some(new);
            weak
        });
        drop(tree);
        match child {
            Some(inner) => CancellationToken { inner },
            None if planted(Fault::ParentUnseen) && !was_cancelled => Self::new(),
            None => Self::root(Tree::cancelled(), true),
        }
    }

    /// Cancels this token and all below it, and wakes whoever waits for one of them. Another time it does nothing.
    ///
    /// When it returns, all of them are cancelled; before, another thread may find some that are and some that
    /// are not.
    pub fn cancel(&self) {
        let mut tree = self.inner.tree.lock();
        self.inner.set_cancelled();
        let below: Vec<Arc<Inner>> =
            tree.cancel(self.inner.key).into_iter().filter_map(|token| token.upgrade()).collect();
        below.iter().for_each(|inner| inner.set_cancelled());
        drop(tree);
        self.inner.tell();
        // Any of these may be the last clone, which takes the lock of the tree when it goes.
        for inner in below {
            inner.tell();
        }
    }

    /// Whether the token was cancelled, itself or with one above it. What was done before is visible then.
    pub fn is_cancelled(&self) -> bool {
        // ORDER: Acquire pairs with `set_cancelled`.
        self.inner.is_cancelled.load(Ordering::Acquire)
    }

    /// Waits until the token is cancelled.
    ///
    /// # Cancel safety
    /// Dropping the wait loses nothing.
    pub fn cancelled(&self) -> WaitForCancellationFuture<'_> {
        WaitForCancellationFuture::new(self)
    }

    /// [`cancelled`](Self::cancelled) that owns the token.
    ///
    /// # Cancel safety
    /// Dropping the wait loses nothing but the token.
    pub fn cancelled_owned(self) -> WaitForCancellationFutureOwned {
        WaitForCancellationFutureOwned::new(self)
    }

    /// A guard that cancels the token when it is dropped.
    ///
    /// # Examples
    /// ```
    /// use runtime::task::CancellationToken;
    ///
    /// let token = CancellationToken::new();
    /// let guard = token.clone().drop_guard();
    /// drop(guard);
    /// assert!(token.is_cancelled());
    /// ```
    pub fn drop_guard(self) -> DropGuard {
        DropGuard::new(self)
    }

    /// [`drop_guard`](Self::drop_guard) that borrows the token.
    pub fn drop_guard_ref(&self) -> DropGuardRef<'_> {
        DropGuardRef::new(self)
    }

    /// Runs `future` until it is ready, or until the token is cancelled: `None` then, and the future is dropped.
    ///
    /// A token that is cancelled already gives `None` without polling the future. After that, if both come
    /// together, the future's output wins.
    ///
    /// # Cancel safety
    /// Dropping it drops `future`.
    ///
    /// # Examples
    /// ```
    /// use runtime::task::CancellationToken;
    ///
    /// runtime::run(async {
    ///     let token = CancellationToken::new();
    ///     assert_eq!(token.run_until_cancelled(async { 42 }).await, Some(42));
    ///     token.cancel();
    ///     assert_eq!(token.run_until_cancelled(async { 42 }).await, None);
    /// });
    /// ```
    pub async fn run_until_cancelled<F: Future>(&self, future: F) -> Option<F::Output> {
        wait::until_cancelled(self, future).await
    }

    /// [`run_until_cancelled`](Self::run_until_cancelled) that owns the token.
    ///
    /// # Cancel safety
    /// Dropping it drops `future`.
    pub async fn run_until_cancelled_owned<F: Future>(self, future: F) -> Option<F::Output> {
        self.run_until_cancelled(future).await
    }
}

impl Inner {
    fn new(tree: TreeArc<Mutex<Tree<Weak<Inner>>>>, key: Key, is_cancelled: bool) -> Self {
        Inner { tree, key, is_cancelled: AtomicBool::new(is_cancelled), waiting: WaitList::new() }
    }

    fn set_cancelled(&self) {
        // ORDER: Release publishes what the canceller did before.
        self.is_cancelled.store(true, Ordering::Release);
    }

    /// Wakes all who wait, after the flag was set.
    fn tell(&self) {
        let mut woken = Woken::new();
        self.waiting.lock().notify_all(CANCELLED, &mut woken);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let mut tree = self.tree.lock();
        tree.release(self.key);
    }
}

impl Default for CancellationToken {
    fn default() -> Self {
        Self::new()
    }
}

/// Tokens are equal if they are clones of one.
impl PartialEq for CancellationToken {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for CancellationToken {}

impl Hash for CancellationToken {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.inner).hash(state);
    }
}

impl fmt::Debug for CancellationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancellationToken").field("is_cancelled", &self.is_cancelled()).finish()
    }
}
