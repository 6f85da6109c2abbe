//! Which signal.
#![forbid(unsafe_code)]

use std::os::raw::c_int;

/// A kind of signal.
///
/// # Examples
/// ```
/// use runtime_io::signal::unix::SignalKind;
///
/// assert_eq!(SignalKind::interrupt().as_raw_value(), 2);
/// assert_eq!(SignalKind::from_raw(15), SignalKind::terminate());
/// ```
#[derive(Debug, Clone, Copy, Hash, PartialEq, Eq)]
pub struct SignalKind(c_int);

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $signal:ident;)+) => {
        impl SignalKind {
            $($(#[$doc])* pub const fn $name() -> SignalKind {
                SignalKind(libc::$signal)
            })+
        }
    };
}

kinds! {
    /// SIGALRM: a timer of the process ran out. Ends the process by default.
    alarm = SIGALRM;
    /// SIGCHLD: a child process has ended or stopped. Ignored by default.
    child = SIGCHLD;
    /// SIGHUP: the terminal is gone; by custom, read the configuration again. Ends the process by default.
    hangup = SIGHUP;
    /// SIGINT: Ctrl-C. Ends the process by default.
    interrupt = SIGINT;
    /// SIGIO: a descriptor is ready. Ends the process by default.
    io = SIGIO;
    /// SIGPIPE: a write to a pipe that nobody reads. Rust's programs ignore it, so that such a write is an error.
    pipe = SIGPIPE;
    /// SIGQUIT: Ctrl-\. Ends the process, with a core dump, by default.
    quit = SIGQUIT;
    /// SIGTERM: asks the process for its end. Ends it by default.
    terminate = SIGTERM;
    /// SIGUSR1. Ends the process by default.
    user_defined1 = SIGUSR1;
    /// SIGUSR2. Ends the process by default.
    user_defined2 = SIGUSR2;
    /// SIGWINCH: the terminal has another size. Ignored by default.
    window_change = SIGWINCH;
}

impl SignalKind {
    /// The signal with this number. Whether it exists is found out by [`signal`](super::unix::signal).
    pub const fn from_raw(signum: c_int) -> SignalKind {
        SignalKind(signum)
    }

    /// Its number.
    pub const fn as_raw_value(&self) -> c_int {
        self.0
    }
}

impl From<c_int> for SignalKind {
    fn from(signum: c_int) -> SignalKind {
        SignalKind::from_raw(signum)
    }
}

impl From<SignalKind> for c_int {
    fn from(kind: SignalKind) -> c_int {
        kind.as_raw_value()
    }
}
