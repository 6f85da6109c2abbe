//! What to do when no connection can be accepted.
#![forbid(unsafe_code)]

use runtime_core::time::Instant;
use std::io::{self, Write};
use std::time::Duration;

/// The first pause, and the longest. Six attempts a second cost nothing, and nobody waits long when things are well
/// again.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_millis(160);
/// How many errors of single connections are passed over in a row, before it is taken for more than that.
const PASSED_MAX: usize = 64;
/// Descriptors may run out and come back all the time; who reads the log knows after one line.
const SILENCE: Duration = Duration::from_secs(60);

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Advice {
    Retry,
    Wait(Duration),
    GiveUp,
}

/// Errors since the last connection.
#[derive(Debug)]
pub(super) struct Trouble {
    server: String,
    passed: usize,
    pause: Duration,
    /// When it was said that it cannot accept, if that was not taken back.
    open: Option<Instant>,
    told: Option<Instant>,
}

impl Trouble {
    pub(super) fn new(server: String) -> Trouble {
        Trouble { server, passed: 0, pause: PAUSE_MIN, open: None, told: None }
    }

    pub(super) fn advice(&mut self, error: &io::Error) -> Advice {
        let Some(code) = error.raw_os_error() else {
            // Not from the system, so from us.
            self.say(format_args!("stopped: {error}"));
            return Advice::GiveUp;
        };
        if is_of_one_connection(code) && self.passed < PASSED_MAX {
            self.passed += 1;
            return Advice::Retry;
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(PAUSE_MAX);
        let now = Instant::now();
        if self.told.is_none_or(|told| now.duration_since(told) >= SILENCE) {
            (self.told, self.open) = (Some(now), Some(now));
            self.say(format_args!(
                "cannot accept connections: {error}. Those that are open go on, new ones wait, and it tries again. {}",
                remedy(code),
            ));
        }
        Advice::Wait(pause)
    }

    /// A connection was accepted.
    pub(super) fn is_over(&mut self) {
        (self.passed, self.pause) = (0, PAUSE_MIN);
        if let Some(since) = self.open.take() {
            let seconds = since.elapsed().as_secs_f32();
            self.say(format_args!("accepts connections again, after {seconds:.1} s"));
        }
    }

    fn say(&self, what: std::fmt::Arguments<'_>) {
        // One write: lines of several threads do not mix. Nobody is left to be told that stderr is gone.
        let _ = io::stderr().write_all(format!("runtime: {} {what}\n", self.server).as_bytes());
    }
}

/// The system gives the errors of a connection that waits in its queue to whoever accepts it.
fn is_of_one_connection(code: i32) -> bool {
    matches!(
        code,
        libc::ECONNABORTED
            | libc::ECONNRESET
            | libc::EHOSTDOWN
            | libc::EHOSTUNREACH
            | libc::EINTR
            | libc::ENETDOWN
            | libc::ENETUNREACH
            | libc::ENOPROTOOPT
            | libc::EOPNOTSUPP
            | libc::EPERM
            | libc::EPROTO
            | libc::ETIMEDOUT
    )
}

fn remedy(code: i32) -> &'static str {
    match code {
        libc::EMFILE => "Raise the process' limit (`ulimit -n`), or let fewer in at once (`Server::limit`)",
        libc::ENFILE => "Raise the system's limit (`fs.file-max`), or let fewer in at once (`Server::limit`)",
        libc::ENOBUFS | libc::ENOMEM => "The system is out of memory: let fewer in at once (`Server::limit`)",
        libc::ENOSPC => "Raise the system's limit of watched files (`fs.epoll.max_user_watches`)",
        _ => "If this does not pass, close the server and listen anew",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(trouble: &mut Trouble, code: i32) -> Advice {
        trouble.advice(&io::Error::from_raw_os_error(code))
    }

    #[test]
    fn errors_of_one_connection_are_passed_over_and_an_endless_row_of_them_is_not() {
        let mut trouble = Trouble::new("test".into());
        for _ in 0..PASSED_MAX {
            assert_eq!(advice(&mut trouble, libc::EPROTO), Advice::Retry);
        }
        assert_eq!(advice(&mut trouble, libc::EPROTO), Advice::Wait(PAUSE_MIN));
        trouble.is_over();
        assert_eq!(advice(&mut trouble, libc::ECONNABORTED), Advice::Retry);
    }

    #[test]
    fn pauses_grow_to_a_bound_and_start_anew() {
        let mut trouble = Trouble::new("test".into());
        let pauses: Vec<_> = (0..6).map(|_| advice(&mut trouble, libc::EMFILE)).collect();
        let expected = [10, 20, 40, 80, 160, 160].map(|ms| Advice::Wait(Duration::from_millis(ms)));
        assert_eq!(pauses, expected);
        trouble.is_over();
        assert_eq!(advice(&mut trouble, libc::ENFILE), Advice::Wait(PAUSE_MIN));
    }

    #[test]
    fn what_the_system_did_not_say_is_the_end() {
        let mut trouble = Trouble::new("test".into());
        assert_eq!(trouble.advice(&crate::source::shut_down_error()), Advice::GiveUp);
    }
}
