//! What does a timer cost that never fires?

use benches::rt::{Rt, on_ours::Ours, on_smol::Smol, on_tokio::Tokio};
use benches::work::timers::{cancelled, timeouts};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const TIMERS: u64 = 1_000;

fn on<R: Rt>(criterion: &mut Criterion, name: &str) {
    let rt = R::new(2);
    let mut group = criterion.benchmark_group("timers");
    group.throughput(Throughput::Elements(TIMERS));
    group.bench_function(format!("timeout_of_ready/{name}"), |bencher| {
        bencher.iter(|| rt.on_worker(timeouts::<R>(TIMERS)));
    });
    group.bench_function(format!("sleep_polled_once/{name}"), |bencher| {
        bencher.iter(|| rt.on_worker(cancelled::<R>(TIMERS)));
    });
}

fn timers(criterion: &mut Criterion) {
    on::<Ours>(criterion, "ours");
    on::<Tokio>(criterion, "tokio");
    on::<Smol>(criterion, "smol");
}

criterion_group!(benches, timers);
criterion_main!(benches);
