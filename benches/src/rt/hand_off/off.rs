//! tokio as everybody builds it.

use tokio::runtime::Builder;

/// Whether this build of tokio has it.
pub const CAN: bool = false;

/// Does nothing.
pub fn want(_is_wanted: bool) {}

pub(in crate::rt) fn apply(builder: &mut Builder) -> &mut Builder {
    builder
}
