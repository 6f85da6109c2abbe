//! The signatures that neither tokio nor asyncio settles, as they are promised: this compiles, or the promise is
//! broken. What the items do is tested elsewhere.

use runtime::blocking::{Full, Pool};
use runtime::metrics::{Histogram, RuntimeMetrics, WaitsOn, WorkerMetrics};
use runtime::net::{self, Server, TcpListener, TcpStream, UnixListener};
use runtime::sync::{
    Barrier, BoundedSemaphore, Condvar, Event, LifoQueue, Mutex, PriorityQueue, Promise, PromiseFuture,
    Queue, promise,
};
use runtime::task::{
    AbortOnDropHandle, CancellationToken, Gather, GroupError, JoinSet, Outcome, ReturnWhen, SharedHandle,
    TaskGroup, TaskInfo, TaskState, TimerHandle, TryGather, TryGatherError,
};
use runtime::time::Duration;
use runtime::time::error::Elapsed;
use runtime::{
    Builder, Handle, JoinError, JoinHandle, Unhandled, UnhandledKind, UnhandledPolicy, blocking, task,
};
use std::future::{pending, ready};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::panic::Location;
use std::sync::Arc;

type Done<T> = Result<T, JoinError>;

fn is_send<T: Send>(value: T) -> T {
    value
}

runtime::task_local! {
    static KEY: u32;
    #[inherit]
    static TRACE: String;
}

#[runtime::test]
async fn handles() {
    let zero = Duration::ZERO;
    let task = || runtime::spawn(ready(1));
    let _: Done<i32> = is_send(task().cancel()).await;
    let _: Done<i32> = is_send(task().cancel_within(zero)).await;
    let _: Result<Done<i32>, Elapsed> = is_send(task().timeout(zero)).await;
    task().on_finish(|outcome: &Outcome| {
        let _: (task::Id, Option<&str>, &'static Location<'static>) =
            (outcome.id(), outcome.name(), outcome.spawn_site());
        match outcome {
            Outcome::Finished { .. } | Outcome::Panicked { .. } | Outcome::Cancelled { .. } => {}
            _ => {}
        }
    });
    let _: Option<Done<i32>> = task().try_result();
    let _: fn(JoinHandle<i32>) -> Done<i32> = JoinHandle::join_blocking;
    let shared: SharedHandle<i32> = is_send(task().shared());
    let _: Result<i32, Arc<JoinError>> = shared.clone().await;
    let checked: JoinHandle<Result<u8, String>> = task::spawn_checked(ready(Ok(1)));
    let _: Done<Result<u8, String>> = checked.await;
    let checked = task::Builder::new().spawn_checked(ready(Ok::<u8, String>(1)));
    let _: Done<Result<u8, String>> = checked.unwrap().await;
    let named: std::io::Result<JoinHandle<i32>> = task::Builder::new().name("x").spawn(ready(1));
    assert_eq!(named.unwrap().task_name(), Some("x"));
    drop::<AbortOnDropHandle<i32>>(AbortOnDropHandle::new(task()));
    let _: bool = task::cancel_requested();
    let cancelled: task::Cancelled = task::cancelled();
    drop(is_send(cancelled));
    drop::<JoinHandle<i32>>(task::shield(ready(1)));
    let info: TaskInfo = runtime::spawn(async { task::current() }).await.unwrap();
    let _: (task::Id, Option<&str>, &'static Location<'static>) = (info.id(), info.name(), info.spawn_site());
}

