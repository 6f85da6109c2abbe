//! What a workload asks of a runtime: every workload is written once, against these four traits.
//!
//! Each runtime brings the primitives that its users would take: its own timers, channels, locks and
//! sockets. So a row compares what a program would get, not what the schedulers alone can do.

pub mod bare;
/// tokio's eager hand-off of its driver, which needs `--cfg tokio_unstable`.
#[cfg(not(tokio_unstable))]
#[path = "rt/hand_off/off.rs"]
pub mod hand_off;
/// tokio's eager hand-off of its driver, which needs `--cfg tokio_unstable`.
#[cfg(tokio_unstable)]
#[path = "rt/hand_off/on.rs"]
pub mod hand_off;
pub mod on_ours;
pub mod on_smol;
pub mod on_tokio;

use std::future::Future;
use std::io;
use std::net::{TcpListener as StdListener, UdpSocket};
use std::ops::{Deref, DerefMut};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::task::{Context, Poll};
use std::time::Duration;

/// Tasks: all that a bare queue of tasks can do too, which gives the limit rows.
pub trait Spawn: Sized + Send + Sync + 'static {
    /// A handle on a task that can be awaited.
    type Join<T: Send + 'static>: Send;

    /// A runtime with this many workers.
    fn new(workers: usize) -> Self;

    /// Runs `future` on this thread.
    fn block_on<F: Future>(&self, future: F) -> F::Output;

    /// Spawns from inside the runtime.
    fn spawn<F>(future: F) -> Self::Join<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static;

    /// Spawns from a thread that does not belong to the runtime.
    fn spawn_outside<F>(&self, future: F) -> Self::Join<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static;

    /// Waits for the task.
    fn join<T: Send + 'static>(task: Self::Join<T>) -> impl Future<Output = T> + Send;

    /// Lets the task run unobserved.
    fn detach<T: Send + 'static>(task: Self::Join<T>);

    /// Goes to the back of the queue once.
    fn yield_now() -> impl Future<Output = ()> + Send;

    /// Runs `future` as a task and waits for it on this thread: the work itself happens on a worker.
    fn on_worker<F>(&self, future: F) -> F::Output
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        self.block_on(async { Self::join(Self::spawn(future)).await })
    }
}

/// A whole runtime.
pub trait Rt: Spawn {
    /// The sending half of a channel for one value.
    type OneTx: Send;
    /// The receiving half of a channel for one value.
    type OneRx: Send;
    /// The sending half of a bounded channel.
    type Tx: Clone + Send + 'static;
    /// The receiving half of a bounded channel.
    type Rx: Send + 'static;
    /// A fair lock.
    type Mutex: Send + Sync + 'static;
    /// The locked lock.
    type Guard<'a>: DerefMut<Target = u64> + Send;
    /// A listening socket.
    type Listener: Send + Sync + 'static;
    /// A connection.
    type Stream: Send + Unpin + 'static;

    /// Runs `job` on the pool for blocking work, from the call on.
    fn spawn_blocking<T: Send + 'static>(
        job: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send;

    /// Waits for `duration`, from the first poll or the call on.
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send;

    /// Waits for `future`, at most for `duration`.
    fn timeout<F: Future<Output: Send> + Send>(
        duration: Duration,
        future: F,
    ) -> impl Future<Output = Option<F::Output>> + Send;

    /// Starts a process that does nothing, and waits for its end.
    fn run_child() -> impl Future<Output = ()> + Send;

    /// A channel for one value.
    fn oneshot() -> (Self::OneTx, Self::OneRx);
    /// Sends the one value.
    fn send_one(tx: Self::OneTx, value: u64);
    /// Waits for the one value.
    fn recv_one(rx: Self::OneRx) -> impl Future<Output = u64> + Send;

    /// A bounded channel.
    fn channel(capacity: usize) -> (Self::Tx, Self::Rx);
    /// Sends a value, waiting for room.
    fn send(tx: &mut Self::Tx, value: u64) -> impl Future<Output = ()> + Send;
    /// Waits for a value; `None` when all senders are gone.
    fn recv(rx: &mut Self::Rx) -> impl Future<Output = Option<u64>> + Send;

    /// A lock around 0.
    fn mutex() -> Self::Mutex;
    /// Waits for the lock.
    fn lock(mutex: &Self::Mutex) -> impl Future<Output = Self::Guard<'_>> + Send;

