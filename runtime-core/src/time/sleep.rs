//! Waiting for a moment.

#![forbid(unsafe_code)]

use crate::coop;
use crate::primitive::Arc;
use crate::task::resource::{Op, Resource};
use crate::task::unpolled::Unpolled;
use crate::time::instant::Instant;
use crate::time::present;
use crate::timer::Alarm;
use crate::timer::shard::Shard;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

const NO_RUNTIME: &str = "there is no runtime on this thread, so nobody would end this wait: await timers inside \
                          of `runtime::run`, `#[runtime::main]`, a task, or within `Handle::enter`";
const SHUT_DOWN: &str = "the runtime's timers have shut down: this future can wait no longer. Await it on a runtime \
                         that is running";

/// Waits for `duration`, counted from this call.
///
/// `sleep(Duration::ZERO)` lets other tasks run once. `Duration::MAX` waits for ever.
///
/// # Cancel safety
/// Dropping the future takes its timer out at once. Nothing else is lost.
///
/// # Panics
/// When it is polled and must wait, but not inside of a runtime, or the runtime has shut down.
///
/// # Examples
/// ```
/// use runtime::time::{Duration, Instant, sleep};
///
/// runtime::run(async {
///     let start = Instant::now();
///     sleep(Duration::from_millis(10)).await;
///     assert!(start.elapsed() >= Duration::from_millis(10));
/// });
/// ```
#[inline]
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    Sleep { unpolled: Unpolled::new("sleep"), ..part_sleep(duration) }.shown()
}

/// [`sleep`], as part of another future.
#[inline]
pub(crate) fn part_sleep(duration: Duration) -> Sleep {
    let now = Instant::now();
    Sleep::new(now + duration, if duration.is_zero() { Phase::Due } else { Phase::Ahead })
}

/// Waits until `deadline`. If that has passed, it lets other tasks run once.
///
/// # Cancel safety
/// Dropping the future takes its timer out at once. Nothing else is lost.
///
/// # Panics
/// When it is polled and must wait, but not inside of a runtime, or the runtime has shut down.
///
/// # Examples
/// ```
/// use runtime::time::{Duration, Instant, sleep_until};
///
/// runtime::run(async {
///     let deadline = Instant::now() + Duration::from_millis(10);
///     sleep_until(deadline).await;
///     assert!(Instant::now() >= deadline);
/// });
/// ```
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep { unpolled: Unpolled::new("sleep_until"), ..part_sleep_until(deadline) }.shown()
}

/// [`sleep_until`], as part of another future.
pub(crate) fn part_sleep_until(deadline: Instant) -> Sleep {
    Sleep::new(deadline, Phase::Unknown)
}

pin_project_lite::pin_project! {
    /// The future of [`sleep`] and [`sleep_until`]. Once it is ready, it stays so until it is
    /// [`reset`](Sleep::reset).
    ///
    /// It has the timer inside, so it must be pinned to be polled: `pin!(sleep(d))`, or `Box::pin`.
    ///
    /// Once it waits it may go to another task, thread or runtime: the timer stays with the runtime on which
    /// it was first polled, until the deadline has passed.
    ///
    /// # Examples
    /// ```
    /// use runtime::time::{Duration, sleep};
    ///
    /// runtime::run(async {
    ///     let nap = sleep(Duration::from_millis(50));
    ///     runtime::pin!(nap);
    ///     loop {
    ///         runtime::select! {
    ///             () = &mut nap => break,
    ///             () = sleep(Duration::from_millis(20)) => println!("still waiting"),
    ///         }
    ///     }
    /// });
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Sleep {
        deadline: Instant,
        phase: Phase,
        unpolled: Unpolled,
        op: Op,
        #[pin]
        alarm: Alarm,
    }
}

/// ```text
///            ╭▶ Due ──▶ Yielded ─▶ Done
///  Unknown ──┤                      ▲
///            ╰▶ Ahead ─▶ Waiting ───╯        reset: from anywhere to Unknown, or it keeps Waiting
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nobody has looked at the clock yet.
    Unknown,
    /// The deadline lay ahead when it was set: no need to look again before waiting.
    Ahead,
    /// The deadline had passed when it was set or first looked at.
    Due,
    /// It had, and the others were let run.
    Yielded,
    /// The alarm is started.
    Waiting,
    /// The deadline has passed, and was seen to.
    Done,
}

impl Sleep {
    #[inline]
    fn new(deadline: Instant, phase: Phase) -> Sleep {
        Sleep { deadline, phase, unpolled: Unpolled::none(), op: Op::none(), alarm: Alarm::new() }
    }

    /// The caller's: tokio-console shows it.
    #[inline]
    #[track_caller]
    pub(crate) fn shown(mut self) -> Sleep {
        self.op = Resource::timer("Sleep").start("Sleep::new_timeout");
        self
    }

    /// The moment for which this waits.
    ///
    /// # Examples
    /// ```
    /// use runtime::time::{Duration, Instant, sleep_until};
    ///
    /// let deadline = Instant::now() + Duration::from_secs(1);
    /// assert_eq!(sleep_until(deadline).deadline(), deadline);
    /// ```
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether the deadline has passed.
    ///
    /// # Examples
    /// ```
    /// use runtime::time::{Duration, sleep};
    ///
    /// assert!(sleep(Duration::ZERO).is_elapsed());
    /// assert!(!sleep(Duration::MAX).is_elapsed());
    /// ```
    pub fn is_elapsed(&self) -> bool {
        self.phase == Phase::Done || Instant::now() >= self.deadline
    }

