//! The panic hook.

#![forbid(unsafe_code)]

use super::message;
use crate::primitive::{Condvar, Mutex, thread};
use crate::{coop, tls};
use std::any::{Any, TypeId};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::RefCell;
use std::panic::{set_hook, take_hook};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

/// The last panic of a thread.
struct Last {
    type_id: TypeId,
    message: Option<String>,
    backtrace: Arc<Backtrace>,
}

tls! {
    static LAST: RefCell<Option<Last>> = RefCell::new(None);
}

/// How long the thread that builds a runtime waits for the hook to be set. That takes some microseconds; but while a panic hook
/// runs on any thread none can be set, and that one may wait for this very thread, as one that sends a report does.
const SETTING_MAX: Duration = Duration::from_secs(2);

/// From here on the backtraces of panics in tasks are kept, if the environment enables backtraces.
pub(crate) fn keep_backtraces() {
    // While a thread panics it may not set a hook: the next one who builds a runtime does.
    let is_enabled = || Backtrace::capture().status() == BacktraceStatus::Captured;
    if HOOKED.is_completed() || !is_enabled() || thread::panicking() {
        return;
    }
    let is_set = Arc::new((Mutex::new(false), Condvar::new()));
    let tell = Arc::clone(&is_set);
    let set = move || {
        HOOKED.call_once(set_ours);
        *tell.0.lock() = true;
        tell.1.notify_one();
    };
    if thread::Builder::new().name("runtime-hook".to_owned()).spawn(set).is_err() {
        return;
    }
    let start = Instant::now();
    let mut is_done = is_set.0.lock();
    while !*is_done {
        let left = SETTING_MAX.saturating_sub(start.elapsed());
        if left.is_zero() {
            return;
        }
        is_done = is_set.1.wait_timeout(is_done, left).0;
    }
}

static HOOKED: Once = Once::new();

fn set_ours() {
    let previous = take_hook();
    set_hook(Box::new(move |panic| {
        // Inside of the poll of a task or of a `block_on`, or of a job.
        if coop::current_frame().is_some() {
            keep(panic.payload());
        }
        previous(panic);
    }));
}

fn keep(payload: &(dyn Any + Send)) {
    let last = Last {
        type_id: payload.type_id(),
        message: message(payload).map(str::to_owned),
        backtrace: Arc::new(Backtrace::capture()),
    };
    // A thread whose locals are gone polls no task. Nobody else is inside of `LAST`: nothing there can panic.
    let _ = LAST.try_with(|kept| kept.replace(Some(last)));
}

/// The backtrace of the panic that was just caught on this thread, if it was kept.
pub(in crate::task) fn of_panic(payload: &(dyn Any + Send)) -> Option<Arc<Backtrace>> {
    let last = LAST.try_with(|kept| kept.take()).ok()??;
    let is_same = last.type_id == payload.type_id() && last.message.as_deref() == message(payload);
    is_same.then_some(last.backtrace)
}
