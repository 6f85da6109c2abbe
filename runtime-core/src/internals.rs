//! What the models of `loom-tests` reach.

pub use crate::scheduler::activity::Activity;
pub use crate::scheduler::idle::{GotUp, Idle, Picked};
pub use crate::scheduler::park::Parker;
