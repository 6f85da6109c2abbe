//! What a task wants of a source.
#![forbid(unsafe_code)]

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// What to wait for. Never empty.
///
/// ```
/// use runtime_io::io::Interest;
///
/// let both = Interest::READABLE | Interest::WRITABLE;
/// assert!(both.is_readable() && both.is_writable());
/// assert_eq!(both.remove(Interest::READABLE), Some(Interest::WRITABLE));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Interest(u8);

impl Interest {
    /// Reading will not block, or the other side has closed.
    pub const READABLE: Interest = Interest(1);
    /// Writing will not block, or the other side has closed.
    pub const WRITABLE: Interest = Interest(1 << 1);
    /// An error is pending. Errors also end waits for the other interests.
    pub const ERROR: Interest = Interest(1 << 2);
    /// Out-of-band data, or what the kind of descriptor calls a priority event. What is out of band is to be taken by `try_io` or
    /// `async_io`: where it is gone before the runtime has seen it, a read that ends in front of its place seems to have
    /// had all, and what stands behind it waits for what comes next.
    pub const PRIORITY: Interest = Interest(1 << 3);

    /// What our own sockets are registered with: both directions, and out-of-band data because a read
    /// ends short in front of it.
    pub(crate) const SOCKET: Interest =
        Interest(Interest::READABLE.0 | Interest::WRITABLE.0 | Interest::PRIORITY.0);

    /// Whether reading is wanted.
    pub const fn is_readable(self) -> bool {
        self.0 & Interest::READABLE.0 != 0
    }

    /// Whether writing is wanted.
    pub const fn is_writable(self) -> bool {
        self.0 & Interest::WRITABLE.0 != 0
    }

    /// Whether errors are wanted.
    pub const fn is_error(self) -> bool {
        self.0 & Interest::ERROR.0 != 0
    }

    /// Whether priority events are wanted.
    pub const fn is_priority(self) -> bool {
        self.0 & Interest::PRIORITY.0 != 0
    }

    /// Both together, in const contexts; elsewhere `|` says the same.
    #[must_use]
    #[allow(clippy::should_implement_trait)]
    pub const fn add(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }

    /// What is left without `other`; `None` if that is nothing.
    #[must_use]
    pub fn remove(self, other: Interest) -> Option<Interest> {
        match self.0 & !other.0 {
            0 => None,
            left => Some(Interest(left)),
        }
    }
}

impl BitOr for Interest {
    type Output = Interest;
    fn bitor(self, other: Interest) -> Interest {
        self.add(other)
    }
}

impl BitOrAssign for Interest {
    fn bitor_assign(&mut self, other: Interest) {
        *self = self.add(other);
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (self.is_readable(), "READABLE"),
            (self.is_writable(), "WRITABLE"),
            (self.is_error(), "ERROR"),
            (self.is_priority(), "PRIORITY"),
        ];
        fmt_flags(f, "Interest", names.into_iter())
    }
}

/// `Name(A | B)`, or `Name(EMPTY)`.
pub(crate) fn fmt_flags(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    flags: impl Iterator<Item = (bool, &'static str)>,
) -> fmt::Result {
    let set: Vec<&str> = flags.filter(|&(set, _)| set).map(|(_, name)| name).collect();
    let set = if set.is_empty() { "EMPTY".to_owned() } else { set.join(" | ") };
    write!(f, "{name}({set})")
}
