//! What asyncio's users rely on. Where tokio's semantics differ, the test fails under them. Times are those of the
//! paused clock, so they are exact: 0.1 s and 0.3 s of cleanup are 0.4 s. What is said about asyncio is checked with
//! the machine's Python where it can be, by a function of the same name in `tests/python/asyncio_promises.py`.
//!
//! | asyncio | module |
//! |---|---|
//! | coroutines, `run`, `run_until_complete`, the end of a loop | `running` |
//! | `create_task`, names, `current_task`, `done`, `result`, `add_done_callback` | `tasks` |
//! | `Task.cancel` | `cancelling` |
//! | `Future` | `futures_set` |
//! | `gather`, `return_exceptions` | `gathering` |
//! | `wait`, `as_completed` | `waiting` |
//! | `wait_for`, `timeout`, `sleep(0)` | `timeouts` |
//! | `shield` | `shielding` |
//! | `TaskGroup` | `groups` |
//! | `call_soon`, `call_later`, `call_soon_threadsafe`, `run_coroutine_threadsafe` | `callbacks` |
//! | `run_in_executor`, `to_thread` | `blocking`, `tests/pool_own.rs` |
//! | `Lock`, `Event`, `Condition`, `Semaphore`, `BoundedSemaphore`, `Barrier` | `locks` |
//! | `Queue`, `PriorityQueue`, `LifoQueue` | `queues` |
//! | streams, `start_server` | `streams` |
//! | "exception was never retrieved" | `reports` |
//! | `contextvars` | `context` |
//! | lines of stdin, and that it may stay open | `tests/examples_asyncio.rs` |
//!
//! Not yet: `Server.close`, processes, signals, files, `all_tasks`, debug mode.

mod blocking;
mod callbacks;
mod cancelling;
mod context;
mod futures_set;
mod gathering;
mod groups;
mod locks;
mod python;
mod queues;
mod reports;
mod running;
mod shielding;
mod streams;
mod tasks;
mod timeouts;
mod waiting;

use runtime::task;
use runtime::time::{Duration, sleep};
use std::sync::{Arc, Mutex};

const HOUR: Duration = Duration::from_secs(3600);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What happened, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn say(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    fn said(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Says `what` when it is dropped.
    fn on_drop(&self, what: &'static str) -> impl Drop + Send + use<> {
        struct Says(Log, &'static str);
        impl Drop for Says {
            fn drop(&mut self) {
                self.0.say(self.1);
            }
        }
        Says(self.clone(), what)
    }
}

/// Sleeps for an hour. Told to end, it needs `cleanup` for that: a coroutine with awaits in its `finally`.
async fn cleans_up(cleanup: Duration, log: Log) -> &'static str {
    runtime::select! {
        () = sleep(HOUR) => "slept",
        () = task::cancelled() => {
            log.say("told");
            sleep(cleanup).await;
            log.say("cleaned up");
            "clean"
        }
    }
}

/// Sleeps, says so, and returns what it slept.
async fn sleeps(duration: Duration, log: Log) -> Duration {
    sleep(duration).await;
    log.say(format!("slept {duration:?}"));
    duration
}