    /// Takes over a listening socket. Call it inside the runtime.
    fn listener(listener: StdListener) -> io::Result<Self::Listener>;
    /// Waits for a connection; Nagle's algorithm is off on it.
    fn accept(listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Stream>> + Send;
    /// Reads once.
    fn read(stream: &mut Self::Stream, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;
    /// Writes all of `buf`.
    fn write_all(stream: &mut Self::Stream, buf: &[u8]) -> impl Future<Output = io::Result<()>> + Send;
    /// Reads once, as a poll.
    fn poll_read(stream: &mut Self::Stream, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>>;
    /// Writes once, as a poll.
    fn poll_write(stream: &mut Self::Stream, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>>;
}

/// Sockets beside TCP.
pub trait Sockets: Rt {
    /// A UDP socket.
    type Udp: Send + Sync + 'static;
    /// A Unix stream.
    type Unix: Send + 'static;

    /// Takes over a socket that is connected. Call it inside the runtime.
    fn udp(socket: UdpSocket) -> io::Result<Self::Udp>;
    /// Sends one datagram to the peer.
    fn send_datagram(socket: &Self::Udp, buf: &[u8]) -> impl Future<Output = io::Result<usize>> + Send;
    /// Receives one datagram from the peer.
    fn recv_datagram(socket: &Self::Udp, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;

    /// Takes over a connection. Call it inside the runtime.
    fn unix(stream: UnixStream) -> io::Result<Self::Unix>;
    /// Reads once.
    fn read_unix(stream: &mut Self::Unix, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;
    /// Writes all of `buf`.
    fn write_unix(stream: &mut Self::Unix, buf: &[u8]) -> impl Future<Output = io::Result<()>> + Send;
}

/// What tasks share, beside the channels and the lock of [`Rt`].
pub trait Shared: Rt {
    /// Permits.
    type Semaphore: Send + Sync + 'static;
    /// A permit that is out.
    type Permit<'a>: Send;
    /// Wake-ups without a value, of which one is stored.
    type Notify: Send + Sync + 'static;
    /// A lock for many readers or one writer.
    type RwLock: Send + Sync + 'static;
    /// The lock, locked for reading.
    type ReadGuard<'a>: Deref<Target = u64> + Send;
    /// The lock, locked for writing.
    type WriteGuard<'a>: DerefMut<Target = u64> + Send;
    /// The sending half of a channel that holds the newest value.
    type WatchTx: Send + 'static;
    /// A receiver of the newest value.
    type WatchRx: Send + 'static;
    /// The sending half of a channel whose receivers get every value.
    type CastTx: Send + 'static;
    /// A receiver of every value.
    type CastRx: Send + 'static;

    /// A semaphore with so many permits.
    fn semaphore(permits: usize) -> Self::Semaphore;
    /// Waits for a permit.
    fn acquire(semaphore: &Self::Semaphore) -> impl Future<Output = Self::Permit<'_>> + Send;

    /// Nothing stored, nobody waits.
    fn notify() -> Self::Notify;
    /// Wakes one, or stores that for the next.
    fn notify_one(notify: &Self::Notify);
    /// Waits for a wake-up.
    fn notified(notify: &Self::Notify) -> impl Future<Output = ()> + Send;

    /// A lock around 0.
    fn rwlock() -> Self::RwLock;
    /// Waits for the lock, for reading.
    fn read_lock(lock: &Self::RwLock) -> impl Future<Output = Self::ReadGuard<'_>> + Send;
    /// Waits for the lock, for writing.
    fn write_lock(lock: &Self::RwLock) -> impl Future<Output = Self::WriteGuard<'_>> + Send;

    /// A channel that holds the newest value, at first 0, and so many receivers.
    fn watch(receivers: usize) -> (Self::WatchTx, Vec<Self::WatchRx>);
    /// Puts a newer value there.
    fn publish(tx: &Self::WatchTx, value: u64);
    /// Waits for a value that this receiver has not seen yet, and takes a look at it.
    fn changed(rx: &mut Self::WatchRx) -> impl Future<Output = u64> + Send;

    /// A channel with room for so many values, and so many receivers that get each of them.
    fn broadcast(room: usize, receivers: usize) -> (Self::CastTx, Vec<Self::CastRx>);
    /// Sends to all of them. The caller sees to it that there is room.
    fn cast(tx: &Self::CastTx, value: u64) -> impl Future<Output = ()> + Send;
    /// Waits for the next value; `None` when the sender is gone.
    fn heard(rx: &mut Self::CastRx) -> impl Future<Output = Option<u64>> + Send;
}

/// Files.
pub trait Files: Rt {
    /// All of a file.
    fn read_file(path: PathBuf) -> impl Future<Output = Vec<u8>> + Send;
    /// Copies a file by its name.
    fn copy_file(from: PathBuf, to: PathBuf) -> impl Future<Output = ()> + Send + 'static;
    /// Copies a file by reading and writing.
    fn copy_stream(from: PathBuf, to: PathBuf) -> impl Future<Output = ()> + Send + 'static;
}