#[runtime::test]
async fn many() {
    let gather: Gather<i32> = is_send(task::gather([ready(1), ready(2)]));
    let _: Vec<Done<i32>> = gather.await;
    let gather: TryGather<i32, String> = is_send(task::try_gather([ready(Ok::<i32, String>(1))]));
    let _: Result<Vec<i32>, TryGatherError<String>> = gather.cancel_rest().await;
    let (a, b, c): (Done<i32>, Done<&str>, Done<()>) =
        runtime::gather!(ready(1), ready("2"), ready(())).await;
    a.and(b).and(c).unwrap();

    let mut set = JoinSet::new();
    set.spawn(ready(1));
    let _: Vec<(task::Id, Done<i32>)> =
        is_send(set.wait(ReturnWhen::AllCompleted, Some(Duration::ZERO))).await;
    let _ = (ReturnWhen::FirstCompleted, ReturnWhen::FirstException);
    fn is_stream<T>(_: &impl futures::Stream<Item = Done<T>>) {}
    is_stream(&set);

    let group = task::group(async |g: TaskGroup<String>| {
        drop::<JoinHandle<i32>>(g.spawn(ready(Ok(1))));
        let started: Done<u8> = g
            .start(async move |ready| {
                ready.set(5);
                Ok(())
            })
            .await;
        g.clone().cancel();
        Ok(started.unwrap())
    });
    let result: Result<u8, GroupError<String>> = is_send(group).await;
    if let Err(error) = result {
        assert!(!error.errors().is_empty());
    }

    let token = CancellationToken::new();
    token.child_token().cancelled().now_or_never_again();
    let handle = Handle::current();
    handle.call_soon(|| ());
    let timer: TimerHandle = handle.call_later(Duration::MAX, || ());
    let _: bool = timer.cancel();
    KEY.scope(1, async { assert_eq!(KEY.get(), 1) }).await;
    TRACE.scope(String::new(), async { TRACE.with(|trace| assert!(trace.is_empty())) }).await;
    task::coop::consume_budget().await;
    task::coop::unconstrained(async { assert!(task::coop::has_budget_remaining()) }).await;
}

trait Never {
    fn now_or_never_again(self);
}

impl<F: Future> Never for F {
    fn now_or_never_again(self) {
        assert!(futures::FutureExt::now_or_never(self).is_none());
    }
}

#[runtime::test]
async fn inside() {
    let handle = Handle::current();
    let metrics: RuntimeMetrics = handle.metrics();
    let _: &[WorkerMetrics] = metrics.workers();
    let (_, _): (Histogram, &Histogram) = (metrics.poll_time(), metrics.workers()[0].schedule_latency());
    let _: (u64, u64) = (metrics.rescues_count(), metrics.spares_count());
    let _: String = runtime::metrics::prometheus(&metrics);
    let tasks: Vec<TaskInfo> = handle.tasks();
    for task in tasks {
        let _: (Option<u64>, Option<Duration>) = (task.polls(), task.busy_time());
        let _: (TaskState, Option<WaitsOn>) = (task.state(), task.waits_on());
    }
}

#[runtime::test]
async fn sync() {
    let event = Event::new();
    event.set();
    event.wait().await;
    event.clear();
    let _: bool = event.is_set();

    let (mutex, condvar) = (Mutex::new(0), Condvar::new());
    let guard = mutex.lock().await;
    let guard = condvar.wait_while(guard, |value: &mut i32| *value != 0).await;
    drop(condvar.wait(guard));
    condvar.notify_one();
    condvar.notify_all();

    let semaphore = Arc::new(BoundedSemaphore::new(2));
    let permit = semaphore.acquire().await;
    let _owned = semaphore.clone().acquire_owned().await;
    assert!(semaphore.try_acquire().is_err());
    drop(permit);
    let over: Result<(), runtime::sync::OverRelease> = semaphore.release();
    assert!(over.is_err());
    let _: usize = semaphore.available_permits();

    let barrier = Barrier::new(2);
    barrier.abort();
    assert!(barrier.wait().await.is_broken());
    assert!(format!("{barrier:?}").contains("broken"));

    let queue = Queue::bounded(1);
    queue.put(1).await.unwrap();
    assert!(queue.is_full() && !queue.is_empty() && queue.len() == 1);
    assert!(queue.try_put(2).is_err());
    let item = queue.get().await.unwrap();
    assert_eq!(*item, 1);
    item.done();
    queue.join().await;
    queue.try_put(3).unwrap();
    let _: i32 = queue.try_get().unwrap().into_inner();
    queue.close();
    queue.close_now();
    assert!(queue.put(4).await.is_err());
    drop((PriorityQueue::<u8>::unbounded(), LifoQueue::<u8>::unbounded(), Queue::<u8>::unbounded()));
    drop((PriorityQueue::<u8>::bounded(1), LifoQueue::<u8>::bounded(1)));

    let (set, value): (Promise<i32>, PromiseFuture<i32>) = promise();
    let _: Option<Result<i32, runtime::sync::promise::Cancelled>> = value.try_get();
    assert!(!value.is_done());
    set.set(1).unwrap();
    assert_eq!(set.set(2), Err(2));
    let _: bool = set.cancel();
    value.on_done(|_| ());
    assert_eq!(value.clone().await, Ok(1));
}

