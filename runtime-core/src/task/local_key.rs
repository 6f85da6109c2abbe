//! Values that belong to a task: what `task_local!` declares.
//!
//! There are two kinds of keys. An ordinary one has a thread-local cell of its own, into which a scope swaps its
//! value while it is polled: it may hold anything. An `#[inherit]` key's values stand in the stack of
//! [`inherited`], from which spawns copy them.

#![forbid(unsafe_code)]

use crate::util::inherited::{self, Entry, Value};
use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll};
use std::thread;

const BORROWED: &str =
    "a task-local's scope was entered from inside of `with` on the same key: leave `with` first";
const GONE: &str = "a task-local's scope was entered while the thread's locals are being destroyed";
const COMPLETED: &str = "`TaskLocalFuture` polled after it has completed";

/// A value of each task's own, declared by `task_local!`.
///
/// It has no initial value: [`scope`](Self::scope) gives it one for a future, which sees it wherever it is
/// polled; outside of a scope there is none. Scopes nest.
///
/// A key declared with `#[inherit]` is asyncio's `ContextVar`: whatever is spawned inside of a scope (tasks,
/// local tasks, blocking jobs) gets a copy of the value, made by its `Clone` when it is spawned. What the child
/// does with it never shows in the parent. Without `#[inherit]` a spawned task begins with no value, as in tokio.
///
/// # Examples
/// ```
/// runtime::task_local! {
///     static USER: String;
///     /// Follows a request into every task that it spawns.
///     #[inherit]
///     static TRACE: u64;
/// }
///
/// runtime::run(async {
///     let request = USER.scope("ann".to_owned(), async {
///         USER.with(|user| assert_eq!(user, "ann"));
///         handle().await
///     });
///     assert_eq!(TRACE.scope(7, request).await, 7);
///     assert!(TRACE.try_get().is_err());
/// });
///
/// async fn handle() -> u64 {
///     TRACE.get()
/// }
/// ```
pub struct LocalKey<T: 'static> {
    kind: Kind<T>,
}

enum Kind<T: 'static> {
    Own(thread::LocalKey<RefCell<Option<T>>>),
    /// How such a value is handed to the stack.
    Inherited(fn(Box<T>) -> Box<dyn Value>),
}

impl<T: 'static> LocalKey<T> {
    #[doc(hidden)]
    pub const fn own(cell: thread::LocalKey<RefCell<Option<T>>>) -> Self {
        LocalKey { kind: Kind::Own(cell) }
    }

    #[doc(hidden)]
    pub const fn inherited() -> Self
    where
        T: Clone + Send,
    {
        LocalKey { kind: Kind::Inherited(|value| value) }
    }

    /// The address of the key's static.
    fn id(&'static self) -> usize {
        ptr::from_ref(self).addr()
    }

    /// Runs `future` with `value` in this key.
    ///
    /// The value is dropped with the returned future, or taken out of it by
    /// [`take_value`](TaskLocalFuture::take_value). A future that is dropped unfinished is dropped with the value
    /// in scope.
    ///
    /// # Panics
    /// If the returned future is polled from inside of [`with`](Self::with) on the same key, unless that is an
    /// `#[inherit]` key.
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> TaskLocalFuture<T, F> {
        TaskLocalFuture { key: self, slot: self.slot(value), future: Some(future) }
    }

    /// Runs `f` with `value` in this key. The value is dropped afterwards.
    ///
    /// # Panics
    /// If it is called from inside of [`with`](Self::with) on the same key, unless that is an `#[inherit]` key;
    /// and in the destructor of a thread-local, when the thread's locals are gone.
    #[track_caller]
    pub fn sync_scope<F, R>(&'static self, value: T, f: F) -> R
    where
        F: FnOnce() -> R,
    {
        match self.enter(&mut self.slot(value)) {
            Ok(_inside) => f(),
            Err(refused) => panic!("{refused}"),
        }
    }

    /// Lets `f` look at the value.
    ///
    /// # Panics
    /// If there is none here.
    #[track_caller]
    pub fn with<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        match self.try_with(f) {
            Ok(result) => result,
            Err(error) => panic!("{error}: give it one with `scope`"),
        }
    }

    /// Lets `f` look at the value.
    ///
    /// # Errors
    /// If there is none here.
    pub fn try_with<F, R>(&'static self, f: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        let result = match &self.kind {
            // Nobody swaps the value while this looks at it: whoever wants to, is refused.
            Kind::Own(cell) => cell.try_with(|cell| cell.borrow().as_ref().map(f)).ok().flatten(),
            Kind::Inherited(_) => inherited::with(self.id(), |value| f(typed(value))),
        };
        result.ok_or(AccessError { _private: () })
    }

    fn slot(&'static self, value: T) -> Slot<T> {
        match self.kind {
            Kind::Own(_) => Slot::Own(value),
            Kind::Inherited(_) => Slot::Inherited(Box::new(value)),
        }
    }

    /// Puts the value that is in `slot` in scope until the guard goes.
    fn enter<'a>(&'static self, slot: &'a mut Slot<T>) -> Result<Inside<'a, T>, &'static str> {
        match &self.kind {
            Kind::Own(cell) => self.swap(cell, slot)?,
            Kind::Inherited(erase) => {
                let value = match slot.take() {
                    Slot::Inherited(value) => Some(erase(value)),
                    Slot::Empty | Slot::Own(_) => None,
                };
                match inherited::scope(Entry { key: self.id(), value }) {
                    Ok(scope) => return Ok(Inside { key: self, slot, scope: Some(scope) }),
                    Err(entry) => slot.put_back(entry),
                }
                return Err(GONE);
            }
        }
        Ok(Inside { key: self, slot, scope: None })
    }

    fn swap(
        &'static self,
        cell: &'static thread::LocalKey<RefCell<Option<T>>>,
        slot: &mut Slot<T>,
    ) -> Result<(), &'static str> {
        let swapped = cell.try_with(|cell| {
            let mut current = cell.try_borrow_mut().map_err(|_| BORROWED)?;
            let mut value = match slot.take() {
                Slot::Own(value) => Some(value),
                Slot::Empty | Slot::Inherited(_) => None,
            };
            mem::swap(&mut value, &mut current);
            *slot = value.map_or(Slot::Empty, Slot::Own);
            Ok(())
        });
        swapped.unwrap_or(Err(GONE))
    }
}

