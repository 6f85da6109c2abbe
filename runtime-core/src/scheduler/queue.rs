//! The queues of tasks: names for the seam's, so that a change of queue is a change of this file.

#![forbid(unsafe_code)]

use crate::primitive::deque;
use crate::task::Notified;

pub(crate) use crate::primitive::deque::Steal;

/// A worker's own queue.
pub(crate) type Local = deque::Worker<Notified>;

/// The other end of it.
pub(crate) type Stealer = deque::Stealer<Notified>;

/// Where tasks come in from other threads.
pub(crate) type Injector = deque::Injector<Notified>;