#[runtime::test]
async fn blocking() {
    let mut builder: blocking::Builder = Pool::builder();
    builder.name("db").threads(3).queue(100).keep_alive(Duration::from_secs(1));
    let db: Pool = builder.build().unwrap();
    let _: Done<i32> = is_send(db.run(|| 1)).await;
    drop::<JoinHandle<i32>>(db.spawn(|| 1));
    let _: Result<JoinHandle<i32>, Full<_>> = db.try_spawn(|| 1);
    let _: bool = blocking::is_cancelled();
    let _: blocking::PoolMetrics = db.metrics();
    db.close();
    is_send(db.wait_closed()).await;
    let report: blocking::PoolReport = db.shutdown(Duration::ZERO);
    let _: &[blocking::RunningJob] = report.survivors();
}

#[test]
fn builders() {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).cancel_grace(Duration::from_secs(1)).rng_seed(7).start_paused(true);
    builder.on_unhandled(|unhandled: &Unhandled| {
        let _: (UnhandledKind, Option<&str>, &str) =
            (unhandled.kind(), unhandled.task_name(), unhandled.message());
        let _: (task::Id, &'static Location<'static>) = (unhandled.task_id(), unhandled.spawn_site());
    });
    for policy in [UnhandledPolicy::Shutdown, UnhandledPolicy::Abort, UnhandledPolicy::Log] {
        builder.unhandled_policy(policy);
    }
    let runtime = builder.build().unwrap();
    let checked: JoinHandle<Result<u8, String>> = runtime.handle().spawn_checked(ready(Ok(1)));
    let _: Done<Result<u8, String>> = runtime.block_on(checked);
    let endless = runtime.spawn(pending::<()>());
    assert!(runtime.block_on(endless.cancel()).unwrap_err().is_cancelled());
}

#[runtime::test]
async fn servers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server: Server = net::serve(listener, |_stream: TcpStream, _peer: SocketAddr| async {}).limit(10);
    let _: std::io::Result<SocketAddr> = server.local_addr();
    let _: (usize, bool) = (server.connections(), server.is_closed());
    let clone: Server<TcpListener> = server.clone();
    server.close();
    clone.cancel();
    is_send(clone.wait_closed()).await;
    fn unix(listener: UnixListener) -> Server<UnixListener> {
        net::serve(listener, async |_stream, _peer| std::io::Result::Ok(()))
    }
    let _: fn(UnixListener) -> Server<UnixListener> = unix;
}