impl<T: Clone + 'static> LocalKey<T> {
    /// A copy of the value.
    ///
    /// # Panics
    /// If there is none here.
    #[track_caller]
    pub fn get(&'static self) -> T {
        self.with(T::clone)
    }

    /// A copy of the value.
    ///
    /// # Errors
    /// If there is none here.
    pub fn try_get(&'static self) -> Result<T, AccessError> {
        self.try_with(T::clone)
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

/// The value of the key with this type, as nobody else uses a key's address.
fn typed<T: 'static>(value: &dyn Value) -> &T {
    let value: &dyn Any = value;
    value.downcast_ref().expect("a key has one type")
}

fn owned<T: 'static>(value: Box<dyn Value>) -> Box<T> {
    let value: Box<dyn Any> = value;
    match value.downcast() {
        Ok(value) => value,
        Err(_) => unreachable!("a key has one type"),
    }
}

/// A scope's value while the scope is not being polled. (While it is, what was in an ordinary key before.)
enum Slot<T> {
    Empty,
    Own(T),
    Inherited(Box<T>),
}

impl<T> Slot<T> {
    fn take(&mut self) -> Slot<T> {
        mem::replace(self, Slot::Empty)
    }

    fn put_back(&mut self, entry: Entry)
    where
        T: 'static,
    {
        *self = entry.value.map_or(Slot::Empty, |value| Slot::Inherited(owned(value)));
    }

    fn into_value(self) -> Option<T> {
        match self {
            Slot::Empty => None,
            Slot::Own(value) => Some(value),
            Slot::Inherited(value) => Some(*value),
        }
    }
}

/// A value is in scope; when this goes, it is back in its slot.
struct Inside<'a, T: 'static> {
    key: &'static LocalKey<T>,
    slot: &'a mut Slot<T>,
    scope: Option<inherited::Scope>,
}

impl<T: 'static> Drop for Inside<'_, T> {
    fn drop(&mut self) {
        if let Some(scope) = self.scope.take() {
            if let Some(entry) = scope.leave() {
                self.slot.put_back(entry);
            }
        } else if let Kind::Own(cell) = &self.key.kind {
            // It went in, so the cell was not borrowed, and whoever borrowed it since has ended.
            let _ = self.key.swap(cell, self.slot);
        }
    }
}

pin_project_lite::pin_project! {
    /// The future of [`LocalKey::scope`]: a future with a value in its key.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct TaskLocalFuture<T: 'static, F> {
        key: &'static LocalKey<T>,
        slot: Slot<T>,
        #[pin]
        future: Option<F>,
    }

    impl<T: 'static, F> PinnedDrop for TaskLocalFuture<T, F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if mem::needs_drop::<F>() && this.future.is_some() {
                // With the value in scope if that can be; without it otherwise, when the fields are dropped.
                if let Ok(_inside) = this.key.enter(this.slot) {
                    this.future.set(None);
                }
            }
        }
    }
}

impl<T: 'static, F> TaskLocalFuture<T, F> {
    /// Takes the value out, usually after the future has completed; `None` if it was taken before. A future that
    /// goes on goes on without a value.
    ///
    /// # Examples
    /// ```
    /// runtime::task_local! {
    ///     static COUNT: std::cell::Cell<u32>;
    /// }
    ///
    /// runtime::run(async {
    ///     let counting = COUNT.scope(0.into(), async { COUNT.with(|count| count.set(3)) });
    ///     runtime::pin!(counting);
    ///     counting.as_mut().await;
    ///     assert_eq!(counting.take_value().unwrap().get(), 3);
    /// });
    /// ```
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        self.project().slot.take().into_value()
    }
}

impl<T: 'static, F: Future> Future for TaskLocalFuture<T, F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let _inside = match this.key.enter(this.slot) {
            Ok(inside) => inside,
            Err(refused) => panic!("{refused}"),
        };
        let polled = this.future.as_mut().as_pin_mut().expect(COMPLETED).poll(cx);
        if polled.is_ready() {
            // With the value in scope, as everything else of it.
            this.future.set(None);
        }
        polled
    }
}

impl<T: fmt::Debug + 'static, F> fmt::Debug for TaskLocalFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = match &self.slot {
            Slot::Empty => None,
            Slot::Own(value) => Some(value),
            Slot::Inherited(value) => Some(&**value),
        };
        f.debug_struct("TaskLocalFuture").field("value", &value).finish_non_exhaustive()
    }
}

/// A task-local has no value here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessError {
    _private: (),
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task-local has no value here")
    }
}

impl std::error::Error for AccessError {}
