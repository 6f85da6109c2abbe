//! Whether an operation costs the same when there is much else: each answers with the cost beside 10³,
//! 10⁵ and 10⁶ idle neighbours, and with the last divided by the first.

use super::{spawn, timers};
use crate::measure::{Figures, Gate, Run};
use crate::rt::{Rt, Spawn};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many neighbours there are, and the figure's name.
const STEPS: [(u64, &str); 3] = [(1_000, "10³"), (100_000, "10⁵"), (1_000_000, "10⁶")];
/// Operations in a batch.
const BATCH: u64 = 10_000;
/// Tasks woken in turn: few enough to stay in the cache, whatever else lives.
const WOKEN: u64 = 100;
/// A deadline beyond the end of the run.
const FAR: Duration = Duration::from_secs(600);

/// Measures `batch` beside ever more tasks, each of which waits for ever in what `neighbour` makes.
fn beside<R: Spawn, F>(
    run: &Run,
    neighbour: impl Fn(u64) -> F + Clone + Send + 'static,
    batch: impl Fn(&R),
) -> Figures
where
    F: Future<Output = ()> + Send + 'static,
{
    let rt = R::new(run.workers);
    let mut figures = Figures::new();
    let mut alive = 0;
    for (count, name) in STEPS {
        let neighbour = neighbour.clone();
        rt.on_worker(settle::<R, F>(alive..count, neighbour));
        alive = count;
        let step = run.repeat(BATCH, || batch(&rt));
        let time = step.iter().find(|(figure, _)| *figure == "time").map(|(_, time)| *time);
        figures.extend(time.map(|time| (name, time)));
    }
    figures.push(("growth", figures[STEPS.len() - 1].1 / figures[0].1));
    // A million tasks that never end: the process ends without them.
    std::mem::forget(rt);
    figures
}

/// Spawns neighbours and waits until each was polled once.
pub async fn settle<R: Spawn, F>(numbers: std::ops::Range<u64>, neighbour: impl Fn(u64) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (left, all) = (Arc::new(AtomicU64::new(numbers.end - numbers.start)), Arc::new(Gate::default()));
    for number in numbers {
        let (left, all, idle) = (Arc::clone(&left), Arc::clone(&all), neighbour(number));
        R::detach(R::spawn(async move {
            if left.fetch_sub(1, Ordering::Relaxed) == 1 {
                all.open();
            }
            drop((left, all));
            idle.await;
        }));
    }
    all.pass().await;
}

/// Spawning beside idle tasks.
pub fn grow_spawn<R: Spawn>(run: &Run) -> Figures {
    beside::<R, _>(run, |_| pending(), |rt| rt.on_worker(spawn::batch::<R>(BATCH as usize)))
}

/// Waking and polling a task beside idle ones.
pub fn grow_wake<R: Spawn>(run: &Run) -> Figures {
    beside::<R, _>(run, |_| pending(), |rt| rt.on_worker(relay::<R>(WOKEN, BATCH / WOKEN)))
}

/// A ring of tasks that wake each other in turn, so many laps.
pub async fn relay<R: Spawn>(runners: u64, laps: u64) {
    let gates: Arc<Vec<Gate>> = Arc::new((0..runners).map(|_| Gate::default()).collect());
    let runner = |index: usize| {
        let gates = Arc::clone(&gates);
        async move {
            for _ in 0..laps {
                gates[index].pass().await;
                gates[(index + 1) % gates.len()].open();
            }
        }
    };
    let tasks: Vec<_> = (0..gates.len()).map(|index| R::spawn(runner(index))).collect();
    gates[0].open();
    for task in tasks {
        R::join(task).await;
    }
}

/// A sleep made and dropped beside tasks that sleep.
pub fn grow_timer<R: Rt>(run: &Run) -> Figures {
    // Spread over ten minutes, so that no two share much.
    let sleep = |number: u64| R::sleep(FAR + Duration::from_micros(number * 600));
    beside::<R, _>(run, sleep, |rt| rt.on_worker(timers::cancelled::<R>(BATCH)))
}