/// What sockets and pipes have besides tokio's methods, and the traits on them and on references to them.
#[runtime::test]
async fn sockets() {
    use futures::io::{AsyncRead, AsyncWrite};
    use runtime::net::unix::pipe::{Receiver, Sender};
    use runtime::net::{UdpSocket, UnixDatagram, UnixStream, tcp, unix};
    use runtime::process;
    use std::io::Result;
    use std::os::fd::AsFd;
    use std::task::{Context, Poll};

    type Uninit<T> = fn(&T, &mut Context<'_>, &mut [MaybeUninit<u8>]) -> Poll<Result<usize>>;
    fn shared<T: AsyncRead + AsyncWrite + AsFd + Send + Sync + Unpin>(_: Uninit<T>)
    where
        for<'a> &'a T: AsyncRead + AsyncWrite,
    {
    }
    shared::<TcpStream>(TcpStream::poll_read_uninit);
    shared::<UnixStream>(UnixStream::poll_read_uninit);
    fn read<T: AsyncRead + Send + Sync + Unpin>(_: Uninit<T>)
    where
        for<'a> &'a T: AsyncRead,
    {
    }
    read::<Receiver>(Receiver::poll_read_uninit);
    fn reads<T: AsyncRead + Send + Unpin>() {}
    reads::<&process::ChildStdout>();
    reads::<&process::ChildStderr>();
    read::<tcp::OwnedReadHalf>(tcp::OwnedReadHalf::poll_read_uninit);
    read::<tcp::ReadHalf<'static>>(tcp::ReadHalf::poll_read_uninit);
    read::<unix::OwnedReadHalf>(unix::OwnedReadHalf::poll_read_uninit);
    read::<unix::ReadHalf<'static>>(unix::ReadHalf::poll_read_uninit);
    fn write<T: AsyncWrite + Send + Sync + Unpin>()
    where
        for<'a> &'a T: AsyncWrite,
    {
    }
    write::<Sender>();
    write::<process::ChildStdin>();
    write::<tcp::OwnedWriteHalf>();
    write::<tcp::WriteHalf<'static>>();
    write::<unix::OwnedWriteHalf>();
    write::<unix::WriteHalf<'static>>();
    fn datagrams<T: AsFd + Send + Sync>() {}
    datagrams::<UdpSocket>();
    datagrams::<UnixDatagram>();
    datagrams::<UnixListener>();
    let addr = is_send(net::lookup_host("127.0.0.1:0")).await.unwrap().next().unwrap();
    let socket: net::TcpSocket = net::TcpSocket::new_v4().unwrap();
    socket.bind(addr).unwrap();
    let listener: TcpListener = socket.listen(1).unwrap();
    fn names<T: net::ToSocketAddrs>(_: T) {}
    names(listener.local_addr().unwrap());
}

#[runtime::test]
async fn children_and_signals() {
    use runtime::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
    use runtime::signal::{self, unix::Signal, unix::SignalKind};
    use std::io::Result;
    use std::process::{ExitStatus, Output, Stdio};

    let mut command = Command::new("true");
    let _: Result<Output> = is_send(command.output()).await;
    let _: Result<ExitStatus> = is_send(command.status()).await;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child: Child = command.process_group(0).spawn().unwrap();
    let _: (Option<ChildStdin>, Option<ChildStdout>, Option<ChildStderr>) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let _: Result<()> = child.send_signal(SignalKind::terminate());
    let _: Result<()> = child.start_kill_group();
    drop(is_send(child.kill_group()));
    let _: Result<ExitStatus> = is_send(child.wait()).await;
    drop(is_send(signal::ctrl_c()));
    let mut listener: Signal = signal::unix::signal(SignalKind::user_defined2()).unwrap();
    drop(is_send(listener.recv()));
}

#[runtime::test]
async fn files_and_streams() {
    use runtime::{fs, io};
    fn streams<T: Send + Sync + Unpin + io::AsyncRead + io::AsyncWrite + io::AsyncSeek>(_: fn() -> T) {}
    fn reads<T: Send + Unpin + io::AsyncRead>(_: T) {}
    fn writes<T: Send + Unpin + io::AsyncWrite>(_: T) {}
    streams::<fs::File>(|| unreachable!());
    reads(io::stdin());
    writes(io::stdout());
    writes(io::stderr());
    let (mut one, mut two): (io::DuplexStream, io::DuplexStream) = io::duplex(8);
    drop(is_send(io::copy_bidirectional(&mut one, &mut two)));
    drop(is_send(io::copy_bidirectional_with_sizes(&mut one, &mut two, 1, 1)));
    type Halves<T> = (io::ReadHalf<T>, io::WriteHalf<T>);
    let _: (Halves<io::SimplexStream>, Halves<io::DuplexStream>) = (io::simplex(8), io::split(one));
    let _: io::Join<&[u8], Vec<u8>> = io::join(&b"x"[..], Vec::new());
    let _: io::BufStream<io::DuplexStream> = io::BufStream::new(two);
    let _: std::io::Result<u64> = is_send(io::copy(&mut &b"x"[..], &mut io::sink())).await;
    let _: std::io::Result<u64> = is_send(io::copy_buf(&mut &b"x"[..], &mut io::sink())).await;
    let _: std::io::Result<Vec<u8>> = is_send(fs::read("Cargo.toml")).await;
    let file: fs::File = is_send(fs::File::open("Cargo.toml")).await.unwrap();
    let _: std::io::Result<std::fs::Metadata> = is_send(file.metadata()).await;
    let _: std::fs::File = file.into_std().await;
    let mut entries: fs::ReadDir = fs::read_dir(".").await.unwrap();
    let _: std::io::Result<Option<fs::DirEntry>> = is_send(entries.next_entry()).await;
    let _: (fs::OpenOptions, fs::DirBuilder) = (fs::OpenOptions::new(), fs::DirBuilder::new());
}
