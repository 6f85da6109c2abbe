//! Accepting connections, and a task for each: `asyncio.start_server`.
//!
//! *Who holds what.* The listener lies in the state that all share, behind its lock, and is asked for connections
//! under that lock: whoever takes it out closes it, at once, whatever the accepting task does. A connection is
//! counted in under the same lock that accepted it, and counted out by the drop of its [`Open`], which lies in its
//! task. So a connection was accepted before a `close`, and is served and waited for, or it never was accepted.
//!
//! The only waker under the lock is that of the accepting task, which is ours. Listeners, handles and wakers are
//! dropped and called outside of it.
#![forbid(unsafe_code)]

use crate::net::serve::trouble::{Advice, Trouble};
use crate::net::tcp::{TcpListener, TcpStream};
use crate::net::unix::{SocketAddr as UnixSocketAddr, UnixListener, UnixStream};
use runtime_core::primitive::Mutex;
use runtime_core::spawn::spawn_as;
use runtime_core::sync::Event;
use runtime_core::task::unpolled::must_await;
use runtime_core::task::{self, AbortHandle, Meta};
use runtime_core::time::sleep;
use slab::Slab;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

mod trouble;

/// What [`serve`] accepts connections from: a [`TcpListener`] or a [`UnixListener`]. The trait is sealed.
pub trait Listener: sealed::Accept {
    /// A connection.
    type Stream: Send + 'static;
    /// Where a connection comes from, and what the listener listens at.
    type Addr: Clone + fmt::Debug + Send + Sync + 'static;
}

mod sealed {
    use super::{Context, Listener, Poll, io};

    pub trait Accept: Send + Sized + 'static {
        fn poll_next(&self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted<Self>>>
        where
            Self: Listener;
        fn addr(&self) -> io::Result<Self::Addr>
        where
            Self: Listener;
    }

    /// A connection and where it comes from.
    pub(super) type Accepted<L> = (<L as Listener>::Stream, <L as Listener>::Addr);
}

use sealed::Accepted;

