//! A chat server: everybody sees the lines of everybody else.
//!
//! ```sh
//! cargo run --release --example chat -- 127.0.0.1:7000
//! nc 127.0.0.1 7000
//! ```
//!
//! The first line of a client is its name. Lines go through one broadcast channel, so a client that reads slowly holds up
//! nobody: it misses lines, is told how many, and is dropped if it needs more than ten seconds for what
//! is written at a time.

use runtime::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use runtime::net::{self, TcpListener, TcpStream};
use runtime::sync::broadcast::{self, Receiver, Sender};
use runtime::task;
use runtime::time::timeout;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Lines that a client may be behind. They are there once, however many clients there are.
const LINES_MAX: usize = 8192;
/// A longer line ends its client's connection.
const LINE_BYTES_MAX: u64 = 4096;
/// Lines that are there at the same time go out together, about so much of them.
const BATCH_BYTES: usize = 32 * 1024;
/// Who takes nothing for so long is gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// A line, and the client whose it is.
type Line = (u64, Arc<str>);

#[runtime::main(ctrl_c = "cancel", shutdown_timeout = "1s")]
async fn main() -> ExitCode {
    let [address] = match std::env::args().skip(1).collect::<Vec<_>>().try_into() {
        Ok(address) => address,
        Err(_) => {
            eprintln!("usage: chat ADDRESS:PORT");
            return ExitCode::from(2);
        }
    };
    match chat(&address).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat: {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until Ctrl-C.
async fn chat(address: &str) -> io::Result<()> {
    let interrupted = task::cancelled();
    let (lines, _) = broadcast::channel(LINES_MAX);
    let count = AtomicU64::new(0);
    let server = net::serve(TcpListener::bind(address).await?, move |stream, _| {
        let (id, lines) = (count.fetch_add(1, Ordering::Relaxed), lines.clone());
        async move {
            // Clients come and go; that one went is no error of this server's.
            let _ = client(&stream, id, lines).await;
        }
    });
    let _ = writeln!(io::stdout(), "chat: listening on {}", server.local_addr()?);
    interrupted.await;
    server.cancel();
    server.wait_closed().await;
    Ok(())
}

async fn client(stream: &TcpStream, id: u64, lines: Sender<Line>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::new(stream);
    let Some(name) = next_line(&mut input).await? else { return Ok(()) };
    // Before anybody hears of it: who answers is heard.
    let others = lines.subscribe();
    let mut output = stream;
    output.write_all(format!("* hello {name}\n").as_bytes()).await?;
    // There is always somebody who listens: this client.
    let tell = |text: String| drop(lines.send((id, text.into())));
    tell(format!("* {name} is here\n"));
    let result = runtime::select! {
        result = listen(&mut input, &name, &tell) => result,
        result = speak(stream, id, others) => result,
    };
    tell(format!("* {name} has left\n"));
    result
}

/// Passes on what the client says, until it ends.
async fn listen(input: &mut BufReader<&TcpStream>, name: &str, tell: impl Fn(String)) -> io::Result<()> {
    while let Some(line) = next_line(input).await? {
        tell(format!("{name}: {line}\n"));
    }
    Ok(())
}

/// The next line, without its end.
async fn next_line(input: &mut BufReader<&TcpStream>) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    input.take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await?;
    if line.pop_if(|last| *last == b'\n').is_none() {
        return if (line.len() as u64) < LINE_BYTES_MAX {
            Ok(None)
        } else {
            Err(io::Error::new(ErrorKind::InvalidData, "the line is too long"))
        };
    }
    line.pop_if(|last| *last == b'\r');
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

/// Tells the client what the others say.
async fn speak(mut stream: &TcpStream, id: u64, mut others: Receiver<Line>) -> io::Result<()> {
    use broadcast::error::{RecvError, TryRecvError};
    let mut batch = String::new();
    loop {
        match others.recv().await {
            Ok(line) => add(&mut batch, id, line),
            Err(RecvError::Lagged(missed)) => batch += &format!("* you missed {missed} lines\n"),
            Err(RecvError::Closed) => return Ok(()),
        }
        while batch.len() < BATCH_BYTES {
            match others.try_recv() {
                Ok(line) => add(&mut batch, id, line),
                Err(TryRecvError::Lagged(missed)) => batch += &format!("* you missed {missed} lines\n"),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        timeout(PATIENCE, stream.write_all(batch.as_bytes())).await??;
        batch.clear();
    }
}

fn add(batch: &mut String, id: u64, (whose, line): Line) {
    if whose != id {
        batch.push_str(&line);
    }
}
