//! What a source is ready for: a small set of flags.
#![forbid(unsafe_code)]

use crate::interest::Interest;
use std::fmt;
use std::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, Sub, SubAssign};

/// A set of readiness flags, as given by the `ready` methods of sockets and of
/// [`AsyncFd`](crate::io::AsyncFd).
///
/// ```
/// use runtime_io::io::Ready;
///
/// let ready = Ready::READABLE | Ready::READ_CLOSED;
/// assert!(ready.is_readable() && ready.is_read_closed() && !ready.is_writable());
/// assert_eq!(ready - Ready::READABLE, Ready::READ_CLOSED);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ready(u8);

impl Ready {
    /// Nothing.
    pub const EMPTY: Ready = Ready(0);
    /// Reading will not block.
    pub const READABLE: Ready = Ready(1);
    /// Writing will not block.
    pub const WRITABLE: Ready = Ready(1 << 1);
    /// The other side will send no more.
    pub const READ_CLOSED: Ready = Ready(1 << 2);
    /// The other side takes no more.
    pub const WRITE_CLOSED: Ready = Ready(1 << 3);
    /// Out-of-band data, or what the kind of descriptor calls a priority event.
    pub const PRIORITY: Ready = Ready(1 << 4);
    /// The source has an error to report.
    pub const ERROR: Ready = Ready(1 << 5);
    /// All of the above.
    pub const ALL: Ready = Ready((1 << 6) - 1);

    pub(crate) const fn from_bits(bits: u8) -> Ready {
        Ready(bits & Ready::ALL.0)
    }

    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    /// The flags that answer `interest`: the wish itself, and the ends of the stream that end it.
    pub fn from_interest(interest: Interest) -> Ready {
        let mut ready = Ready::EMPTY;
        if interest.is_readable() {
            ready |= Ready::READABLE | Ready::READ_CLOSED;
        }
        if interest.is_writable() {
            ready |= Ready::WRITABLE | Ready::WRITE_CLOSED;
        }
        if interest.is_priority() {
            ready |= Ready::PRIORITY | Ready::READ_CLOSED;
        }
        if interest.is_error() {
            ready |= Ready::ERROR;
        }
        ready
    }

    /// Whether no flag is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the source is readable, or closed for reading (which a read answers at once).
    pub const fn is_readable(self) -> bool {
        self.intersects(Ready(Ready::READABLE.0 | Ready::READ_CLOSED.0))
    }

    /// Whether the source is writable, or closed for writing (which a write answers at once).
    pub const fn is_writable(self) -> bool {
        self.intersects(Ready(Ready::WRITABLE.0 | Ready::WRITE_CLOSED.0))
    }

    /// Whether the other side will send no more.
    pub const fn is_read_closed(self) -> bool {
        self.intersects(Ready::READ_CLOSED)
    }

    /// Whether the other side takes no more.
    pub const fn is_write_closed(self) -> bool {
        self.intersects(Ready::WRITE_CLOSED)
    }

    /// Whether there is a priority event.
    pub const fn is_priority(self) -> bool {
        self.intersects(Ready::PRIORITY)
    }

    /// Whether the source has an error to report.
    pub const fn is_error(self) -> bool {
        self.intersects(Ready::ERROR)
    }

    pub(crate) const fn intersects(self, other: Ready) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Ready {
    type Output = Ready;
    fn bitor(self, other: Ready) -> Ready {
        Ready(self.0 | other.0)
    }
}

impl BitOrAssign for Ready {
    fn bitor_assign(&mut self, other: Ready) {
        self.0 |= other.0;
    }
}

impl BitAnd for Ready {
    type Output = Ready;
    fn bitand(self, other: Ready) -> Ready {
        Ready(self.0 & other.0)
    }
}

impl BitAndAssign for Ready {
    fn bitand_assign(&mut self, other: Ready) {
        self.0 &= other.0;
    }
}

impl Sub for Ready {
    type Output = Ready;
    fn sub(self, other: Ready) -> Ready {
        Ready(self.0 & !other.0)
    }
}

impl SubAssign for Ready {
    fn sub_assign(&mut self, other: Ready) {
        self.0 &= !other.0;
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Ready::READABLE, "READABLE"),
            (Ready::WRITABLE, "WRITABLE"),
            (Ready::READ_CLOSED, "READ_CLOSED"),
            (Ready::WRITE_CLOSED, "WRITE_CLOSED"),
            (Ready::PRIORITY, "PRIORITY"),
            (Ready::ERROR, "ERROR"),
        ];
        crate::interest::fmt_flags(
            f,
            "Ready",
            names.iter().map(|&(flag, name)| (self.intersects(flag), name)),
        )
    }
}
