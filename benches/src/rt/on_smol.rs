//! smol: async-executor on threads of ours, async-io, blocking, async-channel, async-lock,
//! async-broadcast, event-listener.
//!
//! The executor is a static, as smol's own global one is; a runtime is the threads that run it.

use super::{Files, Rt, Shared, Sockets, Spawn};
use event_listener::Event;
use smol::channel::{self, Receiver, Sender};
use smol::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use smol::lock::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
use smol::lock::{Semaphore, SemaphoreGuard};
use smol::net::unix::UnixStream;
use smol::net::{TcpListener, TcpStream, UdpSocket};
use smol::{Executor, Task, Timer, future};
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

static EXECUTOR: Executor<'static> = Executor::new();

/// Threads that run smol's executor.
#[derive(Debug)]
pub struct Smol {
    /// Closing it ends the threads.
    running: Sender<()>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for Smol {
    fn drop(&mut self) {
        self.running.close();
        for thread in self.threads.drain(..) {
            thread.join().expect("a worker of smol panicked");
        }
    }
}

impl Spawn for Smol {
    type Join<T: Send + 'static> = Task<T>;

    fn new(workers: usize) -> Self {
        let (running, stopped) = channel::bounded::<()>(1);
        let threads = (0..workers).map(|_| {
            let stopped = stopped.clone();
            std::thread::spawn(move || {
                // An error is how a closed channel says that it is over.
                let _ = smol::block_on(EXECUTOR.run(stopped.recv()));
            })
        });
        let threads = threads.collect();
        Self { running, threads }
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        smol::block_on(future)
    }

    fn spawn<F>(future: F) -> Task<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        EXECUTOR.spawn(future)
    }

    fn spawn_outside<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        EXECUTOR.spawn(future)
    }

    async fn join<T: Send + 'static>(task: Task<T>) -> T {
        task.await
    }

    fn detach<T: Send + 'static>(task: Task<T>) {
        task.detach();
    }

    async fn yield_now() {
        future::yield_now().await;
    }
}

impl Rt for Smol {
    type OneTx = Sender<u64>;
    type OneRx = Receiver<u64>;
    type Tx = Sender<u64>;
    type Rx = Receiver<u64>;
    type Mutex = Mutex<u64>;
    type Guard<'a> = MutexGuard<'a, u64>;
    type Listener = TcpListener;
    type Stream = TcpStream;

    fn spawn_blocking<T: Send + 'static>(
        job: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        smol::unblock(job)
    }

    async fn sleep(duration: Duration) {
        Timer::after(duration).await;
    }

    async fn timeout<F: Future<Output: Send> + Send>(duration: Duration, future: F) -> Option<F::Output> {
        let late = async {
            Timer::after(duration).await;
            None
        };
        future::or(async { Some(future.await) }, late).await
    }

    async fn run_child() {
        let status = smol::process::Command::new("true").status().await;
        assert!(status.expect("a child was not started").success());
    }

    fn oneshot() -> (Self::OneTx, Self::OneRx) {
        channel::bounded(1)
    }

    fn send_one(tx: Self::OneTx, value: u64) {
        tx.try_send(value).expect("the receiver is gone");
    }

    async fn recv_one(rx: Self::OneRx) -> u64 {
        rx.recv().await.expect("the sender is gone")
    }

    fn channel(capacity: usize) -> (Self::Tx, Self::Rx) {
        channel::bounded(capacity)
    }

    async fn send(tx: &mut Self::Tx, value: u64) {
        tx.send(value).await.expect("the receiver is gone");
    }

    async fn recv(rx: &mut Self::Rx) -> Option<u64> {
        rx.recv().await.ok()
    }

    fn mutex() -> Self::Mutex {
        Mutex::new(0)
    }

    async fn lock(mutex: &Self::Mutex) -> Self::Guard<'_> {
        mutex.lock().await
    }

    fn listener(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        listener.try_into()
    }

    async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn read(stream: &mut TcpStream, buf: &mut [u8]) -> io::Result<usize> {
        stream.read(buf).await
    }

    async fn write_all(stream: &mut TcpStream, buf: &[u8]) -> io::Result<()> {
        stream.write_all(buf).await
    }

    fn poll_read(stream: &mut TcpStream, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(stream).poll_read(cx, buf)
    }

    fn poll_write(stream: &mut TcpStream, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(stream).poll_write(cx, buf)
    }
}

/// A stored wake-up and those who wait, as event-listener's documentation has it.
#[derive(Debug, Default)]
pub struct Notify {
    is_stored: AtomicBool,
    waiters: Event,
}

