//! Nothing stalls it: a ticker, and a server of echoes, beside tasks that block their workers.
//!
//! ```text
//! cargo run --release --example unblockable                      the table, 8 s for each row
//! cargo run --release --example unblockable -- --all             the same of tokio and smol, too
//! RUSTFLAGS="--cfg tokio_unstable" cargo run … -- --all          and of tokio with its eager hand-off of the driver
//! cargo run --release --example unblockable -- --seconds 2       shorter
//! cargo run --release --example unblockable -- --svg out.svg     a picture: when the ticks come, ours beside tokio's
//! ```

use benches::load::Client;
use benches::rt::Rt;
use benches::rt::hand_off;
use benches::rt::on_ours::Ours;
use benches::rt::on_smol::Smol;
use benches::rt::on_tokio::Tokio;
use benches::work::echo::Server;
use plotters::prelude::*;
use std::collections::HashSet;
use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const WORKERS: usize = 4;
/// The ticker's beat.
const BEAT: Duration = Duration::from_millis(50);
/// What a blocker does in turns: it waits as it should, and then it blocks.
const PAUSE: Duration = Duration::from_millis(70);
const BLOCK: Duration = Duration::from_secs(1);
/// Of a hundred ticks that could come, so many have to; and none may be later than that.
const TICKS_PERCENT_MIN: usize = 93;
const GAP_MAX: Duration = Duration::from_millis(100);

/// How the tasks block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Sleep,
    Compute,
    /// They wait for a lock that only a task can release which has not run yet.
    Lock,
    /// All of them once, at the same moment.
    Once,
}

const ROWS: &[(Way, usize)] = &[
    (Way::Sleep, 1),
    (Way::Sleep, 3),
    (Way::Sleep, 4),
    (Way::Sleep, 8),
    (Way::Compute, 1),
    (Way::Compute, 4),
    (Way::Compute, 8),
    (Way::Lock, 4),
    (Way::Once, 200),
];

impl Way {
    fn name(self) -> &'static str {
        match self {
            Way::Sleep => "sleep 1 s",
            Way::Compute => "compute 1 s",
            Way::Lock => "wait for a lock",
            Way::Once => "sleep 1 s, once",
        }
    }
}

/// What was seen beside the blockers.
struct Seen {
    /// When the ticks came, from the start.
    ticks: Vec<Duration>,
    worst_echo: Duration,
}

impl Seen {
    fn worst_gap(&self) -> Duration {
        let starts = std::iter::once(&Duration::ZERO).chain(&self.ticks);
        starts.zip(&self.ticks).map(|(from, to)| *to - *from).max().unwrap_or(Duration::MAX)
    }
}

fn compute(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

fn start_blockers<R: Rt>(rt: &R, way: Way, count: usize, is_over: &Arc<AtomicBool>) {
    let lock = Arc::new(Mutex::new(()));
    for number in 0..count {
        let (is_over, lock) = (is_over.clone(), lock.clone());
        R::detach(rt.spawn_outside(async move {
            while !is_over.load(Ordering::Relaxed) {
                R::sleep(PAUSE).await;
                match way {
                    Way::Sleep => thread::sleep(BLOCK),
                    Way::Compute => compute(BLOCK),
                    Way::Once => return thread::sleep(BLOCK),
                    Way::Lock if number == 0 => hold_until_a_task_runs::<R>(&lock),
                    Way::Lock => drop(lock.lock().unwrap()),
                }
            }
        }));
    }
}

/// Holds the lock until a task has run that is spawned now: at most for [`BLOCK`], or some runtimes would never end.
fn hold_until_a_task_runs<R: Rt>(lock: &Mutex<()>) {
    let _guard = lock.lock().unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    R::detach(R::spawn(async move {
        let _ = tell.send(());
    }));
    let _ = told.recv_timeout(BLOCK);
}

/// A client that sends one message after the other; the longest time that it waited for its echo.
fn echo_beside(address: &str, is_over: &AtomicBool) -> Duration {
    let mut client = Client::connect(address, 1);
    let mut worst = Duration::ZERO;
    while !is_over.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(5));
        worst = worst.max(client.round_trip(0));
    }
    worst
}

