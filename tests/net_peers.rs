//! Sockets that talk to programs of others: Python's asyncio, `nc`, `socat`, `curl`; and over a bad network.

mod fault_proxy;

use fault_proxy::{FaultProxy, Faults};
use runtime::Runtime;
use runtime::io::{self, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use runtime::net::{self, Server, TcpListener, TcpStream, UnixListener, UnixStream};
use runtime::time::{sleep, timeout};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::{BufRead, ErrorKind, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Far more than anything here takes: who waits longer hangs.
const HANG: Duration = Duration::from_secs(120);

fn runtime() -> Runtime {
    runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

async fn in_time<F: Future>(future: F) -> F::Output {
    timeout(HANG, future).await.expect("it hangs")
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin, A>(stream: S, _: A) -> io::Result<()> {
    let (mut from, mut to) = stream.split();
    pump(&mut from, &mut to).await.map(drop)
}

/// Copies until `from` ends, and passes the end on.
async fn pump<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(mut from: R, mut to: W) -> io::Result<u64> {
    let mut buffer = vec![0; 64 * 1024];
    let mut sum = 0;
    loop {
        let n = from.read(&mut buffer).await?;
        if n == 0 {
            to.close().await?;
            return Ok(sum);
        }
        to.write_all(&buffer[..n]).await?;
        sum += n as u64;
    }
}

async fn echo_server() -> (Server, SocketAddr) {
    let server = net::serve(listen().await, echo);
    let addr = server.local_addr().unwrap();
    (server, addr)
}

/// Runs `program` on the blocking pool; what it prints. It must succeed.
async fn said_by(program: &str, arguments: &[&str], input: &'static [u8]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{program} is needed: {error}"));
    let output = runtime::spawn_blocking(move || {
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    });
    let output = in_time(output).await.unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn script(name: &str) -> String {
    format!("{}/tests/python/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A program that goes on while the test does, and goes with it.
struct Companion(Child);

impl Companion {
    /// Also its first line.
    fn start(program: &str, arguments: &[&str]) -> (Companion, String) {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut companion = Companion(command.spawn().unwrap_or_else(|error| panic!("{program}: {error}")));
        let line = companion.next_line();
        (companion, line)
    }

    fn next_line(&mut self) -> String {
        let mut line = String::new();
        // Without a buffer: what it says later is for later.
        let mut stdout = std::io::BufReader::with_capacity(1, self.0.stdout.as_mut().unwrap());
        stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn two_hundred_asyncio_clients() {
    runtime().block_on(async {
        let (server, addr) = echo_server().await;
        let port = addr.port().to_string();
        let said = said_by("python3", &[&script("echo_client.py"), "127.0.0.1", &port, "200"], b"").await;
        assert!(said.starts_with("200 clients, "), "{said}");
        server.close();
        in_time(server.wait_closed()).await;
    });
}

#[test]
fn an_asyncio_server() {
    let (_server, port) = Companion::start("python3", &[&script("stream_server.py")]);
    let port: u16 = port.parse().unwrap();
    runtime().block_on(async {
        let clients: Vec<_> = (0..50_usize)
            .map(|number| {
                runtime::spawn(async move {
                    let (from, mut to) = TcpStream::connect(("127.0.0.1", port)).await.unwrap().into_split();
                    for line in 0..number {
                        to.write_all(format!("client {number}, line {line}\n").as_bytes()).await.unwrap();
                    }
                    // Its drop ends the writing direction, and the server answers that.
                    drop(to);
                    let mut lines = BufReader::new(from).lines();
                    for line in 0..number {
                        let answer = in_time(futures::StreamExt::next(&mut lines)).await.unwrap().unwrap();
                        assert_eq!(answer, format!("CLIENT {number}, LINE {line}"));
                    }
                    let last = in_time(futures::StreamExt::next(&mut lines)).await.unwrap().unwrap();
                    assert_eq!(last, format!("{number} lines"));
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
    });
}

#[test]
fn nc_and_socat() {
    const TEXT: &[u8] = b"there and back again\n";
    runtime().block_on(async {
        let text = String::from_utf8_lossy(TEXT);
        let (_server, addr) = echo_server().await;
        let (host, port) = (addr.ip().to_string(), addr.port().to_string());
        assert_eq!(said_by("nc", &["-N", &host, &port], TEXT).await, text);
        assert_eq!(said_by("socat", &["-t30", "-", &format!("TCP:{addr}")], TEXT).await, text);

        let path = std::env::temp_dir().join(format!("runtime-peers-{}", std::process::id()));
        let unix = net::serve(UnixListener::bind(&path).unwrap(), echo);
        assert_eq!(said_by("nc", &["-N", "-U", path.to_str().unwrap()], TEXT).await, text);
        let connect = format!("UNIX-CONNECT:{}", path.display());
        assert_eq!(said_by("socat", &["-t30", "-", &connect], TEXT).await, text);
        unix.close();
        std::fs::remove_file(&path).unwrap();

        let name = format!("runtime-peers-{}", std::process::id());
        let _named = net::serve(UnixListener::bind(format!("\0{name}")).unwrap(), echo);
        assert_eq!(said_by("socat", &["-t30", "-", &format!("ABSTRACT-CONNECT:{name}")], TEXT).await, text);

        // And the other way round: socat listens, and runs a program for us.
        let listen = format!("UNIX-LISTEN:{},fork", path.display());
        let mut socat = Companion(Command::new("socat").args([&listen, "EXEC:cat"]).spawn().unwrap());
        let mut client = in_time(async {
            loop {
                match UnixStream::connect(&path).await {
                    Ok(client) => return client,
                    Err(_) => sleep(Duration::from_millis(10)).await,
                }
            }
        })
        .await;
        client.write_all(TEXT).await.unwrap();
        client.close().await.unwrap();
        let mut back = String::new();
        in_time(client.read_to_string(&mut back)).await.unwrap();
        assert_eq!(back, text);
        assert!(socat.0.try_wait().unwrap().is_none());
        drop(socat);
        let _ = std::fs::remove_file(&path);
    });
}

/// HTTP/1.1, as little of it as `curl` needs.
async fn respond(stream: TcpStream, _: SocketAddr) -> io::Result<()> {
    let mut input = BufReader::new(&stream);
    let mut output = &stream;
    loop {
        let (mut path, mut keep) = (None, true);
        loop {
            let mut line = String::new();
            if input.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let line = line.trim_end();
            if path.is_none() {
                path = Some(line.split(' ').nth(1).unwrap_or("/").to_owned());
            } else if line.is_empty() {
                break;
            }
            keep &= !line.eq_ignore_ascii_case("connection: close");
        }
        let body = format!("this is {}\n", path.unwrap_or_default()).repeat(2000);
        let connection = if keep { "keep-alive" } else { "close" };
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n", body.len());
        output.write_all(head.as_bytes()).await?;
        output.write_all(body.as_bytes()).await?;
        if !keep {
            return Ok(());
        }
    }
}

#[test]
fn curl_keeps_its_connection_and_closes_it() {
    runtime().block_on(async {
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = accepted.clone();
        let server = net::serve(listen().await, move |stream, peer| {
            count.fetch_add(1, Ordering::SeqCst);
            respond(stream, peer)
        });
        let url = format!("http://{}", server.local_addr().unwrap());
        let urls: Vec<_> = ["a", "b", "c"].map(|path| format!("{url}/{path}")).into();
        let expected: String = ["a", "b", "c"].map(|path| format!("this is /{path}\n").repeat(2000)).concat();
        for (header, connections) in [("X: y", 1), ("Connection: close", 3)] {
            accepted.store(0, Ordering::SeqCst);
            let mut arguments = vec!["-sS", "--fail", "--max-time", "60", "--noproxy", "*", "-H", header];
            arguments.extend(urls.iter().map(String::as_str));
            assert!(said_by("curl", &arguments, b"").await == expected, "{header}");
            assert_eq!(accepted.load(Ordering::SeqCst), connections, "{header}");
        }
        server.close();
        in_time(server.wait_closed()).await;
    });
}

#[test]
fn clients_that_connect_and_go_away_leave_nothing_behind() {
    runtime().block_on(async {
        let (server, addr) = echo_server().await;
        let mut busy = TcpStream::connect(addr).await.unwrap();
        for round in 0..200_u32 {
            let client = std::net::TcpStream::connect(addr).unwrap();
            if round % 2 == 0 {
                (&client).write_all(b"SSH-2.0-").unwrap();
            }
            // Every other pair is reset instead of closed.
            if round % 4 > 1 {
                rustix::net::sockopt::set_socket_linger(&client, Some(Duration::ZERO)).unwrap();
            }
            drop(client);
            busy.write_all(b"?").await.unwrap();
            in_time(busy.read_exact(&mut [0])).await.unwrap();
        }
        drop(busy);
        server.close();
        in_time(server.wait_closed()).await;
        assert_eq!(server.connections(), 0);
    });
}

/// The other ends are in another process: with both in one, most systems' limit of 20,000 files would not do.
#[test]
fn ten_thousand_idle_connections() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let count = limit.maximum.map_or(10_000, |files| 10_000.min(files.saturating_sub(500))) as usize;
    runtime().block_on(async {
        let (server, addr) = echo_server().await;
        let arguments =
            [script("idle_clients.py"), "127.0.0.1".into(), addr.port().to_string(), count.to_string()];
        let mut clients = in_time(runtime::spawn_blocking(move || {
            let (clients, line) = Companion::start("python3", &arguments.each_ref().map(String::as_str));
            assert_eq!(line, "connected");
            clients
        }))
        .await
        .unwrap();
        // The last ones may still wait in the system's queue.
        in_time(async {
            while server.connections() < count {
                sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        // Beside them a new one is served.
        let mut one = TcpStream::connect(addr).await.unwrap();
        one.write_all(b"?").await.unwrap();
        in_time(one.read_exact(&mut [0])).await.unwrap();
        drop(one);
        let said = in_time(runtime::spawn_blocking(move || {
            drop(clients.0.stdin.take());
            let line = clients.next_line();
            (clients, line)
        }))
        .await
        .unwrap();
        assert_eq!(said.1, format!("{count} answers"));
        drop(said);
        server.close();
        in_time(server.wait_closed()).await;
    });
}

/// Numbers without a pattern that a shift, a gap or a swap could keep.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let next = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    next.flatten().take(len).collect()
}

#[test]
fn a_hundred_megabytes_through_a_proxy_and_back() {
    const ROUNDS: usize = 100;
    runtime().block_on(async {
        let (_echo, backend) = echo_server().await;
        let proxy = net::serve(listen().await, move |client: TcpStream, _| async move {
            let backend = TcpStream::connect(backend).await?;
            let (up, down) = runtime::try_join!(pump(&client, &backend), pump(&backend, &client))?;
            assert_eq!(up, down);
            io::Result::Ok(())
        });
        // A round is longer by one than a megabyte: no two begin alike in any buffer.
        let noise = Arc::new(noise((1 << 20) + 1));
        let (mut from, mut to) = TcpStream::connect(proxy.local_addr().unwrap()).await.unwrap().into_split();
        let sent = noise.clone();
        let sender = runtime::spawn(async move {
            for _ in 0..ROUNDS {
                to.write_all(&sent).await.unwrap();
            }
            to.close().await.unwrap();
        });
        let mut received = vec![0; noise.len()];
        for round in 0..ROUNDS {
            in_time(from.read_exact(&mut received)).await.unwrap();
            assert!(received == *noise, "in round {round}");
        }
        assert_eq!(in_time(from.read(&mut received)).await.unwrap(), 0);
        sender.await.unwrap();
        proxy.close();
        in_time(proxy.wait_closed()).await;
    });
}

#[test]
fn single_bytes_are_put_together() {
    runtime().block_on(async {
        let (_server, addr) = echo_server().await;
        let single = Faults { segment: Some(1), ..Faults::default() };
        let proxy = FaultProxy::new(addr, single.clone(), single);
        let message = noise(5000);
        let mut client = TcpStream::connect(proxy.addr()).await.unwrap();
        let mut back = Vec::new();
        client.write_all(&message).await.unwrap();
        client.close().await.unwrap();
        in_time(client.read_to_end(&mut back)).await.unwrap();
        assert!(back == message);
    });
}

#[test]
fn a_slow_answer_is_not_lost_by_a_time_out() {
    runtime().block_on(async {
        let (_server, addr) = echo_server().await;
        let slow = Faults { latency: Duration::from_millis(30), ..Faults::default() };
        let proxy = FaultProxy::new(addr, slow.clone(), slow);
        let mut client = TcpStream::connect(proxy.addr()).await.unwrap();
        let mut time_outs = 0;
        for number in 0..5_u8 {
            client.write_all(&[number]).await.unwrap();
            let mut byte = [0];
            in_time(async {
                while timeout(Duration::from_millis(1), client.read_exact(&mut byte)).await.is_err() {
                    time_outs += 1;
                }
            })
            .await;
            assert_eq!(byte, [number]);
        }
        assert!(time_outs > 0);
    });
}

#[test]
fn p28_a_reset_in_the_middle_ends_both_sides_and_nobody_else() {
    runtime().block_on(async {
        let (ends, mut ended) = runtime::sync::mpsc::unbounded_channel();
        let server = net::serve(listen().await, move |stream: TcpStream, _| {
            let ends = ends.clone();
            async move { ends.send(pump(&stream, &stream).await.map_err(|error| error.kind())).unwrap() }
        });
        let addr = server.local_addr().unwrap();
        let proxy =
            FaultProxy::new(addr, Faults::default(), Faults { reset_after: Some(1000), ..Faults::default() });
        let mut other = TcpStream::connect(addr).await.unwrap();
        for _ in 0..20 {
            let (mut from, mut to) = TcpStream::connect(proxy.addr()).await.unwrap().into_split();
            // Until the reset comes: nothing may hang, also where one waits for room and the other for data.
            let sender = runtime::spawn(async move { while to.write_all(&[7; 512]).await.is_ok() {} });
            let mut all = Vec::new();
            // The system tells of a reset once: if the sender was told, this is the end and no more.
            if let Err(error) = in_time(from.read_to_end(&mut all)).await {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            }
            // What the reset overtook is lost, as everywhere; what came before it is right.
            assert!(all.len() <= 1000 && all.iter().all(|&byte| byte == 7), "{}", all.len());
            in_time(sender).await.unwrap();
            let end = in_time(ended.recv()).await.unwrap();
            assert!(matches!(end, Err(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)), "{end:?}");
            other.write_all(b"?").await.unwrap();
            in_time(other.read_exact(&mut [0])).await.unwrap();
        }
        drop(other);
        server.close();
        in_time(server.wait_closed()).await;
    });
}

#[test]
fn a_peer_that_stops_reading_makes_its_writer_wait_and_nobody_else() {
    runtime().block_on(async {
        let (server, addr) = echo_server().await;
        let stops = Faults { stop_after: Some(10_000), ..Faults::default() };
        let proxy = FaultProxy::new(addr, stops, Faults::default());
        let mut client = TcpStream::connect(proxy.addr()).await.unwrap();
        let mut other = TcpStream::connect(addr).await.unwrap();
        // Far more than the buffers on the way take.
        let flood = vec![7; 256 << 20];
        {
            let mut flooding = std::pin::pin!(client.write_all(&flood));
            for _ in 0..50 {
                assert!(timeout(Duration::from_millis(2), &mut flooding).await.is_err());
                other.write_all(b"?").await.unwrap();
                in_time(other.read_exact(&mut [0])).await.unwrap();
            }
        }
        // The network comes back with a reset: whoever waits is told.
        let waiting = runtime::spawn(async move { client.write_all(&flood).await.unwrap_err().kind() });
        drop(proxy);
        let kind = in_time(waiting).await.unwrap();
        assert!(matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{kind:?}");
        drop(other);
        server.close();
        in_time(server.wait_closed()).await;
    });
}
