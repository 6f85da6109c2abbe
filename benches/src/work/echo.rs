//! A TCP echo server, and what it can take.

use crate::load::{Helper, MESSAGE};
use crate::measure::{Figures, Run, Usage};
use crate::rt::Rt;
use nix::sys::socket::{Backlog, listen};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// A request that begins so blocks the thread that serves it.
pub const BLOCK: u8 = b'B';
/// For how long.
const BLOCK_FOR: Duration = Duration::from_millis(500);
/// Connections that may wait to be accepted.
const BACKLOG: i32 = 4096;
/// What a bulk transfer moves, and what the server reads at once.
const BULK: u64 = 1 << 30;
const BULK_READ: usize = 64 * 1024;

/// A running echo server.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    accepted: Arc<AtomicU64>,
}

impl Server {
    /// Starts it as a task of `rt`. Its buffers are larger than a message, as a server's are: a read
    /// that does not fill them says that there is no more.
    pub fn start<R: Rt>(rt: &R) -> Self {
        Self::start_with(rt, serve::<R, 1024>)
    }

    /// The same with buffers that are no larger than a message.
    pub fn start_small<R: Rt>(rt: &R) -> Self {
        Self::start_with(rt, serve::<R, MESSAGE>)
    }

    /// Starts a server that runs `serve` as a task for each connection.
    pub fn start_with<R: Rt, F>(rt: &R, serve: impl Fn(R::Stream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let (listener, address) = bind();
        let accepted = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&accepted);
        R::detach(rt.spawn_outside(async move {
            let listener = R::listener(listener).expect("cannot listen");
            loop {
                let stream = R::accept(&listener).await.expect("cannot accept");
                count.fetch_add(1, Ordering::Relaxed);
                R::detach(R::spawn(serve(stream)));
            }
        }));
        Self { address, accepted }
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Waits until it has accepted `count` connections since the last call.
    pub fn await_open(&self, count: u64) {
        while self.accepted.load(Ordering::Relaxed) < count {
            thread::sleep(Duration::from_millis(1));
        }
        self.accepted.fetch_sub(count, Ordering::Relaxed);
        // The last of them still has to wait for its first byte.
        thread::sleep(Duration::from_millis(50));
    }
}

/// A listening socket on this machine.
pub fn bind() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("cannot bind");
    // The default of 128 overflows when a client opens thousands, and each lost SYN costs it a second.
    listen(&listener, Backlog::new(BACKLOG).expect("in range")).expect("listen");
    let address = listener.local_addr().expect("a bound socket has an address");
    (listener, address)
}

/// Sends back what comes in, read into a buffer of `SIZE` bytes.
async fn serve<R: Rt, const SIZE: usize>(mut stream: R::Stream) -> io::Result<()> {
    let mut buf = [0; SIZE];
    loop {
        let read = R::read(&mut stream, &mut buf).await?;
        if read == 0 {
            return Ok(());
        }
        if buf[0] == BLOCK {
            thread::sleep(BLOCK_FOR);
        }
        R::write_all(&mut stream, &buf[..read]).await?;
    }
}

/// Requests over `connections` connections, each with one under way.
pub fn tcp_echo<R: Rt>(run: &Run, connections: usize) -> Figures {
    let rt = R::new(run.workers);
    let server = Server::start::<R>(&rt);
    measure(run, "load", &server.address(), connections)
}

/// Loads a server of this process from another one, a helper in the given role.
pub fn measure(run: &Run, role: &str, address: &str, connections: usize) -> Figures {
    // The 99th percentile of a thousand connections needs more requests than a mean does.
    let window_ms = (run.budget * 3).as_millis().to_string();
    let mut load = Helper::start(&[role, address, &connections.to_string(), &window_ms]);
    load.line();
    let usage = Usage::now();
    let line = load.line();
    let cost = usage.cost();
    let numbers: Vec<f64> = line.split_whitespace().map(|number| number.parse().expect("a number")).collect();
    let [requests, total, seconds, p50, p99] = numbers[..] else { panic!("not five numbers: {line}") };
    let mut figures = cost.explain(requests as u64);
    figures.extend([("total", total), ("rate", requests / seconds), ("p50", p50), ("p99", p99)]);
    figures
}

/// One connection that sends as fast as it can; the server reads and forgets. One operation is a GiB.
pub fn tcp_bulk<R: Rt>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    let (listener, address) = bind();
    let helper = Helper::start(&["bulk", &address.to_string(), &BULK.to_string()]);
    let cost = rt.on_worker(async move {
        let listener = R::listener(listener).expect("cannot listen");
        let mut stream = R::accept(&listener).await.expect("cannot accept");
        let mut buf = vec![0; BULK_READ];
        let (usage, mut left) = (Usage::now(), BULK);
        while left > 0 {
            let read = R::read(&mut stream, &mut buf).await.expect("cannot read");
            assert!(read > 0, "the sender gave up");
            left -= read as u64;
        }
        usage.cost()
    });
    drop(helper);
    cost.per_op(1)
}

/// The same with one blocking thread.
pub fn tcp_bulk_limit(_: &Run) -> Figures {
    let (listener, address) = bind();
    let helper = Helper::start(&["bulk", &address.to_string(), &BULK.to_string()]);
    let (mut stream, _) = listener.accept().expect("cannot accept");
    let mut buf = vec![0; BULK_READ];
    let (usage, mut left) = (Usage::now(), BULK);
    while left > 0 {
        let read = io::Read::read(&mut stream, &mut buf).expect("cannot read");
        assert!(read > 0, "the sender gave up");
        left -= read as u64;
    }
    let cost = usage.cost();
    drop(helper);
    cost.per_op(1)
}
