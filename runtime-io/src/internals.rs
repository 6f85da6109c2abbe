//! The door for the loom models.

pub use crate::interest::Interest;
pub use crate::readiness::{Initial, Readiness, Snapshot, Wanted};
pub use crate::ready::Ready;
pub use crate::registry::Registry;
pub use crate::source::{Direction, Source, Ticket};
pub use crate::unpark::{Begin, Notify, UnparkWord};
