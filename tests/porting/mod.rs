//! tokio's documentation in short programs of our own: each calls what the lines above it name. They are
//! compiled twice and must pass twice: `tests/porting.rs` calls the crate `runtime` tokio, `porting/tests/tokio.rs`
//! has the real one. `tests/docs_from_tokio.rs` checks that none of tokio's names is missing.

/// Does not compile if the type lacks one of the traits.
macro_rules! implements {
    ($path:literal, $type:ty: $($traits:tt)+) => {
        const _: fn() = || {
            fn holds<T: $($traits)+>() {}
            holds::<$type>();
        };
    };
}

mod fs;
mod io;
mod io_unix;
mod net_pipe;
mod net_tcp;
mod net_udp;
mod net_unix;
mod process;
mod runtime;
mod signal;
mod sync_broadcast;
mod sync_mpsc;
mod sync_mutex;
mod sync_notify;
mod sync_once;
mod sync_oneshot;
mod sync_rwlock;
mod sync_semaphore;
mod sync_unbounded;
mod sync_watch;
mod task;
mod task_coop;
mod task_join_set;
mod task_local_set;
mod task_locals;
mod time;
mod tokio_util;
mod traits;
