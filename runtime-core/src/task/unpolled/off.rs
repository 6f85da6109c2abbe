//! Nobody asks whether a future was polled.

#![forbid(unsafe_code)]

/// Whether a future was polled.
#[derive(Debug)]
pub struct Unpolled;

impl Unpolled {
    /// It was not.
    #[inline(always)]
    pub const fn new(_what: &'static str) -> Self {
        Unpolled
    }

    /// Nobody wants to know.
    #[inline(always)]
    pub const fn none() -> Self {
        Unpolled
    }

    /// It is now.
    #[inline(always)]
    pub fn set_polled(&mut self) {}
}

/// `future`, which somebody makes.
#[inline(always)]
pub fn must_await<F: Future>(_what: &'static str, future: F) -> impl Future<Output = F::Output> {
    future
}

/// The end of a time in which futures may be dropped unpolled.
#[derive(Debug)]
pub struct Silence;

impl Silence {
    /// For branches.
    #[inline(always)]
    pub const fn ahead() -> Self {
        Silence
    }

    /// Its begin.
    #[inline(always)]
    pub fn begins(&mut self) -> Silent {
        Silent
    }

    /// For fields.
    #[inline(always)]
    pub(crate) const fn around_parts() -> (Silent, Silence) {
        (Silent, Silence)
    }
}

/// The begin.
#[derive(Debug)]
pub struct Silent;

/// Calls `f`.
#[inline(always)]
pub(crate) fn silently<R>(f: impl FnOnce() -> R) -> R {
    f()
}