impl Sockets for Smol {
    type Udp = UdpSocket;
    type Unix = UnixStream;

    fn udp(socket: std::net::UdpSocket) -> io::Result<UdpSocket> {
        socket.try_into()
    }

    async fn send_datagram(socket: &UdpSocket, buf: &[u8]) -> io::Result<usize> {
        socket.send(buf).await
    }

    async fn recv_datagram(socket: &UdpSocket, buf: &mut [u8]) -> io::Result<usize> {
        socket.recv(buf).await
    }

    fn unix(stream: std::os::unix::net::UnixStream) -> io::Result<UnixStream> {
        stream.try_into()
    }

    async fn read_unix(stream: &mut UnixStream, buf: &mut [u8]) -> io::Result<usize> {
        stream.read(buf).await
    }

    async fn write_unix(stream: &mut UnixStream, buf: &[u8]) -> io::Result<()> {
        stream.write_all(buf).await
    }
}

impl Shared for Smol {
    type Semaphore = Semaphore;
    type Permit<'a> = SemaphoreGuard<'a>;
    type Notify = Notify;
    type RwLock = RwLock<u64>;
    type ReadGuard<'a> = RwLockReadGuard<'a, u64>;
    type WriteGuard<'a> = RwLockWriteGuard<'a, u64>;
    type WatchTx = async_broadcast::Sender<u64>;
    type WatchRx = async_broadcast::Receiver<u64>;
    type CastTx = async_broadcast::Sender<u64>;
    type CastRx = async_broadcast::Receiver<u64>;

    fn semaphore(permits: usize) -> Semaphore {
        Semaphore::new(permits)
    }

    async fn acquire(semaphore: &Semaphore) -> SemaphoreGuard<'_> {
        semaphore.acquire().await
    }

    fn notify() -> Notify {
        Notify::default()
    }

    fn notify_one(notify: &Notify) {
        notify.is_stored.store(true, Ordering::Release);
        notify.waiters.notify(1);
    }

    async fn notified(notify: &Notify) {
        let taken = || notify.is_stored.swap(false, Ordering::Acquire);
        while !taken() {
            let listener = notify.waiters.listen();
            if taken() {
                break;
            }
            listener.await;
        }
    }

    fn rwlock() -> Self::RwLock {
        RwLock::new(0)
    }

    async fn read_lock(lock: &Self::RwLock) -> Self::ReadGuard<'_> {
        lock.read().await
    }

    async fn write_lock(lock: &Self::RwLock) -> Self::WriteGuard<'_> {
        lock.write().await
    }

    fn watch(receivers: usize) -> (Self::WatchTx, Vec<Self::WatchRx>) {
        // With room for one value, which a newer one replaces.
        let (mut tx, rx) = async_broadcast::broadcast(1);
        tx.set_overflow(true);
        (tx, vec![rx; receivers])
    }

    fn publish(tx: &Self::WatchTx, value: u64) {
        tx.try_broadcast(value).expect("the receivers are gone");
    }

    async fn changed(rx: &mut Self::WatchRx) -> u64 {
        loop {
            match rx.recv_direct().await {
                Ok(value) => return value,
                Err(async_broadcast::RecvError::Overflowed(_)) => {}
                Err(async_broadcast::RecvError::Closed) => panic!("the sender is gone"),
            }
        }
    }

    fn broadcast(room: usize, receivers: usize) -> (Self::CastTx, Vec<Self::CastRx>) {
        let (tx, rx) = async_broadcast::broadcast(room);
        (tx, vec![rx; receivers])
    }

    async fn cast(tx: &Self::CastTx, value: u64) {
        tx.broadcast_direct(value).await.expect("the receivers are gone");
    }

    async fn heard(rx: &mut Self::CastRx) -> Option<u64> {
        match rx.recv_direct().await {
            Ok(value) => Some(value),
            Err(async_broadcast::RecvError::Closed) => None,
            Err(async_broadcast::RecvError::Overflowed(missed)) => panic!("missed {missed} values"),
        }
    }
}

impl Files for Smol {
    async fn read_file(path: PathBuf) -> Vec<u8> {
        smol::fs::read(path).await.expect("cannot read")
    }

    async fn copy_file(from: PathBuf, to: PathBuf) {
        smol::fs::copy(from, to).await.expect("cannot copy");
    }

    async fn copy_stream(from: PathBuf, to: PathBuf) {
        let mut from = smol::fs::File::open(from).await.expect("cannot open");
        let mut to = smol::fs::File::create(to).await.expect("cannot create");
        smol::io::copy(&mut from, &mut to).await.expect("cannot copy");
    }
}
