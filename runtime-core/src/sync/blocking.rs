//! Waiting for one of our futures from a plain thread: what stands behind every `blocking_…` method.
//!
//! It parks the thread and knows no runtime, so it works anywhere. On a thread that runs tasks it holds up
//! the others of that thread, which is why the methods say to call them from elsewhere.

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
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
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
