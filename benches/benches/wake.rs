//! What does it cost to wake a task that waits, and to poll it?

use benches::rt::{Spawn, on_ours::Ours, on_smol::Smol, on_tokio::Tokio};
use benches::work::growth;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Tasks in the ring, and laps of the one wake that goes round.
const RUNNERS: u64 = 100;
const LAPS: u64 = 10;

fn on<R: Spawn>(criterion: &mut Criterion, name: &str) {
    let rt = R::new(2);
    let mut group = criterion.benchmark_group("wake");
    group.throughput(Throughput::Elements(RUNNERS * LAPS));
    group.bench_function(format!("relay/{name}"), |bencher| {
        bencher.iter(|| rt.on_worker(growth::relay::<R>(RUNNERS, LAPS)));
    });
}

fn wake(criterion: &mut Criterion) {
    on::<Ours>(criterion, "ours");
    on::<Tokio>(criterion, "tokio");
    on::<Smol>(criterion, "smol");
}

criterion_group!(benches, wake);
criterion_main!(benches);
