//! A TCP proxy: whoever connects to it is connected on to another address.
//!
//! ```sh
//! python3 -m http.server 8000 &
//! cargo run --release --example tcp_proxy -- 127.0.0.1:7000 127.0.0.1:8000
//! curl http://127.0.0.1:7000/
//! ```
//!
//! The end of either direction is passed on while the other goes on. When the backend cannot be reached, or dies, its
//! clients see the end of their connections, and the proxy serves on. Ctrl-C closes it: connections have five seconds to
//! come to their end.

use runtime::io::copy_bidirectional_with_sizes;
use runtime::net::{self, TcpListener, TcpStream};
use runtime::task;
use runtime::time::timeout;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// For each direction of a connection.
const BUFFER_BYTES: usize = 64 * 1024;
/// Who connects without an answer for so long is not connected.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// For connections to come to their end after Ctrl-C.
const DRAIN_TIME: Duration = Duration::from_secs(5);
/// More clients wait in the system's queue. Each needs two descriptors.
const CLIENTS_MAX: usize = 10_000;

#[runtime::main(ctrl_c = "cancel", shutdown_timeout = "1s")]
async fn main() -> ExitCode {
    let [address, backend] = match std::env::args().skip(1).collect::<Vec<_>>().try_into() {
        Ok(addresses) => addresses,
        Err(_) => {
            eprintln!("usage: tcp_proxy ADDRESS:PORT BACKEND:PORT");
            return ExitCode::from(2);
        }
    };
    match proxy(&address, backend).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tcp_proxy: {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Proxies until Ctrl-C.
async fn proxy(address: &str, backend: String) -> io::Result<()> {
    let interrupted = task::cancelled();
    let backend: Arc<str> = backend.into();
    let server = net::serve(TcpListener::bind(address).await?, move |client, peer| {
        let backend = backend.clone();
        async move {
            if let Err(error) = connect_on(client, &backend).await {
                eprintln!("tcp_proxy: {peer} to {backend}: {error}");
            }
        }
    });
    let server = server.limit(CLIENTS_MAX);
    say(&format!("tcp_proxy: listening on {}", server.local_addr()?));
    interrupted.await;
    server.close();
    if timeout(DRAIN_TIME, server.wait_closed()).await.is_err() {
        say(&format!("tcp_proxy: {} connections are cut", server.connections()));
        server.cancel();
        server.wait_closed().await;
    }
    Ok(())
}

async fn connect_on(mut client: TcpStream, backend: &str) -> io::Result<()> {
    let mut backend = timeout(CONNECT_TIME, TcpStream::connect(backend)).await??;
    // What comes in small pieces goes out in small pieces.
    client.set_nodelay(true)?;
    backend.set_nodelay(true)?;
    // An error in one direction ends the other as well: both streams are dropped.
    copy_bidirectional_with_sizes(&mut client, &mut backend, BUFFER_BYTES, BUFFER_BYTES).await?;
    Ok(())
}

/// A line on stdout, if anybody listens.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