macro_rules! listener {
    ($listener:ty, $stream:ty, $addr:ty) => {
        impl Listener for $listener {
            type Stream = $stream;
            type Addr = $addr;
        }

        impl sealed::Accept for $listener {
            fn poll_next(&self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted<Self>>> {
                self.poll_accept(cx)
            }

            fn addr(&self) -> io::Result<$addr> {
                self.local_addr()
            }
        }
    };
}

listener!(TcpListener, TcpStream, SocketAddr);
listener!(UnixListener, UnixStream, UnixSocketAddr);

/// Serves the connections of `listener`: each one in a task of its own, which runs what `handler` makes of it.
///
/// It accepts from now on, in a task of the current runtime, until [`close`](Server::close). What a handler's future
/// gives is dropped: what to do about the errors of a connection is for the handler to say. A panic in one is that of
/// a task whose handle nobody has: it is reported (`Builder::on_unhandled`), and the others go on.
///
/// When file descriptors or memory run out, the connections that there are go on, one line on stderr says so, and it
/// tries again after 10 ms, then less and less often, down to six times a second: new connections wait in the system's
/// queue meanwhile, and none is lost. (One is, at each attempt, where the system lets it be accepted but not watched:
/// `fs.epoll.max_user_watches`.) Errors of single connections, as of a client that went away before it was
/// accepted, are passed over.
///
/// # Cancel safety
/// Dropping the [`Server`] lets it serve on unattended, as dropping a `JoinHandle` lets the task run. At the end of the
/// runtime the connections' tasks end like all tasks: those that listen (`task::cancelled`) may clean up first.
///
/// # Panics
/// Outside of a runtime.
///
/// # Examples
/// ```
/// use runtime::io::{AsyncReadExt, AsyncWriteExt};
/// use runtime::net::{self, TcpListener, TcpStream};
///
/// runtime::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let server = net::serve(listener, async |mut stream: TcpStream, _peer| {
///         let mut name = String::new();
///         stream.read_to_string(&mut name).await?;
///         stream.write_all(format!("hello {name}").as_bytes()).await
///     });
///
///     let mut client = TcpStream::connect(server.local_addr()?).await?;
///     client.write_all(b"world").await?;
///     client.close().await?;
///     let mut answer = String::new();
///     client.read_to_string(&mut answer).await?;
///     assert_eq!(answer, "hello world");
///
///     server.close();
///     server.wait_closed().await;
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[track_caller]
pub fn serve<L, F, Fut>(listener: L, handler: F) -> Server<L>
where
    L: Listener,
    F: Fn(L::Stream, L::Addr) -> Fut + Send + Sync + 'static,
    Fut: Future + Send + 'static,
{
    let site = Location::caller();
    let addr = listener.addr();
    let name = match &addr {
        Ok(addr) => format!("server at {addr:?}"),
        Err(_) => "server".to_owned(),
    };
    let state = State {
        listener: Some(listener),
        open: Slab::new(),
        connections_max: usize::MAX,
        is_cancelled: false,
        acceptor: None,
    };
    let shared = Arc::new(Shared { state: Mutex::new(state), ended: Event::new(), addr });
    let accepting = accept_all(Accepting(Arc::clone(&shared)), name.clone(), Arc::new(handler), site);
    // Nobody waits for it: whoever wants to know waits for the server.
    let mut meta = Meta::here();
    meta.name = Some(name.into());
    meta.is_own = true;
    drop(spawn_as(accepting, meta));
    Server { shared }
}

/// A running server, from [`serve`]. Clones are handles of the same server; dropping them changes nothing.
pub struct Server<L: Listener = TcpListener> {
    shared: Arc<Shared<L>>,
}

impl<L: Listener> Server<L> {
    /// Lets at most `connections_max` connections in at the same time. The others wait in the system's queue, whose
    /// length is the listener's backlog, and are served in their turn. Without this there is no limit.
    ///
    /// What was accepted before this call stays, and counts.
    ///
    /// # Panics
    /// If `connections_max` is 0.
    ///
    /// # Examples
    /// ```
    /// use runtime::net::{self, TcpListener};
    ///
    /// runtime::run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let server = net::serve(listener, async |_stream, _peer| {}).limit(1000);
    ///     assert_eq!(server.connections(), 0);
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    #[track_caller]
    #[must_use = "this is the server"]
    pub fn limit(self, connections_max: usize) -> Server<L> {
        assert!(
            connections_max > 0,
            "a server that may have no connections serves nobody: `limit` takes 1 or more"
        );
        let mut state = self.shared.state.lock();
        state.connections_max = connections_max;
        let waker = state.acceptor.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        self
    }

    /// The address at which it listens, or listened.
    ///
    /// # Errors
    /// What the listener said when the server began.
    pub fn local_addr(&self) -> io::Result<L::Addr> {
        match &self.shared.addr {
            Ok(addr) => Ok(addr.clone()),
            Err(error) => Err(error.raw_os_error().map_or(error.kind().into(), io::Error::from_raw_os_error)),
        }
    }

    /// How many connections it has: accepted ones whose tasks have not ended.
    pub fn connections(&self) -> usize {
        self.shared.state.lock().open.len()
    }

    /// Whether it accepts no more.
    pub fn is_closed(&self) -> bool {
        self.shared.state.lock().listener.is_none()
    }

    /// Accepts no more: when this returns the listener is closed, and whoever connects is refused. The connections
    /// that there are go on to their end; see [`wait_closed`](Self::wait_closed). Those that wait in the system's
    /// queue have not been accepted, and are reset by the system.
    ///
    /// The file of a Unix listener stays, as everywhere.
    pub fn close(&self) {
        self.shared.close();
    }

    /// [`close`](Self::close), and asks the tasks of all connections for their end, as `JoinHandle::cancel` does: one
    /// that listens (`task::cancelled`) is told and may clean up for the runtime's grace, any other is dropped where it
    /// waits.
    ///
    /// # Examples
    /// ```
    /// use runtime::net::{self, TcpListener, TcpStream};
    ///
    /// runtime::run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let server = net::serve(listener, async |_stream, _peer| std::future::pending::<()>().await);
    ///     let _client = TcpStream::connect(server.local_addr()?).await?;
    ///     server.cancel();
    ///     server.wait_closed().await;
    ///     std::io::Result::Ok(())
    /// })?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn cancel(&self) {
        self.close();
        let mut state = self.shared.state.lock();
        state.is_cancelled = true;
        let tasks: Vec<AbortHandle> = state.open.iter().filter_map(|(_, task)| task.clone()).collect();
        drop(state);
        tasks.iter().for_each(|task| task::request(task, None));
    }

    /// Waits until the server is closed, by [`close`](Self::close) or [`cancel`](Self::cancel), and the task of its
    /// last connection has ended. It closes nothing itself. Any number of tasks may wait.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    #[track_caller]
    pub fn wait_closed(&self) -> impl Future<Output = ()> {
        must_await("Server::wait_closed", async move {
            self.shared.ended.wait().await;
        })
    }
}

impl<L: Listener> Clone for Server<L> {
    fn clone(&self) -> Server<L> {
        Server { shared: Arc::clone(&self.shared) }
    }
}

impl<L: Listener> fmt::Debug for Server<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state.lock();
        let (connections, is_closed) = (state.open.len(), state.listener.is_none());
        let limit = (state.connections_max != usize::MAX).then_some(state.connections_max);
        drop(state);
        let mut fields = f.debug_struct("Server");
        match &self.shared.addr {
            Ok(addr) => fields.field("local_addr", addr),
            Err(error) => fields.field("local_addr", error),
        };
        fields
            .field("connections", &connections)
            .field("limit", &limit)
            .field("is_closed", &is_closed)
            .finish()
    }
}

/// What the server's handles, its accepting task and its connections share.
struct Shared<L: Listener> {
    state: Mutex<State<L>>,
    /// Set when there is neither a listener nor a connection any more.
    ended: Event,
    addr: io::Result<L::Addr>,
}

