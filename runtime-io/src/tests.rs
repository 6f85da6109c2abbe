//! The driver and the sockets without a scheduler: a thread parks the driver and wakes.

#[path = "tests/driver.rs"]
mod driver;
#[path = "tests/faults.rs"]
mod faults;
#[path = "tests/others.rs"]
mod others;
#[path = "tests/registry.rs"]
mod registry;
#[path = "tests/tcp.rs"]
mod tcp;
#[path = "tests/waiters.rs"]
mod waiters;

use crate::driver::IoDriver;
use crate::net::{TcpListener, TcpSocket, TcpStream};
use crate::reactor::Reactor;
use futures::executor::block_on;
use runtime_core::port::{Driver, DriverHandle};
use runtime_core::util::wake_list::WakeList;
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::{FdFlags, fcntl_getfd};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Far more than anything here takes: who waits longer hangs.
const HANG: Duration = Duration::from_secs(20);

/// A driver on a thread of its own.
struct Harness {
    reactor: Arc<Reactor>,
    stop: mpsc::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Harness {
    fn new() -> Harness {
        let (mut driver, reactor) = IoDriver::new().unwrap();
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut wakers = WakeList::new();
            while stopped.try_recv().is_err() {
                driver.park(None, &mut wakers).unwrap();
                wakers.wake_all();
            }
            driver.shutdown(&mut wakers);
            wakers.wake_all();
        });
        Harness { reactor, stop, thread: Some(thread) }
    }

    /// Shuts the driver down.
    fn stop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.stop.send(()).unwrap();
        self.reactor.unpark();
        thread.join().unwrap();
    }

    fn listen(&self) -> TcpListener {
        TcpListener::bind_in(Arc::clone(&self.reactor), "127.0.0.1:0".parse().unwrap()).unwrap()
    }

    /// Both ends of a connection.
    fn connection(&self) -> (TcpStream, TcpStream) {
        let listener = self.listen();
        let addr = listener.local_addr().unwrap();
        let connect = TcpSocket::new_v4().unwrap().connect_in(Arc::clone(&self.reactor), addr);
        let (client, server) = in_time(async move { futures::join!(connect, listener.accept()) });
        (client.unwrap(), server.unwrap().0)
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Runs `future` on a thread of its own.
fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Receiver<T> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || send.send(block_on(future)));
    receive
}

/// The result of `future`, which must not hang.
fn in_time<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    spawn(future).recv_timeout(HANG).expect("it hangs, or it panicked")
}

#[track_caller]
fn assert_shut_down<T: std::fmt::Debug>(result: std::io::Result<T>) {
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), "the runtime that owns this socket has shut down");
}

#[track_caller]
fn assert_nonblocking_cloexec(fd: BorrowedFd<'_>) {
    assert!(fcntl_getfl(fd).unwrap().contains(OFlags::NONBLOCK));
    assert!(fcntl_getfd(fd).unwrap().contains(FdFlags::CLOEXEC));
}
