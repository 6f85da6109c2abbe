//! Tasks (skeleton: signatures are final, bodies follow).
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A blocking job on its way to a pool thread. Dropping it cancels it: the handle answers `Cancelled`.
#[derive(Debug)]
pub struct Job(());

impl Job {
    /// Runs the job; a panic of the closure goes to its handle, never to the caller.
    pub fn run(self) {}
    /// The pool could not take the job: the handle answers with an error that carries `source`.
    pub fn refuse(self, _source: std::io::Error) {}
}

/// Awaits a task's result.
#[derive(Debug)]
pub struct JoinHandle<T>(std::marker::PhantomData<fn() -> T>);
/// Why a task gave no result.
#[derive(Debug)]
pub struct JoinError(());

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        todo!()
    }
}
