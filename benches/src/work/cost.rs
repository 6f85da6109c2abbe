//! What a runtime costs when it does little: memory, rest, start.

use super::echo;
use crate::load::Helper;
use crate::measure::{Figures, Gate, Run, Usage, resident};
use crate::rt::{Rt, Spawn};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Idle tasks.
const TASKS: u64 = 200_000;
/// Idle connections.
const CONNECTIONS: u64 = 4_000;
/// For how long the runtime rests.
const REST: Duration = Duration::from_secs(3);

/// Resident bytes per task that waits for ever.
pub fn memory_task<R: Spawn>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    rt.on_worker(async {});
    let before = resident();
    rt.on_worker(async {
        let (polled, all) = (Arc::new(AtomicU64::new(0)), Arc::new(Gate::default()));
        for _ in 0..TASKS {
            let (polled, all) = (Arc::clone(&polled), Arc::clone(&all));
            R::detach(R::spawn(async move {
                if polled.fetch_add(1, Ordering::Relaxed) + 1 == TASKS {
                    all.open();
                }
                drop((polled, all));
                pending::<()>().await;
            }));
        }
        all.pass().await;
    });
    let bytes = (resident() - before) / TASKS as f64;
    // Hundreds of thousands of tasks that never end: the process ends without them.
    std::mem::forget(rt);
    vec![("bytes", bytes)]
}

/// Resident bytes of the server per connection that says nothing.
pub fn memory_connection<R: Rt>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    let server = echo::Server::start_small::<R>(&rt);
    drop(Helper::start(&["hold", &server.address(), "10"]));
    let before = resident();
    let helper = Helper::start(&["hold", &server.address(), &CONNECTIONS.to_string()]);
    server.await_open(CONNECTIONS);
    let bytes = (resident() - before) / CONNECTIONS as f64;
    drop(helper);
    std::mem::forget(rt);
    vec![("bytes", bytes)]
}

/// One task that sleeps: what the process does meanwhile.
pub fn idle<R: Rt>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    rt.on_worker(async { R::sleep(Duration::from_millis(50)).await });
    let usage = Usage::now();
    rt.on_worker(async { R::sleep(REST).await });
    usage.cost().explain(1)
}

/// Build, `block_on` something that is ready, drop.
pub fn startup<R: Spawn>(run: &Run) -> Figures {
    run.repeat(1, || R::new(run.workers).block_on(async {}))
}
