//! Waiting for one of our futures from a plain thread: what stands behind every `blocking_…` method.
//!
//! It parks the thread and needs no runtime, so it works on any thread but one: on a thread that runs tasks, or
//! drives a future in a `block_on` of ours, it would hold them up, and may wait for one of them for ever. There
//! it panics, whether or not it would have to wait: so the mistake is found at its first call.

use crate::coop;
use crate::primitive::{Condvar, Mutex};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Whether the thread was told to poll again, and where it sleeps until then.
#[derive(Default)]
struct Parker {
    is_told: Mutex<bool>,
    told: Condvar,
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *self.is_told.lock() = true;
        self.told.notify_one();
    }
}

/// Runs `future` to its end on this thread.
///
/// # Panics
/// On a thread that runs tasks.
#[track_caller]
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    assert!(
        !coop::must_not_wait(),
        "a `blocking_…` method was called on a thread that is running tasks, which it would hold up: use the \
         async method and `.await` it, or move the call to `spawn_blocking`"
    );
    let parker = Arc::new(Parker::default());
    let waker = Waker::from(Arc::clone(&parker));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        // The budget of a task that this thread may be in the middle of is not ours to use up.
        if let Poll::Ready(output) = coop::unlimited(|| future.as_mut().poll(&mut cx)) {
            return output;
        }
        let mut is_told = parker.is_told.lock();
        while !*is_told {
            is_told = parker.told.wait(is_told);
        }
        *is_told = false;
    }
}
