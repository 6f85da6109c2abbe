//! A TCP server that sends back whatever it is sent.
//!
//! ```sh
//! cargo run --release --example echo -- 127.0.0.1:7000
//! nc 127.0.0.1 7000
//! ```
//!
//! One task per connection. Ctrl-C ends it with a line that says what it has done; a second Ctrl-C kills
//! it. An address it cannot listen on is one line on stderr and exit code 1.

use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{TcpListener, TcpStream};
use runtime::signal::unix::{SignalKind, signal};
use runtime::time::sleep;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What one connection may send before it has to take something back.
const BUFFER_BYTES: usize = 16 * 1024;
/// The first and the longest pause after an `accept` that failed.
const BACK_OFF_MIN: Duration = Duration::from_millis(10);
const BACK_OFF_MAX: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Counters {
    accepted: AtomicU64,
    closed: AtomicU64,
    bytes: AtomicU64,
}

#[runtime::main(shutdown_timeout = "1s")]
async fn main() -> ExitCode {
    let address = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [address] if !address.starts_with('-') => address.clone(),
        _ => {
            eprintln!("usage: echo ADDRESS:PORT      (port 0: any that is free)");
            return ExitCode::from(2);
        }
    };
    match serve(&address).await {
        Ok(counters) => {
            let accepted = counters.accepted.load(Ordering::Relaxed);
            let open = accepted - counters.closed.load(Ordering::Relaxed);
            let bytes = counters.bytes.load(Ordering::Relaxed);
            say(&format!("echo: {accepted} connections, {bytes} bytes sent back, {open} still open"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("echo: {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until Ctrl-C, or a SIGTERM.
async fn serve(address: &str) -> io::Result<Arc<Counters>> {
    let listener = TcpListener::bind(address).await?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    say(&format!("echo: listening on {}", listener.local_addr()?));
    let counters = Arc::new(Counters::default());
    loop {
        runtime::select! {
            stream = accept(&listener) => {
                counters.accepted.fetch_add(1, Ordering::Relaxed);
                let counters = counters.clone();
                runtime::spawn(async move {
                    // A client that goes away in the middle is no error of this server's.
                    let _ = echo(stream, &counters).await;
                    counters.closed.fetch_add(1, Ordering::Relaxed);
                });
            }
            // Nobody listens any more then: the next one kills.
            _ = interrupt.recv() => return Ok(counters),
            _ = terminate.recv() => return Ok(counters),
        }
    }
}

async fn echo(mut stream: TcpStream, counters: &Counters) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        // Before the write: a client that has its echo is a client that was counted.
        counters.bytes.fetch_add(n as u64, Ordering::Relaxed);
        stream.write_all(&buffer[..n]).await?;
    }
}

/// The next connection. Without file descriptors it waits, longer each time, until some are closed: the
/// connections that are open go on, and new ones queue in the kernel.
async fn accept(listener: &TcpListener) -> TcpStream {
    let mut pause = BACK_OFF_MIN;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            // The client was gone before we came.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
            Err(error) => {
                if pause == BACK_OFF_MIN {
                    eprintln!("echo: accepting fails, waiting for better times: {error}");
                }
                sleep(pause).await;
                pause = (pause * 2).min(BACK_OFF_MAX);
            }
        }
    }
}

/// A line on stdout, if anybody listens.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
