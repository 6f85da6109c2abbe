//! Child processes.

use crate::measure::{Figures, Run};
use crate::rt::Rt;
use std::process::Command;
use std::thread;

/// Children in a batch.
const BATCH: u64 = 64;
/// So many at the same time.
const TOGETHER: u64 = 8;

/// Starts children that end at once, and waits for each: tasks that do so one after the other.
pub fn process_spawn<R: Rt>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(BATCH, || {
        rt.on_worker(async {
            let tasks: Vec<_> = (0..TOGETHER).map(|_| R::spawn(children::<R>(BATCH / TOGETHER))).collect();
            for task in tasks {
                R::join(task).await;
            }
        });
    })
}

async fn children<R: Rt>(count: u64) {
    for _ in 0..count {
        R::run_child().await;
    }
}

/// The same on plain threads.
pub fn process_spawn_limit(run: &Run) -> Figures {
    run.repeat(BATCH, || {
        thread::scope(|scope| {
            for _ in 0..TOGETHER {
                scope.spawn(|| {
                    for _ in 0..BATCH / TOGETHER {
                        let status = Command::new("true").status();
                        assert!(status.expect("a child was not started").success());
                    }
                });
            }
        });
    })
}
