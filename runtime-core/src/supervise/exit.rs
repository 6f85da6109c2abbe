//! The end of a program's main future: asyncio's `run` cancels what is left, and waits for it.

#![forbid(unsafe_code)]

use crate::handle::Handle;
use crate::sync::Notify;
use crate::task;
use crate::time::timeout;
use std::sync::Arc;

/// Asks every task of the runtime for its end, and those that come meanwhile, and waits until all have ended, for the
/// runtime's grace at most. Whether they have. To be driven by a `block_on` of the runtime.
pub async fn end_all(handle: &Handle) -> bool {
    let inner = handle.inner();
    if inner.shared.activity.is_more_than_one() {
        // A blocking job runs, besides our own `block_on`, so a paused clock would stand, and with it the grace.
        let _ = inner.shared.timers.resume();
    }
    timeout(inner.cancel_grace, end(handle)).await.is_ok()
}

async fn end(handle: &Handle) {
    loop {
        let tasks: Vec<_> = handle.inner().homes.iter().flat_map(|home| home.abort_handles()).collect();
        if tasks.is_empty() {
            return;
        }
        let ended = Arc::new(Notify::new());
        for task in &tasks {
            task::request(task, None);
        }
        for task in tasks {
            let notice = Arc::clone(&ended);
            task::on_end(task.raw(), Box::new(move |_| notice.notify_one()));
            drop(task);
            ended.notified().await;
        }
    }
}
