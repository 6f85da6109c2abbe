//! Facade.

mod entry;
mod macros;
mod tmp_builder;
pub use tmp_builder::{Builder, Runtime};

pub use runtime_macros::{main, test};

/// For the expansions of our macros only: may change in any release.
#[doc(hidden)]
pub mod __private {
    pub use crate::entry::*;
    pub use crate::macros::support::*;
}
