//! A bad network between two sockets: a proxy that is slow, cuts data into single bytes, stops reading, or resets.
//!
//! It is made of plain threads and blocking sockets, and uses nothing of what it tests.

use rustix::net::connect_unspec;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// What happens to one direction. The default is a good network.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    /// Each piece is held for so long.
    pub(crate) latency: Duration,
    /// Pieces have at most so many bytes, and are sent one by one.
    pub(crate) segment: Option<usize>,
    /// Once so many bytes went through, both sides are reset.
    pub(crate) reset_after: Option<usize>,
    /// Once so many bytes went through, nothing is read any more.
    pub(crate) stop_after: Option<usize>,
}

/// A running proxy. Its drop resets what it has stopped.
pub(crate) struct FaultProxy {
    addr: SocketAddr,
    gone: Arc<(Mutex<bool>, Condvar)>,
}

impl FaultProxy {
    /// Between whoever connects to [`addr`](Self::addr) and `backend`.
    pub(crate) fn new(backend: SocketAddr, requests: Faults, answers: Faults) -> FaultProxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let gone = Arc::new((Mutex::new(false), Condvar::new()));
        let proxy = FaultProxy { addr, gone: gone.clone() };
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if *gone.0.lock().unwrap() {
                    return;
                }
                let Ok(server) = TcpStream::connect(backend) else { continue };
                client.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                let (client, server) = (Arc::new(client), Arc::new(server));
                for (from, to, faults) in [(&client, &server, &requests), (&server, &client, &answers)] {
                    let (from, to) = (Arc::clone(from), Arc::clone(to));
                    let (faults, gone) = (faults.clone(), Arc::clone(&gone));
                    thread::spawn(move || pump(&from, &to, &faults, &gone));
                }
            }
        });
        proxy
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        *self.gone.0.lock().unwrap() = true;
        self.gone.1.notify_all();
        // So that the thread that accepts looks.
        let _ = TcpStream::connect(self.addr);
    }
}

fn pump(from: &TcpStream, to: &TcpStream, faults: &Faults, gone: &(Mutex<bool>, Condvar)) {
    let reset = || {
        // Disconnecting a TCP socket sends a reset at once, whoever else holds it.
        let _ = connect_unspec(from);
        let _ = connect_unspec(to);
    };
    let mut buffer = vec![0; faults.segment.unwrap_or(16 * 1024)];
    let mut done = 0;
    loop {
        let left = |limit: Option<usize>| limit.map_or(usize::MAX, |limit| limit - done);
        if left(faults.stop_after) == 0 {
            let mut is_gone = gone.0.lock().unwrap();
            while !*is_gone {
                is_gone = gone.1.wait(is_gone).unwrap();
            }
            return reset();
        }
        if left(faults.reset_after) == 0 {
            return reset();
        }
        let room = buffer.len().min(left(faults.stop_after)).min(left(faults.reset_after));
        let mut from = from;
        match from.read(&mut buffer[..room]) {
            Ok(0) => {
                let _ = to.shutdown(Shutdown::Write);
                return;
            }
            Ok(n) => {
                thread::sleep(faults.latency);
                let mut to = to;
                if to.write_all(&buffer[..n]).is_err() {
                    // The other side of this one is reset as well: its peer must learn that nobody reads.
                    return reset();
                }
                done += n;
            }
            Err(_) => return reset(),
        }
    }
}
