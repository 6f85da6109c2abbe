//! What does a blocking job cost, one after the other and a thousand at once?

use benches::rt::{Rt, on_ours::Ours, on_smol::Smol, on_tokio::Tokio};
use benches::work::switch::burst;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn on<R: Rt>(criterion: &mut Criterion, name: &str) {
    let rt = R::new(2);
    let mut group = criterion.benchmark_group("blocking");
    for jobs in [1, 1_000] {
        group.throughput(Throughput::Elements(jobs));
        group.bench_function(format!("{jobs}_at_once/{name}"), |bencher| {
            bencher.iter(|| rt.on_worker(burst::<R>(jobs)));
        });
    }
}

fn blocking(criterion: &mut Criterion) {
    on::<Ours>(criterion, "ours");
    on::<Tokio>(criterion, "tokio");
    on::<Smol>(criterion, "smol");
}

criterion_group!(benches, blocking);
criterion_main!(benches);
