//! Values that tasks inherit: what `#[inherit]` keys of `task_local!` stand on.
//!
//! A thread has a stack of frames: one for each scope that is being polled on it, and one for each task
//! (or job) that was given values at its spawn. A key's value is that of the topmost frame which has it;
//! a task's frame ends the search, so that a task sees what it was given, and never what happens to be in
//! scope on the thread that polls it.
//!
//! ```text
//!   spawn                                poll of the child, on any thread
//!   ─────                                ────────────────────────────────
//!   current() copies the values ───────▶ enter(values) … leave() gives them back until the next poll
//!   that are in scope
//! ```
//!
//! A value belongs to one task at a time and is copied by its own `Clone`, so it need not be `Sync`, and what a
//! child does never shows in its parent. No foreign code (`Clone`, `Drop`, whoever looks at a value) runs while
//! the stack is borrowed. Without any value in scope a spawn costs one look at a thread-local.

#![forbid(unsafe_code)]

use crate::tls;
use crate::util::wake_list::drop_quietly;
use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

/// Frames that a thread keeps for the next ones: so many are nested without an allocation.
const SPARE_MAX: usize = 16;

tls! {
    /// The topmost frame.
    static TOP: RefCell<Option<Rc<Frame>>> = RefCell::new(None);
    /// Frames out of use, which nobody else holds.
    static SPARE: RefCell<Vec<Rc<Frame>>> = RefCell::new(Vec::new());
}

/// A value that children get a copy of.
pub trait Value: Any + Send {
    /// The copy for one child.
    fn copy(&self) -> Box<dyn Value>;
}

impl<T: Any + Send + Clone> Value for T {
    fn copy(&self) -> Box<dyn Value> {
        Box::new(self.clone())
    }
}

/// A value with its key: the address of the key's static.
pub struct Entry {
    /// Whose it is.
    pub key: usize,
    /// What it is; `None` hides the one of an outer scope.
    pub value: Option<Box<dyn Value>>,
}

/// The copies that a child was given, while it is not being polled. Dropping them runs foreign code.
#[must_use]
pub struct Captured(Vec<Entry>);

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("key", &self.key).finish_non_exhaustive()
    }
}

impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captured").field("values", &self.0.len()).finish()
    }
}

#[derive(Default)]
struct Frame {
    held: Held,
    /// Where the search goes on.
    outer: Option<Rc<Frame>>,
}

#[derive(Default)]
enum Held {
    #[default]
    Nothing,
    /// By a scope.
    One(Entry),
    /// By a task.
    Many(Vec<Entry>),
}

impl Held {
    fn entries(&self) -> &[Entry] {
        match self {
            Held::Nothing => &[],
            Held::One(entry) => std::slice::from_ref(entry),
            Held::Many(entries) => entries,
        }
    }
}

fn top() -> Option<Rc<Frame>> {
    TOP.try_with(|top| top.borrow().clone()).ok().flatten()
}

fn entries(top: Option<&Rc<Frame>>) -> impl Iterator<Item = &Entry> {
    std::iter::successors(top, |frame| frame.outer.as_ref()).flat_map(|frame| frame.held.entries())
}

/// A copy of every value in scope, for a task or job that is about to be spawned; `None` if there is none.
///
/// # Panics
/// If a value's `Clone` does.
#[inline]
pub fn current() -> Option<Captured> {
    let is_any = TOP.try_with(|top| top.borrow().is_some());
    if is_any.unwrap_or(false) { copies() } else { None }
}

#[cold]
fn copies() -> Option<Captured> {
    let top = top()?;
    let mut copies: Vec<Entry> = Vec::new();
    for Entry { key, value } in entries(Some(&top)) {
        if copies.iter().all(|copy| copy.key != *key) {
            copies.push(Entry { key: *key, value: value.as_deref().map(Value::copy) });
        }
    }
    copies.retain(|copy| copy.value.is_some());
    if copies.is_empty() { None } else { Some(Captured(copies)) }
}

/// Lets `f` look at the value that `key` has here; `None` if it has none.
pub fn with<R>(key: usize, f: impl FnOnce(&dyn Value) -> R) -> Option<R> {
    // Held by this call, so that whatever `f` enters and leaves, what it looks at stays.
    let top = top()?;
    let entry = entries(Some(&top)).find(|entry| entry.key == key)?;
    Some(f(entry.value.as_deref()?))
}

/// A task that was given `values` is about to be polled (or a job to be run) on this thread. What was in scope
/// here is out of sight until the guard goes.
pub fn enter(values: Option<Captured>) -> Entered {
    let held = values.map_or(Held::Nothing, |Captured(values)| Held::Many(values));
    Entered(push(held, false))
}

/// `f` with copies of every value in scope here, wherever it is called.
pub fn bind<F: FnOnce()>(f: F) -> impl FnOnce() + use<F> {
    bind_to(current(), f)
}

