//! What a runtime costs when it does little: memory, rest, start.

use super::{echo, growth};
use crate::load::Helper;
use crate::measure::{Figures, Run, Usage, resident};
use crate::rt::{Rt, Spawn};
use std::future::poll_fn;
use std::mem::forget;
use std::task::Poll;
use std::time::Duration;

/// Idle tasks.
const TASKS: u64 = 200_000;
/// Tasks spawned at once.
const SPAWNED: u64 = 1_000;
/// Idle connections.
const CONNECTIONS: u64 = 4_000;
/// For how long the runtime rests.
const REST: Duration = Duration::from_secs(3);

/// Resident bytes per task that waits for ever.
pub fn memory_task<R: Spawn>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    rt.on_worker(async {});
    let before = resident();
    // In batches: what is measured are tasks that wait, not a queue that once held all of them.
    for _ in 0..TASKS / SPAWNED {
        rt.on_worker(growth::settle::<R, _>(0..SPAWNED, |_| idle_for_ever()));
    }
    let bytes = (resident() - before) / TASKS as f64;
    // Hundreds of thousands of tasks that never end: the process ends without them.
    forget(rt);
    vec![("bytes", bytes)]
}

/// Waits for ever, and keeps the task alive by its waker, also where nothing else does.
fn idle_for_ever() -> impl Future<Output = ()> + Send {
    poll_fn(|cx| {
        forget(cx.waker().clone());
        Poll::Pending
    })
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
    forget(rt);
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
