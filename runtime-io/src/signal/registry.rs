//! Who listens for which signal.
//!
//! The lock of a signal orders those who come and go. No signal handler takes it, and nothing of users runs under it.
#![forbid(unsafe_code)]

use super::handler::{
    SIGNALS_MAX, Slot, Table, current, is_function, is_ignored, is_ours, put_back, put_in_place,
};
use libc::c_int;
use runtime_core::primitive::Mutex;
use std::io;
use std::sync::OnceLock;

/// What a process may not catch, or not go on after.
const FORBIDDEN: [(c_int, &str); 6] = [
    (libc::SIGKILL, "SIGKILL cannot be caught"),
    (libc::SIGSTOP, "SIGSTOP cannot be caught"),
    (libc::SIGILL, "SIGILL says that the program is broken: there is nothing to go on with"),
    (libc::SIGFPE, "SIGFPE says that the program is broken: there is nothing to go on with"),
    (libc::SIGSEGV, "SIGSEGV says that the program is broken: there is nothing to go on with"),
    (libc::SIGBUS, "SIGBUS says that the program is broken: there is nothing to go on with"),
];

/// For each signal, whether our handler is in place: on top, or below another library's that may call it.
static IN_PLACE: OnceLock<Mutex<[bool; SIGNALS_MAX]>> = OnceLock::new();

fn in_place() -> &'static Mutex<[bool; SIGNALS_MAX]> {
    IN_PLACE.get_or_init(|| Mutex::new([false; SIGNALS_MAX]))
}

/// The signal is counted while this lives.
#[derive(Debug)]
pub(super) struct Subscription {
    slot: &'static Slot,
    signal: c_int,
    seen: usize,
}

impl Subscription {
    /// From here on.
    ///
    /// # Errors
    /// Kind `InvalidInput` for a signal that does not exist or cannot be caught; otherwise as the system says.
    pub(super) fn new(signal: c_int) -> io::Result<Subscription> {
        if let Some((_, why)) = FORBIDDEN.iter().find(|(forbidden, _)| *forbidden == signal) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, *why));
        }
        let table = Table::get()?;
        let slot = table.slot(signal).filter(|_| signal > 0).ok_or_else(|| no_signal(signal))?;
        let mut in_place = in_place().lock();
        let now = current(signal).map_err(|_| no_signal(signal))?;
        let seen = slot.count();
        // Before the handler is there: without a listener it would do what was there before.
        slot.add_listener();
        // A function that came after ours may call ours, and must not be called by it: that would go round in circles.
        let mine = &mut in_place[signal as usize];
        if !(is_ours(&now) || *mine && is_function(&now)) {
            if let Err(error) = put_in_place(slot, signal) {
                let _ = slot.remove_listener();
                return Err(name(signal, &error));
            }
        }
        *mine = true;
        Ok(Subscription { slot, signal, seen })
    }

    /// Whether the signal came since this was asked.
    pub(super) fn take(&mut self) -> bool {
        let count = self.slot.count();
        std::mem::replace(&mut self.seen, count) != count
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut in_place = in_place().lock();
        if self.slot.remove_listener() {
            // In a fork that has no listeners the handler does what was there before: nothing is lost if this fails.
            in_place[self.signal as usize] = !put_back(self.slot, self.signal).unwrap_or(true);
        }
    }
}

/// Whether nobody is meant to hear `signal`: it was ignored when the program began, as in the background of a shell or under
/// `nohup`, or is so by its own decision.
pub(super) fn is_ignored_by_others(signal: c_int) -> bool {
    let before = || Table::get().ok()?.slot(signal)?.before();
    current(signal).is_ok_and(
        |now| {
            if is_ours(&now) { before().is_some_and(is_ignored) } else { is_ignored(&now) }
        },
    )
}

fn no_signal(signal: c_int) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("there is no signal {signal} that could be caught"))
}

fn name(signal: c_int, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot catch signal {signal}: {error}"))
}
