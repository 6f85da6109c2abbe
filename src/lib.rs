//! Facade.

#[macro_use]
mod macros;

pub use runtime_macros::{main, test};

/// For the expansions of our macros only: may change in any release.
#[doc(hidden)]
pub mod __private {
    pub use crate::macros::support::*;
}