struct State<L> {
    /// `None` once closed.
    listener: Option<L>,
    /// The connections' tasks, by which they are cancelled. One that was just accepted has none yet.
    open: Slab<Option<AbortHandle>>,
    connections_max: usize,
    /// Tasks that come late are cancelled as well.
    is_cancelled: bool,
    /// The accepting task, while it waits.
    acceptor: Option<Waker>,
}

/// What the accepting task has to deal with next.
enum Next<L: Listener> {
    Connection(L::Stream, L::Addr, Open<L>),
    Failed(io::Error),
    Closed,
}

impl<L: Listener> Shared<L> {
    /// Of the accepting task only: see the module about its waker.
    fn poll_next(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<Next<L>> {
        let mut state = self.state.lock();
        state.store_waker(cx);
        let State { listener, open, connections_max, .. } = &mut *state;
        let Some(listener) = listener else { return Poll::Ready(Next::Closed) };
        if open.len() >= *connections_max {
            return Poll::Pending;
        }
        Poll::Ready(match ready!(listener.poll_next(cx)) {
            Ok((stream, peer)) => {
                let key = open.insert(None);
                Next::Connection(stream, peer, Open { shared: Arc::clone(self), key })
            }
            Err(error) => Next::Failed(error),
        })
    }

    /// Ready once the server is closed. Of the accepting task only.
    fn poll_closed(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        state.store_waker(cx);
        if state.listener.is_none() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn close(&self) {
        let mut state = self.state.lock();
        let (listener, waker) = (state.listener.take(), state.acceptor.take());
        let has_ended = state.open.is_empty();
        drop(state);
        drop(listener);
        waker.into_iter().for_each(Waker::wake);
        if has_ended {
            self.ended.set();
        }
    }

    /// `task` serves the connection `key`.
    fn begin(&self, key: usize, task: AbortHandle) {
        let mut state = self.state.lock();
        let is_cancelled = state.is_cancelled;
        // It may have ended already. Its key belongs to nobody else then: only the caller gives keys out.
        let place = state.open.get_mut(key);
        let unused = match place {
            Some(place) if !is_cancelled => place.replace(task),
            _ => Some(task),
        };
        drop(state);
        if let (true, Some(task)) = (is_cancelled, &unused) {
            task::request(task, None);
        }
    }

    fn end(&self, key: usize) {
        let mut state = self.state.lock();
        let was_full = state.open.len() >= state.connections_max;
        let task = state.open.remove(key);
        let waker = if was_full { state.acceptor.take() } else { None };
        let has_ended = state.listener.is_none() && state.open.is_empty();
        drop(state);
        drop(task);
        waker.into_iter().for_each(Waker::wake);
        if has_ended {
            self.ended.set();
        }
    }
}

impl<L> State<L> {
    fn store_waker(&mut self, cx: &Context<'_>) {
        if self.acceptor.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
            self.acceptor = Some(cx.waker().clone());
        }
    }
}

/// A connection is counted while it has this.
struct Open<L: Listener> {
    shared: Arc<Shared<L>>,
    key: usize,
}

impl<L: Listener> Drop for Open<L> {
    fn drop(&mut self) {
        self.shared.end(self.key);
    }
}

/// The server is open while its accepting task has this: when that task goes, with its runtime, the listener goes.
struct Accepting<L: Listener>(Arc<Shared<L>>);

impl<L: Listener> Drop for Accepting<L> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The accepting task.
async fn accept_all<L, F, Fut>(
    accepting: Accepting<L>,
    name: String,
    handler: Arc<F>,
    site: &'static Location<'static>,
) where
    L: Listener,
    F: Fn(L::Stream, L::Addr) -> Fut + Send + Sync + 'static,
    Fut: Future + Send + 'static,
{
    let shared = &accepting.0;
    let mut trouble = Trouble::new(name);
    loop {
        match poll_fn(|cx| shared.poll_next(cx)).await {
            Next::Closed => return,
            Next::Connection(stream, peer, open) => {
                trouble.is_over();
                let key = open.key;
                let connection = serve_one(Arc::clone(&handler), stream, peer, open);
                let mut meta = Meta::here();
                meta.spawn_site = site;
                let task = spawn_as(connection, meta);
                shared.begin(key, task.abort_handle());
            }
            Next::Failed(error) => match trouble.advice(&error) {
                Advice::Retry => {}
                Advice::Wait(pause) => {
                    let mut pause = pin!(sleep(pause));
                    poll_fn(|cx| match pause.as_mut().poll(cx) {
                        Poll::Ready(()) => Poll::Ready(()),
                        Poll::Pending => shared.poll_closed(cx),
                    })
                    .await;
                }
                Advice::GiveUp => return,
            },
        }
    }
}

/// A connection's task. Also what the handler does before it makes a future is done here: it may panic.
async fn serve_one<L, F, Fut>(handler: Arc<F>, stream: L::Stream, peer: L::Addr, open: Open<L>)
where
    L: Listener,
    F: Fn(L::Stream, L::Addr) -> Fut,
    Fut: Future,
{
    // Dropped last: who waits for the end of the server finds the streams closed, and what the handler holds let go.
    let (_open, handler) = (open, handler);
    handler(stream, peer).await;
}
