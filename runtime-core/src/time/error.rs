//! What can go wrong with time.

#![forbid(unsafe_code)]

use std::{error, fmt, io};

/// The deadline came first: the error of [`timeout`](super::timeout).
///
/// # Examples
/// ```
/// use runtime::time::{Duration, timeout};
/// use std::{future, io};
///
/// async fn read() -> io::Result<u8> {
///     timeout(Duration::from_millis(1), future::pending()).await?
/// }
///
/// let error = runtime::run(read()).unwrap_err();
/// assert_eq!(error.kind(), io::ErrorKind::TimedOut);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elapsed(());

impl Elapsed {
    pub(crate) fn new() -> Self {
        Elapsed(())
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline has elapsed")
    }
}

impl error::Error for Elapsed {}

impl From<Elapsed> for io::Error {
    /// An error of the kind `TimedOut`.
    fn from(elapsed: Elapsed) -> io::Error {
        io::Error::new(io::ErrorKind::TimedOut, elapsed)
    }
}

/// Why a timer could not be started or waited for. Nothing here returns one: any duration is fine, any
/// number of timers too, and a wait whose runtime has shut down panics. It is there for programs that name it
/// in an error of their own.
///
/// # Examples
/// ```
/// use runtime::time::error::Error;
///
/// let error = Error::shutdown();
/// assert!(error.is_shutdown() && !error.is_invalid() && !error.is_at_capacity());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Error(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Shutdown,
    AtCapacity,
    Invalid,
}

impl Error {
    /// The runtime's timers have shut down.
    pub fn shutdown() -> Error {
        Error(Kind::Shutdown)
    }

    /// Whether it is [`shutdown`](Self::shutdown).
    pub fn is_shutdown(&self) -> bool {
        self.0 == Kind::Shutdown
    }

    /// There is no room for another timer.
    pub fn at_capacity() -> Error {
        Error(Kind::AtCapacity)
    }

    /// Whether it is [`at_capacity`](Self::at_capacity).
    pub fn is_at_capacity(&self) -> bool {
        self.0 == Kind::AtCapacity
    }

    /// The deadline is one that a timer cannot have.
    pub fn invalid() -> Error {
        Error(Kind::Invalid)
    }

    /// Whether it is [`invalid`](Self::invalid).
    pub fn is_invalid(&self) -> bool {
        self.0 == Kind::Invalid
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Shutdown => "the runtime's timers have shut down",
            Kind::AtCapacity => "there is no room for another timer",
            Kind::Invalid => "no timer can have this deadline",
        })
    }
}

impl error::Error for Error {}
