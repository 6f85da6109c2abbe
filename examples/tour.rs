//! What a runtime is for, in a few seconds: `cargo run --release --example tour`, or some of its sections:
//! `cargo run --release --example tour -- 4 9`.
//!
//! The first ten are the programs with which asyncio is usually introduced, ten times as fast. Their Python
//! originals are in `examples/asyncio`, and print the same lines in the same time. As `asyncio.run` does there,
//! each is run by a runtime of its own. A section that goes wrong says so, and the exit code then is 1.

#[path = "tour/load.rs"]
mod load;

use runtime::blocking::Pool;
use runtime::sync::{mpsc, promise};
use runtime::task::{Id, JoinSet, ReturnWhen, try_gather};
use runtime::time::{Instant, sleep};
use runtime::{JoinError, gather, run, spawn};
use std::collections::HashMap;
use std::io::BufRead;
use std::process::ExitCode;
use std::time::Duration;

/// What a section printed was right, or what was not.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What is a second in the originals of the originals.
const UNIT: Duration = Duration::from_millis(100);

/// What a section shows, and how it is run.
type Section = (&'static str, fn() -> Outcome);

const SECTIONS: &[Section] = &[
    ("say hello, sleep 0.1 s, say world", || run(hello_world())),
    ("a value that another task sets after 0.1 s", || run(future())),
    ("ten tasks sleep for random times", || run(sleepers())),
    ("wait for four items, with and without a time-out", || run(wait())),
    ("six blocking jobs of 0.05 s in a pool of three threads", || run(pool())),
    ("A and B in turn, C and D together, 0.1 s each", || run(in_turn_and_together())),
    ("two tasks made first, awaited later", || run(two_tasks())),
    ("fetch for 0.2 s, process what came", || run(fetch_and_process())),
    ("three tasks with three delays, taken as they end", || run(three_delays())),
    ("echo the lines of stdin, each in a task, for 0.5 s", || run(stdin())),
    ("100,000 tasks", || run(load::hundred_thousand_tasks())),
    ("1,000 TCP connections, 10 echoes each", || run(load::thousand_connections())),
    ("SHA-256 of 16 files while a 10 ms ticker ticks", || run(load::hashes_beside_a_ticker())),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |argument: &String| argument.parse().ok().filter(|n| (1..=SECTIONS.len()).contains(n));
    let numbers: Option<Vec<usize>> = arguments.iter().map(number).collect();
    let Some(numbers) = numbers else {
        eprintln!("usage: tour [SECTION…]; the sections are:");
        for (n, (title, _)) in (1..).zip(SECTIONS) {
            eprintln!("{n:4}  {title}");
        }
        return ExitCode::from(2);
    };
    let all_right = match numbers.as_slice() {
        // As the Python original prints it.
        [number] => show(*number),
        [] => all((1..=SECTIONS.len()).collect()),
        _ => all(numbers),
    };
    if all_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs sections with their titles.
fn all(numbers: Vec<usize>) -> bool {
    let mut all_right = true;
    for number in numbers {
        println!("{number}. {}", SECTIONS[number - 1].0);
        all_right &= show(number);
        println!();
    }
    all_right
}

/// Runs one section and says how long it took.
fn show(number: usize) -> bool {
    let start = Instant::now();
    let outcome = SECTIONS[number - 1].1();
    if let Err(wrong) = &outcome {
        println!("WRONG: {wrong}");
    }
    println!("took {:.3} s", start.elapsed().as_secs_f64());
    outcome.is_ok()
}

async fn hello_world() -> Outcome {
    println!("hello");
    sleep(UNIT).await;
    println!("world");
    Ok(())
}

async fn future() -> Outcome {
    let (promise, answer) = promise();
    let answering = spawn(async move {
        sleep(UNIT).await;
        promise.set(42)
    });
    println!("the answer is {}", if answer.is_done() { "there" } else { "not there yet" });
    println!("the answer is {}", answer.await?);
    answering.await?.map_err(|_| "it was set twice".into())
}

/// They end in the order of their sleeps, in the time of the longest.
async fn sleepers() -> Outcome {
    // Drawn by lot once, so that every run shows the same.
    const SLEEPS: [f64; 10] = [0.34, 0.10, 0.46, 0.22, 0.30, 0.14, 0.42, 0.26, 0.38, 0.18];
    let sleeper = |(number, seconds)| async move {
        sleep(Duration::from_secs_f64(seconds)).await;
        println!("task {number} slept for {seconds:.2} s");
    };
    let tasks: Vec<_> = SLEEPS.into_iter().enumerate().map(|sleep| spawn(sleeper(sleep))).collect();
    let count = tasks.len();
    for task in tasks {
        task.await?;
    }
    println!("all {count} ended");
    Ok(())
}

async fn wait() -> Outcome {
    async fn get_item(i: u32) -> u32 {
        sleep(UNIT * i).await;
        i
    }
    /// The tasks, and which is for which item.
    fn order() -> (JoinSet<u32>, HashMap<Id, u32>) {
        let mut tasks = JoinSet::new();
        let items = (0..4).map(|i| (tasks.spawn(get_item(i)).id(), i)).collect();
        (tasks, items)
    }
    fn results(done: Vec<(Id, Result<u32, JoinError>)>) -> Result<Vec<u32>, JoinError> {
        let mut results = done.into_iter().map(|(_, result)| result).collect::<Result<Vec<_>, _>>()?;
        results.sort();
        Ok(results)
    }
    let (mut tasks, _) = order();
    let done = tasks.wait(ReturnWhen::AllCompleted, None).await;
    println!("without a time-out: {:?} done, {} pending", results(done)?, tasks.len());

    let (mut tasks, items) = order();
    let done = tasks.wait(ReturnWhen::AllCompleted, Some(UNIT * 3 / 2)).await;
    println!("with a time-out: {:?} done, {} pending", results(done)?, tasks.len());
    tasks.abort_all();
    let ended = tasks.wait(ReturnWhen::AllCompleted, None).await;
    let cancelled = ended.iter().filter(|(_, result)| result.as_ref().is_err_and(JoinError::is_cancelled));
    let mut cancelled: Vec<u32> = cancelled.map(|(id, _)| items[id]).collect();
    cancelled.sort();
    println!("cancelled: {cancelled:?}");
    Ok(())
}

async fn pool() -> Outcome {
    let square = |n: u32| {
        std::thread::sleep(UNIT / 2);
        n * n
    };
    let pool = Pool::builder().threads(3).build()?;
    let squares = try_gather((0..6).map(|n| pool.run(move || square(n)))).await?;
    println!("{squares:?}");
    Ok(())
}

async fn in_turn_and_together() -> Outcome {
    async fn work(name: &'static str) -> String {
        sleep(UNIT).await;
        format!("{name} done")
    }
    let start = Instant::now();
    println!("{}", work("A").await);
    println!("{}", work("B").await);
    println!("in turn: {:.1} s", start.elapsed().as_secs_f64());

    let start = Instant::now();
    let (c, d) = gather!(work("C"), work("D")).await;
    println!("{}\n{}", c?, d?);
    println!("together: {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

async fn two_tasks() -> Outcome {
    async fn say_after(delay: Duration, what: &str) -> usize {
        sleep(delay).await;
        println!("{what}");
        what.len()
    }
    let hello = spawn(say_after(UNIT, "hello"));
    let world = spawn(say_after(UNIT * 2, "world"));
    println!("both started");
    println!("letters: {}", hello.await? + world.await?);
    Ok(())
}

async fn fetch_and_process() -> Outcome {
    async fn fetch_data() -> Vec<u32> {
        println!("fetching");
        sleep(UNIT * 2).await;
        vec![1, 2, 3]
    }
    async fn process_data(data: Vec<u32>) -> u32 {
        sleep(Duration::ZERO).await;
        data.iter().map(|n| n * n).sum()
    }
    let fetching = spawn(fetch_data());
    sleep(UNIT).await;
    println!("something else meanwhile");
    let data = fetching.await?;
    println!("fetched {data:?}");
    println!("sum of squares {}", process_data(data).await);
    Ok(())
}

/// In the time of the longest.
async fn three_delays() -> Outcome {
    async fn delayed(name: &str, units: u32) -> String {
        let delay = UNIT * units;
        sleep(delay).await;
        format!("{name} after {:.1} s", delay.as_secs_f64())
    }
    let mut tasks = JoinSet::new();
    for (name, units) in [("c", 3), ("a", 1), ("b", 2)] {
        tasks.spawn(delayed(name, units));
    }
    while let Some(line) = tasks.join_next().await {
        println!("{}", line?);
    }
    Ok(())
}

/// It ends with its main though stdin stays open: the thread that reads belongs to no runtime, so that nobody
/// waits for it.
async fn stdin() -> Outcome {
    async fn echo(line: String) {
        sleep(UNIT).await;
        println!("echo: {line}");
    }
    let (send, mut lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        std::io::stdin().lock().lines().map_while(Result::ok).try_for_each(|line| send.send(line))
    });
    let reading = spawn(async move {
        println!("type some lines");
        while let Some(line) = lines.recv().await {
            spawn(echo(line));
        }
    });
    sleep(UNIT * 5).await;
    println!("main ends, {}", if reading.is_finished() { "nobody types any more" } else { "stdin is open" });
    Ok(())
}
