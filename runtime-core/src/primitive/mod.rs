//! The one seam between this workspace and the machine: everything that loom must see, and every
//! type of `std::sync` and crossbeam, is taken from here and from nowhere else.
//!
//! Under `--cfg loom` the same names are loom's, and the queues are stand-ins that are as weak as
//! the real ones (crossbeam's are invisible to loom). `clippy.toml` refuses the originals elsewhere.
//!
//! It deliberately has no `RwLock`, no `SeqCst` accesses (two-word handshakes use [`atomic::fence`])
//! and no poisoning: a panic inside a critical section of ours is a bug of ours, and user code never
//! runs under a lock.

mod count;
pub mod doing;
#[cfg(loom)]
mod loom;
#[cfg(not(loom))]
mod std;

pub use self::count::Count;
#[cfg(loom)]
pub use self::loom::*;
#[cfg(not(loom))]
pub use self::std::*;
