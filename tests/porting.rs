//! Programs written for tokio, with nothing changed but the crate.

extern crate runtime as tokio;

#[macro_use]
#[path = "porting/mod.rs"]
mod porting;
#[path = "porting/unstable.rs"]
mod unstable;

/// What of `tokio-util` is here, in its places there.
mod tokio_util {
    pub(crate) mod sync {
        pub(crate) use runtime::task::{
            CancellationToken, DropGuard, DropGuardRef, WaitForCancellationFuture,
            WaitForCancellationFutureOwned,
        };
    }

    pub(crate) mod task {
        pub(crate) use runtime::task::AbortOnDropHandle;
    }
}
