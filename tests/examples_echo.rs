//! The example `echo`, used as people use it.

#[path = "examples/mod.rs"]
#[allow(dead_code)]
mod examples;

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything here takes, by far.
const LIMIT: Duration = Duration::from_secs(60);

/// A running server; killed where a test fails.
struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Server {
    /// With at most `files` open.
    fn start(files: Option<u32>) -> Self {
        let limit = files.map_or(String::new(), |files| format!("ulimit -n {files} && "));
        let mut child = Command::new("sh")
            .args(["-c", &format!("{limit}exec \"$0\" 127.0.0.1:0")])
            .arg(examples::example("echo"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("echo: listening on ");
        let address = address.unwrap_or_else(|| panic!("{line:?}")).parse().unwrap();
        Server { child, stdout, address }
    }

    fn interrupt(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
    }

    /// What it printed after its first line, on stdout and on stderr.
    fn end(mut self) -> (String, String) {
        let (mut said, mut complained) = (String::new(), String::new());
        self.stdout.read_to_string(&mut said).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut complained).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {said}{complained}");
        (said, complained)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(arguments: &[&str]) -> Output {
    Command::new(examples::example("echo")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn stderr_line(output: &Output) -> String {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr
}

#[test]
fn a_thousand_python_clients_at_once() {
    let server = Server::start(None);
    let client = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/echo_client.py"))
        .args([server.address.ip().to_string(), server.address.port().to_string(), "1000".to_owned()])
        .output()
        .expect("python3 is needed");
    let said = String::from_utf8_lossy(&client.stdout);
    assert!(client.status.success(), "{said}{}", String::from_utf8_lossy(&client.stderr));
    let bytes = 1000 * (1 + 17 + 1024 + 60_000);
    assert_eq!(said.trim_end(), format!("1000 clients, {bytes} bytes"));
    server.interrupt();
    let (said, complained) = server.end();
    let summary = format!("echo: 1000 connections, {bytes} bytes sent back, ");
    assert!(said.starts_with(&summary), "{said}");
    assert_eq!(complained, "");
}

#[test]
fn ctrl_c_ends_it_also_with_connections_open() {
    let server = Server::start(None);
    let mut client = TcpStream::connect(server.address).unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client.write_all(b"hello").unwrap();
    let mut back = [0; 5];
    client.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"hello");
    server.interrupt();
    let (said, complained) = server.end();
    assert_eq!(said, "echo: 1 connections, 5 bytes sent back, 1 still open\n");
    assert_eq!(complained, "");
    // The connection is closed, not forgotten.
    assert_eq!(client.read(&mut back).unwrap_or(0), 0);
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody() {
    let server = Server::start(None);
    let mut stubborn = TcpStream::connect(server.address).unwrap();
    stubborn.set_nonblocking(true).unwrap();
    let mut sent = 0;
    // Until neither side's buffers take any more.
    let mut refused_since = None;
    while refused_since.is_none_or(|since: Instant| since.elapsed() < Duration::from_millis(200)) {
        match stubborn.write(&[7; 65536]) {
            Ok(n) => (sent, refused_since) = (sent + n, None),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                refused_since.get_or_insert_with(Instant::now);
                std::thread::yield_now();
            }
            Err(error) => panic!("{error}"),
        }
    }
    let mut other = TcpStream::connect(server.address).unwrap();
    other.set_read_timeout(Some(LIMIT)).unwrap();
    other.write_all(b"me too").unwrap();
    other.read_exact(&mut [0; 6]).unwrap();
    // And what the stubborn one sent comes back whole once it reads.
    stubborn.set_nonblocking(false).unwrap();
    stubborn.set_read_timeout(Some(LIMIT)).unwrap();
    stubborn.shutdown(std::net::Shutdown::Write).unwrap();
    let mut back = Vec::new();
    stubborn.read_to_end(&mut back).unwrap();
    assert_eq!((back.len(), back.iter().all(|byte| *byte == 7)), (sent, true));
}

#[test]
fn without_file_descriptors_it_waits_and_recovers() {
    let server = Server::start(Some(32));
    let client = |_| {
        let mut client = TcpStream::connect(server.address).unwrap();
        client.write_all(b"x").unwrap();
        client
    };
    let clients: Vec<TcpStream> = (0..48).map(client).collect();
    // The kernel has completed all connections; the server can hold fewer than 32.
    let mut unanswered = Vec::new();
    let mut answered = Vec::new();
    for mut client in clients {
        client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        match client.read(&mut [0]) {
            Ok(1) => answered.push(client),
            _ => unanswered.push(client),
        }
    }
    assert!(!answered.is_empty() && unanswered.len() >= 16, "{} answered", answered.len());
    let cpu_before = cpu_ticks(server.child.id());
    std::thread::sleep(Duration::from_secs(1));
    // 100 ticks a second: a server that spins takes all of them.
    let cpu = cpu_ticks(server.child.id()) - cpu_before;
    assert!(cpu < 20, "{cpu} ticks of CPU time in a second of waiting");
    // Whenever one goes, the next one in the order of connecting is served.
    for mut next in unanswered {
        drop(answered.pop());
        next.set_read_timeout(Some(LIMIT)).unwrap();
        assert_eq!(next.read(&mut [0]).unwrap(), 1);
        answered.push(next);
    }
    server.interrupt();
    let (said, complained) = server.end();
    assert!(said.starts_with("echo: 48 connections, 48 bytes sent back, "), "{said}");
    assert!(
        complained.lines().all(|line| line.starts_with("echo: accepting fails, waiting")),
        "{complained}"
    );
}

/// User and system time of a process, in ticks of 10 ms.
fn cpu_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn an_address_in_use_is_one_line_and_exit_code_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let output = run(&[&taken.local_addr().unwrap().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    let line = stderr_line(&output);
    assert!(line.starts_with("echo: 127.0.0.1:") && line.to_lowercase().contains("in use"), "{line}");
}

#[test]
fn a_malformed_address_is_one_line_and_exit_code_1() {
    for address in ["nonsense", "127.0.0.1", "127.0.0.1:99999", "127.0.0.1:http", ""] {
        let output = run(&[address]);
        assert_eq!(output.status.code(), Some(1), "{address}");
        let line = stderr_line(&output);
        assert!(line.starts_with(&format!("echo: {address}: ")), "{line}");
        assert!(!line.contains("panicked"), "{line}");
    }
}

#[test]
fn without_an_address_it_says_how_to_use_it() {
    for arguments in [&[][..], &["-h"], &["127.0.0.1:0", "more"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr_line(&output).starts_with("usage: echo ADDRESS:PORT"));
    }
}
