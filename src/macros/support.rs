//! What the expansions of `select!`, `join!`, `try_join!`, `pin!` and `task_local!` call.
//!
//! An expansion names nothing but this module (as `$crate::__private`), so that it means the same
//! wherever it stands, whatever the caller calls `Poll`, `Future`, `core` or `u32`.

use runtime_core::coop;
use runtime_core::task::LocalKey;
use std::task::Context;

pub use futures_util::future::MaybeDone;
pub use runtime_core::context::random_below;
pub use runtime_core::supervise::gather::gathered;
pub use runtime_core::task::unpolled::Silence;
pub use runtime_macros::{join, select, try_join};
pub use std::cell::RefCell;
pub use std::future::{Future, IntoFuture, poll_fn};
pub use std::option::Option;
pub use std::pin::{Pin, pin};
pub use std::primitive::{u8, u16, u32, u64};
pub use std::result::Result;
pub use std::task::Poll;
pub use std::thread_local;
pub use std::unreachable;

/// The `else` of a `select!` that has none.
///
/// # Panics
/// Always: that is what it is for.
#[cold]
#[track_caller]
pub fn select_all_disabled() -> ! {
    panic!("every branch of `select!` is disabled, and it has no `else` branch")
}

/// The key of an `#[inherit]` static. (A function of its own: a bound that the type misses is reported where the type
/// stands.)
pub const fn inherited_key<T: Clone + Send + 'static>() -> LocalKey<T> {
    LocalKey::inherited()
}

/// The branch whose turn it is `steps` after that of `first`, of `count`.
#[inline]
pub fn turn(first: u32, steps: u32, count: u32) -> u32 {
    (first + steps) % count
}

/// Whether the running task has used up its budget; it has then been asked to be polled again.
#[inline]
pub fn is_budget_spent(cx: &mut Context<'_>) -> bool {
    let spent = !coop::has_budget_remaining();
    if spent {
        coop::yield_now(cx);
    }
    spent
}

/// A future of a `join!`; when it is done, its output is in the same place.
#[inline]
pub fn pending<F: IntoFuture>(future: F) -> MaybeDone<F::IntoFuture> {
    MaybeDone::Future(future.into_future())
}

/// A future of a `try_join!`.
#[inline]
pub fn pending_result<T, E, F: IntoFuture<Output = Result<T, E>>>(future: F) -> MaybeDone<F::IntoFuture> {
    MaybeDone::Future(future.into_future())
}

/// Polls one future of a `join!` that may be done already: is it still pending?
#[inline]
pub fn poll_join<F: Future>(future: Pin<&mut MaybeDone<F>>, cx: &mut Context<'_>) -> bool {
    future.poll(cx).is_pending()
}

/// Polls one future of a `try_join!` that may be done already: is it still pending? Or was it an error?
///
/// # Errors
/// The future's own.
#[inline]
pub fn poll_try_join<T, E, F>(mut future: Pin<&mut MaybeDone<F>>, cx: &mut Context<'_>) -> Result<bool, E>
where
    F: Future<Output = Result<T, E>>,
{
    let pending = poll_join(future.as_mut(), cx);
    match future.as_mut().output_mut() {
        Some(Err(_)) => take_output(future).map(|_| false),
        Some(Ok(_)) | None => Ok(pending),
    }
}

/// The output of a future that is done.
///
/// # Panics
/// If it is not.
#[inline]
pub fn take_output<F: Future>(future: Pin<&mut MaybeDone<F>>) -> F::Output {
    future.take_output().expect("polled until it was done")
}

/// The value of a future that is done, and no error.
#[inline]
pub fn take_ok<T, E, F: Future<Output = Result<T, E>>>(future: Pin<&mut MaybeDone<F>>) -> T {
    match take_output(future) {
        Ok(value) => value,
        Err(_) => unreachable!("the first error ends `try_join!`"),
    }
}
