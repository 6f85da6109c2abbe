//! Which runtime's time a thread lives in: this folder's one door to the context. The unit tests here go
//! through another door, to a runtime of their own that is driven by hand.

#![forbid(unsafe_code)]

#[cfg(test)]
pub(super) use crate::time::hand_driven::with_timers;

#[cfg(not(test))]
pub(super) use crate::context::with_timers;