fn run<R: Rt>(way: Way, blockers: usize, time: Duration) -> Seen {
    let rt = R::new(WORKERS);
    let server = Server::start::<R>(&rt);
    let is_over = Arc::new(AtomicBool::new(false));
    let address = server.address();
    let echo = thread::spawn({
        let is_over = is_over.clone();
        move || echo_beside(&address, &is_over)
    });
    start_blockers(&rt, way, blockers, &is_over);
    let ticker = rt.spawn_outside(async move {
        let start = Instant::now();
        let mut ticks = Vec::new();
        while start.elapsed() < time {
            R::sleep(BEAT).await;
            ticks.push(start.elapsed());
        }
        ticks
    });
    let ticks = rt.block_on(async { R::join(ticker).await });
    is_over.store(true, Ordering::Relaxed);
    let worst_echo = echo.join().expect("the client panicked");
    Seen { ticks, worst_echo }
}

fn table<R: Rt>(name: &str, time: Duration) -> bool {
    println!("\n{name}, {WORKERS} workers, {} s a row", time.as_secs_f64());
    println!("{:>4}  {:<16} {:>12} {:>10} {:>12}", "", "blockers", "ticks", "worst gap", "worst echo");
    let mut is_well = true;
    for &(way, blockers) in ROWS {
        let seen = run::<R>(way, blockers, time);
        let possible = (time.as_millis() / BEAT.as_millis()) as usize;
        let (came, gap) = (seen.ticks.len(), seen.worst_gap());
        let row_is_well = came * 100 >= possible * TICKS_PERCENT_MIN && gap <= GAP_MAX;
        is_well &= row_is_well;
        println!(
            "{blockers:>4}  {:<16} {:>12} {:>7} ms {:>9} ms{}",
            way.name(),
            format!("{came} of {possible}"),
            gap.as_millis(),
            seen.worst_echo.as_millis(),
            if row_is_well { "" } else { "   stalled" }
        );
    }
    is_well
}

/// Each tick is a line: ours above, tokio's below, a row for each number of blockers.
fn draw(path: &str, time: Duration) -> Result<(), Box<dyn Error>> {
    let rows = [1, 3, 4, 8];
    let root = SVGBackend::new(path, (1000, 80 + 110 * rows.len() as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let root = root.titled(
        &format!("When a {} ms ticker ticks, beside blockers of {WORKERS} workers", BEAT.as_millis()),
        ("sans-serif", 20),
    )?;
    let parts = root.split_evenly((rows.len(), 1));
    for (part, blockers) in parts.iter().zip(rows) {
        let mut chart = ChartBuilder::on(part)
            .margin(8)
            .caption(
                format!("{blockers} blocker{}", if blockers == 1 { "" } else { "s" }),
                ("sans-serif", 13),
            )
            .x_label_area_size(18)
            .y_label_area_size(60)
            .build_cartesian_2d(0.0..time.as_secs_f64(), 0.0..2.0)?;
        let label = |y: &f64| match *y {
            y if (y - 0.5).abs() < 0.1 => "tokio".to_owned(),
            y if (y - 1.5).abs() < 0.1 => "runtime".to_owned(),
            _ => String::new(),
        };
        chart.configure_mesh().disable_mesh().y_labels(5).y_label_formatter(&label).draw()?;
        let (ours, theirs) =
            (run::<Ours>(Way::Sleep, blockers, time), run::<Tokio>(Way::Sleep, blockers, time));
        for (seen, from, to, color) in [(ours, 1.1, 1.9, BLUE), (theirs, 0.1, 0.9, RED)] {
            let line = |at: &Duration| {
                let at = at.as_secs_f64();
                PathElement::new([(at, from), (at, to)], color)
            };
            chart.draw_series(seen.ticks.iter().map(line))?;
        }
    }
    root.present()?;
    println!("drawn: {path}");
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let usage = "options: --all, --seconds N, --svg FILE";
    let (mut time, mut flags, mut svg) = (Duration::from_secs(8), HashSet::new(), None);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--all" => _ = flags.insert("all"),
            "--svg" => svg = Some(args.next().ok_or(usage)?),
            "--seconds" => {
                let seconds: f64 = args.next().ok_or(usage)?.parse()?;
                time = Duration::try_from_secs_f64(seconds)?.max(BEAT);
            }
            _ => return Err(format!("unknown option {arg}; {usage}").into()),
        }
    }
    if let Some(path) = svg {
        return draw(&path, time);
    }
    let is_well = table::<Ours>("runtime", time);
    if flags.contains("all") {
        table::<Tokio>("tokio", time);
        if hand_off::CAN {
            hand_off::want(true);
            table::<Tokio>("tokio with its eager hand-off", time);
        }
        table::<Smol>("smol", time);
    }
    if is_well { Ok(()) } else { Err("a row stalled".into()) }
}
