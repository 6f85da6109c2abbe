//! The door through which `loom-tests` reaches the pool's protocol without a task cell.

pub use crate::pool::fault::{Fault, plant};
pub use crate::pool::shared::{Shared, Work};
