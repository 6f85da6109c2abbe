//! Trees of groups whose tasks fail, listen, or do neither, cancelled at any moment: nothing is left behind.

#[allow(dead_code, reason = "each test uses a part of it")]
mod stress;
#[path = "stress/tools.rs"]
#[allow(dead_code, reason = "each test uses a part of it")]
mod tools;

use runtime::task::{self, TaskGroup};
use runtime::{Builder, Runtime, time};
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use stress::{Watchdog, factor};
use tools::Chance;

const TREES: u64 = 400;

/// What the tasks of all trees share.
#[derive(Clone)]
struct World(Arc<(AtomicU64, Mutex<Chance>)>);

/// Counts while it is there.
struct Alive(World);

impl World {
    fn new(seed: u64) -> World {
        World(Arc::new((AtomicU64::new(0), Mutex::new(Chance::new(seed)))))
    }

    fn alive(&self) -> Alive {
        self.0.0.fetch_add(1, SeqCst);
        Alive(self.clone())
    }

    fn count(&self) -> u64 {
        self.0.0.load(SeqCst)
    }

    fn below(&self, bound: u64) -> u64 {
        self.0.1.lock().unwrap().below(bound)
    }

    fn micros(&self, bound: u64) -> Duration {
        Duration::from_micros(self.below(bound))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.0.0.fetch_sub(1, SeqCst);
    }
}

type Ended = Result<(), &'static str>;

async fn yields(count: u64) {
    for _ in 0..count {
        task::yield_now().await;
    }
}

async fn leaf(world: World, kind: u64) -> Ended {
    let _alive = world.alive();
    match kind {
        0 => {
            task::cancelled().await;
            time::sleep(world.micros(2500)).await;
        }
        1 => {
            let cancelled = task::cancelled();
            runtime::select! {
                () = cancelled => yields(world.below(200)).await,
                () = time::sleep(Duration::from_millis(1)) => {}
            }
        }
        2 => yields(world.below(20)).await,
        3 => time::sleep(world.micros(2000)).await,
        4 => pending().await,
        _ => {
            time::sleep(world.micros(3000)).await;
            if world.below(4) == 0 {
                return Err("a leaf");
            }
        }
    }
    Ok(())
}

/// A group with leaves, trees as tasks, and perhaps trees in its body.
fn tree(world: World, depth: u64) -> Pin<Box<dyn Future<Output = Ended> + Send>> {
    if depth == 0 {
        let kind = 2 + world.below(4);
        return Box::pin(leaf(world, kind));
    }
    Box::pin(async move {
        let _alive = world.alive();
        yields(world.below(3)).await;
        let group = task::group(async move |g: TaskGroup<&'static str>| {
            let _alive = world.alive();
            for _ in 0..world.below(4) {
                g.spawn(leaf(world.clone(), world.below(6)));
            }
            for _ in 0..world.below(3) {
                g.spawn(tree(world.clone(), depth - 1));
            }
            match world.below(5) {
                0 => tree(world.clone(), depth - 1).await,
                1 => {
                    let both = (tree(world.clone(), depth - 1), tree(world.clone(), depth - 1));
                    let (a, b) = runtime::join!(both.0, both.1);
                    a.and(b)
                }
                2 => pending().await,
                3 => {
                    g.cancel();
                    tree(world.clone(), depth - 1).await
                }
                _ => Ok(()),
            }
        });
        group.await.map_err(|_| "a group")
    })
}

fn trees_leave_nothing(runtime: &Runtime) {
    let (world, done) = (World::new(7), Arc::new(AtomicU64::new(0)));
    let (state, trees) = (world.clone(), done.clone());
    let _watchdog =
        Watchdog::watch(move || format!("{} tasks live, {} trees", state.count(), trees.load(Relaxed)));
    runtime.block_on(async {
        for number in 0..TREES * factor() {
            let tree = runtime::spawn(tree(world.clone(), 3));
            match world.below(3) {
                0 => yields(world.below(30)).await,
                1 => time::sleep(world.micros(3000)).await,
                _ => {
                    let (start, busy) = (Instant::now(), world.micros(300));
                    while start.elapsed() < busy {
                        std::hint::spin_loop();
                    }
                }
            }
            match world.below(4) {
                0 => drop(tree.timeout(world.micros(2000)).await),
                1 => drop(tree.cancel_within(world.micros(1000)).await),
                _ => drop(tree.cancel().await),
            }
            assert_eq!(world.count(), 0, "tasks that live on after the end of tree {number}");
            done.fetch_add(1, Relaxed);
        }
    });
}

#[test]
fn trees_of_groups_leave_nothing_on_workers() {
    trees_leave_nothing(&Builder::new_multi_thread().worker_threads(3).build().unwrap());
}

#[test]
fn trees_of_groups_leave_nothing_on_one_thread() {
    trees_leave_nothing(&Builder::new_current_thread().build().unwrap());
}
