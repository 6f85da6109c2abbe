//! Subscribers of `tracing` are told.

#![forbid(unsafe_code)]

use super::super::trace::is_on;
use super::words::{Change, Count, Flag};
use crate::util::wake_list::{drop_quietly, quietly};
use pin_project_lite::pin_project;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tracing::span::Id;
use tracing::{Dispatch, Span, trace, trace_span};

/// Of all spans here. tokio's have the module's name instead.
const SPAN: &str = "runtime::resource";
const STATE: &str = "runtime::resource::state_update";
const OP_STATE: &str = "runtime::resource::async_op::state_update";
const POLL_OP: &str = "runtime::resource::poll_op";

/// A span that somebody wants. Its subscriber may panic: nobody is harmed, so it is no less safe for unwinding than nothing.
#[derive(Debug)]
struct Wanted(AssertUnwindSafe<Option<Span>>);

/// The span is entered while this lives.
#[must_use]
struct Entered<'a>(&'a Wanted);

impl Wanted {
    fn new(make: impl FnOnce() -> Span) -> Option<Self> {
        let mut made = None;
        quietly(|| made = Some(make()));
        made.filter(|span| !span.is_disabled()).map(|span| Wanted(AssertUnwindSafe(Some(span))))
    }

    /// `None` when it is dropped.
    fn span(&self) -> Option<&Span> {
        self.0.as_ref()
    }

    fn tell(&self, tell: impl FnOnce(&Dispatch, &Id)) {
        if let Some(span) = self.span() {
            quietly(|| {
                span.with_subscriber(|(id, dispatch)| tell(dispatch, id));
            });
        }
    }

    fn enter(&self) -> Entered<'_> {
        self.tell(Dispatch::enter);
        Entered(self)
    }

    #[cold]
    #[inline(never)]
    fn tell_inside(&self, tell: impl FnOnce()) {
        let _inside = self.enter();
        quietly(tell);
    }
}

impl Drop for Entered<'_> {
    /// Also when entering panicked: what a subscriber is made of is entered one part after the other.
    fn drop(&mut self) {
        self.0.tell(Dispatch::exit);
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        drop_quietly(self.0.take());
    }
}

/// Something that tasks wait for; empty if nobody wants to be told. Its waits share it: it may be gone before they are.
#[derive(Debug)]
pub(crate) struct Resource(Option<Arc<Wanted>>);

impl Resource {
    /// Nobody is told.
    pub(crate) const fn none() -> Self {
        Resource(None)
    }

    /// For what is made by the caller.
    #[inline]
    #[track_caller]
    pub(crate) fn sync(concrete_type: &'static str) -> Self {
        Self::new("Sync", concrete_type)
    }

    /// The same, of time.
    #[inline]
    #[track_caller]
    pub(crate) fn timer(concrete_type: &'static str) -> Self {
        Self::new("timer", concrete_type)
    }

    #[inline]
    #[track_caller]
    fn new(kind: &'static str, concrete_type: &'static str) -> Self {
        if is_on() { Self::open(kind, concrete_type, Location::caller()) } else { Self::none() }
    }

    fn open(kind: &'static str, concrete_type: &'static str, site: &'static Location<'static>) -> Self {
        let span = Wanted::new(|| {
            trace_span!(
                target: SPAN,
                parent: None,
                "runtime.resource",
                concrete_type,
                kind,
                loc.file = site.file(),
                loc.line = site.line(),
                loc.col = site.column(),
            )
        });
        Resource(span.map(Arc::new))
    }

    /// A wait that `source` begins, a function.
    #[inline]
    pub(crate) fn start(&self, source: &'static str) -> Op {
        Op(self.0.as_ref().and_then(|resource| Spans::open(resource, source)).map(Box::new))
    }

    /// `future` is a wait that `source` begins.
    #[inline]
    pub(crate) fn op<F>(&self, source: &'static str, future: F) -> Observed<F> {
        self.start(source).around("poll", future)
    }

    /// The same, for so many permits.
    #[inline]
    pub(crate) fn acquire<F>(&self, source: &'static str, permits: usize, future: F) -> Observed<F> {
        let mut op = self.start(source);
        if let Some(spans) = &mut op.0 {
            spans.requests = Some(permits);
        }
        op.around("poll", future)
    }

    /// Tells something inside of the span.
    #[inline]
    fn tell(&self, tell: impl FnOnce()) {
        if let Some(span) = &self.0 {
            span.tell_inside(tell);
        }
    }

