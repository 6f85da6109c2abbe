//! A future knows whether it was polled, and where it was made.

#![forbid(unsafe_code)]

use crate::task::with_current;
use crate::tls;
use std::cell::Cell;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

tls! {
    /// In how many [`Silence`]s this thread is.
    static SILENCES: Cell<usize> = Cell::new(0);
}

/// Whether a future was polled.
#[derive(Debug)]
pub struct Unpolled {
    what: &'static str,
    /// Where it was made; `None` when it is over.
    site: Option<&'static Location<'static>>,
    /// How many `select!`s the task had left by then, if a task in debug mode has made it.
    selects: Option<u64>,
}

impl Unpolled {
    /// A future that `what` makes, a function: not polled.
    #[track_caller]
    pub fn new(what: &'static str) -> Self {
        let selects = with_current(|raw| Some(raw.head().extras()?.watched()?.debug()?.0.selects()));
        Unpolled { what, site: Some(Location::caller()), selects: selects.flatten() }
    }

    /// Nobody wants to know: it is part of another one.
    pub const fn none() -> Self {
        Unpolled { what: "", site: None, selects: None }
    }

    /// It is polled.
    pub fn set_polled(&mut self) {
        self.site = None;
    }
}

impl Drop for Unpolled {
    #[inline]
    fn drop(&mut self) {
        if let Some(site) = self.site {
            dropped(self.what, site, self.selects);
        }
    }
}

pin_project_lite::pin_project! {
    struct MustAwait<F> {
        unpolled: Unpolled,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for MustAwait<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.unpolled.set_polled();
        this.future.poll(cx)
    }
}

/// `future`, which `what` makes, a function.
#[track_caller]
pub fn must_await<F: Future>(what: &'static str, future: F) -> impl Future<Output = F::Output> {
    MustAwait { unpolled: Unpolled::new(what), future }
}

/// In a task in debug mode: says so.
#[cold]
fn dropped(what: &'static str, site: &'static Location<'static>, selects: Option<u64>) {
    let is_silent = SILENCES.try_with(|silences| silences.get() > 0).unwrap_or(true);
    if is_silent || thread::panicking() {
        return;
    }
    let _ = with_current(|raw| {
        let (debugged, by) = raw.head().extras()?.watched()?.debug()?;
        debugged.future_unpolled(by, &raw.whose(), what, site, selects);
        Some(())
    });
}

/// The end of a time in which futures may be dropped unpolled: dropped after them. It need not have begun.
#[derive(Debug)]
pub struct Silence(Around);

/// Around what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Around {
    Nothing,
    /// The parts of a future.
    Parts,
    /// The branches of a `select!`.
    Branches,
}

impl Silence {
    /// For branches, and declared before them: has not begun.
    pub const fn ahead() -> Self {
        Silence(Around::Nothing)
    }

    /// Its begin: declared after them, and dropped before them.
    pub fn begins(&mut self) -> Silent {
        self.0 = Around::Branches;
        Silent(())
    }

    /// For fields around what is part of a future.
    pub(crate) const fn around_parts() -> (Silent, Silence) {
        (Silent(()), Silence(Around::Parts))
    }
}

/// Calls `f`, which may drop futures unpolled.
pub(crate) fn silently<R>(f: impl FnOnce() -> R) -> R {
    let (silent, _silence) = Silence::around_parts();
    drop(silent);
    f()
}

impl Drop for Silence {
    fn drop(&mut self) {
        if self.0 != Around::Nothing {
            let _ = SILENCES.try_with(|silences| silences.set(silences.get() - 1));
        }
        if self.0 == Around::Branches {
            let _ = with_current(|raw| {
                raw.head().extras()?.watched()?.debug()?.0.select_left();
                Some(())
            });
        }
    }
}

/// The begin of a [`Silence`], when it is dropped.
#[derive(Debug)]
pub struct Silent(());

impl Drop for Silent {
    fn drop(&mut self) {
        let _ = SILENCES.try_with(|silences| silences.set(silences.get() + 1));
    }
}
