//! How much of the work that one task hands out do the other workers take over? With two workers on two
//! free cores the ideal is half of the time of one worker.

use benches::rt::{Spawn, on_ours::Ours, on_smol::Smol, on_tokio::Tokio};
use benches::work::spawn::fib_plain;
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

/// Tasks handed out at once, and the size of each: some ten microseconds.
const TASKS: usize = 200;
const FIB: u32 = 17;

async fn hand_out<R: Spawn>() {
    let tasks: Vec<_> = (0..TASKS).map(|_| R::spawn(async { fib_plain(black_box(FIB)) })).collect();
    for task in tasks {
        black_box(R::join(task).await);
    }
}

fn on<R: Spawn>(criterion: &mut Criterion, name: &str) {
    let mut group = criterion.benchmark_group("steal");
    for workers in [1, 2] {
        let rt = R::new(workers);
        group.bench_function(format!("{workers}_workers/{name}"), |bencher| {
            bencher.iter(|| rt.on_worker(hand_out::<R>()));
        });
    }
}

fn steal(criterion: &mut Criterion) {
    on::<Ours>(criterion, "ours");
    on::<Tokio>(criterion, "tokio");
    on::<Smol>(criterion, "smol");
}

criterion_group!(benches, steal);
criterion_main!(benches);
