//! The sections with more of everything: tasks, connections, work.

use crate::{Outcome, UNIT};
use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{TcpListener, TcpStream};
use runtime::time::{Instant, interval, sleep};
use runtime::{spawn, spawn_blocking};
use sha2::{Digest, Sha256};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Fails with what came out instead.
fn expect(holds: bool, what: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(what().into()) }
}

pub(crate) async fn hundred_thousand_tasks() -> Outcome {
    let tasks: Vec<_> = (0..100_000_u64).map(|n| spawn(async move { n })).collect();
    let mut sum = 0;
    for task in tasks {
        sum += task.await?;
    }
    expect(sum == 4_999_950_000, || format!("sum {sum}"))?;
    println!("spawned and joined, sum {sum}");
    Ok(())
}

pub(crate) async fn thousand_connections() -> Outcome {
    const ROUNDS: u32 = 10;
    let count = connections_max(1000);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = spawn(async move {
        for _ in 0..count {
            let (stream, _) = listener.accept().await?;
            spawn(echo(stream));
        }
        io::Result::Ok(())
    });
    // Nobody closes before everybody is connected: all of them are open at once.
    let all_open = Arc::new(futures::lock::Mutex::new(()));
    let gate = all_open.clone().lock_owned().await;
    let mut clients = Vec::new();
    for n in 0..count {
        let all_open = all_open.clone();
        let mut stream = TcpStream::connect(address).await?;
        clients.push(spawn(async move {
            drop(all_open.lock().await);
            for round in 0..ROUNDS {
                let sent = (n * ROUNDS + round).to_le_bytes();
                let mut back = [0; 4];
                stream.write_all(&sent).await?;
                stream.read_exact(&mut back).await?;
                if back != sent {
                    return Err(io::Error::other("an echo came back changed"));
                }
            }
            Ok(())
        }));
    }
    server.await??;
    drop(gate);
    for client in clients {
        client.await??;
    }
    let limit = if count < 1000 { " (the limit on open files allows no more)" } else { "" };
    println!("{count} open at once, {} echoes{limit}", count * ROUNDS);
    Ok(())
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 64];
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..n]).await?;
    }
}

/// How many connections with both ends here are possible, after asking for as many files as allowed.
fn connections_max(wanted: u32) -> u32 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    const OTHERS: u64 = 64;
    let limit = getrlimit(Resource::Nofile);
    let needed = 2 * u64::from(wanted) + OTHERS;
    let mut current = limit.current.unwrap_or(u64::MAX);
    if current < needed {
        let most = limit.maximum.unwrap_or(u64::MAX).min(needed);
        if setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum }).is_ok() {
            current = most;
        }
    }
    wanted.min(u32::try_from(current.saturating_sub(OTHERS) / 2).unwrap_or(wanted))
}

/// Heavy work on the pool does not hold up the tasks.
pub(crate) async fn hashes_beside_a_ticker() -> Outcome {
    const FILES: u8 = 16;
    const TICK: Duration = Duration::from_millis(10);
    let folder = Scratch::new()?;
    let paths = folder.fill(FILES)?;
    let ticker = spawn(async {
        let mut ticker = interval(TICK);
        let mut last = ticker.tick().await;
        let (mut ticks, mut worst) = (0_u32, Duration::ZERO);
        let stop = sleep(UNIT * 5);
        runtime::pin!(stop);
        loop {
            runtime::select! {
                _ = ticker.tick() => {
                    let now = Instant::now();
                    worst = worst.max(now - last);
                    (last, ticks) = (now, ticks + 1);
                }
                _ = &mut stop => return (ticks, worst),
            }
        }
    });
    let jobs = paths.into_iter().map(|path| spawn_blocking(move || hash_for(&path, UNIT * 3)));
    let jobs: Vec<_> = jobs.collect();
    for (n, job) in (0..FILES).zip(jobs) {
        let digest = job.await??;
        expect(digest == Sha256::digest(content(n)).as_slice(), || format!("file {n} has another digest"))?;
    }
    let (ticks, worst) = ticker.await?;
    // Held up by one job alone it would be 300 ms. Apart from that, the cores are busy with 16 threads.
    expect(worst < UNIT * 2, || format!("{worst:?} without a tick"))?;
    println!("digests right; {ticks} ticks, never more than {:.1} ms apart", worst.as_secs_f64() * 1000.0);
    Ok(())
}

fn content(n: u8) -> Vec<u8> {
    vec![n; 256 * 1024 + usize::from(n)]
}

/// Reads and hashes a file again and again.
fn hash_for(path: &PathBuf, time: Duration) -> io::Result<Vec<u8>> {
    let start = Instant::now();
    loop {
        let digest = Sha256::digest(std::fs::read(path)?);
        if start.elapsed() >= time {
            return Ok(digest.to_vec());
        }
    }
}

/// A folder that is removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("runtime-tour-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Scratch(path))
    }

    fn fill(&self, files: u8) -> io::Result<Vec<PathBuf>> {
        let write = |n: u8| {
            let path = self.0.join(n.to_string());
            std::fs::write(&path, content(n)).map(|()| path)
        };
        (0..files).map(write).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
