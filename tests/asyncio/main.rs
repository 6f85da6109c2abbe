//! What asyncio's users rely on, a module for each part of it. Where tokio's semantics differ, the test fails under
//! them. Times are those of the paused clock, so they are exact: 0.1 s and 0.3 s of cleanup are 0.4 s.

mod blocking;
mod reports;
mod running;
mod streams;

use runtime::time::Duration;
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
