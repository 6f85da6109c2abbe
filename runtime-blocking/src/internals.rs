//! The door through which `loom-tests` reaches the pool's protocol without a task cell.

pub use crate::executor::room::{Came, Drained, Room};
pub use crate::pool::fault::{Fault, plant};
pub use crate::pool::shared::{Shared, Work};

use crate::executor::Pool;
use crate::pool::options::Options;

/// An own pool with room for so many jobs, whatever its options.
pub fn own_pool(jobs_max: usize, options: Options) -> Pool {
    Pool::new("model".to_owned(), jobs_max, options).expect("the options of a model make sense")
}

/// The room of an own pool.
pub fn room_of(pool: &Pool) -> &Room {
    &pool.core().room
}
