//! What a runtime is for, in a few seconds: `cargo run --release --example tour`.
//!
//! Each line is a small program: what it does, how long it took, what came out. A wrong result is marked,
//! and the exit code then is 1. The first nine are the programs with which asyncio is usually
//! introduced, ten times as fast.

use futures::future::join_all;
use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{TcpListener, TcpStream};
use runtime::sync::oneshot;
use runtime::time::{Instant, interval, sleep, timeout};
use runtime::{join, spawn, spawn_blocking};
use sha2::{Digest, Sha256};
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What came out, in words; `Err` is what should not have.
type Outcome = Result<String, String>;

const UNIT: Duration = Duration::from_millis(100);

#[runtime::main(shutdown_timeout = "1s")]
async fn main() -> ExitCode {
    let start = Instant::now();
    let mut failures = 0;
    macro_rules! show {
        ($($title:literal => $step:ident,)*) => {$(
            let step_start = Instant::now();
            let outcome = $step().await;
            let ms = step_start.elapsed().as_secs_f64() * 1000.0;
            failures += u32::from(outcome.is_err());
            match outcome {
                Ok(text) => println!("{:52} {ms:8.1} ms  {text}", $title),
                Err(text) => println!("{:52} {ms:8.1} ms  WRONG: {text}", $title),
            }
        )*};
    }
    show! {
        "say hello, sleep 0.1 s, say world" => hello_world,
        "another task answers after 0.1 s" => answer_later,
        "10 tasks sleep for 0.1 to 0.5 s" => sleepers,
        "4 items arriving after 0, 0.1, 0.2, 0.3 s" => items,
        "the same, but waiting for 0.15 s only" => items_in_time,
        "6 blocking jobs of 50 ms" => blocking_jobs,
        "A and B in turn, C and D together, 0.1 s each" => in_turn_and_together,
        "two tasks made first, awaited later" => two_tasks,
        "fetch for 0.2 s, process what came" => fetch_and_process,
        "three tasks with delays of 0.1, 0.2, 0.3 s" => three_delays,
        "100,000 tasks" => hundred_thousand_tasks,
        "1,000 TCP connections, 10 echoes each" => thousand_connections,
        "SHA-256 of 16 files while a 10 ms ticker ticks" => hashes_beside_a_ticker,
    }
    println!("{:52} {:8.1} ms", "all", start.elapsed().as_secs_f64() * 1000.0);
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn expect(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

/// Fails unless `least <= elapsed since start < most`.
fn expect_time(start: Instant, least: Duration, most: Duration) -> Result<(), String> {
    let elapsed = start.elapsed();
    expect(least <= elapsed && elapsed < most, || format!("took {elapsed:?}, not {least:?} to {most:?}"))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

async fn hello_world() -> Outcome {
    let start = Instant::now();
    let hello = "hello";
    sleep(UNIT).await;
    expect_time(start, UNIT, UNIT * 10)?;
    Ok(format!("{hello} … world"))
}

async fn answer_later() -> Outcome {
    let (send, receive) = oneshot::channel();
    let answering = spawn(async move {
        sleep(UNIT).await;
        send.send(42)
    });
    let answer = receive.await.map_err(text)?;
    expect(answering.await.map_err(text)?.is_ok(), || "the answer was not taken".to_owned())?;
    expect(answer == 42, || format!("the answer is {answer}"))?;
    Ok(format!("the answer is {answer}"))
}

/// They end in the order of their sleeps, in the time of the longest.
async fn sleepers() -> Outcome {
    // 100, 140, … 460 ms, in no order.
    let mut sleeps: Vec<u64> = (0..10).map(|i| 100 + 40 * (i * 7 % 10)).collect();
    let start = Instant::now();
    let ended = Arc::new(Mutex::new(Vec::new()));
    let tasks = sleeps.iter().map(|&ms| {
        let ended = ended.clone();
        spawn(async move {
            sleep(Duration::from_millis(ms)).await;
            ended.lock().unwrap().push(ms);
        })
    });
    let tasks: Vec<_> = tasks.collect();
    for task in tasks {
        task.await.map_err(text)?;
    }
    expect_time(start, Duration::from_millis(460), Duration::from_millis(sleeps.iter().sum()))?;
    sleeps.sort_unstable();
    let ended = ended.lock().unwrap();
    expect(*ended == sleeps, || format!("the order was {ended:?}"))?;
    Ok("shortest first, in the time of the longest".to_owned())
}

async fn get_item(i: u32) -> u32 {
    sleep(UNIT * i).await;
    i
}

async fn items() -> Outcome {
    let tasks: Vec<_> = (0..4).map(|i| spawn(get_item(i))).collect();
    let mut items = Vec::new();
    for task in tasks {
        items.push(task.await.map_err(text)?);
    }
    expect(items == [0, 1, 2, 3], || format!("{items:?}"))?;
    Ok(format!("{items:?}"))
}

async fn items_in_time() -> Outcome {
    let tasks: Vec<_> = (0..4).map(|i| spawn(get_item(i))).collect();
    sleep(UNIT * 3 / 2).await;
    let (done, late): (Vec<_>, Vec<_>) = tasks.into_iter().partition(|task| task.is_finished());
    late.iter().for_each(|task| task.abort());
    let cancelled =
        join_all(late).await.into_iter().filter(|end| end.as_ref().is_err_and(|e| e.is_cancelled()));
    let cancelled = cancelled.count();
    let done: Vec<u32> = join_all(done).await.into_iter().collect::<Result<_, _>>().map_err(text)?;
    expect(done == [0, 1] && cancelled == 2, || format!("{done:?} done, {cancelled} cancelled"))?;
    Ok(format!("{done:?} done, {cancelled} cancelled"))
}

async fn blocking_jobs() -> Outcome {
    let start = Instant::now();
    let square = |i: u32| {
        move || {
            std::thread::sleep(UNIT / 2);
            i * i
        }
    };
    let jobs: Vec<_> = (0..6).map(|i| spawn_blocking(square(i))).collect();
    let squares: Vec<u32> = join_all(jobs).await.into_iter().collect::<Result<_, _>>().map_err(text)?;
    expect(squares == [0, 1, 4, 9, 16, 25], || format!("{squares:?}"))?;
    expect_time(start, UNIT / 2, UNIT / 2 * 6)?;
    Ok(format!("{squares:?}, side by side"))
}

async fn work(name: &str) -> String {
    sleep(UNIT).await;
    name.to_lowercase()
}

async fn in_turn_and_together() -> Outcome {
    let start = Instant::now();
    let (a, b) = (work("A").await, work("B").await);
    let in_turn = start.elapsed();
    let start = Instant::now();
    let (c, d) = join!(work("C"), work("D"));
    let together = start.elapsed();
    expect([&a, &b, &c, &d] == ["a", "b", "c", "d"], || format!("{a}{b}{c}{d}"))?;
    expect(in_turn >= UNIT * 2 && together >= UNIT && together < in_turn, || {
        format!("{in_turn:?} in turn, {together:?} together")
    })?;
    Ok(format!("{} ms in turn, {} ms together", in_turn.as_millis(), together.as_millis()))
}

async fn two_tasks() -> Outcome {
    let start = Instant::now();
    let (first, second) = (spawn(work("First")), spawn(work("Second")));
    let words = [first.await.map_err(text)?, second.await.map_err(text)?];
    expect(words == ["first", "second"], || format!("{words:?}"))?;
    expect_time(start, UNIT, UNIT * 2)?;
    Ok(words.join(", "))
}

async fn fetch_and_process() -> Outcome {
    let fetch = async {
        sleep(UNIT * 2).await;
        vec![1, 2, 3]
    };
    let data = spawn(fetch).await.map_err(text)?;
    let sum: u32 = spawn(async move { data.iter().map(|n| n * n).sum() }).await.map_err(text)?;
    expect(sum == 14, || format!("{sum}"))?;
    let late = timeout(UNIT / 4, sleep(UNIT * 10)).await;
    expect(late.is_err(), || "a time-out did not end a longer sleep".to_owned())?;
    Ok(format!("sum of squares {sum}; a slow one timed out"))
}

async fn three_delays() -> Outcome {
    let start = Instant::now();
    let tasks: Vec<_> = (1..=3).map(|i| spawn(get_item(i))).collect();
    let delays: Vec<u32> = join_all(tasks).await.into_iter().collect::<Result<_, _>>().map_err(text)?;
    expect(delays == [1, 2, 3], || format!("{delays:?}"))?;
    expect_time(start, UNIT * 3, UNIT * 6)?;
    Ok("in the time of the longest".to_owned())
}

async fn hundred_thousand_tasks() -> Outcome {
    let tasks: Vec<_> = (0..100_000_u64).map(|n| spawn(async move { n })).collect();
    let mut sum = 0;
    for task in tasks {
        sum += task.await.map_err(text)?;
    }
    expect(sum == 4_999_950_000, || format!("sum {sum}"))?;
    Ok(format!("spawned and joined, sum {sum}"))
}

async fn thousand_connections() -> Outcome {
    const ROUNDS: u32 = 10;
    let count = connections_max(1000);
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(text)?;
    let address = listener.local_addr().map_err(text)?;
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
        let mut stream = TcpStream::connect(address).await.map_err(text)?;
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
    server.await.map_err(text)?.map_err(text)?;
    drop(gate);
    for client in clients {
        client.await.map_err(text)?.map_err(text)?;
    }
    let limit = if count < 1000 { " (the limit on open files allows no more)" } else { "" };
    Ok(format!("{count} open at once, {} echoes{limit}", count * ROUNDS))
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
async fn hashes_beside_a_ticker() -> Outcome {
    const FILES: u8 = 16;
    const TICK: Duration = Duration::from_millis(10);
    let folder = Scratch::new().map_err(text)?;
    let paths = folder.fill(FILES).map_err(text)?;
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
        let digest = job.await.map_err(text)?.map_err(text)?;
        expect(digest == Sha256::digest(content(n)).as_slice(), || format!("file {n} has another digest"))?;
    }
    let (ticks, worst) = ticker.await.map_err(text)?;
    // Held up by one job alone it would be 300 ms. Apart from that, the cores are busy with 16 threads.
    expect(worst < UNIT * 2, || format!("{worst:?} without a tick"))?;
    Ok(format!("digests right; {ticks} ticks, never more than {:.1} ms apart", worst.as_secs_f64() * 1000.0))
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
