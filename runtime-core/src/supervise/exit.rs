//! The end of a program's main future: asyncio's `run` cancels what is left, and waits for it.

#![forbid(unsafe_code)]

use super::callbacks::is_own;
use crate::handle::Handle;
use crate::primitive::{Arc, Condvar, Mutex, thread};
use crate::sync::Notify;
use crate::task::{self, AbortHandle};
use crate::time::timeout;
use futures_util::future::{Either, select};
use std::pin::pin;
use std::sync::Arc as StdArc;
use std::time::{Duration, Instant};

/// A task that does not listen ends with its poll. One whose poll lasts longer than this at the end is left to the rest
/// of the shutdown, which waits for polls as well.
const POLL_MAX: Duration = Duration::from_secs(1);

/// Whom a phase waits for.
#[derive(Clone, Copy, PartialEq)]
enum Wait {
    Listeners,
    All,
}

/// Asks every task of the runtime for its end, and those that come meanwhile, and waits until all have ended: for those
/// that listen as long as the runtime's grace, and then for the others until their polls end, a second at most. Whether
/// they have. To be driven by a `block_on` of the runtime.
///
/// Tasks of the runtime's own go on until it ends: callbacks of tasks that end now are still to come, and so are the
/// ends of graces that have begun.
pub async fn end_all(handle: &Handle) -> bool {
    end_all_within(handle, handle.inner().cancel_grace).await
}

/// [`end_all`] with a grace of its own.
pub(crate) async fn end_all_within(handle: &Handle, grace: Duration) -> bool {
    let listeners = within(handle, grace, end(handle, grace, Wait::Listeners)).await;
    let all = within(handle, grace.min(POLL_MAX), end(handle, grace, Wait::All)).await;
    listeners && all
}

/// Whether `end` has come in time.
async fn within(handle: &Handle, limit: Duration, end: impl Future<Output = ()>) -> bool {
    let end = timeout(limit, end);
    let shared = &handle.inner().shared;
    let rescues = shared.options.is_single || shared.options.rescue.is_on();
    if rescues && !shared.timers.source().is_paused() {
        return end.await.is_ok();
    }
    // A paused clock may stand for ever, and where nobody stands in for stuck workers, nobody fires timers for them.
    let is_late = StdArc::new(Notify::new());
    let late = StdArc::clone(&is_late);
    let _alarm = RealAlarm::start(limit, move || late.notify_one());
    match select(pin!(end), pin!(is_late.notified())).await {
        Either::Left((ended, _)) => ended.is_ok(),
        Either::Right(_) => false,
    }
}

async fn end(handle: &Handle, grace: Duration, wait: Wait) {
    loop {
        let tasks = handle.inner().homes.iter().flat_map(|home| home.abort_handles());
        let mut tasks: Vec<AbortHandle> = tasks.filter(|task| !is_own(task)).collect();
        for task in &tasks {
            task::request(task, Some(grace));
        }
        tasks.retain(|task| wait == Wait::All || task::is_told(task));
        if tasks.is_empty() {
            return;
        }
        let ended = StdArc::new(Notify::new());
        for task in tasks {
            let notice = StdArc::clone(&ended);
            task::on_end(task.raw(), Box::new(move |_| notice.notify_one()));
            drop(task);
            ended.notified().await;
        }
    }
}

/// Calls back when a time has passed that no paused clock stops; unless this is dropped before.
struct RealAlarm(Arc<(Mutex<bool>, Condvar)>);

impl RealAlarm {
    fn start(after: Duration, callback: impl FnOnce() + Send + 'static) -> RealAlarm {
        let off = Arc::new((Mutex::new(false), Condvar::new()));
        let alarm = RealAlarm(Arc::clone(&off));
        let wait = move || {
            let start = Instant::now();
            let mut is_off = off.0.lock();
            while !*is_off {
                let left = after.saturating_sub(start.elapsed());
                if left.is_zero() {
                    drop(is_off);
                    return callback();
                }
                is_off = off.1.wait_timeout(is_off, left).0;
            }
        };
        // Refused a thread, the exit waits without a second clock.
        drop(thread::Builder::new().name("runtime-exit".to_owned()).spawn(wait));
        alarm
    }
}

impl Drop for RealAlarm {
    fn drop(&mut self) {
        *self.0.0.lock() = true;
        self.0.1.notify_all();
    }
}
