//! A web server to look into: tokio-console shows its tasks, and what they wait for (key `r`), Prometheus reads its figures.
//!
//! ```sh
//! cargo run --release --example observe                 # HTTP on 127.0.0.1:8080, tokio-console on 127.0.0.1:6669
//! curl 127.0.0.1:8080/metrics                           # … /tasks, /wait, /primes
//! cargo install tokio-console && tokio-console
//! ```
//!
//! `-- ADDRESS:PORT CONSOLE` takes other addresses; CONSOLE may also be the path of a Unix socket. Ctrl-C ends it.
//!
//! All that tokio-console needs is the feature `tracing` of `runtime`, the crate `console-subscriber`, the lines of
//! [`show_to_console`], and `--cfg console_without_tokio_unstable` in RUSTFLAGS: without it, `console-subscriber` takes
//! for granted that the tasks are tokio's.

use console_subscriber::{ConsoleLayer, ServerAddr};
use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{TcpListener, TcpStream};
use runtime::time::{interval, sleep};
use runtime::{Handle, metrics, task};
use std::fmt::Write;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;
use tracing_subscriber::prelude::*;

const USAGE: &str =
    "usage: observe [ADDRESS:PORT [CONSOLE]]      (CONSOLE: ADDRESS:PORT, or the path of a Unix socket)";
const HTTP: &str = "127.0.0.1:8080";
/// Where tokio-console looks when it is told nothing.
const CONSOLE: &str = "127.0.0.1:6669";
/// A longer head of a request is refused.
const HEAD_BYTES_MAX: usize = 8 * 1024;
const TEXT: &str = "text/plain; charset=utf-8";
const PAGES: &str = "\
/metrics  the runtime's figures, for Prometheus
/tasks    its tasks, a line for each
/wait     comes after 100 ms
/primes   comes from the blocking pool
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (http, console) = match arguments[..] {
        [first, ..] if first.starts_with('-') => (None, ""),
        [] => (Some(HTTP), CONSOLE),
        [http] => (Some(http), CONSOLE),
        [http, console] => (Some(http), console),
        _ => (None, ""),
    };
    let Some(http) = http else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    // Before the runtime is there: what was spawned earlier is not shown.
    let shown = show_to_console(console);
    match shown.and_then(|()| serve_until_ctrl_c(http)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("observe: {error}");
            ExitCode::FAILURE
        }
    }
}

/// From here on tasks are told to whoever looks from `address`. The server for that is a thread of its own, with a tokio of
/// its own.
pub(crate) fn show_to_console(address: &str) -> io::Result<()> {
    if !cfg!(any(console_without_tokio_unstable, tokio_unstable)) {
        eprintln!("observe: not for tokio-console: RUSTFLAGS has no `--cfg console_without_tokio_unstable`");
        return Ok(());
    }
    let server = match address.parse::<SocketAddr>() {
        // Tried here, since its thread could only panic.
        Ok(address) => std::net::TcpListener::bind(address).map(|_free| ServerAddr::Tcp(address)),
        Err(_) if address.contains('/') => Ok(ServerAddr::Unix(address.into())),
        Err(_) => Err(io::Error::new(ErrorKind::InvalidInput, USAGE)),
    };
    let server = server.map_err(|error| about(address, &error))?;
    tracing_subscriber::registry().with(ConsoleLayer::builder().server_addr(server).spawn()).init();
    Ok(())
}

#[runtime::main(ctrl_c = "cancel")]
async fn serve_until_ctrl_c(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await.map_err(|error| about(address, &error))?;
    println!("observe: listening on {}\n{PAGES}", listener.local_addr()?);
    runtime::select! {
        never = serve(listener) => never,
        _ = task::cancelled() => Ok(()),
    }
}

/// Serves for ever: a task for each connection, and one that has a look at the clock.
pub(crate) async fn serve(listener: TcpListener) -> io::Result<()> {
    task::Builder::new().name("clock").spawn(async {
        let mut seconds = interval(Duration::from_secs(1));
        loop {
            seconds.tick().await;
        }
    })?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let name = format!("connection {peer}");
                // A client that goes away in the middle is no error of this server's.
                task::Builder::new().name(&name).spawn(async { drop(answer_all(stream).await) })?;
            }
            // Out of descriptors, say: there will be some when connections are closed.
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Answers requests until the client has no more.
async fn answer_all(mut stream: TcpStream) -> io::Result<()> {
    let mut got = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = got.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            let had = got.len();
            if had > HEAD_BYTES_MAX {
                return respond(&mut stream, "431 Request Header Fields Too Large", TEXT, "").await;
            }
            got.resize(had + 1024, 0);
            let n = stream.read(&mut got[had..]).await?;
            got.truncate(had + n);
            if n == 0 {
                return Ok(());
            }
        };
        let head: Vec<u8> = got.drain(..end).collect();
        let request = String::from_utf8_lossy(&head);
        let mut words = request.split(' ');
        match (words.next(), words.next()) {
            (Some("GET"), Some(path)) => answer(&mut stream, path).await?,
            _ => return respond(&mut stream, "405 Method Not Allowed", TEXT, "only GET\n").await,
        }
    }
}

async fn answer(stream: &mut TcpStream, path: &str) -> io::Result<()> {
    let handle = Handle::current();
    match path {
        "/" => respond(stream, "200 OK", TEXT, PAGES).await,
        "/metrics" => {
            let page = metrics::prometheus(&handle.metrics());
            respond(stream, "200 OK", "text/plain; version=0.0.4", &page).await
        }
        "/tasks" => {
            let mut page = String::new();
            for task in handle.tasks() {
                let name = task.name().unwrap_or("(no name)");
                let _ = writeln!(page, "{name}: {:?}, spawned at {}", task.state(), task.spawn_site());
            }
            respond(stream, "200 OK", TEXT, &page).await
        }
        "/wait" => {
            sleep(Duration::from_millis(100)).await;
            respond(stream, "200 OK", TEXT, "waited\n").await
        }
        "/primes" => match runtime::spawn_blocking(|| (2..20_000_u32).filter(is_prime).count()).await {
            Ok(count) => respond(stream, "200 OK", TEXT, &format!("{count}\n")).await,
            Err(error) => respond(stream, "500 Internal Server Error", TEXT, &format!("{error}\n")).await,
        },
        _ => respond(stream, "404 Not Found", TEXT, PAGES).await,
    }
}

async fn respond(stream: &mut TcpStream, status: &str, kind: &str, page: &str) -> io::Result<()> {
    let length = page.len();
    let response =
        format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{page}");
    stream.write_all(response.as_bytes()).await
}

fn about(address: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{address}: {error}"))
}

fn is_prime(n: &u32) -> bool {
    (2..*n).take_while(|divisor| divisor * divisor <= *n).all(|divisor| n % divisor != 0)
}
