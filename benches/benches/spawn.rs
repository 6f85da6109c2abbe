//! What does a task cost that does nothing: spawned by a task, from a foreign thread, one at a time?

use benches::rt::{Spawn, on_ours::Ours, on_smol::Smol, on_tokio::Tokio};
use benches::work::spawn;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const TASKS: usize = 1_000;

fn on<R: Spawn>(criterion: &mut Criterion, name: &str) {
    let rt = R::new(2);
    let mut group = criterion.benchmark_group("spawn");
    group.throughput(Throughput::Elements(TASKS as u64));
    group.bench_function(format!("local/{name}"), |bencher| {
        bencher.iter(|| rt.on_worker(spawn::batch::<R>(TASKS)));
    });
    group.bench_function(format!("from_block_on/{name}"), |bencher| {
        bencher.iter(|| rt.block_on(spawn::batch::<R>(TASKS)));
    });
    group.bench_function(format!("one_by_one/{name}"), |bencher| {
        bencher.iter(|| rt.on_worker(spawn::one_by_one::<R>(TASKS)));
    });
    group.bench_function(format!("chained/{name}"), |bencher| {
        bencher.iter(|| rt.on_worker(spawn::chain::<R>(TASKS as u64)));
    });
}

fn spawn(criterion: &mut Criterion) {
    on::<Ours>(criterion, "ours");
    on::<Tokio>(criterion, "tokio");
    on::<Smol>(criterion, "smol");
}

criterion_group!(benches, spawn);
criterion_main!(benches);
