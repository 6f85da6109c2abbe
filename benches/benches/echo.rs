//! How long is a TCP round trip of 64 bytes, alone and among 64 connections?

use benches::load::Client;
use benches::rt::{Rt, on_ours::Ours, on_smol::Smol, on_tokio::Tokio};
use benches::work::echo::Server;
use criterion::{Criterion, criterion_group, criterion_main};
use std::cell::Cell;
use std::time::Instant;

fn on<R: Rt>(criterion: &mut Criterion, name: &str) {
    let rt = R::new(2);
    let server = Server::start::<R>(&rt);
    let mut group = criterion.benchmark_group("echo");
    for connections in [1, 64] {
        let mut client = Client::connect(&server.address(), connections);
        group.bench_function(format!("{connections}_connections/{name}"), |bencher| {
            bencher.iter_custom(|requests| {
                let (start, replies) = (Instant::now(), Cell::new(0));
                client.keep_busy(|_| replies.set(replies.get() + 1), || replies.get() >= requests);
                start.elapsed()
            });
        });
    }
}

fn echo(criterion: &mut Criterion) {
    on::<Ours>(criterion, "ours");
    on::<Tokio>(criterion, "tokio");
    on::<Smol>(criterion, "smol");
}

criterion_group!(benches, echo);
criterion_main!(benches);
