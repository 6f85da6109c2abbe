//! What does it cost when two tasks send each other one value, many pairs at a time and one alone?

use benches::rt::{Rt, on_ours::Ours, on_smol::Smol, on_tokio::Tokio};
use benches::work::switch::ping_pong_pairs;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn on<R: Rt>(criterion: &mut Criterion, name: &str) {
    let rt = R::new(2);
    let mut group = criterion.benchmark_group("ping_pong");
    for pairs in [1, 1_000] {
        group.throughput(Throughput::Elements(pairs));
        group.bench_function(format!("{pairs}_pairs/{name}"), |bencher| {
            bencher.iter(|| rt.on_worker(ping_pong_pairs::<R>(pairs)));
        });
    }
}

fn ping_pong(criterion: &mut Criterion) {
    on::<Ours>(criterion, "ours");
    on::<Tokio>(criterion, "tokio");
    on::<Smol>(criterion, "smol");
}

criterion_group!(benches, ping_pong);
criterion_main!(benches);
