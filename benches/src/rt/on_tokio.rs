//! tokio, with what it brings along.

use super::{Files, Rt, Shared, Sockets, Spawn, hand_off};
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixStream};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{Mutex, MutexGuard, Notify, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// tokio's multi-threaded runtime.
#[derive(Debug)]
pub struct Tokio(tokio::runtime::Runtime);

impl Spawn for Tokio {
    type Join<T: Send + 'static> = JoinHandle<T>;

    fn new(workers: usize) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = hand_off::apply(builder.worker_threads(workers).enable_all()).build();
        Self(runtime.expect("cannot build tokio"))
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn spawn<F>(future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        tokio::spawn(future)
    }

    fn spawn_outside<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        self.0.spawn(future)
    }

    async fn join<T: Send + 'static>(task: JoinHandle<T>) -> T {
        task.await.expect("a task failed")
    }

    fn detach<T: Send + 'static>(task: JoinHandle<T>) {
        drop(task);
    }

    async fn yield_now() {
        tokio::task::yield_now().await;
    }
}

impl Rt for Tokio {
    type OneTx = oneshot::Sender<u64>;
    type OneRx = oneshot::Receiver<u64>;
    type Tx = mpsc::Sender<u64>;
    type Rx = mpsc::Receiver<u64>;
    type Mutex = Mutex<u64>;
    type Guard<'a> = MutexGuard<'a, u64>;
    type Listener = TcpListener;
    type Stream = TcpStream;

    fn spawn_blocking<T: Send + 'static>(
        job: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        let job = tokio::task::spawn_blocking(job);
        async { job.await.expect("a job failed") }
    }

    async fn sleep(duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    async fn timeout<F: Future<Output: Send> + Send>(duration: Duration, future: F) -> Option<F::Output> {
        tokio::time::timeout(duration, future).await.ok()
    }

    async fn run_child() {
        let status = tokio::process::Command::new("true").status().await;
        assert!(status.expect("a child was not started").success());
    }

    fn oneshot() -> (Self::OneTx, Self::OneRx) {
        oneshot::channel()
    }

    fn send_one(tx: Self::OneTx, value: u64) {
        tx.send(value).expect("the receiver is gone");
    }

    async fn recv_one(rx: Self::OneRx) -> u64 {
        rx.await.expect("the sender is gone")
    }

    fn channel(capacity: usize) -> (Self::Tx, Self::Rx) {
        mpsc::channel(capacity)
    }

    async fn send(tx: &mut Self::Tx, value: u64) {
        tx.send(value).await.expect("the receiver is gone");
    }

    async fn recv(rx: &mut Self::Rx) -> Option<u64> {
        rx.recv().await
    }

    fn mutex() -> Self::Mutex {
        Mutex::new(0)
    }

    async fn lock(mutex: &Self::Mutex) -> Self::Guard<'_> {
        mutex.lock().await
    }

    fn listener(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
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
        let mut buf = ReadBuf::new(buf);
        Pin::new(stream).poll_read(cx, &mut buf).map_ok(|()| buf.filled().len())
    }

    fn poll_write(stream: &mut TcpStream, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(stream).poll_write(cx, buf)
    }
}

impl Sockets for Tokio {
    type Udp = UdpSocket;
    type Unix = UnixStream;

    fn udp(socket: std::net::UdpSocket) -> io::Result<UdpSocket> {
        socket.set_nonblocking(true)?;
        UdpSocket::from_std(socket)
    }

    async fn send_datagram(socket: &UdpSocket, buf: &[u8]) -> io::Result<usize> {
        socket.send(buf).await
    }

    async fn recv_datagram(socket: &UdpSocket, buf: &mut [u8]) -> io::Result<usize> {
        socket.recv(buf).await
    }

    fn unix(stream: std::os::unix::net::UnixStream) -> io::Result<UnixStream> {
        stream.set_nonblocking(true)?;
        UnixStream::from_std(stream)
    }

    async fn read_unix(stream: &mut UnixStream, buf: &mut [u8]) -> io::Result<usize> {
        stream.read(buf).await
    }

    async fn write_unix(stream: &mut UnixStream, buf: &[u8]) -> io::Result<()> {
        stream.write_all(buf).await
    }
}

impl Shared for Tokio {
    type Semaphore = Semaphore;
    type Permit<'a> = SemaphorePermit<'a>;
    type Notify = Notify;
    type RwLock = RwLock<u64>;
    type ReadGuard<'a> = RwLockReadGuard<'a, u64>;
    type WriteGuard<'a> = RwLockWriteGuard<'a, u64>;
    type WatchTx = watch::Sender<u64>;
    type WatchRx = watch::Receiver<u64>;
    type CastTx = broadcast::Sender<u64>;
    type CastRx = broadcast::Receiver<u64>;

    fn semaphore(permits: usize) -> Semaphore {
        Semaphore::new(permits)
    }

    async fn acquire(semaphore: &Semaphore) -> SemaphorePermit<'_> {
        semaphore.acquire().await.expect("nobody closes it")
    }

    fn notify() -> Notify {
        Notify::new()
    }

    fn notify_one(notify: &Notify) {
        notify.notify_one();
    }

    async fn notified(notify: &Notify) {
        notify.notified().await;
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
        let (tx, rx) = watch::channel(0);
        (tx, vec![rx; receivers])
    }

    fn publish(tx: &Self::WatchTx, value: u64) {
        tx.send(value).expect("the receivers are gone");
    }

    async fn changed(rx: &mut Self::WatchRx) -> u64 {
        rx.changed().await.expect("the sender is gone");
        *rx.borrow_and_update()
    }

    fn broadcast(room: usize, receivers: usize) -> (Self::CastTx, Vec<Self::CastRx>) {
        let (tx, _) = broadcast::channel(room);
        let receivers = (0..receivers).map(|_| tx.subscribe()).collect();
        (tx, receivers)
    }

    async fn cast(tx: &Self::CastTx, value: u64) {
        tx.send(value).expect("the receivers are gone");
    }

    async fn heard(rx: &mut Self::CastRx) -> Option<u64> {
        match rx.recv().await {
            Ok(value) => Some(value),
            Err(RecvError::Closed) => None,
            Err(RecvError::Lagged(missed)) => panic!("missed {missed} values"),
        }
    }
}

impl Files for Tokio {
    async fn read_file(path: PathBuf) -> Vec<u8> {
        tokio::fs::read(path).await.expect("cannot read")
    }

    async fn copy_file(from: PathBuf, to: PathBuf) {
        tokio::fs::copy(from, to).await.expect("cannot copy");
    }

    async fn copy_stream(from: PathBuf, to: PathBuf) {
        let mut from = tokio::fs::File::open(from).await.expect("cannot open");
        let mut to = tokio::fs::File::create(to).await.expect("cannot create");
        tokio::io::copy(&mut from, &mut to).await.expect("cannot copy");
    }
}
