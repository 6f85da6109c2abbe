//! The seam under `--cfg loom`: loom's types, and stand-ins for what loom cannot look into.
//!
//! The stand-ins are as weak as the real things on purpose: a `Mutex<VecDeque>` in place of the
//! deque would order everything around it and hide lost wake-ups that the real ring allows.

#![allow(clippy::disallowed_types)]

use std::ops::{Deref, DerefMut};
use std::time::Duration;

pub use loom::hint;
pub use loom::sync::Arc;
/// loom has none. What is set once, before it is published by other means, needs none.
pub use std::sync::OnceLock;

pub mod channel;
pub mod deque;

/// Atomics and fences.
pub mod atomic {
    pub use loom::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
    };
}

/// Threads. Time does not pass under loom: a sleep lets the others go on.
pub mod thread {
    pub use loom::thread::*;

    /// Lets the others go on.
    pub fn sleep(_duration: std::time::Duration) {
        yield_now();
    }
}

/// Padding has no meaning to loom.
#[derive(Debug, Default)]
pub struct CachePadded<T>(T);

impl<T> CachePadded<T> {
    /// Wraps `value`.
    pub fn new(value: T) -> Self {
        CachePadded(value)
    }
}

impl<T> Deref for CachePadded<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for CachePadded<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// A value that is copied in and out. No part of a model: it shows something to people and orders nothing.
#[derive(Debug)]
pub struct AtomicCell<T>(std::sync::Mutex<T>);

impl<T: Copy> AtomicCell<T> {
    /// A cell with `value`.
    pub fn new(value: T) -> Self {
        AtomicCell(std::sync::Mutex::new(value))
    }

    /// Replaces the value.
    pub fn store(&self, value: T) {
        *self.0.lock().unwrap() = value;
    }

    /// The value.
    pub fn load(&self) -> T {
        *self.0.lock().unwrap()
    }
}

/// A mutex without poisoning.
#[derive(Debug)]
pub struct Mutex<T>(loom::sync::Mutex<T>);

/// What [`Mutex::lock`] returns.
pub type MutexGuard<'a, T> = loom::sync::MutexGuard<'a, T>;

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T> Mutex<T> {
    /// A new mutex around `value`.
    pub fn new(value: T) -> Self {
        Mutex(loom::sync::Mutex::new(value))
    }

    /// The value, taken out.
    pub fn into_inner(self) -> T {
        self.0.into_inner().unwrap()
    }

    /// Waits for the lock.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap()
    }

    /// The lock if it is free right now.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.0.try_lock().ok()
    }

    /// The value, without locking.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap()
    }
}

/// A condition variable without poisoning. Its time-outs never fire.
#[derive(Debug, Default)]
pub struct Condvar(loom::sync::Condvar);

impl Condvar {
    /// A new condition variable.
    pub fn new() -> Self {
        Condvar(loom::sync::Condvar::new())
    }

    /// Releases the lock, waits for a notification, locks again.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap()
    }

    /// The time-out never fires under loom.
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        _timeout: Duration,
    ) -> (MutexGuard<'a, T>, bool) {
        (self.wait(guard), false)
    }

    /// Wakes one waiting thread.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes all waiting threads.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// A cell whose every access loom checks for races.
#[derive(Debug)]
pub struct UnsafeCell<T>(loom::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    /// A new cell.
    pub fn new(value: T) -> Self {
        UnsafeCell(loom::cell::UnsafeCell::new(value))
    }

    /// The value, taken out.
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }

    /// Gives `f` a pointer to read through.
    pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        self.0.with(f)
    }

    /// Gives `f` a pointer to write through.
    pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        self.0.with_mut(f)
    }
}

/// A cell for values of any size, chosen by the user. Loom does not look into it: its own cells hold
/// sized values only. A model that wants races seen puts an [`UnsafeCell`] inside.
#[derive(Debug, Default)]
pub struct UnsafeValueCell<T: ?Sized>(std::cell::UnsafeCell<T>);

impl<T> UnsafeValueCell<T> {
    /// A new cell.
    pub fn new(value: T) -> Self {
        UnsafeValueCell(std::cell::UnsafeCell::new(value))
    }

    /// The value, taken out.
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T: ?Sized> UnsafeValueCell<T> {
    /// Gives `f` a pointer to read through.
    pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    /// Gives `f` a pointer to write through.
    pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// A function that is `const` wherever its parts are: loom's are not.
#[macro_export]
#[doc(hidden)]
macro_rules! const_fn {
    ($($(#[$attribute:meta])* $vis:vis const fn $name:ident($($arg:ident: $type:ty),*) -> $result:ty $body:block)+) => {
        $($(#[$attribute])* $vis fn $name($($arg: $type),*) -> $result $body)+
    };
}

/// A thread-local of the loom thread (loom's threads share one thread of the system).
#[macro_export]
#[doc(hidden)]
macro_rules! tls {
    ($($(#[$meta:meta])* $vis:vis static $name:ident: $type:ty = $init:expr;)+) => {
        ::loom::thread_local! { $($(#[$meta])* $vis static $name: $type = $init;)+ }
    };
}