    #[inline]
    pub(crate) fn set(&self, flag: Flag, is: bool) {
        self.tell(|| match flag {
            Flag::Locked => trace!(target: STATE, locked = is),
            Flag::WriteLocked => trace!(target: STATE, write_locked = is),
            Flag::TxDropped => trace!(target: STATE, tx_dropped = is),
            Flag::RxDropped => trace!(target: STATE, rx_dropped = is),
            Flag::ValueSent => trace!(target: STATE, value_sent = is),
            Flag::ValueReceived => trace!(target: STATE, value_received = is),
        });
    }

    #[inline]
    pub(crate) fn count(&self, count: Count, change: Change, n: usize) {
        let op = match change {
            Change::Set => "override",
            Change::Add => "add",
            Change::Sub => "sub",
        };
        self.tell(|| match count {
            Count::Permits => trace!(target: STATE, permits = n, permits.op = op),
            Count::MaxReaders => trace!(target: STATE, max_readers = n, max_readers.op = op),
            Count::CurrentReaders => trace!(target: STATE, current_readers = n, current_readers.op = op),
            Count::Size => trace!(target: STATE, size = n, size.op = op),
            Count::Arrived => trace!(target: STATE, arrived = n, arrived.op = op),
        });
    }

    /// How long it will be.
    #[inline]
    pub(crate) fn duration(&self, ahead: impl FnOnce() -> Duration) {
        self.tell(|| {
            let ms = millis(ahead());
            trace!(target: STATE, duration = ms, duration.unit = "ms", duration.op = "override");
        });
    }

    /// How long it will be, again and again.
    #[inline]
    pub(crate) fn period(&self, period: Duration) {
        let ms = millis(period);
        self.tell(|| trace!(target: STATE, period = ms, period.unit = "ms", period.op = "override"));
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// One wait for a resource.
#[derive(Debug)]
pub(crate) struct Op(Option<Box<Spans>>);

/// Closed in this order.
#[derive(Debug)]
struct Spans {
    poll: Wanted,
    op: Wanted,
    resource: Arc<Wanted>,
    /// How many permits it is for; told with the first poll, since entering the span is one.
    requests: Option<usize>,
}

impl Spans {
    fn open(resource: &Arc<Wanted>, source: &'static str) -> Option<Self> {
        // Inside of it, not only below it: so a console knows whose wait it is.
        let entered = resource.enter();
        let op = Wanted::new(|| trace_span!(target: SPAN, "runtime.resource.async_op", source))?;
        drop(entered);
        let poll = Wanted::new(
            || trace_span!(target: SPAN, parent: op.span().and_then(Span::id), "runtime.resource.async_op.poll"),
        )?;
        Some(Spans { poll, op, resource: Arc::clone(resource), requests: None })
    }
}

impl Op {
    /// Nobody is told.
    pub(crate) const fn none() -> Self {
        Op(None)
    }

    /// For who polls the whole of which this is a part, and puts it back.
    #[inline]
    pub(crate) fn take(&mut self) -> Self {
        Op(self.0.take())
    }

    /// For what it waits.
    #[inline]
    pub(crate) fn resource(&self) -> Resource {
        Resource(self.0.as_ref().map(|spans| Arc::clone(&spans.resource)))
    }

    /// `future` is this wait, and its polls are called `name`.
    #[inline]
    pub(crate) fn around<F>(self, name: &'static str, future: F) -> Observed<F> {
        Observed { future, op: self, name }
    }

    /// A poll of the wait; it is called `name`.
    #[inline]
    pub(crate) fn poll<T>(&mut self, name: &'static str, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        let inside = self.0.as_mut().map(|spans| spans.enter());
        let polled = poll();
        if let Some(inside) = inside {
            inside.polled(name, polled.is_ready());
        }
        polled
    }
}

/// Inside of all three; left in this order.
struct Inside<'a> {
    _poll: Entered<'a>,
    _op: Entered<'a>,
    _resource: Entered<'a>,
}

impl Spans {
    #[cold]
    fn enter(&mut self) -> Inside<'_> {
        let requests = self.requests.take();
        let (_resource, _op) = (self.resource.enter(), self.op.enter());
        let _poll = self.poll.enter();
        if let Some(n) = requests {
            quietly(|| trace!(target: OP_STATE, permits_requested = n, permits_requested.op = "override"));
        }
        Inside { _poll, _op, _resource }
    }
}

impl Inside<'_> {
    #[cold]
    fn polled(self, name: &'static str, is_ready: bool) {
        quietly(|| trace!(target: POLL_OP, op_name = name, is_ready));
    }
}

pin_project! {
    /// A future that is a wait.
    pub(crate) struct Observed<F> {
        // Dropped in this order.
        #[pin]
        future: F,
        op: Op,
        name: &'static str,
    }
}

impl<F: Future> Future for Observed<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.op.poll(this.name, || this.future.poll(cx))
    }
}
