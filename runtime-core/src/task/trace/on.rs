//! Subscribers of `tracing` are told.

#![forbid(unsafe_code)]

use super::super::error::Whose;
use super::super::id::Id;
use crate::coop;
use crate::primitive::Mutex;
use crate::util::wake_list::{drop_quietly, quietly};
use pin_project_lite::pin_project;
use std::any::type_name;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use tracing::level_filters::LevelFilter;
use tracing::{Span, trace, trace_span};

/// Whether there is a subscriber that may want to be told.
#[inline]
pub(crate) fn is_on() -> bool {
    LevelFilter::current() >= LevelFilter::TRACE
}

/// What the span says that the cell does not know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    kind: &'static str,
    /// How large the future was that was spawned: it may have been boxed since.
    original_size: Option<usize>,
}

impl Told {
    #[inline]
    pub(crate) const fn task() -> Self {
        Told { kind: "task", original_size: None }
    }

    /// The task stays on one thread.
    #[inline]
    pub(crate) fn local(self) -> Self {
        Told { kind: "local", ..self }
    }

    /// This is the future that was spawned.
    #[inline]
    pub(crate) fn sized<F>(self) -> Self {
        Told { original_size: Some(size_of::<F>()), ..self }
    }
}

/// The span of a task, if it has one.
pub(crate) struct Traced(Option<Open>);

struct Open {
    /// The span's number, which wakers go on telling when it is closed.
    number: u64,
    /// `None` while it is entered, and once it is closed.
    span: Mutex<Option<Span>>,
}

/// The span is entered while this lives.
#[must_use]
pub(crate) struct Entered<'a>(Option<(&'a Open, Span)>);

impl Traced {
    pub(crate) const fn none() -> Self {
        Traced(None)
    }

    /// The span of a task with a future `F`.
    #[inline]
    pub(crate) fn task<F>(told: Told, whose: Whose<'_>) -> Self {
        if is_on() { Self::new(|| task_span(told, &whose, size_of::<F>())) } else { Self::none() }
    }

    /// The span of a blocking job.
    #[inline]
    pub(crate) fn job<F>(whose: Whose<'_>) -> Self {
        if is_on() { Self::new(|| job_span(&whose, type_name::<F>(), size_of::<F>())) } else { Self::none() }
    }

    /// The span of a future that is no task.
    fn driven<F>(spawn_site: &'static Location<'static>) -> Self {
        let whose = Whose { id: Id::next(), name: None, spawn_site };
        Self::task::<F>(Told { kind: "block_on", original_size: None }, whose)
    }

    fn new(make: impl FnOnce() -> Span) -> Self {
        let mut made = None;
        quietly(|| made = Some(make()));
        let open = made.and_then(|span| {
            let number = span.id()?.into_u64();
            Some(Open { number, span: Mutex::new(Some(span)) })
        });
        Traced(open)
    }

    #[inline]
    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// Enters the span, unless it is closed. One thread at a time.
    #[inline]
    pub(crate) fn enter(&self) -> Entered<'_> {
        Entered(self.0.as_ref().and_then(Open::enter))
    }

    /// The task was polled, and its span is still entered: says so if it asked for another poll without a waker.
    #[inline]
    pub(crate) fn polled(&self) {
        if self.is_some() && coop::has_yielded() {
            waker_op(Op::WakeByRef, || Some(self));
        }
    }

    /// The future is gone.
    #[inline]
    pub(crate) fn close(&self) {
        if let Some(open) = &self.0 {
            let span = open.span.lock().take();
            drop_quietly(span);
        }
    }
}

impl Open {
    fn enter(&self) -> Option<(&Open, Span)> {
        let span = self.span.lock().take()?;
        quietly(|| {
            span.with_subscriber(|(id, dispatch)| dispatch.enter(id));
        });
        Some((self, span))
    }
}

impl Drop for Entered<'_> {
    /// Also when entering panicked: what a subscriber is made of is entered one part after the other.
    fn drop(&mut self) {
        if let Some((open, span)) = self.0.take() {
            quietly(|| {
                span.with_subscriber(|(id, dispatch)| dispatch.exit(id));
            });
            *open.span.lock() = Some(span);
        }
    }
}

fn task_span(told: Told, whose: &Whose<'_>, size: usize) -> Span {
    let Told { kind, original_size } = told;
    trace_span!(
        target: "tokio::task",
        parent: None,
        "runtime.spawn",
        %kind,
        task.name = %whose.name.unwrap_or_default(),
        task.id = whose.id.as_u64(),
        original_size.bytes = original_size.filter(|original| *original != size),
        size.bytes = size,
        loc.file = whose.spawn_site.file(),
        loc.line = whose.spawn_site.line(),
        loc.col = whose.spawn_site.column(),
    )
}

/// Without a parent, unlike tokio's: the span of whoever spawned it would stay open, after its task's end, until the job's
/// is closed, and a console would show that task as one that waits without a waker.
fn job_span(whose: &Whose<'_>, function: &str, size: usize) -> Span {
    trace_span!(
        target: "tokio::task::blocking",
        parent: None,
        "runtime.spawn",
        kind = %"blocking",
        task.name = %whose.name.unwrap_or_default(),
        task.id = whose.id.as_u64(),
        "fn" = %function,
        size.bytes = size,
        loc.file = whose.spawn_site.file(),
        loc.line = whose.spawn_site.line(),
        loc.col = whose.spawn_site.column(),
    )
}

/// What became of a waker.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Op {
    /// This includes the waker's drop.
    Wake,
    WakeByRef,
    Clone,
    Drop,
}

impl Op {
    fn name(self) -> &'static str {
        match self {
            Op::Wake => "waker.wake",
            Op::WakeByRef => "waker.wake_by_ref",
            Op::Clone => "waker.clone",
            Op::Drop => "waker.drop",
        }
    }
}

/// Something becomes of a waker of the task that `traced` gives.
#[inline]
pub(crate) fn waker_op<'a>(op: Op, traced: impl FnOnce() -> Option<&'a Traced>) {
    if is_on() {
        if let Some(open) = traced().and_then(|traced| traced.0.as_ref()) {
            tell(op, open.number);
        }
    }
}

fn tell(op: Op, number: u64) {
    quietly(|| trace!(target: "tokio::task::waker", op = op.name(), task.id = number));
}

/// The future of a `block_on`, with a span of its own.
#[inline]
pub(crate) fn driven<F: Future>(future: F, site: &'static Location<'static>) -> Driven<F> {
    let traced = if is_on() { Traced::driven::<F>(site) } else { Traced::none() };
    Driven { future, traced }
}

pin_project! {
    /// See [`driven`].
    pub(crate) struct Driven<F> {
        #[pin]
        future: F,
        traced: Traced,
    }

    impl<F> PinnedDrop for Driven<F> {
        fn drop(this: Pin<&mut Self>) {
            this.traced.close();
        }
    }
}

impl<F: Future> Future for Driven<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _span = this.traced.enter();
        this.future.poll(cx)
    }
}
