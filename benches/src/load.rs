//! The other side of the network workloads: one plain thread around epoll, the same for all, and in a
//! process of its own where the server's use of the processor is measured.

use crate::measure::percentile;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Size of a request and of its answer.
pub const MESSAGE: usize = 64;
/// How long connections are exercised before anything is counted.
const WARM_UP: Duration = Duration::from_millis(200);
/// No answer is longer.
const ANSWER_MAX: usize = 1024;
/// What a bulk sender sends at once.
const BLOCK: usize = 64 * 1024;
/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 256;

/// Connections to a server, each with at most one request under way.
pub struct Client {
    request: Vec<u8>,
    /// Bytes of an answer.
    answer: usize,
    connections: Vec<Connection>,
    epoll: Epoll,
    events: Vec<EpollEvent>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("connections", &self.connections.len()).finish_non_exhaustive()
    }
}

struct Connection {
    stream: TcpStream,
    missing: usize,
    sent: Instant,
}

impl Client {
    /// Opens `count` connections to an echo server.
    pub fn connect(address: &str, count: usize) -> Self {
        Self::to(address, count, vec![b'.'; MESSAGE], MESSAGE)
    }

    /// Opens `count` connections to a server that answers `request` with `answer` bytes.
    fn to(address: &str, count: usize, request: Vec<u8>, answer: usize) -> Self {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("epoll");
        let connect = |index| {
            let stream = TcpStream::connect(address).expect("cannot connect");
            stream.set_nodelay(true).expect("nodelay");
            stream.set_nonblocking(true).expect("nonblocking");
            epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, index)).expect("epoll_ctl");
            Connection { stream, missing: 0, sent: Instant::now() }
        };
        let connections = (0..count as u64).map(connect).collect();
        Self { request, answer, connections, epoll, events: vec![EpollEvent::empty(); EVENTS_MAX] }
    }

    /// Sends `request` on one connection.
    pub fn send(&mut self, index: usize, request: &[u8]) {
        let connection = &mut self.connections[index];
        connection.missing = self.answer;
        connection.sent = Instant::now();
        // It always fits: the one before it was answered.
        connection.stream.write_all(request).expect("cannot send");
    }

    fn send_next(&mut self, index: usize) {
        let request = std::mem::take(&mut self.request);
        self.send(index, &request);
        self.request = request;
    }

    /// Waits for events once; `replied` hears of each full answer and how long it took.
    fn turn(&mut self, mut replied: impl FnMut(&mut Self, usize, Duration)) {
        let mut events = std::mem::take(&mut self.events);
        let count = match self.epoll.wait(&mut events, EpollTimeout::from(1000u16)) {
            Err(nix::errno::Errno::EINTR) => 0,
            count => count.expect("epoll_wait"),
        };
        let mut buf = [0; ANSWER_MAX];
        for event in &events[..count] {
            let index = event.data() as usize;
            let connection = &mut self.connections[index];
            let missing = connection.missing;
            let read = connection.stream.read(&mut buf[..missing]).expect("cannot read");
            assert!(read > 0, "the server hung up");
            connection.missing -= read;
            if connection.missing == 0 {
                let took = connection.sent.elapsed();
                replied(self, index, took);
            }
        }
        self.events = events;
    }

    /// Sends one request and waits for its answer.
    pub fn round_trip(&mut self, index: usize) -> Duration {
        self.send_next(index);
        let mut answer = None;
        while answer.is_none() {
            self.turn(|_, answered, took| answer = (answered == index).then_some(took));
        }
        answer.unwrap_or_default()
    }

    /// Keeps every connection busy until `over`; `replied` hears how long each answer took.
    pub fn keep_busy(&mut self, mut replied: impl FnMut(Duration), mut over: impl FnMut() -> bool) {
        for index in 0..self.connections.len() {
            if self.connections[index].missing == 0 {
                self.send_next(index);
            }
        }
        while !over() {
            self.turn(|client, index, took| {
                replied(took);
                client.send_next(index);
            });
        }
    }
}

/// What a helper process does, by the name of its role; see [`Helper::start`].
pub fn help(args: &[String]) {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["load", address, connections, window_ms] => {
            load(Client::connect(address, number(connections)), number(window_ms));
        }
        ["http", address, connections, window_ms] => {
            load(http(address, number(connections)), number(window_ms))
        }
        ["hold", address, connections] => hold(address, number(connections)),
        ["bulk", address, bytes] => bulk(address, number(bytes)),
        _ => panic!("no such role: {args:?}"),
    }
}

fn number(text: &str) -> usize {
    text.parse().expect("a number")
}

/// Exercises a server: says "start", and after the window the number of requests in it,
/// of all requests, the seconds, p50 and p99.
fn load(mut client: Client, window_ms: usize) {
    let start = Instant::now();
    let mut warm_up = 0;
    client.keep_busy(|_| warm_up += 1, || start.elapsed() > WARM_UP);
    println!("start");
    let (start, window) = (Instant::now(), Duration::from_millis(window_ms as u64));
    let mut took = Vec::with_capacity(1 << 20);
    client.keep_busy(|latency| took.push(latency), || start.elapsed() > window);
    let seconds = start.elapsed().as_secs_f64();
    took.sort();
    let total = took.len() + warm_up;
    println!("{} {total} {seconds} {} {}", took.len(), percentile(&took, 0.5), percentile(&took, 0.99));
}

/// Connections to an HTTP server that always gives the same answer.
fn http(address: &str, connections: usize) -> Client {
    let request = format!("GET / HTTP/1.1\r\nhost: {address}\r\n\r\n").into_bytes();
    let mut first = TcpStream::connect(address).expect("cannot connect");
    first.write_all(&request).expect("cannot send");
    let mut answer = [0; ANSWER_MAX];
    // So short an answer comes in one piece.
    let length = first.read(&mut answer).expect("cannot read");
    assert!(answer[..length].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    Client::to(address, connections, request, length)
}

/// Opens connections and says nothing on them until it is told to go.
fn hold(address: &str, connections: usize) {
    let client = Client::connect(address, connections);
    println!("start");
    let told = std::io::stdin().read(&mut [0]);
    drop((client, told));
}

/// Sends zeros on one connection as fast as the other side takes them.
fn bulk(address: &str, bytes: usize) {
    let mut stream = TcpStream::connect(address).expect("cannot connect");
    let block = vec![0; BLOCK];
    for _ in 0..bytes / BLOCK {
        stream.write_all(&block).expect("cannot send");
    }
}

/// A process of this program that helps to measure.
#[derive(Debug)]
pub struct Helper {
    process: Child,
    lines: BufReader<ChildStdout>,
}

impl Helper {
    /// Starts this program again as `help ROLE…`.
    pub fn start(role: &[&str]) -> Self {
        let program = std::env::current_exe().expect("own path");
        let mut process = Command::new(program)
            .arg("help")
            .args(role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("cannot start a helper");
        let lines = BufReader::new(process.stdout.take().expect("stdout is piped"));
        Self { process, lines }
    }

    /// The next line that it prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("cannot read from a helper");
        assert!(!line.is_empty(), "a helper ended early");
        line
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().expect("a helper cannot be waited for");
    }
}
