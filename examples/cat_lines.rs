//! Says each line of its input again, a second later: `cat_lines [SECONDS]`.
//!
//! It listens for so many seconds, or, without the argument, until the input ends; then it says what it still has to say,
//! and is done, also where the input stays open and somebody may type on:
//!
//! ```sh
//! (printf 'a\nb\n'; sleep 60) | cargo run --example cat_lines 2
//! ```

use runtime::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, stdin, stdout};
use runtime::task::JoinSet;
use runtime::time::{Duration, sleep, timeout};
use std::io;
use std::process::ExitCode;

/// How long a line is kept.
const DELAY: Duration = Duration::from_secs(1);

#[runtime::main]
async fn main() -> ExitCode {
    let listen = match seconds() {
        Ok(listen) => listen,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::from(2);
        }
    };
    let mut echoes = JoinSet::new();
    let mut result = match timeout(listen, hear(&mut echoes)).await {
        Ok(result) => result,
        // Somebody may type on: nobody listens any more.
        Err(_elapsed) => Ok(()),
    };
    while let Some(echo) = echoes.join_next().await {
        result = result.and(echo.unwrap_or_else(|error| Err(error.into())));
    }
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cat_lines: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How long to listen.
fn seconds() -> Result<Duration, &'static str> {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next(), arguments.next()) {
        (None, _) => Ok(Duration::MAX),
        (Some(seconds), None) => match seconds.parse() {
            Ok(seconds) => Ok(Duration::from_secs(seconds)),
            Err(_) => Err("cat_lines: SECONDS is a whole number"),
        },
        _ => Err("usage: cat_lines [SECONDS]"),
    }
}

/// Starts a task for each line, until the input ends.
async fn hear(echoes: &mut JoinSet<io::Result<()>>) -> io::Result<()> {
    let mut input = BufReader::new(stdin());
    loop {
        let mut line = Vec::new();
        if input.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        echoes.spawn(async move {
            sleep(DELAY).await;
            let mut out = stdout();
            out.write_all(&line).await?;
            out.flush().await
        });
    }
}
