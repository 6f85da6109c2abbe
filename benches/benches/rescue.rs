//! What does it cost that somebody looks whether a poll blocks its worker, where none does? And what, to announce it?

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use runtime::{Builder, RescueConfig, Runtime, task};
use std::hint::black_box;
use std::panic::Location;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering::Relaxed};

/// Polls of the one task that yields.
const YIELDS: u64 = 10_000;

fn runtime(workers: usize, rescue: RescueConfig) -> Runtime {
    Builder::new_multi_thread().worker_threads(workers).rescue(rescue).build().expect("cannot build")
}

/// A poll with the monitor, and without.
fn polls(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rescue");
    group.throughput(Throughput::Elements(YIELDS));
    for (name, rescue) in [("on", RescueConfig::default()), ("off", RescueConfig::off())] {
        let runtime = runtime(1, rescue);
        group.bench_function(format!("poll/{name}"), |bencher| {
            bencher.iter(|| {
                let task = runtime.spawn(async {
                    for _ in 0..YIELDS {
                        task::yield_now().await;
                    }
                });
                runtime.block_on(task).expect("it failed");
            });
        });
    }
}

/// What each poll stores for the monitor, on or off: that it begins, which task it is and where that was spawned, that it ends.
#[derive(Default)]
struct Seat {
    tick: AtomicU32,
    id: AtomicU64,
    site: AtomicPtr<Location<'static>>,
}

/// As long as a short poll: steps that wait for each other (Knuth's multiplier).
fn short_poll(seed: u64) -> u64 {
    (0..20).fold(seed, |x, _| (x ^ x >> 31).wrapping_mul(6_364_136_223_846_793_005))
}

/// The difference of the two is what the stores add to a poll.
fn stores(criterion: &mut Criterion) {
    let (seat, site) = (Seat::default(), std::ptr::from_ref(Location::caller()).cast_mut());
    let mut group = criterion.benchmark_group("rescue");
    let seat = black_box(&seat);
    let mut id = 1;
    group.bench_function("stores/without", |bencher| {
        bencher.iter(|| id = short_poll(id));
    });
    group.bench_function("stores/with", |bencher| {
        bencher.iter(|| {
            seat.id.store(id, Relaxed);
            seat.site.store(site, Relaxed);
            let tick = seat.tick.load(Relaxed);
            seat.tick.store(tick.wrapping_add(1), Relaxed);
            id = short_poll(id);
            seat.tick.store(tick.wrapping_add(2), Relaxed);
        });
    });
}

/// `block_in_place` around nothing, beside another worker that sleeps.
fn announced(criterion: &mut Criterion) {
    let runtime = runtime(2, RescueConfig::default());
    criterion.bench_function("rescue/block_in_place", |bencher| {
        bencher.iter(|| {
            let task = runtime.spawn(async { task::block_in_place(|| black_box(1)) });
            runtime.block_on(task).expect("it failed")
        });
    });
}

criterion_group!(benches, polls, stores, announced);
criterion_main!(benches);