    /// Puts the future on another deadline, whether or not the present one has passed.
    ///
    /// If a task waits for it, that task will be woken at the new deadline. If the future was ready already,
    /// it must be polled again before it wakes anybody.
    ///
    /// A deadline that has passed wakes that task at once. A later one costs no lock.
    ///
    /// # Examples
    /// A limit that starts anew with each sign of life:
    /// ```
    /// use runtime::time::{Duration, Instant, sleep};
    ///
    /// runtime::run(async {
    ///     let quiet = Duration::from_millis(20);
    ///     let limit = sleep(quiet);
    ///     runtime::pin!(limit);
    ///     for _ in 0..5 {
    ///         runtime::task::yield_now().await; // something came
    ///         limit.as_mut().reset(Instant::now() + quiet);
    ///     }
    ///     limit.await; // nothing came for 20 ms
    /// });
    /// ```
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let this = self.project();
        // Whoever does this keeps it, and has not forgotten to await it.
        this.unpolled.set_polled();
        let is_earlier = deadline < std::mem::replace(this.deadline, deadline);
        let moment = this.alarm.home().map(|home| {
            let moment_ns = home.source().ns_of(deadline.into_std());
            (moment_ns, is_earlier && moment_ns <= home.source().now_ns())
        });
        let waits = match moment {
            None => false,
            // Filed, it would go off with the next look at the wheel, and a poll before that would wait.
            Some((_, true)) => {
                this.alarm.ring();
                false
            }
            Some((moment_ns, false)) => this.alarm.reset(moment_ns),
        };
        *this.phase = if waits { Phase::Waiting } else { Phase::Unknown };
        let resource = this.op.resource();
        *this.op = resource.start("Sleep::reset");
        resource.duration(|| ahead(deadline));
    }

    /// [`reset`](Self::reset) for who knows what time it is.
    pub(super) fn reset_at(mut self: Pin<&mut Self>, deadline: Instant, now: Instant) {
        self.as_mut().reset(deadline);
        let phase = self.project().phase;
        if *phase == Phase::Unknown {
            *phase = if deadline <= now { Phase::Due } else { Phase::Ahead };
        }
    }

    /// Waits without letting others run first when the deadline has passed, and without touching the budget.
    #[inline]
    pub(super) fn poll_deadline(mut self: Pin<&mut Self>, cx: &Context<'_>) -> Poll<()> {
        let this = self.as_mut().project();
        let mut op = this.op.take();
        if *this.phase != Phase::Waiting {
            op.resource().duration(|| ahead(*this.deadline));
        }
        let polled = op.poll("poll_elapsed", || self.as_mut().poll_alarm(cx));
        *self.project().op = op;
        polled
    }

    #[inline]
    fn poll_alarm(self: Pin<&mut Self>, cx: &Context<'_>) -> Poll<()> {
        let this = self.project();
        match *this.phase {
            Phase::Waiting => {
                let ended = ready!(this.alarm.poll(cx.waker()));
                assert!(ended.is_ok(), "{SHUT_DOWN}");
            }
            Phase::Unknown | Phase::Ahead => {
                if let Some((shard, deadline_ns)) = moment_to_wait(*this.deadline, *this.phase) {
                    let started = this.alarm.start(shard, deadline_ns, cx.waker());
                    assert!(started.is_ok(), "{SHUT_DOWN}");
                    *this.phase = Phase::Waiting;
                    return Poll::Pending;
                }
            }
            Phase::Due | Phase::Yielded | Phase::Done => {}
        }
        *this.phase = Phase::Done;
        Poll::Ready(())
    }

    /// Whether the deadline has passed without anybody having waited; says so once.
    fn is_due_at_first(self: Pin<&mut Self>) -> bool {
        let this = self.project();
        if *this.phase == Phase::Unknown {
            *this.phase = if Instant::now() >= *this.deadline { Phase::Due } else { Phase::Ahead };
        }
        let due = *this.phase == Phase::Due;
        if due {
            *this.phase = Phase::Yielded;
        }
        due
    }
}

/// How far ahead `deadline` is.
fn ahead(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// Where and for what moment to start an alarm; `None` if the deadline has passed.
///
/// A deadline that lay ahead when it was set is taken to lie ahead still: if it does not, the alarm goes
/// off at the end of the round, and a look at the clock is saved each time it does. With paused time the
/// clock costs nothing and is always asked.
#[inline]
fn moment_to_wait(deadline: Instant, phase: Phase) -> Option<(Arc<Shard>, u64)> {
    present::with_timers(|timers| {
        let (timers, shard) = timers.expect(NO_RUNTIME);
        let source = timers.source();
        let deadline_ns = source.ns_of(deadline.into_std());
        let ahead = phase == Phase::Ahead && !source.is_shifted();
        let waits = ahead || source.now_ns() < deadline_ns;
        waits.then(|| (Arc::clone(timers.shard(shard)), deadline_ns))
    })
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.as_mut().project().unpolled.set_polled();
        let unit = ready!(coop::poll_proceed_on(cx, coop::WaitsOn::Time));
        if self.as_mut().is_due_at_first() {
            coop::yield_now(cx);
            return Poll::Pending;
        }
        ready!(self.poll_deadline(cx));
        unit.made_progress();
        Poll::Ready(())
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sleep { deadline, phase, alarm, .. } = self;
        f.debug_struct("Sleep")
            .field("deadline", deadline)
            .field("phase", phase)
            .field("alarm", alarm)
            .finish()
    }
}