/// `f` with `values` in scope, wherever it is called, and nothing else.
pub fn bind_to<F: FnOnce()>(values: Option<Captured>, f: F) -> impl FnOnce() + use<F> {
    move || {
        let entered = enter(values);
        let result = catch_unwind(AssertUnwindSafe(f));
        drop_quietly(entered.leave());
        if let Err(payload) = result {
            resume_unwind(payload);
        }
    }
}

/// Takes everything on this thread out of sight until the guard goes: what is polled meanwhile began elsewhere.
pub fn hide() -> Hidden {
    let hidden = top();
    Hidden { hidden, _nothing: enter(None) }
}

/// Nothing is in scope on this thread but what is [shown](Self::show).
#[must_use = "everything is in scope again when this is dropped"]
pub struct Hidden {
    hidden: Option<Rc<Frame>>,
    _nothing: Entered,
}

impl Hidden {
    /// Runs `f` with everything in scope that was hidden.
    pub fn show<R>(&self, f: impl FnOnce() -> R) -> R {
        struct HideAgain;
        impl Drop for HideAgain {
            fn drop(&mut self) {
                let shown = TOP.try_with(|top| top.take());
                drop(shown);
            }
        }
        let _hide_again = HideAgain;
        let _ = TOP.try_with(|top| top.replace(self.hidden.clone()));
        f()
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hidden").finish_non_exhaustive()
    }
}

/// Puts a value in scope on this thread, above what is there.
///
/// # Errors
/// Gives it back if the thread's locals are gone.
pub fn scope(entry: Entry) -> Result<Scope, Entry> {
    let mut pushed = push(Held::One(entry), true);
    match pushed.left.take() {
        Some(Held::One(entry)) => {
            pushed.is_popped = true;
            Err(entry)
        }
        _ => Ok(Scope(pushed)),
    }
}

/// A frame is on the stack until this goes. Guards go in the reverse order of their making.
struct Pushed {
    /// What was topmost before.
    below: Option<Rc<Frame>>,
    /// What could not be pushed, because the thread's locals are gone.
    left: Option<Held>,
    is_popped: bool,
}

fn push(held: Held, sees_outer: bool) -> Pushed {
    let mut held = Some(held);
    let below = TOP.try_with(|top| {
        let held = held.take().unwrap_or_default();
        let outer = if sees_outer { top.borrow().clone() } else { None };
        top.replace(new_frame(held, outer))
    });
    Pushed { below: below.ok().flatten(), left: held, is_popped: false }
}

/// `None` for a frame that would show nothing.
fn new_frame(held: Held, outer: Option<Rc<Frame>>) -> Option<Rc<Frame>> {
    if matches!(held, Held::Nothing) {
        return outer;
    }
    let mut frame = SPARE.try_with(|spare| spare.borrow_mut().pop()).ok().flatten().unwrap_or_default();
    let fields = Rc::get_mut(&mut frame).expect("nobody holds a spare frame");
    *fields = Frame { held, outer };
    Some(frame)
}

impl Pushed {
    /// Takes the frame off the stack: what it held. Must be called once, and runs no foreign code.
    fn pop(&mut self) -> Held {
        self.is_popped = true;
        if let Some(left) = self.left.take() {
            return left;
        }
        let below = self.below.take();
        let frame = TOP.try_with(|top| top.replace(below)).ok().flatten();
        let Some(mut frame) = frame else { return Held::Nothing };
        // Whoever looks at a value holds its frame, but that is over when the poll inside of this guard is.
        let Some(fields) = Rc::get_mut(&mut frame) else {
            debug_assert!(false, "a frame is held by somebody who outlives it");
            return Held::Nothing;
        };
        let Frame { held, outer } = mem::take(fields);
        drop(outer);
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < SPARE_MAX {
                spare.push(frame);
            }
        });
        held
    }
}

impl Drop for Pushed {
    fn drop(&mut self) {
        if !self.is_popped {
            drop(self.pop());
        }
    }
}

/// What a task was given is in scope on this thread. Dropping it drops the values; see [`leave`](Self::leave).
#[must_use = "the values are out of scope when this is dropped"]
pub struct Entered(Pushed);

impl Entered {
    /// The poll is over: the values, for the next one.
    pub fn leave(mut self) -> Option<Captured> {
        match self.0.pop() {
            Held::Many(values) => Some(Captured(values)),
            Held::One(_) | Held::Nothing => None,
        }
    }
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entered").finish_non_exhaustive()
    }
}

/// A value is in scope on this thread. Dropping it drops the value; see [`leave`](Self::leave).
#[must_use = "the value is out of scope when this is dropped"]
pub struct Scope(Pushed);

impl Scope {
    /// The scope is over, for now: its value.
    pub fn leave(mut self) -> Option<Entry> {
        match self.0.pop() {
            Held::One(entry) => Some(entry),
            Held::Many(_) | Held::Nothing => None,
        }
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}
