//! Sockets under load, with a watchdog that ends the process when nothing moves any more.
//!
//! `RUNTIME_STRESS=100 cargo test --release --test stress_net` runs a hundred times as long.

use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{TcpListener, TcpStream, UnixStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Far longer than any step takes.
const STILL_MAX: Duration = Duration::from_secs(30);

/// How often, by how much longer the environment asks for.
fn rounds(base: u64) -> u64 {
    base * std::env::var("RUNTIME_STRESS").map_or(1, |times| times.parse().expect("RUNTIME_STRESS"))
}

/// Counts steps. When they stop before the test does, a wake-up was lost: the process aborts.
struct Watchdog {
    steps: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Watchdog {
    fn new(test: &'static str) -> Watchdog {
        let (steps, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let thread = {
            let (steps, done) = (Arc::clone(&steps), Arc::clone(&done));
            thread::spawn(move || {
                let mut last = 0;
                while !done.load(Ordering::Acquire) {
                    thread::park_timeout(STILL_MAX);
                    let now = steps.load(Ordering::Relaxed);
                    if now == last && !done.load(Ordering::Acquire) {
                        eprintln!("{test}: nothing has moved for {STILL_MAX:?} after {now} steps");
                        std::process::abort();
                    }
                    last = now;
                }
            })
        };
        Watchdog { steps, done, thread: Some(thread) }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn runtime() -> runtime::Runtime {
    runtime::Builder::new_multi_thread().worker_threads(3).build().unwrap()
}

async fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    client.set_nodelay(true).unwrap();
    let server = listener.accept().await.unwrap().0;
    server.set_nodelay(true).unwrap();
    (client, server)
}

/// One side of a ping-pong: serves if `first`, then answers each number with the next.
async fn play<S>(mut stream: S, first: bool, rounds: u64, steps: Arc<AtomicU64>)
where
    S: AsyncReadExt + AsyncWriteExt + Unpin,
{
    if first {
        stream.write_all(&0_u64.to_be_bytes()).await.unwrap();
    }
    let mut buf = [0; 8];
    let mut expected = u64::from(!first) ^ 1;
    while expected < rounds {
        stream.read_exact(&mut buf).await.unwrap();
        let number = u64::from_be_bytes(buf);
        assert_eq!(number, expected);
        steps.fetch_add(1, Ordering::Relaxed);
        // Nobody waits for an answer to the last number.
        if number + 1 < rounds {
            stream.write_all(&(number + 1).to_be_bytes()).await.unwrap();
        }
        expected += 2;
    }
}

#[test]
fn p22_ping_pong_loses_no_readiness() {
    let watchdog = Watchdog::new("p22_ping_pong_loses_no_readiness");
    runtime().block_on(async {
        let mut players = Vec::new();
        for _ in 0..4 {
            let (one, other) = connection().await;
            players.push(runtime::spawn(play(one, true, rounds(20_000), Arc::clone(&watchdog.steps))));
            players.push(runtime::spawn(play(other, false, rounds(20_000), Arc::clone(&watchdog.steps))));
            let (one, other) = UnixStream::pair().unwrap();
            players.push(runtime::spawn(play(one, true, rounds(20_000), Arc::clone(&watchdog.steps))));
            players.push(runtime::spawn(play(other, false, rounds(20_000), Arc::clone(&watchdog.steps))));
        }
        for player in players {
            player.await.unwrap();
        }
    });
}

#[test]
fn p22_bulk_in_both_directions_with_small_buffers() {
    let watchdog = Watchdog::new("p22_bulk_in_both_directions_with_small_buffers");
    let total = rounds(20_000_000);
    runtime().block_on(async {
        let (one, other) = connection().await;
        let mut tasks = Vec::new();
        for stream in [one, other] {
            let (mut read, mut write) = stream.into_split();
            let steps = Arc::clone(&watchdog.steps);
            tasks.push(runtime::spawn(async move {
                let chunk = vec![5; 100_003];
                let mut left = total as usize;
                while left > 0 {
                    let len = write.write(&chunk[..left.min(chunk.len())]).await.unwrap();
                    left -= len;
                    steps.fetch_add(1, Ordering::Relaxed);
                }
            }));
            tasks.push(runtime::spawn(async move {
                let mut buf = vec![0; 7001];
                let mut count = 0;
                loop {
                    match read.read(&mut buf).await.unwrap() {
                        0 => break,
                        len => count += len as u64,
                    }
                }
                assert_eq!(count, total);
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn p23_descriptors_that_are_used_again_wake_only_their_owner() {
    let watchdog = Watchdog::new("p23_descriptors_that_are_used_again_wake_only_their_owner");
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        // Each connection says a number of its own; every eighth goes away with an answer on its way,
        // and leaves a duplicate of its descriptor behind for a while.
        let server = runtime::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                runtime::spawn(async move {
                    let mut buf = [0; 8];
                    while stream.read_exact(&mut buf).await.is_ok() {
                        if buf == [0xff; 8] || stream.write_all(&buf).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        let clients: Vec<_> = (0..8_u64)
            .map(|id| {
                let steps = Arc::clone(&watchdog.steps);
                runtime::spawn(async move {
                    let mut duplicates = std::collections::VecDeque::new();
                    for round in 0..rounds(300) {
                        let mut stream = TcpStream::connect(addr).await.unwrap();
                        let number = (round << 8 | id).to_be_bytes();
                        stream.write_all(&number).await.unwrap();
                        if round % 8 == 0 {
                            duplicates.push_back(stream.as_fd().try_clone_to_owned().unwrap());
                            if duplicates.len() > 4 {
                                duplicates.pop_front();
                            }
                        } else {
                            let mut buf = [0; 8];
                            stream.read_exact(&mut buf).await.unwrap();
                            assert_eq!(buf, number);
                        }
                        steps.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        server.abort();
        let _ = server.await;
    });
}
